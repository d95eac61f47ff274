//! What is told of a frame.

use super::live_mirror::{FrameResult, TrackedFace};
use super::protocol::{Controls, DataSizes, FrameReport, Judgement, State, TrackedFaceReport, ViewReport};
use super::renderer::RenderedView;
use super::slot::SlotState;
use crate::engine::Observation;
use crate::features::{Group, Measures};
use crate::inverter::{Inverter, Verdict};
use crate::report::FaceReport;
use frame::Image;
use std::collections::BTreeMap;

/// The report of what a frame came to, of which `measures` says what is told. `rendered` is what was drawn last.
pub fn frame_report(
    result: &FrameResult,
    picture: Option<&Image>,
    rendered: &[RenderedView],
    controls: &Controls,
    inverter: &Inverter,
    measures: &Measures,
) -> FrameReport {
    let reflects = result.slots.iter().any(|s| s.viewer.is_some());
    let given = controls.selection().mask(inverter.order());
    // While nobody has agreed to be measured, closed eyes are all that is told.
    let faces = if controls.waiting { &[] } else { result.faces.as_slice() };
    FrameReport {
        state: if reflects { State::Reflecting } else { State::Dreaming },
        faces: faces.iter().map(|face| face_report(face, measures)).collect(),
        views: result.slots.iter().map(|slot| view_report(slot, measures)).collect(),
        sizes: DataSizes {
            picture_bytes: picture.map_or(0, |p| p.data.len()),
            features: given.into_iter().filter(|given| *given).count(),
            of: inverter.order().len(),
            latent: inverter.config().latent_size,
            reflection_bytes: rendered.first().map_or(0, |view| 3 * view.picture.size().0 * view.picture.size().1),
        },
        eyes_closed_secs: result.eyes_closed_secs,
    }
}

fn face_report(face: &TrackedFace, measures: &Measures) -> TrackedFaceReport {
    TrackedFaceReport {
        id: face.id,
        still: face.still,
        over: face.over,
        verdicts: verdicts(&face.observation, measures),
        face: FaceReport::new(&face.observation, measures),
    }
}

fn verdicts(observation: &Observation, measures: &Measures) -> BTreeMap<Verdict, f32> {
    let told = Verdict::ALL.into_iter().filter(|verdict| measures.tells(verdict.group()));
    told.map(|verdict| (verdict, verdict.of(&observation.features))).collect()
}

fn view_report(slot: &SlotState, measures: &Measures) -> ViewReport {
    let survival = slot.survival.as_ref();
    // How much of the likeness came back says nothing of it.
    let is_told = |group: &Group| measures.tells(*group) || !group.is_told();
    let kept =
        |kept: &BTreeMap<Group, f32>| kept.iter().filter(|(group, _)| is_told(group)).map(|(g, v)| (*g, *v)).collect();
    ViewReport {
        viewer: slot.viewer,
        progress: slot.progress,
        distance: slot.distance,
        judgement: slot.judgement.and_then(|judgement| told(judgement, measures)),
        steps: slot.steps.clone(),
        standing: slot.standing.clone(),
        kept: survival.map(|s| kept(&s.kept)),
        verdicts: survival.map(|s| verdicts(&s.observation, measures)),
    }
}

/// What is told of a judgement; `None` if nothing is.
fn told(judgement: Judgement, measures: &Measures) -> Option<Judgement> {
    let age = judgement.age.filter(|_| measures.tells(Group::Age));
    let gender = judgement.gender.filter(|_| measures.tells(Group::Gender));
    Judgement::of(age, gender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{somebody, untaught};
    use crate::features::Measure;
    use crate::inverter::tests::features;
    use crate::live::{LiveMirror, LiveSettings};
    use nn::Rng;

    #[test]
    fn what_is_hidden_is_in_no_word_of_the_report() {
        let measures = [Group::Age, Group::Gender, Group::Skin]
            .into_iter()
            .fold(Measures::default(), |measures, group| measures.with(group, Measure::Hidden));
        let mirror = untaught(1.0);
        let mut seen = somebody(features(&mut Rng::new(3)));
        seen.judged.age.as_mut().expect("it is measured").mean = 77.125;
        let settings = LiveSettings { arrive_secs: 0.0, measures, ..LiveSettings::default() };
        let mut live = LiveMirror::new(mirror.reader().clone(), settings);
        let controls = Controls { steps: true, ..Controls::default() };
        let mut result = live.process(None, &[], &controls, 0.0).unwrap();
        let kept = BTreeMap::from([(Group::Age, 0.5), (Group::Skin, 0.5), (Group::Hair, 0.5), (Group::Likeness, 0.5)]);
        result.faces = vec![TrackedFace { id: Some(1), still: false, over: false, observation: seen.clone() }];
        let slot = &mut result.slots[0];
        slot.judgement = Some(Judgement { age: seen.judged.age.map(Into::into), gender: None });
        slot.survival = Some(super::super::slot::Survival { observation: seen.clone(), kept });

        let told = |measures| {
            let report = frame_report(&result, None, &[], &controls, mirror.inverter(), measures);
            serde_json::to_value(report).unwrap()
        };
        let (all, less) = (told(&Measures::default()), told(&measures));
        assert!(all.to_string().contains("77.125") && !less.to_string().contains("77.125"));
        let face = &less["faces"][0];
        assert!(face.get("age").is_none() && face.get("gender").is_none());
        assert_eq!(face["verdicts"], serde_json::json!({}));
        let lengths = [&all, &less].map(|report| report["faces"][0]["features"].as_array().unwrap().len());
        assert_eq!(lengths[0] - lengths[1], 1 + 1 + 3);
        let view = &less["views"][0];
        assert_eq!(view["judgement"], serde_json::Value::Null);
        let kept: Vec<&String> = view["kept"].as_object().unwrap().keys().collect();
        assert_eq!(kept, ["hair", "likeness"]);
    }
}
