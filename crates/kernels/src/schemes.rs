//! How a tile of outputs of a 3x3 convolution is made along one axis, with fewer products than taps.
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

use crate::simd::Lanes;

/// Most inputs, values and products of a tile along an axis.
pub(crate) const MOST: usize = 6;

/// One register for each of them; those that a scheme does not have are not looked at.
pub(crate) type Axis<R> = [R; MOST];

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
