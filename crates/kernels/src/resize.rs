//! Change of size of 8-bit RGB pictures.

use rayon::prelude::*;

/// Rows a task: enough to be worth handing to another thread.
const ROWS: usize = 16;

/// How pixels are found between others along an axis that grows.
#[derive(Clone, Copy)]
enum Interpolation {
    /// Of the two nearest.
    Linear,
    /// Of the four nearest: the cubic through them of Catmull and Rom, "A class of local interpolating splines" (1974). Smooth, with
    /// sharper edges than linear interpolation.
    CatmullRom,
}

/// Most input pixels of one output pixel along an axis that grows.
const MOST_TAPS: usize = 4;

/// Which input pixels make an output pixel along one axis, and with which weights, that sum to 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The taps of every output position: the mean over the interval that it covers where the axis shrinks, an interpolation where it grows.
fn taps(from: usize, to: usize, interpolation: Interpolation) -> Vec<Taps> {
    let step = from as f64 / to as f64;
    let tap = |i: usize| {
        if from > to {
            let (start, end) = (i as f64 * step, ((i + 1) as f64 * step).min(from as f64));
            let (first, last) = (start as usize, (end.ceil() as usize).min(from));
            let covered = |p: usize| (end.min((p + 1) as f64) - start.max(p as f64)).max(0.0);
            let weights = (first..last).map(|p| (covered(p) / (end - start)) as f32).collect();
            return Taps { first, weights };
        }
        let at = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
        let (low, t) = (at as usize, at.fract() as f32);
        match interpolation {
            _ if t == 0.0 => Taps { first: low, weights: vec![1.0] },
            Interpolation::Linear => Taps { first: low, weights: vec![1.0 - t, t] },
            Interpolation::CatmullRom => catmull_rom(low, t, from),
        }
    };
    (0..to).map(tap).collect()
}

/// The taps at `low + t`, of `from` pixels; what would lie outside is the border pixel.
fn catmull_rom(low: usize, t: f32, from: usize) -> Taps {
    let (t2, t3) = (t * t, t * t * t);
    let cubic = [-t + 2.0 * t2 - t3, 2.0 - 5.0 * t2 + 3.0 * t3, t + 4.0 * t2 - 3.0 * t3, t3 - t2].map(|w| 0.5 * w);
    let first = low.saturating_sub(1);
    let mut weights = vec![0.0; (low + 3).min(from) - first];
    for (k, weight) in cubic.into_iter().enumerate() {
        weights[(low + k).saturating_sub(1).clamp(first, from - 1) - first] += weight;
    }
    Taps { first, weights }
}

/// Makes an RGB picture of another size: the mean over the area of a pixel along an axis that shrinks, bilinear along one
/// that grows; outside, the nearest border pixel counts.
///
/// # Panics
/// If a length does not fit its size.
pub fn resize(src: &[u8], from: (usize, usize), dst: &mut [u8], to: (usize, usize)) {
    resize_with(src, from, dst, to, Interpolation::Linear);
}

/// The same for people to look at: Catmull-Rom along an axis that grows.
///
/// # Panics
/// If a length does not fit its size.
pub fn resize_smoothly(src: &[u8], from: (usize, usize), dst: &mut [u8], to: (usize, usize)) {
    resize_with(src, from, dst, to, Interpolation::CatmullRom);
}

fn resize_with(
    src: &[u8],
    (sw, sh): (usize, usize),
    dst: &mut [u8],
    (dw, dh): (usize, usize),
    interpolation: Interpolation,
) {
    assert_eq!(src.len(), sw * sh * 3);
    assert_eq!(dst.len(), dw * dh * 3);
    if src.is_empty() || dst.is_empty() {
        return;
    }
    if (sw, sh) == (dw, dh) {
        return dst.copy_from_slice(src);
    }
    let (across, down) = (taps(sw, dw, interpolation), taps(sh, dh, interpolation));
    dst.par_chunks_mut(ROWS * dw * 3).zip(down.par_chunks(ROWS)).for_each(|(dst, down)| {
        // Neighbouring output rows share input rows: the last ones are kept, each at its number modulo their count.
        let mut rows: [(Option<usize>, Vec<f32>); MOST_TAPS] = std::array::from_fn(|_| (None, vec![0.0; dw * 3]));
        let mut sums = vec![0.0f32; dw * 3];
        for (to, vertical) in dst.chunks_exact_mut(dw * 3).zip(down) {
            sums.fill(0.5); // rounds to nearest
            for (y, weight) in (vertical.first..).zip(&vertical.weights) {
                let (row_of, row) = &mut rows[y % MOST_TAPS];
                if *row_of != Some(y) {
                    resize_row(&src[y * sw * 3..][..sw * 3], &across, row);
                    *row_of = Some(y);
                }
                sums.iter_mut().zip(row.iter()).for_each(|(s, v)| *s += weight * v);
            }
            // What overshoots is cut off at 0 and 255.
            to.iter_mut().zip(&sums).for_each(|(to, s)| *to = *s as u8);
        }
    });
}

fn resize_row(from: &[u8], across: &[Taps], to: &mut [f32]) {
    for (to, taps) in to.chunks_exact_mut(3).zip(across) {
        let mut sum = [0.0f32; 3];
        for (pixel, weight) in from[taps.first * 3..].chunks_exact(3).zip(&taps.weights) {
            for (s, v) in sum.iter_mut().zip(pixel) {
                *s += weight * f32::from(*v);
            }
        }
        to.copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition along one axis, over all pixels.
    fn cubic_at(value: impl Fn(usize) -> f64, from: usize, to: usize, i: usize) -> f64 {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let (low, t) = (at as isize, at.fract());
        let p = [-1, 0, 1, 2].map(|k| value((low + k).clamp(0, from as isize - 1) as usize));
        let slope = [(p[2] - p[0]) / 2.0, (p[3] - p[1]) / 2.0];
        let (t2, t3) = (t * t, t * t * t);
        // Hermite's form: values and slopes at both ends.
        (2.0 * t3 - 3.0 * t2 + 1.0) * p[1]
            + (t3 - 2.0 * t2 + t) * slope[0]
            + (3.0 * t2 - 2.0 * t3) * p[2]
            + (t3 - t2) * slope[1]
    }

    /// The definition along one axis, over all pixels.
    fn mean_over(value: impl Fn(usize) -> f64, from: usize, to: usize, i: usize) -> f64 {
        if from <= to {
            let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let (low, t) = (at as usize, at.fract());
            return value(low) * (1.0 - t) + value((low + 1).min(from - 1)) * t;
        }
        let step = from as f64 / to as f64;
        let (start, end) = (i as f64 * step, (i + 1) as f64 * step);
        let part = |p: usize| (end.min(p as f64 + 1.0) - start.max(p as f64)).max(0.0);
        (0..from).map(|p| value(p) * part(p)).sum::<f64>() / step
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn resizing_equals_its_definition(sw in 1usize..20, sh in 1usize..20, dw in 1usize..20, dh in 1usize..20, seed in 0usize..99) {
            let src: Vec<u8> = (0..sw * sh * 3).map(|i| ((i * 89 + seed * 31) % 251) as u8).collect();
            let mut dst = vec![0; dw * dh * 3];
            resize(&src, (sw, sh), &mut dst, (dw, dh));
            for (i, got) in dst.iter().enumerate() {
                let (x, y, c) = (i / 3 % dw, i / 3 / dw, i % 3);
                let column = |sy: usize| mean_over(|sx| f64::from(src[(sy * sw + sx) * 3 + c]), sw, dw, x);
                let want = mean_over(column, sh, dh, y);
                prop_assert!((f64::from(*got) - want).abs() < 0.51, "{} against {} at {}", got, want, i);
            }
        }

        #[test]
        fn enlarging_smoothly_equals_its_definition(sw in 1usize..12, sh in 1usize..12, more in 0usize..30, seed in 0usize..99) {
            let (dw, dh) = (sw + more, sh + 2 * more);
            let src: Vec<u8> = (0..sw * sh * 3).map(|i| ((i * 89 + seed * 31) % 251) as u8).collect();
            let mut dst = vec![0; dw * dh * 3];
            resize_smoothly(&src, (sw, sh), &mut dst, (dw, dh));
            for (i, got) in dst.iter().enumerate() {
                let (x, y, c) = (i / 3 % dw, i / 3 / dw, i % 3);
                let column = |sy: usize| cubic_at(|sx| f64::from(src[(sy * sw + sx) * 3 + c]), sw, dw, x);
                let want = cubic_at(column, sh, dh, y).clamp(0.0, 255.0);
                prop_assert!((f64::from(*got) - want).abs() < 0.51, "{} against {} at {}", got, want, i);
            }
        }
    }
}
