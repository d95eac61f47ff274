//! The figures of a generator as people and programs read them.

use super::{Share, interval, median, quantile};
use serde::Serialize;
use std::fmt;

/// Two-sided 95 % points of Student's distribution for 1, 2, ... degrees of freedom.
const STUDENT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/// A figure and its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    pub value: f64,
    /// NaN (`null`) where a single draw cannot tell.
    pub low: f64,
    pub high: f64,
}

impl Estimate {
    /// The mean of repeated draws, with Student's interval of that mean.
    pub fn of_draws(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0);
        let point = match values.len() {
            0 | 1 => f64::NAN,
            n => STUDENT.get(n - 2).copied().unwrap_or(2.2),
        };
        let half = point * (variance / n).sqrt();
        Self { value, low: value - half, high: value + half }
    }

    /// A statistic of cases, with its bootstrap interval.
    pub fn bootstrap(cases: &[f32], statistic: impl Fn(&[f32]) -> f32) -> Self {
        let (low, high) = interval(cases, &statistic);
        Self { value: statistic(cases).into(), low: low.into(), high: high.into() }
    }
}

/// A figure of the samples and what portraits get.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Beside<T> {
    pub samples: T,
    pub portraits: T,
}

/// Sliced Wasserstein distance at one level, x1000: samples from portraits, and one half of the portraits from the other.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LevelDistance {
    pub pixels: usize,
    pub distance: Beside<Estimate>,
}

/// Of distances to the nearest portrait.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub first_percentile: Estimate,
    pub median: Estimate,
}

impl Quantiles {
    pub fn of(distances: &[f32]) -> Self {
        Self {
            first_percentile: Estimate::bootstrap(distances, |d| quantile(d, 0.01)),
            median: Estimate::bootstrap(distances, median),
        }
    }
}

/// All figures.
#[derive(Debug, Serialize)]
pub struct Report {
    pub generator: String,
    pub pixels: usize,
    pub samples: usize,
    pub portraits: usize,
    pub draws: usize,
    /// The finest level first.
    pub swd: Vec<LevelDistance>,
    pub swd_mean: Beside<Estimate>,
    pub ms_ssim: Beside<Estimate>,
    /// Root mean square over normalised 32x32 pictures; portraits: to those of other people.
    pub nearest: Beside<Quantiles>,
    pub one_face: Beside<Share>,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$}", self.value)?;
        if self.low.is_finite() { write!(f, " [{:.digits$}, {:.digits$}]", self.low, self.high) } else { Ok(()) }
    }
}

impl fmt::Display for Report {
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
        row("exactly one face", faces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_give_students_interval() {
        let e = Estimate::of_draws(&[9.0, 11.0]);
        assert!((e.value - 10.0).abs() < 1e-9 && (e.high - 10.0 - 12.706).abs() < 1e-3, "{e}");
        assert!(Estimate::of_draws(&[9.0]).low.is_nan());
        assert_eq!(format!("{:.1}", Estimate::of_draws(&[9.0])), "9.0");
    }
}
