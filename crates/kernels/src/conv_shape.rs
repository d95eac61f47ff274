//! The sizes of a convolution, and which inputs each output reads.

/// The sizes of one convolution over a batch: pictures, maps, kernel, stride and padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvShape {
    /// Pictures.
    pub n: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Input maps.
    pub c_in: usize,
    /// Output maps.
    pub c_out: usize,
    /// Kernel width and height.
    pub kernel: usize,
    /// Step between output pixels, in input pixels.
    pub stride: usize,
    /// Zero rows above and below, zero columns left and right.
    pub pad: (usize, usize),
}

impl ConvShape {
    /// Output height and width.
    pub fn out_size(&self) -> (usize, usize) {
        let size = |s: usize, pad: usize| (s + 2 * pad).saturating_sub(self.kernel) / self.stride + 1;
        (size(self.h, self.pad.0), size(self.w, self.pad.1))
    }

    /// A convolution of one tap: a product of a matrix of a row a pixel.
    pub fn pointwise(pixels: usize, c_in: usize, c_out: usize) -> Self {
        Self { n: 1, h: pixels, w: 1, c_in, c_out, kernel: 1, stride: 1, pad: (0, 0) }
    }

    pub(crate) fn patch(&self) -> usize {
        self.kernel * self.kernel * self.c_in
    }

    pub(crate) fn pixels(&self) -> usize {
        let (h, w) = self.out_size();
        self.n * h * w
    }

    /// Whether the size stays.
    pub fn same(&self) -> bool {
        self.stride == 1 && [self.pad.0, self.pad.1].iter().all(|pad| self.kernel == 2 * pad + 1)
    }

    /// Calls `f(tap, taps, x_offset)` for every row of kernel taps of output pixel `p` that falls inside the picture, if only
    /// in part: neighbouring taps are neighbouring pixels.
    #[inline]
    pub(crate) fn tap_rows(&self, p: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = self.out_size();
        let (picture, oy, ox) = (p / (oh * ow), p / ow % oh, p % ow);
        let (top, left) = (oy * self.stride, ox * self.stride);
        let first = self.pad.1.saturating_sub(left);
        let end = self.kernel.min((self.w + self.pad.1).saturating_sub(left));
        for ky in 0..self.kernel {
            let y = (top + ky).wrapping_sub(self.pad.0);
            if y < self.h && first < end {
                let x = left + first - self.pad.1;
                f(ky * self.kernel + first, end - first, ((picture * self.h + y) * self.w + x) * self.c_in);
            }
        }
    }

    pub(crate) fn check(&self, x: usize, weight: usize, y: usize) {
        assert_eq!(x, self.n * self.h * self.w * self.c_in, "input of {self:?}");
        assert_eq!(weight, self.patch() * self.c_out, "weights of {self:?}");
        assert_eq!(y, self.pixels() * self.c_out, "output of {self:?}");
    }
}
