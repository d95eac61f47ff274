//! Figures by how light a face's skin is in its photograph.
//!
//! That is a property of the picture: light and camera have their share in it. It is what a net sees.

use frame::Image;
use mirror::face::Landmarks;
use mirror::face::attributes::Judged;
use mirror::face::likeness::UNKNOWN;
use mirror::features::{self, Group};

/// From dark to light: name, and the CIE L* (0 to 100) where it ends. L* 50 is a grey of 18 %.
pub const BANDS: [(&str, f32); 3] = [("dark", 48.0), ("middle", 65.0), ("light", f32::INFINITY)];

/// The band of a face whose points are known. `None` if they span no face.
pub fn band(image: &Image, landmarks: &Landmarks) -> Option<usize> {
    // Age, gender and likeness have no part in the colours.
    let lightness = features::extract(image, landmarks, &Judged::default(), &UNKNOWN).ok()?.group(Group::Skin)[0];
    BANDS.iter().position(|(_, end)| lightness < *end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::LANDMARKS;

    #[test]
    fn the_lighter_the_picture_the_higher_the_band() {
        let points = std::array::from_fn(|i| match i {
            36..42 => [20.0, 20.0],
            42..48 => [40.0, 20.0],
            _ => [30.0 + 12.0 * (i as f32).cos(), 32.0 + 12.0 * (i as f32).sin()],
        });
        let face = Landmarks { points };
        let band_of = |grey: u8| band(&Image { width: 64, height: 64, data: vec![grey; 64 * 64 * 3] }, &face);
        assert_eq!([30, 140, 230].map(band_of), [Some(0), Some(1), Some(2)]);
        let nowhere = Landmarks { points: [[5.0, 5.0]; LANDMARKS] };
        assert_eq!(band(&Image { width: 64, height: 64, data: vec![9; 64 * 64 * 3] }, &nowhere), None);
    }
}
