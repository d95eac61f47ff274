//! What is told of a frame.

use super::live_mirror::{FrameResult, TrackedFace};
use super::protocol::{Controls, DataSizes, FrameReport, State, TrackedFaceReport, ViewReport};
use super::renderer::RenderedView;
use super::slot::SlotState;
use crate::engine::Observation;
use crate::inverter::{Inverter, Verdict};
use crate::report::FaceReport;
use frame::Image;
use std::collections::BTreeMap;

/// The report of what a frame came to. `rendered` is what was drawn last.
pub fn frame_report(
    result: &FrameResult,
    picture: Option<&Image>,
    rendered: &[RenderedView],
    controls: &Controls,
    inverter: &Inverter,
) -> FrameReport {
    let reflects = result.slots.iter().any(|s| s.viewer.is_some());
    let given = controls.selection().mask(inverter.order());
    // While nobody has agreed to be measured, closed eyes are all that is told.
    let faces = if controls.waiting { &[] } else { result.faces.as_slice() };
    FrameReport {
        state: if reflects { State::Reflecting } else { State::Dreaming },
        faces: faces.iter().map(face_report).collect(),
        views: result.slots.iter().map(view_report).collect(),
        sizes: DataSizes {
            picture_bytes: picture.map_or(0, |p| p.data.len()),
            features: given.into_iter().filter(|given| *given).count(),
            of: inverter.order().len(),
            latent: inverter.config().latent_size,
            reflection_bytes: rendered.first().map_or(0, |view| view.image.data.len()),
        },
        eyes_closed_secs: result.eyes_closed_secs,
    }
}

fn face_report(face: &TrackedFace) -> TrackedFaceReport {
    TrackedFaceReport {
        id: face.id,
        still: face.still,
        verdicts: verdicts(&face.observation),
        face: FaceReport::from(&face.observation),
    }
}

fn verdicts(observation: &Observation) -> BTreeMap<Verdict, f32> {
    Verdict::ALL.map(|verdict| (verdict, verdict.of(&observation.features))).into()
}

fn view_report(slot: &SlotState) -> ViewReport {
    let survival = slot.survival.as_ref();
    ViewReport {
        viewer: slot.viewer,
        progress: slot.progress,
        distance: slot.distance,
        judgement: slot.judgement,
        steps: slot.steps.clone(),
        kept: survival.map(|s| s.kept.clone()),
        verdicts: survival.map(|s| verdicts(&s.observation)),
    }
}
