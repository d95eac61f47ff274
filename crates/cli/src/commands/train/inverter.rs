//! The flags of `train inverter`.

use crate::device::DeviceArgs;
use crate::options::VisitorsArgs;
use std::path::PathBuf;
use train::inverter::InverterOptions;

const HELP: &str = concat!(
    super::about_pictures!(),
    "
Examples:
    narcissus train inverter --out runs/inverter --minutes 15
    narcissus train inverter --pack celebahq.pack --out runs/celebahq"
);

/// Of the inverter.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct InverterArgs {
    #[command(flatten)]
    visitors: VisitorsArgs,
    /// Folder for pairs, log.csv and inverter.safetensors
    #[arg(long, default_value = "runs/inverter")]
    out: PathBuf,
    /// Time for everything but the first hundred faces; at most 60 % of it goes into pairs
    #[arg(long, default_value_t = 25.0)]
    minutes: f64,
    /// Pairs to draw, if the time allows
    #[arg(long, default_value_t = 20_000)]
    pairs: usize,
    /// Numbers that the greedy search chooses; those of the other features that it did not choose come after them
    #[arg(long, default_value_t = 96, value_parser = clap::value_parser!(u64).range(1..=512))]
    numbers: u64,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on from the pairs in --out, which must be of the same nets; the inverter's own nets, which take minutes, begin anew
    #[arg(long)]
    resume: bool,
    /// From 0, everybody shares one noise, to 1, everybody has their own
    #[arg(long, default_value_t = 0.5)]
    individuality: f32,
    /// Gradient steps on the forward model whenever a latent is sought
    #[arg(long, default_value_t = 8)]
    refine_steps: usize,
    /// How well the detector should see a reflection at least, as a normal score among the samples; the higher, the more all look like those
    /// whom it sees best
    #[arg(long, default_value_t = -2.0, allow_negative_numbers = true)]
    quality: f32,
    /// Weight of likeness to the prior against likeness of the features
    #[arg(long, default_value_t = 1.0)]
    prior_weight: f32,
    /// Go on from an inverter for the same generator, in place of random weights: its numbers, tables and constants stay
    #[arg(long, value_name = "WEIGHTS", conflicts_with_all = ["numbers", "individuality", "refine_steps", "quality"])]
    init: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl InverterArgs {
    /// In the trainer's words.
    pub fn options(&self) -> anyhow::Result<InverterOptions> {
        Ok(InverterOptions {
            visitors: self.visitors.pictures()?,
            out: self.out.clone(),
            minutes: self.minutes,
            pairs: self.pairs,
            numbers: self.numbers as usize,
            seed: self.seed,
            resume: self.resume,
            individuality: self.individuality,
            refine_steps: self.refine_steps,
            quality: self.quality,
            prior_weight: self.prior_weight,
            init: self.init.clone(),
        })
    }
}
