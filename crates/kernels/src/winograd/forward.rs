//! The forward pass: inputs into the domain, a product a plane, outputs back from it.

use super::kernels::WinogradKernels;
use super::output::{PIXELS, TransformOutput};
use super::tiles::{View, chunk_of, in_parts, plane_lines};
use super::transform::{Inputs, Planes, Transform};
use crate::blocked::{Blocked, Line, WIDTH};
use crate::conv_shape::ConvShape;
use crate::epilogue::Epilogue;
use crate::pictures::Pictures;
use crate::schemes::Scheme;
use crate::scratch::{Shared, TASK_BYTES, with_lines};
use crate::simd::Isa;
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// `y = epilogue(x * kernels)` at full size, whatever the padding.
pub(crate) fn forward<T: Scheme>(
    isa: Isa,
    kernels: &WinogradKernels<T>,
    g: ConvShape,
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
    kernels: &WinogradKernels<T>,
    n: usize,
    x: Pictures,
    rows: Range<usize>,
    y: &mut [f32],
    epilogue: Epilogue,
) {
    run(isa, kernels, View::enlarged::<T>(x, rows), n, y, epilogue);
}

/// Tiles that a task takes all the way at least: with fewer, each plane's kernels are read for too few rows.
const FEWEST_IN_TASK: usize = 12;

fn run<T: Scheme>(isa: Isa, kernels: &WinogradKernels<T>, from: View, n: usize, y: &mut [f32], epilogue: Epilogue) {
    let (tiles, maps) = (from.tiles, kernels.c_out);
    assert_eq!((from.pictures.c, epilogue.bias.len()), (kernels.c_in, maps));
    assert_eq!(y.len(), n * tiles.h * tiles.w * epilogue.channels());

    // Few maps leave room for many tiles in a task's second-level cache; many maps do not.
    let (total, bi, bo) = (n * tiles.per_picture(), from.pictures.blocks(), maps.div_ceil(WIDTH));
    let per_tile = (T::VALUES * T::VALUES * bi + T::PLANES * bo) * size_of::<Line>();
    let pass = Pass { isa, kernels, from, epilogue, y: Shared::new(y), total, bi, bo };
    let block = (TASK_BYTES / per_tile).min(total.div_ceil(4 * rayon::current_num_threads())).max(1);
    if block >= FEWEST_IN_TASK {
        pass.tile_by_tile(block);
    } else {
        pass.plane_by_plane(chunk_of(total, per_tile));
    }
}

/// One forward pass of all tiles.
struct Pass<'a, T> {
    isa: Isa,
    kernels: &'a WinogradKernels<T>,
    from: View<'a>,
    epilogue: Epilogue<'a>,
    y: Shared<f32>,
    /// Tiles of all pictures.
    total: usize,
    /// Blocks of input and of output maps.
    bi: usize,
    bo: usize,
}

impl<T: Scheme> Pass<'_, T> {
    /// A task takes its tiles all the way while they stay in its second-level cache.
    fn tile_by_tile(&self, block: usize) {
        let (values, planes) = (T::VALUES * T::VALUES, T::PLANES);
        in_parts(self.total, block, |first, count| {
            let (pi, po) = (plane_lines(count, self.bi), plane_lines(count, self.bo));
            with_lines(values * pi + planes * po + PIXELS * self.bo, |scratch| {
                let (v, rest) = scratch.split_at_mut(values * pi);
                let (m, corner) = rest.split_at_mut(planes * po);

                // Into the domain, multiplied there, and back.
                self.transform(Shared::new(v), (first, count), (0, Planes { plane: pi, stride: count }));
                for p in 0..planes {
                    let a = Blocked::dense(&v[T::value_of(p) * pi..][..count * self.bi], count);
                    self.kernels.product(self.isa, a, p, &mut m[p * po..][..count * self.bo]);
                }
                self.finish(m, Planes { plane: po, stride: count }, (first, count), corner);
            });
        });
    }

    /// All threads take each step of a chunk of tiles together, so that each plane's kernels are read once for many tiles.
    fn plane_by_plane(&self, chunk: usize) {
        let (values, planes) = (T::VALUES * T::VALUES, T::PLANES);
        let (pi, po) = (plane_lines(chunk, self.bi), plane_lines(chunk, self.bo));
        with_lines(values * pi + planes * po, |scratch| {
            let (v, m) = scratch.split_at_mut(values * pi);
            for start in (0..self.total).step_by(chunk) {
                let size = chunk.min(self.total - start);
                let part = size.div_ceil(4 * rayon::current_num_threads());

                // Into the domain.
                let out = Shared::new(v);
                in_parts(size, part, |at, count| {
                    self.transform(out, (start + at, count), (at, Planes { plane: pi, stride: size }));
                });

                // A plane a task.
                m.par_chunks_mut(po).enumerate().for_each(|(p, m)| {
                    let a = Blocked::dense(&v[T::value_of(p) * pi..][..size * self.bi], size);
                    self.kernels.product(self.isa, a, p, &mut m[..size * self.bo]);
                });

                // And back.
                let m = &*m;
                in_parts(size, part, |at, count| {
                    with_lines(PIXELS * self.bo, |corner| {
                        self.finish(&m[at..], Planes { plane: po, stride: size }, (start + at, count), corner);
                    });
                });
            }
        });
    }

    /// Brings `count` tiles from `first` on into the domain, as the tiles from `at` on of planes in `out`.
    fn transform(&self, out: Shared<Line>, tiles: (usize, usize), to: (usize, Planes)) {
        self.isa.run(Transform::<Inputs<T>>::new(self.from, tiles, out, to));
    }

    /// Brings sums back from the domain and writes the outputs of `count` tiles from `first` on.
    fn finish(&self, m: &[Line], planes: Planes, (first, count): (usize, usize), corner: &mut [Line]) {
        let (tiles, epilogue, y) = (self.from.tiles, self.epilogue, self.y);
        self.isa.run(TransformOutput::<T> {
            m,
            planes,
            tiles,
            first,
            count,
            epilogue,
            corner,
            y,
            _scheme: PhantomData,
        });
    }
}
