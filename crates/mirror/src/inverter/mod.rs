//! From features to the latent of a face that shows them.
//!
//! Two nets. The forward model F predicts from a latent the features that the mirror's own eyes find in its picture;
//! it is cheap and differentiable. The inverter g takes features and free noise, and bends the noise until F finds
//! the features in it. The conditional mean of the latents, which plain regression gives, is an average face; here what the
//! features leave open is filled by the noise, so that the latent is as lively as one drawn from the prior.
//!
//! Visitors are not samples of the generator. Both nets work on scores from a [`QuantileTable`]: how unusual a value is in its
//! own population. Only the gender, a probability, is compared otherwise: a stranger's is made as sure as
//! a sample's would be.

mod config;
mod controls;
mod input;
mod model;
mod quantiles;
mod refine;
#[cfg(test)]
pub(crate) mod tests;
mod weighting;

pub use config::InverterConfig;
pub use controls::{InverterControls, Verdict};
pub use input::{FeatureSelection, InverterInput};
pub use model::{Inverter, Population};
pub use quantiles::{LIMIT, QuantileTable, normal_cdf};
pub use weighting::feature_weights;
