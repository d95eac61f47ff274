//! Teaches every net in the flow, and measures them: data sets, augmentation, training loops, metrics.
//!
//! Each trainer has `Options` (command-line arguments) and `run`; each evaluation likewise, under [`evaluate`].

pub mod attributes;
pub mod augment;
pub mod data;
pub mod deform;
pub mod detector;
pub mod detector_loss;
pub mod evaluate;
pub mod gan;
pub mod inverter;
pub mod jaw;
pub mod landmarks;
pub mod lesson;
pub mod progress;
pub mod scenes;
pub mod select;
pub mod turn;
