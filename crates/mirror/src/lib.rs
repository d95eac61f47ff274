//! The flow, one module a stage: face, features, inverter, latent, generator.
//!
//! No devices and no sockets; threads and clocks only in [`live::Pipeline`] and [`live::LiveSession`]. [`engine::Mirror`] is the whole for one
//! picture, [`pack::Pack`] holds its nets, [`live::LiveMirror`] is the mirror over time.

pub mod archive;
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
