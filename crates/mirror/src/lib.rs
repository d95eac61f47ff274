//! The flow, one module a stage: face, features, inverter, latent, generator.
//!
//! Pure and deterministic: no devices, sockets, clocks or threads of its own. [`engine::Mirror`] is the whole;
//! [`pack::Pack`] holds its nets; [`live::Live`] is the mirror over time, whoever comes and goes.

pub mod engine;
pub mod face;
pub mod features;
pub mod generator;
pub mod inverter;
pub mod latent;
pub mod live;
pub mod motion;
pub mod pack;
pub mod report;
