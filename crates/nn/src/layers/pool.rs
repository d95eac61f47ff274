//! Changes of resolution.

use super::activation::TASK;
use crate::{Layer, Tensor};
use rayon::prelude::*;

/// Nearest-neighbour enlargement to twice the height and width.
#[derive(Clone, Copy, Debug)]
pub struct Upsample;

/// Mean of every 2x2 square; height and width must be even.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool;

/// Mean over all pixels: `[n, 1, 1, c]`.
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool;

/// Every pixel repeated 2x2, times `factor`.
fn repeat(x: &Tensor, factor: f32) -> Tensor {
    let [n, h, w, c] = x.shape;
    let mut y = Tensor::zeros([n, 2 * h, 2 * w, c]);
    let rows = y.data.par_chunks_exact_mut((2 * w * c).max(1)).with_min_len(TASK / (2 * w * c).max(1));
    rows.enumerate().for_each(|(i, row)| {
        let source = &x.data[i / 2 * w * c..][..w * c];
        for (pair, pixel) in row.chunks_exact_mut(2 * c).zip(source.chunks_exact(c)) {
            for half in pair.chunks_exact_mut(c) {
                half.iter_mut().zip(pixel).for_each(|(y, x)| *y = factor * x);
            }
        }
    });
    y
}

/// Every 2x2 square summed, times `factor`.
fn sum_squares(x: &Tensor, factor: f32) -> Tensor {
    let [n, h, w, c] = x.shape;
    assert!(h % 2 == 0 && w % 2 == 0, "2x2 squares need an even size, not {h} x {w}");
    let mut y = Tensor::zeros([n, h / 2, w / 2, c]);
    let len = (w * c).max(1);
    let rows = y.data.par_chunks_exact_mut((len / 2).max(1)).zip(x.data.par_chunks_exact(2 * len));
    rows.with_min_len(TASK / len).for_each(|(row, source)| {
        let (above, below) = source.split_at(len);
        let pairs = above.chunks_exact(2 * c).zip(below.chunks_exact(2 * c));
        for (pixel, (above, below)) in row.chunks_exact_mut(c).zip(pairs) {
            for (k, y) in pixel.iter_mut().enumerate() {
                *y = factor * (above[k] + above[c + k] + below[k] + below[c + k]);
            }
        }
    });
    y
}

impl Layer for Upsample {
    fn forward(&self, x: &Tensor) -> Tensor {
        repeat(x, 1.0)
    }

    fn backward(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        sum_squares(dy, 1.0)
    }
}

impl Layer for AvgPool {
    fn forward(&self, x: &Tensor) -> Tensor {
        sum_squares(x, 0.25)
    }

    fn backward(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        repeat(dy, 0.25)
    }
}

impl Layer for GlobalAvgPool {
    fn forward(&self, x: &Tensor) -> Tensor {
        let [n, h, w, c] = x.shape;
        let mut y = Tensor::zeros([n, 1, 1, c]);
        for (y, picture) in y.data.chunks_exact_mut(c).zip(x.rows()) {
            for pixel in picture.chunks_exact(c) {
                y.iter_mut().zip(pixel).for_each(|(y, x)| *y += x / (h * w) as f32);
            }
        }
        y
    }

    fn backward(&self, x: &Tensor, _y: &Tensor, dy: &Tensor, _grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let [_, h, w, c] = x.shape;
        let mut dx = Tensor::zeros(x.shape);
        for (picture, dy) in dx.data.chunks_exact_mut(h * w * c).zip(dy.data.chunks_exact(c)) {
            for pixel in picture.chunks_exact_mut(c) {
                pixel.iter_mut().zip(dy).for_each(|(x, y)| *x = y / (h * w) as f32);
            }
        }
        dx
    }
}
