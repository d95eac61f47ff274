//! Distance to the nearest picture of a set, mirror images included: whether a generator repeats what it learned from.

use frame::Image;
use kernels::MatRef;
use rayon::prelude::*;

/// Pictures are compared at this width.
const SIDE: usize = 32;
/// Queries at a time.
const BATCH: usize = 64;

/// Pictures at 32x32 pixels, each with mean 0 and standard deviation 1, so that light and contrast do not count.
pub struct Thumbnails {
    len: usize,
    rows: Vec<f32>,
}

impl Thumbnails {
    /// Those of square pictures whose width is a power of two.
    pub fn new(pictures: &[&Image]) -> Self {
        let rows: Vec<Vec<f32>> = pictures.par_iter().map(|p| thumbnail(p)).collect();
        Self { len: rows.first().map_or(1, Vec::len), rows: rows.concat() }
    }

    fn mirrored(&self) -> Self {
        let side = ((self.len / 3) as f32).sqrt() as usize;
        let mut rows = self.rows.clone();
        for row in rows.chunks_exact_mut(side.max(1) * 3) {
            row.reverse();
            row.chunks_exact_mut(3).for_each(<[f32]>::reverse);
        }
        Self { len: self.len, rows }
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.len..][..self.len]
    }

    fn count(&self) -> usize {
        self.rows.len() / self.len
    }

    /// For each of these pictures the distance (root mean square) to the nearest of `others` for which
    /// `counts(own index, other's index)`; infinite if none counts.
    ///
    /// # Panics
    /// If the two differ in size.
    pub fn nearest(&self, others: &Self, counts: impl Fn(usize, usize) -> bool + Sync) -> Vec<f32> {
        let sides = [others, &others.mirrored()];
        let n = others.count();
        let firsts: Vec<usize> = (0..self.count()).step_by(BATCH).collect();
        let batch = |first: usize| -> Vec<f32> {
            let last = self.count().min(first + BATCH);
            let queries = MatRef::new(&self.rows[first * self.len..], last - first, self.len);
            let mut nearest = vec![f32::INFINITY; last - first];
            for others in sides {
                let mut products = vec![0.0; (last - first) * n];
                kernels::matmul(&mut products, queries, MatRef::new(&others.rows, n, self.len).t(), false);
                for (i, (products, nearest)) in products.chunks_exact(n.max(1)).zip(&mut nearest).enumerate() {
                    // All rows have one length, so the largest product is the smallest distance.
                    let candidates = (0..n).filter(|j| counts(first + i, *j));
                    if let Some(j) = candidates.max_by(|a, b| products[*a].total_cmp(&products[*b])) {
                        *nearest = nearest.min(rms(self.row(first + i), others.row(j)));
                    }
                }
            }
            nearest
        };
        firsts.into_par_iter().flat_map_iter(batch).collect()
    }
}

fn rms(a: &[f32], b: &[f32]) -> f32 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (sum / a.len() as f32).sqrt()
}

fn thumbnail(picture: &Image) -> Vec<f32> {
    let side = picture.width.min(SIDE);
    let factor = picture.width / side;
    let mut x = vec![0.0f32; side * side * 3];
    for (i, v) in picture.data.iter().enumerate() {
        let (pixel, c) = (i / 3, i % 3);
        let (row, column) = (pixel / picture.width / factor, pixel % picture.width / factor);
        x[(row * side + column) * 3 + c] += f32::from(*v) / (factor * factor) as f32;
    }
    let n = x.len() as f32;
    let mean = x.iter().sum::<f32>() / n;
    let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / (n - 1.0)).sqrt();
    x.iter().map(|v| (v - mean) / (deviation + 1e-6)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_pictures::noisy;
    use super::*;

    #[test]
    fn a_copy_even_a_mirrored_or_a_paler_one_has_distance_0() {
        let pictures: Vec<Image> = (0..70).map(|i| noisy(64, 8, i)).collect();
        let mut copy = pictures[68].clone();
        for row in copy.data.chunks_exact_mut(64 * 3) {
            row.reverse();
            row.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        }
        copy.data.iter_mut().for_each(|v| *v = *v / 2 + 60);
        let all = Thumbnails::new(&pictures.iter().collect::<Vec<_>>());
        let copies = Thumbnails::new(&[&pictures[3], &copy]);
        let nearest = copies.nearest(&all, |_, _| true);
        assert!(nearest[0] == 0.0 && nearest[1] < 0.02, "{nearest:?}");
        let others = copies.nearest(&all, |_, j| j != 3 && j != 68);
        assert!(others.iter().all(|d| *d > 0.5), "{others:?}");
        assert_eq!(copies.nearest(&all, |_, _| false), [f32::INFINITY; 2]);
        assert_eq!(all.nearest(&all, |_, _| true), [0.0; 70]);
    }
}
