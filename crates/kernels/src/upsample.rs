//! Nearest-neighbour enlargement to twice the size followed by a 3x3 convolution, in 9 multiplications per input pixel.
//!
//! In one dimension, with kernel (w0, w1, w2), S = w0 + w1 + w2 and x = 0 outside:
//! `y[2i] = S x[i] - w0 (x[i] - x[i-1])` and `y[2i+1] = S x[i] + w2 (x[i+1] - x[i])`. The tensor product gives the four
//! outputs of an input pixel from nine products, 2.25 an output in place of 9.

use crate::blocked::{Blocked, Line, WIDTH, product};
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::pictures::{Pictures, Weights};
use crate::scratch::{SHARED_BYTES, Shared, TASK_BYTES, with_lines};
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;
use std::ops::Range;

const PRODUCTS: usize = 9;

/// The difference maps: the input, its differences across, down, and both.
const MAPS: usize = 4;

/// For each product: its map, and whether it reads one column to the right and one row below.
const READS: [(usize, usize, usize); PRODUCTS] =
    [(0, 0, 0), (1, 1, 0), (1, 0, 0), (2, 0, 0), (2, 0, 1), (3, 0, 0), (3, 1, 0), (3, 0, 1), (3, 1, 1)];

/// A 3x3 convolution of pictures `[n, h, w, c_in]` enlarged to `[n, 2h, 2w, c_in]`, its kernels laid out for an
/// instruction set.
pub struct UpsampleFilter {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    /// Nine right factors of `ceil(c_in / 16) * 16` x `ceil(c_out / 16) * 16`.
    kernels: Vec<Line>,
}

/// The rows of pictures of width `w` that are enlarged: `height` of them from `top` on.
#[derive(Clone, Copy)]
struct Band {
    top: usize,
    height: usize,
    w: usize,
}

/// Some rows and columns of one picture's band.
#[derive(Clone, Copy)]
struct Strip {
    band: Band,
    picture: usize,
    /// First row, counted from the top of the band.
    y: usize,
    x: usize,
    rows: usize,
    cols: usize,
}

impl Strip {
    /// Where the upper left one of the four outputs of a pixel of the strip is among those of all bands.
    #[inline(always)]
    fn output(&self, row: usize, col: usize) -> usize {
        ((self.picture * self.band.height + self.y + row) * 2 * self.band.w + self.x + col) * 2
    }

    /// Lines from a row of a map to the next: a column more than the strip, for differences on both sides.
    fn pitch(&self) -> usize {
        self.cols + 1
    }

    /// Rows of the products; those of the column too many mean nothing.
    fn products(&self) -> usize {
        self.rows * self.pitch() - 1
    }

    /// Lines of one block of one map: a row more than the strip.
    fn map(&self) -> usize {
        (self.rows + 1) * self.pitch()
    }
}

impl UpsampleFilter {
    /// From kernels `[3, 3, c_in, c_out]`.
    ///
    /// # Panics
    /// If the number of weights does not fit.
    pub fn new(isa: Isa, (c_in, c_out): (usize, usize), weight: &[f32]) -> Self {
        assert_eq!(weight.len(), 9 * c_in * c_out);
        let (rows, blocks) = (c_in.next_multiple_of(WIDTH), c_out.div_ceil(WIDTH));
        let weights = Weights { weight, c_in, c_out, turned: false };
        let mut kernels = vec![Line::ZERO; PRODUCTS * rows * blocks];
        // Which taps make up the kernel of a product, and with which sign.
        let taps = |p: usize, i: usize, j: usize| -> f32 {
            match p {
                0 => 1.0,
                1 => f32::from(j == 2),
                2 => -f32::from(j == 0),
                3 => -f32::from(i == 0),
                4 => f32::from(i == 2),
                5 => f32::from((i, j) == (0, 0)),
                6 => -f32::from((i, j) == (0, 2)),
                7 => -f32::from((i, j) == (2, 0)),
                _ => f32::from((i, j) == (2, 2)),
            }
        };
        kernels.par_chunks_mut(rows).enumerate().for_each(|(at, lines)| {
            let (p, block) = (at / blocks, at % blocks);
            for (t, sign) in (0..9).map(|t| (t, taps(p, t / 3, t % 3))).filter(|t| t.1 != 0.0) {
                for (i, line) in lines[..c_in].iter_mut().enumerate() {
                    line.0.iter_mut().zip(weights.line(t, i, block).0).for_each(|(k, w)| *k += sign * w);
                }
            }
        });
        Self { isa, c_in, c_out, kernels }
    }

    /// `y = epilogue(enlarged x * kernels)` for `n` pictures of `h` x `w` pixels before they are enlarged.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&self, (n, h, w): (usize, usize, usize), x: &[f32], y: &mut [f32], epilogue: Epilogue) {
        self.forward_rows((n, h, w), 0..h, x, y, epilogue);
    }

    /// The outputs of some rows of each picture: `y` is `[n, 2 rows, 2w, c_out]`.
    ///
    /// # Panics
    /// If a length does not fit, or the pictures have fewer rows.
    pub fn forward_rows(
        &self,
        (n, h, w): (usize, usize, usize),
        rows: Range<usize>,
        x: &[f32],
        y: &mut [f32],
        epilogue: Epilogue,
    ) {
        let band = Band { top: rows.start, height: rows.len(), w };
        assert!(rows.end <= h, "rows {rows:?} of {h}");
        assert_eq!(x.len(), n * h * w * self.c_in);
        assert_eq!(epilogue.bias.len(), self.c_out);
        assert_eq!(y.len(), 4 * n * band.height * w * epilogue.channels());
        let (bi, bo) = (self.c_in.div_ceil(WIDTH), self.c_out.div_ceil(WIDTH));
        let threads = rayon::current_num_threads();
        let per_pixel = (MAPS * bi + PRODUCTS * bo) * size_of::<Line>();
        let (isa, y) = (self.isa, Shared::new(y));
        let x = Pictures { x, h, w, c: self.c_in };
        let in_cache = (TASK_BYTES / per_pixel).min((n * band.height * w).div_ceil(3 * threads));
        if in_cache >= 48 {
            // Few maps: a task takes a strip all the way while it stays in the second-level cache.
            let cols = w.min(in_cache);
            let strips = strips_of(n, band, (in_cache / (cols + 1)).max(1), cols);
            strips.par_iter().for_each(|s| {
                with_lines(MAPS * bi * s.map() + PRODUCTS * bo * s.products() + 16 * bo, |scratch| {
                    let (maps, rest) = scratch.split_at_mut(MAPS * bi * s.map());
                    let (sums, corner) = rest.split_at_mut(PRODUCTS * bo * s.products());
                    isa.run(Differences { x, strip: *s, maps });
                    for (p, sums) in sums.chunks_exact_mut(bo * s.products()).enumerate() {
                        self.product(s, p, 0, maps, sums);
                    }
                    isa.run(Combine { sums, strip: *s, rows: 0..s.rows, epilogue, corner, y });
                });
            });
            return;
        }
        // Many maps: product by product, so that each product's kernels are read once for many pixels; in groups of strips whose
        // maps and sums stay in the last-level cache.
        let rows = (SHARED_BYTES / (per_pixel * (w + 1))).clamp(1, band.height.max(1));
        let strips = strips_of(n, band, rows, w);
        let (map, sum) = (MAPS * bi * strips[0].map(), PRODUCTS * bo * strips[0].products());
        let group = (SHARED_BYTES / ((map + sum) * size_of::<Line>())).clamp(1, strips.len());
        with_lines(group * (map + sum), |scratch| {
            let (maps, sums) = scratch.split_at_mut(group * map);
            for strips in strips.chunks(group) {
                maps.par_chunks_mut(map).zip(strips).for_each(|(maps, s)| {
                    isa.run(Differences { x, strip: *s, maps: &mut maps[..MAPS * bi * s.map()] });
                });
                // Sums: strip, product, block; a task makes a few blocks of one product for all strips.
                let parts = bo.min(2 * threads);
                let shared = Shared::new(sums);
                (0..PRODUCTS * parts).into_par_iter().for_each(|task| {
                    let (p, part) = (task / parts, task % parts);
                    let (first, end) = (part * bo / parts, (part + 1) * bo / parts);
                    for (i, s) in strips.iter().enumerate() {
                        let (at, len) = (i * sum + (p * bo + first) * s.products(), (end - first) * s.products());
                        // SAFETY: the blocks of one product are divided among its tasks.
                        let sums = unsafe { shared.slice(at, len) };
                        self.product(s, p, first, &maps[i * map..][..MAPS * bi * s.map()], sums);
                    }
                });
                // The last step by rows: one picture must keep all threads busy, too.
                let sums = &*sums;
                (0..strips.len() * rows).into_par_iter().for_each(|task| {
                    let (i, first) = (task / rows, task % rows);
                    let strip = strips[i];
                    if first < strip.rows {
                        with_lines(16 * bo, |corner| {
                            let sums = &sums[i * sum..][..PRODUCTS * bo * strip.products()];
                            isa.run(Combine { sums, strip, rows: first..first + 1, epilogue, corner, y });
                        });
                    }
                });
            }
        });
    }

    /// Blocks `first` and on of product `p`, as many as `sums` holds.
    fn product(&self, s: &Strip, p: usize, first: usize, maps: &[Line], sums: &mut [Line]) {
        let (map, right, below) = READS[p];
        let blocks = self.c_in.div_ceil(WIDTH);
        let lines = &maps[map * blocks * s.map() + right + below * s.pitch()..(map + 1) * blocks * s.map()];
        let rows = s.products();
        // The last block's tail may be shorter than the step from block to block.
        let used = (blocks - 1) * s.map() + rows;
        let a = Blocked { lines: &lines[..used], rows, stride: s.map() };
        let per_block = self.c_in.next_multiple_of(WIDTH);
        let kernels =
            &self.kernels[(p * self.c_out.div_ceil(WIDTH) + first) * per_block..][..sums.len() / rows * per_block];
        product(self.isa, a, kernels, sums);
    }
}

/// The bands of `n` pictures cut into strips of at most so many rows and columns.
fn strips_of(n: usize, band: Band, rows: usize, cols: usize) -> Vec<Strip> {
    let mut strips = Vec::new();
    for picture in 0..n {
        for y in (0..band.height).step_by(rows) {
            for x in (0..band.w).step_by(cols) {
                strips.push(Strip { band, picture, y, x, rows: rows.min(band.height - y), cols: cols.min(band.w - x) });
            }
        }
    }
    strips
}

/// The difference maps of a strip: line (row, column) of block b of map m is `(m * blocks + b) * strip.map() + row * pitch +
/// column`; map 1 at column j holds x[j] - x[j-1], map 2 at row i x[i] - x[i-1].
struct Differences<'a> {
    x: Pictures<'a>,
    strip: Strip,
    maps: &'a mut [Line],
}

impl Op for Differences<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let s = self.strip;
        let blocks = self.x.blocks();
        assert_eq!(self.maps.len(), MAPS * blocks * s.map());
        let maps = Shared::new(&mut *self.maps);
        for block in 0..blocks {
            for row in 0..=s.rows {
                let y = (s.band.top + s.y + row) as isize;
                let mut left = self.x.line(s.picture, (y, s.x as isize - 1), block);
                let mut left_above = self.x.line(s.picture, (y - 1, s.x as isize - 1), block);
                for col in 0..=s.cols {
                    let x = (s.x + col) as isize;
                    let here = self.x.line(s.picture, (y, x), block);
                    let above = self.x.line(s.picture, (y - 1, x), block);
                    for lane in (0..WIDTH).step_by(S::F32_LANES) {
                        // SAFETY: registers within lines; row <= rows and col <= cols stay within each map.
                        unsafe {
                            let of = |l: &Line| load::<S>(l.0.as_ptr().add(lane));
                            let put = |map: usize, v| {
                                let at = (map * blocks + block) * s.map() + row * s.pitch() + col;
                                store::<S>(maps.at(at, 1).cast::<f32>().add(lane), v);
                            };
                            let down = simd.sub_f32s(of(&here), of(&above));
                            put(0, of(&here));
                            put(1, simd.sub_f32s(of(&here), of(&left)));
                            put(2, down);
                            put(3, simd.sub_f32s(down, simd.sub_f32s(of(&left), of(&left_above))));
                        }
                    }
                    (left, left_above) = (here, above);
                }
            }
        }
    }
}

/// The nine sums of every pixel of some rows of a strip made into four finished outputs.
struct Combine<'a> {
    sums: &'a [Line],
    strip: Strip,
    rows: Range<usize>,
    epilogue: Epilogue<'a>,
    corner: &'a mut [Line],
    y: Shared<f32>,
}

impl Op for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(mut self, simd: S) {
        for row in self.rows.clone() {
            self.row(simd, row);
        }
    }
}

impl Combine<'_> {
    #[inline(always)]
    fn row<S: Lanes>(&mut self, simd: S, row: usize) {
        let (s, e, co) = (self.strip, self.epilogue, self.epilogue.bias.len());
        let (blocks, bias) = (co.div_ceil(WIDTH), Bias::new(e.bias));
        assert!(self.sums.len() == PRODUCTS * blocks * s.products() && self.corner.len() == 16 * blocks);
        let corner = self.corner.as_mut_ptr().cast::<f32>();
        let direct = co.is_multiple_of(WIDTH) && e.to_rgb.is_none();
        // Four input pixels at a time: the roots of sixteen outputs are taken together.
        for col in (0..s.cols).step_by(4) {
            let count = 4.min(s.cols - col);
            let pixel = |d: usize, q: usize| s.output(row, col + d) + q / 2 * 2 * s.band.w + q % 2;
            let mut squares = [0.0; 16];
            // SAFETY of the unsafe blocks: `sums` was checked above; the outputs of a pixel are this task's alone, and `corner`
            // has room for 16 pixels of whole blocks.
            let place = |d: usize, q: usize| unsafe {
                if direct { self.y.at(pixel(d, q) * co, co) } else { corner.add((d * 4 + q) * blocks * WIDTH) }
            };
            for d in 0..count {
                let to: [*mut f32; 4] = std::array::from_fn(|q| place(d, q));
                let mut square = [simd.splat_f32s(0.0); 4];
                for block in 0..blocks {
                    let from = &self.sums[block * s.products() + row * s.pitch() + col + d..];
                    let bias = bias.block(block);
                    for lane in (0..WIDTH).step_by(S::F32_LANES) {
                        unsafe {
                            let sum = |p: usize| {
                                load::<S>(from.as_ptr().add(p * blocks * s.products()).cast::<f32>().add(lane))
                            };
                            let add = |a, b| simd.add_f32s(a, b);
                            let all = sum(0);
                            let (left, right) = (add(all, sum(2)), add(all, sum(1)));
                            let (top, bottom) = (sum(3), sum(4));
                            let v = [
                                add(add(left, top), sum(5)),
                                add(add(right, top), sum(6)),
                                add(add(left, bottom), sum(7)),
                                add(add(right, bottom), sum(8)),
                            ];
                            let bias = load::<S>(bias.add(lane));
                            for q in 0..4 {
                                let v = activate(simd, v[q], bias, e.leaky);
                                square[q] = simd.fma(v, v, square[q]);
                                store::<S>(to[q].add(block * WIDTH + lane), v);
                            }
                        }
                    }
                }
                if e.pixel_norm {
                    squares[d * 4..][..4].copy_from_slice(&simd.sums(square));
                }
            }
            if let Some(to_rgb) = e.to_rgb {
                // Places beyond the last pixel hold older maps; nobody reads their colours.
                let at = |p: usize| unsafe { corner.add(p * blocks * WIDTH).cast_const() };
                let rgb = unsafe { colours(simd, at, co, e.pixel_norm, to_rgb) };
                for (p, rgb) in rgb.iter().enumerate().take(4 * count) {
                    unsafe { self.y.at(pixel(p / 4, p % 4) * 3, 3).copy_from_nonoverlapping(rgb.as_ptr(), 3) };
                }
                continue;
            }
            if e.pixel_norm {
                norm_factors(simd, &mut squares, co);
            }
            for (p, factor) in squares.into_iter().enumerate().take(4 * count) {
                let at = place(p / 4, p % 4);
                unsafe {
                    if e.pixel_norm {
                        scale(simd, at, blocks, factor);
                    }
                    if !direct {
                        self.y.at(pixel(p / 4, p % 4) * co, co).copy_from_nonoverlapping(at, co);
                    }
                }
            }
        }
    }
}
