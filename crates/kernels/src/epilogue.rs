//! What follows a convolution while its sums are still in the first-level cache.

use crate::blocked::{Line, WIDTH};
use crate::simd::{Lanes, load, store};

/// Slope of the leaky ReLU left of 0 (PG-GAN, appendix A).
pub const LEAK: f32 = 0.2;

/// Added to the mean square before the root of the pixel norm (PG-GAN, section 4.2).
pub const EPSILON: f32 = 1e-8;

/// The steps after the sums of a convolution, in this order: bias, leaky ReLU, pixel norm, projection to colours.
#[derive(Clone, Copy)]
pub struct Epilogue<'a> {
    /// One value per output map.
    pub bias: &'a [f32],
    /// Leaky ReLU of slope [`LEAK`].
    pub leaky: bool,
    /// Division by the root mean square over the maps of a pixel.
    pub pixel_norm: bool,
    /// Then only three colours per pixel are written, in place of the maps.
    pub to_rgb: Option<&'a ToRgb>,
}

impl<'a> Epilogue<'a> {
    /// A bias alone.
    pub fn bias(bias: &'a [f32]) -> Self {
        Self { bias, leaky: false, pixel_norm: false, to_rgb: None }
    }

    /// Values per output pixel that the convolution writes.
    pub fn channels(&self) -> usize {
        if self.to_rgb.is_some() { 3 } else { self.bias.len() }
    }
}

/// A bias that can be read in whole blocks.
pub(crate) struct Bias<'a> {
    bias: &'a [f32],
    /// The last block, filled up with zeros, where it is not full.
    tail: Line,
}

impl<'a> Bias<'a> {
    pub fn new(bias: &'a [f32]) -> Self {
        let mut tail = Line::ZERO;
        let rest = bias.as_chunks::<WIDTH>().1;
        tail.0[..rest.len()].copy_from_slice(rest);
        Self { bias, tail }
    }

    /// The sixteen values of a block.
    #[inline(always)]
    pub fn block(&self, block: usize) -> *const f32 {
        self.bias.as_chunks::<WIDTH>().0.get(block).unwrap_or(&self.tail.0).as_ptr()
    }
}

/// The projection of a pixel's maps to red, green and blue.
pub struct ToRgb {
    /// Three rows of weights, filled up with zeros to whole blocks.
    rows: [Vec<f32>; 3],
    bias: [f32; 3],
}

impl ToRgb {
    /// From weights `[maps, 3]` and their bias.
    ///
    /// # Panics
    /// If there are not three weights a map.
    pub fn new(weight: &[f32], bias: [f32; 3]) -> Self {
        assert_eq!(weight.len() % 3, 0, "three weights a map");
        let maps = weight.len() / 3;
        let row = |q: usize| {
            let mut row: Vec<f32> = weight.iter().skip(q).step_by(3).copied().collect();
            row.resize(maps.next_multiple_of(WIDTH), 0.0);
            row
        };
        Self { rows: [row(0), row(1), row(2)], bias }
    }
}

/// Bias and activation of one register.
#[inline(always)]
pub(crate) fn activate<S: Lanes>(simd: S, x: S::f32s, bias: S::f32s, leaky: bool) -> S::f32s {
    let x = simd.add_f32s(x, bias);
    if leaky { simd.max_f32s(x, simd.mul_f32s(x, simd.splat_f32s(LEAK))) } else { x }
}

/// The factors of the pixel norm for the sums of squares in `squares`, in place.
#[inline(always)]
pub(crate) fn norm_factors<S: Lanes>(simd: S, squares: &mut [f32], maps: usize) {
    assert_eq!(squares.len() % WIDTH, 0);
    let (per_map, epsilon) = (simd.splat_f32s(1.0 / maps as f32), simd.splat_f32s(EPSILON));
    for i in (0..squares.len()).step_by(S::F32_LANES) {
        // SAFETY: whole registers, by the assertion.
        unsafe {
            let at = squares.as_mut_ptr().add(i);
            let root = simd.sqrt_f32s(simd.fma(load::<S>(at), per_map, epsilon));
            store::<S>(at, simd.div_f32s(simd.splat_f32s(1.0), root));
        }
    }
}

/// Multiplies `blocks` sixteens at `x` by `factor`.
///
/// # Safety
/// They must be there, and nobody else may touch them.
#[inline(always)]
pub(crate) unsafe fn scale<S: Lanes>(simd: S, x: *mut f32, blocks: usize, factor: f32) {
    let factor = simd.splat_f32s(factor);
    for i in (0..blocks * WIDTH).step_by(S::F32_LANES) {
        // SAFETY: the caller's promise.
        unsafe { store::<S>(x.add(i), simd.mul_f32s(load::<S>(x.add(i)), factor)) }
    }
}

/// The colours of sixteen pixels, with `norm` after the pixel norm over `maps` maps; block b of pixel p's maps (the last filled up)
/// lies at `x(p, b)`.
///
/// # Safety
/// As many maps as `to_rgb` has weights, whole blocks, must be there.
#[inline(always)]
pub(crate) unsafe fn colours<S: Lanes>(
    simd: S,
    x: impl Fn(usize, usize) -> *const f32,
    maps: usize,
    norm: bool,
    to_rgb: &ToRgb,
) -> [[f32; 3]; WIDTH] {
    let blocks = maps.div_ceil(WIDTH);
    assert_eq!(to_rgb.rows[0].len(), blocks * WIDTH, "weights of the colours");

    // Of each pixel the products with the three rows of weights, and the sum of squares. Loops, not closures over arrays: those
    // would not be compiled for the instruction set.
    let (mut sums, mut factors) = ([[0.0; 4]; WIDTH], [1.0; WIDTH]);
    for (four, sums) in sums.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let mut all = [simd.splat_f32s(0.0); 16];
        for (p, of_pixel) in all.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            for block in 0..blocks {
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    // SAFETY: the caller's promise; the rows have equal lengths, asserted above.
                    unsafe {
                        let x = load::<S>(x(four * 4 + p, block).add(lane));
                        for (sum, row) in of_pixel.iter_mut().zip(&to_rgb.rows) {
                            *sum = simd.fma(x, load::<S>(row.as_ptr().add(block * WIDTH + lane)), *sum);
                        }
                        of_pixel[3] = simd.fma(x, x, of_pixel[3]);
                    }
                }
            }
        }
        let all = simd.sums(all);
        sums.as_flattened_mut().copy_from_slice(&all);
    }

    // The norm multiplies the sums: a factor a pixel.
    if norm {
        for (factor, sums) in factors.iter_mut().zip(&sums) {
            *factor = sums[3];
        }
        norm_factors(simd, &mut factors, maps);
    }

    let mut rgb = [[0.0; 3]; WIDTH];
    for (rgb, (sums, factor)) in rgb.iter_mut().zip(sums.iter().zip(factors)) {
        let [r, g, b, _] = *sums;
        *rgb = [r * factor + to_rgb.bias[0], g * factor + to_rgb.bias[1], b * factor + to_rgb.bias[2]];
    }
    rgb
}
