//! Pictures and how they travel: [`Image`] and the files it comes from and goes to, [`Frame`]s from a [`FrameSource`] to
//! a [`FrameSink`], and [`Latest`], a slot in which the newest wins.

pub mod draw;
mod file;
mod image;
mod latest;
mod stream;

pub use crate::file::{ImageError, MAX_PIXELS, MAX_SIDE};
pub use crate::image::{Image, luma};
pub use crate::latest::{Latest, lock};
pub use crate::stream::{Frame, FrameSink, FrameSource};
