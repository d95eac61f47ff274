//! The training loop of the nets that look at faces: Adam, a learning rate that rises and then falls as a cosine, averaged weights,
//! a checkpoint every minute and validations.

use super::checkpoint::{Checkpoint, RunOptions, start_from};
use super::training_run::TrainingRun;
use anyhow::{Context, Result};
use mirror::face::detector::DetectorNet;
use nn::io::Dtype;
use nn::{Adam, Initializer, Layer, Param, Rng, Sequential, Tensor, grads_like};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps over which the loss that is shown is averaged.
const AVERAGED: f32 = 100.0;

/// The weights that are kept are an average over all steps of the run, dominated by the last quarter of them
/// (polynomial-decay averaging: Shamir and Zhang, ICML 2013, section 4). It averages away what a single step has learned from
/// single samples and wrong labels.
const RECENT: f32 = 4.0;

/// How a net is trained, where its [`Lesson`] leaves a choice.
#[derive(Clone, Debug)]
pub struct LessonOptions {
    /// The data folder; `None`: see [`data_root`](super::data_root).
    pub data: Option<PathBuf>,
    /// Folder of the run: checkpoint, log and weights. `None`: `runs/` and the net's name.
    pub out: Option<PathBuf>,
    /// Time budget; the learning rate falls to a hundredth over it. `None`: [`Lesson::MINUTES`].
    pub minutes: Option<f64>,
    /// Samples a step. `None`: [`Lesson::BATCH`].
    pub batch: Option<u32>,
    /// Learning rate at its highest. `None`: [`Lesson::RATE`].
    pub rate: Option<f32>,
    /// Seed of everything random.
    pub seed: u64,
    /// Goes on from the checkpoint in the run's folder.
    pub resume: bool,
    /// Weights to start from, those of another run or of a pack, in place of random ones.
    pub init: Option<PathBuf>,
}

impl Default for LessonOptions {
    fn default() -> Self {
        Self { data: None, out: None, minutes: None, batch: None, rate: None, seed: 1, resume: false, init: None }
    }
}

/// A net that the loop can train.
pub trait LearningNet {
    /// Its parameters.
    fn params(&self) -> Vec<&Param>;

    /// Its parameters, mutable.
    fn params_mut(&mut self) -> Vec<&mut Param>;
}

impl LearningNet for Sequential {
    fn params(&self) -> Vec<&Param> {
        Layer::params(self)
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        Layer::params_mut(self)
    }
}

impl LearningNet for DetectorNet {
    fn params(&self) -> Vec<&Param> {
        self.params()
    }

    fn params_mut(&mut self) -> Vec<&mut Param> {
        self.params_mut()
    }
}

/// What a net is taught: samples, a loss, and how the net is validated.
pub trait Lesson: Sync {
    /// The net's name: that of its weight file and, by default, of the run's folder.
    const NET: &'static str;
    /// Time budget, where the user names none.
    const MINUTES: f64;
    /// Samples a step, where the user names no number.
    const BATCH: u32;
    /// Highest learning rate, where the user names none.
    const RATE: f32 = 1e-3;
    /// Weight decay (see [`Adam::decay`]).
    const DECAY: f32 = 0.0;
    /// The losses that [`Lesson::learn`] gives, the one that is minimised first.
    const LOSSES: &'static [&'static str] = &["loss"];
    /// What a validation measures.
    const FIGURES: &'static [&'static str];
    /// Time between two validations; zero: at every checkpoint, which is once a minute.
    const VALIDATE_EVERY: Duration = Duration::ZERO;
    /// The kind of net.
    type Net: LearningNet;
    /// One training example: input and label.
    type Sample: Send;

    /// The net as it is used.
    fn network(&self, values: &mut impl Initializer) -> Self::Net;

    /// The net as it is trained: of the same parameters, perhaps with layers that only training needs.
    fn training_network(&self, rng: &mut Rng) -> Self::Net {
        self.network(rng)
    }

    /// Corrects labels by the net that a run begins with: it may know better than the labels. A run that goes on has its labels from
    /// [`Lesson::restore`].
    fn relabel(&mut self, _net: &Self::Net) {}

    /// Draws a sample.
    fn draw(&self, rng: &mut Rng) -> Self::Sample;

    /// The mean losses of a batch, as [`Lesson::LOSSES`] names them; adds the gradient of the first to `grads`.
    fn learn(&mut self, net: &Self::Net, samples: &[Self::Sample], grads: &mut [Vec<f32>]) -> Vec<f32>;

    /// Measures the net on what was held out.
    fn validate(&self, net: &Self::Net) -> Validation;

    /// The options that decide what a checkpoint means.
    fn options(&self) -> RunOptions {
        RunOptions::of(Self::NET)
    }

    /// Stores what [`Lesson::learn`] has changed in the lesson itself.
    fn save(&self, _checkpoint: &mut Checkpoint) {}

    /// Brings it back.
    ///
    /// # Errors
    /// If it is missing, or belongs to other data.
    fn restore(&mut self, _checkpoint: &Checkpoint) -> Result<()> {
        Ok(())
    }
}

/// What a validation found.
pub struct Validation {
    /// In the order of [`Lesson::FIGURES`].
    pub figures: Vec<f32>,
    /// The same for people.
    pub words: String,
    /// What the weight file must say for the net to be used.
    pub metadata: BTreeMap<String, String>,
}

/// Where a trained net is, and how good it is.
#[derive(Clone, Debug)]
pub struct TrainedNet {
    /// Its weights.
    pub weights: PathBuf,
    /// Steps of the whole run.
    pub steps: u64,
    /// The last validation, for people.
    pub words: String,
}

impl fmt::Display for TrainedNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} steps; held out: {}", self.weights.display(), self.steps, self.words)
    }
}

/// Forward and backward pass of a net that is one sequence of layers: gives the loss and adds its gradient to `grads`. `loss` gives
/// the loss of the net's output, and the gradient with respect to that output.
pub fn backpropagate(
    net: &Sequential,
    input: &Tensor,
    loss: impl FnOnce(&Tensor) -> (f32, Tensor),
    grads: &mut [Vec<f32>],
) -> f32 {
    let tape = net.forward_tape(input);
    let (value, gradient) = loss(tape.output());
    net.backward_tape(&tape, &gradient, Some(grads));
    value
}

/// Trains until the budget is spent; leaves the weights, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the run's folder cannot be written, the checkpoint not be read, or the loss is not finite.
pub fn train<L: Lesson>(lesson: L, options: &LessonOptions) -> Result<TrainedNet> {
    let out = options.out.clone().unwrap_or_else(|| Path::new("runs").join(L::NET));
    let checkpoint_path = out.join("checkpoint.safetensors");
    let (mut state, spent) = TrainingState::begin(lesson, options, &checkpoint_path)?;
    let columns = [&["rate"], L::LOSSES, L::FIGURES].concat();
    let minutes = options.minutes.unwrap_or(L::MINUTES);
    let mut run = TrainingRun::open(&out, L::NET, Some(minutes), &columns, (state.step, spent))?;

    let (mut validated, mut words) = (Instant::now(), String::new());
    loop {
        let over = run.is_over();
        if over || run.checkpoint_due() {
            // The final checkpoint, or an intermediate one.
            let validation = (over || validated.elapsed() >= L::VALIDATE_EVERY).then(|| {
                validated = Instant::now();
                state.lesson.validate(&state.average)
            });
            state.log(&mut run, validation.as_ref())?;
            state.checkpoint(run.seconds()).save(&checkpoint_path)?;
            run.checkpoint_written();
            if let Some(validation) = validation {
                words = format!(", {}", validation.words);
                let trained = state.write_weights(&run, validation)?;
                if over {
                    run.finish();
                    return Ok(trained);
                }
            }
        }

        let rate = run.learning_rate(state.rate, state.step);
        state.step(rate)?;
        run.show(format!("step {} loss {:.3}{words}", state.step, state.losses[0]));
    }
}

/// All that changes in a run.
struct TrainingState<L: Lesson> {
    lesson: L,
    /// The net that learns.
    net: L::Net,
    /// The average of its weights over the steps, which is validated and kept.
    average: L::Net,
    adam: Adam,
    /// Where the samples' seeds come from.
    rng: Rng,
    step: u64,
    /// Running means of [`Lesson::LOSSES`] over the steps since the run began or went on; no numbers before the first of these.
    losses: Vec<f32>,
    steps_now: u64,
    grads: Vec<Vec<f32>>,
    batch: u32,
    /// The highest learning rate.
    rate: f32,
    seed: u64,
}

impl<L: Lesson> TrainingState<L> {
    /// A new run, or one that goes on; and the seconds that are spent already.
    fn begin(lesson: L, options: &LessonOptions, checkpoint: &Path) -> Result<(Self, f64)> {
        // Random weights, or those of another run.
        let mut rng = Rng::new(options.seed);
        let mut net = lesson.training_network(&mut rng);
        let mut average = lesson.network(&mut nn::Unset);
        if let Some(path) = &options.init {
            start_from(path, net.params_mut())?;
            start_from(path, average.params_mut())?;
        }
        let rate = options.rate.unwrap_or(L::RATE);
        let mut state = Self {
            grads: grads_like(&net.params()),
            lesson,
            net,
            average,
            adam: Adam::new(rate, 0.9, 0.999),
            rng,
            step: 0,
            losses: vec![f32::NAN; L::LOSSES.len()],
            steps_now: 0,
            batch: options.batch.unwrap_or(L::BATCH),
            rate,
            seed: options.seed,
        };

        // Resume.
        let spent = match options.resume {
            true => {
                let c = Checkpoint::load(checkpoint)?;
                state.restore(&c).with_context(|| checkpoint.display().to_string())?
            }
            false => 0.0,
        };
        if options.init.is_some() {
            state.lesson.relabel(&state.average);
        }
        Ok((state, spent))
    }

    /// One step at a learning rate.
    fn step(&mut self, rate: f32) -> Result<()> {
        // A seed a sample, so that threads may draw them in any order.
        let seeds: Vec<u64> = (0..self.batch).map(|_| self.rng.next_u64()).collect();
        let lesson = &self.lesson;
        let samples: Vec<L::Sample> = seeds.par_iter().map(|s| lesson.draw(&mut Rng::new(*s))).collect();

        self.grads.iter_mut().for_each(|g| g.fill(0.0));
        let losses = self.lesson.learn(&self.net, &samples, &mut self.grads);
        anyhow::ensure!(losses[0].is_finite(), "the loss is no number at step {}\nhint: a lower --rate", self.step);
        self.adam.lr = rate;
        self.adam.decay(self.net.params_mut(), L::DECAY);
        self.adam.step(self.net.params_mut(), &self.grads);

        self.step += 1;
        let share = (RECENT / (RECENT + self.step as f32 - 1.0)).min(1.0);
        nn::average_towards(self.average.params_mut(), &self.net.params(), share);
        self.steps_now += 1;
        match self.steps_now {
            1 => self.losses = losses,
            steps => {
                let steps = (steps as f32).min(AVERAGED);
                self.losses.iter_mut().zip(losses).for_each(|(mean, loss)| *mean += (loss - *mean) / steps);
            }
        }
        Ok(())
    }

    /// A row of the log; without a validation its figures are NaN.
    fn log(&self, run: &mut TrainingRun, validation: Option<&Validation>) -> Result<()> {
        let missing = vec![f32::NAN; L::FIGURES.len()];
        let figures = validation.map_or(&missing, |v| &v.figures);
        run.log(self.step, &[&[self.adam.lr], self.losses.as_slice(), figures].concat())
    }

    fn write_weights(&self, run: &TrainingRun, validation: Validation) -> Result<TrainedNet> {
        let Validation { words, mut metadata, .. } = validation;
        let about = [
            ("net", L::NET.to_owned()),
            ("steps", self.step.to_string()),
            ("batch", self.batch.to_string()),
            ("seed", self.seed.to_string()),
        ];
        metadata.extend(about.map(|(key, value)| (key.to_owned(), value)));
        let weights = run.path(&format!("{}.safetensors", L::NET));
        nn::io::save(&weights, &self.average.params(), &metadata, Dtype::F16)?;
        Ok(TrainedNet { weights, steps: self.step, words })
    }

    fn checkpoint(&self, seconds: f64) -> Checkpoint {
        let mut c = Checkpoint::default();
        c.put_options(&self.lesson.options());
        c.put_params("net", &self.net.params());
        c.put_params("average", &self.average.params());
        c.put_adam("adam", &self.adam);
        c.put_rng("rng", &self.rng);
        c.put_number("step", self.step as f64);
        c.put_number("seconds", seconds);
        self.lesson.save(&mut c);
        c
    }

    /// Back to a checkpoint; its seconds of training.
    fn restore(&mut self, c: &Checkpoint) -> Result<f64> {
        c.expect_options(&self.lesson.options())?;
        c.take_params("net", self.net.params_mut())?;
        c.take_params("average", self.average.params_mut())?;
        c.take_adam("adam", &mut self.adam)?;
        self.rng = c.rng("rng")?;
        self.step = c.number("step")? as u64;
        self.lesson.restore(c)?;
        c.number("seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{Dense, Init};

    /// Learns to double a number; counts its batches.
    #[derive(Default)]
    struct Doubling {
        /// The factor of the net that it went on from.
        began: f32,
        batches: u32,
    }

    impl Lesson for Doubling {
        const NET: &'static str = "doubling";
        const MINUTES: f64 = 0.02;
        const BATCH: u32 = 8;
        const FIGURES: &'static [&'static str] = &["factor", "offset", "began", "batches"];
        type Net = Sequential;
        type Sample = f32;

        fn network(&self, values: &mut impl Initializer) -> Sequential {
            Sequential::new(vec![Box::new(Dense::new("d", 1, 1, Init::Zero, values))])
        }

        fn relabel(&mut self, net: &Sequential) {
            self.began = Layer::params(net)[0].value[0];
        }

        fn draw(&self, rng: &mut Rng) -> f32 {
            rng.normal()
        }

        fn learn(&mut self, net: &Sequential, samples: &[f32], grads: &mut [Vec<f32>]) -> Vec<f32> {
            self.batches += 1;
            let n = samples.len() as f32;
            let loss = |output: &Tensor| {
                let off: Vec<f32> = output.data.iter().zip(samples).map(|(y, x)| y - 2.0 * x).collect();
                let value = off.iter().map(|d| d * d).sum::<f32>() / n;
                (value, Tensor::new(output.shape, off.iter().map(|d| 2.0 * d / n).collect()))
            };
            vec![backpropagate(net, &Tensor::new([samples.len(), 1, 1, 1], samples.to_vec()), loss, grads)]
        }

        fn validate(&self, net: &Sequential) -> Validation {
            let params = Layer::params(net);
            let figures = vec![params[0].value[0], params[1].value[0], self.began, self.batches as f32];
            let words = format!("{figures:?}");
            Validation { figures, words, metadata: BTreeMap::new() }
        }

        fn save(&self, checkpoint: &mut Checkpoint) {
            checkpoint.put_number("batches", f64::from(self.batches));
            checkpoint.put_number("began", f64::from(self.began));
        }

        fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
            self.batches = checkpoint.number("batches")? as u32;
            self.began = checkpoint.number("began")? as f32;
            Ok(())
        }
    }

    #[test]
    fn a_lesson_is_learned_logged_and_resumed() {
        let out = tempfile::tempdir().unwrap();
        let options = |resume: bool, minutes: f64| LessonOptions {
            out: Some(out.path().to_owned()),
            minutes: Some(minutes),
            rate: Some(0.05),
            resume,
            ..LessonOptions::default()
        };
        train(Doubling::default(), &options(false, 0.02)).unwrap();
        let log = || std::fs::read_to_string(out.path().join("log.csv")).unwrap();
        let row =
            |log: &str| -> Vec<f32> { log.lines().last().unwrap().split(',').map(|v| v.parse().unwrap()).collect() };
        let first = row(&log());
        assert!(log().starts_with("step,seconds,rate,loss,factor,offset,began,batches\n"));
        assert!((first[4] - 2.0).abs() < 0.05 && first[5].abs() < 0.05 && first[6] == 0.0, "{first:?}");
        let trained = train(Doubling::default(), &options(true, 0.03)).unwrap();
        let second = row(&log());
        assert!(second[0] > first[0] && second[1] > first[1], "{second:?} after {first:?}");
        assert_eq!(second[6], 0.0, "labels stay as the run has them");
        // A run whose time is over takes no step: there is no loss, and none is made up.
        let over = train(Doubling::default(), &options(true, 0.03)).unwrap();
        let third = row(&log());
        assert!(third[3].is_nan() && over.steps == trained.steps, "{third:?} after {second:?}");
        let init = LessonOptions { out: None, init: Some(trained.weights.clone()), ..options(false, 0.01) };
        let other = tempfile::tempdir().unwrap();
        train(Doubling::default(), &LessonOptions { out: Some(other.path().to_owned()), ..init }).unwrap();
        let begun = row(&std::fs::read_to_string(other.path().join("log.csv")).unwrap());
        assert!(
            (begun[6] - second[4]).abs() < 1e-3,
            "a run that begins with a net asks it: {begun:?} after {second:?}"
        );
        assert_eq!((second[0], first[0]), (second[7], first[7]), "the lesson's own state goes on, too");
        assert_eq!(trained.weights, out.path().join("doubling.safetensors"));
        assert!(trained.weights.exists() && trained.steps as f32 == second[0]);
    }
}
