//! How pictures are cut into tiles, and how the work on tiles is shared out.

use crate::conv_shape::ConvShape;
use crate::pictures::Pictures;
use crate::schemes::Scheme;
use crate::scratch::SHARED_BYTES;
use rayon::prelude::*;
use std::ops::Range;

/// Pictures of `h` x `w` outputs, cut into square tiles that may hang over the right and lower border.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub h: usize,
    pub w: usize,
    /// Tiles across and down one picture.
    across: usize,
    down: usize,
}

impl Tiles {
    pub fn new(h: usize, w: usize, side: usize) -> Self {
        Self { h, w, across: w.div_ceil(side), down: h.div_ceil(side) }
    }

    #[inline(always)]
    pub fn per_picture(&self) -> usize {
        self.across * self.down
    }

    /// Picture, and which tile of its rows and columns tile `t` is.
    #[inline(always)]
    pub fn place(&self, t: usize) -> (usize, usize, usize) {
        let in_picture = t % self.per_picture();
        (t / self.per_picture(), in_picture / self.across, in_picture % self.across)
    }
}

/// Pictures, and how the tiles lie on them.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub pictures: Pictures<'a>,
    pub tiles: Tiles,
    /// Row and column of the first pixel of the first tile.
    pub origin: (isize, isize),
}

impl<'a> View<'a> {
    /// The inputs of a scheme that keeps the size.
    pub fn same<T: Scheme>(g: ConvShape, x: &'a [f32]) -> Self {
        let (h, w) = g.out_size();
        let pictures = Pictures { x, h: g.h, w: g.w, c: g.c_in };
        Self { pictures, tiles: Tiles::new(h, w, T::OUTPUTS), origin: (-(g.pad.0 as isize), -(g.pad.1 as isize)) }
    }

    /// The inputs of a scheme that enlarges.
    pub fn enlarged<T: Scheme>(pictures: Pictures<'a>, rows: Range<usize>) -> Self {
        let tiles = Tiles::new(2 * rows.len(), 2 * pictures.w, T::OUTPUTS);
        Self { pictures, tiles, origin: (rows.start as isize - 1, -1) }
    }

    /// The gradients of the outputs that this is the input of.
    pub fn outputs(&self, dy: &'a [f32], c: usize) -> Self {
        Self { pictures: Pictures { x: dy, h: self.tiles.h, w: self.tiles.w, c }, origin: (0, 0), ..*self }
    }
}

/// Lines of one plane of `tiles` tiles of `blocks` blocks. Odd, so that the planes do not fall on the same sets of a cache.
pub(super) fn plane_lines(tiles: usize, blocks: usize) -> usize {
    (tiles * blocks) | 1
}

/// Tiles that threads share at least, whatever room they take: below, a plane's kernels are read again too often.
const FEWEST_IN_CHUNK: usize = 24;

/// Tiles whose planes all threads work on at once.
pub(super) fn chunk_of(total: usize, bytes_per_tile: usize) -> usize {
    (SHARED_BYTES / bytes_per_tile).max(FEWEST_IN_CHUNK).min(total)
}

/// Calls `f(first, count)` for `total` tiles, `part` at a time, on all threads.
pub(super) fn in_parts(total: usize, part: usize, f: impl Fn(usize, usize) + Sync) {
    (0..total.div_ceil(part)).into_par_iter().for_each(|task| f(task * part, part.min(total - task * part)));
}
