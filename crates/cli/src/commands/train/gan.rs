//! The flags of `train gan`.

use super::portraits::{FilterArgs, SharesArgs, times};
use std::path::PathBuf;
use train::gan::{GanOptions, Loss};

const HELP: &str = concat!(
    "\
Your own pictures:
    --pictures DIR   any pictures, without a table; each is cut to a square.
    --portraits DIR  aligned faces. DIR/alignedN holds squares of N pixels (DIR/aligned: 160).
                     DIR/faces.csv has a row for each picture and at least two columns: file, its
                     name, and landmarksN, its 68 points as x y x y ... in pixels of a square of N
                     pixels (landmarks_aligned: 160). Others may be missing or empty: person,
                     gender (F or M), photo_year, yaw_cue, upsampling, inside.

",
    super::about_pictures!(),
    "
Examples:
    narcissus train gan --pictures holiday/ --resolution 64 --minutes 600 --out runs/holiday
    narcissus train gan --portraits archive/ --minutes 600 --stop-after 60 --out runs/archive
    narcissus train gan --portraits archive/ --minutes 600 --out runs/archive --resume"
);

/// Of the progressive GAN.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct GanArgs {
    /// Folder with `congress` and `office`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A folder of aligned portraits with their table, faces.csv (see below); may be given several times [default: congress and office of
    /// the data folder].
    #[arg(long, value_name = "DIR")]
    portraits: Vec<PathBuf>,
    /// Learns from all pictures of this folder instead, cut to squares.
    #[arg(long, value_name = "DIR", conflicts_with = "portraits")]
    pictures: Option<PathBuf>,
    /// Folder of the run: checkpoint, log, pictures and weights.
    #[arg(long, default_value = "runs/gan")]
    out: PathBuf,
    /// Time budget of the whole schedule, all resumed parts together.
    #[arg(long, default_value_t = 600.0)]
    minutes: f64,
    /// Thousands of pictures as the budget, in place of time: then the same seed gives the same generator.
    #[arg(long)]
    kimg: Option<f64>,
    /// Ends this part after so many minutes; go on with --resume.
    #[arg(long, value_name = "MINUTES")]
    stop_after: Option<f64>,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Goes on from the checkpoint in the run's folder; the nets' options must be those of the run.
    #[arg(long)]
    resume: bool,
    /// Begins with the generator of this file, at its full resolution; its maps and latents count, not the options'. With a higher
    /// --resolution the next level fades in.
    #[arg(long, value_name = "FILE")]
    init_generator: Option<PathBuf>,
    /// The discriminator that this generator learned with.
    #[arg(long, value_name = "FILE", requires = "init_generator")]
    init_discriminator: Option<PathBuf>,
    /// With --init-generator alone: thousands of pictures over which a new discriminator first learns by itself, level after level.
    #[arg(long, default_value_t = 40.0, conflicts_with = "init_discriminator")]
    warm_up: f64,
    /// Width and height of the pictures, 4 to 1024 [default: 64, or those of --init-generator].
    #[arg(long)]
    resolution: Option<usize>,
    /// Where growing begins.
    #[arg(long, default_value_t = 4)]
    start_resolution: usize,
    /// Maps times 2^stage before the limit; 8192 as published.
    #[arg(long, default_value_t = 1024)]
    fmap_base: usize,
    /// Most maps of a layer; 512 as published.
    #[arg(long, default_value_t = 128)]
    fmap_max: usize,
    /// Fewest maps of a layer; 1 as published. With --init-generator that of the levels which grow.
    #[arg(long, default_value_t = 1)]
    fmap_min: usize,
    /// Coordinates of a latent; 512 as published.
    #[arg(long, default_value_t = 256)]
    latent: usize,
    /// What the players are told.
    #[arg(long, value_enum, default_value_t = LossName::LogisticR1)]
    loss: LossName,
    /// Pictures a step, a multiple of 4; 0: 32 below 32 pixels, 16 below 128, 8 above.
    #[arg(long, default_value_t = 0)]
    batch: usize,
    /// Learning rate.
    #[arg(long, default_value_t = 0.002)]
    rate: f32,
    /// Weight of R1 at 64 pixels.
    #[arg(long, default_value_t = 1.0)]
    r1_gamma: f32,
    /// Steps between R1 penalties.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..))]
    r1_every: u64,
    /// Probability of each part of the augmentation, at the start.
    #[arg(long, default_value_t = 0.5)]
    augment: f32,
    /// The augmentation follows the discriminator: mean sign of its scores of portraits at which it neither grows nor falls, from 0 to 1
    /// (0.6 in the paper that proposes it); without it the augmentation stays as it is.
    #[arg(long, value_name = "SIGN")]
    augment_target: Option<f32>,
    /// Half-life of the averaged generator, thousands of pictures; at most a tenth of those of the level so far.
    #[arg(long, default_value_t = 10.0)]
    average_over: f32,
    /// How many times as often as most the darkest faces are drawn, of women and of others; the archive has few.
    #[arg(long, default_value_t = 3.0, value_name = "TIMES", value_parser = times)]
    dark: f32,
    #[command(flatten)]
    shares: SharesArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// What the players are told.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LossName {
    /// Non-saturating logistic loss with a lazy R1 penalty on reals: for small archives.
    LogisticR1,
    /// Wasserstein loss with gradient penalty and drift, as published.
    WganGp,
}

impl GanArgs {
    /// In the trainer's words.
    pub fn options(&self) -> GanOptions {
        GanOptions {
            data: self.data.clone(),
            portraits: self.portraits.clone(),
            pictures: self.pictures.clone(),
            out: self.out.clone(),
            minutes: self.minutes,
            kimg: self.kimg,
            stop_after: self.stop_after,
            seed: self.seed,
            resume: self.resume,
            init_generator: self.init_generator.clone(),
            init_discriminator: self.init_discriminator.clone(),
            warm_up: self.warm_up,
            resolution: self.resolution,
            start_resolution: self.start_resolution,
            fmap_base: self.fmap_base,
            fmap_max: self.fmap_max,
            fmap_min: self.fmap_min,
            latent_size: self.latent,
            loss: match self.loss {
                LossName::LogisticR1 => Loss::LogisticR1,
                LossName::WganGp => Loss::WganGp,
            },
            batch: self.batch,
            rate: self.rate,
            r1_gamma: self.r1_gamma,
            r1_every: self.r1_every,
            augment: self.augment,
            augment_target: self.augment_target,
            average_over: self.average_over,
            dark: self.dark,
            shares: self.shares.shares(),
            filter: self.filter.filter(),
        }
    }
}
