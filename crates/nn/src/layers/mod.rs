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
