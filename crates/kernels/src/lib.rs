//! The arithmetic under the nets: matrix product, convolution, warping. f32, NHWC.
//!
//! All unsafe code of the project lives here; every other crate forbids it. Work is spread over rayon's
//! current thread pool ([`start_threads`], [`on_pool`]) in blocks whose scratch memory stays in the second-level cache.

mod bf16;
mod blocked;
mod conv;
mod conv_shape;
mod direct;
mod epilogue;
mod matmul;
mod pictures;
mod resize;
mod schemes;
mod scratch;
mod simd;
mod threads;
mod upsample;
mod warp;
mod winograd;

pub use bf16::Precision;
pub use conv::{ConvFilter, conv2d_backward_data, conv2d_backward_weight};
pub use conv_shape::ConvShape;
pub use direct::finish_pixels;
pub use epilogue::{EPSILON, Epilogue, LEAK, ToRgb};
pub use matmul::{MatRef, matmul};
pub use resize::{resize, resize_smoothly};
pub use simd::{Isa, UnknownIsa, VARIABLE};
pub use threads::{on_pool, start_threads};
pub use upsample::{UpsampleFilter, upsample_backward_weight};
pub use warp::{Channel, warp_affine};
