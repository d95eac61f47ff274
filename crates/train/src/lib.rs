//! Trains every net of the mirror, and measures them.
//!
//! Each trainer has a struct of options and a function `train`; each evaluation, under [`evaluate`], a struct of options and a
//! function `run`, which gives a report. Nothing here writes to stdout.

pub mod archive;
mod cholesky;
pub mod data;
pub mod evaluate;
pub mod faces;
pub mod feedback;
pub mod gan;
pub mod inverter;
pub mod portraits;
pub mod runs;
pub mod select;
pub mod statistics;
