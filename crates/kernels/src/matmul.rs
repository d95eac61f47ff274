//! Matrix product of strided f32 matrices, over the `gemm` crate.

/// A read-only view of a matrix in a slice.
#[derive(Clone, Copy)]
pub struct MatRef<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> MatRef<'a> {
    /// A row-major `rows` x `cols` matrix at the start of `data`.
    ///
    /// # Panics
    /// If `data` is too short.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert!(data.len() >= rows * cols, "{rows} x {cols} matrix in a slice of {}", data.len());
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transpose, without moving anything.
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }
}

/// `dst = a b`, or `dst += a b` when `accumulate`; `dst` is row-major, `a.rows` x `b.cols`. One thread.
///
/// # Panics
/// If the shapes do not fit.
pub fn matmul(dst: &mut [f32], a: MatRef, b: MatRef, accumulate: bool) {
    assert_eq!(a.cols, b.rows, "inner dimensions differ");
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert!(dst.len() >= m * n, "{m} x {n} result in a slice of {}", dst.len());
    // SAFETY: `MatRef::new` checked that `a` and `b` hold rows * cols values at the strides given here (a transpose
    // permutes them), the assertion above does so for `dst`, and `&mut` makes `dst` disjoint from both.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn product_equals_plain_loop(m in 1usize..20, n in 1usize..20, k in 1usize..20, ta: bool, tb: bool, acc: bool) {
            let fill = |len: usize, s: usize| (0..len).map(|i| ((i * 7 + s) % 11) as f32 - 5.0).collect::<Vec<_>>();
            let (a, b) = (fill(m * k, 1), fill(k * n, 4));
            let at = |i, p| if ta { a[p * m + i] } else { a[i * k + p] };
            let bt = |p, j| if tb { b[j * k + p] } else { b[p * n + j] };
            let mut got = fill(m * n, 2);
            let want: Vec<f32> = (0..m * n)
                .map(|o| (0..k).map(|p| at(o / n, p) * bt(p, o % n)).sum::<f32>() + if acc { got[o] } else { 0.0 })
                .collect();
            let va = if ta { MatRef::new(&a, k, m).t() } else { MatRef::new(&a, m, k) };
            let vb = if tb { MatRef::new(&b, n, k).t() } else { MatRef::new(&b, k, n) };
            matmul(&mut got, va, vb, acc);
            prop_assert_eq!(got, want);   // small whole numbers: exact in f32
        }
    }
}
