//! One step of the two players, and all that a run must remember.

use super::augment::Augmentation;
use super::dataset::Dataset;
use super::discriminator::Discriminator;
use super::penalty;
use super::pyramid;
use crate::runs::{Checkpoint, RunOptions};
use anyhow::{Context, Result};
use mirror::generator::{Config, Generator};
use nn::loss::softplus;
use nn::{Adam, AvgPool, Layer, Rng, Tensor};
use std::fmt;
use std::path::Path;

/// What the players are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Non-saturating logistic loss with a lazy R1 penalty on reals: for small archives.
    #[default]
    LogisticR1,
    /// Wasserstein loss with gradient penalty and drift, as published.
    WganGp,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogisticR1 => "logistic-r1",
            Self::WganGp => "wgan-gp",
        })
    }
}

impl Loss {
    /// The discriminator's loss of one score, and its slope.
    fn of_score(self, s: f32, is_real: bool) -> (f32, f32) {
        match (self, is_real) {
            (Self::LogisticR1, true) => (softplus(-s).0, -softplus(-s).1),
            (Self::LogisticR1, false) => softplus(s),
            (Self::WganGp, true) => (-s + DRIFT * s * s, -1.0 + 2.0 * DRIFT * s),
            (Self::WganGp, false) => (s, 1.0),
        }
    }
}

/// What stays the same over a run.
#[derive(Clone, Copy, Debug)]
pub struct TrainingRules {
    /// What the players are told.
    pub loss: Loss,
    /// Weight of R1 at 64 pixels; it grows with the number of pixels.
    pub r1_gamma: f32,
    /// Steps between R1 penalties.
    pub r1_every: u64,
    /// Share of the reals that the discriminator may be sure of before the augmentation grows; `None`: it stays as it is.
    pub augment_target: Option<f32>,
    /// Adam's learning rate; at a level's beginning it rises to this over [`RISE`] steps.
    pub rate: f32,
    /// Half-life of the averaged generator, in pictures.
    pub average_over: f32,
    /// The half-life is at most this share of the pictures of this level so far: a young average must forget its
    /// beginnings, and the layers of a new level begin at random. `None`: it has no such bound.
    pub average_share: Option<f32>,
}

/// At a fade of 1 the lod would already be that of the level below.
const FADE_MOST: f32 = 0.999;

/// Adam that has seen nothing yet moves every weight by the whole rate: of a net that can do something already, that leaves
/// nothing. So the rate rises over its first steps.
const RISE: f32 = 100.0;

/// Pictures over which an adapting augmentation goes from nothing to always. A transfer's 100,000 in "Training Generative Adversarial
/// Networks with Limited Data" (Karras et al., NeurIPS 2020; section 3.1 has 500,000 for learning from nothing).
const ADAPT_OVER: f32 = 100_000.0;

/// An augmentation that nearly always happens leaks into the pictures (the same paper, section 2.2).
const AUGMENT_MOST: f32 = 0.85;

/// Steps over which the discriminator's sureness is averaged before the augmentation follows it.
const SURENESS_OVER: f32 = 32.0;

/// Least weight of R1: by the number of pixels alone it would be a 256th at 4 pixels. Chosen, not measured.
const LEAST_GAMMA: f32 = 0.05;

/// WGAN-GP as published.
const GP_WEIGHT: f32 = 10.0;
const DRIFT: f32 = 1e-3;

/// Figures of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepFigures {
    /// Loss of the generator.
    pub loss_g: f32,
    /// Loss of the discriminator, without penalty.
    pub loss_d: f32,
    /// Mean score of the reals.
    pub score_real: f32,
    /// Mean score of the fakes.
    pub score_fake: f32,
    /// Mean sign of the reals' scores, from -1 to 1: the r_t of Karras et al. 2020.
    pub sureness: f32,
    /// The penalty before its weight, where this step had one.
    pub penalty: Option<f32>,
}

/// Both players, their optimisers, the averaged generator and the random numbers.
pub struct Trainer {
    /// The generator that learns.
    pub g: Generator,
    /// The discriminator.
    pub d: Discriminator,
    /// The averaged generator, which is what we keep.
    pub averaged: Generator,
    adam_g: Adam,
    adam_d: Adam,
    rng: Rng,
    /// Real pictures shown so far.
    pub pictures: u64,
    /// Steps so far.
    pub steps: u64,
    /// The level that is learned now.
    pub level: usize,
    /// Pictures shown when it began.
    level_began: u64,
    /// How far the level still is from being fully there.
    pub fade: f32,
    /// Probability of each part of the augmentation.
    pub augment: f32,
    /// A running mean of [`StepFigures::sureness`].
    sureness: f32,
}

impl Trainer {
    /// Untrained players.
    pub fn new(config: Config, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let g = Generator::new(config, &mut rng);
        Self::of_generator(g, rng)
    }

    /// Players of which one can draw already, and a discriminator that knows nothing.
    pub fn of_generator(g: Generator, mut rng: Rng) -> Self {
        let d = Discriminator::new(g.config(), &mut rng);
        Self::of_players(g, d, rng)
    }

    /// Both players as they are.
    pub fn of_players(g: Generator, d: Discriminator, rng: Rng) -> Self {
        let mut averaged = Generator::new(g.config(), &mut nn::Unset);
        copy(&g, &mut averaged);
        let adam = || Adam::new(0.0, 0.0, 0.99);
        let (adam_g, adam_d) = (adam(), adam());
        Self {
            g,
            d,
            averaged,
            adam_g,
            adam_d,
            rng,
            pictures: 0,
            steps: 0,
            level: 0,
            level_began: 0,
            fade: 0.0,
            augment: 0.0,
            sureness: 0.0,
        }
    }

    /// The level of detail that is learned now.
    pub fn lod(&self) -> f32 {
        (self.g.config().levels() - self.level) as f32 + self.fade
    }

    /// The averaged generator up to the last level that has faded in.
    pub fn finished(&self) -> Generator {
        self.averaged.up_to(if self.fade > 0.0 { self.level - 1 } else { self.level })
    }

    /// Goes to a level; the optimisers forget at a new one, as published.
    pub fn set_level(&mut self, level: usize, fade: f32) {
        if level != self.level {
            self.adam_g = Adam::new(0.0, 0.0, 0.99);
            self.adam_d = Adam::new(0.0, 0.0, 0.99);
            self.level_began = self.pictures;
        }
        (self.level, self.fade) = (level, fade.min(FADE_MOST));
    }

    /// One step of the discriminator, then one of the generator, over `n` pictures each.
    pub fn step(&mut self, data: &Dataset, n: usize, rules: &TrainingRules) -> StepFigures {
        let z = self.latents(n);
        let fake = self.g.forward_lod(&z, self.lod());
        let mut figures = self.discriminator_step(data, fake, rules);
        figures.loss_g = self.generator_step(n, rules);
        self.average(n, rules);
        figures
    }

    /// One step of the discriminator alone, on the finished pictures of a generator that can draw already: brought down
    /// to the level, they teach it level after level, as it learns beside a generator that grows.
    pub fn step_alone(&mut self, data: &Dataset, n: usize, rules: &TrainingRules) -> StepFigures {
        let z = self.latents(n);
        let mut fake = self.g.forward(&z);
        while fake.w() > 1 << self.level {
            fake = AvgPool.forward(&fake);
        }
        pyramid::soften(&mut fake, self.fade);
        self.discriminator_step(data, fake, rules)
    }

    fn latents(&mut self, n: usize) -> Tensor {
        let size = self.g.config().latent_size;
        Tensor::new([n, 1, 1, size], self.rng.normals(n * size))
    }

    fn discriminator_step(&mut self, data: &Dataset, fake: Tensor, rules: &TrainingRules) -> StepFigures {
        // Both kinds of pictures only through the augmentation.
        let (lod, side, n) = (self.lod(), 1 << self.level, fake.n());
        let fake = Augmentation::random(n, side, self.augment, &mut self.rng).apply(&fake);
        let real = data.draw(n, self.level, self.fade, &mut self.rng);
        let real = Augmentation::random(n, side, self.augment, &mut self.rng).apply(&real);

        // Reals and fakes one after the other: the same sums as in one batch, and half the memory.
        let mut figures = StepFigures::default();
        let mut grads = nn::grads_like(&self.d.params());
        for (pictures, is_real) in [(&real, true), (&fake, false)] {
            let tape = self.d.forward_tape(pictures, lod);
            let mut dscores = Vec::with_capacity(n);
            for &s in tape.scores() {
                let (loss, slope) = rules.loss.of_score(s, is_real);
                figures.loss_d += loss / n as f32;
                let score = if is_real { &mut figures.score_real } else { &mut figures.score_fake };
                *score += s / n as f32;
                if is_real {
                    figures.sureness += s.signum() / n as f32;
                }
                dscores.push(slope / n as f32);
            }
            self.d.backward(&tape, &dscores, Some(&mut grads));
        }
        figures.penalty = self.add_penalty(real, &fake, rules, &mut grads);

        self.adapt(figures.sureness, n, rules);
        self.adam_d.lr = risen(rules.rate, &self.adam_d);
        self.adam_d.step(self.d.params_mut(), &grads);
        self.pictures += n as u64;
        self.steps += 1;
        figures
    }

    /// Adds the gradient of the loss's penalty, where this step has one; gives the penalty before its weight.
    fn add_penalty(
        &mut self,
        real: Tensor,
        fake: &Tensor,
        rules: &TrainingRules,
        grads: &mut [Vec<f32>],
    ) -> Option<f32> {
        let lod = self.lod();
        match rules.loss {
            Loss::LogisticR1 if self.steps.is_multiple_of(rules.r1_every) => {
                let side = (1 << self.level) as f32;
                let gamma = (rules.r1_gamma * (side / 64.0).powi(2)).max(LEAST_GAMMA);
                let weight = gamma * rules.r1_every as f32;
                Some(penalty::add_r1(&self.d, &real, lod, weight, grads))
            }
            Loss::LogisticR1 => None,
            Loss::WganGp => {
                // Somewhere between a real and a fake.
                let mut between = real;
                let len = between.row_len();
                for (row, fake) in between.data.chunks_exact_mut(len).zip(fake.rows()) {
                    let t = self.rng.uniform();
                    row.iter_mut().zip(fake).for_each(|(a, b)| *a += (b - *a) * t);
                }
                Some(penalty::add_wgan_gp(&self.d, &between, lod, GP_WEIGHT, grads))
            }
        }
    }

    /// More augmentation where the discriminator is surer of the reals than it should be, less where it is not.
    fn adapt(&mut self, sureness: f32, n: usize, rules: &TrainingRules) {
        self.sureness += (sureness - self.sureness) / SURENESS_OVER;
        if let Some(target) = rules.augment_target {
            let by = (self.sureness - target).signum() * n as f32 / ADAPT_OVER;
            self.augment = (self.augment + by).clamp(0.0, AUGMENT_MOST);
        }
    }

    fn generator_step(&mut self, n: usize, rules: &TrainingRules) -> f32 {
        let lod = self.lod();
        let z = self.latents(n);
        let tape = self.g.forward_tape(&z, lod);
        let augmentation = Augmentation::random(n, 1 << self.level, self.augment, &mut self.rng);
        let judged = self.d.forward_tape(&augmentation.apply(tape.output()), lod);
        let mut value = 0.0;
        let mut dscores = Vec::with_capacity(n);
        for &s in judged.scores() {
            let (loss, slope) = match rules.loss {
                Loss::LogisticR1 => (softplus(-s).0, -softplus(-s).1),
                Loss::WganGp => (-s, -1.0),
            };
            value += loss / n as f32;
            dscores.push(slope / n as f32);
        }
        let dy = augmentation.backward(&self.d.backward(&judged, &dscores, None));
        let mut grads = nn::grads_like(&self.g.params());
        self.g.backward(&tape, &dy, Some(&mut grads));
        self.adam_g.lr = risen(rules.rate, &self.adam_g);
        self.adam_g.step(self.g.params_mut(), &grads);
        value
    }

    fn average(&mut self, n: usize, rules: &TrainingRules) {
        let of_level = self.pictures - self.level_began;
        let half_life = rules.average_share.map_or(rules.average_over, |s| rules.average_over.min(s * of_level as f32));
        let t = 1.0 - 0.5f32.powf(n as f32 / half_life.max(1.0));
        nn::average_towards(self.averaged.params_mut(), &self.g.params(), t);
    }

    /// Stores everything, `seconds`, and the options of the run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, seconds: f64, options: &RunOptions) -> Result<()> {
        let mut c = Checkpoint::default();
        c.put_options(options);
        c.put_params("g", &self.g.params());
        c.put_params("d", &self.d.params());
        c.put_params("averaged", &self.averaged.params());
        c.put_adam("adam_g", &self.adam_g);
        c.put_adam("adam_d", &self.adam_d);
        c.put_rng("rng", &self.rng);
        for (name, value) in [
            ("pictures", self.pictures as f64),
            ("steps", self.steps as f64),
            ("level", self.level as f64),
            ("level_began", self.level_began as f64),
            ("fade", f64::from(self.fade)),
            ("augment", f64::from(self.augment)),
            ("sureness", f64::from(self.sureness)),
            ("seconds", seconds),
        ] {
            c.put_number(name, value);
        }
        c.save(path)
    }

    /// Brings everything back; gives the seconds.
    ///
    /// # Errors
    /// If the file is missing, damaged, of nets of another shape, or of a run with other options.
    pub fn restore(&mut self, path: &Path, options: &RunOptions) -> Result<f64> {
        let c = Checkpoint::load(path)?;
        c.expect_options(options).with_context(|| path.display().to_string())?;
        c.take_params("g", self.g.params_mut())?;
        c.take_params("d", self.d.params_mut())?;
        c.take_params("averaged", self.averaged.params_mut())?;
        c.take_adam("adam_g", &mut self.adam_g)?;
        c.take_adam("adam_d", &mut self.adam_d)?;
        self.rng = c.rng("rng")?;
        self.pictures = c.number("pictures")? as u64;
        self.steps = c.number("steps")? as u64;
        self.level = c.number("level")? as usize;
        self.level_began = c.number("level_began")? as u64;
        self.fade = c.number("fade")? as f32;
        self.augment = c.number("augment")? as f32;
        self.sureness = c.number("sureness")? as f32;
        c.number("seconds")
    }
}

fn risen(rate: f32, adam: &Adam) -> f32 {
    rate * ((adam.t + 1) as f32 / RISE).min(1.0)
}

fn copy(from: &Generator, to: &mut Generator) {
    for (to, from) in to.params_mut().into_iter().zip(from.params()) {
        to.value.clone_from(&from.value);
    }
}

#[cfg(test)]
mod tests;
