//! Numbers by which portraits are judged.

use frame::{Image, luma};
use mirror::face::Landmarks;
use mirror::face::align::Similarity;
use mirror::features::lab;

/// Points along a side of the crop at which it is asked whether they lie inside the photograph.
const PROBES: usize = 100;

/// Width of the thumbnails that are compared.
const THUMBNAIL: usize = 32;

/// Width of the picture whose colours are judged: the noise of single pixels is no colour.
const COLOURS: usize = 64;

/// Steps of lightness within which colours are compared.
const STEPS: usize = 16;

/// The share of a crop that lies inside the photograph.
pub(super) fn inside(image: &Image, crop: &Similarity) -> f32 {
    let at = |i: usize| (2 * i + 1) as f32 / PROBES as f32 - 1.0;
    let is_inside = |i: &usize| {
        let [x, y] = crop.apply([at(i % PROBES), at(i / PROBES)]);
        (0.0..=image.width as f32).contains(&x) && (0.0..=image.height as f32).contains(&y)
    };
    (0..PROBES * PROBES).filter(is_inside).count() as f32 / (PROBES * PROBES) as f32
}

/// How far the tip of the nose lies beside the middle of the eyes, along the line through them, in eye distances.
pub(super) fn yaw_cue(landmarks: &Landmarks) -> f32 {
    let [left, right] = landmarks.eye_centres();
    let nose = landmarks.points[30];
    let along = [right[0] - left[0], right[1] - left[1]];
    let offset = [nose[0] - 0.5 * (left[0] + right[0]), nose[1] - 0.5 * (left[1] + right[1])];
    (offset[0] * along[0] + offset[1] * along[1]) / (along[0] * along[0] + along[1] * along[1])
}

/// The variance of the Laplacian of the brightness.
pub(super) fn sharpness(image: &Image) -> f32 {
    let (w, h) = (image.width, image.height);
    let light: Vec<f32> = image.data.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect();
    let (mut sum, mut squares, mut n) = (0.0f64, 0.0f64, 0.0f64);
    for y in 1..h.saturating_sub(1) {
        for i in y * w + 1..(y + 1) * w - 1 {
            let v = f64::from(light[i - 1] + light[i + 1] + light[i - w] + light[i + w] - 4.0 * light[i]);
            (sum, squares, n) = (sum + v, squares + v * v, n + 1.0);
        }
    }
    (squares / n - (sum / n).powi(2)) as f32
}

/// How much of its colours a picture's lightness does not explain: the spread of a* and b* among pixels of one lightness. In a toned print,
/// black and white or sepia, the lightness of a pixel tells its colour, so it is nearly 0.
pub(super) fn colours(image: &Image) -> f32 {
    let mut small = Image::flat(COLOURS, COLOURS, [0; 3]);
    kernels::resize(&image.data, (image.width, image.height), &mut small.data, (COLOURS, COLOURS));
    let mut steps = vec![Vec::new(); STEPS];
    for pixel in small.data.as_chunks::<3>().0 {
        let [l, a, b] = lab(*pixel);
        steps[((l / 100.0 * STEPS as f32) as usize).min(STEPS - 1)].push([f64::from(a), f64::from(b)]);
    }
    let spread = |step: &Vec<[f64; 2]>| {
        let n = step.len().max(1) as f64;
        let mean = [0, 1].map(|c| step.iter().map(|ab| ab[c]).sum::<f64>() / n);
        step.iter().map(|ab| (ab[0] - mean[0]).powi(2) + (ab[1] - mean[1]).powi(2)).sum::<f64>()
    };
    (steps.iter().map(spread).sum::<f64>() / (COLOURS * COLOURS) as f64).sqrt() as f32
}

/// The brightness of a crop, small, of mean 0 and length 1: the product of two is their correlation.
pub(super) fn thumbnail(image: &Image) -> Vec<f32> {
    let mut small = Image::flat(THUMBNAIL, THUMBNAIL, [0; 3]);
    kernels::resize(&image.data, (image.width, image.height), &mut small.data, (THUMBNAIL, THUMBNAIL));
    let mut light: Vec<f32> = small.data.as_chunks::<3>().0.iter().map(|p| luma(*p)).collect();
    let mean = light.iter().sum::<f32>() / light.len() as f32;
    light.iter_mut().for_each(|v| *v -= mean);
    let length = light.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    light.iter_mut().for_each(|v| *v /= length);
    light
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    /// Random squares of eight pixels, whose colours `paint` makes of three numbers.
    fn squares(paint: impl Fn([f32; 3]) -> [u8; 3]) -> Image {
        let mut rng = Rng::new(4);
        let tiles: Vec<[f32; 3]> = (0..1024).map(|_| [0; 3].map(|_: u8| rng.uniform())).collect();
        let data = (0..256 * 256).flat_map(|i| paint(tiles[i / 256 / 8 * 32 + i % 256 / 8])).collect();
        Image { width: 256, height: 256, data }
    }

    #[test]
    fn sepia_has_one_hue_and_a_photograph_many() {
        let grey = |v: [f32; 3]| [(v[0] * 255.0) as u8; 3];
        let sepia = |v: [f32; 3]| [1.07, 0.87, 0.65].map(|t| (v[0] * 235.0 * t) as u8);
        let many = |v: [f32; 3]| [v[0], 0.7 * v[0] + 0.1 * v[1], 0.6 * v[0] + 0.2 * v[2]].map(|t| (t * 250.0) as u8);
        let [grey, sepia, many] = [colours(&squares(grey)), colours(&squares(sepia)), colours(&squares(many))];
        assert!(grey < 0.1 && sepia < 2.5 && many > 4.0, "{grey} {sepia} {many}");
    }

    #[test]
    fn a_blurred_picture_is_less_sharp() {
        let sharp = squares(|v| [(v[0] * 255.0) as u8; 3]);
        let blurred = sharp.resized(64, 64).resized(256, 256);
        assert!(sharpness(&sharp) > 5.0 * sharpness(&blurred));
    }

    #[test]
    fn the_nose_tells_which_way_a_face_is_turned_however_it_is_held() {
        let mut face = Landmarks::schematic();
        assert!(yaw_cue(&face).abs() < 0.01);
        face.points[30][0] += 0.3;
        let held = Similarity::new(40.0, 0.5, [90.0, 10.0]);
        assert!((yaw_cue(&face) - 0.3).abs() < 0.01 && (yaw_cue(&face.map(&held)) - 0.3).abs() < 0.01);
    }

    #[test]
    fn half_a_crop_may_lie_outside() {
        let image = Image::flat(100, 100, [0; 3]);
        let at = |x: f32| inside(&image, &Similarity::new(20.0, 0.0, [x, 50.0]));
        assert!((at(50.0) - 1.0).abs() < 0.01 && (at(0.0) - 0.5).abs() < 0.02 && at(-80.0) < 0.01);
    }
}
