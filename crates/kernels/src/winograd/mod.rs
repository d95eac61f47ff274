//! 3x3 convolutions by minimal filtering, in tiles of a few outputs.
//!
//! A tile of inputs and the kernel are brought into a domain where the convolution is a product, one matrix product over the
//! maps per plane (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4). The
//! gradient of the weights is the transposed product in the same domain. A [`Scheme`] says how, along one axis; both axes
//! go the same way.

mod both_ways;
mod forward;
mod gradient;
mod kernels;
mod output;
mod tiles;
mod transform;

pub(crate) use forward::{forward, forward_enlarged};
pub(crate) use gradient::{backward_weight, backward_weight_enlarged};
pub(crate) use kernels::WinogradKernels;
