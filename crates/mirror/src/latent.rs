//! A point in the space that the generator draws from.

use nn::{Rng, Tensor};
use serde::{Deserialize, Serialize};

/// A latent vector. Its direction decides the picture; the generator ignores its length (pixel norm over the vector).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latent(Vec<f32>);

impl Latent {
    /// A latent of these coordinates.
    pub fn new(coordinates: Vec<f32>) -> Self {
        Self(coordinates)
    }

    /// One drawn from the standard normal distribution, as in training.
    pub fn gaussian(size: usize, rng: &mut Rng) -> Self {
        Self(rng.normals(size))
    }

    /// The coordinates.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Number of coordinates.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no coordinate.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same direction with root mean square 1: what the generator sees. The zero vector stays as it is.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut coordinates = self.0.clone();
        onto_sphere(&mut coordinates);
        Self(coordinates)
    }

    /// The point at `t` of the straight line from here (0) to `other` (1).
    ///
    /// # Panics
    /// If the sizes differ.
    #[must_use]
    pub fn lerp(&self, other: &Self, t: f32) -> Self {
        assert_eq!(self.len(), other.len(), "latents of different sizes");
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + (b - a) * t).collect())
    }

    /// The point at `t` of the great circle between both directions, on the sphere of root mean square 1: equal steps
    /// of `t` turn by equal angles. Opposite or equal directions fall back to the straight line.
    ///
    /// # Panics
    /// If the sizes differ.
    #[must_use]
    pub fn slerp(&self, other: &Self, t: f32) -> Self {
        let (a, b) = (self.normalised(), other.normalised());
        let dot = a.0.iter().zip(&b.0).map(|(a, b)| a * b).sum::<f32>() / a.len().max(1) as f32;
        let angle = dot.clamp(-1.0, 1.0).acos();
        let sine = angle.sin();
        if sine < 1e-4 {
            return a.lerp(&b, t).normalised();
        }
        let (wa, wb) = (((1.0 - t) * angle).sin() / sine, (t * angle).sin() / sine);
        Self(a.0.iter().zip(&b.0).map(|(a, b)| wa * a + wb * b).collect())
    }

    /// Where a point is that wanders over the sphere from one random point to the next, slow at each, after so many `legs` of its
    /// way. `seed` tells what the random numbers of each point begin with.
    pub fn wandering(size: usize, legs: f64, seed: impl Fn(u64) -> u64) -> Self {
        let leg = legs.floor();
        let t = (legs - leg) as f32;
        let point = |leg: f64| Self::gaussian(size, &mut Rng::new(seed(leg as i64 as u64)));
        point(leg).slerp(&point(leg + 1.0), smoothstep(t))
    }

    /// Several latents as a batch `[n, 1, 1, size]`.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn batch(latents: &[Self]) -> Tensor {
        let size = latents.first().map_or(0, Self::len);
        assert!(latents.iter().all(|l| l.len() == size), "latents of different sizes");
        Tensor::new([latents.len(), 1, 1, size], latents.iter().flat_map(|l| l.0.iter().copied()).collect())
    }
}

/// Scales a vector to root mean square 1, onto the sphere that the generator sees. The zero vector stays as it is.
pub fn onto_sphere(v: &mut [f32]) {
    let mean_square = v.iter().map(|x| x * x).sum::<f32>() / v.len().max(1) as f32;
    if mean_square > 0.0 {
        let factor = mean_square.sqrt().recip();
        v.iter_mut().for_each(|x| *x *= factor);
    }
}

/// Hermite's ease from 0 to 1, for `t` from 0 to 1: its slope is 0 at both ends.
pub fn smoothstep(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slerp_keeps_the_length_and_turns_evenly() {
        let mut rng = Rng::new(4);
        let (a, b) = (Latent::gaussian(64, &mut rng), Latent::gaussian(64, &mut rng));
        let angle = |a: &Latent, b: &Latent| {
            let dot = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum::<f32>() / 64.0;
            dot.acos()
        };
        let points: Vec<Latent> = (0..=4).map(|i| a.slerp(&b, i as f32 / 4.0)).collect();
        for p in &points {
            let rms = (p.as_slice().iter().map(|v| v * v).sum::<f32>() / 64.0).sqrt();
            assert!((rms - 1.0).abs() < 1e-5, "root mean square {rms}");
        }
        let whole = angle(&points[0], &points[4]);
        for pair in points.windows(2) {
            assert!((angle(&pair[0], &pair[1]) - whole / 4.0).abs() < 1e-3);
        }
    }

    #[test]
    fn degenerate_latents_stay_finite() {
        let zero = Latent::new(vec![0.0; 3]);
        assert_eq!(zero.normalised(), zero);
        let a = Latent::new(vec![1.0, 0.0, 0.0]);
        for other in [&a, &Latent::new(vec![-1.0, 0.0, 0.0]), &zero] {
            assert!(a.slerp(other, 0.3).as_slice().iter().all(|v| v.is_finite()));
        }
        assert!(Latent::new(vec![]).normalised().is_empty());
    }

    #[test]
    fn smoothstep_is_flat_at_both_ends_and_even_in_the_middle() {
        assert_eq!([0.0, 0.5, 1.0].map(smoothstep), [0.0, 0.5, 1.0]);
        assert!(smoothstep(1e-3) < 1e-5 && smoothstep(1.0 - 1e-3) > 1.0 - 1e-5);
    }
}
