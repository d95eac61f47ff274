//! Pictures and kernels as the algorithms read them: sixteen maps at a time.

use crate::blocked::{Line, WIDTH};

/// Pictures `[n, h, w, c]`.
#[derive(Clone, Copy)]
pub(crate) struct Pictures<'a> {
    pub x: &'a [f32],
    pub h: usize,
    pub w: usize,
    pub c: usize,
}

impl Pictures<'_> {
    /// Blocks of maps, the last of which may not be full.
    pub fn blocks(&self) -> usize {
        self.c.div_ceil(WIDTH)
    }

    /// One block of a pixel's maps, filled up with zeros; zeros outside the picture.
    #[inline(always)]
    pub fn line(&self, picture: usize, (y, x): (isize, isize), block: usize) -> Line {
        if !(0..self.h as isize).contains(&y) || !(0..self.w as isize).contains(&x) {
            return Line::ZERO;
        }
        let at = ((picture * self.h + y as usize) * self.w + x as usize) * self.c + block * WIDTH;
        part_of_line(&self.x[at..], self.c - block * WIDTH)
    }
}

/// The first sixteen values, or `len` of them and zeros.
#[inline(always)]
fn part_of_line(values: &[f32], len: usize) -> Line {
    // Copied as a whole, the usual line takes no call.
    if len >= WIDTH {
        return Line(*values.first_chunk().expect("a whole line"));
    }
    let mut line = Line::ZERO;
    line.0[..len].copy_from_slice(&values[..len]);
    line
}

/// Kernels `[k, k, c_in, c_out]`, or, turned by 180 degrees, `[k, k, c_out, c_in]`: those of the gradient of the input.
#[derive(Clone, Copy)]
pub(crate) struct ConvWeights<'a> {
    pub weight: &'a [f32],
    pub c_in: usize,
    pub c_out: usize,
    pub turned: bool,
}

impl ConvWeights<'_> {
    /// Taps of a kernel.
    pub fn taps(&self) -> usize {
        self.weight.len() / (self.c_in * self.c_out)
    }

    /// What tap `tap` of input map `i` weighs for one block of output maps, filled up with zeros.
    #[inline(always)]
    pub fn line(&self, tap: usize, i: usize, block: usize) -> Line {
        let (ci, co, first) = (self.c_in, self.c_out, block * WIDTH);
        if !self.turned {
            return part_of_line(&self.weight[(tap * ci + i) * co + first..], co - first);
        }
        let tap = self.taps() - 1 - tap;
        let mut line = Line::ZERO;
        for (o, v) in line.0.iter_mut().enumerate().take(co - first) {
            *v = self.weight[(tap * co + first + o) * ci + i];
        }
        line
    }
}
