//! One place before the mirror over time: who has it, and what its reflection is to show.

use super::idle_dream::IdleDream;
use super::judgement::JudgementSmoother;
use super::protocol::{Controls, Judgement, Steps};
use super::renderer::{RenderedView, Target};
use super::standing::StandingFollower;
use super::steps::steps;
use crate::archive::Standing;
use crate::engine::{Observation, Reader};
use crate::features::{Group, Measures};
use crate::inverter::InverterControls;
use crate::motion::{FeatureSmoother, Inversion};
use std::collections::BTreeMap;

/// From one measurement of what survived to the next, seconds.
const MEASURE_SECS: f64 = 0.2;

/// One place before the mirror, taken or free.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ViewerSlot {
    viewer: Option<u64>,
    smoother: FeatureSmoother,
    judgement: JudgementSmoother,
    /// How the viewer's last latent was found: they may be hidden for a moment.
    last: Option<Inversion>,
    /// The viewer as they were when they were held.
    held: Option<Observation>,
    dream: IdleDream,
    survival: Option<Survival>,
    standing: StandingFollower,
    /// When the picture was drawn that was analysed last, seconds; `None` before the first.
    analysed: Option<f64>,
}

/// What the mirror's own eyes find of a viewer in their reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// What they find in it.
    pub observation: Observation,
    /// Of each group how much that is, see [`crate::inverter::Inverter::kept`].
    pub kept: BTreeMap<Group, f32>,
}

/// A slot as of one frame.
#[derive(Clone, Debug)]
pub struct SlotState {
    /// Who has it; `None` where the mirror dreams.
    pub viewer: Option<u64>,
    /// How much of the transition to their reflection is done in the picture that is shown, 0 to 1.
    pub progress: f32,
    /// How far the viewer lies from the faces that the generator knows, see
    /// [`crate::inverter::Inverter::distance_from_archive`].
    pub distance: Option<f32>,
    /// What the machine takes the viewer for, overridden or not.
    pub judgement: Option<Judgement>,
    /// The steps of their reflection, where they are asked for.
    pub steps: Option<Steps>,
    /// What survived, where that is measured.
    pub survival: Option<Survival>,
    /// Where the viewer stands among the members of the archive, where that is asked for.
    pub standing: Option<Standing>,
}

/// What a slot is updated from.
pub(super) struct SlotInput<'a> {
    /// Who has the slot.
    pub viewer: Option<u64>,
    /// What the eyes found of them in this frame.
    pub observation: Option<&'a Observation>,
    /// The picture that is shown now.
    pub rendered: Option<&'a RenderedView>,
    pub controls: &'a Controls,
    pub inverter: &'a InverterControls,
    /// What is told.
    pub measures: &'a Measures,
    /// Seconds.
    pub at: f64,
}

impl ViewerSlot {
    /// A free one with a dream of its own.
    pub fn new(latent_size: usize, seed: u64) -> Self {
        Self {
            viewer: None,
            smoother: FeatureSmoother::default(),
            judgement: JudgementSmoother::default(),
            last: None,
            held: None,
            dream: IdleDream::new(latent_size, seed),
            survival: None,
            standing: StandingFollower::default(),
            analysed: None,
        }
    }

    /// Takes in one frame; says what the slot's reflection is to show.
    pub fn update(&mut self, reader: &Reader, input: &SlotInput) -> (SlotState, Target) {
        let SlotInput { viewer, observation, controls, at, .. } = *input;
        self.change_viewer(viewer);
        self.hold(controls.hold, observation);
        self.judge(observation, at);

        // The viewer's latent: of what was held, else of this frame; without either the last one stays.
        let source = self.held.as_ref().or(observation);
        if let Some(source) = source.filter(|_| viewer.is_some()) {
            self.last = Some(self.smoother.invert(reader.inverter(), source, input.inverter, at));
        }
        let atlas = reader.atlas().filter(|_| controls.nearest);
        self.standing.follow(atlas, source.filter(|_| viewer.is_some()).map(|o| &o.features), at);
        let distance = source.map(|o| reader.inverter().distance_from_archive(&o.features));

        // What is shown goes through the eyes, too.
        let rendered = input.rendered.filter(|r| r.viewer == viewer);
        if let Some(rendered) = rendered {
            self.analyse_rendered(reader, rendered, observation.filter(|_| controls.measure));
        }
        if !controls.measure {
            // What was measured before says nothing of what is drawn now.
            self.survival = None;
        }

        let latent = match (&self.last, viewer) {
            (Some(last), Some(_)) => last.latent.clone(),
            _ => self.dream.drift(at, controls.calm).clone(),
        };
        let progress = rendered.map_or(0.0, |r| r.progress);
        let state = SlotState {
            viewer,
            progress,
            distance,
            judgement: self.judgement.judgement(),
            steps: self.steps(reader, input),
            survival: self.survival.clone(),
            standing: self.standing.standing().cloned(),
        };
        (state, Target { viewer, latent })
    }

    /// Nothing of one viewer remains for the next.
    fn change_viewer(&mut self, viewer: Option<u64>) {
        if viewer != self.viewer {
            (self.viewer, self.smoother, self.last) = (viewer, FeatureSmoother::default(), None);
            (self.judgement, self.held, self.survival) = (JudgementSmoother::default(), None, None);
            self.standing = StandingFollower::default();
        }
    }

    fn hold(&mut self, hold: bool, observation: Option<&Observation>) {
        match (hold, observation) {
            (true, Some(observation)) => drop(self.held.get_or_insert_with(|| observation.clone())),
            (true, None) => {}
            (false, _) => self.held = None,
        }
    }

    /// Judges the viewer by this frame. Of a viewer who is held the judgement stays as it was when that began.
    fn judge(&mut self, observation: Option<&Observation>, at: f64) {
        let is_held = self.held.is_some() && self.judgement.judgement().is_some();
        match observation {
            _ if is_held => self.judgement.pause(at),
            Some(observation) => self.judgement.observe(&observation.judged, at),
            None => {}
        }
    }

    /// The steps to the latent that the viewer's reflection aims at, where they are asked for.
    fn steps(&self, reader: &Reader, input: &SlotInput) -> Option<Steps> {
        let last = self.last.as_ref().filter(|_| input.controls.steps)?;
        Some(steps(reader.inverter(), self.smoother.scores(), last, input.inverter, input.measures))
    }

    /// The eyes analyse what is shown, at most once a picture and not every picture: to measure what survived of `measured`, or to
    /// feed the dream back.
    fn analyse_rendered(&mut self, reader: &Reader, rendered: &RenderedView, measured: Option<&Observation>) {
        let since = self.analysed.map(|analysed| rendered.at - analysed);
        let (is_new, is_due) = (since.is_none_or(|s| s > 0.0), since.is_none_or(|s| s >= MEASURE_SECS));
        match (self.viewer, measured) {
            (None, _) if is_new && rendered.progress >= 1.0 && self.dream.wants_feedback() => {
                self.dream.feed_back(reader.eyes(), reader.inverter(), rendered.picture.pixels());
            }
            (Some(_), Some(viewer)) if is_due => {
                let viewer = self.held.as_ref().unwrap_or(viewer);
                let observation = reader.eyes().analyse_reflection(rendered.picture.pixels()).ok().flatten();
                self.survival = observation.map(|observation| {
                    let kept = reader.inverter().kept(&viewer.features, &observation.features);
                    Survival { observation, kept }
                });
            }
            _ => return,
        }
        self.analysed = Some(rendered.at);
    }
}
