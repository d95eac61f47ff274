//! What the mirror found in a frame, and what it shows.

use crate::engine::Mirror;
use crate::features::Group;
use crate::inverter::{InverterControls, Verdict};
use crate::live::{FrameResult, SlotState, TrackedFace};
use crate::report::FaceReport;
use frame::Image;
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
    /// Nobody is there: it looks at its own dreams.
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
    /// The machine's verdicts that may be overridden.
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
    /// Of each group of features, how much came back: 1 all, 0 as much as an average face keeps.
    pub kept: Option<BTreeMap<Group, f32>>,
    /// The age that the machine sees in the reflection, years.
    pub age: Option<f32>,
    /// The probability of "female" that it sees there.
    pub female: Option<f32>,
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

impl FrameReport {
    /// Of what a frame came to.
    pub fn new(result: &FrameResult, picture: Option<&Image>, controls: &InverterControls, mirror: &Mirror) -> Self {
        let reflects = result.slots.iter().any(|s| s.viewer.is_some());
        let inverter = mirror.inverter();
        Self {
            state: if reflects { State::Reflecting } else { State::Dreaming },
            faces: result.faces.iter().map(TrackedFaceReport::from).collect(),
            views: result.slots.iter().map(ViewReport::from).collect(),
            sizes: DataSizes {
                picture_bytes: picture.map_or(0, |p| p.data.len()),
                features: controls.selection.given(inverter.order()).into_iter().filter(|given| *given).count(),
                of: inverter.order().len(),
                latent: inverter.settings.latent_size,
                reflection_bytes: 3 * mirror.painter().resolution().pow(2),
            },
            eyes_closed_secs: result.eyes_closed_secs,
        }
    }
}

impl From<&TrackedFace> for TrackedFaceReport {
    fn from(face: &TrackedFace) -> Self {
        let verdicts = Verdict::ALL.map(|v| (v, v.of(&face.observation.features)));
        Self { id: face.id, still: face.still, verdicts: verdicts.into(), face: FaceReport::from(&face.observation) }
    }
}

impl From<&SlotState> for ViewReport {
    fn from(slot: &SlotState) -> Self {
        let survival = slot.survival.as_ref();
        Self {
            viewer: slot.viewer,
            progress: slot.progress,
            distance: slot.distance,
            kept: survival.map(|s| s.kept.clone()),
            age: survival.map(|s| s.observation.attributes.age.mean),
            female: survival.map(|s| s.observation.attributes.female),
        }
    }
}
