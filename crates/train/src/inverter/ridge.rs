//! The baseline: the mean latent of all that fit the features, by ridge regression.

use super::pairs::{ScoredPair, ScoredPairs};
use crate::cholesky;
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
        let weight =
            cholesky::solve(a, mixed.clone(), numbers, size).context("the features' covariance is singular")?;
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
