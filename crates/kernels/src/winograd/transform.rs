//! Tiles of inputs, or of gradients, brought into the domain of a scheme.

use super::both_ways::both_ways;
use super::tiles::View;
use crate::blocked::{Line, WIDTH};
use crate::schemes::{Axis, MOST, Scheme};
use crate::scratch::Shared;
use crate::simd::{Lanes, Op, load, store};
use std::marker::PhantomData;

/// What is brought into the domain, tile by tile. A trait, for only what is called by its own name is compiled for the instruction set.
pub(super) trait Source {
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
pub(super) struct Inputs<T>(PhantomData<T>);

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
pub(super) struct Gradients<T>(PhantomData<T>);

impl<T: Scheme> Source for Gradients<T> {
    const FROM: usize = T::OUTPUTS;
    const TO: usize = T::PRODUCTS.len();
    const STEP: usize = T::OUTPUTS;

    #[inline(always)]
    fn transform<S: Lanes>(simd: S, pixels: Axis<S::f32s>) -> Axis<S::f32s> {
        T::product_gradients(simd, pixels)
    }
}

/// Where the planes of tiles lie: tile t, block b of plane p is line `p * plane + b * stride + t`.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub plane: usize,
    pub stride: usize,
}

/// `count` tiles from `first` on, brought into the domain. They become the tiles from `at` on of planes in `out`.
pub(super) struct Transform<'a, T> {
    from: View<'a>,
    first: usize,
    count: usize,
    out: Shared<Line>,
    at: usize,
    planes: Planes,
    _source: PhantomData<T>,
}

impl<'a, T: Source> Transform<'a, T> {
    pub fn new(
        from: View<'a>,
        (first, count): (usize, usize),
        out: Shared<Line>,
        (at, planes): (usize, Planes),
    ) -> Self {
        Self { from, first, count, out, at, planes, _source: PhantomData }
    }
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
                // Pixels are read where they lie; those of a tile that hangs over a border, or of a block that is not full, are
                // copied between zeros first.
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

                // A register of maps at a time.
                let line = self.at + block * self.planes.stride + t;
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    // SAFETY: the tile's pixels are inside the picture or in `corner`; nobody else writes this tile's lines.
                    let read = |i: usize, j: usize| unsafe { load::<S>(start.add(i * row + j * col + lane)) };
                    let write = |i: usize, j: usize, v| unsafe {
                        let at = self.out.at(line + (i * T::TO + j) * self.planes.plane, 1).cast::<f32>();
                        store::<S>(at.add(lane), v);
                    };
                    both_ways!(simd, T::transform, T::FROM, T::TO, read, write);
                }
            }
        }
    }
}
