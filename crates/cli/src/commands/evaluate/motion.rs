//! The flags of `evaluate motion`.

use std::path::PathBuf;

/// On what the reflection of a viewer who moves is measured.
#[derive(Debug, clap::Args)]
pub struct MotionEvaluationArgs {
    /// A video with one face that moves
    pub film: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}
