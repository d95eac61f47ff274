//! Nearest-neighbour enlargement to twice the size followed by a 3x3 convolution, in one.

use crate::bf16::Precision;
use crate::conv::add_bias_gradient;
use crate::conv::laid_out;
use crate::epilogue::Epilogue;
use crate::pictures::{ConvWeights, Pictures};
use crate::schemes::{Enlarged, EnlargedPixel};
use crate::simd::Isa;
use crate::winograd::{self, WinogradKernels};
use std::ops::Range;
use std::sync::OnceLock;

/// A 3x3 convolution of pictures `[n, h, w, c_in]` enlarged to `[n, 2h, 2w, c_in]`, its kernels laid out once for whichever
/// scheme runs it.
pub struct UpsampleFilter {
    isa: Isa,
    c_in: usize,
    c_out: usize,
    /// `[3, 3, c_in, c_out]`
    weight: Vec<f32>,
    precision: Precision,
    tiles: OnceLock<WinogradKernels<Enlarged>>,
    pixels: OnceLock<WinogradKernels<EnlargedPixel>>,
}

impl UpsampleFilter {
    /// From kernels `[3, 3, c_in, c_out]`.
    ///
    /// # Panics
    /// If the number of weights does not fit.
    pub fn new(isa: Isa, (c_in, c_out): (usize, usize), weight: Vec<f32>) -> Self {
        assert_eq!(weight.len(), 9 * c_in * c_out);
        let precision = Precision::F32;
        Self { isa, c_in, c_out, weight, precision, tiles: OnceLock::new(), pixels: OnceLock::new() }
    }

    /// With factors of another precision.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, tiles: OnceLock::new(), pixels: OnceLock::new(), ..self }
    }

    /// `y = epilogue(enlarged x * kernels)` for `n` pictures of `h` x `w` pixels before they are enlarged.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward(&self, (n, h, w): (usize, usize, usize), x: &[f32], y: &mut [f32], epilogue: Epilogue) {
        self.forward_rows((n, h, w), 0..h, x, y, epilogue);
    }

    /// The outputs of some rows of each picture: `y` is `[n, 2 rows, 2w, c_out]`.
    ///
    /// # Panics
    /// If a length does not fit, or the pictures have fewer rows.
    pub fn forward_rows(
        &self,
        (n, h, w): (usize, usize, usize),
        rows: Range<usize>,
        x: &[f32],
        y: &mut [f32],
        epilogue: Epilogue,
    ) {
        assert!(rows.end <= h, "rows {rows:?} of {h}");
        assert_eq!(x.len(), n * h * w * self.c_in);
        let pictures = Pictures { x, h, w, c: self.c_in };
        let weights = ConvWeights { weight: &self.weight, c_in: self.c_in, c_out: self.c_out, turned: false };
        if few(n, (h, w)) {
            let kernels = laid_out(&self.pixels, || WinogradKernels::new(self.isa, weights, self.precision));
            winograd::forward_enlarged(self.isa, kernels, n, pictures, rows, y, epilogue);
        } else {
            let kernels = laid_out(&self.tiles, || WinogradKernels::new(self.isa, weights, self.precision));
            winograd::forward_enlarged(self.isa, kernels, n, pictures, rows, y, epilogue);
        }
    }
}

/// Pixels from which on the scheme of larger tiles, and larger kernels, pays: 8x8 pixels of 512 maps took 1.35 ms with it, 1.75 ms without.
const MANY_PIXELS: usize = 64;

/// Whether there are so few pixels that reading the kernels costs more than the multiplications: then the smaller ones.
fn few(n: usize, (h, w): (usize, usize)) -> bool {
    n * h * w < MANY_PIXELS
}

/// Adds the gradients of weights `[3, 3, c_in, c_out]` and bias of such a convolution to `dweight` and `dbias`, given its inputs
/// and the gradients of its outputs `[n, 2h, 2w, c_out]`. The sums do not depend on the number of threads.
///
/// # Panics
/// If a length does not fit.
pub fn upsample_backward_weight(
    (n, h, w): (usize, usize, usize),
    x: &[f32],
    dy: &[f32],
    dweight: &mut [f32],
    dbias: &mut [f32],
) {
    let c = dweight.len() / (9 * dbias.len());
    assert_eq!(x.len(), n * h * w * c);
    add_bias_gradient(dy, dbias);
    let (isa, x) = (Isa::current(), Pictures { x, h, w, c });
    if few(n, (h, w)) {
        winograd::backward_weight_enlarged::<EnlargedPixel>(isa, n, x, dy, dweight);
    } else {
        winograd::backward_weight_enlarged::<Enlarged>(isa, n, x, dy, dweight);
    }
}
