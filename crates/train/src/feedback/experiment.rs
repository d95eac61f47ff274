//! What every generation of a feedback run goes through: it is taught, then measured.

use super::FeedbackOptions;
use super::figures::figures;
use super::folder::RunFolder;
use super::population::{Population, Scale};
use super::report::{Arm, Generation};
use super::teacher::Teacher;
use crate::gan::{Dataset, GanOptions, train_on};
use crate::runs::{RunOptions, say};
use anyhow::{Context, Result, ensure};
use frame::Image;
use mirror::engine::Eyes;
use mirror::features::FeatureVector;
use mirror::generator::Generator;
use mirror::pack::{Net, Pack};
use nn::Rng;
use std::path::Path;

/// Fewest faces of generation 0 by whose spread others are measured.
const FEWEST_FACES: usize = 8;

/// Pictures of a generation that are shown.
const SHOWN: usize = 16;

/// What random numbers are for: each use has a stream of its own.
#[derive(Clone, Copy)]
enum Use {
    /// The samples that a generation teaches.
    Samples = 1,
    /// Those of generation 0 among them.
    Kept,
    /// The weights that a child begins with, and its training.
    Training,
    /// The samples that are measured: the same latents for every generation.
    Measured,
    /// Those of generation 0 to which distances are measured.
    Reference,
}

/// A feedback run: its folder, its eyes and its first generation.
pub(super) struct Experiment<'a> {
    options: &'a FeedbackOptions,
    folder: RunFolder,
    eyes: Eyes,
    latent_size: usize,
    /// Generation 0.
    first: Teacher,
    /// The scale of its features.
    scale: Scale,
    /// Samples of it, to which distances are measured.
    reference: Vec<Image>,
}

impl<'a> Experiment<'a> {
    /// Opens the folder and measures generation 0.
    ///
    /// # Errors
    /// If the pack's nets or the folder cannot be used, or the eyes find hardly a face in what generation 0 draws.
    pub fn begin(pack: &Pack, options: &'a FeedbackOptions) -> Result<(Self, Generation)> {
        // The nets, and the folder.
        let generator = pack.open(Net::Generator, Generator::from_bytes)?;
        let drawn = generator.config().resolution;
        ensure!(
            options.pixels <= drawn,
            "--pixels {}: the generator draws {drawn}\nhint: --pixels {drawn} is the most",
            options.pixels
        );
        let eyes = Eyes::new(pack)?;
        let decisive = decisive(pack, options);
        let folder = RunFolder::open(&options.out, options.resume, &decisive)?;

        // Generation 0.
        say("generation 0: drawn and measured");
        let first = Teacher::new(&generator, options.pixels);
        let measured = first.draw(options.measured, seed(options, Use::Measured, 0));
        let population = Population::of(measured, &eyes);
        let scale = scale(&population, options.pixels)?;
        let reference = first.draw(options.measured, seed(options, Use::Reference, 0));
        folder.begin(&decisive)?;

        let latent_size = generator.config().latent_size;
        let experiment = Self { options, folder, eyes, latent_size, first, scale, reference };
        let generation = experiment.generation(Arm::Loop, 0, population);
        Ok((experiment, generation))
    }

    /// Teaches a child of `teacher`, or without one of generation 0. What an earlier run has taught is read, or gone on with.
    ///
    /// # Errors
    /// If the training diverges or is too short, or files cannot be read or written.
    pub fn teach(&self, arm: Arm, number: usize, teacher: Option<&Teacher>) -> Result<Teacher> {
        let name = format!("{}-{number}", arm.prefix());
        let (weights, work) = (self.folder.path(&format!("{name}.safetensors")), self.folder.path(&name));
        if weights.exists() {
            return Ok(Teacher::new(&read(&weights)?, self.options.pixels));
        }

        say(format_args!("{number} of {}: {}", self.options.generations, arm.lesson(number)));
        let lesson = self.lesson(&work, number);
        train_on(&lesson, |finest| Ok(Dataset::of_images(&name, &self.pictures(number, teacher), finest)))?;

        // Only what has learned all of it leaves the folder of its training.
        let trained = work.join("generator.safetensors");
        let child = read(&trained)?;
        let (drawn, pixels) = (child.config().resolution, self.options.pixels);
        ensure!(
            drawn == pixels,
            "{}: it has learned to draw {drawn} of {pixels} pixels in its time\nhint: begin again with more --minutes and another --out",
            trained.display()
        );
        std::fs::rename(&trained, &weights).with_context(|| weights.display().to_string())?;
        Ok(Teacher::new(&child, pixels))
    }

    /// The training of a child: small, fast, and without augmentation, as there are as many samples as it takes. After 65,000 pictures its
    /// samples could be told as faces.
    fn lesson(&self, work: &Path, number: usize) -> GanOptions {
        GanOptions {
            out: work.to_owned(),
            minutes: self.options.minutes,
            kimg: self.options.kimg,
            seed: seed(self.options, Use::Training, number),
            resume: work.join("checkpoint.safetensors").exists(),
            resolution: Some(self.options.pixels),
            latent_size: self.latent_size,
            fmap_base: 256,
            fmap_max: 32,
            fmap_min: 16,
            batch: 8,
            rate: 0.004,
            augment: 0.0,
            average_over: 5.0,
            ..GanOptions::default()
        }
    }

    /// What generation `number` learns from: samples of its teacher, and those kept of generation 0.
    fn pictures(&self, number: usize, teacher: Option<&Teacher>) -> Vec<Image> {
        let FeedbackOptions { portraits, keep, typical, .. } = *self.options;
        let kept = teacher.map_or(0, |_| (keep * portraits as f32).round() as usize);
        let mut pictures = self.first.draw(kept, seed(self.options, Use::Kept, number));
        let teacher = teacher.unwrap_or(&self.first);
        let seed = seed(self.options, Use::Samples, number);
        pictures.extend(teacher.draw_typical(portraits - kept, typical, seed, &self.eyes));
        pictures
    }

    /// Measures a generation on samples that taught nobody; the latents are the same for all.
    pub fn measure(&self, arm: Arm, number: usize, drawer: &Teacher) -> Generation {
        let pictures = drawer.draw(self.options.measured, seed(self.options, Use::Measured, 0));
        self.generation(arm, number, Population::of(pictures, &self.eyes))
    }

    fn generation(&self, arm: Arm, number: usize, population: Population) -> Generation {
        let figures = figures(&population, &self.scale, &self.reference, seed(self.options, Use::Reference, 1));
        let mut pictures = population.pictures;
        pictures.truncate(SHOWN);
        Generation { arm, number, figures, pictures }
    }
}

/// A generator of an earlier generation.
fn read(path: &Path) -> Result<Generator> {
    let context = || path.display().to_string();
    let bytes = std::fs::read(path).with_context(context)?;
    Generator::from_bytes(&bytes).with_context(context)
}

/// The seed of one use in one generation.
fn seed(options: &FeedbackOptions, of: Use, number: usize) -> u64 {
    Rng::new(options.seed ^ ((of as u64) << 56) ^ ((number as u64) << 32)).next_u64()
}

/// The scale of generation 0, by which all others are measured.
fn scale(population: &Population, pixels: usize) -> Result<Scale> {
    let faces: Vec<&FeatureVector> = population.faces.iter().flatten().collect();
    ensure!(
        faces.len() >= FEWEST_FACES,
        "the eyes find a face in {} of {} pictures of generation 0 at {pixels} pixels, {FEWEST_FACES} are needed\nhint: more --pixels",
        faces.len(),
        population.pictures.len()
    );
    Ok(Scale::of(&faces))
}

/// What a run cannot change when it goes on: what children learn from, and how.
fn decisive(pack: &Pack, options: &FeedbackOptions) -> RunOptions {
    let budget = match options.kimg {
        Some(kimg) => format!("--kimg {kimg}"),
        None => format!("--minutes {}", options.minutes),
    };
    let generator = pack.manifest().files.get(Net::Generator.file()).map_or("none", |file| &file.sha256);
    RunOptions::of("feedback")
        .with("a generator with SHA-256", generator)
        .with("a budget of", budget)
        .with("--portraits", options.portraits)
        .with("--pixels", options.pixels)
        .with("--keep", options.keep)
        .with("--typical", options.typical)
        .with("--seed", options.seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child draws whose training is broken off after a moment and gone on with, or not.
    fn drawn(breaks_off: bool) -> Vec<Image> {
        let dir = tempfile::tempdir().unwrap();
        let tiny = FeedbackOptions { kimg: Some(0.064), portraits: 32, measured: 32, ..FeedbackOptions::default() };
        let options = FeedbackOptions { out: dir.path().join("loop"), ..tiny };
        let (experiment, _) = Experiment::begin(&Pack::embedded().unwrap(), &options).unwrap();
        if breaks_off {
            let work = experiment.folder.path("generation-1");
            let lesson = GanOptions { stop_after: Some(1e-4), ..experiment.lesson(&work, 1) };
            let pictures = experiment.pictures(1, None);
            let progress = train_on(&lesson, |finest| Ok(Dataset::of_images("", &pictures, finest))).unwrap();
            assert!((1..8).contains(&progress.steps), "{progress}");
        }
        experiment.teach(Arm::Loop, 1, None).unwrap().draw(4, 5)
    }

    #[test]
    fn a_training_that_was_broken_off_goes_on_as_if_it_was_not() {
        assert_eq!(drawn(true), drawn(false));
    }
}
