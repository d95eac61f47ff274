//! What every layer can do.

use crate::{Param, Tensor};

/// One layer of a net: a forward pass, a backward pass, and what is learned.
pub trait Layer: Send + Sync {
    /// The output for this input.
    fn forward(&self, x: &Tensor) -> Tensor;

    /// The gradient with respect to the input, given `y = forward(x)` and the gradient of the loss with respect to
    /// `y`. Adds the gradients of the parameters to `grads`, one vector a parameter in the order of
    /// [`Layer::params`]; `None` skips that work.
    fn backward(&self, x: &Tensor, y: &Tensor, dy: &Tensor, grads: Option<&mut [Vec<f32>]>) -> Tensor;

    /// The layer as a step that a convolution or dense layer before it can take while its sums are in the cache.
    fn as_step(&self) -> Option<Step> {
        None
    }

    /// Whether [`Layer::forward_then`] takes steps. The backward pass of such a layer may not look at its output, which a
    /// step has gone over.
    fn takes_steps(&self) -> bool {
        false
    }

    /// The forward pass of this layer and of those that `steps` stand for; at most a leaky ReLU, then a pixel norm.
    ///
    /// # Panics
    /// If there are steps and the layer takes none.
    fn forward_then(&self, x: &Tensor, steps: &[Step]) -> Tensor {
        assert!(steps.is_empty(), "this layer takes no steps");
        self.forward(x)
    }

    /// What is learned.
    fn params(&self) -> Vec<&Param> {
        Vec::new()
    }

    /// What is learned, to change it.
    fn params_mut(&mut self) -> Vec<&mut Param> {
        Vec::new()
    }
}

/// A layer that works on each pixel by itself, so that the one before can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`crate::LeakyRelu`]
    LeakyRelu,
    /// [`crate::PixelNorm`]
    PixelNorm,
}

impl Step {
    /// What the kernels do after the sums of a convolution or a dense layer.
    ///
    /// # Panics
    /// If the steps are in another order than leaky ReLU, pixel norm.
    pub(crate) fn epilogue<'a>(steps: &[Step], bias: &'a [f32]) -> kernels::Epilogue<'a> {
        let (leaky, pixel_norm) = match steps {
            [] => (false, false),
            [Step::LeakyRelu] => (true, false),
            [Step::PixelNorm] => (false, true),
            [Step::LeakyRelu, Step::PixelNorm] => (true, true),
            _ => panic!("no layer takes the steps {steps:?}"),
        };
        kernels::Epilogue { leaky, pixel_norm, ..kernels::Epilogue::bias(bias) }
    }
}
