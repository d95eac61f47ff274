//! The layers. Each file holds a kind; all are checked by finite differences in `check` and against PyTorch goldens.

mod activation;
mod conv;
mod dense;
mod kernel;
mod pool;
mod statistic;

pub use activation::{Dropout, LeakyRelu, PixelNorm};
pub use conv::{Conv2d, UpsampleConv2d};
pub use dense::Dense;
pub use kernel::Kernel;
pub use pool::{AvgPool, GlobalAvgPool, Upsample};
pub use statistic::MinibatchStddev;

use crate::{Rng, Tensor};

/// One step of a net.
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
    /// [`LeakyRelu`]
    LeakyRelu,
    /// [`PixelNorm`]
    PixelNorm,
}

impl Step {
    /// What the kernels do after the sums of a convolution or a dense layer.
    ///
    /// # Panics
    /// If the steps are in another order than leaky ReLU, pixel norm.
    fn epilogue<'a>(steps: &[Step], bias: &'a [f32]) -> kernels::Epilogue<'a> {
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

/// One learned tensor. In memory a convolution's weight is `[k, k, in, out]`, a dense one's `[in, out]`.
#[derive(Clone, Debug)]
pub struct Param {
    /// `layer/weight` or `layer/bias`.
    pub name: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The values.
    pub value: Vec<f32>,
    /// Factor applied at run time (equalised learning rate, PG-GAN section 4.1); 1 for ordinary layers.
    pub scale: f32,
}

/// How weights begin. Biases begin at 0.
#[derive(Clone, Copy, Debug)]
pub enum Init {
    /// N(0, 2 / fan_in), for leaky ReLU.
    He,
    /// N(0, gain^2 / fan_in).
    Gain(f32),
    /// N(0, 1) stored, multiplied by gain / sqrt(fan_in) at run time.
    Equalized {
        /// sqrt(2) before a leaky ReLU, 1 before nothing.
        gain: f32,
    },
    /// All 0.
    Zero,
}

impl Param {
    fn weight(name: &str, shape: Vec<usize>, init: Init, rng: &mut Rng) -> Self {
        let fan_in: usize = shape[..shape.len() - 1].iter().product();
        let per_input = 1.0 / (fan_in as f32).sqrt();
        let (std, scale) = match init {
            Init::He => (2f32.sqrt() * per_input, 1.0),
            Init::Gain(gain) => (gain * per_input, 1.0),
            Init::Equalized { gain } => (1.0, gain * per_input),
            Init::Zero => (0.0, 1.0),
        };
        let len = shape.iter().product();
        let value = match std == 0.0 || rng.is_blank() {
            true => vec![0.0; len],
            false => (0..len).map(|_| std * rng.normal()).collect(),
        };
        Self { name: format!("{name}/weight"), shape, value, scale }
    }

    fn bias(name: &str, len: usize) -> Self {
        Self { name: format!("{name}/bias"), shape: vec![len], value: vec![0.0; len], scale: 1.0 }
    }

    /// The values that the layer computes with.
    pub fn effective(&self) -> std::borrow::Cow<'_, [f32]> {
        if self.scale == 1.0 { (&self.value).into() } else { self.value.iter().map(|v| v * self.scale).collect() }
    }
}

/// The sum of two tensors of one shape; its gradient passes to both unchanged.
///
/// # Panics
/// If the shapes differ.
pub fn add(a: &Tensor, b: &Tensor) -> Tensor {
    assert_eq!(a.shape, b.shape);
    Tensor::new(a.shape, a.data.iter().zip(&b.data).map(|(a, b)| a + b).collect())
}
