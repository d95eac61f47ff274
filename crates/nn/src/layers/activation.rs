//! Functions of one pixel.

use super::Layer;
use crate::Tensor;

/// `x` above 0, `0.2 x` below (PG-GAN, appendix A).
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu;

impl LeakyRelu {
    /// The factor below 0.
    pub const SLOPE: f32 = 0.2;
}

impl Layer for LeakyRelu {
    fn forward(&self, x: &Tensor) -> Tensor {
        Tensor::new(x.shape, x.data.iter().map(|&v| v.max(Self::SLOPE * v)).collect())
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let slope = |&v: &f32| if v > 0.0 { 1.0 } else { Self::SLOPE };
        Tensor::new(x.shape, x.data.iter().zip(&dy.data).map(|(v, d)| d * slope(v)).collect())
    }
}

/// Divides every pixel's vector by its root mean square (PG-GAN, section 4.2): `x / sqrt(mean(x^2) + 1e-8)`.
#[derive(Clone, Copy, Debug)]
pub struct PixelNorm;

fn inverse_rms(x: &[f32]) -> f32 {
    1.0 / (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32 + 1e-8).sqrt()
}

impl Layer for PixelNorm {
    fn forward(&self, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        for pixel in y.data.chunks_exact_mut(x.c()) {
            let r = inverse_rms(pixel);
            pixel.iter_mut().for_each(|v| *v *= r);
        }
        y
    }

    fn backward(&self, x: &Tensor, y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let mut dx = dy.clone();
        let c = x.c();
        for ((dx, x), y) in dx.data.chunks_exact_mut(c).zip(x.data.chunks_exact(c)).zip(y.data.chunks_exact(c)) {
            let r = inverse_rms(x);
            let along = dx.iter().zip(y).map(|(d, y)| d * y).sum::<f32>() / c as f32;
            dx.iter_mut().zip(y).for_each(|(d, y)| *d = r * (*d - along * y));
        }
        dx
    }
}
