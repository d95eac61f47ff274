//! 2-D convolution, forward and backward, by whichever algorithm suits its shape.
//!
//! Pictures are `[n, h, w, c]`, weights `[k, k, c_in, c_out]`; a correlation (no kernel flip) with zero padding.

use crate::bf16::Precision;
use crate::conv_shape::ConvShape;
use crate::epilogue::Epilogue;
use crate::matmul::{MatRef, matmul};
use crate::pictures::ConvWeights;
use crate::schemes::{Same, SameSmall};
use crate::simd::Isa;
use crate::winograd::WinogradKernels;
use crate::{direct, winograd};
use rayon::prelude::*;
use std::sync::OnceLock;

/// What is made once for all calls. Making it uses the pool, whose threads may come to the same place meanwhile by other work that they take up:
/// to wait for each other in a lock, they would wait for themselves. So two may make it, and the first stays.
pub(crate) fn laid_out<T>(slot: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if slot.get().is_none() {
        drop(slot.set(make()));
    }
    slot.get_or_init(|| unreachable!("it was set"))
}

/// Output pixels whose gradients are scattered at a time.
const BLOCK: usize = 256;

/// Output pixels whose gradients a task adds up for the bias.
const PIXELS: usize = 4096;

/// How a convolution is done.
enum Algorithm {
    /// In tiles of 4x4 outputs.
    Winograd,
    /// In tiles of 2x2.
    WinogradSmall,
    /// As a product over gathered patches.
    Direct,
}

/// Maps on either side below which there is no Winograd's domain: more than half of every block of sixteen would be zeros.
const FEWEST_MAPS: usize = 8;

/// Tiles below which a scheme does not pay, for its kernels are read for too few rows. 8x8 pixels of 512 maps, which are 4 tiles of 4x4
/// or 16 of 2x2, took 1.8 ms in the former and 0.9 ms in the latter.
const FEWEST_TILES: usize = 12;

impl Algorithm {
    /// The one that pays for a shape.
    fn of(shape: &ConvShape) -> Self {
        if shape.stride > 1 || shape.kernel != 3 || shape.c_in < FEWEST_MAPS || shape.c_out < FEWEST_MAPS {
            return Self::Direct;
        }
        // Winograd's kernels are the larger the larger its tiles, and all of them are read.
        let (h, w) = shape.out_size();
        let tiles = |side: usize| shape.n * h.div_ceil(side) * w.div_ceil(side);
        match (tiles(2), tiles(4)) {
            (_, FEWEST_TILES..) => Self::Winograd,
            (FEWEST_TILES.., _) => Self::WinogradSmall,
            _ => Self::Direct,
        }
    }
}

/// The kernels of a convolution, laid out once for whichever algorithms run it.
pub struct ConvFilter {
    isa: Isa,
    /// `[k, k, c_in, c_out]`, or `[k, k, c_out, c_in]` where turned.
    weight: Vec<f32>,
    /// By 180 degrees, from outputs to inputs: the gradient of the input of a convolution that keeps the size.
    turned: bool,
    direct: OnceLock<direct::DirectKernels>,
    winograd: OnceLock<WinogradKernels<Same>>,
    small: OnceLock<WinogradKernels<SameSmall>>,
}

impl ConvFilter {
    /// From kernels `[k, k, c_in, c_out]`.
    pub fn new(isa: Isa, weight: Vec<f32>) -> Self {
        let (direct, winograd, small) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { isa, weight, turned: false, direct, winograd, small }
    }

    /// The convolution that makes gradients of the input from gradients of the output, where the size stays; from the
    /// same kernels.
    pub fn turned(isa: Isa, weight: Vec<f32>) -> Self {
        Self { turned: true, ..Self::new(isa, weight) }
    }

    /// `y = epilogue(x * kernels)`
    ///
    /// # Panics
    /// If a length does not fit the geometry.
    pub fn forward(&self, g: ConvShape, x: &[f32], y: &mut [f32], epilogue: Epilogue) {
        assert_eq!(self.weight.len(), g.patch() * g.c_out, "weights of {g:?}");
        let weights = ConvWeights { weight: &self.weight, c_in: g.c_in, c_out: g.c_out, turned: self.turned };
        match Algorithm::of(&g) {
            Algorithm::Winograd => {
                let kernels = laid_out(&self.winograd, || WinogradKernels::new(self.isa, weights, Precision::F32));
                winograd::forward(self.isa, kernels, g, x, y, epilogue);
            }
            Algorithm::WinogradSmall => {
                let kernels = laid_out(&self.small, || WinogradKernels::new(self.isa, weights, Precision::F32));
                winograd::forward(self.isa, kernels, g, x, y, epilogue);
            }
            Algorithm::Direct => {
                let kernels = laid_out(&self.direct, || direct::DirectKernels::new(weights));
                direct::forward(self.isa, kernels, g, x, y, epilogue);
            }
        }
    }
}

/// `dx`: the gradient with respect to the input of a convolution that does not keep the size (for one that does, see
/// [`ConvFilter::turned`]).
///
/// # Panics
/// If a length does not fit the geometry.
pub fn conv2d_backward_data(g: ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    g.check(dx.len(), weight.len(), dy.len());
    let (k, ci, co) = (g.patch(), g.c_in, g.c_out);
    // Scattered, one picture a task: patches of neighbouring output pixels overlap.
    let (oh, ow) = g.out_size();
    let per_picture = oh * ow;
    dx.par_chunks_mut(g.h * g.w * ci).zip(dy.par_chunks(per_picture * co)).for_each_init(
        Vec::new,
        |patches: &mut Vec<f32>, (dx, dy)| {
            dx.fill(0.0);
            patches.resize(BLOCK * k, 0.0);
            for first in (0..per_picture).step_by(BLOCK) {
                let rows = BLOCK.min(per_picture - first);
                let dy = &dy[first * co..][..rows * co];
                matmul(patches, MatRef::new(dy, rows, co), MatRef::new(weight, k, co).t(), false);
                for (i, row) in patches.chunks_exact(k).take(rows).enumerate() {
                    g.tap_rows(first + i, |tap, taps, at| {
                        for (d, v) in dx[at..at + taps * ci].iter_mut().zip(&row[tap * ci..]) {
                            *d += v;
                        }
                    });
                }
            }
        },
    );
}

/// Adds the gradients of weights and bias to `dweight` and `dbias`. The sums do not depend on the number of threads.
///
/// # Panics
/// If a length does not fit the geometry.
pub fn conv2d_backward_weight(g: ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32], dbias: &mut [f32]) {
    g.check(x.len(), dweight.len(), dy.len());
    assert_eq!(dbias.len(), g.c_out);
    add_bias_gradient(dy, dbias);
    backward_weight(Isa::current(), g, x, dy, dweight);
}

/// Adds up the gradients of the outputs of each map.
pub(crate) fn add_bias_gradient(dy: &[f32], dbias: &mut [f32]) {
    let maps = dbias.len();
    // A fixed number of pixels a part, summed in order.
    let sums = dy.par_chunks(PIXELS * maps).map(|part| {
        let mut sums = vec![0.0; maps];
        for row in part.chunks_exact(maps) {
            sums.iter_mut().zip(row).for_each(|(b, v)| *b += v);
        }
        sums
    });
    for sums in sums.collect::<Vec<_>>() {
        dbias.iter_mut().zip(sums).for_each(|(b, v)| *b += v);
    }
}

fn backward_weight(isa: Isa, g: ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    match Algorithm::of(&g) {
        Algorithm::Winograd => winograd::backward_weight::<Same>(isa, g, x, dy, dweight),
        Algorithm::WinogradSmall => winograd::backward_weight::<SameSmall>(isa, g, x, dy, dweight),
        Algorithm::Direct => direct::backward_weight(isa, g, x, dy, dweight),
    }
}

#[cfg(test)]
mod tests;
