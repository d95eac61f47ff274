//! The gradient of the kernels: the transposed product in the same domain.

use super::both_ways::both_ways;
use super::tiles::{View, chunk_of, in_parts, plane_lines};
use super::transform::{Gradients, Inputs, Planes, Transform};
use crate::blocked::{Blocked, Line, WIDTH, add_outer};
use crate::conv_shape::ConvShape;
use crate::pictures::Pictures;
use crate::schemes::Scheme;
use crate::scratch::{Shared, with_lines};
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;
use std::marker::PhantomData;

/// Adds the gradient of kernels `[3, 3, c_in, c_out]`, given inputs and gradients of the outputs.
///
/// The sums do not depend on the number of threads.
pub(crate) fn backward_weight<T: Scheme>(isa: Isa, g: ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
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

    // Scratch for a chunk of tiles in the domain, and the sums of all chunks.
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

            // Inputs and gradients of the outputs into the domain.
            let (vs, ms) = (Shared::new(v), Shared::new(m));
            in_parts(size, size.div_ceil(4 * threads), |at, count| {
                let (tiles, stride) = ((start + at, count), size);
                isa.run(Transform::<Inputs<T>>::new(x, tiles, vs, (at, Planes { plane: pi, stride })));
                isa.run(Transform::<Gradients<T>>::new(dy, tiles, ms, (at, Planes { plane: po, stride })));
            });

            // Their products, a plane a task.
            sums.par_chunks_mut(rows * bo).zip(m.par_chunks(po)).enumerate().for_each(|(p, (sums, m))| {
                let v = &v[T::value_of(p) * pi..][..size * bi];
                add_outer(isa, Blocked::dense(v, size), Blocked::dense(&m[..size * bo], size), sums);
            });
        }

        // Back from the domain, an input map a task.
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
