//! Statistics of figures that are reported: means, shares, correlations, and how sure they are.

use nn::Rng;
use serde::Serialize;
use std::fmt;

/// A share of cases, with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// Cases for which it holds.
    pub count: usize,
    /// Cases in all.
    pub of: usize,
    /// `count / of`.
    pub share: f64,
    /// Lower end of the interval (Wilson).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Share {
    /// Wilson's score interval at 95 %; the whole of [0, 1] without cases.
    pub fn new(count: usize, of: usize) -> Self {
        let (k, n, z) = (count as f64, of as f64, 1.96f64);
        if of == 0 {
            return Self { count, of, share: 0.0, low: 0.0, high: 1.0 };
        }
        let p = k / n;
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Self { count, of, share: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [share, low, high] = [self.share, self.low, self.high].map(|v| 100.0 * v);
        write!(f, "{share:.1} % [{low:.1}, {high:.1}] ({} of {})", self.count, self.of)
    }
}

/// Two-sided 95 % points of Student's distribution for 1, 2, ... degrees of freedom.
const STUDENT: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/// A figure and its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval; NaN (`null`) where a single draw cannot tell.
    pub low: f64,
    /// Upper end, likewise.
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

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3);
        write!(f, "{:.digits$}", self.value)?;
        if self.low.is_finite() { write!(f, " [{:.digits$}, {:.digits$}]", self.low, self.high) } else { Ok(()) }
    }
}

/// Resamples.
const RESAMPLES: usize = 1000;

/// The 95 % interval of `statistic` when the cases are drawn anew, with replacement, from those that we have.
///
/// Always the same for the same cases. `(NaN, NaN)` without cases.
pub fn interval<T: Clone>(cases: &[T], statistic: impl Fn(&[T]) -> f32) -> (f32, f32) {
    if cases.is_empty() {
        return (f32::NAN, f32::NAN);
    }
    let mut rng = Rng::new(0x0B00_7574);
    let mut drawn = cases.to_vec();
    let mut values: Vec<f32> = (0..RESAMPLES)
        .map(|_| {
            drawn.iter_mut().for_each(|d| d.clone_from(&cases[rng.below(cases.len())]));
            statistic(&drawn)
        })
        .collect();
    values.sort_by(f32::total_cmp);
    (values[RESAMPLES / 40], values[RESAMPLES - 1 - RESAMPLES / 40])
}

/// The mean; NaN of nothing.
pub fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// The middle value; NaN of nothing.
pub fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    match sorted.len() {
        0 => f32::NAN,
        n => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    }
}

/// Pearson's correlation; `None` where one side does not vary.
pub fn correlation(pairs: &[(f32, f32)]) -> Option<f32> {
    let n = pairs.len() as f32;
    let (ma, mb) = (pairs.iter().map(|p| p.0).sum::<f32>() / n, pairs.iter().map(|p| p.1).sum::<f32>() / n);
    let sum = |f: &dyn Fn(f32, f32) -> f32| pairs.iter().map(|(a, b)| f(a - ma, b - mb)).sum::<f32>();
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (spread > 1e-9).then(|| sum(&|a, b| a * b) / spread)
}

/// The value below which this share of the values lies, interpolated; NaN of nothing.
pub fn quantile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f32::NAN };
    let at = share * last as f32;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(last)]);
    low + (high - low) * at.fract()
}

/// Root mean square; 0 of nothing.
pub fn root_mean_square(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, n) = values.fold((0.0f64, 0u64), |(sum, n), v| (sum + f64::from(v) * f64::from(v), n + 1));
    (sum / n.max(1) as f64).sqrt() as f32
}

/// A distance of ticks on an axis: the least of 1, 2 and 5 times a power of ten that is `least` or more, which is above 0.
pub fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= least * 0.999).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_no_smaller_than_asked_for() {
        let steps = [0.03, 0.25, 1.0, 1.2, 25.0, 70.0].map(round_step);
        assert_eq!(steps.map(|s| (s * 100.0).round() / 100.0), [0.05, 0.5, 1.0, 2.0, 50.0, 100.0]);
    }

    #[test]
    fn interval_of_a_mean_is_two_standard_errors_wide() {
        let mut rng = Rng::new(1);
        let values: Vec<f32> = (0..400).map(|_| 5.0 + rng.normal()).collect();
        let (low, high) = interval(&values, mean);
        assert!(low < mean(&values) && mean(&values) < high);
        assert!((high - low - 4.0 / 20.0).abs() < 0.05, "{low} to {high}");
    }

    #[test]
    fn median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan() && interval(&[], mean).0.is_nan());
    }

    #[test]
    fn correlation_is_that_of_pearson() {
        let line: Vec<(f32, f32)> = (0..9).map(|i| (i as f32, 3.0 - 2.0 * i as f32)).collect();
        assert!((correlation(&line).unwrap() + 1.0).abs() < 1e-6);
        // By hand: sums of squares 2 and 6, of products 2.
        let three = [(0.0, 1.0), (1.0, 4.0), (2.0, 3.0)];
        assert!((correlation(&three).unwrap() - 2.0 / (2.0f32 * 14.0 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(correlation(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn wilson_interval_is_the_published_one() {
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
        let share = Share::new(81, 263);
        assert!((share.low - 0.2553).abs() < 1e-4 && (share.high - 0.3662).abs() < 1e-4, "{share:?}");
        assert!(Share::new(0, 20).low == 0.0 && Share::new(20, 20).high > 0.999);
        assert!(Share::new(0, 0).high == 1.0);
    }

    #[test]
    fn draws_give_students_interval() {
        let e = Estimate::of_draws(&[9.0, 11.0]);
        assert!((e.value - 10.0).abs() < 1e-9 && (e.high - 10.0 - 12.706).abs() < 1e-3, "{e}");
        assert!(Estimate::of_draws(&[9.0]).low.is_nan());
        assert_eq!(format!("{:.1}", Estimate::of_draws(&[9.0])), "9.0");
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.25), 1.5);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 1.0), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
