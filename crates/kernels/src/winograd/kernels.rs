//! The kernels of a convolution in the domain of its scheme.

use super::both_ways::both_ways;
use crate::bf16::{Factors, Precision};
use crate::blocked::{Blocked, Line, WIDTH};
use crate::pictures::ConvWeights;
use crate::schemes::Scheme;
use crate::scratch::Shared;
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;
use std::marker::PhantomData;

/// The kernels of a scheme's products: right factors of `ceil(in / 16) * 16` x `ceil(out / 16) * 16`.
pub(crate) struct WinogradKernels<T> {
    planes: Factors,
    pub c_in: usize,
    pub c_out: usize,
    _scheme: PhantomData<T>,
}

impl<T: Scheme> WinogradKernels<T> {
    /// From 3x3 kernels.
    pub fn new(isa: Isa, weights: ConvWeights, precision: Precision) -> Self {
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
    pub fn product(&self, isa: Isa, values: Blocked, plane: usize, sums: &mut [Line]) {
        let len = self.planes.len() / T::PLANES;
        self.planes.product(isa, values, (plane * len, len), sums);
    }
}

/// Brings the kernels of one block of output maps into the domain.
struct TransformKernels<'a, T> {
    weights: ConvWeights<'a>,
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
