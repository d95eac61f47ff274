//! What the mirror found in a frame, and what it shows.

use crate::archive::Standing;
use crate::features::Group;
use crate::inverter::Verdict;
use crate::report::{AgeReport, FaceReport, GenderReport};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was found in one frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FrameReport {
    /// Whether somebody is reflected.
    pub state: State,
    /// The faces, the surest first.
    pub faces: Vec<TrackedFaceReport>,
    /// The reflections, from left to right.
    pub views: Vec<ViewReport>,
    /// How much data each stage hands on.
    pub sizes: DataSizes,
    /// For how many seconds the first viewer's eyes have been closed.
    pub eyes_closed_secs: f64,
}

/// What the mirror does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody is reflected.
    Reflecting,
    /// Nobody is there: it draws its own dreams.
    #[default]
    Dreaming,
}

/// A face and its track.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackedFaceReport {
    /// The same number from frame to frame.
    pub id: Option<u64>,
    /// Whether it never moves: then it is not reflected.
    pub still: bool,
    /// Whether its visit is over: it was reflected for as long as one may be.
    pub over: bool,
    /// The machine's verdicts that may be overridden, as far as they are told.
    pub verdicts: BTreeMap<Verdict, f32>,
    /// All else.
    #[serde(flatten)]
    pub face: FaceReport,
}

/// One reflection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ViewReport {
    /// Whom it shows; `null` where the mirror dreams.
    pub viewer: Option<u64>,
    /// How much of the transition from whatever was shown before is done, 0 to 1.
    pub progress: f32,
    /// How far the viewer lies from the faces that the generator knows; 1 for a typical one of its own.
    pub distance: Option<f32>,
    /// What the machine takes the viewer for; `null` where the mirror dreams, or tells nothing of it.
    pub judgement: Option<Judgement>,
    /// How the reflection comes about, where [`super::Controls::steps`] asks for it.
    pub steps: Option<Steps>,
    /// Where the viewer stands among the members of the archive, where [`super::Controls::nearest`] asks for it and the house tells it.
    pub standing: Option<Standing>,
    /// Of each group of features, how much came back: 1 all, 0 as much as an average face keeps.
    pub kept: Option<BTreeMap<Group, f32>>,
    /// The machine's verdicts on the reflection, where that is measured.
    pub verdicts: Option<BTreeMap<Verdict, f32>>,
}

/// What the machine takes a viewer for, smoothed over seconds: its own verdicts, whatever overrides there are. While the viewer is held it
/// stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Years, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeReport>,
    /// A word and probabilities, where they are told. The word changes only once another has been right for a second, so that it may lag behind the probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<GenderReport>,
}

impl Judgement {
    /// Of what is told; `None` if nothing is.
    pub(in crate::live) fn of(age: Option<AgeReport>, gender: Option<GenderReport>) -> Option<Self> {
        (age.is_some() || gender.is_some()).then_some(Self { age, gender })
    }
}

/// The steps from a viewer's features to the latent. All but the latent have an entry for each of [`super::PageSettings::numbers`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Steps {
    /// The features, smoothed, with overrides, within the range of the visitors whom the inverter knows; also those that it may not use.
    /// `null` of what is not told, see [`crate::features::Measures`].
    pub values: Vec<Option<f32>>,
    /// The share of these visitors who have less of it, 0 to 1; `null` likewise.
    pub ranks: Vec<Option<f32>>,
    /// Whether the inverter may use it.
    pub given: Vec<bool>,
    /// The coordinates of the latent that the reflection aims at.
    pub latent: Vec<f32>,
}

/// How much data each stage hands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DataSizes {
    /// Bytes of the camera's picture, three a pixel.
    pub picture_bytes: usize,
    /// Features that the inverter may use.
    pub features: usize,
    /// Features that there are.
    pub of: usize,
    /// Coordinates of the latent.
    pub latent: usize,
    /// Bytes of a reflection, three a pixel.
    pub reflection_bytes: usize,
}
