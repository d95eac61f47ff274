//! Finds faces and describes them.

pub mod align;
pub mod attributes;
pub mod detector;
pub mod eyelids;
mod geometry;
pub mod landmarks;
pub mod likeness;
pub mod track;

pub use geometry::{Face, KEY_POINTS, LANDMARKS, Landmarks, Rect};
