//! A generator's samples teach the next generator, whose samples teach the next: the feedback loop, measured.
//!
//! Generation 0 is a pack's generator. Every later one is a small GAN that has seen nothing but samples of the one before it (Shumailov et
//! al., "AI models collapse when trained on recursively generated data", Nature 631, 2024; Alemohammad et al., "Self-Consuming Generative
//! Models Go MAD", ICLR 2024). The eyes of the pack say of each what became of the faces: their spread, and the shares of groups.
//!
//! The first child is smaller than the pack's generator and learns for minutes. What is lost from generation 0 to 1 is its limit as much as the
//! loop's doing. So generation 0 is measured at the children's size, and a control can be taught beside the loop: children that all learn from
//! generation 0 itself.

mod chart;
mod experiment;
mod figures;
mod folder;
mod population;
mod report;
mod teacher;

pub use figures::Figure;
pub use report::{Arm, FeedbackReport, Generation};

use anyhow::{Result, ensure};
use experiment::Experiment;
use mirror::pack::Pack;
use std::path::PathBuf;

/// Fewest pictures to learn from, and fewest to measure on.
const FEWEST: usize = 32;

/// Smallest pictures: the similarity of pairs needs five scales.
const SMALLEST: usize = 16;

/// How a feedback loop is run.
#[derive(Clone, Debug)]
pub struct FeedbackOptions {
    /// Folder of the run: a folder and a weight file for each generation.
    pub out: PathBuf,
    /// Generations after the pack's generator.
    pub generations: usize,
    /// Training time of each.
    pub minutes: f64,
    /// Thousands of pictures in place of time: then the same seed gives the same figures.
    pub kimg: Option<f64>,
    /// Samples that each generation learns from.
    pub portraits: usize,
    /// Width and height of the pictures.
    pub pixels: usize,
    /// Share of them that is drawn anew from generation 0, at every later generation too.
    pub keep: f32,
    /// Share of a generation's samples that teaches, the most typical ones; 1: all.
    pub typical: f32,
    /// Samples to measure on.
    pub measured: usize,
    /// Also teaches, beside each generation of the loop, one from generation 0.
    pub control: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Goes on with the run in the folder.
    pub resume: bool,
}

impl Default for FeedbackOptions {
    fn default() -> Self {
        Self {
            out: "feedback".into(),
            generations: 5,
            minutes: 20.0,
            kimg: None,
            portraits: 4000,
            pixels: 32,
            keep: 0.0,
            typical: 1.0,
            measured: 1000,
            control: false,
            seed: 1,
            resume: false,
        }
    }
}

impl FeedbackOptions {
    /// Refuses numbers that make no sense, whatever the generator.
    fn check(&self) -> Result<()> {
        ensure!(self.generations >= 1, "--generations must be 1 or more");
        ensure!(self.minutes > 0.0, "--minutes must be positive");
        ensure!(self.kimg.is_none_or(|kimg| kimg > 0.0), "--kimg must be positive");
        ensure!(
            self.portraits >= FEWEST,
            "--portraits must be {FEWEST} or more: a generator learns nothing from {}",
            self.portraits
        );
        ensure!(
            self.measured >= FEWEST,
            "--measured must be {FEWEST} or more: shares of {} say nothing",
            self.measured
        );
        ensure!((0.0..=1.0).contains(&self.keep), "--keep must be from 0 to 1");
        ensure!(self.typical > 0.0 && self.typical <= 1.0, "--typical must be above 0, and 1 at most");
        ensure!(
            self.pixels.is_power_of_two() && self.pixels >= SMALLEST,
            "--pixels must be a power of two of {SMALLEST} or more, found {}",
            self.pixels
        );
        Ok(())
    }
}

/// Runs the loop. After generation 0 and after each later one `so_far` is given the report of all until then.
///
/// # Errors
/// If the options make no sense, the folder cannot be written or another run is in it, the eyes find no faces in what generation 0 draws, a
/// training diverges, or `so_far` fails.
pub fn run(
    pack: &Pack,
    options: &FeedbackOptions,
    mut so_far: impl FnMut(&FeedbackReport) -> Result<()>,
) -> Result<FeedbackReport> {
    options.check()?;
    let (experiment, first) = Experiment::begin(pack, options)?;
    let mut report = FeedbackReport::of(pack, options, first);
    so_far(&report)?;

    let mut teacher = None;
    for number in 1..=options.generations {
        let child = experiment.teach(Arm::Loop, number, teacher.as_ref())?;
        report.generations.push(experiment.measure(Arm::Loop, number, &child));
        teacher = Some(child);

        // The control's first child is the loop's: both learn from generation 0.
        if options.control && number > 1 {
            let child = experiment.teach(Arm::Control, number, None)?;
            report.generations.push(experiment.measure(Arm::Control, number, &child));
        }
        so_far(&report)?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
