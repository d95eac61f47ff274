//! A GAN's training, from where it begins to the end of its schedule or of its time.

use super::start::{Start, begin, load_data};
use super::{Dataset, GanOptions, Schedule, StepFigures, Trainer, TrainingRules, colours, discriminator, sheets};
use crate::runs::{RunOptions, TrainingRun, say};
use anyhow::Result;
use mirror::generator::Config;
use nn::io::Dtype;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often a sheet of pictures is drawn.
const SHEET_EVERY: Duration = Duration::from_secs(240);

/// How often the log gets a row.
const LOG_EVERY: Duration = Duration::from_secs(20);

/// The averaged generator's half-life is at most this share of a level's pictures so far, unless it could draw already.
const AVERAGE_SHARE: f32 = 0.1;

const COLUMNS: [&str; 10] = [
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

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GanProgress {
    /// Steps of all its parts.
    pub steps: u64,
    /// Pictures shown, thousands.
    pub kimg: f64,
    /// Level of detail that was learned last; 0 is the finest.
    pub lod: f32,
}

impl fmt::Display for GanProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps, {:.1} kimg, lod {:.2}", self.steps, self.kimg, self.lod)
    }
}

/// Trains until the budget is spent.
///
/// # Errors
/// If the options make no sense, the data cannot be read, the folder not be written, or the run diverges.
pub fn train(options: &GanOptions) -> Result<GanProgress> {
    train_on(options, |finest| load_data(options, finest))
}

/// The same on any pictures: `pictures` is asked once for those up to its level `finest`, when the players are ready.
///
/// # Errors
/// As [`train`].
pub(crate) fn train_on(options: &GanOptions, pictures: impl FnOnce(usize) -> Result<Dataset>) -> Result<GanProgress> {
    let mut run = Run::begin(options, pictures)?;
    loop {
        let plan = run.plan();
        run.log(&plan)?;
        run.draw_sheet(&plan)?;
        run.save(&plan)?;
        if plan.is_last {
            return Ok(run.finish());
        }
        run.step(&plan);
    }
}

/// What the next step does.
struct Plan {
    level: usize,
    fade: f32,
    /// Whether the discriminator learns alone.
    alone: bool,
    /// Whether there is no next step.
    is_last: bool,
}

struct Run<'a> {
    options: &'a GanOptions,
    trainer: Trainer,
    data: Dataset,
    rules: TrainingRules,
    schedule: Schedule,
    /// Level and fade at the beginning: a longer schedule never goes back.
    floor: (usize, f32),
    /// What a discriminator that is new to a finished generator learns alone.
    warm_up: Option<Schedule>,
    checkpoint: PathBuf,
    /// The options that the checkpoint depends on.
    decisive: RunOptions,
    run: TrainingRun,
    tally: Tally,
    began: Instant,
    last_sheet: Instant,
}

impl<'a> Run<'a> {
    fn begin(options: &'a GanOptions, pictures: impl FnOnce(usize) -> Result<Dataset>) -> Result<Self> {
        anyhow::ensure!(options.batch.is_multiple_of(discriminator::GROUP), "--batch must be a multiple of 4");
        let Start { mut trainer, first, grows } = begin(options)?;
        let last = trainer.g.config().levels();

        // Where this run was: before the pictures, as they take their time.
        let checkpoint = options.out.join("checkpoint.safetensors");
        let decisive = decisive(options, trainer.g.config());
        let spent = if options.resume { trainer.restore(&checkpoint, &decisive)? } else { 0.0 };
        let data = pictures(last)?;

        // What is learned when, and by which rules.
        let by_time = options.kimg.is_none();
        let schedule =
            if grows { Schedule::growing(first, last, by_time) } else { Schedule::new(first, last, by_time) };
        let newcomer = options.init_generator.is_some() && options.init_discriminator.is_none();
        let rules = rules(options, grows);

        // Its folder.
        let budget = by_time.then_some(options.minutes);
        let run = TrainingRun::open(&options.out, "gan", budget, &COLUMNS, (trainer.steps, spent))?;

        // What it learns from, for people to look at.
        data.write_table(&run.path("portraits.csv"))?;
        sheets::reals(&data, last, options.seed, &run.path("reals.png"))?;
        let levels = [first, last];
        levels[usize::from(first == last)..].iter().for_each(|level| say(data.describe(*level)));
        say(format_args!("step {}, lod {:.2}", trainer.steps, trainer.lod()));

        Ok(Self {
            options,
            data,
            rules,
            schedule,
            floor: (trainer.level, trainer.fade),
            warm_up: newcomer.then(|| Schedule::new(2, last, false)),
            checkpoint,
            decisive,
            run,
            tally: Tally::begin(trainer.pictures),
            began: Instant::now(),
            last_sheet: Instant::now(),
            trainer,
        })
    }

    fn kimg(&self) -> f64 {
        self.trainer.pictures as f64 / 1000.0
    }

    fn plan(&self) -> Plan {
        let kimg = self.kimg();
        let progress = self.options.kimg.map_or(f64::from(self.run.fraction()), |whole| kimg / whole);
        let part_is_over = self.options.stop_after.is_some_and(|m| self.began.elapsed().as_secs_f64() > m * 60.0);
        let is_last = progress >= 1.0 || part_is_over;
        let warm_up = self.warm_up.as_ref().filter(|_| kimg < self.options.warm_up);
        let (floor, floor_fade) = self.floor;
        let (level, fade) = match (warm_up, self.schedule.at(progress)) {
            (Some(warm_up), _) => warm_up.at(kimg / self.options.warm_up),
            (None, (level, _)) if level < floor => (floor, floor_fade),
            (None, (level, fade)) if level == floor => (level, fade.min(floor_fade)),
            (None, planned) => planned,
        };
        Plan { level, fade, alone: warm_up.is_some(), is_last }
    }

    /// Whether a step of this plan begins or ends something that is worth a row and a sheet.
    fn is_turn(&self, plan: &Plan) -> bool {
        plan.is_last || plan.level != self.trainer.level
    }

    /// Whether the generator has learned anything yet.
    fn has_drawn(&self, plan: &Plan) -> bool {
        self.trainer.steps > 0 && !plan.alone
    }

    fn log(&mut self, plan: &Plan) -> Result<()> {
        if self.tally.steps == 0 || !(self.is_turn(plan) || self.tally.since.elapsed() > LOG_EVERY) {
            return Ok(());
        }
        self.expect_sound()?;
        let (row, kimg) = (self.tally.row(&self.trainer), self.kimg());
        self.run.log(self.trainer.steps, &row)?;
        let [_, lod, .., augment, _, rate] = row;
        self.run.show(format!("{kimg:.1} kimg, lod {lod:.2}, augment {augment:.2}, {rate:.1} pictures/s"));
        self.tally = Tally::begin(self.trainer.pictures);
        Ok(())
    }

    fn draw_sheet(&mut self, plan: &Plan) -> Result<()> {
        if self.has_drawn(plan) && (self.is_turn(plan) || self.last_sheet.elapsed() > SHEET_EVERY) {
            let path = self.run.path(&format!("fakes-{:06}.png", self.kimg() as u64));
            sheets::fakes(&self.trainer, self.options.seed, &path)?;
            self.last_sheet = Instant::now();
        }
        Ok(())
    }

    fn save(&mut self, plan: &Plan) -> Result<()> {
        if self.trainer.steps == 0 || !(plan.is_last || self.run.checkpoint_due()) {
            return Ok(());
        }
        // What went wrong since the last row of the log must not take the place of the last good checkpoint.
        self.expect_sound()?;
        self.trainer.save(&self.checkpoint, self.run.seconds(), &self.decisive)?;
        if self.has_drawn(plan) {
            let about = about(&self.data, self.options.seed, &self.trainer);
            let mut generator = self.trainer.finished();
            if plan.is_last {
                // As long as thousands of pictures take; `pack colours` does it for a run that was interrupted.
                colours::fit(&mut generator)?;
            }
            generator.save(&self.run.path("generator.safetensors"), &about, Dtype::F16)?;
            let discriminator = self.trainer.d.to_bytes(&about, Dtype::F16);
            host::write_atomically(&self.run.path("discriminator.safetensors"), &discriminator)?;
        }
        self.run.checkpoint_written();
        Ok(())
    }

    /// Losses and weights are numbers.
    fn expect_sound(&self) -> Result<()> {
        let weights = [self.trainer.g.params(), self.trainer.d.params()].concat();
        let is_sound = self.tally.row(&self.trainer).iter().all(|v| v.is_finite())
            && weights.iter().all(|p| p.value.iter().all(|v| v.is_finite()));
        anyhow::ensure!(is_sound, "diverged after {:.1} kimg; the checkpoint is older", self.kimg());
        Ok(())
    }

    fn step(&mut self, plan: &Plan) {
        self.trainer.set_level(plan.level, plan.fade);
        let n = match (self.options.batch, plan.level) {
            (0, ..5) => 32,
            (0, 5..7) => 16,
            (0, _) => 8,
            (n, _) => n,
        };
        self.tally.add(&match plan.alone {
            true => self.trainer.step_alone(&self.data, n, &self.rules),
            false => self.trainer.step(&self.data, n, &self.rules),
        });
    }

    fn finish(self) -> GanProgress {
        let progress = GanProgress { steps: self.trainer.steps, kimg: self.kimg(), lod: self.trainer.lod() };
        self.run.finish();
        progress
    }
}

/// What a checkpoint depends on: the nets, what the scores mean, and whether the players began as those of other runs.
fn decisive(options: &GanOptions, nets: Config) -> RunOptions {
    let begun = |file: &Option<PathBuf>| if file.is_some() { "FILE" } else { "none" };
    RunOptions::of("gan")
        .with("--resolution", nets.resolution)
        .with("--fmap-base", nets.fmap_base)
        .with("--fmap-max", nets.fmap_max)
        .with("--fmap-min", nets.fmap_min)
        .with("--latent", nets.latent_size)
        .with("--loss", options.loss)
        .with("--init-generator", begun(&options.init_generator))
        .with("--init-discriminator", begun(&options.init_discriminator))
}

fn rules(options: &GanOptions, grows: bool) -> TrainingRules {
    TrainingRules {
        loss: options.loss,
        r1_gamma: options.r1_gamma,
        r1_every: options.r1_every,
        augment_target: options.augment_target,
        rate: options.rate,
        average_over: options.average_over * 1000.0,
        // A generator that can draw all it shall draw has no beginnings to forget.
        average_share: (options.init_generator.is_none() || grows).then_some(AVERAGE_SHARE),
    }
}

/// What the weight file says of how it came about.
fn about(data: &Dataset, seed: u64, trainer: &Trainer) -> BTreeMap<String, String> {
    let mut about = BTreeMap::from([
        ("dataset".to_owned(), data.name.clone()),
        ("kimg".to_owned(), format!("{:.1}", trainer.pictures as f64 / 1000.0)),
        ("seed".to_owned(), seed.to_string()),
    ]);
    if let Some(before) = trainer.g.metadata().get("kimg") {
        about.insert("kimg_before".to_owned(), before.clone());
    }
    about
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

    fn add(&mut self, f: &StepFigures) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_forgets_how_new_layers_began_and_nothing_else() {
        let share = |init: Option<&str>, grows| {
            let options = GanOptions { init_generator: init.map(Into::into), ..GanOptions::default() };
            rules(&options, grows).average_share
        };
        assert_eq!(share(None, false), Some(AVERAGE_SHARE));
        assert_eq!(share(Some("generator.safetensors"), true), Some(AVERAGE_SHARE));
        assert_eq!(share(Some("generator.safetensors"), false), None);
    }
}
