//! Affine resampling of 8-bit RGB pictures.

use rayon::prelude::*;

/// Output pixels a task: enough to be worth handing to another thread.
const PIXELS: usize = 2048;

/// Samples an RGB picture at affine positions, bilinearly; outside the picture the nearest border pixel counts.
///
/// Output pixel (x, y), centre at (x + 0.5, y + 0.5), reads input position
/// `(m[0][0] (x+.5) + m[0][1] (y+.5) + m[0][2], m[1][0] (x+.5) + m[1][1] (y+.5) + m[1][2])` in the same convention.
/// Where the map shrinks the picture, every output pixel averages a grid of samples so that nothing aliases.
///
/// # Panics
/// If a length does not fit its size.
pub fn warp_affine(src: &[u8], (sw, sh): (usize, usize), dst: &mut [u8], (dw, dh): (usize, usize), m: [[f32; 3]; 2]) {
    assert_eq!(src.len(), sw * sh * 3);
    assert_eq!(dst.len(), dw * dh * 3);
    if src.is_empty() || dst.is_empty() {
        return;
    }
    let step = |i: usize| (m[0][i].hypot(m[1][i]).ceil() as usize).clamp(1, 16);
    let (nx, ny) = (step(0), step(1));
    let scale = 1.0 / (nx * ny) as f32;
    dst.par_chunks_exact_mut(3).with_min_len(PIXELS).enumerate().for_each(|(i, pixel)| {
        let mut sum = [0.0f32; 3];
        for sub in 0..nx * ny {
            let ox = (i % dw) as f32 + ((sub % nx) as f32 + 0.5) / nx as f32;
            let oy = (i / dw) as f32 + ((sub / nx) as f32 + 0.5) / ny as f32;
            let x = (m[0][0] * ox + m[0][1] * oy + m[0][2] - 0.5).clamp(0.0, (sw - 1) as f32);
            let y = (m[1][0] * ox + m[1][1] * oy + m[1][2] - 0.5).clamp(0.0, (sh - 1) as f32);
            let (x0, y0) = (x as usize, y as usize);
            let (x1, y1) = ((x0 + 1).min(sw - 1), (y0 + 1).min(sh - 1));
            let (fx, fy) = (x - x0 as f32, y - y0 as f32);
            let at = |x: usize, y: usize, c: usize| src[(y * sw + x) * 3 + c] as f32;
            for (c, s) in sum.iter_mut().enumerate() {
                let top = at(x0, y0, c) * (1.0 - fx) + at(x1, y0, c) * fx;
                let bottom = at(x0, y1, c) * (1.0 - fx) + at(x1, y1, c) * fx;
                *s += top * (1.0 - fy) + bottom * fy;
            }
        }
        for (p, s) in pixel.iter_mut().zip(sum) {
            *p = (s * scale + 0.5) as u8;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_copies_and_halving_averages() {
        let src: Vec<u8> = (0..4 * 4 * 3).map(|i| (i * 5) as u8).collect();
        let mut same = vec![0; src.len()];
        warp_affine(&src, (4, 4), &mut same, (4, 4), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!(same, src);
        let mut half = vec![0; 2 * 2 * 3];
        warp_affine(&src, (4, 4), &mut half, (2, 2), [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
        let mean = (src[0] as f32 + src[3] as f32 + src[12] as f32 + src[15] as f32) / 4.0;
        assert!((half[0] as f32 - mean).abs() <= 0.5, "{} against {mean}", half[0]);
    }

    #[test]
    fn outside_reads_the_border() {
        let mut out = vec![0; 3];
        warp_affine(&[1, 2, 3, 7, 8, 9], (2, 1), &mut out, (1, 1), [[1.0, 0.0, 50.0], [0.0, 1.0, -50.0]]);
        assert_eq!(out, [7, 8, 9]);
    }
}
