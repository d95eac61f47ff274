//! The flags of `evaluate archive`.

use std::path::PathBuf;
use train::evaluate::archive::ArchiveEvaluation;

/// On what it is measured whom somebody lies nearest to.
#[derive(Debug, clap::Args)]
pub struct ArchiveEvaluationArgs {
    /// Folder with `congress` and `office` (docs/data.md); may also be $NARCISSUS_DATA
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Faces of nobody
    #[arg(long, default_value_t = 400)]
    dreams: usize,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

impl ArchiveEvaluationArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> ArchiveEvaluation {
        ArchiveEvaluation { data: self.data.clone(), dreams: self.dreams, seed: self.seed }
    }
}
