//! 3x3 convolutions by minimal filtering, in tiles of a few outputs.
//!
//! A tile of inputs and the kernel are brought into a domain where the convolution is a product, one matrix product over the
//! maps per plane (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4). The
//! gradient of the weights is the transposed product in the same domain. A [`Scheme`] says how, along one axis; both axes
//! go the same way.

use crate::bf16::{Factors, Precision};
use crate::blocked::{Blocked, Line, WIDTH, add_outer};
use crate::conv::Conv2d;
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::pictures::{Pictures, Weights};
use crate::schemes::{Axis, MOST, Scheme};
use crate::scratch::{SHARED_BYTES, Shared, TASK_BYTES, with_lines};
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// `transform` along the columns, then along the rows, of a square of registers.
macro_rules! both_ways {
    ($simd:expr, $transform:expr, $from:expr, $to:expr, $read:expr, $write:expr) => {{
        let zero = $simd.splat_f32s(0.0);
        let mut half = [[zero; MOST]; MOST];
        for j in 0..$from {
            let mut column = [zero; MOST];
            for i in 0..$from {
                column[i] = $read(i, j);
            }
            let column = $transform($simd, column);
            for i in 0..$to {
                half[i][j] = column[i];
            }
        }
        for i in 0..$to {
            let row = $transform($simd, half[i]);
            for j in 0..$to {
                $write(i, j, row[j]);
            }
        }
    }};
}

/// The kernels of a scheme's products: right factors of `ceil(in / 16) * 16` x `ceil(out / 16) * 16`.
pub(crate) struct Kernels<T> {
    planes: Factors,
    c_in: usize,
    c_out: usize,
    _scheme: PhantomData<T>,
}

impl<T: Scheme> Kernels<T> {
    /// From 3x3 kernels.
    pub fn new(isa: Isa, weights: Weights, precision: Precision) -> Self {
        assert_eq!(weights.taps(), 9);
        let (rows, blocks) = (weights.c_in.next_multiple_of(WIDTH), weights.c_out.div_ceil(WIDTH));
        let mut lines = vec![Line::ZERO; T::PLANES * rows * blocks];
        let out = Shared::new(&mut lines);
        (0..blocks).into_par_iter().for_each(|block| {
            isa.run(TransformKernels::<T> { weights, block, rows, blocks, out, _scheme: PhantomData });
        });
        let planes = Factors::new(lines, precision);
        Self { planes, c_in: weights.c_in, c_out: weights.c_out, _scheme: PhantomData }
    }

    /// The sums of a plane from the values that it takes.
    fn product(&self, isa: Isa, values: Blocked, plane: usize, sums: &mut [Line]) {
        let len = self.planes.len() / T::PLANES;
        self.planes.product(isa, values, (plane * len, len), sums);
    }
}

struct TransformKernels<'a, T> {
    weights: Weights<'a>,
    block: usize,
    rows: usize,
    blocks: usize,
    out: Shared<Line>,
    _scheme: PhantomData<T>,
}

impl<T: Scheme> Op for TransformKernels<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let n = T::PRODUCTS.len();
        let mut taps = [Line::ZERO; 9];
        for i in 0..self.weights.c_in {
            for (t, line) in taps.iter_mut().enumerate() {
                *line = self.weights.line(t, i, self.block);
            }
            for lane in (0..WIDTH).step_by(S::F32_LANES) {
                // SAFETY: a register within a line; this task alone writes the lines of its block.
                let read = |a: usize, b: usize| unsafe { load::<S>(taps[a * 3 + b].0.as_ptr().add(lane)) };
                let write = |a: usize, b: usize, v| unsafe {
                    let line = ((a * n + b) * self.blocks + self.block) * self.rows + i;
                    store::<S>(self.out.at(line, 1).cast::<f32>().add(lane), v);
                };
                both_ways!(simd, T::kernels, 3, n, read, write);
            }
        }
    }
}

/// Pictures of `h` x `w` outputs, cut into square tiles that may hang over the right and lower border.
#[derive(Clone, Copy)]
struct Tiles {
    h: usize,
    w: usize,
    /// Tiles across and down one picture.
    across: usize,
    down: usize,
}

impl Tiles {
    fn new(h: usize, w: usize, side: usize) -> Self {
        Self { h, w, across: w.div_ceil(side), down: h.div_ceil(side) }
    }

    fn per_picture(&self) -> usize {
        self.across * self.down
    }

    /// Picture, and which tile of its rows and columns tile `t` is.
    #[inline(always)]
    fn place(&self, t: usize) -> (usize, usize, usize) {
        let in_picture = t % self.per_picture();
        (t / self.per_picture(), in_picture / self.across, in_picture % self.across)
    }
}

/// What is brought into the domain, tile by tile. A trait, for only what is called by its own name is compiled for the instruction set.
trait Source {
    /// Pixels of a tile along an axis.
    const FROM: usize;
    /// What they become.
    const TO: usize;
    /// Pixels from a tile to the next.
    const STEP: usize;
    /// Must be `#[inline(always)]`.
    fn transform<S: Lanes>(simd: S, pixels: Axis<S::f32s>) -> Axis<S::f32s>;
}

/// A scheme's inputs.
struct Inputs<T>(PhantomData<T>);

impl<T: Scheme> Source for Inputs<T> {
    const FROM: usize = T::INPUTS;
    const TO: usize = T::VALUES;
    const STEP: usize = T::STEP;

    #[inline(always)]
    fn transform<S: Lanes>(simd: S, pixels: Axis<S::f32s>) -> Axis<S::f32s> {
        T::values(simd, pixels)
    }
}

/// Gradients of a scheme's outputs.
struct Gradients<T>(PhantomData<T>);

impl<T: Scheme> Source for Gradients<T> {
    const FROM: usize = T::OUTPUTS;
    const TO: usize = T::PRODUCTS.len();
    const STEP: usize = T::OUTPUTS;

    #[inline(always)]
    fn transform<S: Lanes>(simd: S, pixels: Axis<S::f32s>) -> Axis<S::f32s> {
        T::product_gradients(simd, pixels)
    }
}

/// Pictures, and how the tiles lie on them.
#[derive(Clone, Copy)]
struct View<'a> {
    pictures: Pictures<'a>,
    tiles: Tiles,
    /// Row and column of the first pixel of the first tile.
    origin: (isize, isize),
}

/// `count` tiles from `first` on, brought into the domain; tile t, block b, plane p becomes line `at + p * plane + b * stride +
/// t` of `out`.
struct Transform<'a, T> {
    from: View<'a>,
    first: usize,
    count: usize,
    out: Shared<Line>,
    at: usize,
    stride: usize,
    plane: usize,
    _source: PhantomData<T>,
}

impl<T: Source> Op for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let View { pictures: from, tiles, origin } = self.from;
        let mut corner = [[Line::ZERO; MOST]; MOST];
        for t in 0..self.count {
            let (picture, row, col) = tiles.place(self.first + t);
            let (y, x) = (origin.0 + (row * T::STEP) as isize, origin.1 + (col * T::STEP) as isize);
            let within = |at: isize, len: usize| at >= 0 && at as usize + T::FROM <= len;
            let inside = within(y, from.h) && within(x, from.w);
            for block in 0..from.blocks() {
                let (start, row, col) = if inside && (block + 1) * WIDTH <= from.c {
                    let at = ((picture * from.h + y as usize) * from.w + x as usize) * from.c + block * WIDTH;
                    (from.x[at..].as_ptr(), from.w * from.c, from.c)
                } else {
                    for (i, row) in corner.iter_mut().enumerate().take(T::FROM) {
                        for (j, line) in row.iter_mut().enumerate().take(T::FROM) {
                            *line = from.line(picture, (y + i as isize, x + j as isize), block);
                        }
                    }
                    (corner.as_ptr().cast::<f32>(), MOST * WIDTH, WIDTH)
                };
                let line = self.at + block * self.stride + t;
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    // SAFETY: the tile's pixels are inside the picture or in `corner`; nobody else writes this tile's lines.
                    let read = |i: usize, j: usize| unsafe { load::<S>(start.add(i * row + j * col + lane)) };
                    let write = |i: usize, j: usize, v| unsafe {
                        let at = self.out.at(line + (i * T::TO + j) * self.plane, 1).cast::<f32>();
                        store::<S>(at.add(lane), v);
                    };
                    both_ways!(simd, T::transform, T::FROM, T::TO, read, write);
                }
            }
        }
    }
}

/// Tiles brought back from the domain, finished and written into the output pictures.
struct TransformOutput<'a, T> {
    /// Tile t, block b of plane p is line `p * plane + b * stride + t`.
    m: &'a [Line],
    stride: usize,
    plane: usize,
    tiles: Tiles,
    first: usize,
    count: usize,
    epilogue: Epilogue<'a>,
    /// A tile's pixels of whole blocks, for what cannot be written in place.
    corner: &'a mut [Line],
    y: Shared<f32>,
    _scheme: PhantomData<T>,
}

/// Most pixels of a tile.
const PIXELS: usize = 16;

impl<T: Scheme> Op for TransformOutput<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (g, maps, side, n) = (&self.tiles, self.epilogue.bias.len(), T::OUTPUTS, T::PRODUCTS.len());
        let (blocks, bias) = (maps.div_ceil(WIDTH), Bias::new(self.epilogue.bias));
        assert!(self.m.len() >= (T::PLANES - 1) * self.plane + (blocks - 1) * self.stride + self.count);
        assert_eq!(self.corner.len(), PIXELS * blocks);
        let corner = self.corner.as_mut_ptr().cast::<f32>();
        let whole = maps.is_multiple_of(WIDTH) && self.epilogue.to_rgb.is_none();
        for t in 0..self.count {
            let (picture, y, x) = g.place(self.first + t);
            let (y, x) = (y * side, x * side);
            let pixel = |i: usize, j: usize| (picture * g.h + y + i) * g.w + x + j;
            // SAFETY of the unsafe blocks below: `m` holds this task's tiles (asserted above); the output pixels of a tile belong to it alone,
            // and `to` reaches a tile's pixels of whole blocks either in the output or in `corner`.
            let (to, row, col) = if whole && y + side <= g.h && x + side <= g.w {
                (unsafe { self.y.at(pixel(0, 0) * maps, ((side - 1) * g.w + side) * maps) }, g.w * maps, maps)
            } else {
                (corner, side * blocks * WIDTH, blocks * WIDTH)
            };
            let mut squares = [simd.splat_f32s(0.0); PIXELS];
            for block in 0..blocks {
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    let at = block * WIDTH + lane;
                    let bias = unsafe { load::<S>(bias.block(block).add(lane)) };
                    let read = |i: usize, j: usize| unsafe {
                        let line = self.m.as_ptr().add((i * n + j) * self.plane + block * self.stride + t);
                        load::<S>(line.cast::<f32>().add(lane))
                    };
                    let mut write = |i: usize, j: usize, v| {
                        let v = activate(simd, v, bias, self.epilogue.leaky);
                        if self.epilogue.pixel_norm && self.epilogue.to_rgb.is_none() {
                            squares[i * side + j] = simd.fma(v, v, squares[i * side + j]);
                        }
                        unsafe { store::<S>(to.add(i * row + j * col + at), v) };
                    };
                    both_ways!(simd, T::outputs, n, side, read, write);
                }
            }
            let covered = |p: usize| p < side * side && y + p / side < g.h && x + p % side < g.w;
            let place = |p: usize| unsafe { to.add(p / side * row + p % side * col) };
            if let Some(to_rgb) = self.epilogue.to_rgb {
                // A smaller tile has its last pixel's colours several times; nobody reads them.
                let at = |p: usize, block: usize| {
                    let pixel = place(p.min(side * side - 1)).cast_const();
                    unsafe { pixel.add(block * WIDTH) }
                };
                let rgb = unsafe { colours(simd, at, maps, self.epilogue.pixel_norm, to_rgb) };
                for (p, rgb) in rgb.iter().enumerate().filter(|(p, _)| covered(*p)) {
                    unsafe { self.y.at(pixel(p / side, p % side) * 3, 3).copy_from_nonoverlapping(rgb.as_ptr(), 3) };
                }
                continue;
            }
            let mut factors = [1.0; PIXELS];
            if self.epilogue.pixel_norm {
                factors = simd.sums(squares);
                norm_factors(simd, &mut factors, maps);
            }
            for (p, factor) in factors.into_iter().enumerate().take(side * side) {
                let at = place(p);
                if self.epilogue.pixel_norm {
                    unsafe { scale(simd, at, blocks, factor) };
                }
                if to == corner && covered(p) {
                    let pixel = pixel(p / side, p % side) * maps;
                    unsafe { self.y.at(pixel, maps).copy_from_nonoverlapping(at, maps) };
                }
            }
        }
    }
}

/// Lines of one plane of `tiles` tiles of `blocks` blocks. Odd, so that the planes do not fall on the same sets of a cache.
fn plane_lines(tiles: usize, blocks: usize) -> usize {
    (tiles * blocks) | 1
}

/// `y = epilogue(x * kernels)` at full size, whatever the padding.
pub(crate) fn forward<T: Scheme>(
    isa: Isa,
    kernels: &Kernels<T>,
    g: Conv2d,
    x: &[f32],
    y: &mut [f32],
    epilogue: Epilogue,
) {
    assert_eq!(x.len(), g.n * g.h * g.w * g.c_in);
    run(isa, kernels, View::same::<T>(g, x), g.n, y, epilogue);
}

/// `y = epilogue(enlarged x * kernels)` for some rows of pictures `x` before they are enlarged.
pub(crate) fn forward_enlarged<T: Scheme>(
    isa: Isa,
    kernels: &Kernels<T>,
    n: usize,
    x: Pictures,
    rows: Range<usize>,
    y: &mut [f32],
    epilogue: Epilogue,
) {
    run(isa, kernels, View::enlarged::<T>(x, rows), n, y, epilogue);
}

impl<'a> View<'a> {
    /// The inputs of a scheme that keeps the size.
    fn same<T: Scheme>(g: Conv2d, x: &'a [f32]) -> Self {
        let (h, w) = g.out_size();
        let pictures = Pictures { x, h: g.h, w: g.w, c: g.c_in };
        Self { pictures, tiles: Tiles::new(h, w, T::OUTPUTS), origin: (-(g.pad.0 as isize), -(g.pad.1 as isize)) }
    }

    /// The inputs of a scheme that enlarges.
    fn enlarged<T: Scheme>(pictures: Pictures<'a>, rows: Range<usize>) -> Self {
        let tiles = Tiles::new(2 * rows.len(), 2 * pictures.w, T::OUTPUTS);
        Self { pictures, tiles, origin: (rows.start as isize - 1, -1) }
    }

    /// The gradients of the outputs that this is the input of.
    fn outputs(&self, dy: &'a [f32], c: usize) -> Self {
        Self { pictures: Pictures { x: dy, h: self.tiles.h, w: self.tiles.w, c }, origin: (0, 0), ..*self }
    }
}

fn run<T: Scheme>(isa: Isa, kernels: &Kernels<T>, from: View, n: usize, y: &mut [f32], epilogue: Epilogue) {
    let (tiles, maps) = (from.tiles, kernels.c_out);
    assert_eq!((from.pictures.c, epilogue.bias.len()), (kernels.c_in, maps));
    assert_eq!(y.len(), n * tiles.h * tiles.w * epilogue.channels());
    let (total, bi, bo) = (n * tiles.per_picture(), from.pictures.blocks(), maps.div_ceil(WIDTH));
    let (values, planes) = (T::VALUES * T::VALUES, T::PLANES);
    let per_tile = (values * bi + planes * bo) * size_of::<Line>();
    let threads = rayon::current_num_threads();
    let y = Shared::new(y);
    let transform = |out, first, count, (at, stride, plane)| {
        let op: Transform<Inputs<T>> = Transform { from, first, count, out, at, stride, plane, _source: PhantomData };
        isa.run(op);
    };
    let finish = |m: &[Line], (stride, plane), first, count, corner: &mut [Line]| {
        let op: TransformOutput<T> =
            TransformOutput { m, stride, plane, tiles, first, count, epilogue, corner, y, _scheme: PhantomData };
        isa.run(op);
    };

    // Few maps: a task takes its tiles all the way while they stay in its second-level cache.
    let block = (TASK_BYTES / per_tile).min(total.div_ceil(4 * threads)).max(1);
    if block >= 12 {
        in_parts(total, block, |first, count| {
            let (pi, po) = (plane_lines(count, bi), plane_lines(count, bo));
            with_lines(values * pi + planes * po + PIXELS * bo, |scratch| {
                let (v, rest) = scratch.split_at_mut(values * pi);
                let (m, corner) = rest.split_at_mut(planes * po);
                transform(Shared::new(v), first, count, (0, count, pi));
                for p in 0..planes {
                    let a = Blocked::dense(&v[T::value_of(p) * pi..][..count * bi], count);
                    kernels.product(isa, a, p, &mut m[p * po..][..count * bo]);
                }
                finish(m, (count, po), first, count, corner);
            });
        });
        return;
    }
    // Many maps: plane by plane, so that each plane's kernels are read once for many tiles.
    let chunk = chunk_of(total, per_tile);
    let (pi, po) = (plane_lines(chunk, bi), plane_lines(chunk, bo));
    with_lines(values * pi + planes * po, |scratch| {
        let (v, m) = scratch.split_at_mut(values * pi);
        for start in (0..total).step_by(chunk) {
            let size = chunk.min(total - start);
            let part = size.div_ceil(4 * threads);
            let out = Shared::new(v);
            in_parts(size, part, |at, count| transform(out, start + at, count, (at, size, pi)));
            m.par_chunks_mut(po).enumerate().for_each(|(p, m)| {
                let a = Blocked::dense(&v[T::value_of(p) * pi..][..size * bi], size);
                kernels.product(isa, a, p, &mut m[..size * bo]);
            });
            let m = &*m;
            in_parts(size, part, |at, count| {
                with_lines(PIXELS * bo, |corner| finish(&m[at..], (size, po), start + at, count, corner));
            });
        }
    });
}

/// Tiles whose planes all threads work on at once.
fn chunk_of(total: usize, bytes_per_tile: usize) -> usize {
    (SHARED_BYTES / bytes_per_tile).max(24).min(total)
}

/// Calls `f(first, count)` for `total` tiles, `part` at a time, on all threads.
fn in_parts(total: usize, part: usize, f: impl Fn(usize, usize) + Sync) {
    (0..total.div_ceil(part)).into_par_iter().for_each(|task| f(task * part, part.min(total - task * part)));
}

/// Adds the gradient of kernels `[3, 3, c_in, c_out]`, given inputs and gradients of the outputs.
///
/// The sums do not depend on the number of threads.
pub(crate) fn backward_weight<T: Scheme>(isa: Isa, g: Conv2d, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    assert_eq!(x.len(), g.n * g.h * g.w * g.c_in);
    add_gradient::<T>(isa, View::same::<T>(g, x), g.n, dy, dweight);
}

/// The same for pictures `x` that are enlarged.
pub(crate) fn backward_weight_enlarged<T: Scheme>(isa: Isa, n: usize, x: Pictures, dy: &[f32], dweight: &mut [f32]) {
    add_gradient::<T>(isa, View::enlarged::<T>(x, 0..x.h), n, dy, dweight);
}

fn add_gradient<T: Scheme>(isa: Isa, x: View, n: usize, dy: &[f32], dweight: &mut [f32]) {
    let tiles = x.tiles;
    let (ci, co) = (x.pictures.c, dy.len() / (n * tiles.h * tiles.w));
    assert!(dy.len() == n * tiles.h * tiles.w * co && dweight.len() == 9 * ci * co);
    let dy = x.outputs(dy, co);
    let (total, bi, bo) = (n * tiles.per_picture(), x.pictures.blocks(), dy.pictures.blocks());
    let (values, planes) = (T::VALUES * T::VALUES, T::PLANES);
    let chunk = chunk_of(total, (values * bi + planes * bo) * size_of::<Line>());
    let (pi, po) = (plane_lines(chunk, bi), plane_lines(chunk, bo));
    let rows = bi * WIDTH;
    let threads = rayon::current_num_threads();
    with_lines(values * pi + planes * (po + rows * bo), |scratch| {
        let (v, rest) = scratch.split_at_mut(values * pi);
        let (m, sums) = rest.split_at_mut(planes * po);
        sums.fill(Line::ZERO);
        for start in (0..total).step_by(chunk) {
            let size = chunk.min(total - start);
            let (vs, ms) = (Shared::new(v), Shared::new(m));
            in_parts(size, size.div_ceil(4 * threads), |at, count| {
                let (first, stride) = (start + at, size);
                let op: Transform<Inputs<T>> =
                    Transform { from: x, first, count, out: vs, at, stride, plane: pi, _source: PhantomData };
                isa.run(op);
                let op: Transform<Gradients<T>> =
                    Transform { from: dy, first, count, out: ms, at, stride, plane: po, _source: PhantomData };
                isa.run(op);
            });
            sums.par_chunks_mut(rows * bo).zip(m.par_chunks(po)).enumerate().for_each(|(p, (sums, m))| {
                let v = &v[T::value_of(p) * pi..][..size * bi];
                add_outer(isa, Blocked::dense(v, size), Blocked::dense(&m[..size * bo], size), sums);
            });
        }
        let dweight = Shared::new(dweight);
        (0..ci).into_par_iter().for_each(|i| {
            isa.run(FoldKernels::<T> { sums, rows, bo, ci, co, i, dweight, _scheme: PhantomData });
        });
    });
}

/// Brings the gradient of the kernels of input map `i` back from the domain.
struct FoldKernels<'a, T> {
    sums: &'a [Line],
    rows: usize,
    bo: usize,
    ci: usize,
    co: usize,
    i: usize,
    dweight: Shared<f32>,
    _scheme: PhantomData<T>,
}

impl<T: Scheme> Op for FoldKernels<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let n = T::PRODUCTS.len();
        let mut taps = [Line::ZERO; 9];
        for block in 0..self.bo {
            for lane in (0..WIDTH).step_by(S::F32_LANES) {
                let read = |a: usize, b: usize| {
                    let line = &self.sums[((a * n + b) * self.bo + block) * self.rows + self.i];
                    // SAFETY: a register within a line.
                    unsafe { load::<S>(line.0.as_ptr().add(lane)) }
                };
                // SAFETY: as above.
                let mut write =
                    |a: usize, b: usize, v| unsafe { store::<S>(taps[a * 3 + b].0.as_mut_ptr().add(lane), v) };
                both_ways!(simd, T::kernel_gradients, n, 3, read, write);
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
