//! Layers in a row, and the record of one pass through them.

use crate::{Layer, Param, Step, Tensor};

/// A net whose layers follow one another.
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
}

/// The activations of one forward pass, the input first.
pub struct Tape {
    activations: Vec<Tensor>,
}

impl Tape {
    /// What the net said.
    pub fn output(&self) -> &Tensor {
        self.activations.last().expect("a tape holds at least its input")
    }
}

/// Zeros in the shapes of the parameters, to add gradients to.
pub fn grads_like(params: &[&Param]) -> Vec<Vec<f32>> {
    params.iter().map(|p| vec![0.0; p.value.len()]).collect()
}

impl Sequential {
    /// A net of these layers.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        Self { layers }
    }

    /// A forward pass that keeps every activation for [`Sequential::backward`].
    pub fn forward_tape(&self, x: &Tensor) -> Tape {
        let mut activations = vec![x.clone()];
        for layer in &self.layers {
            activations.push(layer.forward(&activations[activations.len() - 1]));
        }
        Tape { activations }
    }

    /// The gradient with respect to the input; adds those of the parameters to `grads` (see [`grads_like`]).
    ///
    /// # Panics
    /// If the tape is not this net's.
    pub fn backward_tape(&self, tape: &Tape, dy: &Tensor, mut grads: Option<&mut [Vec<f32>]>) -> Tensor {
        assert_eq!(tape.activations.len(), self.layers.len() + 1, "the tape is of another net");
        let mut d = dy.clone();
        let mut end = self.layers.iter().map(|l| l.params().len()).sum::<usize>();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let start = end - layer.params().len();
            let own = grads.as_mut().map(|g| &mut g[start..end]);
            d = layer.backward(&tape.activations[i], &tape.activations[i + 1], &d, own);
            end = start;
        }
        d
    }
}

impl Layer for Sequential {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut layers = self.layers.as_slice();
        let mut x = std::borrow::Cow::Borrowed(x);
        while let [layer, rest @ ..] = layers {
            let mut steps = Vec::new();
            layers = rest;
            if layer.takes_steps() {
                for wanted in [Step::LeakyRelu, Step::PixelNorm] {
                    if let [next, rest @ ..] = layers
                        && next.as_step() == Some(wanted)
                    {
                        steps.push(wanted);
                        layers = rest;
                    }
                }
            }
            x = std::borrow::Cow::Owned(layer.forward_then(&x, &steps));
        }
        x.into_owned()
    }

    /// Runs the forward pass again: with the tape at hand, [`Sequential::backward_tape`] is cheaper.
    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        self.backward_tape(&self.forward_tape(x), dy, grads)
    }

    fn params(&self) -> Vec<&Param> {
        self.layers.iter().flat_map(|l| l.params()).collect()
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        self.layers.iter_mut().flat_map(|l| l.params_mut()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, Init, LeakyRelu, PixelNorm, Rng, UpsampleConv2d};

    #[test]
    fn steps_taken_on_the_way_change_nothing() {
        let mut rng = Rng::new(4);
        let net = Sequential::new(vec![
            Box::new(PixelNorm),
            Box::new(Conv2d::new("a", 3, 9, 3, 1, Init::He, &mut rng)),
            Box::new(LeakyRelu),
            Box::new(PixelNorm),
            Box::new(PixelNorm),
            Box::new(UpsampleConv2d::new("b", 9, 8, Init::He, &mut rng)),
            Box::new(PixelNorm),
            Box::new(LeakyRelu),
            Box::new(Conv2d::new("c", 8, 2, 3, 2, Init::He, &mut rng)),
            Box::new(LeakyRelu),
        ]);
        let x = Tensor::new([2, 9, 6, 3], rng.normals(2 * 9 * 6 * 3));
        let (plain, fused) = (net.forward_tape(&x), net.forward(&x));
        assert_eq!(plain.output().shape, fused.shape);
        for (a, b) in plain.output().data.iter().zip(&fused.data) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }
}
