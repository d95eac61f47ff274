//! Makes a pack of a generator that was trained elsewhere.
//!
//! Reads the safetensors files that the PyTorch twin of our generator writes (format `narcissus-pggan-1`, PyTorch's
//! layouts, the paper's layer names). A file is taken whole or refused: every tensor by name and shape, every value
//! finite, training finished at the resolution that the file names.

mod pack;
mod twin;

pub use pack::{Imported, import};
pub use twin::read_twin;

use std::path::PathBuf;

/// Why a generator was not imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is larger than any generator.
    #[error("{}: {bytes} bytes, more than the {limit} that a generator can have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What we accept.
        limit: u64,
    },
    /// The file is none of ours, or damaged.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: nn::Error,
    },
    /// The file is a generator in the middle of its training.
    #[error(
        "{}: training ended at lod {lod}, before the full resolution of {resolution} pixels was reached\nhint: train it to lod 0",
        path.display()
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Levels that are still missing.
        lod: String,
        /// What it was to become.
        resolution: usize,
    },
    /// The new pack would replace something.
    #[error("{}: already exists\nhint: choose another name or remove it first", .0.display())]
    Exists(PathBuf),
    /// The pack that gives the face nets is at fault, or the new one did not come out right.
    #[error(transparent)]
    Pack(#[from] mirror::pack::PackError),
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
