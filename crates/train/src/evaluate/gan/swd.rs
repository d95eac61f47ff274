//! Sliced Wasserstein distance: how far apart two sets of pictures are, at every scale (Karras et al., 2018, section 5).
//!
//! Patches of 7x7 pixels from every level of a Laplacian pyramid, normalised per channel, are projected onto random
//! directions; there the distance of two sets is that of their sorted values.

use frame::Image;
use kernels::MatRef;
use nn::Rng;
use rayon::prelude::*;

/// The coarsest level of the pyramid, pixels.
pub const COARSEST: usize = 16;
const PATCH: usize = 7;
const PATCH_LEN: usize = PATCH * PATCH * 3;
const PATCHES_A_PICTURE: usize = 128;
/// 4 times 128 in the paper; their mean is the same.
const DIRECTIONS: usize = 512;
/// Projected at a time: bounds the memory.
const DIRECTIONS_AT_A_TIME: usize = 16;

/// Normalised patches of one level of a set of pictures.
pub struct Patches {
    /// Width and height of the level.
    pub pixels: usize,
    /// One patch of 7 x 7 x 3 values after another.
    values: Vec<f32>,
}

/// 128 random patches a picture from each level, the finest first; half of the pictures mirrored if `mirrored`.
///
/// # Panics
/// If the pictures are not squares of one size, a power of two of 16 or more.
pub fn patches(pictures: &[&Image], mirrored: bool, seed: u64) -> Vec<Patches> {
    let Some(side) = pictures.first().map(|p| p.width) else { return Vec::new() };
    assert!(side.is_power_of_two() && side >= COARSEST, "{side} pixels have no pyramid down to {COARSEST}");
    let sides: Vec<usize> = std::iter::successors(Some(side), |s| Some(s / 2)).take_while(|s| *s >= COARSEST).collect();
    let per_picture = PATCHES_A_PICTURE * PATCH_LEN;
    let mut levels: Vec<Patches> =
        sides.iter().map(|&pixels| Patches { pixels, values: vec![0.0; pictures.len() * per_picture] }).collect();

    // Picture by picture, a slice of every level each.
    let mut slices: Vec<_> = levels.iter_mut().map(|l| l.values.chunks_exact_mut(per_picture)).collect();
    let jobs: Vec<Vec<&mut [f32]>> =
        pictures.iter().map(|_| slices.iter_mut().filter_map(Iterator::next).collect()).collect();

    jobs.into_par_iter().zip(pictures).enumerate().for_each(|(i, (slices, picture))| {
        assert_eq!((picture.width, picture.height), (side, side), "pictures of one size");
        // A stream of its own, so that the order of the threads does not matter.
        let mut rng = Rng::new(seed.wrapping_mul(0x9E37_79B9).wrapping_add(i as u64));
        let x = values(picture, mirrored && rng.chance(0.5));
        for ((to, level), &side) in slices.into_iter().zip(pyramid(x, side)).zip(&sides) {
            for patch in to.chunks_exact_mut(PATCH_LEN) {
                let (x0, y0) = (rng.below(side - PATCH + 1), rng.below(side - PATCH + 1));
                for (y, row) in (y0..).zip(patch.chunks_exact_mut(PATCH * 3)) {
                    row.copy_from_slice(&level[(y * side + x0) * 3..][..PATCH * 3]);
                }
            }
        }
    });
    levels.iter_mut().for_each(|l| normalise(&mut l.values));
    levels
}

/// Mean distance of the sorted projections, times 1000, over 512 random directions.
///
/// # Panics
/// If the sets differ in size.
pub fn distance(a: &Patches, b: &Patches, seed: u64) -> f64 {
    assert_eq!(a.values.len(), b.values.len(), "sets of one size");
    let n = a.values.len() / PATCH_LEN;
    let mut rng = Rng::new(seed);
    let directions: Vec<Vec<f32>> = (0..DIRECTIONS)
        .map(|_| {
            let direction = rng.normals(PATCH_LEN);
            let length = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
            direction.iter().map(|v| v / length).collect()
        })
        .collect();

    // Project, sort, subtract.
    let sums: Vec<f64> = directions
        .par_chunks(DIRECTIONS_AT_A_TIME)
        .map(|some| {
            let rows = some.len();
            let some = some.concat();
            let [a, b] = [a, b].map(|set| {
                let mut projected = vec![0.0; rows * n];
                let (some, all) = (MatRef::new(&some, rows, PATCH_LEN), MatRef::new(&set.values, n, PATCH_LEN));
                kernels::matmul(&mut projected, some, all.t(), false);
                projected.chunks_exact_mut(n.max(1)).for_each(|row| row.sort_unstable_by(f32::total_cmp));
                projected
            });
            a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).sum()
        })
        .collect();
    1e3 * sums.iter().sum::<f64>() / (n * DIRECTIONS) as f64
}

fn values(picture: &Image, mirrored: bool) -> Vec<f32> {
    let mut x: Vec<f32> = picture.data.iter().map(|v| f32::from(*v)).collect();
    if mirrored {
        for row in x.chunks_exact_mut(picture.width * 3) {
            row.reverse();
            row.chunks_exact_mut(3).for_each(<[f32]>::reverse);
        }
    }
    x
}

/// What each level adds to the next coarser one, the finest first; the last is the coarsest picture itself.
fn pyramid(mut x: Vec<f32>, mut side: usize) -> Vec<Vec<f32>> {
    let mut levels = Vec::new();
    while side > COARSEST {
        let blurred = blur(&x, side, 1.0);
        let half = side / 2;
        let (mut coarse, mut spread) = (vec![0.0; half * half * 3], vec![0.0; x.len()]);
        for (i, to) in coarse.chunks_exact_mut(3).enumerate() {
            let at = (i / half * 2 * side + i % half * 2) * 3;
            to.copy_from_slice(&blurred[at..at + 3]);
            spread[at..at + 3].copy_from_slice(to);
        }
        // Three of four pixels are 0, so twice the weight along each axis.
        let back = blur(&spread, side, 2.0);
        x.iter_mut().zip(&back).for_each(|(v, b)| *v -= b);
        levels.push(std::mem::replace(&mut x, coarse));
        side = half;
    }
    levels.push(x);
    levels
}

/// Binomial 5x5 filter, mirrored at the borders, times `gain` squared.
fn blur(x: &[f32], side: usize, gain: f32) -> Vec<f32> {
    let weights = [1.0, 4.0, 6.0, 4.0, 1.0].map(|w: f32| w / 16.0 * gain);
    let tap = |i: usize, k: usize| {
        let j = (i + k).abs_diff(2);
        if j < side { j } else { 2 * (side - 1) - j }
    };
    let (mut across, mut both) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    for (row, from) in across.chunks_exact_mut(side * 3).zip(x.chunks_exact(side * 3)) {
        for (i, pixel) in row.chunks_exact_mut(3).enumerate() {
            for (k, w) in weights.iter().enumerate() {
                pixel.iter_mut().zip(&from[tap(i, k) * 3..]).for_each(|(p, v)| *p += w * v);
            }
        }
    }
    for (i, row) in both.chunks_exact_mut(side * 3).enumerate() {
        for (k, w) in weights.iter().enumerate() {
            row.iter_mut().zip(&across[tap(i, k) * side * 3..]).for_each(|(p, v)| *p += w * v);
        }
    }
    both
}

/// Each channel to mean 0 and standard deviation 1 over all patches.
fn normalise(patches: &mut [f32]) {
    let n = (patches.len() / 3) as f64;
    for c in 0..3 {
        let channel = || patches.iter().skip(c).step_by(3).map(|v| f64::from(*v));
        let mean = channel().sum::<f64>() / n;
        let variance = channel().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let (mean, scale) = (mean as f32, 1.0 / (variance.sqrt() as f32).max(1e-6));
        patches.iter_mut().skip(c).step_by(3).for_each(|v| *v = (*v - mean) * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_pictures::{formula, noisy};
    use super::*;

    fn compare(a: &[Image], b: &[Image]) -> Vec<f64> {
        let set = |x: &[Image], seed| patches(&x.iter().collect::<Vec<_>>(), false, seed);
        set(a, 1).iter().zip(&set(b, 2)).map(|(a, b)| distance(a, b, 3)).collect()
    }

    #[test]
    fn other_patches_of_the_same_pictures_are_near_and_other_pictures_are_far() {
        let pictures: Vec<Image> = (0..64).map(|i| noisy(32, 4, i)).collect();
        let rough: Vec<Image> = (0..64).map(|i| noisy(32, 1, 100 + i)).collect();
        let same = compare(&pictures, &pictures);
        let other = compare(&pictures, &rough);
        assert_eq!(same.len(), 2);
        assert_eq!(same, compare(&pictures, &pictures), "the same every time");
        assert!(same.iter().zip(&other).all(|(s, o)| *s < 30.0 && *o > 2.0 * s), "{same:?} {other:?}");
    }

    #[test]
    fn a_set_has_no_distance_from_itself() {
        let pictures = [noisy(16, 2, 1), noisy(16, 2, 2)];
        let set = patches(&pictures.iter().collect::<Vec<_>>(), true, 5);
        assert_eq!(distance(&set[0], &set[0], 1), 0.0);
    }

    #[test]
    fn pyramid_is_that_of_pytorch() {
        let levels = pyramid(values(&formula(32, 0), false), 32);
        assert_eq!(levels.len(), 2);
        // Made by `blur` and `laplacian_patches` of the PyTorch twin.
        let expected: [[f32; 4]; 2] =
            [[-31.192_627, 73.945_31, 80.734_375, 132_617.5], [20.0625, 134.386_72, 163.265_62, 97_411.266]];
        for ((level, side), expected) in levels.iter().zip([32, 16]).zip(expected) {
            let at = |x: usize, y: usize, c: usize| level[(y * side + x) * 3 + c];
            let got = [at(0, 0, 0), at(5, 9, 1), at(side - 1, side - 1, 2), level.iter().map(|v| v.abs()).sum()];
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-3 + 1e-4 * expected.abs(), "{got} {expected}");
            }
        }
    }

    #[test]
    fn a_flat_picture_has_nothing_to_add() {
        let levels = pyramid(vec![90.0; 64 * 64 * 3], 64);
        assert!(levels[..2].iter().flatten().all(|v| v.abs() < 1e-3));
        assert!(levels[2].iter().all(|v| (v - 90.0).abs() < 1e-3));
    }
}
