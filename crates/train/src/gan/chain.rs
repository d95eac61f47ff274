//! Layers in a row whose leaky ReLUs can be held as another pass left them.
//!
//! A gradient penalty is differentiated by two passes beside a picture (see `penalty`). A leaky ReLU that changes sides
//! between them adds a jump divided by a tiny step, noise that drowns the gradient: 100 times its size on the golden
//! net. Held on their sides, the passes give exactly what a second derivative gives.

use nn::{Layer, LeakyRelu, Param, Tensor};

/// A layer, or the one kind of layer that has sides.
pub enum Link {
    /// `max(x, 0.2 x)`.
    LeakyRelu,
    /// Any other.
    Layer(Box<dyn Layer>),
}

impl Link {
    /// Any layer but a leaky ReLU.
    pub fn layer(layer: impl Layer + 'static) -> Self {
        Self::Layer(Box::new(layer))
    }
}

/// Links in a row.
pub struct Chain {
    links: Vec<Link>,
}

/// The activations of one pass, the input first.
pub struct ChainTape {
    activations: Vec<Tensor>,
}

impl ChainTape {
    pub fn output(&self) -> &Tensor {
        &self.activations[self.activations.len() - 1]
    }
}

impl Chain {
    pub fn new(links: Vec<Link>) -> Self {
        Self { links }
    }

    /// A pass that keeps every activation; with `held`, its leaky ReLUs take the sides that they took there.
    pub fn forward_tape(&self, x: &Tensor, held: Option<&ChainTape>) -> ChainTape {
        let mut activations = vec![x.clone()];
        for (i, link) in self.links.iter().enumerate() {
            let x = &activations[i];
            let y = match (link, held) {
                (Link::Layer(layer), _) => layer.forward(x),
                (Link::LeakyRelu, None) => LeakyRelu.forward(x),
                // What the leaky ReLU does to a gradient on these sides is what it does to a value.
                (Link::LeakyRelu, Some(held)) => LeakyRelu.backward(&held.activations[i], x, x, None),
            };
            activations.push(y);
        }
        ChainTape { activations }
    }

    /// The gradient with respect to the input, on the sides of `held` or else of the tape itself; adds those of the
    /// parameters to `grads`.
    pub fn backward_tape(
        &self,
        tape: &ChainTape,
        held: Option<&ChainTape>,
        dy: &Tensor,
        mut grads: Option<&mut [Vec<f32>]>,
    ) -> Tensor {
        let mut d = dy.clone();
        let mut end = self.params().len();
        for (i, link) in self.links.iter().enumerate().rev() {
            let (x, y) = (&tape.activations[i], &tape.activations[i + 1]);
            d = match link {
                Link::LeakyRelu => LeakyRelu.backward(held.map_or(x, |h| &h.activations[i]), y, &d, None),
                Link::Layer(layer) => {
                    let start = end - layer.params().len();
                    let own = grads.as_mut().map(|g| &mut g[start..end]);
                    end = start;
                    layer.backward(x, y, &d, own)
                }
            };
        }
        d
    }

    pub fn params(&self) -> Vec<&Param> {
        let of = |link| match link {
            &Link::LeakyRelu => Vec::new(),
            Link::Layer(layer) => layer.params(),
        };
        self.links.iter().flat_map(of).collect()
    }

    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let of = |link| match link {
            &mut Link::LeakyRelu => Vec::new(),
            Link::Layer(layer) => layer.params_mut(),
        };
        self.links.iter_mut().flat_map(of).collect()
    }
}
