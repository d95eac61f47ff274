//! Pictures: [`Image`], the files that it comes from and goes to, those that move ([`Animation`]), words and curves [`draw`]n on it, and [`Latest`], which hands the
//! newest of several from one thread to another.

mod animation;
pub mod draw;
mod file;
mod image;
mod latest;
mod mounting;

pub use crate::animation::Animation;
pub use crate::file::{ImageError, MAX_PIXELS, MAX_SIDE};
pub use crate::image::{Image, blank, luma, luma_of};
pub use crate::latest::{Latest, lock};
pub use crate::mounting::Mounting;
