//! Gradient penalties of the discriminator without second derivatives.
//!
//! With `g = dD/dx` and any direction `v`, `d/dtheta (v . g) = d/dtheta [D(x + e v) - D(x - e v)] / 2e` with `v` held
//! fixed: two more passes, in place of a derivative of the backward pass. Their leaky ReLUs stay on the sides where they
//! are at `x`; so, but for the batch's standard deviation, all is linear along the step and the quotient exact.

use super::discriminator::{Discriminator, DiscriminatorTape};
use nn::Tensor;

/// Root mean square of the step, in units of pictures that go from -1 to 1: f32 resolves the difference well, and the
/// batch's standard deviation is still straight along it.
const STEP: f32 = 1e-2;

/// Adds the gradient of `weight / 2 * mean |g|^2` (R1, Mescheder et al. 2018) at pictures `x`; gives `mean |g|^2`.
pub fn add_r1(d: &Discriminator, x: &Tensor, lod: f32, weight: f32, grads: &mut [Vec<f32>]) -> f32 {
    let (held, g) = slope(d, x, lod);
    let mean = g.data.iter().map(|v| v * v).sum::<f32>() / x.n() as f32;
    add_directional(d, (x, &held), &g, lod, weight / x.n() as f32, grads);
    mean
}

/// Adds the gradient of `weight * mean (|g| - 1)^2` (WGAN-GP, Gulrajani et al. 2017); gives the mean.
pub fn add_wgan_gp(d: &Discriminator, x: &Tensor, lod: f32, weight: f32, grads: &mut [Vec<f32>]) -> f32 {
    let (held, mut g) = slope(d, x, lod);
    let len = g.row_len();
    let mut mean = 0.0;
    for g in g.data.chunks_exact_mut(len) {
        let norm = g.iter().map(|v| v * v).sum::<f32>().sqrt();
        mean += (norm - 1.0).powi(2) / x.n() as f32;
        g.iter_mut().for_each(|v| *v *= (norm - 1.0) / norm.max(1e-6));
    }
    add_directional(d, (x, &held), &g, lod, 2.0 * weight / x.n() as f32, grads);
    mean
}

/// The pass at `x`, and the gradient of the sum of its scores with respect to the pictures.
fn slope(d: &Discriminator, x: &Tensor, lod: f32) -> (DiscriminatorTape, Tensor) {
    let tape = d.forward_tape(x, lod);
    let g = d.backward(&tape, &vec![1.0; x.n()], None);
    (tape, g)
}

/// Adds `factor * d/dtheta (v . dD/dx)`.
fn add_directional(
    d: &Discriminator,
    (x, held): (&Tensor, &DiscriminatorTape),
    v: &Tensor,
    lod: f32,
    factor: f32,
    grads: &mut [Vec<f32>],
) {
    let rms = (v.data.iter().map(|v| v * v).sum::<f32>() / v.len().max(1) as f32).sqrt();
    if rms == 0.0 || !rms.is_finite() {
        return;
    }
    let e = STEP / rms;
    // Apart from the other gradients: both passes are large and nearly cancel.
    let mut difference = nn::grads_like(&d.params());
    for sign in [1.0, -1.0] {
        let data = x.data.iter().zip(&v.data).map(|(x, v)| x + sign * e * v).collect();
        let tape = d.forward_held(&Tensor::new(x.shape, data), lod, Some(held));
        d.backward_held(&tape, Some(held), &vec![sign; x.n()], Some(&mut difference));
    }
    let factor = factor / (2.0 * e);
    for (g, d) in grads.iter_mut().zip(difference) {
        g.iter_mut().zip(d).for_each(|(g, d)| *g += factor * d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use nn::Rng;

    /// `d (|g| - 1)^2 = 2 (|g| - 1) / |g| * d (|g|^2 / 2)`, and the latter is checked against PyTorch.
    #[test]
    fn wgan_gradient_of_one_picture_is_that_of_r1_times_a_factor() {
        let config = Config { resolution: 8, fmap_base: 32, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let mut rng = Rng::new(3);
        let d = Discriminator::new(config, &mut rng);
        let x = Tensor::new([1, 8, 8, 3], rng.normals(8 * 8 * 3));
        let (mut wgan, mut r1) = (nn::grads_like(&d.params()), nn::grads_like(&d.params()));
        let penalty = add_wgan_gp(&d, &x, 0.0, 10.0, &mut wgan);
        let norm = add_r1(&d, &x, 0.0, 1.0, &mut r1).sqrt();
        assert!((penalty - (norm - 1.0).powi(2)).abs() < 1e-5);
        let factor = 20.0 * (norm - 1.0) / norm;
        let size = r1.iter().flatten().fold(0.0f32, |a, v| a.max(v.abs())) * factor.abs();
        for (w, r) in wgan.iter().flatten().zip(r1.iter().flatten()) {
            assert!((w - factor * r).abs() < 1e-3 * size, "{w} against {}", factor * r);
        }
    }

    #[test]
    fn following_the_gradient_lowers_the_penalty() {
        let config = Config { resolution: 8, fmap_base: 32, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let mut rng = Rng::new(4);
        let mut d = Discriminator::new(config, &mut rng);
        let x = Tensor::new([8, 8, 8, 3], rng.normals(8 * 8 * 8 * 3));
        let (mut first, mut last) = (None, 0.0);
        for _ in 0..60 {
            let mut grads = nn::grads_like(&d.params());
            last = add_wgan_gp(&d, &x, 0.0, 1.0, &mut grads);
            first.get_or_insert(last);
            for (p, g) in d.params_mut().into_iter().zip(&grads) {
                p.value.iter_mut().zip(g).for_each(|(v, g)| *v -= 0.02 * g);
            }
        }
        assert!(last < 0.85 * first.unwrap(), "{last} from {first:?}");
    }
}
