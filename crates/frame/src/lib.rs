//! Pictures and how they travel: [`Image`] and the files it comes from and goes to.

mod image;

pub use crate::image::{Image, ImageError, MAX_PIXELS, MAX_SIDE};
