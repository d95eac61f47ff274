//! 2-D convolution, forward and backward, by whichever algorithm suits its shape.
//!
//! Pictures are `[n, h, w, c]`, weights `[k, k, c_in, c_out]`; a correlation (no kernel flip) with zero padding.

use crate::bf16::Precision;
use crate::epilogue::Epilogue;
use crate::matmul::{MatRef, matmul};
use crate::pictures::Weights;
use crate::schemes::{Same, SameSmall};
use crate::simd::Isa;
use crate::winograd::Kernels;
use crate::{direct, winograd};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Output pixels whose gradients are scattered at a time.
const BLOCK: usize = 256;

/// Output pixels whose gradients a task adds up for the bias.
const PIXELS: usize = 4096;

/// The geometry of one convolution over a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2d {
    /// Pictures.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Input maps.
    pub c_in: usize,
    /// Output maps.
    pub c_out: usize,
    /// Kernel width and height.
    pub kernel: usize,
    /// Step between output pixels, in input pixels.
    pub stride: usize,
    /// Zero rows above and below, zero columns left and right.
    pub pad: (usize, usize),
}

impl Conv2d {
    /// Output height and width.
    pub fn out_size(&self) -> (usize, usize) {
        let size = |s: usize, pad: usize| (s + 2 * pad).saturating_sub(self.kernel) / self.stride + 1;
        (size(self.h, self.pad.0), size(self.w, self.pad.1))
    }

    /// A convolution of one tap: a product of a matrix of a row a pixel.
    pub fn pointwise(pixels: usize, c_in: usize, c_out: usize) -> Self {
        Self { n: 1, h: pixels, w: 1, c_in, c_out, kernel: 1, stride: 1, pad: (0, 0) }
    }

    pub(crate) fn patch(&self) -> usize {
        self.kernel * self.kernel * self.c_in
    }

    pub(crate) fn pixels(&self) -> usize {
        let (h, w) = self.out_size();
        self.n * h * w
    }

    /// Whether the size stays.
    pub fn same(&self) -> bool {
        self.stride == 1 && [self.pad.0, self.pad.1].iter().all(|pad| self.kernel == 2 * pad + 1)
    }

    /// Which algorithm pays.
    fn algorithm(&self) -> Algorithm {
        if self.stride > 1 || self.kernel != 3 || self.c_in < 8 || self.c_out < 8 {
            return Algorithm::Direct;
        }
        // Winograd's kernels are the larger the larger its tiles, and all of them are read.
        let (h, w) = self.out_size();
        let tiles = |side: usize| self.n * h.div_ceil(side) * w.div_ceil(side);
        match (tiles(2), tiles(4)) {
            (_, 12..) => Algorithm::Winograd,
            (12.., _) => Algorithm::WinogradSmall,
            _ => Algorithm::Direct,
        }
    }

    /// Calls `f(tap, taps, x_offset)` for every row of kernel taps of output pixel `p` that falls inside the picture, if only
    /// in part: neighbouring taps are neighbouring pixels.
    #[inline]
    pub(crate) fn tap_rows(&self, p: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = self.out_size();
        let (picture, oy, ox) = (p / (oh * ow), p / ow % oh, p % ow);
        let (top, left) = (oy * self.stride, ox * self.stride);
        let first = self.pad.1.saturating_sub(left);
        let end = self.kernel.min((self.w + self.pad.1).saturating_sub(left));
        for ky in 0..self.kernel {
            let y = (top + ky).wrapping_sub(self.pad.0);
            if y < self.h && first < end {
                let x = left + first - self.pad.1;
                f(ky * self.kernel + first, end - first, ((picture * self.h + y) * self.w + x) * self.c_in);
            }
        }
    }

    fn check(&self, x: usize, weight: usize, y: usize) {
        assert_eq!(x, self.n * self.h * self.w * self.c_in, "input of {self:?}");
        assert_eq!(weight, self.patch() * self.c_out, "weights of {self:?}");
        assert_eq!(y, self.pixels() * self.c_out, "output of {self:?}");
    }
}

/// How a convolution is done.
enum Algorithm {
    /// In tiles of 4x4 outputs.
    Winograd,
    /// In tiles of 2x2.
    WinogradSmall,
    /// As a product over gathered patches.
    Direct,
}

/// The kernels of a convolution, laid out once for whichever algorithms run it.
pub struct Filter {
    isa: Isa,
    /// `[k, k, c_in, c_out]`, or `[k, k, c_out, c_in]` where turned.
    weight: Vec<f32>,
    /// By 180 degrees, from outputs to inputs: the gradient of the input of a convolution that keeps the size.
    turned: bool,
    direct: OnceLock<direct::Kernels>,
    winograd: OnceLock<Kernels<Same>>,
    small: OnceLock<Kernels<SameSmall>>,
}

impl Filter {
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
    pub fn forward(&self, g: Conv2d, x: &[f32], y: &mut [f32], epilogue: Epilogue) {
        assert_eq!(self.weight.len(), g.patch() * g.c_out, "weights of {g:?}");
        let weights = Weights { weight: &self.weight, c_in: g.c_in, c_out: g.c_out, turned: self.turned };
        match g.algorithm() {
            Algorithm::Winograd => {
                let kernels = self.winograd.get_or_init(|| Kernels::new(self.isa, weights, Precision::F32));
                winograd::forward(self.isa, kernels, g, x, y, epilogue);
            }
            Algorithm::WinogradSmall => {
                let kernels = self.small.get_or_init(|| Kernels::new(self.isa, weights, Precision::F32));
                winograd::forward(self.isa, kernels, g, x, y, epilogue);
            }
            Algorithm::Direct => {
                let kernels = self.direct.get_or_init(|| direct::Kernels::new(weights));
                direct::forward(self.isa, kernels, g, x, y, epilogue);
            }
        }
    }
}

/// `dx`: the gradient with respect to the input of a convolution that does not keep the size (for one that does, see
/// [`Filter::turned`]).
///
/// # Panics
/// If a length does not fit the geometry.
pub fn conv2d_backward_data(g: Conv2d, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
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
pub fn conv2d_backward_weight(g: Conv2d, x: &[f32], dy: &[f32], dweight: &mut [f32], dbias: &mut [f32]) {
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

fn backward_weight(isa: Isa, g: Conv2d, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    match g.algorithm() {
        Algorithm::Winograd => winograd::backward_weight::<Same>(isa, g, x, dy, dweight),
        Algorithm::WinogradSmall => winograd::backward_weight::<SameSmall>(isa, g, x, dy, dweight),
        Algorithm::Direct => direct::backward_weight(isa, g, x, dy, dweight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epilogue::ToRgb;
    use crate::pictures::Pictures;
    use crate::schemes::{Enlarged, EnlargedPixel};
    use crate::upsample::UpsampleFilter;
    use proptest::prelude::*;

    fn fill(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 13 + seed * 5) % 7) as f32 - 3.0).collect()
    }

    /// Calls `f(x index, weight index, y index)` for every multiplication of the definition.
    fn plain(g: Conv2d, mut f: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = g.out_size();
        for n in 0..g.n {
            for oy in 0..oh {
                for ox in 0..ow {
                    for ky in 0..g.kernel {
                        for kx in 0..g.kernel {
                            let y = (oy * g.stride + ky) as isize - g.pad.0 as isize;
                            let x = (ox * g.stride + kx) as isize - g.pad.1 as isize;
                            if y < 0 || x < 0 || y >= g.h as isize || x >= g.w as isize {
                                continue;
                            }
                            for i in 0..g.c_in {
                                for o in 0..g.c_out {
                                    f(
                                        ((n * g.h + y as usize) * g.w + x as usize) * g.c_in + i,
                                        ((ky * g.kernel + kx) * g.c_in + i) * g.c_out + o,
                                        ((n * oh + oy) * ow + ox) * g.c_out + o,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Pseudo-random values of about -1 to 1.
    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    /// What an epilogue means, pixel by pixel, in f64; and by how much the pixel norm magnifies errors at its darkest pixel.
    fn finish(sums: &[f64], e: Epilogue, rgb: Option<(&[f32], [f32; 3])>) -> (Vec<f64>, f64) {
        let co = e.bias.len();
        let (mut out, mut magnified) = (Vec::new(), 1.0f64);
        let largest = sums.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        for pixel in sums.chunks_exact(co) {
            let mut v: Vec<f64> = pixel.iter().zip(e.bias).map(|(s, b)| s + f64::from(*b)).collect();
            if e.leaky {
                v.iter_mut().for_each(|v| *v = v.max(0.2 * *v));
            }
            if e.pixel_norm {
                let mean = v.iter().map(|v| v * v).sum::<f64>() / co as f64;
                v.iter_mut().for_each(|v| *v /= (mean + 1e-8).sqrt());
                magnified = magnified.max(largest / (mean + 1e-8).sqrt());
            }
            match rgb {
                Some((w, b)) => out.extend((0..3).map(|q| {
                    f64::from(b[q]) + v.iter().enumerate().map(|(i, v)| v * f64::from(w[i * 3 + q])).sum::<f64>()
                })),
                None => out.extend(v),
            }
        }
        (out, magnified)
    }

    /// Errors of F(4x4, 3x3) in f32, relative to the largest value: the transforms multiply by up to 100.
    const WINOGRAD: f64 = 2e-5;

    fn near(got: &[f32], want: &[f64], magnified: f64, what: &str) -> Result<(), TestCaseError> {
        let largest = want.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
        prop_assert_eq!(got.len(), want.len());
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            prop_assert!(
                (f64::from(*g) - w).abs() <= WINOGRAD * magnified * largest,
                "{} at {}: {} against {} of {}",
                what,
                i,
                g,
                w,
                largest
            );
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// All instruction sets and both algorithms, over odd sizes, margins and numbers of maps, with every epilogue.
        #[test]
        fn every_algorithm_equals_the_definition(
            n in 1usize..3, h in 1usize..15, w in 1usize..15, rows in 0usize..3, columns in 0usize..3, c_in in 1usize..36, c_out in 1usize..36,
            leaky: bool, pixel_norm: bool, coloured: bool, seed: u32,
        ) {
            let pad = (if h < 3 { 1 } else { rows }, if w < 3 { 1 } else { columns });
            let g = Conv2d { n, h, w, c_in, c_out, kernel: 3, stride: 1, pad };
            let (x, weight) = (noise(n * h * w * c_in, seed), noise(9 * c_in * c_out, seed ^ 1));
            let (bias, dy) = (noise(c_out, seed ^ 2), noise(g.pixels() * c_out, seed ^ 3));
            let (mut sums, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
            plain(g, |xi, wi, yi| {
                sums[yi] += f64::from(x[xi]) * f64::from(weight[wi]);
                dx[xi] += f64::from(dy[yi]) * f64::from(weight[wi]);
                dw[wi] += f64::from(dy[yi]) * f64::from(x[xi]);
            });
            let colours = noise(3 * c_out, seed ^ 4);
            let to_rgb = ToRgb::new(&colours, [0.1, -0.2, 0.3]);
            let e = Epilogue { bias: &bias, leaky, pixel_norm, to_rgb: coloured.then_some(&to_rgb) };
            let (want, magnified) = finish(&sums, e, coloured.then_some((&colours, [0.1, -0.2, 0.3])));
            let ((h, w), none) = (g.out_size(), vec![0.0; c_in]);
            let back = Conv2d { h, w, c_in: c_out, c_out: c_in, pad: (2 - pad.0, 2 - pad.1), ..g };
            let weights = Weights { weight: &weight, c_in, c_out, turned: false };
            let turned = Weights { weight: &weight, c_in: c_out, c_out: c_in, turned: true };
            for isa in Isa::available() {
                let mut y = vec![9.0; want.len()];
                direct::forward(isa, &direct::Kernels::new(weights), g, &x, &mut y, e);
                near(&y, &want, magnified, isa.name())?;
                y.fill(9.0);
                winograd::forward(isa, &Kernels::<Same>::new(isa, weights, Precision::F32), g, &x, &mut y, e);
                near(&y, &want, magnified, isa.name())?;
                y.fill(9.0);
                winograd::forward(isa, &Kernels::<SameSmall>::new(isa, weights, Precision::F32), g, &x, &mut y, e);
                near(&y, &want, magnified, isa.name())?;
                let mut got = vec![9.0; x.len()];
                winograd::forward(isa, &Kernels::<Same>::new(isa, turned, Precision::F32), back, &dy, &mut got, Epilogue::bias(&none));
                near(&got, &dx, 1.0, isa.name())?;
                direct::forward(isa, &direct::Kernels::new(turned), back, &dy, &mut got, Epilogue::bias(&none));
                near(&got, &dx, 1.0, isa.name())?;
                let mut got = vec![0.0; weight.len()];
                winograd::backward_weight::<Same>(isa, g, &x, &dy, &mut got);
                near(&got, &dw, 1.0, isa.name())?;
                got.fill(0.0);
                winograd::backward_weight::<SameSmall>(isa, g, &x, &dy, &mut got);
                near(&got, &dw, 1.0, isa.name())?;
                got.fill(0.0);
                direct::backward_weight(isa, g, &x, &dy, &mut got);
                near(&got, &dw, 1.0, isa.name())?;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn enlarging_convolution_equals_the_definition(
            n in 1usize..3, h in 1usize..12, w in 1usize..12, wide: bool, c_in in 1usize..36, c_out in 1usize..36,
            leaky: bool, pixel_norm: bool, coloured: bool, seed: u32,
        ) {
            // Wide pictures of few maps are worked on in strips.
            let (h, w, c_in, c_out) = if wide { (h, w * 30, c_in.min(4), c_out.min(4)) } else { (h, w, c_in, c_out) };
            let g = Conv2d { n, h: 2 * h, w: 2 * w, c_in, c_out, kernel: 3, stride: 1, pad: (1, 1) };
            let (x, weight, bias) = (noise(n * h * w * c_in, seed), noise(9 * c_in * c_out, seed ^ 1), noise(c_out, seed ^ 2));
            let dy = noise(4 * n * h * w * c_out, seed ^ 3);
            let weights = Weights { weight: &weight, c_in, c_out, turned: false };
            let (mut sums, mut dw) = (vec![0.0; dy.len()], vec![0.0; weight.len()]);
            plain(g, |xi, wi, yi| {
                let (pixel, i) = (xi / c_in, xi % c_in);
                let (row, col) = (pixel / (2 * w), pixel % (2 * w));
                let small = (row / (2 * h) * h + row % (2 * h) / 2) * w + col / 2;
                sums[yi] += f64::from(x[small * c_in + i]) * f64::from(weight[wi]);
                dw[wi] += f64::from(x[small * c_in + i]) * f64::from(dy[yi]);
            });
            let colours = noise(3 * c_out, seed ^ 4);
            let to_rgb = ToRgb::new(&colours, [0.1, -0.2, 0.3]);
            let e = Epilogue { bias: &bias, leaky, pixel_norm, to_rgb: coloured.then_some(&to_rgb) };
            let (want, magnified) = finish(&sums, e, coloured.then_some((&colours, [0.1, -0.2, 0.3])));
            for isa in Isa::available() {
                let mut y = vec![9.0; want.len()];
                let pictures = Pictures { x: &x, h, w, c: c_in };
                let kernels = Kernels::<Enlarged>::new(isa, weights, Precision::F32);
                winograd::forward_enlarged(isa, &kernels, n, pictures, 0..h, &mut y, e);
                near(&y, &want, magnified, isa.name())?;
                y.fill(9.0);
                let kernels = Kernels::<EnlargedPixel>::new(isa, weights, Precision::F32);
                winograd::forward_enlarged(isa, &kernels, n, pictures, 0..h, &mut y, e);
                near(&y, &want, magnified, isa.name())?;
                let mut got = vec![0.0; weight.len()];
                winograd::backward_weight_enlarged::<Enlarged>(isa, n, pictures, &dy, &mut got);
                near(&got, &dw, 1.0, isa.name())?;
                got.fill(0.0);
                winograd::backward_weight_enlarged::<EnlargedPixel>(isa, n, pictures, &dy, &mut got);
                near(&got, &dw, 1.0, isa.name())?;
                // A band of each picture is the same rows of the whole.
                let (top, end, channels) = (h / 3, h - h / 4, want.len() / (4 * n * h * w));
                let row = 2 * w * channels;
                let mut band = vec![9.0; n * 2 * (end - top) * row];
                let filter = UpsampleFilter::new(isa, (c_in, c_out), weight.clone());
                filter.forward_rows((n, h, w), top..end, &x, &mut band, e);
                let rows = |i: usize| &want[(i * 2 * h + 2 * top) * row..(i * 2 * h + 2 * end) * row];
                near(&band, &(0..n).flat_map(rows).copied().collect::<Vec<f64>>(), magnified, isa.name())?;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Small whole numbers, so that every sum is exact and the order of additions does not matter.
        #[test]
        fn convolution_and_its_gradients_equal_the_definition(
            n in 1usize..3, h in 1usize..12, w in 1usize..12, c_in in 1usize..6, c_out in 1usize..6,
            half in 0usize..3, stride in 1usize..3, same: bool,
        ) {
            let kernel = 2 * half + 1;
            let pad = if same || h.min(w) < kernel { (half, half) } else { (0, half) };
            let g = Conv2d { n, h, w, c_in, c_out, kernel, stride, pad };
            let (oh, ow) = g.out_size();
            let x = fill(n * h * w * c_in, 1);
            let weight = fill(kernel * kernel * c_in * c_out, 2);
            let bias = fill(c_out, 3);
            let dy = fill(n * oh * ow * c_out, 4);
            let mut y: Vec<f32> = (0..dy.len()).map(|i| bias[i % c_out]).collect();
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
            plain(g, |xi, wi, yi| {
                y[yi] += x[xi] * weight[wi];
                dx[xi] += dy[yi] * weight[wi];
                dw[wi] += dy[yi] * x[xi];
            });
            let mut got = vec![9.0; y.len()];
            let isa = Isa::current();
            Filter::new(isa, weight.clone()).forward(g, &x, &mut got, Epilogue::bias(&bias));
            prop_assert_eq!(got, y);
            let mut got = vec![9.0; x.len()];
            conv2d_backward_data(g, &dy, &weight, &mut got);
            prop_assert_eq!(&got, &dx);
            if g.same() {
                got.fill(9.0);
                let back = Conv2d { c_in: c_out, c_out: c_in, ..g };
                Filter::turned(isa, weight.clone()).forward(back, &dy, &mut got, Epilogue::bias(&vec![0.0; c_in]));
                prop_assert_eq!(&got, &dx);
            }
            let (mut got, mut db) = (vec![0.0; weight.len()], vec![0.0; c_out]);
            conv2d_backward_weight(g, &x, &dy, &mut got, &mut db);
            prop_assert_eq!(got, dw);
            let want: Vec<f32> = (0..c_out).map(|o| dy.iter().skip(o).step_by(c_out).sum()).collect();
            prop_assert_eq!(db, want);
        }
    }
}
