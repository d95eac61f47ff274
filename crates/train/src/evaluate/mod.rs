//! Measures the nets; every figure comes with its confidence interval.
//!
//! Each evaluation has a struct of options, and `run`, which gives a report: [`serde::Serialize`] for programs,
//! [`Display`](std::fmt::Display) for people.

pub mod attributes;
pub mod detector;
pub mod gan;
pub mod inverter;
pub mod landmarks;
pub mod motion;
pub mod skin;

use anyhow::{Context, Result};
use std::path::Path;

/// The bytes of a file; an error names it.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}
