//! How sure a figure is: bootstrap confidence intervals.

use nn::Rng;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
