//! The flags of `evaluate detector`.

use std::path::PathBuf;
use train::evaluate::detector::DetectorEvaluation;

/// What is measured of the face detector, and how.
#[derive(Debug, clap::Args)]
pub struct DetectorEvaluationArgs {
    /// Folder with `eval` and `negatives` (docs/data.md); may also be $NARCISSUS_DATA
    #[arg(long)]
    data: Option<PathBuf>,
    /// Other weights than the pack's
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Other weights than the pack's for the landmark net, which confirms what the detector found
    #[arg(long, value_name = "FILE")]
    landmarks: Option<PathBuf>,
    /// Measures the detector alone: what it finds needs no confirmation
    #[arg(long)]
    alone: bool,
    /// Another score than the weights' own from which on a face is a face
    #[arg(long)]
    threshold: Option<f32>,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
    /// Writes the photographs in which something went wrong into this folder: green true, yellow found, red false
    #[arg(long, value_name = "DIR")]
    failures: Option<PathBuf>,
}

impl DetectorEvaluationArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> DetectorEvaluation {
        DetectorEvaluation {
            data: self.data.clone(),
            weights: self.weights.clone(),
            landmarks: self.landmarks.clone(),
            alone: self.alone,
            threshold: self.threshold,
            failures: self.failures.clone(),
        }
    }
}
