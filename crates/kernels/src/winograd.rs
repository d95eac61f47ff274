//! 3x3 convolutions by minimal filtering, in tiles of a few outputs.
//!
//! A tile of inputs and the kernel are brought into a domain where the convolution is a product, one matrix product over the
//! maps per plane (Winograd; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), section 4). The
//! gradient of the weights is the transposed product in the same domain. A [`Scheme`] says how, along one axis; both axes
//! go the same way:
//!
//! | scheme | outputs | products | multiplications an output |
//! |---|---|---|---|
//! | [`Same`], F(4, 3) | 4 of a picture | 6 | 2.25 |
//! | [`SameSmall`], F(2, 3) | 2 of a picture | 4 | 4, of smaller kernels |
//! | [`Enlarged`] | 4 of a picture enlarged to twice its size by repeating pixels | 5 | 1.56 |
//! | [`EnlargedPixel`] | the 2 of one pixel of a picture enlarged likewise | 3 | 2.25, of smaller kernels |
//!
//! # Enlarged
//! Four outputs from the third on read a, b, b, c, c, d: with s = g0 + g1 + g2 they are
//! `g0 a + (g1 + g2) b`, `(g0 + g1) b + g2 c`, `g0 b + (g1 + g2) c` and `(g0 + g1) c + g2 d`. From the five products
//! `q = s/2 (b + c)`, `e = g0 (a - c)`, `f = g2 (d - b)`, `t = (g2 - g0 - g1)/2 (c - b)`, `u = (g1 + g2 - g0)/2 (c - b)` they follow as
//! `q + e - u`, `q + t`, `q + u` and `q + f - t`. F(4, 3) gives five products, too: the inputs of its point -1 cancel, those
//! of 2 and -2 are one another's multiples. These here multiply by 1 and 1/2 alone, so less is lost to rounding.

use crate::bf16::{Factors, Precision};
use crate::blocked::{Blocked, Line, WIDTH, add_outer};
use crate::conv::Conv2d;
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::pictures::{Pictures, Weights};
use crate::scratch::{SHARED_BYTES, Shared, TASK_BYTES, with_lines};
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Most inputs, values and products of a tile along an axis.
const MOST: usize = 6;

/// One register for each of them; those that a scheme does not have are not looked at.
type Axis<R> = [R; MOST];

/// How the outputs of a tile are made along one axis. All functions must be `#[inline(always)]`.
pub(crate) trait Scheme: Sync {
    /// Outputs of a tile.
    const OUTPUTS: usize;
    /// Inputs of a tile.
    const INPUTS: usize;
    /// Inputs from a tile to the next.
    const STEP: usize;
    /// What the inputs become in the domain.
    const VALUES: usize;
    /// For each product, the value that it takes.
    const PRODUCTS: &[usize];
    /// Values from inputs: `B^T d`.
    fn values<S: Lanes>(simd: S, inputs: Axis<S::f32s>) -> Axis<S::f32s>;
    /// The products' kernels from the kernel: `G g`.
    fn kernels<S: Lanes>(simd: S, kernel: Axis<S::f32s>) -> Axis<S::f32s>;
    /// Outputs from products: `A^T m`.
    fn outputs<S: Lanes>(simd: S, products: Axis<S::f32s>) -> Axis<S::f32s>;
    /// Gradients of the products from those of the outputs: `A y`.
    fn product_gradients<S: Lanes>(simd: S, outputs: Axis<S::f32s>) -> Axis<S::f32s>;
    /// The gradient of the kernel from those of the products' kernels: `G^T u`.
    fn kernel_gradients<S: Lanes>(simd: S, kernels: Axis<S::f32s>) -> Axis<S::f32s>;

    /// Products of both axes: the planes of kernels and sums.
    const PLANES: usize = Self::PRODUCTS.len() * Self::PRODUCTS.len();

    /// The plane of values that a plane of products takes.
    fn value_of(plane: usize) -> usize {
        let n = Self::PRODUCTS.len();
        Self::PRODUCTS[plane / n] * Self::VALUES + Self::PRODUCTS[plane % n]
    }
}

/// A picture that keeps its size: F(4, 3).
pub(crate) struct Same;

impl Scheme for Same {
    const OUTPUTS: usize = 4;
    const INPUTS: usize = 6;
    const STEP: usize = 4;
    const VALUES: usize = 6;
    const PRODUCTS: &[usize] = &[0, 1, 2, 3, 4, 5];

    #[inline(always)]
    fn values<S: Lanes>(simd: S, d: Axis<S::f32s>) -> Axis<S::f32s> {
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

    #[inline(always)]
    fn kernels<S: Lanes>(simd: S, g: Axis<S::f32s>) -> Axis<S::f32s> {
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

    #[inline(always)]
    fn outputs<S: Lanes>(simd: S, m: Axis<S::f32s>) -> Axis<S::f32s> {
        let (two, four, eight) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0), simd.splat_f32s(8.0));
        let (p, q) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        let (r, s) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
        axis(
            simd,
            [
                simd.add_f32s(m[0], simd.add_f32s(p, r)),
                simd.fma(two, s, q),
                simd.fma(four, r, p),
                simd.add_f32s(simd.fma(eight, s, q), m[5]),
            ],
        )
    }

    #[inline(always)]
    fn product_gradients<S: Lanes>(simd: S, y: Axis<S::f32s>) -> Axis<S::f32s> {
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

    #[inline(always)]
    fn kernel_gradients<S: Lanes>(simd: S, u: Axis<S::f32s>) -> Axis<S::f32s> {
        let c = |v: f32| simd.splat_f32s(v);
        let (near, near_d) = (simd.add_f32s(u[1], u[2]), simd.sub_f32s(u[2], u[1]));
        let (far, far_d) = (simd.add_f32s(u[3], u[4]), simd.sub_f32s(u[3], u[4]));
        let sixth = c(1.0 / 6.0);
        axis(
            simd,
            [
                simd.fma(c(1.0 / 24.0), far, simd.fnma(sixth, near, simd.mul_f32s(c(0.25), u[0]))),
                simd.fma(c(1.0 / 12.0), far_d, simd.mul_f32s(sixth, near_d)),
                simd.fma(sixth, simd.sub_f32s(far, near), u[5]),
            ],
        )
    }
}

/// A picture that keeps its size, in smaller tiles of smaller kernels: F(2, 3).
pub(crate) struct SameSmall;

impl Scheme for SameSmall {
    const OUTPUTS: usize = 2;
    const INPUTS: usize = 4;
    const STEP: usize = 2;
    const VALUES: usize = 4;
    const PRODUCTS: &[usize] = &[0, 1, 2, 3];

    #[inline(always)]
    fn values<S: Lanes>(simd: S, [a, b, c, d, ..]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)])
    }

    #[inline(always)]
    fn kernels<S: Lanes>(simd: S, g: Axis<S::f32s>) -> Axis<S::f32s> {
        let half = simd.splat_f32s(0.5);
        let (outer, middle) = (simd.mul_f32s(half, simd.add_f32s(g[0], g[2])), simd.mul_f32s(half, g[1]));
        axis(simd, [g[0], simd.add_f32s(outer, middle), simd.sub_f32s(outer, middle), g[2]])
    }

    #[inline(always)]
    fn outputs<S: Lanes>(simd: S, m: Axis<S::f32s>) -> Axis<S::f32s> {
        let (sum, difference) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        axis(simd, [simd.add_f32s(m[0], sum), simd.sub_f32s(difference, m[3])])
    }

    #[inline(always)]
    fn product_gradients<S: Lanes>(simd: S, y: Axis<S::f32s>) -> Axis<S::f32s> {
        let minus = simd.sub_f32s(simd.splat_f32s(0.0), y[1]);
        axis(simd, [y[0], simd.add_f32s(y[0], y[1]), simd.sub_f32s(y[0], y[1]), minus])
    }

    #[inline(always)]
    fn kernel_gradients<S: Lanes>(simd: S, u: Axis<S::f32s>) -> Axis<S::f32s> {
        let half = simd.splat_f32s(0.5);
        let (sum, difference) = (simd.mul_f32s(half, simd.add_f32s(u[1], u[2])), simd.sub_f32s(u[1], u[2]));
        axis(simd, [simd.add_f32s(u[0], sum), simd.mul_f32s(half, difference), simd.add_f32s(u[3], sum)])
    }
}

/// A picture enlarged to twice its size by repeating pixels (see the module).
pub(crate) struct Enlarged;

impl Scheme for Enlarged {
    const OUTPUTS: usize = 4;
    const INPUTS: usize = 4;
    const STEP: usize = 2;
    const VALUES: usize = 4;
    const PRODUCTS: &[usize] = &[0, 1, 2, 3, 3];

    #[inline(always)]
    fn values<S: Lanes>(simd: S, [a, b, c, d, ..]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.add_f32s(b, c), simd.sub_f32s(a, c), simd.sub_f32s(d, b), simd.sub_f32s(c, b)])
    }

    #[inline(always)]
    fn kernels<S: Lanes>(simd: S, g: Axis<S::f32s>) -> Axis<S::f32s> {
        let half = simd.splat_f32s(0.5);
        let (left, right) = (simd.add_f32s(g[0], g[1]), simd.add_f32s(g[1], g[2]));
        axis(
            simd,
            [
                simd.mul_f32s(half, simd.add_f32s(left, g[2])),
                g[0],
                g[2],
                simd.mul_f32s(half, simd.sub_f32s(g[2], left)),
                simd.mul_f32s(half, simd.sub_f32s(right, g[0])),
            ],
        )
    }

    #[inline(always)]
    fn outputs<S: Lanes>(simd: S, [q, e, f, t, u, _]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(
            simd,
            [
                simd.add_f32s(q, simd.sub_f32s(e, u)),
                simd.add_f32s(q, t),
                simd.add_f32s(q, u),
                simd.add_f32s(q, simd.sub_f32s(f, t)),
            ],
        )
    }

    #[inline(always)]
    fn product_gradients<S: Lanes>(simd: S, y: Axis<S::f32s>) -> Axis<S::f32s> {
        let all = simd.add_f32s(simd.add_f32s(y[0], y[1]), simd.add_f32s(y[2], y[3]));
        axis(simd, [all, y[0], y[3], simd.sub_f32s(y[1], y[3]), simd.sub_f32s(y[2], y[0])])
    }

    #[inline(always)]
    fn kernel_gradients<S: Lanes>(simd: S, [q, e, f, t, u, _]: Axis<S::f32s>) -> Axis<S::f32s> {
        let half = simd.splat_f32s(0.5);
        let (sum, difference) = (simd.add_f32s(t, u), simd.sub_f32s(u, t));
        axis(
            simd,
            [
                simd.fma(half, simd.sub_f32s(q, sum), e),
                simd.mul_f32s(half, simd.add_f32s(q, difference)),
                simd.fma(half, simd.add_f32s(q, sum), f),
            ],
        )
    }
}

/// One pixel of a picture enlarged to twice its size, and its neighbours: `s b + g0 (a - b)` and `s b + g2 (c - b)`.
pub(crate) struct EnlargedPixel;

impl Scheme for EnlargedPixel {
    const OUTPUTS: usize = 2;
    const INPUTS: usize = 3;
    const STEP: usize = 1;
    const VALUES: usize = 3;
    const PRODUCTS: &[usize] = &[0, 1, 2];

    #[inline(always)]
    fn values<S: Lanes>(simd: S, [a, b, c, ..]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [b, simd.sub_f32s(a, b), simd.sub_f32s(c, b)])
    }

    #[inline(always)]
    fn kernels<S: Lanes>(simd: S, g: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.add_f32s(simd.add_f32s(g[0], g[1]), g[2]), g[0], g[2]])
    }

    #[inline(always)]
    fn outputs<S: Lanes>(simd: S, [s, left, right, ..]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.add_f32s(s, left), simd.add_f32s(s, right)])
    }

    #[inline(always)]
    fn product_gradients<S: Lanes>(simd: S, y: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.add_f32s(y[0], y[1]), y[0], y[1]])
    }

    #[inline(always)]
    fn kernel_gradients<S: Lanes>(simd: S, [s, left, right, ..]: Axis<S::f32s>) -> Axis<S::f32s> {
        axis(simd, [simd.add_f32s(s, left), s, simd.add_f32s(s, right)])
    }
}

/// Fills up with registers that nobody looks at.
#[inline(always)]
fn axis<S: Lanes, const N: usize>(simd: S, values: [S::f32s; N]) -> Axis<S::f32s> {
    let mut all = [simd.splat_f32s(0.0); MOST];
    all[..N].copy_from_slice(&values);
    all
}

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
