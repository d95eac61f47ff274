//! A face as a short list of numbers: what the mirror takes from its viewer, and all that it takes.

mod colour;
mod expression;
pub mod greedy;
mod pose;
pub mod spatial;

pub use colour::lab;
pub use pose::Pose;

use crate::face::align::Similarity;
use crate::face::attributes::Attributes;
use crate::face::{LANDMARKS, Landmarks};
use frame::Image;

/// Numbers in a [`FeatureVector`].
pub const FEATURES: usize = 2 * LANDMARKS + 3 + 2 + 9 + expression::NAMES.len();

/// What a number speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Landmarks with place, size and roll taken out: x, y of each, in inter-ocular distances (centre of eye to
    /// centre of eye), from the point between the eyes, x along the line of the eyes, y down.
    Shape,
    /// Yaw, pitch, roll, degrees.
    Pose,
    /// Years.
    Age,
    /// Probability of "female".
    Gender,
    /// CIE L*, a*, b* of the cheeks and the forehead.
    Skin,
    /// CIE L*, a*, b* above the forehead: of the hair, if there is any.
    Hair,
    /// CIE L*, a*, b* beside the head.
    Background,
    /// What a face does: mouth open, mouth wide, smile, eyes open, brows raised; inter-ocular distances.
    Expression,
}

impl Group {
    /// All of them, in the order of the vector.
    pub const ALL: [Self; 8] =
        [Self::Shape, Self::Pose, Self::Age, Self::Gender, Self::Skin, Self::Hair, Self::Background, Self::Expression];

    /// Where its numbers lie in the vector.
    pub fn range(self) -> std::ops::Range<usize> {
        let shape = 2 * LANDMARKS;
        let (start, len) = match self {
            Self::Shape => (0, shape),
            Self::Pose => (shape, 3),
            Self::Age => (shape + 3, 1),
            Self::Gender => (shape + 4, 1),
            Self::Skin => (shape + 5, 3),
            Self::Hair => (shape + 8, 3),
            Self::Background => (shape + 11, 3),
            Self::Expression => (shape + 14, expression::NAMES.len()),
        };
        start..start + len
    }

    /// A word for people to read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Pose => "pose",
            Self::Age => "age",
            Self::Gender => "gender",
            Self::Skin => "skin",
            Self::Hair => "hair",
            Self::Background => "background",
            Self::Expression => "expression",
        }
    }
}

/// Why a face has no features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// The eyes coincide, or a coordinate is not finite.
    #[error("the landmarks do not span a face")]
    Degenerate,
    /// The picture has no pixels.
    #[error("the picture is empty")]
    EmptyPicture,
}

/// The [`FEATURES`] numbers of one face, all finite; see [`Group`] for order and units.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureVector([f32; FEATURES]);

impl FeatureVector {
    /// Of numbers measured elsewhere. `None` if one is not finite.
    pub fn new(values: [f32; FEATURES]) -> Option<Self> {
        values.iter().all(|v| v.is_finite()).then_some(Self(values))
    }

    /// The numbers.
    pub fn values(&self) -> &[f32; FEATURES] {
        &self.0
    }

    /// The numbers of one group.
    pub fn group(&self, group: Group) -> &[f32] {
        &self.0[group.range()]
    }

    /// What each number is called, such as `shape/30/y` or `skin/l`.
    pub fn names() -> Vec<String> {
        let lab = ["l", "a", "b"];
        let mut names = Vec::with_capacity(FEATURES);
        for group in Group::ALL {
            let word = group.name();
            names.extend(group.range().enumerate().map(|(i, _)| match group {
                Group::Shape => format!("{word}/{}/{}", i / 2, ["x", "y"][i % 2]),
                Group::Pose => format!("{word}/{}", ["yaw", "pitch", "roll"][i]),
                Group::Age | Group::Gender => word.to_owned(),
                Group::Skin | Group::Hair | Group::Background => format!("{word}/{}", lab[i]),
                Group::Expression => format!("{word}/{}", expression::NAMES[i]),
            }));
        }
        names
    }
}

/// Reduces a face to its features.
///
/// Place and size of the face in the picture change none of them, nor does tilting the camera, but for the roll.
///
/// # Errors
/// If the landmarks do not span a face, or there is no picture.
pub fn extract(image: &Image, landmarks: &Landmarks, attributes: &Attributes) -> Result<FeatureVector, FeatureError> {
    if image.width == 0 || image.height == 0 {
        return Err(FeatureError::EmptyPicture);
    }
    let image_from_face = face_frame(landmarks).ok_or(FeatureError::Degenerate)?;
    let shape = landmarks.map(&image_from_face.inverse());
    let pose = Pose::of(landmarks).ok_or(FeatureError::Degenerate)?;
    let colours = colour::measure(image, &image_from_face, &shape);
    let mut values = [0.0; FEATURES];
    let all = (shape.points.into_iter().flatten())
        .chain([pose.yaw, pose.pitch, pose.roll, attributes.age.mean, attributes.female])
        .chain(colours.into_iter().flatten())
        .chain(expression::measure(&shape));
    values.iter_mut().zip(all).for_each(|(v, x)| *v = x);
    FeatureVector::new(values).ok_or(FeatureError::Degenerate)
}

/// The picture from the frame of the face: origin between the eyes, unit the inter-ocular distance, eyes level.
fn face_frame(landmarks: &Landmarks) -> Option<Similarity> {
    let [[lx, ly], [rx, ry]] = landmarks.eye_centres();
    let (a, b) = (rx - lx, ry - ly);
    let apart = a.hypot(b);
    // A hundredth of a pixel is far below anything that a net can tell apart; pictures end long before 1e6 pixels.
    let sound = landmarks.points.iter().flatten().all(|v| v.is_finite() && v.abs() < 1e6);
    (sound && apart > 0.01).then_some(Similarity { a, b, tx: (lx + rx) / 2.0, ty: (ly + ry) / 2.0 })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::face::align::crop_square;
    use crate::face::attributes::Age;

    pub(crate) const SOMEBODY: Attributes = Attributes { age: Age { mean: 40.0, low: 30.0, high: 50.0 }, female: 0.3 };

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
    fn place_size_and_tilt_change_nothing_but_the_roll() {
        let image = smooth_picture(256);
        let face = mean_face([128.0, 120.0], 40.0);
        let before = extract(&image, &face, &SOMEBODY).unwrap();
        // The crop shows the picture turned and at another scale; crop coordinates run from -1 to 1 over 320 pixels.
        let image_from_crop = Similarity::new(128.0, 0.2, [130.0, 126.0]);
        let turned = crop_square(&image, &image_from_crop, 320);
        let crop_pixels_from_image = image_from_crop.inverse().then(&Similarity::new(160.0, 0.0, [160.0, 160.0]));
        let after = extract(&turned, &face.map(&crop_pixels_from_image), &SOMEBODY).unwrap();
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
        assert_eq!(extract(&image, &point, &SOMEBODY), Err(FeatureError::Degenerate));
        let mut nan = mean_face([16.0, 16.0], 8.0);
        nan.points[3][1] = f32::NAN;
        assert_eq!(extract(&image, &nan, &SOMEBODY), Err(FeatureError::Degenerate));
        let empty = Image { width: 0, height: 0, data: Vec::new() };
        assert_eq!(extract(&empty, &mean_face([0.0; 2], 8.0), &SOMEBODY), Err(FeatureError::EmptyPicture));
    }

    #[test]
    fn a_face_mostly_outside_the_picture_still_has_finite_features() {
        let image = smooth_picture(16);
        for centre in [[-500.0, 3.0], [4000.0, 4000.0], [0.0, 0.0]] {
            let features = extract(&image, &mean_face(centre, 30.0), &SOMEBODY).unwrap();
            assert!(features.values().iter().all(|v| v.is_finite()));
        }
    }
}
