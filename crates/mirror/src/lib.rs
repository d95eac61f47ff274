//! The flow, one module a stage: face, features, inverter, latent, generator.
//!
//! Pure and deterministic: no devices, sockets, clocks or threads of its own.

pub mod face;
