//! The discriminator's look at variety.

use crate::{Layer, Tensor};

/// Appends one map: the standard deviation over a group of consecutive pictures, averaged over maps and pixels
/// (PG-GAN, section 3). `[n, h, w, c]` to `[n, h, w, c + 1]`; n must be a multiple of the group.
#[derive(Clone, Copy, Debug)]
pub struct MinibatchStddev {
    /// Pictures a group, 4 in the published networks.
    pub group: usize,
}

const EPSILON: f32 = 1e-8;

impl MinibatchStddev {
    /// Pictures a group, for a batch of `n`: a batch below the group's size is one group.
    fn size(&self, n: usize) -> usize {
        let size = self.group.min(n).max(1);
        assert!(n.is_multiple_of(size), "a batch of {n} does not divide into groups of {size}");
        size
    }

    /// For every value of a picture: mean and standard deviation over the group.
    fn moments(group: &[f32], len: usize, at: usize) -> (f32, f32) {
        let n = (group.len() / len) as f32;
        let mean = group.iter().skip(at).step_by(len).sum::<f32>() / n;
        let var = group.iter().skip(at).step_by(len).map(|v| (v - mean).powi(2)).sum::<f32>() / n;
        (mean, (var + EPSILON).sqrt())
    }
}

impl Layer for MinibatchStddev {
    fn forward(&self, x: &Tensor) -> Tensor {
        let [n, h, w, c] = x.shape;
        let (size, len) = (self.size(n), x.row_len());
        let mut y = Tensor::zeros([n, h, w, c + 1]);
        let groups = x.data.chunks_exact(size * len).zip(y.data.chunks_exact_mut(size * h * w * (c + 1)));
        for (x, y) in groups {
            let stddev = (0..len).map(|i| Self::moments(x, len, i).1).sum::<f32>() / len as f32;
            for (y, x) in y.chunks_exact_mut(c + 1).zip(x.chunks_exact(c)) {
                y[..c].copy_from_slice(x);
                y[c] = stddev;
            }
        }
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let [n, h, w, c] = x.shape;
        let (size, len) = (self.size(n), x.row_len());
        let mut dx = Tensor::zeros(x.shape);
        let groups = dx
            .data
            .chunks_exact_mut(size * len)
            .zip(x.data.chunks_exact(size * len))
            .zip(dy.data.chunks_exact(size * h * w * (c + 1)));
        for ((dx, x), dy) in groups {
            let d_stddev = dy.iter().skip(c).step_by(c + 1).sum::<f32>() / len as f32;
            for (dx, dy) in dx.chunks_exact_mut(c).zip(dy.chunks_exact(c + 1)) {
                dx.copy_from_slice(&dy[..c]);
            }
            for i in 0..len {
                let (mean, stddev) = Self::moments(x, len, i);
                for k in (i..size * len).step_by(len) {
                    dx[k] += d_stddev * (x[k] - mean) / (stddev * size as f32);
                }
            }
        }
        dx
    }
}
