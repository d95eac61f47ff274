//! Trains the progressive GAN: from 4x4 pixels up, or on from a generator that can draw already.
//!
//! Leaves in the run's folder: `generator.safetensors` (the averaged generator, as large as it has grown), `discriminator.safetensors`
//! (what another run needs besides, to go on from it), `checkpoint.safetensors` (what this one needs), `log.csv`, `portraits.csv` (which
//! portraits it learns from, and how often each is drawn), `reals.png`, and `fakes-XXXXXX.png` after so many thousand pictures.

mod archive;
mod augment;
mod complexion;
mod data;
mod discriminator;
mod penalty;
mod schedule;
mod trainer;

pub use archive::Filter;
pub use augment::Augmentation;
pub(crate) use data::times;
pub use data::{Dataset, Mix, Shares, Source};
pub use discriminator::{Discriminator, DiscriminatorTape};
pub use penalty::{add_r1, add_wgan_gp};
pub use schedule::Schedule;
pub use trainer::{Figures, Loss, Rules, Trainer};

use crate::progress::Session;
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::attributes::AttributeNet;
use mirror::generator::{Config, Generator, grid, images};
use mirror::pack::{Net, Pack};
use nn::io::Dtype;
use nn::{Layer, Rng, Tensor, Upsample};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `congress` and `office`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A folder of aligned portraits with their table, faces.csv; may be given several times [default: congress and office of the data
    /// folder].
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
    /// Goes on from the checkpoint in the run's folder.
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
    shares: Shares,
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
    anyhow::ensure!(options.batch.is_multiple_of(discriminator::GROUP), "--batch must be a multiple of 4");
    let Start { mut trainer, first, grows } = begin(options)?;
    let last = trainer.g.config().levels();
    let data = load_data(options, last)?;
    let rules = Rules {
        loss: options.loss,
        r1_gamma: options.r1_gamma,
        r1_every: options.r1_every,
        augment_target: options.augment_target,
        rate: options.rate,
        average_over: options.average_over * 1000.0,
        // A generator that can draw already has no beginnings to forget.
        average_share: if options.init_generator.is_some() { f32::INFINITY } else { 0.1 },
    };
    let newcomer = options.init_generator.is_some() && options.init_discriminator.is_none();
    let by_time = options.kimg.is_none();
    let schedule = if grows { Schedule::growing(first, last, by_time) } else { Schedule::new(first, last, by_time) };
    let warm_up = Schedule::new(2, last, false);
    let checkpoint = options.out.join("checkpoint.safetensors");
    let spent = if options.resume { trainer.restore(&checkpoint)? } else { 0.0 };
    // A longer schedule never goes back: neither the level nor the fade.
    let (floor, floor_fade) = (trainer.level, trainer.fade);
    let budget = if options.kimg.is_some() { 1e6 } else { options.minutes };
    let columns = [
        "kimg",
        "lod",
        "loss_g",
        "loss_d",
        "score_real",
        "score_fake",
        "sureness",
        "augment",
        "penalty",
        "pictures_per_second",
    ];
    let mut session = Session::open(&options.out, "gan", budget, &columns, (trainer.steps, spent))?;
    data.write_table(&session.path("portraits.csv"))?;
    reals(&data, last, options.seed, &session.path("reals.png"))?;
    let levels = [first, last];
    levels[usize::from(first == last)..].iter().for_each(|level| eprintln!("{}", data.describe(*level)));
    eprintln!("step {}, lod {:.2}", trainer.steps, trainer.lod());

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
            session.show(format!("{kimg:.1} kimg, lod {:.2}, augment {:.2}, {:.1} pictures/s", row[1], row[7], row[9]));
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
                host::write_atomically(&session.path("discriminator.safetensors"), &discriminator)?;
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

/// Where a run begins.
struct Start {
    trainer: Trainer,
    /// The first level that is learned.
    first: usize,
    /// Whether it fades in over nets that draw the level below.
    grows: bool,
}

fn begin(options: &Options) -> Result<Start> {
    let Some(path) = &options.init_generator else {
        let config = Config {
            resolution: options.resolution.unwrap_or(64),
            fmap_base: options.fmap_base,
            fmap_max: options.fmap_max,
            fmap_min: options.fmap_min,
            latent_size: options.latent,
        };
        config.check()?;
        let first = power_of_two(options.start_resolution, config.levels()).context("--start-resolution")?;
        let mut trainer = Trainer::new(config, options.seed);
        trainer.augment = options.augment;
        return Ok(Start { trainer, first, grows: false });
    };
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let mut rng = Rng::new(options.seed);
    let mut g = Generator::from_bytes_to_train(&read(path)?).with_context(|| path.display().to_string())?;
    let mut d = Discriminator::new(g.config(), &mut rng);
    if let Some(path) = &options.init_discriminator {
        d.fill(&read(path)?).with_context(|| path.display().to_string())?;
    }
    let below = g.config();
    let mut start = (below.levels(), false);
    if options.resolution.is_some_and(|pixels| pixels != below.resolution) {
        let resolution = options.resolution.unwrap_or(below.resolution);
        let config = Config { resolution, fmap_min: options.fmap_min.max(below.fmap_min), ..below };
        config.check()?;
        anyhow::ensure!(options.init_discriminator.is_some(), "to grow, a generator needs its --init-discriminator");
        g = g.grown(config, &mut rng)?;
        d = d.grown(config, &mut rng);
        start = (below.levels() + 1, true);
    }
    let mut trainer = Trainer::of_players(g, d, rng);
    trainer.augment = options.augment;
    Ok(Start { trainer, first: start.0, grows: start.1 })
}

fn load_data(options: &Options, finest: usize) -> Result<Dataset> {
    if let Some(folder) = &options.pictures {
        return Dataset::folder(folder, finest);
    }
    let folders = match options.portraits.is_empty() {
        true => default_folders(options.data.as_deref())?,
        false => options.portraits.clone(),
    };
    let eyes = Pack::embedded()?.open(Net::Attributes, AttributeNet::from_weights)?;
    Dataset::portraits(&folders, &options.filter, &options.shares, options.dark, &eyes, finest)
}

/// The folders of portraits that the data folder has.
///
/// # Errors
/// If there is no data folder, or none of them in it.
pub(crate) fn default_folders(data: Option<&Path>) -> Result<Vec<PathBuf>> {
    let root = crate::data::data_root(data)?;
    let folders: Vec<PathBuf> =
        ["congress", "office"].map(|f| root.join(f)).into_iter().filter(|f| f.join("faces.csv").exists()).collect();
    anyhow::ensure!(!folders.is_empty(), "{}: neither congress/faces.csv nor office/faces.csv", root.display());
    Ok(folders)
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
    let folders = options.pictures.iter().chain(&options.portraits);
    let names: Vec<&str> = folders.filter_map(|f| f.file_name()?.to_str()).collect();
    let dataset = if names.is_empty() { "congress, office".to_owned() } else { names.join(", ") };
    let mut about = BTreeMap::from([
        ("dataset".to_owned(), dataset),
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

/// Pictures as they are drawn.
fn reals(data: &Dataset, level: usize, seed: u64, path: &Path) -> Result<()> {
    let mut rng = Rng::new(seed);
    sheet(path, &images(&data.draw(SHEET, level, 0.0, &mut rng)))
}

fn sheet(path: &Path, pictures: &[Image]) -> Result<()> {
    Ok(host::write_atomically(path, &grid(pictures, 8).to_png())?)
}

/// Sums since the last row of the log.
struct Tally {
    sums: [f32; 5],
    penalties: f32,
    penalised: u32,
    steps: u32,
    since: Instant,
    pictures_before: u64,
}

impl Tally {
    fn begin(pictures_before: u64) -> Self {
        Self { sums: [0.0; 5], penalties: 0.0, penalised: 0, steps: 0, since: Instant::now(), pictures_before }
    }

    fn add(&mut self, f: &Figures) {
        let values = [f.loss_g, f.loss_d, f.score_real, f.score_fake, f.sureness];
        self.sums.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        self.penalties += f.penalty.unwrap_or(0.0);
        self.penalised += u32::from(f.penalty.is_some());
        self.steps += 1;
    }

    fn row(&self, trainer: &Trainer) -> [f32; 10] {
        let [g, d, real, fake, sureness] = self.sums.map(|s| s / self.steps.max(1) as f32);
        let rate = (trainer.pictures - self.pictures_before) as f32 / self.since.elapsed().as_secs_f32().max(1e-3);
        let penalty = self.penalties / self.penalised.max(1) as f32;
        let kimg = trainer.pictures as f32 / 1000.0;
        [kimg, trainer.lod(), g, d, real, fake, sureness, trainer.augment, penalty, rate]
    }
}
