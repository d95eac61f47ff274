//! Skin, hair and background as three colours.

use crate::face::Landmarks;
use crate::face::align::Similarity;
use frame::Image;

/// Sample points along each side of a region: 64 a region withstand glasses, highlights and a strand of hair.
const STEPS: usize = 8;

/// CIE L*a*b* (D65) of skin, hair and background: the interquartile mean of each channel over the region. It is as deaf as the
/// median to what covers less than a quarter, but does not jump where half of a region is hair and half is forehead.
///
/// `shape` are the landmarks in the frame of the face: inter-ocular distances, eyes level.
pub(super) fn measure(image: &Image, image_from_face: &Similarity, shape: &Landmarks) -> [[f32; 3]; 3] {
    let regions = [skin(shape), hair(shape), background(shape)];
    regions.map(|points| middle_colour(image, points.iter().map(|p| image_from_face.apply(*p))))
}

/// Both cheeks, between lower lid, wing of the nose, jaw and corner of the mouth; and the forehead just above the brows.
fn skin(shape: &Landmarks) -> Vec<[f32; 2]> {
    let p = &shape.points;
    let mut points = Vec::new();
    for [lid, wing, jaw, mouth] in [[41, 31, 3, 48], [46, 35, 13, 54]] {
        points.extend(grid(|s, t| {
            let (s, t) = (0.2 + 0.6 * s, 0.25 + 0.5 * t);
            mix(mix(p[lid], p[wing], s), mix(p[jaw], p[mouth], s), t)
        }));
    }
    points.extend(grid(|s, t| {
        let [x, y] = mix(p[19], p[24], 0.2 + 0.6 * s);
        [x, y - 0.12 - 0.25 * t]
    }));
    points
}

/// A band over the middle of the head, from 0.7 inter-ocular distances above the brows upwards.
fn hair(shape: &Landmarks) -> Vec<[f32; 2]> {
    let [x, y] = mix(shape.points[19], shape.points[24], 0.5);
    grid(|s, t| [x + 0.5 * (2.0 * s - 1.0), y - 0.72 - 0.28 * t])
}

/// A strip on either side of the head, from the cheekbones upwards.
fn background(shape: &Landmarks) -> Vec<[f32; 2]> {
    let (left, right) = (shape.points[0], shape.points[16]);
    let mut points = grid(|s, t| [left[0] - 0.25 - 0.3 * s, left[1] - 1.1 * t]);
    points.extend(grid(|s, t| [right[0] + 0.25 + 0.3 * s, right[1] - 1.1 * t]));
    points
}

fn grid(at: impl Fn(f32, f32) -> [f32; 2]) -> Vec<[f32; 2]> {
    let step = |i: usize| i as f32 / (STEPS - 1) as f32;
    (0..STEPS * STEPS).map(|i| at(step(i % STEPS), step(i / STEPS))).collect()
}

fn mix(a: [f32; 2], b: [f32; 2], t: f32) -> [f32; 2] {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// Points outside the picture do not count, unless fewer than a quarter lie inside: then its border stands for them.
fn middle_colour(image: &Image, points: impl Iterator<Item = [f32; 2]> + Clone) -> [f32; 3] {
    let (w, h) = (image.width as f32, image.height as f32);
    let inside = |[x, y]: &[f32; 2]| (0.0..w).contains(x) && (0.0..h).contains(y);
    let enough = 4 * points.clone().filter(inside).count() >= points.clone().count();
    let mut channels: [Vec<f32>; 3] = Default::default();
    for [x, y] in points.filter(|p| !enough || inside(p)) {
        let x = (x.max(0.0) as usize).min(image.width - 1);
        let y = (y.max(0.0) as usize).min(image.height - 1);
        let at = (y * image.width + x) * 3;
        let lab = lab([image.data[at], image.data[at + 1], image.data[at + 2]]);
        channels.iter_mut().zip(lab).for_each(|(c, v)| c.push(v));
    }
    channels.map(|mut values| interquartile_mean(&mut values))
}

/// Mean of the middle half. Sorts the values, of which there is at least one.
fn interquartile_mean(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let beyond = values.len() / 4;
    let middle = &values[beyond..values.len() - beyond];
    middle.iter().sum::<f32>() / middle.len() as f32
}

/// CIE L*a*b* of an sRGB colour, white D65.
pub fn lab(rgb: [u8; 3]) -> [f32; 3] {
    let linear = rgb.map(|v| {
        let v = f32::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let [r, g, b] = linear;
    let f = |t: f32| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::tests::mean_face;

    #[test]
    fn known_colours_have_their_known_coordinates() {
        for (rgb, expected) in [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
        ] {
            let found = lab(rgb);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.1), "{rgb:?}: {found:?}");
        }
    }

    #[test]
    fn a_region_of_two_colours_moves_without_a_jump() {
        let of = |dark: usize| {
            interquartile_mean(&mut (0..64).map(|i| if i < dark { 10.0 } else { 80.0 }).collect::<Vec<_>>())
        };
        // Less than a quarter is not heard at all; in between every point counts alike.
        assert_eq!((of(0), of(16), of(48), of(64)), (80.0, 80.0, 10.0, 10.0));
        assert!((17..=48).all(|dark| (of(dark - 1) - of(dark) - 70.0 / 32.0).abs() < 1e-4));
        assert_eq!((interquartile_mean(&mut [3.0]), interquartile_mean(&mut [1.0, 2.0])), (3.0, 1.5));
    }

    #[test]
    fn skin_hair_and_background_are_told_apart() {
        let (side, apart, centre) = (200, 40.0, [100.0, 110.0]);
        let mut image = Image { width: side, height: side, data: vec![0; side * side * 3] };
        let face = mean_face(centre, apart);
        for (i, pixel) in image.data.chunks_exact_mut(3).enumerate() {
            let (x, y) = (((i % side) as f32 - centre[0]) / apart, ((i / side) as f32 - centre[1]) / apart);
            let colour = if x.abs() > 1.25 {
                [0, 0, 255]
            } else if y < -0.95 {
                [0, 0, 0]
            } else {
                [255, 0, 0]
            };
            pixel.copy_from_slice(&colour);
        }
        let frame = Similarity::new(apart, 0.0, centre);
        let [skin, hair, background] = measure(&image, &frame, &face.map(&frame.inverse()));
        assert!((skin[0] - 53.24).abs() < 0.1 && hair[0] < 0.1 && (background[2] + 107.86).abs() < 0.1);
    }
}
