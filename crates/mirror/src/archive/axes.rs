//! The two axes of the map: the directions in which the members differ most.

/// Steps of the power iteration: the map stands still long before.
const STEPS: usize = 60;

/// Two principal components of rows of numbers.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    middle: Vec<f32>,
    /// Of length 1, at right angles.
    directions: [Vec<f32>; 2],
}

impl Axes {
    /// Of rows of `width` numbers, by power iteration from a fixed start, so that the same rows always give the same map.
    pub fn of(rows: &[f32], width: usize) -> Self {
        let mut axes = Self { middle: vec![0.0; width], directions: [vec![0.0; width], vec![0.0; width]] };
        let count = (rows.len() / width.max(1)).max(1) as f32;
        for row in rows.chunks_exact(width.max(1)) {
            axes.middle.iter_mut().zip(row).for_each(|(sum, v)| *sum += v / count);
        }
        for i in 0..2 {
            axes.directions[i] = axes.direction(rows, i);
        }
        axes
    }

    /// The direction in which the rows differ most, at right angles to those before the `i`-th.
    fn direction(&self, rows: &[f32], i: usize) -> Vec<f32> {
        let width = self.middle.len();
        let mut direction: Vec<f32> = (0..width).map(|k| 1.0 + (k % 7) as f32).collect();
        for _ in 0..STEPS {
            let mut next = vec![0.0; width];
            for row in rows.chunks_exact(width.max(1)) {
                let along = self.along(row, &direction);
                next.iter_mut().zip(row).zip(&self.middle).for_each(|((sum, v), middle)| *sum += along * (v - middle));
            }
            for before in &self.directions[..i] {
                let shared: f32 = next.iter().zip(before).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(before).for_each(|(a, b)| *a -= shared * b);
            }
            let length = next.iter().map(|v| v * v).sum::<f32>().sqrt();
            if length == 0.0 {
                return next;
            }
            direction = next.into_iter().map(|v| v / length).collect();
        }
        direction
    }

    fn along(&self, row: &[f32], direction: &[f32]) -> f32 {
        row.iter().zip(&self.middle).zip(direction).map(|((v, middle), d)| (v - middle) * d).sum()
    }

    /// Where a row lies.
    pub fn place(&self, row: &[f32]) -> [f32; 2] {
        [0, 1].map(|i| self.along(row, &self.directions[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn the_axes_are_those_along_which_rows_differ_most() {
        let (mut rng, spread) = (Rng::new(4), [0.1, 3.0, 0.2, 1.0, 0.1]);
        let rows: Vec<f32> = (0..500).flat_map(|_| spread.map(|s| 5.0 + s * rng.normal())).collect();
        let axes = Axes::of(&rows, 5);
        assert!(axes.directions[0][1].abs() > 0.99 && axes.directions[1][3].abs() > 0.99, "{axes:?}");
        let [x, y] = axes.place(&[5.0, 8.0, 5.0, 5.0, 5.0]);
        assert!((x.abs() - 3.0).abs() < 0.5 && y.abs() < 0.5, "{x} {y}");
    }

    #[test]
    fn rows_that_do_not_differ_lie_on_one_point() {
        assert!(Axes::of(&[2.0; 30], 3).place(&[2.0; 3]).iter().all(|v| v.abs() < 1e-5));
        assert_eq!(Axes::of(&[], 0).place(&[]), [0.0, 0.0]);
    }
}
