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
    /// The reflection of a viewer who moves; needs ffmpeg
    Motion(train::evaluate::motion::Options),
}

/// Runs it.
pub fn run(which: &Evaluate) -> anyhow::Result<()> {
    match which {
        Evaluate::Detector(options) => train::evaluate::detector::run(options),
        Evaluate::Landmarks(options) => train::evaluate::landmarks::run(options),
        Evaluate::Attributes(options) => train::evaluate::attributes::run(options),
        Evaluate::Gan(options) => train::evaluate::gan::run(options),
        Evaluate::Inverter(options) => train::evaluate::inverter::run(options),
        Evaluate::Motion(options) => {
            let mut clip = camera::VideoReader::open(&options.clip()?)?;
            let seconds = clip.seconds_a_frame();
            let frames = std::iter::from_fn(|| clip.next_frame().map_err(anyhow::Error::from).transpose());
            train::evaluate::motion::run(options, seconds, frames)
        }
    }
}
