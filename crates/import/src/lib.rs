//! Makes a pack of a generator that was trained elsewhere, without running anything that the file brings along.
//!
//! What a file is, its first bytes say ([`read_generator`]); every format ends in a [`blueprint::Blueprint`], the layers of a
//! generator as they lie in the file, from which the weights are read one at a time:
//! - [`karras`]: the pickles of the paper's own programs, TensorFlow's and Theano's, by the restricted reader [`pickle`];
//! - [`torch`]: what `torch.save` writes, for the names that known programs give to layers;
//! - [`twin`]: safetensors of our own and of our PyTorch twin.
//!
//! [`export`] goes the other way.
//!
//! A file is taken whole or refused: every tensor by name and shape, every value finite, training finished at the resolution
//! that the file names.

mod archive;
pub mod array;
pub mod blueprint;
pub mod byte_reader;
mod discriminator;
mod error;
pub mod export;
pub mod karras;
mod network;
mod pack;
pub mod pickle;
mod read;
mod stranger;
pub mod targets;
pub mod torch;
pub mod twin;

pub use error::{FormatError, ImportError};
pub use network::{Network, UnknownNetwork};
pub use pack::{Imported, complete, import};
pub use read::{ImportOptions, discriminator, generator, read_discriminator, read_generator};
pub use stranger::Stranger;
