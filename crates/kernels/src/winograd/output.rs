//! Tiles brought back from the domain of a scheme and finished.

use super::both_ways::both_ways;
use super::tiles::Tiles;
use super::transform::Planes;
use crate::blocked::{Line, WIDTH};
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::schemes::Scheme;
use crate::scratch::Shared;
use crate::simd::{Lanes, Op, load, store};
use std::marker::PhantomData;

/// Tiles brought back from the domain, finished and written into the output pictures.
pub(super) struct TransformOutput<'a, T> {
    pub m: &'a [Line],
    pub planes: Planes,
    pub tiles: Tiles,
    /// Which of the pictures' tiles are here.
    pub first: usize,
    pub count: usize,
    pub epilogue: Epilogue<'a>,
    /// A tile's pixels of whole blocks, for what cannot be written in place.
    pub corner: &'a mut [Line],
    pub y: Shared<f32>,
    pub _scheme: PhantomData<T>,
}

/// Most pixels of a tile.
pub(super) const PIXELS: usize = 16;

impl<T: Scheme> Op for TransformOutput<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (g, maps, side, n) = (&self.tiles, self.epilogue.bias.len(), T::OUTPUTS, T::PRODUCTS.len());
        let (blocks, bias) = (maps.div_ceil(WIDTH), Bias::new(self.epilogue.bias));
        assert!(self.m.len() >= (T::PLANES - 1) * self.planes.plane + (blocks - 1) * self.planes.stride + self.count);
        assert_eq!(self.corner.len(), PIXELS * blocks);
        let corner = self.corner.as_mut_ptr().cast::<f32>();
        let whole = maps.is_multiple_of(WIDTH) && self.epilogue.to_rgb.is_none();
        for t in 0..self.count {
            let (picture, y, x) = g.place(self.first + t);
            let (y, x) = (y * side, x * side);
            let pixel = |i: usize, j: usize| (picture * g.h + y + i) * g.w + x + j;

            // Sums go to their place in the output, where that holds whole blocks of all pixels; else to `corner`.
            // SAFETY of the unsafe blocks below: `m` holds this task's tiles (asserted above); the output pixels of a tile belong to
            // it alone, and `to` reaches a tile's pixels of whole blocks either in the output or in `corner`.
            let (to, row, col) = if whole && y + side <= g.h && x + side <= g.w {
                (unsafe { self.y.at(pixel(0, 0) * maps, ((side - 1) * g.w + side) * maps) }, g.w * maps, maps)
            } else {
                (corner, side * blocks * WIDTH, blocks * WIDTH)
            };

            // Back from the domain, then bias and leaky ReLU, a register of maps at a time; what the pixel norm needs is summed up.
            let mut squares = [simd.splat_f32s(0.0); PIXELS];
            for block in 0..blocks {
                for lane in (0..WIDTH).step_by(S::F32_LANES) {
                    let at = block * WIDTH + lane;
                    let bias = unsafe { load::<S>(bias.block(block).add(lane)) };
                    let read = |i: usize, j: usize| unsafe {
                        let line =
                            self.m.as_ptr().add((i * n + j) * self.planes.plane + block * self.planes.stride + t);
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

            // Colours take the maps' place.
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

            // Pixel norm; then the pixels that lie inside are copied to the output, if they are not there yet.
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
