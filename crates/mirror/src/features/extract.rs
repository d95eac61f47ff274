//! From a picture, landmarks and attributes to the list of numbers.

use super::pose::Pose;
use super::vector::{FEATURES, FeatureVector};
use super::{colour, expression};
use crate::face::Landmarks;
use crate::face::align::Similarity;
use crate::face::attributes::Judged;
use crate::face::likeness::Likeness;
use frame::Image;

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

/// Reduces a face to its features.
///
/// Place and size of the face in the picture change none of them, nor does tilting the camera, but for the roll. `likeness` is
/// [`UNKNOWN`](crate::face::likeness::UNKNOWN) where no net says it; age and gender are 0 where nothing is said of them.
///
/// # Errors
/// If the landmarks do not span a face, or there is no picture.
pub fn extract(
    image: &Image,
    landmarks: &Landmarks,
    judged: &Judged,
    likeness: &Likeness,
) -> Result<FeatureVector, FeatureError> {
    if image.width == 0 || image.height == 0 {
        return Err(FeatureError::EmptyPicture);
    }
    let image_from_face = face_frame(landmarks).ok_or(FeatureError::Degenerate)?;
    let shape = landmarks.map(&image_from_face.inverse());
    let pose = Pose::of(landmarks).ok_or(FeatureError::Degenerate)?;
    let colours = colour::measure(image, &image_from_face, &shape);
    let (age, female) = (judged.age.map_or(0.0, |age| age.mean), judged.female.unwrap_or(0.0));
    let mut values = [0.0; FEATURES];
    let all = (shape.points.into_iter().flatten())
        .chain([pose.yaw, pose.pitch, pose.roll, age, female])
        .chain(colours.into_iter().flatten())
        .chain(expression::measure(&shape))
        .chain(*likeness);
    values.iter_mut().zip(all).for_each(|(v, x)| *v = x);
    FeatureVector::new(values).ok_or(FeatureError::Degenerate)
}

/// Pixels between the eyes of a face at least: a hundredth of a pixel is far below anything that a net can tell apart.
const LEAST_APART: f32 = 0.01;
/// Pixels from the corner of a picture within which all points of a face must lie: pictures end long before.
const FARTHEST: f32 = 1e6;

/// The picture from the frame of the face: origin between the eyes, unit the inter-ocular distance, eyes level.
fn face_frame(landmarks: &Landmarks) -> Option<Similarity> {
    let [[lx, ly], [rx, ry]] = landmarks.eye_centres();
    let (a, b) = (rx - lx, ry - ly);
    let apart = a.hypot(b);
    let sound = landmarks.points.iter().flatten().all(|v| v.is_finite() && v.abs() < FARTHEST);
    (sound && apart > LEAST_APART).then_some(Similarity { a, b, tx: (lx + rx) / 2.0, ty: (ly + ry) / 2.0 })
}
