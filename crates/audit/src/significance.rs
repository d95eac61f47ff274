//! Whether two groups differ, or only happen to: tests, and what is left of many of them.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::factorial::ln_factorial;

/// The probability of a table at least as unlikely as this one where two groups have the same share (Fisher's exact test, two-sided): `a` of `n`
/// have it in one, `b` of `m` in the other.
pub fn fisher(a: u64, n: u64, b: u64, m: u64) -> f64 {
    let ln_choose = |n: u64, k: u64| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let with = a + b;
    let ln_p = |k: u64| ln_choose(n, k) + ln_choose(m, with - k) - ln_choose(n + m, with);
    let found = ln_p(a);
    let possible = with.saturating_sub(m)..=with.min(n);
    // As unlikely as this one, but for rounding.
    let p: f64 = possible.map(ln_p).filter(|ln| *ln <= found + 1e-7).map(f64::exp).sum();
    p.min(1.0)
}

/// The probability of means at least so far apart where two groups have the same (Welch's test, two-sided). `None` where neither varies, or of fewer
/// than two.
pub fn welch(one: &[f32], other: &[f32]) -> Option<f64> {
    let (one, other) = (Moments::of(one)?, Moments::of(other)?);
    let (v, w) = (one.variance / one.n, other.variance / other.n);
    student(one.mean - other.mean, v + w, (v + w).powi(2) / (v * v / (one.n - 1.0) + w * w / (other.n - 1.0)))
}

/// The probability of a mean at least so far from 0 where it is 0 (Student's test, two-sided). `None` likewise.
pub fn differs_from_0(values: &[f32]) -> Option<f64> {
    let Moments { n, mean, variance } = Moments::of(values)?;
    student(mean, variance / n, n - 1.0)
}

fn student(difference: f64, squared_error: f64, freedom: f64) -> Option<f64> {
    if squared_error <= 0.0 {
        return None;
    }
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some((2.0 * t.cdf(-(difference / squared_error.sqrt()).abs())).min(1.0))
}

struct Moments {
    n: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f32]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Some(Self { n, mean, variance })
    }
}

/// The q-values of many tests: if those below a bound are believed, so large a share of them is wrong at most, in the mean (Benjamini and Hochberg
/// 1995). In the order of the tests.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let (mut q, mut least) = (vec![1.0; p.len()], 1.0f64);
    for (from_last, i) in order.into_iter().enumerate() {
        let rank = p.len() - from_last;
        least = least.min(p[i] * p.len() as f64 / rank as f64);
        q[i] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn fisher_agrees_with_known_tables() {
        // The lady who tasted tea, and three more; summed up with whole numbers in Python.
        for ((a, n, b, m), expected) in
            [((3, 4, 1, 4), 0.485_714), ((1, 10, 11, 14), 0.002_759), ((0, 5, 0, 9), 1.0), ((10, 15, 3, 20), 0.003_833)]
        {
            let p = fisher(a, n, b, m);
            assert!((p - expected).abs() < 2e-6, "{a}/{n}, {b}/{m}: {p}");
        }
    }

    #[test]
    fn welch_agrees_with_a_known_case_and_students_with_itself() {
        // R: t.test(c(1,2,3,4,5), c(3,4,5,6,7,8)): t = -2.4019, df = 8.9819, p = 0.03982.
        let p = welch(&[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).unwrap();
        assert!((p - 0.0398).abs() < 5e-4, "{p}");
        // R: t.test(c(1,2,3,4,5)): t = 4.2426, df = 4, p = 0.01324.
        let p = differs_from_0(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((p - 0.013_24).abs() < 1e-4, "{p}");
        assert_eq!((welch(&[1.0, 1.0], &[1.0, 1.0]), differs_from_0(&[1.0])), (None, None));
    }

    #[test]
    fn of_many_tests_of_nothing_hardly_any_is_believed() {
        // statsmodels: multipletests([0.01, 0.04, 0.03, 0.005], method="fdr_bh").
        let q = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005]);
        assert!(q.iter().zip([0.02, 0.04, 0.04, 0.02]).all(|(a, b)| (a - b).abs() < 1e-12), "{q:?}");

        let mut rng = Rng::new(3);
        let mut believed = 0;
        for _ in 0..40 {
            let p: Vec<f64> = (0..50).filter_map(|_| welch(&rng.normals(30), &rng.normals(60))).collect();
            believed += usize::from(benjamini_hochberg(&p).iter().any(|q| *q < 0.05));
        }
        assert!(believed <= 6, "{believed} of 40 audits of nothing found something");
    }
}
