//! Trains the progressive GAN: from 4x4 pixels up, or on from a generator that can draw already.
//!
//! Leaves in the run's folder: `generator.safetensors` (the averaged generator, as large as it has grown), `discriminator.safetensors`
//! (what another run needs besides, to go on from it), `checkpoint.safetensors` (what this one needs), `log.csv`, `portraits.csv` (which
//! portraits it learns from, and how often each is drawn), `reals.png`, and `fakes-XXXXXX.png` after so many thousand pictures.

mod archive;
mod augment;
pub mod colours;
mod complexion;
mod dataset;
mod discriminator;
mod mix;
mod penalty;
mod pyramid;
mod run;
mod schedule;
mod sheets;
mod start;
mod trainer;

pub use archive::Filter;
pub(crate) use archive::{CLOSED_MOUTH, aligned_folders, read as read_aligned};
pub use augment::Augmentation;
pub(crate) use complexion::Complexion;
pub use dataset::{Dataset, PictureSource};
pub use discriminator::{Discriminator, DiscriminatorTape};
pub use mix::{Mix, Shares};
pub use penalty::{add_r1, add_wgan_gp};
pub(crate) use run::train_on;
pub use run::{GanProgress, train};
pub use schedule::Schedule;
pub(crate) use start::{load_portraits, portrait_folders};
pub use trainer::{Loss, StepFigures, Trainer, TrainingRules};

use std::path::PathBuf;

/// How a GAN is trained.
#[derive(Clone, Debug)]
pub struct GanOptions {
    /// Folder with `congress` and `office`; `None`: see [`crate::runs::data_root`].
    pub data: Option<PathBuf>,
    /// Folders of aligned portraits with their table, `faces.csv`. None: `congress` and `office` of the data folder.
    pub portraits: Vec<PathBuf>,
    /// Learns from all pictures of this folder instead, cut to squares.
    pub pictures: Option<PathBuf>,
    /// Folder of the run: checkpoint, log, pictures and weights.
    pub out: PathBuf,
    /// Time budget of the whole schedule, all resumed parts together.
    pub minutes: f64,
    /// Thousands of pictures as the budget, in place of time: then the same seed gives the same generator.
    pub kimg: Option<f64>,
    /// Ends this part after so many minutes.
    pub stop_after: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Goes on from the checkpoint in the run's folder.
    pub resume: bool,
    /// Begins with the generator of this file, at its full resolution; its maps and latents count, not those below. With a higher
    /// `resolution` the next level fades in.
    pub init_generator: Option<PathBuf>,
    /// The discriminator that this generator learned with.
    pub init_discriminator: Option<PathBuf>,
    /// With `init_generator` alone: thousands of pictures over which a new discriminator first learns by itself, level after level.
    pub warm_up: f64,
    /// Width and height of the pictures, 4 to 1024. `None`: 64, or those of `init_generator`.
    pub resolution: Option<usize>,
    /// Where growing begins, pixels.
    pub start_resolution: usize,
    /// Maps times 2^stage before the limit; 8192 as published.
    pub fmap_base: usize,
    /// Most maps of a layer; 512 as published.
    pub fmap_max: usize,
    /// Fewest maps of a layer; 1 as published. With `init_generator` that of the levels which grow.
    pub fmap_min: usize,
    /// Coordinates of a latent; 512 as published.
    pub latent_size: usize,
    /// What the players are told.
    pub loss: Loss,
    /// Pictures a step, a multiple of 4; 0: 32 below 32 pixels, 16 below 128, 8 above.
    pub batch: usize,
    /// Learning rate.
    pub rate: f32,
    /// Weight of R1 at 64 pixels.
    pub r1_gamma: f32,
    /// Steps between R1 penalties, at least 1.
    pub r1_every: u64,
    /// Probability of each part of the augmentation, at the start.
    pub augment: f32,
    /// Mean sign of the discriminator's scores of portraits at which the augmentation neither grows nor falls, from 0 to 1 (0.6 in
    /// the paper that proposes it). `None`: the augmentation stays as it is.
    pub augment_target: Option<f32>,
    /// Half-life of the averaged generator, thousands of pictures; at most a tenth of those of the level so far.
    pub average_over: f32,
    /// How many times as often as most the darkest faces are drawn, of women and of others; the archive has few.
    pub dark: f32,
    /// How often portraits of some kinds are drawn.
    pub shares: Shares,
    /// Which portraits are good enough.
    pub filter: Filter,
}

impl Default for GanOptions {
    fn default() -> Self {
        Self {
            data: None,
            portraits: Vec::new(),
            pictures: None,
            out: "runs/gan".into(),
            minutes: 600.0,
            kimg: None,
            stop_after: None,
            seed: 1,
            resume: false,
            init_generator: None,
            init_discriminator: None,
            warm_up: 40.0,
            resolution: None,
            start_resolution: 4,
            fmap_base: 1024,
            fmap_max: 128,
            fmap_min: 1,
            latent_size: 256,
            loss: Loss::default(),
            batch: 0,
            rate: 0.002,
            r1_gamma: 1.0,
            r1_every: 16,
            augment: 0.5,
            augment_target: None,
            average_over: 10.0,
            dark: 3.0,
            shares: Shares::default(),
            filter: Filter::default(),
        }
    }
}
