//! Products of factors rounded to bf16, summed in f32: twice the multiplications a cycle where the CPU has AVX512-BF16.

use crate::blocked::{Blocked, Line, WIDTH};

/// The number format of the factors of a product; sums are always f32. One that the CPU does not have cannot be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precision {
    bf16: bool,
}

impl Precision {
    /// 24 significant bits.
    pub const F32: Self = Self { bf16: false };

    /// 8 significant bits, if the CPU multiplies them.
    pub fn bf16() -> Option<Self> {
        available().then_some(Self { bf16: true })
    }
}

#[cfg(target_arch = "x86_64")]
fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn available() -> bool {
    false
}

/// Two rows of a block: of each column both values beside each other.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Pair([[u16; 2]; WIDTH]);

/// The right factors of products, laid out in a precision.
pub(crate) enum Factors {
    F32(Vec<Line>),
    Bf16(Vec<Pair>),
}

impl Factors {
    /// Of any number of blocks, of an even number of rows each.
    pub fn new(lines: Vec<Line>, precision: Precision) -> Self {
        if !precision.bf16 {
            return Self::F32(lines);
        }
        let (pairs, rest) = lines.as_chunks::<2>();
        assert!(rest.is_empty(), "rows in pairs");
        let pair = |[a, b]: &[Line; 2]| Pair(std::array::from_fn(|i| [rounded(a.0[i]), rounded(b.0[i])]));
        Self::Bf16(pairs.iter().map(pair).collect())
    }

    /// `c = a b` with `lines` lines of them from line `first` on. One thread.
    pub fn product(&self, isa: crate::Isa, a: Blocked, (first, lines): (usize, usize), c: &mut [Line]) {
        match self {
            Self::F32(all) => crate::blocked::product(isa, a, &all[first..][..lines], c),
            Self::Bf16(all) => product(a, &all[first / 2..][..lines / 2], c),
        }
    }

    /// Lines of all of them.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::Bf16(all) => 2 * all.len(),
        }
    }
}

/// The nearest bf16, of two equally near ones the even one.
fn rounded(v: f32) -> u16 {
    let bits = v.to_bits();
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[cfg(target_arch = "x86_64")]
use avx512::product;

#[cfg(not(target_arch = "x86_64"))]
fn product(_: Blocked, _: &[Pair], _: &mut [Line]) {
    unreachable!("no precision but f32 can be had here");
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Blocked, Line, Pair, WIDTH, available};
    use crate::blocked::spans;
    use crate::scratch::with_lines;
    use std::arch::x86_64::{
        __m256bh, __m512, __m512bh, _mm512_castsi512_ps, _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_loadu_ps,
        _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    /// Rows of a register tile: 14 of two sums each, two registers for the right factor.
    const ROWS: usize = 14;

    /// `c = a b`, as [`crate::blocked::product`].
    pub(super) fn product(a: Blocked, b: &[Pair], c: &mut [Line]) {
        assert!(available(), "a precision is the proof that the CPU has it");
        let (depth, blocks) = (a.blocks(), c.len() / a.rows);
        assert!(a.rows > 0 && c.len() == blocks * a.rows, "{} lines of {} rows", c.len(), a.rows);
        assert_eq!(2 * b.len(), depth * WIDTH * blocks, "right factor of {depth} by {blocks} blocks");

        // Half a line a row and block: the left factor, rounded.
        with_lines((depth * a.rows).div_ceil(2), |scratch| {
            let rounded = scratch.as_mut_ptr().cast::<__m256bh>();
            for d in 0..depth {
                for (r, line) in a.lines[d * a.stride..][..a.rows].iter().enumerate() {
                    // SAFETY: the CPU has the instruction, asserted above; the scratch holds half a line for each of
                    // depth * rows.
                    unsafe { rounded.add(d * a.rows + r).write(round(line)) };
                }
            }

            // Register tiles of two blocks, of one at the end.
            for block in (0..blocks).step_by(2) {
                let both = block + 1 < blocks;
                for (row, m) in spans(a.rows, ROWS) {
                    let at = |block: usize| (b[block * depth * WIDTH / 2..].as_ptr(), block * a.rows + row);
                    let last = block + usize::from(both);
                    let ((b0, c0), (b1, c1)) = (at(block), at(last));
                    // SAFETY: the CPU has the instructions; the left factor holds depth * rows halves, the right one depth * 16
                    // rows of both blocks, the result the rows of both; row + m <= rows.
                    unsafe {
                        let left = rounded.cast::<i32>().add(row * WIDTH / 2);
                        let c = [c.as_mut_ptr().add(c0).cast(), c.as_mut_ptr().add(c1).cast()];
                        tile_of((m, both), left, a.rows * WIDTH / 2, depth, [b0.cast(), b1.cast()], c);
                    }
                }
            }
        });
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    fn round(line: &Line) -> __m256bh {
        // SAFETY: a line is as long as a register.
        _mm512_cvtneps_pbh(unsafe { _mm512_loadu_ps(line.0.as_ptr()) })
    }

    /// # Safety
    /// As for [`tile`].
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn tile_of(
        (rows, both): (usize, bool),
        a: *const i32,
        stride: usize,
        depth: usize,
        b: [*const f32; 2],
        c: [*mut f32; 2],
    ) {
        macro_rules! with {
            ($($m:literal)*) => {
                match (rows, both) {
                    // SAFETY: the caller's promise.
                    $(($m, true) => unsafe { tile::<$m, 2>(a, stride, depth, b, c) },
                    ($m, false) => unsafe { tile::<$m, 1>(a, stride, depth, b, c) },)*
                    _ => unreachable!("register tile of {rows} rows"),
                }
            };
        }
        with!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }

    /// `M` rows of `V` sixteens. `a` holds for each of `depth` blocks, `stride` pairs apart, eight pairs a row.
    ///
    /// # Safety
    /// All that must be there: `depth * 8` registers at each `b`, `M` lines at each `c`.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn tile<const M: usize, const V: usize>(
        a: *const i32,
        stride: usize,
        depth: usize,
        b: [*const f32; 2],
        c: [*mut f32; 2],
    ) {
        // SAFETY of all below: the caller's promise; registers of 512 bits are the same bits under all names.
        unsafe {
            // Pairs of rows of the right factor times pairs of columns of the left one.
            let mut sums = [[_mm512_setzero_ps(); V]; M];
            for d in 0..depth {
                for i in 0..WIDTH / 2 {
                    let mut right = [_mm512_setzero_ps(); V];
                    for (v, right) in right.iter_mut().enumerate() {
                        *right = _mm512_loadu_ps(b[v].add((d * WIDTH / 2 + i) * WIDTH));
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let left = _mm512_castsi512_ps(_mm512_set1_epi32(*a.add(d * stride + r * WIDTH / 2 + i)));
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = _mm512_dpbf16_ps(*sum, as_bf16(left), as_bf16(right));
                        }
                    }
                }
            }

            for (r, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    _mm512_storeu_ps(c[v].add(r * WIDTH), *sum);
                }
            }
        }
    }

    #[inline(always)]
    fn as_bf16(register: __m512) -> __m512bh {
        // SAFETY: the same bits under both names.
        unsafe { std::mem::transmute(register) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use proptest::prelude::*;

    #[test]
    fn rounds_to_the_nearest_and_to_even() {
        let back = |v: f32| f32::from_bits(u32::from(rounded(v)) << 16);
        assert_eq!([1.0, -2.5, 0.0].map(back), [1.0, -2.5, 0.0]);
        // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
        assert_eq!([1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0].map(back), [1.0, 1.0 + 1.0 / 64.0]);
    }

    proptest! {
        /// Small whole numbers are bf16 and their sums exact.
        #[test]
        fn products_equal_those_of_f32(m in 1usize..40, k in 1usize..4, n in 1usize..4, gap in 0usize..3) {
            let Some(precision) = Precision::bf16() else {
                eprintln!("skipped: this CPU has no AVX512-BF16");
                return Ok(());
            };
            let fill = |n: usize, seed: usize| -> Vec<Line> {
                (0..n).map(|i| Line(std::array::from_fn(|j| ((i * 29 + j * 13 + seed * 5) % 7) as f32 - 3.0))).collect()
            };
            let (left, b) = (fill(k * (m + gap) - gap, 1), fill(k * WIDTH * n, 2));
            let a = Blocked { lines: &left, rows: m, stride: m + gap };
            let (mut want, mut got) = (fill(m * n, 3), fill(m * n, 4));
            for (precision, c) in [(Precision::F32, &mut want), (precision, &mut got)] {
                let factors = Factors::new(b.clone(), precision);
                factors.product(Isa::current(), a, (0, factors.len()), c);
            }
            prop_assert_eq!(got, want);
        }
    }
}
