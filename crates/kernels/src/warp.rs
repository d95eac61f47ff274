//! Affine resampling of 8-bit RGB pictures.

use crate::simd::{Isa, Lanes, Op};
use rayon::prelude::*;

/// Output pixels a task: enough to be worth handing to another thread.
const PIXELS: usize = 1024;

/// Largest distance of two samples of an output pixel, input pixels.
const APART: f32 = 1.6;

/// Most samples of an output pixel along an axis. With 2, after more halving, what is seen depends on how the blocks happen to lie on it: expression
/// and shape of the same face at ten places of a picture differed by 2.7 and 2.1 % of their spread among faces, with 4 by 0.8 and 1.0.
const MOST_SAMPLES: f32 = 4.0;

/// A block of 16x16 pixels is the largest whose sum fits 16 bits.
const MOST_HALVINGS: f32 = 4.0;

/// What a channel of the output is stored as.
pub trait Channel: Copy + Send + private::Sealed {
    /// From a mean of bytes.
    fn of(mean: f32) -> Self;
}

impl Channel for u8 {
    #[inline(always)]
    fn of(mean: f32) -> Self {
        (mean + 0.5) as Self
    }
}

/// Not rounded: what looks at it sees no jump where the map moves by a hair.
impl Channel for f32 {
    #[inline(always)]
    fn of(mean: f32) -> Self {
        mean
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for f32 {}
}

/// Samples an RGB picture at affine positions, bilinearly; outside the picture the nearest border pixel counts.
///
/// Output pixel (x, y), centre at (x + 0.5, y + 0.5), reads input position
/// `(m[0][0] (x+.5) + m[0][1] (y+.5) + m[0][2], m[1][0] (x+.5) + m[1][1] (y+.5) + m[1][2])` in the same convention.
/// Where the map shrinks the picture, every output pixel averages a grid of samples, at most 1.6 pixels apart: each reaches
/// a pixel to either side, so none is left out. Where it shrinks it by more than 6.4, what it reads is halved first (blocks of 2x2, 4x4
/// ... pixels become their mean) until 4x4 samples do.
///
/// # Panics
/// If a length does not fit its size, or the picture has 2 GiB or more.
pub fn warp_affine<T: Channel>(
    src: &[u8],
    (sw, sh): (usize, usize),
    dst: &mut [T],
    (dw, dh): (usize, usize),
    m: [[f32; 3]; 2],
) {
    assert_eq!(src.len(), sw * sh * 3);
    assert!(src.len() < 1 << 31, "{} bytes are too many for a picture", src.len());
    assert_eq!(dst.len(), dw * dh * 3);
    if src.is_empty() || dst.is_empty() {
        return;
    }
    let halvings =
        (shrink(&m, 0).min(shrink(&m, 1)) / (MOST_SAMPLES * APART)).log2().ceil().clamp(0.0, MOST_HALVINGS) as u32;
    if halvings == 0 {
        return sample(src, (sw, sh), dst, dw, m);
    }
    let region = Region::read_by((sw, sh), (dw, dh), m, halvings);
    let small = region.mean_of_blocks(src);
    let factor = 1.0 / (1u32 << halvings) as f32;
    let m = std::array::from_fn(|d| {
        let [a, b, c] = m[d];
        [a * factor, b * factor, c * factor - region.first[d] as f32]
    });
    sample(&small, (region.size[0], region.size[1]), dst, dw, m);
}

/// Input pixels from an output pixel to the next along an axis.
fn shrink(m: &[[f32; 3]; 2], axis: usize) -> f32 {
    m[0][axis].hypot(m[1][axis])
}

/// [`warp_affine`] without halving, to a picture `dw` wide.
fn sample<T: Channel>(src: &[u8], (sw, sh): (usize, usize), dst: &mut [T], dw: usize, m: [[f32; 3]; 2]) {
    let samples = |i: usize| ((shrink(&m, i) / APART).ceil() as usize).clamp(1, 16);
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

/// A part of a picture, counted in blocks from its corner. Blocks that reach beyond a border hold the border's pixels there.
struct Region {
    /// Blocks are 2^halvings pixels wide and high.
    halvings: u32,
    /// x and y of the first block.
    first: [usize; 2],
    /// Blocks in a row, and rows.
    size: [usize; 2],
    /// Pixels of the picture.
    picture: [usize; 2],
}

impl Region {
    /// What a map reads of a picture, and a block more on every side.
    fn read_by((sw, sh): (usize, usize), (dw, dh): (usize, usize), m: [[f32; 3]; 2], halvings: u32) -> Self {
        let side = 1usize << halvings;
        let picture = [sw, sh];
        let corners = [[0.0, 0.0], [dw as f32, 0.0], [0.0, dh as f32], [dw as f32, dh as f32]];
        let ends = [0, 1].map(|d| {
            let [a, b, c] = m[d];
            let at = corners.map(|[x, y]| (a * x + b * y + c) / side as f32);
            let low = at.into_iter().fold(f32::INFINITY, f32::min);
            let high = at.into_iter().fold(f32::NEG_INFINITY, f32::max);
            // Casts saturate, also for what is far outside.
            let last = (picture[d] - 1) / side;
            let (low, high) = ((low - 1.0).floor().max(0.0) as usize, (high + 1.0).ceil().max(0.0) as usize);
            let low = low.min(last);
            [low, high.clamp(low, last)]
        });
        Self { halvings, first: ends.map(|e| e[0]), size: ends.map(|[low, high]| high - low + 1), picture }
    }

    /// The mean colour of every block.
    fn mean_of_blocks(&self, src: &[u8]) -> Vec<u8> {
        let mut means = vec![0; self.size[0] * self.size[1] * 3];
        let rows = PIXELS.div_ceil(self.size[0] << self.halvings);
        let isa = Isa::current();
        means.par_chunks_mut(rows * self.size[0] * 3).enumerate().for_each(|(chunk, means)| {
            isa.run(Blocks { region: self, src, means, first: self.first[1] + chunk * rows });
        });
        means
    }
}

/// Some rows of blocks.
struct Blocks<'a> {
    region: &'a Region,
    src: &'a [u8],
    means: &'a mut [u8],
    /// Which row of the picture's blocks they begin with.
    first: usize,
}

impl Op for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _simd: S) {
        let Region { halvings, first: [left, _], size: [across, _], picture: [width, height] } = *self.region;
        let side = 1 << halvings;
        let (start, end) = (left * side, ((left + across) * side).min(width));
        let mut sums = vec![0u16; across * side * 3];
        for (row, means) in self.means.chunks_exact_mut(across * 3).enumerate() {
            let (inside, beyond) = sums.split_at_mut((end - start) * 3);
            inside.fill(0);
            for y in (self.first + row) * side..(self.first + row + 1) * side {
                let y = y.min(height - 1);
                let pixels = &self.src[(y * width + start) * 3..(y * width + end) * 3];
                inside.iter_mut().zip(pixels).for_each(|(s, p)| *s += u16::from(*p));
            }
            let last = inside.len() - 3;
            beyond.as_chunks_mut().0.iter_mut().for_each(|b| *b = [inside[last], inside[last + 1], inside[last + 2]]);
            let mut pixels = across * side;
            while pixels > across {
                pixels /= 2;
                for x in 0..pixels {
                    let [r, g, b] = std::array::from_fn(|c| sums[6 * x + c] + sums[6 * x + 3 + c]);
                    sums[3 * x..3 * x + 3].copy_from_slice(&[r, g, b]);
                }
            }
            let half = (side * side / 2) as u16;
            means.iter_mut().zip(&sums).for_each(|(m, s)| *m = ((s + half) >> (2 * halvings)) as u8);
        }
    }
}

/// Some rows of the output.
struct Rows<'a, T> {
    src: &'a [u8],
    size: (usize, usize),
    dst: &'a mut [T],
    width: usize,
    /// Which row they begin with.
    first: usize,
    m: [[f32; 3]; 2],
    /// From an output pixel's whole coordinates, mapped without the shift, to its samples.
    offsets: &'a [[f32; 2]],
}

impl<T: Channel> Op for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, _simd: S) {
        let (sw, sh) = self.size;
        let share = 1.0 / self.offsets.len() as f32;
        let (right, below) = ((sw - 1) as f32, (sh - 1) as f32);
        let [[xx, xy, _], [yx, yy, _]] = self.m;
        let [here, gain] = std::hint::black_box(&SIDES);
        for (y, row) in self.dst.chunks_exact_mut(self.width * 3).enumerate() {
            let y = (self.first + y) as f32;
            for (run, pixels) in row.chunks_mut(3 * RUN).enumerate() {
                // Sums over the samples: of the left and the right neighbours, and two numbers that do not count.
                let mut sums = [[0.0f32; 8]; RUN];
                for [ox, oy] in self.offsets {
                    // Where each output pixel's sample lies, as a place in the picture and a fraction.
                    let (mut start, mut down, mut fx, mut fy) =
                        ([0u32; RUN], [0u32; RUN], [0.0f32; RUN], [0.0f32; RUN]);
                    for i in 0..RUN {
                        let x = (run * RUN + i) as f32;
                        let (px, py) = (xx * x + xy * y + ox, yx * x + yy * y + oy);
                        let (px, py) = (px.max(0.0).min(right), py.max(0.0).min(below));
                        // SAFETY: from 0 to the picture's size.
                        let (x0, y0) = unsafe { (px.to_int_unchecked::<i32>(), py.to_int_unchecked::<i32>()) };
                        (fx[i], fy[i]) = (px - x0 as f32, py - y0 as f32);
                        start[i] = (y0 * sw as i32 + x0) as u32 * 3;
                        // At the border the neighbours' weights are 0.
                        down[i] = if y0 + 1 < sh as i32 { sw as u32 * 3 } else { 0 };
                    }

                    // The four pixels around it, by their fractions.
                    for (i, sum) in sums[..pixels.len() / 3].iter_mut().enumerate() {
                        let (mut above, mut under) = ([0; 8], [0; 8]);
                        let top = eight(self.src, start[i] as usize, &mut above);
                        let bottom = eight(self.src, (start[i] + down[i]) as usize, &mut under);
                        for j in 0..8 {
                            let (t, b) = (f32::from(top[j]), f32::from(bottom[j]));
                            sum[j] += (t + (b - t) * fy[i]) * (here[j] + fx[i] * gain[j]);
                        }
                    }
                }

                // Left and right together.
                for (pixel, sum) in pixels.chunks_exact_mut(3).zip(&sums) {
                    for (c, p) in pixel.iter_mut().enumerate() {
                        *p = T::of((sum[c] + sum[c + 3]) * share);
                    }
                }
            }
        }
    }
}

/// Output pixels whose places are found at once.
const RUN: usize = 16;

/// Which of eight bytes are the pixel's, and by how much they gain on the way to its neighbour's. A static, for the compiler takes
/// constants apart and mixes the lanes.
static SIDES: [[f32; 8]; 2] = [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 0.0, 0.0]];

/// Eight bytes from one on, of a picture that may end before: then they are copied to `spare`.
#[inline(always)]
fn eight<'a>(src: &'a [u8], start: usize, spare: &'a mut [u8; 8]) -> &'a [u8; 8] {
    src[start..].first_chunk().unwrap_or_else(|| {
        spare[..src.len() - start].copy_from_slice(&src[start..]);
        spare
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_copies_and_halving_averages() {
        let src: Vec<u8> = (0..4 * 4 * 3).map(|i| (i * 5) as u8).collect();
        let mut same = vec![0u8; src.len()];
        warp_affine(&src, (4, 4), &mut same, (4, 4), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!(same, src);
        let mut half = vec![0u8; 2 * 2 * 3];
        warp_affine(&src, (4, 4), &mut half, (2, 2), [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
        let mean = (src[0] as f32 + src[3] as f32 + src[12] as f32 + src[15] as f32) / 4.0;
        assert!((half[0] as f32 - mean).abs() <= 0.5, "{} against {mean}", half[0]);
    }

    /// A smooth picture.
    fn waves(width: usize, height: usize) -> Vec<u8> {
        let at = |i: usize| {
            let (x, y, c) = ((i / 3 % width) as f32, (i / 3 / width) as f32, i % 3);
            (127.0 + 60.0 * (0.02 * x + c as f32).sin() + 60.0 * (0.03 * y).cos()) as u8
        };
        (0..width * height * 3).map(at).collect()
    }

    #[test]
    fn what_is_halved_first_is_what_many_samples_give() {
        let (w, h) = (423, 317);
        let src = waves(w, h);
        // Turned, at several scales, inside and across every border.
        for (scale, angle, at) in [
            (6.5, 0.0, [20.0, 10.0]),
            (8.1, 0.4, [60.0, -30.0]),
            (11.0, -0.7, [-50.0, 80.0]),
            (14.0, 2.0, [300.0, 100.0]),
        ] {
            let (a, b) = (scale * f32::cos(angle), scale * f32::sin(angle));
            let m = [[a, -b, at[0]], [b, a, at[1]]];
            let (mut fast, mut plain) = (vec![0u8; 40 * 40 * 3], vec![0u8; 40 * 40 * 3]);
            warp_affine(&src, (w, h), &mut fast, (40, 40), m);
            sample(&src, (w, h), &mut plain, 40, m);
            let off = fast.iter().zip(&plain).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            // Beyond a border the nearest block counts, not the nearest pixel.
            assert!(f32::from(off) <= 2.0 + scale / 4.0, "{off} of 255 at scale {scale}");
        }
    }

    #[test]
    fn blocks_repeat_the_border_beyond_it() {
        let src: Vec<u8> = (0..7 * 5).flat_map(|i| [i * 7, 255 - i * 7, 9]).collect();
        let region = Region { halvings: 2, first: [1, 0], size: [1, 2], picture: [7, 5] };
        let means = region.mean_of_blocks(&src);
        let mean = |ys: std::ops::Range<usize>, of: fn(usize) -> usize| {
            let all: Vec<usize> = ys.flat_map(|y| (4..8).map(move |x| of((y.min(4) * 7 + x.min(6)) * 7))).collect();
            (all.iter().sum::<usize>() as f32 / 16.0 + 0.5) as u8
        };
        let column = |ys: std::ops::Range<usize>| [mean(ys.clone(), |v| v), mean(ys, |v| 255 - v), 9];
        assert_eq!(means, [column(0..4), column(4..8)].concat());
    }

    #[test]
    fn far_outside_a_shrunken_picture_is_its_border() {
        let mut out = vec![0u8; 3];
        for at in [1e9, -1e9, f32::NAN] {
            warp_affine(&waves(64, 64), (64, 64), &mut out, (1, 1), [[20.0, 0.0, at], [0.0, 20.0, at]]);
            assert!(out[0] > 0);
        }
    }

    #[test]
    fn unrounded_means_are_those_that_are_rounded() {
        let (w, h) = (90, 70);
        let src = waves(w, h);
        for m in [[[0.9, 0.3, 4.0], [-0.3, 0.9, 20.0]], [[7.5, 1.0, -9.0], [-1.0, 7.5, 3.0]]] {
            let (mut bytes, mut means) = (vec![0u8; 21 * 17 * 3], vec![0.0f32; 21 * 17 * 3]);
            warp_affine(&src, (w, h), &mut bytes, (21, 17), m);
            warp_affine(&src, (w, h), &mut means, (21, 17), m);
            assert!(bytes.iter().zip(&means).all(|(b, m)| f32::from(*b) == (m + 0.5).floor()));
        }
    }

    #[test]
    fn outside_reads_the_border() {
        let mut out = vec![0u8; 3];
        warp_affine(&[1, 2, 3, 7, 8, 9], (2, 1), &mut out, (1, 1), [[1.0, 0.0, 50.0], [0.0, 1.0, -50.0]]);
        assert_eq!(out, [7, 8, 9]);
    }
}
