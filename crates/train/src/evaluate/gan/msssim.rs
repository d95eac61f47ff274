//! Multi-scale structural similarity of two pictures (Wang et al., 2003): 1 for equal ones, less the more they differ.
//!
//! The mean over random pairs of a set measures its diversity: the lower, the more diverse.

use frame::Image;

/// The five scales' weights, the finest first.
const WEIGHTS: [f32; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Width of the window, shrunk to the picture's width at small scales; its deviation shrinks along.
const WINDOW: usize = 11;
const WINDOW_DEVIATION: f32 = 1.5;
const C1: f32 = 6.5025;
const C2: f32 = 58.5225;

/// The similarity, 0 to 1.
///
/// # Panics
/// If the pictures are not squares of one size, of 16 pixels or more.
pub fn ms_ssim(a: &Image, b: &Image) -> f32 {
    assert_eq!((a.width, a.height), (b.width, b.height), "pictures of one size");
    assert!(a.width == a.height && a.width >= 1 << (WEIGHTS.len() - 1), "{} x {} pixels", a.width, a.height);
    let values = |x: &Image| -> Vec<f32> { x.data.iter().map(|v| f32::from(*v)).collect() };
    let (mut side, mut a, mut b) = (a.width, values(a), values(b));
    let mut result = 1.0;
    for (scale, weight) in WEIGHTS.iter().enumerate() {
        let window = gaussian(side.min(WINDOW));
        let of = |x: &[f32], y: &[f32]| {
            let product: Vec<f32> = x.iter().zip(y).map(|(x, y)| x * y).collect();
            local_means(&product, side, &window)
        };
        let (mean_a, mean_b) = (local_means(&a, side, &window), local_means(&b, side, &window));
        let (aa, bb, ab) = (of(&a, &a), of(&b, &b), of(&a, &b));
        let similarity = |i: usize| {
            let (ma, mb) = (mean_a[i], mean_b[i]);
            let contrast = (2.0 * (ab[i] - ma * mb) + C2) / (aa[i] - ma * ma + bb[i] - mb * mb + C2);
            let is_last = scale + 1 == WEIGHTS.len();
            contrast * if is_last { (2.0 * ma * mb + C1) / (ma * ma + mb * mb + C1) } else { 1.0 }
        };
        let mean = (0..mean_a.len()).map(similarity).sum::<f32>() / mean_a.len() as f32;
        result *= mean.max(0.0).powf(*weight);
        (a, b) = (half(&a, side), half(&b, side));
        side /= 2;
    }
    result
}

fn gaussian(size: usize) -> Vec<f32> {
    let deviation = WINDOW_DEVIATION * size as f32 / WINDOW as f32;
    let weight = |i: usize| (-(i as f32 - (size - 1) as f32 / 2.0).powi(2) / (2.0 * deviation * deviation)).exp();
    let weights: Vec<f32> = (0..size).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Means under the window wherever it lies fully inside.
fn local_means(x: &[f32], side: usize, window: &[f32]) -> Vec<f32> {
    let inner = side + 1 - window.len();
    let mut down = vec![0.0; inner * side * 3];
    for (y, row) in down.chunks_exact_mut(side * 3).enumerate() {
        for (k, w) in window.iter().enumerate() {
            row.iter_mut().zip(&x[(y + k) * side * 3..]).for_each(|(r, v)| *r += w * v);
        }
    }
    let mut both = vec![0.0; inner * inner * 3];
    for (row, from) in both.chunks_exact_mut(inner * 3).zip(down.chunks_exact(side * 3)) {
        for (k, w) in window.iter().enumerate() {
            row.iter_mut().zip(&from[k * 3..]).for_each(|(r, v)| *r += w * v);
        }
    }
    both
}

/// Means of 2x2 pixels.
fn half(x: &[f32], side: usize) -> Vec<f32> {
    let half = side / 2;
    let mut out = vec![0.0; half * half * 3];
    for (i, v) in out.iter_mut().enumerate() {
        let at = (i / 3 / half * 2 * side + i / 3 % half * 2) * 3 + i % 3;
        *v = 0.25 * (x[at] + x[at + 3] + x[at + side * 3] + x[at + side * 3 + 3]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::test_pictures::{formula, noisy};
    use super::*;

    #[test]
    fn equal_pictures_have_similarity_1_and_others_less() {
        let (a, b) = (noisy(64, 8, 1), noisy(64, 8, 2));
        assert!((ms_ssim(&a, &a) - 1.0).abs() < 1e-5);
        let mut darker = a.clone();
        darker.data.iter_mut().for_each(|v| *v = *v / 5 * 4);
        let (same, other) = (ms_ssim(&a, &darker), ms_ssim(&a, &b));
        assert!(same > 0.9 && same < 1.0 && other < 0.5, "{same} {other}");
    }

    #[test]
    fn similarity_is_that_of_pytorch() {
        // Made by `ms_ssim` of the PyTorch twin.
        for (side, expected) in [(32, 0.817_777), (64, 0.817_756)] {
            let got = ms_ssim(&formula(side, 0), &formula(side, 1));
            assert!((got - expected).abs() < 1e-4, "{side} pixels: {got} {expected}");
        }
    }
}
