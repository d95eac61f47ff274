//! Affine resampling of 8-bit RGB pictures.

use crate::simd::{Isa, Lanes, Op};
use rayon::prelude::*;

/// Output pixels a task: enough to be worth handing to another thread.
const PIXELS: usize = 1024;

/// Largest distance of two samples of an output pixel, input pixels.
const APART: f32 = 1.6;

/// Samples an RGB picture at affine positions, bilinearly; outside the picture the nearest border pixel counts.
///
/// Output pixel (x, y), centre at (x + 0.5, y + 0.5), reads input position
/// `(m[0][0] (x+.5) + m[0][1] (y+.5) + m[0][2], m[1][0] (x+.5) + m[1][1] (y+.5) + m[1][2])` in the same convention.
/// Where the map shrinks the picture, every output pixel averages a grid of samples, at most 1.6 pixels apart: each reaches
/// a pixel to either side, so none is left out.
///
/// # Panics
/// If a length does not fit its size.
pub fn warp_affine(src: &[u8], (sw, sh): (usize, usize), dst: &mut [u8], (dw, dh): (usize, usize), m: [[f32; 3]; 2]) {
    assert_eq!(src.len(), sw * sh * 3);
    assert_eq!(dst.len(), dw * dh * 3);
    if src.is_empty() || dst.is_empty() {
        return;
    }
    let samples = |i: usize| ((m[0][i].hypot(m[1][i]) / APART).ceil() as usize).clamp(1, 16);
    let (nx, ny) = (samples(0), samples(1));
    let grid = |sub: usize| {
        let (x, y) = (((sub % nx) as f32 + 0.5) / nx as f32, ((sub / nx) as f32 + 0.5) / ny as f32);
        m.map(|[a, b, c]| a * x + b * y + c - 0.5)
    };
    let offsets: Vec<[f32; 2]> = (0..nx * ny).map(grid).collect();
    let isa = Isa::current();
    let rows = PIXELS.div_ceil(dw);
    dst.par_chunks_mut(rows * dw * 3).enumerate().for_each(|(chunk, dst)| {
        isa.run(Rows { src, size: (sw, sh), dst, width: dw, first: chunk * rows, m, offsets: &offsets });
    });
}

/// Some rows of the output.
struct Rows<'a> {
    src: &'a [u8],
    size: (usize, usize),
    dst: &'a mut [u8],
    width: usize,
    /// Which row they begin with.
    first: usize,
    m: [[f32; 3]; 2],
    /// From an output pixel's whole coordinates, mapped without the shift, to its samples.
    offsets: &'a [[f32; 2]],
}

impl Op for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _simd: S) {
        let (sw, sh) = self.size;
        let scale = 1.0 / self.offsets.len() as f32;
        let (right, below) = ((sw - 1) as f32, (sh - 1) as f32);
        for (y, row) in self.dst.chunks_exact_mut(self.width * 3).enumerate() {
            let y = (self.first + y) as f32;
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let at = self.m.map(|[a, b, _]| a * x as f32 + b * y);
                let mut sum = [0.5f32; 3];
                for [ox, oy] in self.offsets {
                    let (px, py) = ((at[0] + ox).clamp(0.0, right), (at[1] + oy).clamp(0.0, below));
                    let (x0, y0) = (px as usize, py as usize);
                    let (fx, fy) = (px - x0 as f32, py - y0 as f32);
                    // At the border the neighbours' weights are 0.
                    let (dx, dy) = (if x0 + 1 < sw { 3 } else { 0 }, if y0 + 1 < sh { sw * 3 } else { 0 });
                    let start = (y0 * sw + x0) * 3;
                    let top = &self.src[start..start + dx + 3];
                    let bottom = &self.src[start + dy..start + dy + dx + 3];
                    let (wb, wt) = (fy * scale, (1.0 - fy) * scale);
                    let w = [wt * (1.0 - fx), wt * fx, wb * (1.0 - fx), wb * fx];
                    for c in 0..3 {
                        let left = f32::from(top[c]) * w[0] + f32::from(bottom[c]) * w[2];
                        sum[c] += left + f32::from(top[dx + c]) * w[1] + f32::from(bottom[dx + c]) * w[3];
                    }
                }
                for (p, s) in pixel.iter_mut().zip(sum) {
                    *p = s as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_copies_and_halving_averages() {
        let src: Vec<u8> = (0..4 * 4 * 3).map(|i| (i * 5) as u8).collect();
        let mut same = vec![0; src.len()];
        warp_affine(&src, (4, 4), &mut same, (4, 4), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!(same, src);
        let mut half = vec![0; 2 * 2 * 3];
        warp_affine(&src, (4, 4), &mut half, (2, 2), [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
        let mean = (src[0] as f32 + src[3] as f32 + src[12] as f32 + src[15] as f32) / 4.0;
        assert!((half[0] as f32 - mean).abs() <= 0.5, "{} against {mean}", half[0]);
    }

    #[test]
    fn outside_reads_the_border() {
        let mut out = vec![0; 3];
        warp_affine(&[1, 2, 3, 7, 8, 9], (2, 1), &mut out, (1, 1), [[1.0, 0.0, 50.0], [0.0, 1.0, -50.0]]);
        assert_eq!(out, [7, 8, 9]);
    }
}
