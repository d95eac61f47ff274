//! The flags of `evaluate inverter`.

use crate::options::VisitorsArgs;
use std::path::PathBuf;
use train::evaluate::inverter::InverterEvaluation;

/// What is measured of the inverter, and how.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
    narcissus evaluate inverter
    narcissus evaluate inverter --pairs runs/inverter/pairs.safetensors --curve curve.png      beside other models
    narcissus evaluate inverter --features 8                                                  by eight numbers
    narcissus evaluate inverter --visitors portraits/ --sheet sheet.png                       on people of yours")]
pub struct InverterEvaluationArgs {
    #[command(flatten)]
    visitors: VisitorsArgs,
    /// Another inverter than the pack's
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<PathBuf>,
    /// The pairs that `train inverter` drew: other models learn from them and are measured beside the mirror's
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Also the original's model, as reference/train_sklearn_mlp.py writes it
    #[arg(long, value_name = "FILE")]
    original: Option<PathBuf>,
    /// By only so many numbers of each face, those that say most
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Draws what every model keeps against the number of features; with --pairs that of the other models, too
    #[arg(long, value_name = "PNG")]
    curve: Option<PathBuf>,
    /// Fresh samples
    #[arg(long, default_value_t = 400)]
    samples: usize,
    /// Start of the random numbers; not that of the training
    #[arg(long, default_value_t = 1_000_003)]
    seed: u64,
    /// Another individuality than the one in the weights
    #[arg(long)]
    individuality: Option<f32>,
    /// Another number of gradient steps than the one in the weights
    #[arg(long)]
    refine_steps: Option<usize>,
    /// Looks at each reflection after which the mirror asks for more of what is missing
    #[arg(long, default_value_t = mirror::engine::LOOKS, value_name = "N")]
    looks: usize,
    /// With --visitors: writes them and each model's reflections below one another; the picture shows people
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

impl InverterEvaluationArgs {
    /// In the evaluation's words.
    pub fn evaluation(&self) -> anyhow::Result<InverterEvaluation> {
        Ok(InverterEvaluation {
            visitors: self.visitors.pictures()?,
            weights: self.weights.clone(),
            pairs: self.pairs.clone(),
            original: self.original.clone(),
            features: self.features,
            curve: self.curve.clone(),
            samples: self.samples,
            seed: self.seed,
            individuality: self.individuality,
            refine_steps: self.refine_steps,
            looks: self.looks,
            sheet: self.sheet.clone(),
        })
    }
}
