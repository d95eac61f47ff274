//! `narcissus train`: teaches one of the nets.

use clap::Subcommand;

/// Which net to teach.
#[derive(Debug, Subcommand)]
pub enum Train {
    /// The face detector
    Detector(train::detector::Options),
    /// The 68-point landmark net
    Landmarks(train::lesson::Options),
    /// The age and gender nets
    Attributes(train::lesson::Options),
    /// The progressive GAN
    Gan(train::gan::Options),
    /// The inverter, from features to latents
    Inverter(train::inverter::Options),
}

/// Runs it.
pub fn run(which: &Train) -> anyhow::Result<()> {
    match which {
        Train::Detector(options) => train::detector::run(options),
        Train::Landmarks(options) => train::landmarks::run(options),
        Train::Attributes(options) => train::attributes::run(options),
        Train::Gan(options) => train::gan::run(options),
        Train::Inverter(options) => train::inverter::run(options),
    }
}
