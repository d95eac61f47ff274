//! `narcissus evaluate`: measures one of the nets.

mod archive;
mod attributes;
mod detector;
mod gan;
mod inverter;
mod landmarks;
mod motion;

use crate::commands::train::about_pictures;
use crate::options::Global;
use crate::output::print_line;
use camera::FrameSource;
use clap::Subcommand;
use serde::Serialize;
use std::fmt::Display;
use train::evaluate as measure;

/// Measure one of the nets.
///
/// Inverter and motion are measured with what everybody has: the pack, or pictures and a video of yours. The other nets are
/// measured on labelled photographs, which do not come with narcissus.
#[derive(Debug, Subcommand)]
#[command(after_long_help = concat!(
    "\
Examples:
    narcissus evaluate inverter                        the built-in pack's, on people whom it has as numbers
    narcissus evaluate inverter --pack celebahq.pack --visitors portraits/ --json
    narcissus evaluate motion dance.mp4
    narcissus evaluate landmarks --data faces/         docs/data.md says what the folder holds\n\n",
    about_pictures!()
))]
pub enum Evaluate {
    /// The face detector
    Detector(detector::DetectorEvaluationArgs),
    /// The 68-point landmark net
    Landmarks(landmarks::LandmarkArgs),
    /// The age and gender nets
    Attributes(attributes::AttributeArgs),
    /// The progressive GAN
    Gan(gan::GanEvaluationArgs),
    /// The inverter
    Inverter(inverter::InverterEvaluationArgs),
    /// Whom of the archive somebody lies nearest to
    Archive(archive::ArchiveEvaluationArgs),
    /// The reflection of a viewer who moves; needs ffmpeg
    Motion(motion::MotionEvaluationArgs),
}

/// Runs it.
pub fn run(which: &Evaluate, global: &Global) -> anyhow::Result<()> {
    let pack = &global.open_pack()?;
    match which {
        Evaluate::Detector(args) => print(&measure::detector::run(pack, &args.evaluation())?, args.json),
        Evaluate::Landmarks(args) => print(&measure::landmarks::run(pack, &args.evaluation())?, args.json),
        Evaluate::Attributes(args) => print(&measure::attributes::run(pack, &args.evaluation())?, args.json),
        Evaluate::Gan(args) => print(&measure::gan::run(pack, &args.evaluation())?, args.json),
        Evaluate::Inverter(args) => print(&measure::inverter::run(pack, &args.evaluation()?)?, args.json),
        Evaluate::Archive(args) => print(&measure::archive::run(pack, &args.evaluation())?, args.json),
        Evaluate::Motion(args) => {
            let mut clip = camera::VideoReader::open(&args.film)?;
            let seconds = clip.info().seconds_a_frame();
            let frames = std::iter::from_fn(|| clip.next_frame().map_err(anyhow::Error::from).transpose());
            print(&measure::motion::run(pack, seconds, frames)?, args.json)
        }
    }
}

/// Prints a report for people, or as one JSON object.
fn print<R: Serialize + Display>(report: &R, json: bool) -> anyhow::Result<()> {
    if json { print_line(&serde_json::to_string(report)?) } else { print_line(report) }
}
