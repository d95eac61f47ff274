//! Layers in a row, and the record of one pass through them.

use crate::{Layer, LeakyRelu, Param, Step, Tensor};

/// A net whose layers follow one another.
pub struct Sequential {
    layers: Vec<Box<dyn Layer>>,
}

/// The activations of one forward pass, the input first. Where a layer takes a leaky ReLU, what is between the two is
/// left out: no backward pass needs it.
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

    /// A forward pass that keeps every activation for [`Sequential::backward_tape`].
    pub fn forward_tape(&self, x: &Tensor) -> Tape {
        self.forward_held(x, None)
    }

    /// The same with every leaky ReLU on the side where it was in the pass `held`: then the net is as good as linear, and
    /// the difference of two such passes divided by the step is a derivative however small the step. Where leaky ReLUs
    /// change sides they add a jump to the difference, noise that drowns the derivative.
    ///
    /// # Panics
    /// If `held` is a pass of another net or of inputs of another shape.
    pub fn forward_held(&self, x: &Tensor, held: Option<&Tape>) -> Tape {
        let mut activations = Vec::with_capacity(self.layers.len() + 1);
        activations.push(x.clone());
        while let Some(layer) = self.layers.get(activations.len() - 1) {
            let i = activations.len() - 1;
            let x = &activations[i];
            let y = match held {
                _ if layer.takes_steps() && self.is_leaky(i + 1) => {
                    let y = match held {
                        None => layer.forward_then(x, &[Step::LeakyRelu]),
                        Some(held) => LeakyRelu::on_sides(layer.forward(x), &held.activations[i + 2]),
                    };
                    activations.push(Tensor { shape: y.shape, data: Vec::new() });
                    y
                }
                Some(held) if self.is_leaky(i) => LeakyRelu::on_sides(x.clone(), &held.activations[i + 1]),
                _ => layer.forward(x),
            };
            activations.push(y);
        }
        Tape { activations }
    }

    fn is_leaky(&self, layer: usize) -> bool {
        self.layers.get(layer).is_some_and(|l| l.as_step() == Some(Step::LeakyRelu))
    }

    /// The gradient with respect to the input; adds those of the parameters to `grads` (see [`grads_like`]).
    ///
    /// # Panics
    /// If the tape is not this net's.
    pub fn backward_tape(&self, tape: &Tape, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor {
        self.backward_held(tape, None, dy, grads)
    }

    /// The same for a tape of [`Sequential::forward_held`].
    ///
    /// # Panics
    /// If the tape is not this net's.
    pub fn backward_held(
        &self,
        tape: &Tape,
        held: Option<&Tape>,
        dy: &Tensor,
        mut grads: Option<&mut [Vec<f32>]>,
    ) -> Tensor {
        assert_eq!(tape.activations.len(), self.layers.len() + 1, "the tape is of another net");
        let mut d = dy.clone();
        let mut end = self.layers.iter().map(|l| l.params().len()).sum::<usize>();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            if self.is_leaky(i) {
                d = LeakyRelu::on_sides(d, &held.unwrap_or(tape).activations[i + 1]);
                continue;
            }
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
    use crate::{Conv2d, Init, PixelNorm, Rng, Upsample, UpsampleConv2d};

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

    #[test]
    fn a_held_pass_is_linear_and_its_tape_has_the_derivative() {
        let mut rng = Rng::new(5);
        let net = Sequential::new(vec![
            Box::new(Conv2d::new("a", 3, 9, 3, 1, Init::He, &mut rng)),
            Box::new(LeakyRelu),
            Box::new(Upsample),
            Box::new(LeakyRelu),
            Box::new(Conv2d::new("b", 9, 2, 3, 1, Init::He, &mut rng)),
            Box::new(LeakyRelu),
        ]);
        let shape = [2, 5, 6, 3];
        let [x, v] = [(), ()].map(|()| Tensor::new(shape, rng.normals(2 * 5 * 6 * 3)));
        let plain = net.forward_tape(&x);
        let r = Tensor::new(plain.output().shape, rng.normals(plain.output().len()));
        let along = |a: &Tensor, b: &Tensor| a.data.iter().zip(&b.data).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        // A step so long that without holding most leaky ReLUs would change sides.
        let moved = |by: f32| {
            let x = Tensor::new(shape, x.data.iter().zip(&v.data).map(|(x, v)| x + by * v).collect());
            along(net.forward_held(&x, Some(&plain)).output(), &r)
        };
        let derivative = along(&net.backward_tape(&plain, &r, None), &v);
        let (far, near) = ((moved(10.0) - moved(-10.0)) / 20.0, (moved(1.0) - moved(-1.0)) / 2.0);
        assert!((far - derivative).abs() < 1e-3 * derivative.abs(), "{far} against {derivative}");
        assert!((near - derivative).abs() < 1e-3 * derivative.abs(), "{near} against {derivative}");
        let held = net.forward_held(&v, Some(&plain));
        let back = along(&net.backward_held(&held, Some(&plain), &r, None), &v);
        assert!((back - derivative).abs() < 1e-3 * derivative.abs(), "{back} against {derivative}");
    }
}
