//! The one layout of the matrix kernels: blocks of sixteen columns.
//!
//! A matrix of `m` rows keeps columns 16 b to 16 b + 15 of all its rows as `m` consecutive [`Line`]s: element (r, 16 b + i) is
//! `data[b * stride + r][i]`, `stride >= m`; columns that fill up the last block are 0. A line is one cache line, the step from
//! row to row is the same whatever the shape, the right factor of a product reads as it lies, and so does the result of a
//! product as a factor of the next.

use crate::simd::{Isa, Lanes, Op, load, store};

/// Columns of a block.
pub(crate) const WIDTH: usize = 16;

/// Sixteen neighbouring columns of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f32; WIDTH]);

impl Line {
    pub const ZERO: Self = Self([0.0; WIDTH]);
}

/// A read-only matrix of `rows` rows in blocks that lie `stride` lines apart.
#[derive(Clone, Copy)]
pub(crate) struct Blocked<'a> {
    pub lines: &'a [Line],
    pub rows: usize,
    pub stride: usize,
}

impl<'a> Blocked<'a> {
    /// Blocks that follow each other without a gap.
    pub fn dense(lines: &'a [Line], rows: usize) -> Self {
        Self { lines, rows, stride: rows }
    }

    pub fn blocks(&self) -> usize {
        if self.lines.len() < self.rows { 0 } else { (self.lines.len() - self.rows) / self.stride + 1 }
    }
}

/// `c = a b`: `a` is `m` x 16 k, `b` is 16 k x 16 n, `c` is `m` x 16 n. One thread.
pub(crate) fn product(isa: Isa, a: Blocked, b: &[Line], c: &mut [Line]) {
    let (depth, blocks) = (a.blocks(), c.len() / a.rows);
    assert!(a.rows > 0 && c.len() == blocks * a.rows, "{} lines of {} rows", c.len(), a.rows);
    assert_eq!(b.len(), depth * WIDTH * blocks, "right factor of {depth} by {blocks} blocks");
    isa.run(Product { a, b, c, depth, blocks });
}

/// `g += a^T b`: `a` is `m` x 16 k, `b` is `m` x 16 n, `g` is 16 k x 16 n. One thread.
pub(crate) fn add_outer(isa: Isa, a: Blocked, b: Blocked, g: &mut [Line]) {
    assert_eq!(a.rows, b.rows);
    assert_eq!(g.len(), a.blocks() * WIDTH * b.blocks(), "outer product of {} by {} blocks", a.blocks(), b.blocks());
    isa.run(Outer { a, b, g });
}

struct Product<'a> {
    a: Blocked<'a>,
    b: &'a [Line],
    c: &'a mut [Line],
    depth: usize,
    blocks: usize,
}

impl Op for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (rows, k) = (self.a.rows, self.depth * WIDTH);
        let (a, b, c) = (self.a.lines.as_ptr().cast::<f32>(), self.b.as_ptr(), self.c.as_mut_ptr());
        for block in (0..self.blocks).step_by(S::BLOCKS) {
            let blocks = [block, (block + S::BLOCKS).min(self.blocks) - 1];
            for (row, m) in spans(rows, S::ROWS) {
                // SAFETY: `product` checked that a holds `depth` blocks of `rows` lines, b `blocks` of k lines and c `blocks`
                // of `rows` lines; row + m <= rows, and both blocks are below `blocks`.
                unsafe {
                    let a = Left { at: a.add(row * WIDTH), steps: k, jump: (self.a.stride - 1) * WIDTH };
                    let b = [b.add(blocks[0] * k).cast(), b.add(blocks[1] * k).cast()];
                    let c = [c.add(blocks[0] * rows + row).cast(), c.add(blocks[1] * rows + row).cast()];
                    tile_of::<S, false>(simd, (m, blocks[1] - block + 1), a, b, c);
                }
            }
        }
    }
}

struct Outer<'a> {
    a: Blocked<'a>,
    b: Blocked<'a>,
    g: &'a mut [Line],
}

impl Op for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (depth, all) = (self.a.blocks(), self.b.blocks());
        let (a, b, g) = (self.a.lines.as_ptr(), self.b.lines.as_ptr(), self.g.as_mut_ptr());
        for block in (0..all).step_by(S::BLOCKS) {
            let blocks = [block, (block + S::BLOCKS).min(all) - 1];
            for d in 0..depth {
                for (row, m) in spans(WIDTH, S::ROWS) {
                    // SAFETY: `Blocked::blocks` counts whole blocks of a and b, `add_outer` checked the size of g; row + m <= 16.
                    unsafe {
                        let a = a.add(d * self.a.stride).cast::<f32>().add(row);
                        let a = Left { at: a, steps: self.a.rows, jump: 0 };
                        let b = [b.add(blocks[0] * self.b.stride).cast(), b.add(blocks[1] * self.b.stride).cast()];
                        let at = |block: usize| (block * depth + d) * WIDTH + row;
                        let g = [g.add(at(blocks[0])).cast(), g.add(at(blocks[1])).cast()];
                        tile_of::<S, true>(simd, (m, blocks[1] - block + 1), a, b, g);
                    }
                }
            }
        }
    }
}

/// `rows` cut into as few spans of at most `most` as there can be, of nearly equal length: the first row and the length of each.
#[inline(always)]
pub(crate) fn spans(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let n = rows.div_ceil(most);
    let (each, longer) = (rows / n, rows % n);
    (0..n).map(move |i| (i * each + i.min(longer), each + usize::from(i < longer)))
}

/// The left factor of a register tile: rows a line apart and steps along the line, or, transposed, the other way round.
#[derive(Clone, Copy)]
struct Left {
    at: *const f32,
    steps: usize,
    /// From the end of one line to the same row in the next block, where not transposed.
    jump: usize,
}

/// Register tiles are compiled for every number of rows and of registers in a row.
#[inline(always)]
unsafe fn tile_of<S: Lanes, const TRANSPOSED: bool>(
    simd: S,
    (rows, blocks): (usize, usize),
    a: Left,
    b: [*const f32; 2],
    c: [*mut f32; 2],
) {
    macro_rules! with {
        ($($m:literal)*) => {
            match (rows, blocks * WIDTH / S::F32_LANES) {
                $(
                    ($m, 1) if $m <= S::ROWS => unsafe { tile::<S, $m, 1, TRANSPOSED>(simd, a, b, c) },
                    ($m, 2) if $m <= S::ROWS => unsafe { tile::<S, $m, 2, TRANSPOSED>(simd, a, b, c) },
                    ($m, 4) if $m <= S::ROWS => unsafe { tile::<S, $m, 4, TRANSPOSED>(simd, a, b, c) },
                )*
                _ => unreachable!("register tile of {rows} rows and {blocks} blocks"),
            }
        };
    }
    with!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// One register tile: `M` rows of `V` registers, added to what is there where the left factor is transposed.
#[inline(always)]
unsafe fn tile<S: Lanes, const M: usize, const V: usize, const TRANSPOSED: bool>(
    simd: S,
    a: Left,
    b: [*const f32; 2],
    c: [*mut f32; 2],
) {
    // SAFETY of all below: the callers lay out a, b and c so that every row, step and register of the tile is inside.
    unsafe {
        // Where register v of a row lies: in which block, and how far into its line.
        let place = |v: usize| (v * S::F32_LANES / WIDTH, v * S::F32_LANES % WIDTH);

        // The sums begin at 0, or at what is there.
        let mut sum = [[simd.splat_f32s(0.0); V]; M];
        if TRANSPOSED {
            for (r, sum) in sum.iter_mut().enumerate() {
                for (v, sum) in sum.iter_mut().enumerate() {
                    let (block, lane) = place(v);
                    *sum = load::<S>(c[block].add(r * WIDTH + lane));
                }
            }
        }

        // One step: a row of the right factor times a column of the left one.
        let (mut left, mut right) = (a.at, b);
        let mut step = |left: *const f32, between_rows: usize| {
            let mut b = [simd.splat_f32s(0.0); V];
            for (v, b) in b.iter_mut().enumerate() {
                let (block, lane) = place(v);
                *b = load::<S>(right[block].add(lane));
            }
            for (r, sum) in sum.iter_mut().enumerate() {
                let a = simd.splat_f32s(*left.add(r * between_rows));
                for (sum, b) in sum.iter_mut().zip(b) {
                    *sum = simd.fma(a, b, *sum);
                }
            }
            right = right.map(|b| b.add(WIDTH));
        };

        // All steps, along or across the lines of the left factor.
        if TRANSPOSED {
            for _ in 0..a.steps {
                step(left, 1);
                left = left.add(WIDTH);
            }
        } else {
            for _ in 0..a.steps / WIDTH {
                if S::UNROLL {
                    for i in 0..WIDTH {
                        step(left.add(i), WIDTH);
                    }
                } else {
                    let mut at = left;
                    while at != left.add(WIDTH) {
                        step(at, WIDTH);
                        at = std::hint::black_box(at.add(1));
                    }
                }
                left = left.wrapping_add(WIDTH + a.jump);
            }
        }

        // The sums go back.
        for (r, sum) in sum.iter().enumerate() {
            for (v, sum) in sum.iter().enumerate() {
                let (block, lane) = place(v);
                store::<S>(c[block].add(r * WIDTH + lane), *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(n: usize, seed: usize) -> Vec<Line> {
        (0..n).map(|i| Line(std::array::from_fn(|j| ((i * 29 + j * 13 + seed * 5) % 7) as f32 - 3.0))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Small whole numbers: exact in f32, whatever the order of additions.
        #[test]
        fn products_equal_plain_loops_on_every_instruction_set(m in 1usize..40, k in 1usize..4, n in 1usize..4, gap in 0usize..3) {
            let a = lines(k * (m + gap) - gap, 1);
            let a = Blocked { lines: &a, rows: m, stride: m + gap };
            let b = lines(k * WIDTH * n, 2);
            let at = |r: usize, c: usize| a.lines[c / WIDTH * a.stride + r].0[c % WIDTH];
            let bt = |r: usize, c: usize| b[c / WIDTH * k * WIDTH + r].0[c % WIDTH];
            for isa in Isa::available() {
                let mut c = lines(m * n, 3);
                product(isa, a, &b, &mut c);
                for r in 0..m {
                    for col in 0..n * WIDTH {
                        let want: f32 = (0..k * WIDTH).map(|i| at(r, i) * bt(i, col)).sum();
                        prop_assert_eq!(c[col / WIDTH * m + r].0[col % WIDTH], want, "{} at {} {}", isa.name(), r, col);
                    }
                }
                let c = Blocked::dense(&c, m);
                let before = lines(k * WIDTH * n, 4);
                let mut g = before.clone();
                add_outer(isa, a, c, &mut g);
                for r in 0..k * WIDTH {
                    for col in 0..n * WIDTH {
                        let place = col / WIDTH * k * WIDTH + r;
                        let sum: f32 = (0..m).map(|i| at(i, r) * c.lines[col / WIDTH * m + i].0[col % WIDTH]).sum();
                        prop_assert_eq!(g[place].0[col % WIDTH], before[place].0[col % WIDTH] + sum);
                    }
                }
            }
        }
    }
}
