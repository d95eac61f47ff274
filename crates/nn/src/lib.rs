//! Neural nets with explicit forward and backward passes: NHWC f32 tensors, a dozen layers, Adam, losses, safetensors.
//!
//! A layer's backward pass needs its input, its output and the gradient of the output, nothing else; so a training
//! step is a list of activations (a [`Tape`]) walked back to front, and inference keeps nothing.
//!
//! ```
//! use nn::{Conv2d, Init, Layer, LeakyRelu, Rng, Sequential, Tensor};
//! let mut rng = Rng::new(1);
//! let net = Sequential::new(vec![Box::new(Conv2d::new("first", 3, 8, 3, 2, Init::He, &mut rng)), Box::new(LeakyRelu)]);
//! assert_eq!(net.forward(&Tensor::zeros([1, 16, 16, 3])).shape, [1, 8, 8, 8]);
//! ```

pub mod check;
pub mod io;
mod layer;
mod layers;
pub mod loss;
mod optimizer;
mod param;
mod rng;
mod sequential;
mod tensor;

pub use io::Error;
pub use layer::{Layer, Step};
pub use layers::{
    AvgPool, Conv2d, Dense, Dropout, GlobalAvgPool, Kernel, LeakyRelu, MinibatchStddev, PixelNorm, Upsample,
    UpsampleConv2d,
};
pub use optimizer::{Adam, average_towards};
pub use param::{Init, Initializer, Param, Unset};
pub use rng::Rng;
pub use sequential::{Sequential, Tape, grads_like};
pub use tensor::{Tensor, add};
