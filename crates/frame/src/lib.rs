//! Pictures: [`Image`], the files that it comes from and goes to, words and curves [`draw`]n on it, and [`Latest`], which hands the
//! newest of several from one thread to another.

pub mod draw;
mod file;
mod image;
mod latest;

pub use crate::file::{ImageError, MAX_PIXELS, MAX_SIDE};
pub use crate::image::{Image, luma};
pub use crate::latest::{Latest, lock};
