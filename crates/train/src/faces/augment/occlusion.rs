//! Things in the way: something before a face, a hat, the end of the picture.

use frame::Image;
use mirror::face::{KEY_POINTS, Rect};
use nn::Rng;

/// Distance between the eyes below which a head is too small for a hat, pixels.
const SMALLEST_EYES: f32 = 2.0;

/// Puts something in front of `area`: a rectangle or an ellipse of one colour, of noise, or cut from `texture`,
/// covering up to `share` of the area's width and height.
pub fn occlude(image: &mut Image, area: &Rect, share: f32, texture: Option<&Image>, rng: &mut Rng) {
    let (w, h) = (area.w * rng.range(0.15, share.max(0.16)), area.h * rng.range(0.15, share.max(0.16)));
    let (cx, cy) = (area.x + area.w * rng.uniform(), area.y + area.h * rng.uniform());

    // What it looks like.
    let ellipse = rng.chance(0.5);
    let colour: [u8; 3] = std::array::from_fn(|_| rng.below(256) as u8);
    let texture = texture.filter(|t| !t.data.is_empty() && rng.chance(0.7));
    let noisy = rng.chance(0.3);
    let (ox, oy) = texture.map_or((0, 0), |t| (rng.below(t.width), rng.below(t.height)));

    let range = |c: f32, s: f32, end: usize| {
        ((c - s / 2.0).max(0.0) as usize).min(end)..((c + s / 2.0).max(0.0).ceil() as usize).min(end)
    };
    for y in range(cy, h, image.height) {
        for x in range(cx, w, image.width) {
            let (u, v) = ((x as f32 + 0.5 - cx) / (w / 2.0), (y as f32 + 0.5 - cy) / (h / 2.0));
            if ellipse && u * u + v * v > 1.0 {
                continue;
            }
            let pixel = &mut image.data[(y * image.width + x) * 3..][..3];
            match texture {
                Some(t) => {
                    let at = ((oy + y) % t.height * t.width + (ox + x) % t.width) * 3;
                    pixel.copy_from_slice(&t.data[at..at + 3]);
                }
                None if noisy => pixel.copy_from_slice(&rng.next_u64().to_le_bytes()[..3]),
                None => pixel.copy_from_slice(&colour),
            }
        }
    }
}

/// Puts a hat on a head: everything above a bent line over the eyes is covered by one colour or by `texture`, and its brim throws
/// a shadow on the face. `points` are those of a [`Face`](mirror::face::Face), pixels.
pub fn hat(image: &mut Image, points: &[[f32; 2]; KEY_POINTS], texture: Option<&Image>, rng: &mut Rng) {
    let [left, right, _, left_of_mouth, right_of_mouth] = points;
    let between = |a: &[f32; 2], b: &[f32; 2]| [0, 1].map(|k| 0.5 * (a[k] + b[k]));
    let (middle, mouth) = (between(left, right), between(left_of_mouth, right_of_mouth));
    let down = [mouth[0] - middle[0], mouth[1] - middle[1]];
    // Eyes to mouth is about one distance between the eyes, also where the head is turned away.
    let unit = down[0].hypot(down[1]).max((right[0] - left[0]).hypot(right[1] - left[1]));
    if unit < SMALLEST_EYES {
        return;
    }
    let length = down[0].hypot(down[1]).max(1e-3);
    let down = down.map(|v| v / length);

    // The hat's shape, relative to the head, and its look.
    let (slant, bend) = (rng.range(-0.35, 0.35), rng.range(-0.12, 0.2));
    let (line, crown, half_width) = (rng.range(-0.75, -0.12), rng.range(-2.6, -1.5), rng.range(1.1, 2.3));
    let (shadow, reach) = (rng.range(0.25, 1.0), rng.range(0.1, 1.4));
    let colour: [u8; 3] = std::array::from_fn(|_| rng.below(256) as u8);
    let texture = texture.filter(|t| !t.data.is_empty() && rng.chance(0.6));
    let (ox, oy) = texture.map_or((0, 0), |t| (rng.below(t.width), rng.below(t.height)));

    let radius = 4.0 * unit;
    let range = |c: f32, end: usize| {
        ((c - radius).max(0.0) as usize).min(end)..((c + radius).max(0.0).ceil() as usize).min(end)
    };
    for y in range(middle[1], image.height) {
        for x in range(middle[0], image.width) {
            let [dx, dy] = [x as f32 + 0.5 - middle[0], y as f32 + 0.5 - middle[1]];
            // Along the eyes, and down the face from them.
            let (u, v) = ((dx * down[1] - dy * down[0]) / unit, (dx * down[0] + dy * down[1]) / unit);
            let brim = line + slant * u + bend * u * u;
            let pixel = &mut image.data[(y * image.width + x) * 3..][..3];
            if u.abs() > half_width || v < crown {
                continue;
            }
            if v > brim {
                let lit = shadow + (1.0 - shadow) * ((v - brim) / reach).min(1.0);
                pixel.iter_mut().for_each(|p| *p = (f32::from(*p) * lit) as u8);
                continue;
            }
            match texture {
                Some(t) => {
                    let at = ((oy + y) % t.height * t.width + (ox + x) % t.width) * 3;
                    pixel.copy_from_slice(&t.data[at..at + 3]);
                }
                None => pixel.copy_from_slice(&colour),
            }
        }
    }
}

/// The crop of a picture that ends up to `share` of the crop inside it: beyond the border its nearest pixel counts, as in
/// [`mirror::face::align::crop_square`].
pub fn cut_short(image: &mut Image, share: f32, rng: &mut Rng) {
    let (width, height) = (image.width, image.height);
    let mut ends = |side: usize| {
        let mut cut = || if rng.chance(0.5) { (share.min(0.49) * rng.uniform() * side as f32) as usize } else { 0 };
        (cut(), side.saturating_sub(1 + cut()))
    };
    let ((left, right), (top, bottom)) = (ends(width), ends(height));
    let whole = image.data.clone();
    for (i, pixel) in image.data.chunks_exact_mut(3).enumerate() {
        let at = ((i / width).clamp(top, bottom) * width + (i % width).clamp(left, right)) * 3;
        pixel.copy_from_slice(&whole[at..at + 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize) -> Image {
        let data = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
        Image { width, height, data }
    }

    #[test]
    fn an_occluder_touches_only_its_surroundings() {
        let area = Rect { x: 30.0, y: 30.0, w: 20.0, h: 20.0 };
        for seed in 0..20 {
            let before = picture(80, 80);
            let mut after = before.clone();
            occlude(&mut after, &area, 0.5, Some(&picture(7, 3)), &mut Rng::new(seed));
            assert_eq!(after.data[..24 * 80 * 3], before.data[..24 * 80 * 3]);
            occlude(&mut after, &Rect { x: -500.0, y: 900.0, w: 10.0, h: 10.0 }, 0.5, None, &mut Rng::new(seed));
        }
    }

    #[test]
    fn a_hat_covers_the_forehead_and_leaves_the_mouth_in_the_light() {
        for seed in 0..20 {
            let before = Image { width: 90, height: 90, data: vec![200; 90 * 90 * 3] };
            let mut after = before.clone();
            let face = |x: f32| [[x, 40.0], [x + 20.0, 40.0], [x + 10.0, 50.0], [x + 4.0, 60.0], [x + 16.0, 60.0]];
            hat(&mut after, &face(35.0), Some(&picture(7, 3)), &mut Rng::new(seed));
            let at = |x: usize, y: usize| &after.data[(y * 90 + x) * 3..][..3];
            assert_ne!(at(45, 20), [200; 3], "seed {seed}: no hat");
            assert!(at(45, 75).iter().all(|v| *v > 120), "seed {seed}: the mouth is dark");
            assert_eq!(after.data[88 * 90 * 3..], before.data[88 * 90 * 3..]);
            hat(&mut after, &face(-900.0), None, &mut Rng::new(seed));
            hat(&mut after, &[[5.0, 5.0]; KEY_POINTS], None, &mut Rng::new(seed));
        }
    }

    #[test]
    fn a_picture_cut_short_repeats_its_border_and_keeps_its_middle() {
        let mut was_cut = 0;
        for seed in 0..20 {
            let before = picture(40, 30);
            let mut after = before.clone();
            cut_short(&mut after, 0.25, &mut Rng::new(seed));
            let at = |image: &Image, x: usize, y: usize| image.data[(y * 40 + x) * 3..][..3].to_vec();
            for (x, y) in (10..30).flat_map(|x| (8..22).map(move |y| (x, y))) {
                assert_eq!(at(&after, x, y), at(&before, x, y));
            }
            was_cut += u32::from(at(&after, 0, 15) != at(&before, 0, 15));
            let end = (0..10).find(|x| at(&before, *x, 15) == at(&after, 0, 15)).expect("a pixel of the same row");
            assert!((0..end).all(|x| at(&after, x, 15) == at(&before, end, 15)));
        }
        assert!((3..18).contains(&was_cut), "{was_cut} of 20");
        cut_short(&mut Image { width: 0, height: 0, data: Vec::new() }, 0.2, &mut Rng::new(1));
        cut_short(&mut picture(1, 1), 0.2, &mut Rng::new(1));
    }
}
