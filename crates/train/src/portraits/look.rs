//! The one face of a photograph, and what is measured of it.

use super::measure;
use super::report::Rule;
use super::rules::Rules;
use crate::gan::Complexion;
use frame::Image;
use mirror::engine::{Eyes, Observation};
use mirror::face::align::{Similarity, archive_crop, crop_square};
use mirror::face::{Landmarks, Rect};

/// Pixels of the crop that is measured.
const MEASURED: usize = 256;

/// Boxes that overlap more (intersection over union) hold the same face.
const SAME_FACE: f32 = 0.4;

/// A face that may become a portrait.
pub(super) struct Candidate {
    /// From the crop, the square from -1 to 1, to the photograph's pixels.
    pub crop: Similarity,
    /// The 68 points in the crop, 0 to 1 from its left and upper edge.
    pub points: Landmarks,
    /// Pixels of the photograph along a side of the crop.
    pub source_pixels: f32,
    /// Share of the crop inside the photograph.
    pub inside: f32,
    /// Nose offset over eye distance: 0 is frontal.
    pub yaw_cue: f32,
    /// Variance of the Laplacian of the crop's brightness, at 256 pixels.
    pub sharpness: f32,
    /// How far the colours are from those of a toned print.
    pub colours: f32,
    pub complexion: Complexion,
    /// Of the detector.
    pub score: f32,
    /// Years, as the age net sees it.
    pub age: f32,
    /// Probability of "female", as the gender net sees it.
    pub female: f32,
    /// The crop's brightness, small; see [`measure::thumbnail`].
    pub thumbnail: Vec<f32>,
}

/// The face of a photograph that has one, or one much larger than all others.
///
/// # Errors
/// Says by which rule the picture is left out.
pub(super) fn main_face(image: &Image, eyes: &Eyes, rules: &Rules) -> Result<Candidate, (Rule, String)> {
    let no_face = || (Rule::NoFace, "no face".to_owned());
    let mut faces = eyes.analyse(image).map_err(|e| (Rule::Unreadable, e.to_string()))?;
    if faces.is_empty() {
        // A face that fills the picture is seen with a margin around it.
        let framed = eyes.analyse_reflection(image).map_err(|e| (Rule::Unreadable, e.to_string()))?;
        faces.extend(framed);
    }

    let size = |o: &Observation| (o.face.rect.w * o.face.rect.h).sqrt();
    faces.sort_by(|a, b| size(b).total_cmp(&size(a)));
    if let [largest, next, ..] = &faces[..] {
        let times = size(largest) / size(next);
        if times < rules.main_face {
            let why = format!("{} faces, the largest {times:.1} times as large as the next", faces.len());
            return Err((Rule::SeveralFaces, why));
        }
    }
    let face = faces.into_iter().next().ok_or_else(no_face)?;
    let face = seen_both_ways(image, face, eyes);
    candidate(image, &face).ok_or_else(no_face)
}

/// The face with the mean of its points and of those in the mirrored picture, where it is found there, too: a tenth nearer to our archive's.
fn seen_both_ways(image: &Image, face: Observation, eyes: &Eyes) -> Observation {
    let width = image.width as f32;
    let back = |other: Observation| {
        let rect = other.face.rect;
        let rect = Rect { x: width - rect.x - rect.w, ..rect };
        (rect.iou(&face.face.rect) > SAME_FACE).then(|| other.landmarks.mirrored(width))
    };
    let others = eyes.analyse(&image.flip_horizontal()).unwrap_or_default();
    let Some(other) = others.into_iter().find_map(back) else { return face };
    let mean = |i: usize| [0, 1].map(|d| 0.5 * (face.landmarks.points[i][d] + other.points[i][d]));
    Observation { landmarks: Landmarks { points: std::array::from_fn(mean) }, ..face }
}

fn candidate(image: &Image, face: &Observation) -> Option<Candidate> {
    let crop = archive_crop(&face.landmarks)?;
    let unit_from_crop = Similarity { a: 0.5, b: 0.0, tx: 0.5, ty: 0.5 };
    let points = face.landmarks.map(&crop.inverse().then(&unit_from_crop));
    let small = sampled(image, &crop, MEASURED);
    let in_pixels = Landmarks { points: points.points.map(|p| p.map(|v| v * MEASURED as f32)) };
    Some(Candidate {
        source_pixels: 2.0 * crop.scale(),
        inside: measure::inside(image, &crop),
        yaw_cue: measure::yaw_cue(&points),
        sharpness: measure::sharpness(&small),
        colours: measure::colours(&small),
        complexion: Complexion::of(&small, &in_pixels),
        score: face.face.score,
        age: face.judged.age?.mean,
        female: face.judged.female?,
        thumbnail: measure::thumbnail(&small),
        crop,
        points,
    })
}

/// A crop of `size` pixels. Where the photograph has more, it is cut with all of them and shrunk by averaging, so that nothing flickers.
pub(super) fn sampled(image: &Image, crop: &Similarity, size: usize) -> Image {
    let times = ((2.0 * crop.scale() / size as f32).ceil() as usize).max(1);
    let whole = crop_square(image, crop, size * times);
    if times == 1 {
        return whole;
    }
    let mut small = Image::flat(size, size, [0; 3]);
    kernels::resize(&whole.data, (whole.width, whole.height), &mut small.data, (size, size));
    small
}
