//! The baseline: the mean latent of all that fit the features, by ridge regression.

use super::pairs::{ScoredPair, ScoredPairs};
use anyhow::{Context, Result};
use nn::{Dense, Init, Layer, Unset};

/// The layer from the first `numbers` scores to the latent; the penalty is the best of a few on the held-out pairs.
///
/// # Errors
/// If the normal equations cannot be solved.
pub fn fit(train: &ScoredPairs, held: &ScoredPairs, numbers: usize) -> Result<Dense> {
    let (rows, held) = (train.found(), held.found());
    let size = rows.first().map_or(0, |r| r.latent.len());
    let mut layer = Dense::new("ridge", numbers, size, Init::Zero, &mut Unset);

    // Covariances of the scores with each other and with the latent.
    let n = rows.len() as f64;
    let mut gram = vec![0.0f64; numbers * numbers];
    let mut mixed = vec![0.0f64; numbers * size];
    for row in &rows {
        for i in 0..numbers {
            let s = f64::from(row.scores[i]);
            (0..numbers).for_each(|j| gram[i * numbers + j] += s * f64::from(row.scores[j]) / n);
            let to = &mut mixed[i * size..(i + 1) * size];
            to.iter_mut().zip(&row.latent).for_each(|(m, z)| *m += s * f64::from(*z) / n);
        }
    }

    // The penalty that does best on pairs held out.
    let mut best = f64::INFINITY;
    for penalty in [0.01, 0.03, 0.1, 0.3] {
        let mut a = gram.clone();
        (0..numbers).for_each(|i| a[i * numbers + i] += penalty);
        let weight = solve(a, mixed.clone(), numbers, size).context("the features' covariance is singular")?;
        let error = held.iter().map(|r| squared_error(&weight, r, numbers)).sum::<f64>();
        if error < best {
            best = error;
            layer.params_mut()[0].value = weight.iter().map(|w| *w as f32).collect();
        }
    }
    Ok(layer)
}

fn squared_error(weight: &[f64], row: &ScoredPair, numbers: usize) -> f64 {
    let size = row.latent.len();
    let predicted = |k: usize| (0..numbers).map(|i| f64::from(row.scores[i]) * weight[i * size + k]).sum::<f64>();
    (0..size).map(|k| (predicted(k) - f64::from(row.latent[k])).powi(2)).sum()
}

/// Solves A X = B for symmetric positive definite A (Cholesky). `None` if it is not.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>, n: usize, columns: usize) -> Option<Vec<f64>> {
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            a[i * n + j] = if i == j { Some(rest).filter(|r| *r > 0.0)?.sqrt() } else { rest / a[j * n + j] };
        }
    }
    // First L, from the top; then its transpose, from the bottom.
    for pass in 0..2 {
        for step in 0..n {
            let i = if pass == 0 { step } else { n - 1 - step };
            for k in if pass == 0 { 0..i } else { i + 1..n } {
                let factor = if pass == 0 { a[i * n + k] } else { a[k * n + i] };
                for c in 0..columns {
                    b[i * columns + c] -= factor * b[k * columns + c];
                }
            }
            b[i * columns..(i + 1) * columns].iter_mut().for_each(|v| *v /= a[i * n + i]);
        }
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_and_refuses_what_is_not_positive() {
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], vec![8.0, 1.0, 7.0, 2.0], 2, 2).unwrap();
        let expected = [1.25, -0.125, 1.5, 0.75];
        assert!(x.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{x:?}");
        assert!(solve(vec![1.0, 2.0, 2.0, 1.0], vec![0.0; 2], 2, 1).is_none());
    }
}
