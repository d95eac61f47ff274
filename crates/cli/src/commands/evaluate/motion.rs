//! The flags of `evaluate motion`.

use std::path::PathBuf;
use train::evaluate::motion::MotionEvaluation;

/// What is measured of the reflection of a viewer who moves, and how.
#[derive(Debug, clap::Args)]
pub struct MotionEvaluationArgs {
    /// A video with one face that moves [default: eval/clips/d0.mp4 of the data]
    clip: Option<PathBuf>,
    /// Folder with `eval/clips` [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder with the nets
    #[arg(long, default_value = "packs/congress")]
    nets: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

impl MotionEvaluationArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> MotionEvaluation {
        MotionEvaluation { clip: self.clip.clone(), data: self.data.clone(), nets: self.nets.clone() }
    }
}
