//! `narcissus evaluate`: measures one of the nets.

use clap::Subcommand;

/// Which net to measure.
#[derive(Debug, Subcommand)]
pub enum Evaluate {
    /// The face detector
    Detector(train::evaluate::detector::Options),
    /// The 68-point landmark net
    Landmarks(train::evaluate::landmarks::Options),
    /// The age and gender nets
    Attributes(train::evaluate::attributes::Options),
    /// The progressive GAN
    Gan(train::evaluate::gan::Options),
    /// The inverter
    Inverter(train::evaluate::inverter::Options),
}

/// Runs it.
pub fn run(which: &Evaluate) -> anyhow::Result<()> {
    match which {
        Evaluate::Detector(options) => train::evaluate::detector::run(options),
        Evaluate::Landmarks(options) => train::evaluate::landmarks::run(options),
        Evaluate::Attributes(options) => train::evaluate::attributes::run(options),
        Evaluate::Gan(options) => train::evaluate::gan::run(options),
        Evaluate::Inverter(options) => train::evaluate::inverter::run(options),
    }
}
