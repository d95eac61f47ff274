//! Draws pictures from latents: the generator of "Progressive Growing of GANs" (Karras et al., ICLR 2018).
//!
//! Level `r` draws `2^r` pixels; the full resolution is level `R`. `lod` chooses the level, as in the paper's code:
//! `R - r`, plus a fraction while level `r` fades in over the enlarged picture of level `r - 1`.

mod accelerator;
mod config;
mod dream;
mod input;
mod levels;
mod network;
mod painter;
mod picture;
mod weights;

pub use accelerator::{Accelerator, RemotePicture};
pub use config::{Config, ConfigError};
pub use dream::{Walk, grid, samples};
pub use kernels::{EPSILON, LEAK};
pub use levels::{GrowError, LevelError};
pub use network::{Generator, GeneratorTape, LayerWeights, LevelWeights};
pub use painter::{Device, Painter};
pub use picture::{Picture, images};
pub use weights::FORMAT;
