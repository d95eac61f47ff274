//! The flags of `evaluate landmarks`.

use std::path::PathBuf;
use train::evaluate::landmarks::LandmarkEvaluation;

/// What is measured of the landmark net, and how.
#[derive(Debug, clap::Args)]
pub struct LandmarkArgs {
    /// Folder with `eval` (docs/data.md); may also be $NARCISSUS_DATA
    #[arg(long)]
    data: Option<PathBuf>,
    /// Other weights than the pack's
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Start from the boxes of this detector instead of jittered true boxes.
    #[arg(long, value_name = "WEIGHTS")]
    detector: Option<PathBuf>,
    /// How often the net looks at a face.
    #[arg(long, default_value_t = mirror::face::landmarks::LOOKS)]
    looks: usize,
    /// Jitter of the true boxes, 0 to 1: at 1 they are up to 12 % off and up to 20 % too large or small.
    #[arg(long, default_value_t = 1.0)]
    jitter: f32,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Writes every photograph with its points into this folder: green found, red by hand.
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
}

impl LandmarkArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> LandmarkEvaluation {
        LandmarkEvaluation {
            data: self.data.clone(),
            weights: self.weights.clone(),
            detector: self.detector.clone(),
            looks: self.looks,
            jitter: self.jitter,
            overlays: self.overlays.clone(),
        }
    }
}
