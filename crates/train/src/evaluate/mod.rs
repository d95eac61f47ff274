//! Measures the nets; every figure comes with its confidence interval.
//!
//! Each evaluation has a struct of options, and `run`, which measures the nets of a pack and gives a report: [`serde::Serialize`] for programs,
//! [`Display`](std::fmt::Display) for people.

pub mod archive;
pub mod attributes;
pub mod detector;
pub mod gan;
pub mod inverter;
pub mod landmarks;
pub mod motion;
pub mod skin;

use anyhow::{Context, Result};
use mirror::pack::{Net, Pack};
use std::path::Path;

/// The bytes of a file; an error names it.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// A net of these weights, or without them the pack's.
fn open<T>(
    pack: &Pack,
    net: Net,
    weights: Option<&Path>,
    read_net: impl FnOnce(&[u8]) -> Result<T, nn::Error>,
) -> Result<T> {
    match weights {
        Some(path) => read_net(&read(path)?).with_context(|| path.display().to_string()),
        None => Ok(pack.open(net, read_net)?),
    }
}
