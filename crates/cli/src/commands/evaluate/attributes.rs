//! The flags of `evaluate attributes`.

use std::path::PathBuf;
use train::evaluate::attributes::AttributeEvaluation;

/// What is measured of the age and gender nets, and how.
#[derive(Debug, clap::Args)]
pub struct AttributeArgs {
    /// Folder with `eval` (docs/data.md); may also be $NARCISSUS_DATA
    #[arg(long)]
    data: Option<PathBuf>,
    /// Other weights than the pack's
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Other weights than the pack's for the landmark net that aligns the faces
    #[arg(long, value_name = "FILE")]
    landmarks: Option<PathBuf>,
    /// Takes every face to lie in the middle of its picture instead
    #[arg(long)]
    centre: bool,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

impl AttributeArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> AttributeEvaluation {
        AttributeEvaluation {
            data: self.data.clone(),
            weights: self.weights.clone(),
            landmarks: self.landmarks.clone(),
            centre: self.centre,
        }
    }
}
