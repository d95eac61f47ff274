//! `narcissus evaluate`: measures one of the nets.

mod attributes;
mod detector;
mod gan;
mod inverter;
mod landmarks;
mod motion;

use crate::commands::train::about_pictures;
use crate::output::print_line;
use camera::FrameSource;
use clap::Subcommand;
use serde::Serialize;
use std::fmt::Display;
use train::evaluate as measure;

/// Which net to measure.
#[derive(Debug, Subcommand)]
#[command(after_long_help = about_pictures!())]
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
    /// The reflection of a viewer who moves; needs ffmpeg
    Motion(motion::MotionEvaluationArgs),
}

/// Runs it.
pub fn run(which: &Evaluate) -> anyhow::Result<()> {
    match which {
        Evaluate::Detector(args) => print(&measure::detector::run(&args.evaluation())?, args.json),
        Evaluate::Landmarks(args) => print(&measure::landmarks::run(&args.evaluation())?, args.json),
        Evaluate::Attributes(args) => print(&measure::attributes::run(&args.evaluation())?, args.json),
        Evaluate::Gan(args) => print(&measure::gan::run(&args.evaluation())?, args.json),
        Evaluate::Inverter(args) => print(&measure::inverter::run(&args.evaluation())?, args.json),
        Evaluate::Motion(args) => {
            let evaluation = args.evaluation();
            let mut clip = camera::VideoReader::open(&evaluation.clip()?)?;
            let seconds = clip.seconds_a_frame();
            let frames = std::iter::from_fn(|| clip.next_frame().map_err(anyhow::Error::from).transpose());
            print(&measure::motion::run(&evaluation, seconds, frames)?, args.json)
        }
    }
}

/// Prints a report for people, or as one JSON object.
fn print<R: Serialize + Display>(report: &R, json: bool) -> anyhow::Result<()> {
    if json { print_line(&serde_json::to_string(report)?) } else { print_line(report) }
}
