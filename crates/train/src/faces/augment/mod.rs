//! Makes clean pictures look like what a camera in a room sees: light, colour, blur, noise, JPEG, things in the way.
//!
//! Nothing here moves a pixel's content, so boxes and landmarks stay valid.

mod occlusion;

pub use occlusion::{cut_short, hat, occlude};

use frame::Image;
use nn::Rng;
use std::sync::OnceLock;

/// How often each change happens; [`Photometric::default`] is heavy, as for nets that meet strangers.
#[derive(Clone, Copy, Debug)]
pub struct Photometric {
    /// Brightness, contrast and gamma.
    pub tone: f32,
    /// Gains a channel.
    pub cast: f32,
    /// A light from one side.
    pub light: f32,
    /// No colours at all.
    pub grey: f32,
    /// Gaussian or motion blur.
    pub blur: f32,
    /// Down and up again, as a bad lens or a far face.
    pub rescale: f32,
    /// Sensor noise.
    pub noise: f32,
    /// A JPEG of quality 15 to 90.
    pub jpeg: f32,
}

impl Default for Photometric {
    fn default() -> Self {
        Self { tone: 0.9, cast: 0.5, light: 0.3, grey: 0.2, blur: 0.25, rescale: 0.15, noise: 0.35, jpeg: 0.4 }
    }
}

impl Photometric {
    /// Changes the picture, each way with its own chance.
    pub fn apply(&self, image: &mut Image, rng: &mut Rng) {
        if image.data.is_empty() {
            return;
        }

        // Colour and light.
        if rng.chance(self.grey) {
            grey(image);
        }
        if rng.chance(self.light) {
            directional_light(image, rng);
        }
        let (tone, cast) = (rng.chance(self.tone), rng.chance(self.cast));
        if tone || cast {
            tone_and_cast(image, tone, cast, rng);
        }

        // A bad lens, or a hand that moves.
        if rng.chance(self.rescale) {
            let factor = rng.range(1.3, 3.5);
            down_up(image, factor);
        }
        if rng.chance(self.blur) {
            if rng.chance(0.6) {
                let sigma = rng.range(0.4, 1.8);
                gaussian_blur(image, sigma);
            } else {
                let (length, angle) = (rng.range(2.0, 7.0), rng.range(0.0, std::f32::consts::PI));
                motion_blur(image, length, angle);
            }
        }

        // A sensor and its file.
        if rng.chance(self.noise) {
            let std = rng.range(1.0, 16.0);
            noise(image, std, rng);
        }
        if rng.chance(self.jpeg) {
            let quality = 15 + rng.below(76) as u8;
            jpeg(image, quality);
        }
    }
}

/// Takes the colours away (Rec. 601 luma).
pub fn grey(image: &mut Image) {
    for p in image.data.chunks_exact_mut(3) {
        let y = (u32::from(p[0]) * 77 + u32::from(p[1]) * 150 + u32::from(p[2]) * 29 + 128) >> 8;
        p.fill(y as u8);
    }
}

/// Random brightness, contrast and gamma, and a random gain for each channel.
pub fn tone_and_cast(image: &mut Image, tone: bool, cast: bool, rng: &mut Rng) {
    let (mut shift, mut contrast, mut gamma) = (0.0, 1.0, 1.0);
    if tone {
        (shift, contrast) = (rng.range(-0.22, 0.22), rng.range(0.55, 1.45));
        gamma = rng.range(-0.55, 0.55).exp();
    }
    let tables: [[u8; 256]; 3] = std::array::from_fn(|_| {
        let gain = if cast { rng.range(0.78, 1.25) } else { 1.0 };
        std::array::from_fn(|i| {
            let v = (i as f32 / 255.0).powf(gamma);
            let v = ((v - 0.5) * contrast + 0.5 + shift) * gain;
            (v * 255.0).round().clamp(0.0, 255.0) as u8
        })
    });
    for p in image.data.chunks_exact_mut(3) {
        for (v, table) in p.iter_mut().zip(&tables) {
            *v = table[usize::from(*v)];
        }
    }
}

/// Light that falls off across the picture, from a random side.
pub fn directional_light(image: &mut Image, rng: &mut Rng) {
    let angle = rng.range(0.0, std::f32::consts::TAU);
    let (bright, dark) = (rng.range(1.0, 1.6), rng.range(0.25, 0.9));
    let (w, h) = (image.width, image.height);
    let (dx, dy) = (angle.cos() / w as f32, angle.sin() / h as f32);
    for (i, p) in image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((i % w) as f32 - w as f32 / 2.0, (i / w) as f32 - h as f32 / 2.0);
        let t = (0.5 + x * dx + y * dy).clamp(0.0, 1.0);
        let gain = dark + (bright - dark) * t;
        p.iter_mut().for_each(|v| *v = (f32::from(*v) * gain).min(255.0) as u8);
    }
}

/// Separable Gaussian blur; `sigma` in pixels.
pub fn gaussian_blur(image: &mut Image, sigma: f32) {
    let radius = (2.5 * sigma).ceil().max(1.0) as isize;
    let weights: Vec<f32> = (-radius..=radius).map(|i| (-(i * i) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let taps: Vec<(isize, isize, f32)> = weights.iter().zip(-radius..).map(|(w, i)| (i, 0, *w)).collect();
    weighted_sum(image, &taps);
    let taps: Vec<(isize, isize, f32)> = taps.into_iter().map(|(i, _, w)| (0, i, w)).collect();
    weighted_sum(image, &taps);
}

/// Weakens or strengthens what is small in a picture, wrinkles and pores, by `factor`; edges stay as they are. The smooth part is
/// that of a guided filter over windows of `2 radius + 1` pixels, guided by the luma itself (He, Sun and Tang, "Guided image
/// filtering", ECCV 2010, section 3).
pub fn detail(image: &mut Image, factor: f32, radius: usize) {
    /// Variance from which on something is an edge, square grey levels.
    const EDGE: f32 = 300.0;
    let (w, h) = (image.width, image.height);
    let luma: Vec<f32> = image.data.chunks_exact(3).map(|p| frame::luma([p[0], p[1], p[2]])).collect();
    let mean = box_mean(&luma, w, h, radius);
    let squares = box_mean(&luma.iter().map(|v| v * v).collect::<Vec<_>>(), w, h, radius);
    let slopes: Vec<f32> = (mean.iter().zip(&squares))
        .map(|(m, s)| {
            let v = (s - m * m).max(0.0);
            v / (v + EDGE)
        })
        .collect();
    let offsets: Vec<f32> = (slopes.iter().zip(&mean)).map(|(a, m)| (1.0 - a) * m).collect();
    let (slopes, offsets) = (box_mean(&slopes, w, h, radius), box_mean(&offsets, w, h, radius));
    for (i, p) in image.data.chunks_exact_mut(3).enumerate() {
        let change = (factor - 1.0) * (luma[i] - slopes[i] * luma[i] - offsets[i]);
        p.iter_mut().for_each(|v| *v = (f32::from(*v) + change + 0.5) as u8);
    }
}

/// Mean over the square of `2 radius + 1` pixels around every pixel; the border repeats.
fn box_mean(values: &[f32], w: usize, h: usize, radius: usize) -> Vec<f32> {
    let reach = radius as isize;
    let at = |i: usize, d: isize, end: usize| i.saturating_add_signed(d).min(end - 1);
    let scale = 1.0 / (2 * radius + 1) as f32;
    let mut rows = vec![0.0; values.len()];
    let mut out = vec![0.0; values.len()];
    for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
        rows[y * w + x] = scale * (-reach..=reach).map(|d| values[y * w + at(x, d, w)]).sum::<f32>();
    }
    for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
        out[y * w + x] = scale * (-reach..=reach).map(|d| rows[at(y, d, h) * w + x]).sum::<f32>();
    }
    out
}

/// Smears along a line of `length` pixels at `angle` radians.
pub fn motion_blur(image: &mut Image, length: f32, angle: f32) {
    let n = length.ceil().max(1.0) as isize;
    let step = |i: isize| {
        let t = i as f32 - (n - 1) as f32 / 2.0;
        ((t * angle.cos()).round() as isize, (t * angle.sin()).round() as isize, 1.0)
    };
    weighted_sum(image, &(0..n).map(step).collect::<Vec<_>>());
}

/// Every pixel becomes the weighted mean of those at these offsets; the border repeats.
fn weighted_sum(image: &mut Image, taps: &[(isize, isize, f32)]) {
    let (w, h) = (image.width, image.height);
    let total: f32 = taps.iter().map(|t| t.2).sum();
    let mut sum = vec![0.0f32; image.data.len()];
    for &(dx, dy, weight) in taps {
        for y in 0..h {
            let from = &image.data[y.saturating_add_signed(dy).min(h - 1) * w * 3..][..w * 3];
            let to = &mut sum[y * w * 3..(y + 1) * w * 3];
            // The columns whose source lies inside, in one run; then the border ones.
            let (x0, x1) = ((-dx).clamp(0, w as isize) as usize, (w as isize - dx).clamp(0, w as isize) as usize);
            let source = |x: usize| x.saturating_add_signed(dx).min(w - 1) * 3;
            if x1 > x0 {
                let run = &from[source(x0)..][..(x1 - x0) * 3];
                to[x0 * 3..x1 * 3].iter_mut().zip(run).for_each(|(t, f)| *t += weight * f32::from(*f));
            }
            for x in (0..x0.min(w)).chain(x1.max(x0)..w) {
                (0..3).for_each(|c| to[x * 3 + c] += weight * f32::from(from[source(x) + c]));
            }
        }
    }
    image.data.iter_mut().zip(sum).for_each(|(v, s)| *v = (s / total + 0.5) as u8);
}

/// Adds normal noise of this standard deviation, in grey levels; half of the time the same for all channels.
pub fn noise(image: &mut Image, std: f32, rng: &mut Rng) {
    static NORMALS: OnceLock<Vec<f32>> = OnceLock::new();
    // A table: three normal numbers a pixel would cost more than the rest of the augmentation together.
    let normals = NORMALS.get_or_init(|| Rng::new(0x6e6f_6973).normals(1 << 16));
    let same = rng.chance(0.5);
    for p in image.data.chunks_exact_mut(3) {
        let word = rng.next_u64();
        for (c, v) in p.iter_mut().enumerate() {
            let index = word >> if same { 0 } else { 16 * c };
            let n = normals[(index & 0xffff) as usize];
            *v = (f32::from(*v) + std * n).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Through a JPEG of this quality and back.
pub fn jpeg(image: &mut Image, quality: u8) {
    let (Ok(w), Ok(h)) = (u16::try_from(image.width), u16::try_from(image.height)) else { return };
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    if encoder.encode(&image.data, w, h, jpeg_encoder::ColorType::Rgb).is_err() {
        return;
    }
    if let Ok(decoded) = Image::decode(&bytes) {
        *image = decoded;
    }
}

/// Down by `factor` and up again.
pub fn down_up(image: &mut Image, factor: f32) {
    let size = |s: usize| ((s as f32 / factor).round() as usize).max(1);
    let small = resampled(image, size(image.width), size(image.height));
    *image = resampled(&small, image.width, image.height);
}

/// The picture at another size, by the affine warp that also cuts the crops of the nets.
pub fn resampled(image: &Image, width: usize, height: usize) -> Image {
    let mut data = vec![0; width * height * 3];
    let (sx, sy) = (image.width as f32 / width.max(1) as f32, image.height as f32 / height.max(1) as f32);
    let m = [[sx, 0.0, 0.0], [0.0, sy, 0.0]];
    kernels::warp_affine(&image.data, (image.width, image.height), &mut data, (width, height), m);
    Image { width, height, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize) -> Image {
        let data = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
        Image { width, height, data }
    }

    #[test]
    fn detail_changes_ripples_and_keeps_edges() {
        // A ripple of 5 grey levels on either side of an edge of 120.
        let value = |x: usize| if x < 16 { 60.0 } else { 180.0 } + if x.is_multiple_of(2) { 5.0 } else { -5.0 };
        let before = Image { width: 32, height: 9, data: (0..32 * 9 * 3).map(|i| value(i / 3 % 32) as u8).collect() };
        let ripple = |image: &Image, x: usize| image.data[(4 * 32 + x) * 3].abs_diff(image.data[(4 * 32 + x + 1) * 3]);
        for (factor, low, high) in [(0.0, 0, 4), (1.0, 9, 11), (2.0, 16, 20)] {
            let mut after = before.clone();
            detail(&mut after, factor, 2);
            for x in [4, 7, 24, 27] {
                assert!((low..=high).contains(&ripple(&after, x)), "{factor}: {}", ripple(&after, x));
            }
            let step = |i: &Image| i.data[(4 * 32 + 18) * 3].abs_diff(i.data[(4 * 32 + 12) * 3]);
            assert!(step(&after).abs_diff(120) <= 12, "{factor}: {}", step(&after));
        }
        let mut nothing = picture(0, 0);
        detail(&mut nothing, 2.0, 3);
        assert!(nothing.data.is_empty());
    }

    #[test]
    fn any_size_keeps_its_size_and_a_seed_repeats() {
        let all =
            Photometric { tone: 1.0, cast: 1.0, light: 1.0, grey: 0.5, blur: 1.0, rescale: 1.0, noise: 1.0, jpeg: 1.0 };
        for (w, h) in [(1, 1), (2, 9), (33, 17), (0, 0)] {
            for seed in 0..8 {
                let (mut a, mut b) = (picture(w, h), picture(w, h));
                all.apply(&mut a, &mut Rng::new(seed));
                all.apply(&mut b, &mut Rng::new(seed));
                assert_eq!((a.width, a.height, a.data.len()), (w, h, w * h * 3));
                assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn blur_keeps_a_flat_picture_flat_and_grey_has_equal_channels() {
        let flat = Image { width: 9, height: 7, data: vec![200; 9 * 7 * 3] };
        let mut image = flat.clone();
        gaussian_blur(&mut image, 1.5);
        motion_blur(&mut image, 5.0, 0.7);
        assert_eq!(image, flat);
        let mut image = picture(5, 5);
        grey(&mut image);
        assert!(image.data.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    }
}
