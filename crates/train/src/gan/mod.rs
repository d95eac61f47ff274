//! Trains the progressive GAN: from 4x4 pixels up, or on from a generator that can draw already.
//!
//! Leaves in the run's folder: `generator.safetensors` (the averaged generator, as large as it has grown), `discriminator.safetensors`
//! (what another run needs besides, to go on from it), `checkpoint.safetensors` (what this one needs), `log.csv`, `reals.png`, and
//! `fakes-XXXXXX.png` after so many thousand pictures.

mod augment;
mod complexion;
mod data;
mod discriminator;
mod penalty;
mod schedule;
mod trainer;

pub use augment::Augmentation;
pub(crate) use data::times;
pub use data::{Dataset, Filter, Mix};
pub use discriminator::{Discriminator, DiscriminatorTape};
pub use penalty::{add_r1, add_wgan_gp};
pub use schedule::Schedule;
pub use trainer::{Figures, Loss, Rules, Trainer};

use crate::progress::Session;
use anyhow::{Context, Result};
use frame::Image;
use mirror::generator::{Config, Generator, grid, images};
use nn::io::Dtype;
use nn::{Layer, Rng, Tensor, Upsample};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `congress`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Learns from all pictures of this folder instead, cut to squares.
    #[arg(long, value_name = "DIR")]
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
    /// Goes on from the checkpoint in the run's folder.
    #[arg(long)]
    resume: bool,
    /// Begins at full resolution with the generator of this file; its shape counts, not the options'.
    #[arg(long, value_name = "FILE")]
    init_generator: Option<PathBuf>,
    /// The discriminator that this generator learned with.
    #[arg(long, value_name = "FILE", requires = "init_generator")]
    init_discriminator: Option<PathBuf>,
    /// With --init-generator alone: thousands of pictures over which a new discriminator first learns by itself, level after level.
    #[arg(long, default_value_t = 40.0, conflicts_with = "init_discriminator")]
    warm_up: f64,
    /// Width and height of the pictures, 4 to 1024.
    #[arg(long, default_value_t = 64)]
    resolution: usize,
    /// Where growing begins.
    #[arg(long, default_value_t = 4)]
    start_resolution: usize,
    /// Maps times 2^stage before the limit; 8192 as published.
    #[arg(long, default_value_t = 1024)]
    fmap_base: usize,
    /// Most maps of a layer; 512 as published.
    #[arg(long, default_value_t = 128)]
    fmap_max: usize,
    /// Coordinates of a latent; 512 as published.
    #[arg(long, default_value_t = 256)]
    latent: usize,
    /// What the players are told.
    #[arg(long, value_enum, default_value_t = Loss::LogisticR1)]
    loss: Loss,
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
    /// Probability of each part of the augmentation.
    #[arg(long, default_value_t = 0.5)]
    augment: f32,
    /// Half-life of the averaged generator, thousands of pictures; at most a tenth of those of the level so far.
    #[arg(long, default_value_t = 10.0)]
    average_over: f32,
    /// How many times as often as most the darkest faces are drawn, of women and of others; the archive has few.
    #[arg(long, default_value_t = 3.0, value_name = "TIMES", value_parser = times)]
    dark: f32,
    #[command(flatten)]
    filter: Filter,
}

/// Pictures of a sheet, and sheets a while.
const SHEET: usize = 64;
const SHEET_EVERY: Duration = Duration::from_secs(240);
const LOG_EVERY: Duration = Duration::from_secs(20);

/// Trains until the budget is spent.
///
/// # Errors
/// If the options make no sense, the data cannot be read, the folder not be written, or the run diverges.
pub fn run(options: &Options) -> Result<()> {
    let mut trainer = begin(options)?;
    let config = trainer.g.config();
    let last = config.levels();
    let data = load_data(options, last)?;
    anyhow::ensure!(options.batch.is_multiple_of(discriminator::GROUP), "--batch must be a multiple of 4");
    let rules = Rules {
        loss: options.loss,
        r1_gamma: options.r1_gamma,
        r1_every: options.r1_every,
        augment: options.augment,
        rate: options.rate,
        average_over: options.average_over * 1000.0,
        // A generator that can draw already has no beginnings to forget.
        average_share: if options.init_generator.is_some() { f32::INFINITY } else { 0.1 },
    };
    let newcomer = options.init_generator.is_some() && options.init_discriminator.is_none();
    let first = match options.init_generator {
        Some(_) => last,
        None => power_of_two(options.start_resolution, last).context("--start-resolution")?,
    };
    let schedule = Schedule::new(first, last, options.kimg.is_none());
    let warm_up = Schedule::new(2, last, false);
    let checkpoint = options.out.join("checkpoint.safetensors");
    let spent = if options.resume { trainer.restore(&checkpoint)? } else { 0.0 };
    // A longer schedule never goes back: neither the level nor the fade.
    let (floor, floor_fade) = (trainer.level, trainer.fade);
    let budget = if options.kimg.is_some() { 1e6 } else { options.minutes };
    let columns = ["kimg", "lod", "loss_g", "loss_d", "score_real", "score_fake", "penalty", "pictures_per_second"];
    let mut session = Session::open(&options.out, "gan", budget, &columns, (trainer.steps, spent))?;
    sheet(&session.path("reals.png"), &(0..SHEET.min(data.len())).map(|i| data.picture(last, i)).collect::<Vec<_>>())?;
    eprintln!("{} pictures, {} levels, step {}", data.len(), last - 1, trainer.steps);

    let (began, mut last_sheet) = (Instant::now(), Instant::now());
    let mut tally = Tally::begin(trainer.pictures);
    loop {
        let kimg = trainer.pictures as f64 / 1000.0;
        let progress = options.kimg.map_or(f64::from(session.fraction()), |whole| kimg / whole);
        let part_over = options.stop_after.is_some_and(|m| began.elapsed().as_secs_f64() > m * 60.0);
        let over = progress >= 1.0 || part_over;
        let alone = newcomer && kimg < options.warm_up;
        let drawn = trainer.steps > 0 && !alone;
        let (level, fade) = match schedule.at(progress) {
            _ if alone => warm_up.at(kimg / options.warm_up),
            (level, _) if level < floor => (floor, floor_fade),
            (level, fade) if level == floor => (level, fade.min(floor_fade)),
            planned => planned,
        };
        if tally.steps > 0 && (over || level != trainer.level || tally.since.elapsed() > LOG_EVERY) {
            let row = tally.row(&trainer);
            anyhow::ensure!(
                row.iter().all(|v| v.is_finite()),
                "diverged after {kimg:.1} kimg; the checkpoint is older"
            );
            session.log(trainer.steps, &row)?;
            session.show(format!("{kimg:.1} kimg, lod {:.2}, {:.1} pictures/s", row[1], row[7]));
            tally = Tally::begin(trainer.pictures);
        }
        if drawn && (over || level != trainer.level || last_sheet.elapsed() > SHEET_EVERY) {
            fakes(&trainer, options.seed, &session.path(&format!("fakes-{:06}.png", kimg as u64)))?;
            last_sheet = Instant::now();
        }
        if trainer.steps > 0 && (over || session.checkpoint_due()) {
            trainer.save(&checkpoint, session.seconds())?;
            if drawn {
                let about = about(options, &trainer);
                trainer.finished().save(&session.path("generator.safetensors"), &about, Dtype::F16)?;
                let discriminator = trainer.d.to_bytes(&about, Dtype::F16);
                nn::io::write_atomically(&session.path("discriminator.safetensors"), &discriminator)?;
            }
        }
        if over {
            break;
        }
        trainer.set_level(level, fade);
        let n = match (options.batch, level) {
            (0, ..5) => 32,
            (0, 5..7) => 16,
            (0, _) => 8,
            (n, _) => n,
        };
        tally.add(&match alone {
            true => trainer.step_alone(&data, n, &rules),
            false => trainer.step(&data, n, &rules),
        });
    }
    eprintln!("{} steps, {:.1} kimg, lod {:.2}", trainer.steps, trainer.pictures as f64 / 1000.0, trainer.lod());
    session.finish();
    Ok(())
}

fn begin(options: &Options) -> Result<Trainer> {
    let Some(path) = &options.init_generator else {
        let config = Config {
            resolution: options.resolution,
            fmap_base: options.fmap_base,
            fmap_max: options.fmap_max,
            latent_size: options.latent,
        };
        config.check().map_err(anyhow::Error::msg)?;
        return Ok(Trainer::new(config, options.seed));
    };
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let g = Generator::from_bytes_to_train(&read(path)?).with_context(|| path.display().to_string())?;
    let mut trainer = Trainer::of_generator(g, Rng::new(options.seed));
    if let Some(path) = &options.init_discriminator {
        trainer.d.fill(&read(path)?).with_context(|| path.display().to_string())?;
    }
    Ok(trainer)
}

fn load_data(options: &Options, finest: usize) -> Result<Dataset> {
    if let Some(folder) = &options.pictures {
        return Dataset::folder(folder, finest);
    }
    let root = crate::data::data_root(options.data.as_deref())?;
    Dataset::congress(&root, &options.filter, options.dark, finest)
}

/// The level of a resolution, 4 pixels to that of level `most`.
fn power_of_two(resolution: usize, most: usize) -> Result<usize> {
    let level = resolution.trailing_zeros() as usize;
    anyhow::ensure!(
        resolution.is_power_of_two() && (2..=most).contains(&level),
        "expected a power of two from 4 to {}, found {resolution}",
        1 << most
    );
    Ok(level)
}

/// What the weight file says of how it came about.
fn about(options: &Options, trainer: &Trainer) -> BTreeMap<String, String> {
    let dataset = options.pictures.as_deref().and_then(Path::file_name).and_then(|n| n.to_str());
    let mut about = BTreeMap::from([
        ("dataset".to_owned(), dataset.unwrap_or("congress/aligned").to_owned()),
        ("kimg".to_owned(), format!("{:.1}", trainer.pictures as f64 / 1000.0)),
        ("seed".to_owned(), options.seed.to_string()),
    ]);
    if let Some(before) = trainer.g.metadata().get("kimg") {
        about.insert("kimg_before".to_owned(), before.clone());
    }
    about
}

/// The averaged generator's pictures of fixed latents, at the size of full resolution.
fn fakes(trainer: &Trainer, seed: u64, path: &Path) -> Result<()> {
    let size = trainer.g.config().latent_size;
    let mut rng = Rng::new(seed.wrapping_add(1));
    let mut pictures = Vec::new();
    for _ in 0..SHEET / 16 {
        let z = Tensor::new([16, 1, 1, size], rng.normals(16 * size));
        let mut x = trainer.averaged.forward_lod(&z, trainer.lod());
        while x.w() < trainer.g.config().resolution {
            x = Upsample.forward(&x);
        }
        pictures.extend(images(&x));
    }
    sheet(path, &pictures)
}

fn sheet(path: &Path, pictures: &[Image]) -> Result<()> {
    Ok(nn::io::write_atomically(path, &grid(pictures, 8).to_png())?)
}

/// Sums since the last row of the log.
struct Tally {
    sums: [f32; 4],
    penalties: f32,
    penalised: u32,
    steps: u32,
    since: Instant,
    pictures_before: u64,
}

impl Tally {
    fn begin(pictures_before: u64) -> Self {
        Self { sums: [0.0; 4], penalties: 0.0, penalised: 0, steps: 0, since: Instant::now(), pictures_before }
    }

    fn add(&mut self, f: &Figures) {
        let values = [f.loss_g, f.loss_d, f.score_real, f.score_fake];
        self.sums.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        self.penalties += f.penalty.unwrap_or(0.0);
        self.penalised += u32::from(f.penalty.is_some());
        self.steps += 1;
    }

    fn row(&self, trainer: &Trainer) -> [f32; 8] {
        let [g, d, real, fake] = self.sums.map(|s| s / self.steps.max(1) as f32);
        let rate = (trainer.pictures - self.pictures_before) as f32 / self.since.elapsed().as_secs_f32().max(1e-3);
        let penalty = self.penalties / self.penalised.max(1) as f32;
        [trainer.pictures as f32 / 1000.0, trainer.lod(), g, d, real, fake, penalty, rate]
    }
}
