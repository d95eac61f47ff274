//! Pictures at every level: resampled once, then halved again and again.

use frame::Image;
use nn::{AvgPool, Layer, Tensor, Upsample};

/// Blends pictures of a level that fades in with their half-size selves; those of 4 pixels never fade.
pub(super) fn soften(x: &mut Tensor, fade: f32) {
    if fade > 0.0 && x.w() > 4 {
        let coarse = Upsample.forward(&AvgPool.forward(x));
        x.data.iter_mut().zip(&coarse.data).for_each(|(a, b)| *a += (b - *a) * fade);
    }
}

/// The picture at every level from 2 to `finest` that it has the pixels for: resampled once to 128 pixels or more, then exact 2x2 means.
/// A smaller one that has the size of a level is not resampled: that would take a third of its finest detail.
pub(super) fn pyramid(image: &Image, finest: usize) -> Vec<Vec<u8>> {
    let square = image.width.min(image.height);
    let finest = finest.min(square.max(4).ilog2() as usize);
    let is_level = square.is_power_of_two() && (4..128).contains(&square);
    let top = if is_level { square.ilog2() as usize } else { finest.max(7) };

    // The middle square.
    let (x0, y0) = ((image.width - square) / 2, (image.height - square) / 2);
    let mut source = Vec::with_capacity(square * square * 3);
    for y in y0..y0 + square {
        source.extend(image.data[(y * image.width + x0) * 3..][..square * 3].iter().map(|b| f32::from(*b)));
    }

    let resized = if is_level { source } else { resize(&source, square, 1 << top) };
    let mut x = Tensor::new([1, 1 << top, 1 << top, 3], resized);
    let mut levels = Vec::new();
    for level in (2..=top).rev() {
        if level <= finest {
            levels.push(x.data.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect());
        }
        x = AvgPool.forward(&x);
    }
    levels.reverse();
    levels
}

/// A square picture of another size, by a Lanczos window of three lobes as wide as the coarser of both grids.
fn resize(x: &[f32], from: usize, to: usize) -> Vec<f32> {
    let scale = from as f32 / to as f32;
    let stretch = scale.max(1.0);
    let sinc =
        |t: f32| if t.abs() < 1e-6 { 1.0 } else { (std::f32::consts::PI * t).sin() / (std::f32::consts::PI * t) };

    // What each pixel of the target takes from which of the source.
    let taps: Vec<(usize, Vec<f32>)> = (0..to)
        .map(|i| {
            let centre = (i as f32 + 0.5) * scale;
            let first = (centre - 3.0 * stretch).max(0.0) as usize;
            let end = ((centre + 3.0 * stretch).ceil() as usize).min(from);
            let weight = |j: usize| {
                let t = (j as f32 + 0.5 - centre) / stretch;
                if t.abs() < 3.0 { sinc(t) * sinc(t / 3.0) } else { 0.0 }
            };
            let weights: Vec<f32> = (first..end).map(weight).collect();
            let sum: f32 = weights.iter().sum();
            (first, weights.into_iter().map(|w| w / sum).collect())
        })
        .collect();

    // Down the columns, then along the rows.
    let mut rows = vec![0.0; to * from * 3];
    for (row, (first, weights)) in rows.chunks_exact_mut(from * 3).zip(&taps) {
        for (y, w) in (*first..).zip(weights) {
            row.iter_mut().zip(&x[y * from * 3..]).for_each(|(r, v)| *r += w * v);
        }
    }
    let mut out = vec![0.0; to * to * 3];
    for (row, source) in out.chunks_exact_mut(to * 3).zip(rows.chunks_exact(from * 3)) {
        for (pixel, (first, weights)) in row.chunks_exact_mut(3).zip(&taps) {
            for (v, w) in source[first * 3..].chunks_exact(3).zip(weights) {
                pixel.iter_mut().zip(v).for_each(|(p, v)| *p += w * v);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_flat_areas_and_the_size_of_waves() {
        assert!(resize(&[7.0; 20 * 20 * 3], 20, 16).iter().all(|v| (v - 7.0).abs() < 1e-4));
        let wave: Vec<f32> = (0..160 * 160 * 3).map(|i| ((i / 3 % 160) as f32 * 0.1).sin()).collect();
        let small = resize(&wave, 160, 128);
        let want = |x: usize| ((x as f32 + 0.5) * 1.25 - 0.5) * 0.1;
        for x in 8..120 {
            assert!((small[(64 * 128 + x) * 3] - want(x).sin()).abs() < 0.01);
        }
    }
}
