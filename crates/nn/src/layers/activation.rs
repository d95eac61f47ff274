//! Functions of one pixel.

use crate::{Layer, Rng, Step, Tensor};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Values a task: enough to be worth handing to another thread.
pub(super) const TASK: usize = 1 << 15;

/// `x` above 0, `0.2 x` below (PG-GAN, appendix A).
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu;

impl LeakyRelu {
    /// The factor below 0.
    pub const SLOPE: f32 = kernels::LEAK;

    /// What the layer does to a gradient, and to any values whose sides are given: those where `sides` (the layer's
    /// input or output: both have the same sign) is not above 0 shrink.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn on_sides(mut values: Tensor, sides: &Tensor) -> Tensor {
        assert_eq!(values.shape, sides.shape, "sides of a leaky ReLU");
        let pairs = values.data.par_iter_mut().zip(&sides.data).with_min_len(TASK);
        pairs.for_each(|(v, &side)| *v *= if side > 0.0 { 1.0 } else { Self::SLOPE });
        values
    }
}

impl Layer for LeakyRelu {
    fn as_step(&self) -> Option<Step> {
        Some(Step::LeakyRelu)
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let f = |&v: &f32| v.max(Self::SLOPE * v);
        Tensor::new(x.shape, x.data.par_iter().with_min_len(TASK).map(f).collect())
    }

    fn backward(&self, _x: &Tensor, y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        Self::on_sides(dy.clone(), y)
    }
}

/// Sets a random share of the values to 0 and enlarges the others, so that their mean stays (Srivastava et al., JMLR 2014): for learning
/// only, a net in use has no such layer.
#[derive(Debug)]
pub struct Dropout {
    share: f32,
    /// Of the next mask.
    seed: AtomicU64,
}

impl Dropout {
    /// `share` of the values, at least 0 and less than 1.
    pub fn new(share: f32, seed: u64) -> Self {
        assert!((0.0..1.0).contains(&share), "a share to drop: {share}");
        Self { share, seed: AtomicU64::new(seed) }
    }
}

impl Layer for Dropout {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut rng = Rng::new(self.seed.fetch_add(1, Ordering::Relaxed));
        let kept = 1.0 / (1.0 - self.share);
        Tensor::new(x.shape, x.data.iter().map(|v| if rng.chance(self.share) { 0.0 } else { v * kept }).collect())
    }

    fn backward(&self, _x: &Tensor, y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let kept = 1.0 / (1.0 - self.share);
        let pairs = dy.data.iter().zip(&y.data);
        Tensor::new(dy.shape, pairs.map(|(d, y)| if *y == 0.0 { 0.0 } else { d * kept }).collect())
    }
}

/// Divides every pixel's vector by its root mean square (PG-GAN, section 4.2): `x / sqrt(mean(x^2) + 1e-8)`.
#[derive(Clone, Copy, Debug)]
pub struct PixelNorm;

fn inverse_rms(x: &[f32]) -> f32 {
    1.0 / (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32 + kernels::EPSILON).sqrt()
}

impl Layer for PixelNorm {
    fn as_step(&self) -> Option<Step> {
        Some(Step::PixelNorm)
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        y.data.par_chunks_exact_mut(x.c()).with_min_len(TASK / x.c()).for_each(|pixel| {
            let r = inverse_rms(pixel);
            pixel.iter_mut().for_each(|v| *v *= r);
        });
        y
    }

    fn backward(&self, x: &Tensor, y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let mut dx = dy.clone();
        let c = x.c();
        let pixels = dx.data.par_chunks_exact_mut(c).zip(x.data.par_chunks_exact(c)).zip(y.data.par_chunks_exact(c));
        pixels.with_min_len(TASK / c).for_each(|((dx, x), y)| {
            let r = inverse_rms(x);
            let along = dx.iter().zip(y).map(|(d, y)| d * y).sum::<f32>() / c as f32;
            dx.iter_mut().zip(y).for_each(|(d, y)| *d = r * (*d - along * y));
        });
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_leaves_the_mean_and_passes_gradients_where_it_passed_values() {
        let layer = Dropout::new(0.3, 5);
        let x = Tensor::new([1, 50, 50, 4], (0..10_000).map(|i| 1.0 + (i % 7) as f32).collect());
        let y = layer.forward(&x);
        let mean = |t: &Tensor| t.data.iter().sum::<f32>() / t.data.len() as f32;
        let dropped = y.data.iter().filter(|v| **v == 0.0).count();
        assert!((2_800..3_200).contains(&dropped) && (mean(&y) / mean(&x) - 1.0).abs() < 0.03, "{dropped}");
        // Linear, once the mask is drawn: the gradient times the input is the output.
        let dx = layer.backward(&x, &y, &Tensor::new(x.shape, vec![1.0; 10_000]), None);
        assert!(dx.data.iter().zip(&x.data).zip(&y.data).all(|((d, x), y)| (d * x - y).abs() < 1e-4));
        assert_ne!(layer.forward(&x).data, y.data, "every pass has a mask of its own");
        assert_eq!(Dropout::new(0.3, 5).forward(&x).data, y.data, "a seed repeats them");
    }
}
