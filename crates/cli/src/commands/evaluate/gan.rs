//! The flags of `evaluate gan`.

use crate::commands::train::portraits::{FilterArgs, SharesArgs, times};
use std::path::PathBuf;
use train::evaluate::gan::GanEvaluation;

/// What is measured of the generator, and how.
#[derive(Debug, clap::Args)]
pub struct GanEvaluationArgs {
    /// Another generator than the pack's
    #[arg(long, value_name = "FILE")]
    generator: Option<PathBuf>,
    /// Other weights than the pack's for the detector that looks for faces
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,
    /// Folder with `congress` and `office` (docs/data.md); may also be $NARCISSUS_DATA
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Pictures drawn for each figure; distances fall with their number, so compare like with like
    #[arg(long, default_value_t = 2000)]
    samples: usize,
    /// How often the distance is measured, each time with new samples, portraits, patches and directions
    #[arg(long, default_value_t = 4)]
    draws: usize,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as often as most the darkest faces are among the portraits to compare with: `train gan` draws them three times as
    /// often, but then a third of the portraits is left
    #[arg(long, default_value_t = 1.0, value_name = "TIMES", value_parser = times)]
    dark: f32,
    /// A folder of aligned portraits with their table, faces.csv; may be given several times [default: congress and office of the data
    /// folder]
    #[arg(long, value_name = "DIR")]
    portraits: Vec<PathBuf>,
    /// How often they are among those to compare with
    #[command(flatten)]
    shares: SharesArgs,
    /// Which portraits to compare with
    #[command(flatten)]
    filter: FilterArgs,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

impl GanEvaluationArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> GanEvaluation {
        GanEvaluation {
            generator: self.generator.clone(),
            detector: self.detector.clone(),
            data: self.data.clone(),
            samples: self.samples,
            draws: self.draws,
            seed: self.seed,
            dark: self.dark,
            portraits: self.portraits.clone(),
            shares: self.shares.shares(),
            filter: self.filter.filter(),
        }
    }
}
