//! Features of a schematic face, and what other tests need of it.

use super::*;
use crate::face::align::{Similarity, crop_square};
use crate::face::attributes::{Age, Judged};
use crate::face::likeness::UNKNOWN;
use crate::face::{LANDMARKS, Landmarks};
use frame::Image;

pub(crate) const SOMEBODY: Judged = Judged { age: Some(Age { mean: 40.0, low: 30.0, high: 50.0 }), female: Some(0.3) };

/// A plausible frontal face: the mean shape, eyes `apart` pixels apart, at `centre`.
pub(crate) fn mean_face(centre: [f32; 2], apart: f32) -> Landmarks {
    Landmarks::schematic().map(&Similarity::new(apart, 0.0, centre))
}

/// A smooth picture, so that resampling it changes little.
pub(crate) fn smooth_picture(side: usize) -> Image {
    let mut data = Vec::with_capacity(side * side * 3);
    for i in 0..side * side {
        let (x, y) = ((i % side) as f32 / side as f32, (i / side) as f32 / side as f32);
        data.extend([60.0 + 120.0 * x, 50.0 + 100.0 * y, 180.0 - 60.0 * x * y].map(|v| v as u8));
    }
    Image { width: side, height: side, data }
}

#[test]
fn names_are_distinct_and_groups_cover_the_vector() {
    let names = FeatureVector::names();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!((names.len(), distinct.len()), (FEATURES, FEATURES));
    let mut next = 0;
    for group in Group::ALL {
        assert_eq!(group.range().start, next);
        next = group.range().end;
    }
    assert_eq!(next, FEATURES);
}

#[test]
fn everything_may_be_told_but_what_a_face_is_like() {
    let likeness = std::array::from_fn(|i| 0.1 + i as f32);
    let features = extract(&smooth_picture(256), &mean_face([128.0, 120.0], 40.0), &SOMEBODY, &likeness).unwrap();
    assert_eq!((features.likeness(), features.group(Group::Likeness)), (likeness, likeness.as_slice()));
    assert!(features.values()[..TOLD].iter().all(|told| !likeness.contains(told)));
    let told: usize = Group::ALL.into_iter().filter(|g| g.is_told()).map(|g| g.range().len()).sum();
    assert_eq!(told, TOLD);
}

#[test]
fn place_size_and_tilt_change_nothing_but_the_roll() {
    let image = smooth_picture(256);
    let face = mean_face([128.0, 120.0], 40.0);
    let before = extract(&image, &face, &SOMEBODY, &UNKNOWN).unwrap();
    // The crop shows the picture turned and at another scale; crop coordinates run from -1 to 1 over 320 pixels.
    let image_from_crop = Similarity::new(128.0, 0.2, [130.0, 126.0]);
    let turned = crop_square(&image, &image_from_crop, 320);
    let crop_pixels_from_image = image_from_crop.inverse().then(&Similarity::new(160.0, 0.0, [160.0, 160.0]));
    let after = extract(&turned, &face.map(&crop_pixels_from_image), &SOMEBODY, &UNKNOWN).unwrap();
    for (i, (b, a)) in before.values().iter().zip(after.values()).enumerate() {
        let name = &FeatureVector::names()[i];
        match name.as_str() {
            "pose/roll" => assert!((a - b + 0.2f32.to_degrees()).abs() < 0.1, "roll {b} became {a}"),
            // Outside both pictures the border pixel counts, and the borders differ.
            n if n.starts_with("background") => assert!((a - b).abs() < 6.0, "{n}: {b} became {a}"),
            n => {
                assert!((a - b).abs() < 1.0 && (i >= 2 * LANDMARKS || (a - b).abs() < 1e-3), "{n}: {b} became {a}")
            }
        }
    }
}

#[test]
fn degenerate_landmarks_are_an_error() {
    let image = smooth_picture(32);
    let point = Landmarks { points: [[5.0, 5.0]; LANDMARKS] };
    assert_eq!(extract(&image, &point, &SOMEBODY, &UNKNOWN), Err(FeatureError::Degenerate));
    let mut nan = mean_face([16.0, 16.0], 8.0);
    nan.points[3][1] = f32::NAN;
    assert_eq!(extract(&image, &nan, &SOMEBODY, &UNKNOWN), Err(FeatureError::Degenerate));
    let empty = Image { width: 0, height: 0, data: Vec::new() };
    assert_eq!(extract(&empty, &mean_face([0.0; 2], 8.0), &SOMEBODY, &UNKNOWN), Err(FeatureError::EmptyPicture));
}

#[test]
fn a_face_mostly_outside_the_picture_still_has_finite_features() {
    let image = smooth_picture(16);
    for centre in [[-500.0, 3.0], [4000.0, 4000.0], [0.0, 0.0]] {
        let features = extract(&image, &mean_face(centre, 30.0), &SOMEBODY, &UNKNOWN).unwrap();
        assert!(features.values().iter().all(|v| v.is_finite()));
    }
}
