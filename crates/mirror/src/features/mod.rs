//! A face as a short list of numbers: what the mirror takes from its viewer, and all that it takes.

mod colour;
mod expression;
mod extract;
pub mod greedy;
mod measures;
mod pose;
pub mod spatial;
#[cfg(test)]
pub(crate) mod tests;
mod vector;

pub use colour::lab;
pub use extract::{FeatureError, extract};
pub use measures::{Measure, Measures};
pub use pose::Pose;
pub use vector::{FEATURES, FeatureVector, Group, TOLD};
