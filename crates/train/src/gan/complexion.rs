//! How light a portrait's skin is, and whether it has a skin's colour at all.

use frame::Image;
use mirror::face::Landmarks;
use mirror::features::lab;

/// Jaw, wing of the nose, corner of the mouth and lower lid, around the middle of either cheek.
const CHEEKS: [[usize; 4]; 2] = [[2, 31, 48, 41], [14, 35, 54, 46]];

/// The colour of the cheeks of an aligned portrait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complexion {
    /// The mean of the brighter cheek's CIE L* and of the L* that it would have were the picture's brightest fiftieth white: a dim
    /// photograph is not a dark face.
    pub lightness: f32,
    /// CIE L* of both cheeks as they are in the picture.
    pub in_picture: f32,
    /// In the a*b* plane, degrees.
    pub hue: f32,
    pub chroma: f32,
}

impl Complexion {
    /// Of a square picture whose points are known.
    pub fn of(image: &Image, landmarks: &Landmarks) -> Self {
        let radius = 0.05 * image.width as f32;
        let cheeks = CHEEKS.map(|corners| {
            let middle = [0, 1].map(|d| corners.iter().map(|i| landmarks.points[*i][d]).sum::<f32>() / 4.0);
            pixels(image).filter(|(at, _)| (at[0] - middle[0]).hypot(at[1] - middle[1]) < radius).map(|p| p.1).collect()
        });
        let brighter = cheeks.each_ref().map(|c: &Vec<[u8; 3]>| median(c)[0]).into_iter().fold(0.0, f32::max);
        let [in_picture, a, b] = median(&cheeks.concat());
        let mut lightness: Vec<f32> = pixels(image).map(|p| lab(p.1)[0]).collect();
        let (_, white, _) = {
            let at = (lightness.len() - 1) * 49 / 50;
            lightness.select_nth_unstable_by(at, f32::total_cmp)
        };
        // L* + 16 goes with the cube root of the luminance (but where it is black).
        let against_white = 116.0 * (brighter + 16.0) / (*white + 16.0) - 16.0;
        let (hue, chroma) = (b.atan2(a).to_degrees(), a.hypot(b));
        Self { lightness: 0.5 * (brighter + against_white), in_picture, hue, chroma }
    }

    /// Between pink and brown. Blue, green and grey cheeks are those of toned prints and drawings.
    pub fn is_of_skin(&self) -> bool {
        (0.0..74.0).contains(&self.hue) && self.chroma > 8.0
    }
}

/// How often each of some portraits is drawn: `times` as often as most where the skin is among the darkest 8 %, falling to once
/// at the darkest fifth.
pub(super) fn weights(complexions: &[Complexion], times: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..complexions.len()).collect();
    order.sort_by(|a, b| complexions[*a].lightness.total_cmp(&complexions[*b].lightness));
    let mut weights = vec![1.0; complexions.len()];
    for (rank, i) in order.into_iter().enumerate() {
        let darker_than = 1.0 - rank as f32 / complexions.len() as f32;
        weights[i] += (times - 1.0) * ((darker_than - 0.8) / 0.12).clamp(0.0, 1.0);
    }
    weights
}

fn pixels(image: &Image) -> impl Iterator<Item = ([f32; 2], [u8; 3])> {
    let pixels = image.data.as_chunks::<3>().0.iter().enumerate();
    pixels.map(|(i, rgb)| ([(i % image.width) as f32, (i / image.width) as f32], *rgb))
}

/// CIE L*a*b* of the median of each channel; black if there are none.
fn median(colours: &[[u8; 3]]) -> [f32; 3] {
    lab([0, 1, 2].map(|c| {
        let mut channel: Vec<u8> = colours.iter().map(|rgb| rgb[c]).collect();
        channel.sort_unstable();
        channel.get(channel.len() / 2).copied().unwrap_or(0)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face of one colour before a white wall, everything `dimmed`.
    fn face(skin: [f32; 3], dimmed: f32) -> Complexion {
        let side = 160;
        let mut data = Vec::new();
        for i in 0..side * side {
            let (x, y) = ((i % side) as f32 - 80.0, (i / side) as f32 - 80.0);
            let colour = if x.hypot(y) < 60.0 { skin } else { [255.0; 3] };
            data.extend(colour.map(|v| (v * dimmed) as u8));
        }
        let points = std::array::from_fn(|i| [if [2, 31, 48, 41].contains(&i) { 60.0 } else { 100.0 }, 90.0]);
        Complexion::of(&Image { width: side, height: side, data }, &Landmarks { points })
    }

    #[test]
    fn a_dim_photograph_of_a_light_face_is_lighter_than_a_dark_face() {
        let (light, dark) = ([225.0, 175.0, 150.0], [112.0, 87.0, 75.0]);
        assert!(face(light, 1.0).lightness > face(light, 0.5).lightness);
        assert!(face(light, 0.5).lightness > face(dark, 1.0).lightness + 10.0);
        assert!((face(light, 1.0).lightness - lab([225, 175, 150])[0]).abs() < 0.01);
    }

    #[test]
    fn skin_is_told_from_ink() {
        for skin in [[225.0, 175.0, 150.0], [70.0, 45.0, 35.0], [200.0, 140.0, 110.0]] {
            assert!(face(skin, 1.0).is_of_skin());
        }
        for ink in [[120.0, 130.0, 200.0], [128.0, 128.0, 128.0], [150.0, 170.0, 90.0]] {
            assert!(!face(ink, 1.0).is_of_skin());
        }
    }

    #[test]
    fn the_darkest_weigh_most() {
        let of = |lightness| Complexion { lightness, in_picture: lightness, hue: 40.0, chroma: 20.0 };
        let weights = weights(&(0..100).rev().map(|l| of(l as f32)).collect::<Vec<_>>(), 3.0);
        assert!(weights[..80].iter().all(|w| *w < 1.01) && weights[92..].iter().all(|w| (*w - 3.0).abs() < 0.01));
        assert!(weights[80..92].windows(2).all(|w| w[0] < w[1]));
    }
}
