//! Linear equations of least squares.

/// X of A X = B, `[n, columns]`, for symmetric positive definite A `[n, n]`, by its Cholesky factor. `None` if it is not.
pub fn solve(mut a: Vec<f64>, mut b: Vec<f64>, n: usize, columns: usize) -> Option<Vec<f64>> {
    for j in 0..n {
        for i in j..n {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            a[i * n + j] = if i == j { Some(rest).filter(|r| *r > 0.0)?.sqrt() } else { rest / a[j * n + j] };
        }
    }
    // First L, from the top; then its transpose, from the bottom.
    for pass in 0..2 {
        for step in 0..n {
            let i = if pass == 0 { step } else { n - 1 - step };
            for k in if pass == 0 { 0..i } else { i + 1..n } {
                let factor = if pass == 0 { a[i * n + k] } else { a[k * n + i] };
                for c in 0..columns {
                    b[i * columns + c] -= factor * b[k * columns + c];
                }
            }
            b[i * columns..(i + 1) * columns].iter_mut().for_each(|v| *v /= a[i * n + i]);
        }
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_and_refuses_what_is_not_positive() {
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], vec![8.0, 1.0, 7.0, 2.0], 2, 2).unwrap();
        let expected = [1.25, -0.125, 1.5, 0.75];
        assert!(x.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{x:?}");
        assert!(solve(vec![1.0, 2.0, 2.0, 1.0], vec![0.0; 2], 2, 1).is_none());
    }
}
