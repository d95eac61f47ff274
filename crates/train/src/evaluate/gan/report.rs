//! The figures of a generator as people and programs read them.

use crate::statistics::{Estimate, Share, median, quantile};
use serde::Serialize;
use std::fmt;

/// A figure of the samples and what portraits get.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Beside<T> {
    /// Of the samples.
    pub samples: T,
    /// Of the portraits.
    pub portraits: T,
}

/// Sliced Wasserstein distance at one level, x1000: samples from portraits, and one half of the portraits from the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LevelDistance {
    /// Width of the level.
    pub pixels: usize,
    /// The distances.
    pub distance: Beside<Estimate>,
}

/// Of distances to the nearest portrait.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Of the nearest hundredth.
    pub first_percentile: Estimate,
    /// Of half of them.
    pub median: Estimate,
}

impl Quantiles {
    /// Of these distances.
    pub fn of(distances: &[f32]) -> Self {
        Self {
            first_percentile: Estimate::bootstrap(distances, |d| quantile(d, 0.01)),
            median: Estimate::bootstrap(distances, median),
        }
    }
}

/// All figures.
#[derive(Debug, Serialize)]
pub struct GanReport {
    /// Which generator: the file or the pack's folder.
    pub generator: String,
    /// Width of its pictures.
    pub pixels: usize,
    /// Pictures drawn for each figure.
    pub samples: usize,
    /// Portraits to compare with.
    pub portraits: usize,
    /// How often the distance was measured.
    pub draws: usize,
    /// Sliced Wasserstein distances, the finest level first.
    pub swd: Vec<LevelDistance>,
    /// Their mean over the levels.
    pub swd_mean: Beside<Estimate>,
    /// Mean similarity of random pairs: the lower, the more diverse.
    pub ms_ssim: Beside<Estimate>,
    /// Root mean square over normalised 32x32 pictures; portraits: to those of other people.
    pub nearest: Beside<Quantiles>,
    /// Pictures in which the detector sees exactly one face.
    pub one_face: Beside<Share>,
}

impl fmt::Display for GanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pixels, samples, portraits, draws, .. } = self;
        writeln!(f, "{}: {pixels} pixels, {samples} samples, {portraits} portraits, {draws} draws", self.generator)?;
        writeln!(f, "{:34} {:26} portraits", "[95 % interval]", "samples")?;
        let mut row =
            |name: &str, values: Beside<String>| writeln!(f, "{name:34} {:26} {}", values.samples, values.portraits);
        let text = |v: &Beside<Estimate>, digits: usize| Beside {
            samples: format!("{:.digits$}", v.samples),
            portraits: format!("{:.digits$}", v.portraits),
        };
        for level in &self.swd {
            row(&format!("SWD x1000 at {} px (two halves)", level.pixels), text(&level.distance, 1))?;
        }
        row("SWD x1000, mean (two halves)", text(&self.swd_mean, 1))?;
        row("MS-SSIM of random pairs", text(&self.ms_ssim, 3))?;
        let Beside { samples, portraits } = &self.nearest;
        let of = |of: &dyn Fn(&Quantiles) -> Estimate| Beside { samples: of(samples), portraits: of(portraits) };
        row("nearest (other person), 1st perc.", text(&of(&|q| q.first_percentile), 3))?;
        row("nearest (other person), median", text(&of(&|q| q.median), 3))?;
        let faces =
            Beside { samples: self.one_face.samples.to_string(), portraits: self.one_face.portraits.to_string() };
        let Beside { samples, portraits } = faces;
        write!(f, "{:34} {samples:26} {portraits}", "exactly one face")
    }
}
