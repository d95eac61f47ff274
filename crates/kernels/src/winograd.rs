//! 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3): 36 multiplications for 16 outputs in place of 144.
//!
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4.2: a tile of 6x6 inputs and the
//! kernel are brought into a domain of 36 planes where the convolution is a product, one matrix product over the
//! maps per plane. The gradient of the weights is the transposed product in the same domain.

use crate::blocked::{Blocked, Line, WIDTH, add_outer, product};
use crate::conv::Conv2d;
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::pictures::{Pictures, Weights};
use crate::scratch::{SHARED_BYTES, Shared, TASK_BYTES, with_lines};
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;

/// Planes of the domain.
const PLANES: usize = 36;

/// Pictures of `h` x `w` outputs, cut into tiles of 4x4 that may hang over the right and lower border.
#[derive(Clone, Copy)]
struct Tiles {
    h: usize,
    w: usize,
    /// Tiles across and down one picture.
    across: usize,
    down: usize,
}

impl Tiles {
    /// Of the outputs of a convolution.
    fn of(g: Conv2d) -> Self {
        let (h, w) = g.out_size();
        Self { h, w, across: w.div_ceil(4), down: h.div_ceil(4) }
    }

    fn per_picture(&self) -> usize {
        self.across * self.down
    }

    /// Picture, first row and first column of tile `t`.
    #[inline(always)]
    fn place(&self, t: usize) -> (usize, usize, usize) {
        let in_picture = t % self.per_picture();
        (t / self.per_picture(), in_picture / self.across * 4, in_picture % self.across * 4)
    }
}

/// `A^T m`
#[inline(always)]
fn output_transform<S: Lanes>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let (two, four, eight) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(8.0));
    let (p, q) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (r, s) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(p, r)),
        simd.fma(two, s, q),
        simd.fma(four, r, p),
        simd.add_f32s(simd.fma(eight, s, q), m[5]),
    ]
}

/// `G g`
#[inline(always)]
fn kernel_transform<S: Lanes>(simd: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
    let c = |v: f32| simd.splat_f32s(v);
    let minus_sixth = c(-1.0 / 6.0);
    let outer = simd.mul_f32s(minus_sixth, simd.add_f32s(g[0], g[2]));
    let middle = simd.mul_f32s(minus_sixth, g[1]);
    let far = simd.fma(c(1.0 / 24.0), g[0], simd.mul_f32s(c(1.0 / 6.0), g[2]));
    let half = simd.mul_f32s(c(1.0 / 12.0), g[1]);
    [
        simd.mul_f32s(c(0.25), g[0]),
        simd.add_f32s(outer, middle),
        simd.sub_f32s(outer, middle),
        simd.add_f32s(far, half),
        simd.sub_f32s(far, half),
        g[2],
    ]
}

/// `G^T u`
#[inline(always)]
fn kernel_transposed<S: Lanes>(simd: S, u: [S::f32s; 6]) -> [S::f32s; 3] {
    let c = |v: f32| simd.splat_f32s(v);
    let (near, near_d) = (simd.add_f32s(u[1], u[2]), simd.sub_f32s(u[2], u[1]));
    let (far, far_d) = (simd.add_f32s(u[3], u[4]), simd.sub_f32s(u[3], u[4]));
    let sixth = c(1.0 / 6.0);
    [
        simd.fma(c(1.0 / 24.0), far, simd.fnma(sixth, near, simd.mul_f32s(c(0.25), u[0]))),
        simd.fma(c(1.0 / 12.0), far_d, simd.mul_f32s(sixth, near_d)),
        simd.fma(sixth, simd.sub_f32s(far, near), u[5]),
    ]
}

/// `transform` along the columns, then along the rows, of a square of registers.
macro_rules! both_ways {
    ($simd:expr, $transform:expr, $from:tt, $to:tt, $read:expr, $write:expr) => {{
        let zero = $simd.splat_f32s(0.0);
        let mut half = [[zero; $from]; $to];
        for j in 0..$from {
            let mut column = [zero; $from];
            for (i, v) in column.iter_mut().enumerate() {
                *v = $read(i, j);
            }
            for (i, v) in $transform($simd, column).into_iter().enumerate() {
                half[i][j] = v;
            }
        }
        for (i, row) in half.into_iter().enumerate() {
            for (j, v) in $transform($simd, row).into_iter().enumerate() {
                $write(i, j, v);
            }
        }
    }};
}

/// Kernels in the Winograd domain: 36 right factors of `ceil(in / 16) * 16` x `ceil(out / 16) * 16`.
pub(crate) struct Kernels {
    lines: Vec<Line>,
    c_in: usize,
    c_out: usize,
}

impl Kernels {
    /// Brings them there.
    pub fn new(isa: Isa, weights: Weights) -> Self {
        assert_eq!(weights.taps(), 9);
        let (rows, blocks) = (weights.c_in.next_multiple_of(WIDTH), weights.c_out.div_ceil(WIDTH));
        let mut lines = vec![Line::ZERO; PLANES * rows * blocks];
        let out = Shared::new(&mut lines);
        (0..blocks).into_par_iter().for_each(|block| isa.run(TransformKernels { weights, block, rows, blocks, out }));
        Self { lines, c_in: weights.c_in, c_out: weights.c_out }
    }

    fn plane(&self, plane: usize) -> &[Line] {
        let len = self.lines.len() / PLANES;
        &self.lines[plane * len..][..len]
    }
}

struct TransformKernels<'a> {
    weights: Weights<'a>,
    block: usize,
    rows: usize,
    blocks: usize,
    out: Shared<Line>,
}

impl Op for TransformKernels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let mut taps = [Line::ZERO; 9];
        for i in 0..self.weights.c_in {
            for (t, line) in taps.iter_mut().enumerate() {
                *line = self.weights.line(t, i, self.block);
            }
            for lane in (0..WIDTH).step_by(S::F32_LANES) {
                // SAFETY: a register within a line; this task alone writes the lines of its block.
                let read = |a: usize, b: usize| unsafe { load::<S>(taps[a * 3 + b].0.as_ptr().add(lane)) };
                let write = |a: usize, b: usize, v| unsafe {
                    let line = ((a * 6 + b) * self.blocks + self.block) * self.rows + i;
                    store::<S>(self.out.at(line, 1).cast::<f32>().add(lane), v);
                };
                both_ways!(simd, kernel_transform, 3, 6, read, write);
            }
        }
    }
}

/// What is brought into the domain, tile by tile of SIZE x SIZE pixels. A trait, for only what is called by its own name is
/// compiled for the instruction set.
trait Source<const SIZE: usize> {
    /// Along one axis. Must be `#[inline(always)]`.
    fn transform<S: Lanes>(simd: S, values: [S::f32s; SIZE]) -> [S::f32s; 6];
}

/// Inputs, a pixel around the outputs of the tile.
struct Inputs;

impl Source<6> for Inputs {
    /// `B^T d`
    #[inline(always)]
    fn transform<S: Lanes>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
        let (two, four, five) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(5.0));
        let a = simd.fnma(four, d[2], d[4]);
        let b = simd.fnma(four, d[1], d[3]);
        let e = simd.sub_f32s(d[4], d[2]);
        let f = simd.mul_f32s(two, simd.sub_f32s(d[3], d[1]));
        [
            simd.fma(four, d[0], simd.fnma(five, d[2], d[4])),
            simd.add_f32s(a, b),
            simd.sub_f32s(a, b),
            simd.add_f32s(e, f),
            simd.sub_f32s(e, f),
            simd.fma(four, d[1], simd.fnma(five, d[3], d[5])),
        ]
    }
}

/// Gradients of the outputs.
struct Gradients;

impl Source<4> for Gradients {
    /// `A y`
    #[inline(always)]
    fn transform<S: Lanes>(simd: S, y: [S::f32s; 4]) -> [S::f32s; 6] {
        let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
        let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
        let (even4, odd4) = (simd.fma(four, y[2], y[0]), simd.mul_f32s(two, simd.fma(four, y[3], y[1])));
        [
            y[0],
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(even4, odd4),
            simd.sub_f32s(even4, odd4),
            y[3],
        ]
    }
}

/// `count` tiles from `first` on, brought into the domain; tile t, block b, plane p becomes line `at + p * plane + b * stride +
/// t` of `out`.
struct Transform<'a, T, const SIZE: usize> {
    _source: T,
    pictures: Pictures<'a>,
    /// Rows above and columns left of the place of a tile that are read, too.
    margin: (usize, usize),
    tiles: Tiles,
    first: usize,
    count: usize,
    out: Shared<Line>,
    at: usize,
    stride: usize,
    plane: usize,
}

impl<T: Source<SIZE>, const SIZE: usize> Op for Transform<'_, T, SIZE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (from, tiles, (above, left)) = (&self.pictures, &self.tiles, self.margin);
        let mut corner = [[Line::ZERO; SIZE]; SIZE];
        for t in 0..self.count {
            let (picture, y, x) = tiles.place(self.first + t);
            let inside = y >= above && x >= left && y + SIZE <= from.h + above && x + SIZE <= from.w + left;
            for block in 0..from.blocks() {
                let (start, row, col) = if inside && (block + 1) * WIDTH <= from.c {
                    let at = ((picture * from.h + y - above) * from.w + x - left) * from.c + block * WIDTH;
                    (from.x[at..].as_ptr(), from.w * from.c, from.c)
                } else {
                    let (y, x) = (y as isize - above as isize, x as isize - left as isize);
                    for (i, row) in corner.iter_mut().enumerate() {
                        for (j, line) in row.iter_mut().enumerate() {
                            *line = from.line(picture, (y + i as isize, x + j as isize), block);
                        }
                    }
                    (corner.as_ptr().cast::<f32>(), SIZE * WIDTH, WIDTH)
                };
                let line = self.at + block * self.stride + t;
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    // SAFETY: the tile's pixels are inside the picture or in `corner`; nobody else writes this tile's lines.
                    let read = |i: usize, j: usize| unsafe { load::<S>(start.add(i * row + j * col + lane)) };
                    let write = |i: usize, j: usize, v| unsafe {
                        let at = self.out.at(line + (i * 6 + j) * self.plane, 1).cast::<f32>();
                        store::<S>(at.add(lane), v);
                    };
                    both_ways!(simd, T::transform, SIZE, 6, read, write);
                }
            }
        }
    }
}

/// Tiles brought back from the domain, finished and written into the output pictures.
struct TransformOutput<'a> {
    /// Tile t, block b of plane p is line `p * plane + b * stride + t`.
    m: &'a [Line],
    stride: usize,
    plane: usize,
    tiles: Tiles,
    first: usize,
    count: usize,
    epilogue: Epilogue<'a>,
    /// 16 pixels of whole blocks, for what cannot be written in place.
    corner: &'a mut [Line],
    y: Shared<f32>,
}

impl Op for TransformOutput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (g, maps) = (&self.tiles, self.epilogue.bias.len());
        let (blocks, bias) = (maps.div_ceil(WIDTH), Bias::new(self.epilogue.bias));
        assert!(self.m.len() >= (PLANES - 1) * self.plane + (blocks - 1) * self.stride + self.count);
        assert_eq!(self.corner.len(), 16 * blocks);
        let corner = self.corner.as_mut_ptr().cast::<f32>();
        let whole = maps.is_multiple_of(WIDTH) && self.epilogue.to_rgb.is_none();
        for t in 0..self.count {
            let (picture, y, x) = g.place(self.first + t);
            let pixel = |i: usize, j: usize| (picture * g.h + y + i) * g.w + x + j;
            // SAFETY of the unsafe blocks below: `m` holds this task's tiles (asserted above); the output pixels of a tile belong to it alone,
            // and `to` reaches 4x4 pixels of whole blocks either in the output or in `corner`.
            let (to, row, col) = if whole && y + 4 <= g.h && x + 4 <= g.w {
                (unsafe { self.y.at(pixel(0, 0) * maps, ((3 * g.w) + 4) * maps) }, g.w * maps, maps)
            } else {
                (corner, 4 * blocks * WIDTH, blocks * WIDTH)
            };
            let mut squares = [simd.splat_f32s(0.0); 16];
            for block in 0..blocks {
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    let at = block * WIDTH + lane;
                    let bias = unsafe { load::<S>(bias.block(block).add(lane)) };
                    let read = |i: usize, j: usize| unsafe {
                        let line = self.m.as_ptr().add((i * 6 + j) * self.plane + block * self.stride + t);
                        load::<S>(line.cast::<f32>().add(lane))
                    };
                    let mut write = |i: usize, j: usize, v| {
                        let v = activate(simd, v, bias, self.epilogue.leaky);
                        if self.epilogue.pixel_norm && self.epilogue.to_rgb.is_none() {
                            squares[i * 4 + j] = simd.fma(v, v, squares[i * 4 + j]);
                        }
                        unsafe { store::<S>(to.add(i * row + j * col + at), v) };
                    };
                    both_ways!(simd, output_transform, 6, 4, read, write);
                }
            }
            let covered = |p: usize| y + p / 4 < g.h && x + p % 4 < g.w;
            if let Some(to_rgb) = self.epilogue.to_rgb {
                let at = |p: usize| unsafe { to.add(p / 4 * row + p % 4 * col).cast_const() };
                let rgb = unsafe { colours(simd, at, maps, self.epilogue.pixel_norm, to_rgb) };
                for (p, rgb) in rgb.iter().enumerate().filter(|(p, _)| covered(*p)) {
                    unsafe { self.y.at(pixel(p / 4, p % 4) * 3, 3).copy_from_nonoverlapping(rgb.as_ptr(), 3) };
                }
                continue;
            }
            let mut factors = [1.0; 16];
            if self.epilogue.pixel_norm {
                for (f, s) in factors.as_chunks_mut::<4>().0.iter_mut().zip(squares.as_chunks::<4>().0) {
                    *f = simd.sums(*s);
                }
                norm_factors(simd, &mut factors, maps);
            }
            for (p, factor) in factors.into_iter().enumerate() {
                let (i, j) = (p / 4, p % 4);
                let at = unsafe { to.add(i * row + j * col) };
                if self.epilogue.pixel_norm {
                    unsafe { scale(simd, at, blocks, factor) };
                }
                if to == corner && covered(p) {
                    unsafe { self.y.at(pixel(i, j) * maps, maps).copy_from_nonoverlapping(at, maps) };
                }
            }
        }
    }
}

/// Lines of one plane of `tiles` tiles of `blocks` blocks. Odd, so that the planes do not fall on the same sets of a cache.
fn plane_lines(tiles: usize, blocks: usize) -> usize {
    (tiles * blocks) | 1
}

/// `y = epilogue(x * kernels)`
pub(crate) fn forward(isa: Isa, kernels: &Kernels, g: Conv2d, x: &[f32], y: &mut [f32], epilogue: Epilogue) {
    let (tiles, margin) = (Tiles::of(g), g.pad);
    let pictures = Pictures { x, h: g.h, w: g.w, c: g.c_in };
    assert_eq!((g.c_in, g.c_out), (kernels.c_in, kernels.c_out));
    assert_eq!(x.len(), g.n * g.h * g.w * g.c_in);
    assert_eq!(epilogue.bias.len(), g.c_out);
    assert_eq!(y.len(), g.pixels() * epilogue.channels());
    let (total, bi, bo) = (g.n * tiles.per_picture(), pictures.blocks(), g.c_out.div_ceil(WIDTH));
    let threads = rayon::current_num_threads();
    let y = Shared::new(y);

    // Few maps: a task takes its tiles all the way while they stay in its second-level cache.
    let block = (TASK_BYTES / bytes_per_tile(bi, bo)).min(total.div_ceil(4 * threads)).max(1);
    if block >= 12 {
        in_parts(total, block, |first, count| {
            let (pi, po) = (plane_lines(count, bi), plane_lines(count, bo));
            with_lines(PLANES * (pi + po) + 16 * bo, |scratch| {
                let (v, rest) = scratch.split_at_mut(PLANES * pi);
                let (m, corner) = rest.split_at_mut(PLANES * po);
                let out = Shared::new(v);
                let (at, stride, plane) = (0, count, pi);
                isa.run(Transform { _source: Inputs, pictures, margin, tiles, first, count, out, at, stride, plane });
                for p in 0..PLANES {
                    let a = Blocked::dense(&v[p * pi..][..count * bi], count);
                    product(isa, a, kernels.plane(p), &mut m[p * po..][..count * bo]);
                }
                isa.run(TransformOutput { m, stride: count, plane: po, tiles, first, count, epilogue, corner, y });
            });
        });
        return;
    }
    // Many maps: plane by plane, so that each plane's kernels are read once for many tiles.
    let chunk = chunk_of(total, bi, bo);
    let (pi, po) = (plane_lines(chunk, bi), plane_lines(chunk, bo));
    with_lines(PLANES * (pi + po), |scratch| {
        let (v, m) = scratch.split_at_mut(PLANES * pi);
        for start in (0..total).step_by(chunk) {
            let size = chunk.min(total - start);
            let part = size.div_ceil(4 * threads);
            let out = Shared::new(v);
            in_parts(size, part, |at, count| {
                let (first, stride, plane) = (start + at, size, pi);
                isa.run(Transform { _source: Inputs, pictures, margin, tiles, first, count, out, at, stride, plane });
            });
            m.par_chunks_mut(po).zip(v.par_chunks(pi)).enumerate().for_each(|(p, (m, v))| {
                product(isa, Blocked::dense(&v[..size * bi], size), kernels.plane(p), &mut m[..size * bo]);
            });
            let m = &*m;
            in_parts(size, part, |at, count| {
                let (m, first) = (&m[at..], start + at);
                with_lines(16 * bo, |corner| {
                    isa.run(TransformOutput { m, stride: size, plane: po, tiles, first, count, epilogue, corner, y });
                });
            });
        }
    });
}

/// Scratch of one tile of `bi` blocks of maps in and `bo` out.
fn bytes_per_tile(bi: usize, bo: usize) -> usize {
    PLANES * (bi + bo) * size_of::<Line>()
}

/// Tiles whose planes all threads work on at once.
fn chunk_of(total: usize, bi: usize, bo: usize) -> usize {
    (SHARED_BYTES / bytes_per_tile(bi, bo)).max(24).min(total)
}

/// Calls `f(first, count)` for `total` tiles, `part` at a time, on all threads.
fn in_parts(total: usize, part: usize, f: impl Fn(usize, usize) + Sync) {
    (0..total.div_ceil(part)).into_par_iter().for_each(|task| f(task * part, part.min(total - task * part)));
}

/// Adds the gradient of kernels `[3, 3, c_in, c_out]`, given inputs and gradients of the outputs.
///
/// The sums do not depend on the number of threads.
pub(crate) fn backward_weight(isa: Isa, g: Conv2d, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let (ci, co, tiles, margin) = (g.c_in, g.c_out, Tiles::of(g), g.pad);
    assert!(x.len() == g.n * g.h * g.w * ci && dy.len() == g.pixels() * co && dweight.len() == 9 * ci * co);
    let x = Pictures { x, h: g.h, w: g.w, c: ci };
    let dy = Pictures { x: dy, h: tiles.h, w: tiles.w, c: co };
    let (total, bi, bo) = (g.n * tiles.per_picture(), x.blocks(), dy.blocks());
    let chunk = chunk_of(total, bi, bo);
    let (pi, po) = (plane_lines(chunk, bi), plane_lines(chunk, bo));
    let rows = bi * WIDTH;
    let threads = rayon::current_num_threads();
    with_lines(PLANES * (pi + po + rows * bo), |scratch| {
        let (v, rest) = scratch.split_at_mut(PLANES * pi);
        let (m, sums) = rest.split_at_mut(PLANES * po);
        sums.fill(Line::ZERO);
        for first in (0..total).step_by(chunk) {
            let size = chunk.min(total - first);
            let (vs, ms) = (Shared::new(v), Shared::new(m));
            in_parts(size, size.div_ceil(4 * threads), |at, count| {
                let (first, stride) = (first + at, size);
                isa.run(Transform {
                    _source: Inputs,
                    pictures: x,
                    margin,
                    tiles,
                    first,
                    count,
                    out: vs,
                    at,
                    stride,
                    plane: pi,
                });
                isa.run(Transform {
                    _source: Gradients,
                    pictures: dy,
                    margin: (0, 0),
                    tiles,
                    first,
                    count,
                    out: ms,
                    at,
                    stride,
                    plane: po,
                });
            });
            sums.par_chunks_mut(rows * bo).zip(v.par_chunks(pi).zip(m.par_chunks(po))).for_each(|(sums, (v, m))| {
                add_outer(isa, Blocked::dense(&v[..size * bi], size), Blocked::dense(&m[..size * bo], size), sums);
            });
        }
        let dweight = Shared::new(dweight);
        (0..ci).into_par_iter().for_each(|i| isa.run(FoldKernels { sums, rows, bo, ci, co, i, dweight }));
    });
}

/// Brings the gradient of the kernels of input map `i` back from the domain.
struct FoldKernels<'a> {
    sums: &'a [Line],
    rows: usize,
    bo: usize,
    ci: usize,
    co: usize,
    i: usize,
    dweight: Shared<f32>,
}

impl Op for FoldKernels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let mut taps = [Line::ZERO; 9];
        for block in 0..self.bo {
            for lane in (0..WIDTH).step_by(S::F32_LANES) {
                let read = |a: usize, b: usize| {
                    let line = &self.sums[((a * 6 + b) * self.bo + block) * self.rows + self.i];
                    // SAFETY: a register within a line.
                    unsafe { load::<S>(line.0.as_ptr().add(lane)) }
                };
                // SAFETY: as above.
                let mut write =
                    |a: usize, b: usize, v| unsafe { store::<S>(taps[a * 3 + b].0.as_mut_ptr().add(lane), v) };
                both_ways!(simd, kernel_transposed, 6, 3, read, write);
            }
            let maps = WIDTH.min(self.co - block * WIDTH);
            for (t, line) in taps.iter().enumerate() {
                // SAFETY: the weights of input map i are this task's alone.
                let dw = unsafe { self.dweight.slice((t * self.ci + self.i) * self.co + block * WIDTH, maps) };
                dw.iter_mut().zip(line.0).for_each(|(d, v)| *d += v);
            }
        }
    }
}
