//! The flags of `train detector`, `train landmarks`, `train attributes` and `train likeness`.

use std::path::PathBuf;
use train::runs::LessonOptions;

const HELP: &str = concat!(
    "\
Your own pictures, for `train attributes`:
    --data DIR       DIR/faces.csv has a row for each picture and the columns file (from DIR on),
                     age (years or empty), gender (F, M or empty) and perhaps person, so that
                     nobody is both learned from and examined on.

",
    super::about_pictures!(),
    "
Examples:
    narcissus train detector --out runs/detector --minutes 25
    narcissus train attributes --data people/ --out runs/people
    narcissus train attributes --data people/ --out runs/people --minutes 30 --resume"
);

/// Of all nets that look at faces.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct LessonArgs {
    /// Folder with `congress` and `negatives`, and for likeness `office`; for attributes also one of your own, with pictures and a table `faces.csv` (see below).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the run: checkpoint, log and weights [default: runs/ and the net's name].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Time budget; the learning rate falls to a hundredth over it [default: 25 for the detector, 20 for landmarks, 15 for attributes, 30 for likeness].
    #[arg(long)]
    minutes: Option<f64>,
    /// Crops, scenes or (likeness) people a step [default: 32 for the detector and landmarks, 48 for the others].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// Learning rate at its highest [default: 0.002 for the detector, 0.001 for the others].
    #[arg(long, alias = "lr")]
    rate: Option<f32>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Goes on from the checkpoint in the run's folder.
    #[arg(long)]
    resume: bool,
    /// Weights to start from, those of another run or of a pack, in place of random ones. For attributes this net also says where the
    /// archive's ages are too high.
    #[arg(long, conflicts_with = "resume")]
    init: Option<PathBuf>,
}

/// Of the detector.
#[derive(Debug, clap::Args)]
pub struct DetectorArgs {
    #[command(flatten)]
    pub lesson: LessonArgs,
    /// Width and height of the scenes, a multiple of 32
    #[arg(long, default_value_t = train::faces::detector::SIDE)]
    pub side: usize,
}

impl LessonArgs {
    /// In the trainer's words.
    pub fn options(&self) -> LessonOptions {
        let Self { data, out, minutes, batch, rate, seed, resume, init } = self;
        LessonOptions {
            data: data.clone(),
            out: out.clone(),
            minutes: *minutes,
            batch: *batch,
            rate: *rate,
            seed: *seed,
            resume: *resume,
            init: init.clone(),
        }
    }
}
