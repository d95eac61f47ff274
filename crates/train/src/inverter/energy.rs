//! The energy distance (Szekely and Rizzo 2013) between two clouds of points.

/// `2 E|x - y| - E|x - x'| - E|y - y'|`, without bias, of points of `size` coordinates; and its gradient by the x.
///
/// 0 on average if both clouds come from one distribution; a cloud that has collapsed is far from every other.
pub fn energy_distance(x: &[f32], y: &[f32], size: usize) -> (f32, Vec<f32>) {
    let (n, m) = (x.len() / size, y.len() / size);
    let mut gradient = vec![0.0; x.len()];
    let mut value = 0.0;
    let pair = (n * n.saturating_sub(1)).max(1) as f32;
    for i in 0..n {
        let a = &x[i * size..(i + 1) * size];
        let own = &mut gradient[i * size..(i + 1) * size];
        for b in y.chunks_exact(size) {
            value += pull(a, b, 2.0 / (n * m) as f32, own);
        }
        for (j, b) in x.chunks_exact(size).enumerate() {
            if j != i {
                // Each pair counts twice, and both of its points move.
                value += pull(a, b, -2.0 / pair, own) / 2.0;
            }
        }
    }
    let pair = (m * m.saturating_sub(1)).max(1) as f32;
    for (i, a) in y.chunks_exact(size).enumerate() {
        for b in y.chunks_exact(size).skip(i + 1) {
            value -= 2.0 / pair * distance(a, b);
        }
    }
    (value, gradient)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// `weight * |a - b|`; adds its gradient by a.
fn pull(a: &[f32], b: &[f32], weight: f32, gradient: &mut [f32]) -> f32 {
    let d = distance(a, b);
    let factor = weight / d.max(1e-6);
    gradient.iter_mut().zip(a.iter().zip(b)).for_each(|(g, (a, b))| *g += factor * (a - b));
    weight * d
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn gradient_equals_finite_differences() {
        let mut rng = Rng::new(4);
        let (x, y) = (rng.normals(5 * 3), rng.normals(7 * 3));
        let (_, gradient) = energy_distance(&x, &y, 3);
        for i in 0..x.len() {
            let at = |e: f32| {
                let mut moved = x.clone();
                moved[i] += e;
                energy_distance(&moved, &y, 3).0
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - gradient[i]).abs() < 2e-3, "{i}: {slope} against {}", gradient[i]);
        }
    }

    #[test]
    fn like_clouds_are_near_and_collapsed_ones_far() {
        let mut rng = Rng::new(5);
        let (x, y) = (rng.normals(200 * 8), rng.normals(200 * 8));
        assert!(energy_distance(&x, &y, 8).0.abs() < 0.05);
        assert!(energy_distance(&[0.5; 200 * 8], &y, 8).0 > 1.0);
    }
}
