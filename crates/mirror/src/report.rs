//! What the mirror saw, as JSON for other programs: the lines of `narcissus analyse`.

use crate::engine::Observation;
use crate::face::LANDMARKS;
use crate::face::attributes::{Age, GenderLabel};
use crate::features::{Group, Measures, Pose};
use serde::{Serialize, Serializer};

/// One picture.
#[derive(Clone, Debug, Serialize)]
pub struct Analysis {
    /// The picture, as it was named.
    pub input: String,
    /// Of a video: which of its frames it is, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<usize>,
    /// Of a video: when it is shown, seconds from the first frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Its faces, the surest first.
    pub faces: Vec<FaceReport>,
}

/// One face; pixels of the picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaceReport {
    /// x, y, width, height.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// Probability, by the detector.
    pub score: f32,
    /// Probability, by the landmark net.
    pub confidence: f32,
    /// x, y of the 68 points.
    #[serde(serialize_with = "points")]
    pub landmarks: [[f32; 2]; LANDMARKS],
    /// Degrees.
    pub pose: Pose,
    /// Years, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeReport>,
    /// A word and probabilities, where they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<GenderReport>,
    /// What is told of the measurements, in the order of [`crate::features::FeatureVector`].
    pub features: Vec<f32>,
}

/// An age, years.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AgeReport {
    /// Expectation.
    pub mean: f32,
    /// One in ten is younger.
    pub low: f32,
    /// One in ten is older.
    pub high: f32,
}

/// What the archive makes of a face: the word for it, and probabilities that sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GenderReport {
    /// "female", "male", or "unsure".
    pub label: GenderLabel,
    /// Of "female".
    pub female: f32,
    /// Of "male".
    pub male: f32,
}

impl Analysis {
    /// Of what the eyes saw in a picture.
    pub fn new(input: impl Into<String>, faces: &[Observation]) -> Self {
        let faces = faces.iter().map(FaceReport::from).collect();
        Self { input: input.into(), frame: None, seconds: None, faces }
    }

    /// The same of a frame of a video, shown after so many seconds.
    pub fn of_frame(self, frame: usize, seconds: f64) -> Self {
        Self { frame: Some(frame), seconds: Some(seconds), ..self }
    }
}

impl From<Age> for AgeReport {
    fn from(Age { mean, low, high }: Age) -> Self {
        Self { mean, low, high }
    }
}

impl GenderReport {
    /// Of a probability of "female".
    pub fn of(female: f32) -> Self {
        Self { label: GenderLabel::of(female), female, male: 1.0 - female }
    }
}

impl From<&Observation> for FaceReport {
    /// All that may ever be told.
    fn from(seen: &Observation) -> Self {
        Self::new(seen, &Measures::default())
    }
}

impl FaceReport {
    /// What may be told of a face.
    pub fn new(seen: &Observation, measures: &Measures) -> Self {
        let r = seen.face.rect;
        let told = Group::ALL.into_iter().filter(|group| measures.tells(*group));
        Self {
            rect: [r.x, r.y, r.w, r.h],
            score: seen.face.score,
            confidence: seen.confidence,
            landmarks: seen.landmarks.points,
            pose: seen.pose,
            age: seen.judged.age.filter(|_| measures.tells(Group::Age)).map(AgeReport::from),
            gender: seen.judged.female.filter(|_| measures.tells(Group::Gender)).map(GenderReport::of),
            features: told.flat_map(|group| seen.features.group(group)).copied().collect(),
        }
    }
}

/// Serde knows arrays up to 32 entries only.
fn points<S: Serializer>(points: &[[f32; 2]; LANDMARKS], serializer: S) -> Result<S::Ok, S::Error> {
    points.as_slice().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::likeness::UNKNOWN;
    use crate::face::{Face, Rect};
    use crate::features::tests::{SOMEBODY, mean_face, smooth_picture};
    use crate::features::{TOLD, extract};

    #[test]
    fn a_line_keeps_to_the_contract() {
        let landmarks = mean_face([30.0, 30.0], 12.0);
        let features = extract(&smooth_picture(64), &landmarks, &SOMEBODY, &UNKNOWN).unwrap();
        let seen = Observation {
            face: Face { rect: Rect { x: 1.0, y: 2.0, w: 3.0, h: 4.0 }, points: [[2.0, 3.0]; 5], score: 0.5 },
            confidence: 0.75,
            pose: Pose::of(&landmarks).unwrap(),
            landmarks,
            judged: SOMEBODY,
            features,
        };
        let line = serde_json::to_value(Analysis::new("a.jpg", &[seen])).unwrap();
        let face = &line["faces"][0];
        assert_eq!(line["input"], "a.jpg");
        assert_eq!(face["confidence"], 0.75);
        assert_eq!(face["box"], serde_json::json!([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(face["landmarks"].as_array().unwrap().len(), 68);
        assert_eq!(face["features"].as_array().unwrap().len(), TOLD);
        assert_eq!(face["age"], serde_json::json!({"mean": 40.0, "low": 30.0, "high": 50.0}));
        assert!(
            face["pose"]["yaw"].is_number() && face["pose"]["pitch"].is_number() && face["pose"]["roll"].is_number()
        );
        let gender = &face["gender"];
        assert!(["female", "male", "unsure"].contains(&gender["label"].as_str().unwrap()));
        assert!((gender["female"].as_f64().unwrap() + gender["male"].as_f64().unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(serde_json::to_string(&line).unwrap().lines().count(), 1);
    }
}
