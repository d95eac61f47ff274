//! The analysing half of the live mirror: who is there, and what their reflections are to show.

use super::assignment::{Candidate, SlotAssignment};
use super::protocol::Controls;
use super::renderer::{DrawRequest, RenderedView};
use super::settings::LiveSettings;
use super::slot::{SlotInput, SlotState, ViewerSlot};
use crate::engine::{MirrorError, Observation, Reader};
use crate::face::eyelids::{Eyelids, openness};
use crate::face::track::Tracker;
use frame::Image;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The mirror before one camera: analyses its frames and remembers who is there.
pub struct LiveMirror {
    reader: Arc<Reader>,
    settings: LiveSettings,
    memory: Memory,
    /// Counts calls of `forget`; requests of an older epoch are not drawn.
    epoch: u64,
}

/// All that is kept from one frame to the next.
#[derive(Clone, Debug, PartialEq)]
struct Memory {
    tracker: Tracker,
    assignment: SlotAssignment,
    slots: Vec<ViewerSlot>,
    /// Of the first viewer, by track.
    eyelids: Option<(u64, Eyelids)>,
    /// When those who are there were reflected first, by track; seconds.
    visits: BTreeMap<u64, f64>,
}

impl Memory {
    fn blank(reader: &Reader, settings: &LiveSettings) -> Self {
        let size = reader.inverter().config().latent_size;
        Self {
            tracker: Tracker::new(),
            assignment: SlotAssignment::new(settings.views, settings.arrive_secs),
            slots: (1..=settings.views as u64).map(|seed| ViewerSlot::new(size, seed)).collect(),
            eyelids: None,
            visits: BTreeMap::new(),
        }
    }
}

/// A face and its track.
#[derive(Clone, Debug)]
pub struct TrackedFace {
    /// The number of the track, the same from frame to frame.
    pub id: Option<u64>,
    /// Whether it never moves, as painted faces do not.
    pub still: bool,
    /// Whether its visit is over, see [`LiveSettings::visit_secs`].
    pub over: bool,
    /// What the eyes found.
    pub observation: Observation,
}

/// The result of analysing a frame.
#[derive(Clone, Debug)]
pub struct FrameResult {
    /// The faces, the surest first.
    pub faces: Vec<TrackedFace>,
    /// The slots, from left to right.
    pub slots: Vec<SlotState>,
    /// For how many seconds the first viewer's eyes have been closed.
    pub eyes_closed_secs: f64,
    /// What the reflections are to show now.
    pub request: DrawRequest,
}

impl LiveMirror {
    /// A mirror before which nobody has stood yet.
    pub fn new(reader: Arc<Reader>, settings: LiveSettings) -> Self {
        let memory = Memory::blank(&reader, &settings);
        Self { reader, settings, memory, epoch: 0 }
    }

    /// The nets.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Analyses a frame that was taken at `at` seconds; `None`: there is no picture. `rendered` is what its [`super::Renderer`] drew
    /// last. While [`Controls::waiting`], viewers are watched for closed eyes only and the mirror goes on dreaming.
    ///
    /// # Errors
    /// If the picture is not well formed.
    pub fn process(
        &mut self,
        picture: Option<&Image>,
        rendered: &[RenderedView],
        controls: &Controls,
        at: f64,
    ) -> Result<FrameResult, MirrorError> {
        kernels::on_pool(|| {
            let observations = picture.map_or_else(|| Ok(Vec::new()), |p| self.reader.eyes().analyse(p))?;
            let faces = self.track(observations, at);
            let eyes_closed_secs = self.watch_eyelids(picture, &faces, at);
            let (slots, request) = self.update_slots(&faces, rendered, controls, at);
            Ok(FrameResult { faces, slots, eyes_closed_secs, request })
        })
    }

    /// Forgets everybody at once. Its [`super::Renderer`] must be told to, with the epoch that now begins.
    pub fn forget(&mut self) -> u64 {
        self.memory = Memory::blank(&self.reader, &self.settings);
        self.epoch += 1;
        self.epoch
    }

    /// Goes on with other nets, with the same people before it. Returns the epoch that now begins; its [`super::Renderer`] must be another,
    /// of that epoch.
    pub(super) fn take_over(&mut self, reader: Arc<Reader>) -> u64 {
        let Memory { slots, .. } = Memory::blank(&reader, &self.settings);
        (self.reader, self.memory.slots) = (reader, slots);
        self.epoch += 1;
        self.epoch
    }

    /// Names the faces, and assigns the slots to those that move.
    fn track(&mut self, observations: Vec<Observation>, at: f64) -> Vec<TrackedFace> {
        let Memory { tracker, assignment, visits, .. } = &mut self.memory;

        let places: Vec<_> = observations.iter().map(|o| (o.face.rect, &o.landmarks)).collect();
        let ids = tracker.follow(&places, at);
        let release_still = self.settings.release_still;
        let is_still =
            |id: Option<u64>| release_still && id.and_then(|id| tracker.get(id)).is_some_and(|track| track.is_still());
        visits.retain(|id, _| tracker.get(*id).is_some());
        let longest = self.settings.visit_secs.unwrap_or(f64::INFINITY);
        let is_over = |id: Option<u64>| id.and_then(|id| visits.get(&id)).is_some_and(|began| at - began > longest);
        let faces: Vec<TrackedFace> = observations
            .into_iter()
            .zip(ids)
            .map(|(observation, id)| TrackedFace { id, still: is_still(id), over: is_over(id), observation })
            .collect();

        let candidate = |face: &TrackedFace| {
            let (id, rect) = (face.id?, face.observation.face.rect);
            Some(Candidate { id, area: rect.w * rect.h, since: tracker.get(id)?.since })
        };
        let candidates: Vec<Candidate> = faces.iter().filter(|f| !f.still && !f.over).filter_map(candidate).collect();
        assignment.update(&candidates, at);
        faces
    }

    /// Updates every slot; returns their states and what to draw.
    fn update_slots(
        &mut self,
        faces: &[TrackedFace],
        rendered: &[RenderedView],
        controls: &Controls,
        at: f64,
    ) -> (Vec<SlotState>, DrawRequest) {
        let inverter = controls.inverter();
        let Memory { assignment, slots, visits, .. } = &mut self.memory;
        let viewers = assignment.viewers();
        let of = |id: u64| faces.iter().find(|f| f.id == Some(id)).map(|f| &f.observation);
        let (reader, measures) = (&self.reader, &self.settings.measures);
        let update = |(i, (slot, viewer)): (usize, (&mut ViewerSlot, Option<u64>))| {
            let viewer = viewer.filter(|_| !controls.waiting && !controls.dream);
            let (observation, rendered) = (viewer.and_then(of), rendered.get(i));
            if let Some(viewer) = viewer {
                visits.entry(viewer).or_insert(at);
            }
            slot.update(
                reader,
                &SlotInput { viewer, observation, rendered, controls, inverter: &inverter, measures, at },
            )
        };
        let (slots, targets) = slots.iter_mut().zip(viewers).enumerate().map(update).unzip();
        (slots, DrawRequest { epoch: self.epoch, targets, resolution: controls.resolution })
    }

    /// For how many seconds the eyes of the first viewer have been closed.
    fn watch_eyelids(&mut self, picture: Option<&Image>, faces: &[TrackedFace], at: f64) -> f64 {
        let viewer = self.memory.assignment.viewers().next().flatten();
        let (Some(viewer), Some(picture)) = (viewer, picture) else {
            self.memory.eyelids = None;
            return 0.0;
        };
        let kept = self.memory.eyelids.take().filter(|(id, _)| *id == viewer);
        let (_, lids) = self.memory.eyelids.insert(kept.unwrap_or((viewer, Eyelids::default())));
        let face = faces.iter().find(|f| f.id == Some(viewer));
        face.map_or(0.0, |f| lids.watch(openness(picture, &f.observation.landmarks), at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::atlas;
    use crate::engine::Mirror;
    use crate::engine::tests::{somebody, untaught, untaught_with};
    use crate::face::attributes::{Age, GenderLabel, Judged};
    use crate::features::{FeatureVector, Group, Measures};
    use crate::inverter::Verdict;
    use crate::inverter::tests::features;
    use crate::latent::Latent;
    use crate::live::Renderer;
    use crate::live::protocol::Judgement;
    use nn::Rng;

    const FRAME: f64 = 1.0 / 30.0;

    /// Both halves of a live mirror.
    struct Halves {
        eyes: LiveMirror,
        renderer: Renderer,
    }

    impl Halves {
        fn new(threshold: f32, settings: LiveSettings) -> Self {
            Self::of(untaught(threshold), settings)
        }

        fn of(mirror: Mirror, settings: LiveSettings) -> Self {
            let renderer = Renderer::new(mirror.painter().clone(), &settings);
            Self { eyes: LiveMirror::new(mirror.reader().clone(), settings), renderer }
        }
    }

    fn live(views: usize) -> Halves {
        Halves::new(1.0, LiveSettings { views, ..LiveSettings::default() })
    }

    /// Somebody with features of their own, `x` pixels to the right.
    fn visitor(seed: u64, x: f32) -> Observation {
        let mut seen = somebody(features(&mut Rng::new(seed)));
        seen.face.rect.x += x;
        seen.landmarks.points.iter_mut().for_each(|p| p[0] += x);
        seen
    }

    /// What a frame comes to in which the eyes find this.
    fn process(live: &mut Halves, seen: Vec<Observation>, controls: &Controls, at: f64) -> FrameResult {
        let (rendered, faces) = (live.renderer.rendered(), live.eyes.track(seen, at));
        let (slots, request) = live.eyes.update_slots(&faces, &rendered, controls, at);
        FrameResult { faces, slots, eyes_closed_secs: 0.0, request }
    }

    /// The same, and the first reflection drawn.
    fn step(live: &mut Halves, seen: &[Observation], controls: &Controls, at: f64) -> (FrameResult, RenderedView) {
        let result = process(live, seen.to_vec(), controls, at);
        let rendered = live.renderer.render(&result.request, at).remove(0);
        (result, rendered)
    }

    /// Frames from one time to another, and what the last came to.
    fn watch(live: &mut Halves, seen: &[Observation], from: f64, to: f64) -> (FrameResult, RenderedView) {
        let frames = ((to - from) / FRAME).ceil() as usize;
        let step = |i| step(live, seen, &Controls::default(), from + i as f64 * FRAME);
        (0..frames).map(step).last().expect("a frame at least")
    }

    fn memory(live: &Halves) -> impl PartialEq + std::fmt::Debug + use<> {
        (live.eyes.memory.clone(), live.renderer.memory())
    }

    #[test]
    fn alone_the_mirror_dreams_and_the_dream_drifts() {
        let mut live = live(1);
        let (_, first) = watch(&mut live, &[], 0.0, 0.1);
        let before = live.renderer.latent();
        let (_, later) = watch(&mut live, &[], 0.1, 5.0);
        assert!(first.viewer.is_none() && later.viewer.is_none() && first.picture.size() == later.picture.size());
        assert_ne!(live.renderer.latent(), before);
    }

    #[test]
    fn a_visitor_is_reflected_within_a_second() {
        let mut live = live(1);
        watch(&mut live, &[], 0.0, 1.0);
        let (result, shown) = watch(&mut live, &[visitor(3, 0.0)], 1.0, 2.0);
        assert_eq!((shown.viewer, shown.progress), (result.faces[0].id, 1.0));
        assert!(shown.viewer.is_some() && result.slots[0].viewer == shown.viewer && result.slots[0].progress > 0.9);
    }

    #[test]
    fn two_seconds_after_they_left_it_makes_no_difference_who_was_there() {
        let after = |seen: &[Observation]| {
            let mut live = live(2);
            watch(&mut live, &[], 0.0, 1.0);
            watch(&mut live, seen, 1.0, 3.0);
            let (result, _) = watch(&mut live, &[], 3.0, 5.0);
            assert!(result.faces.is_empty() && result.slots.iter().all(|s| s.viewer.is_none() && s.survival.is_none()));
            memory(&live)
        };
        assert_eq!(after(&[visitor(3, 0.0)]), after(&[visitor(8, 30.0)]));
    }

    #[test]
    fn whoever_is_reflected_stays_so_when_other_nets_take_over() {
        let (mut live, settings) = (live(1), LiveSettings::default());
        let (_, before) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 2.0);
        let mirror = untaught(1.0);
        let epoch = live.eyes.take_over(mirror.reader().clone());
        let stale = process(&mut live, vec![visitor(3, 0.0)], &Controls::default(), 2.0).request;
        assert!(live.renderer.render(&stale, 2.0).is_empty(), "the nets before cannot draw it");
        live.renderer = Renderer::replacing(&live.renderer, mirror.painter().clone(), &settings, epoch);
        let (result, first) = step(&mut live, &[visitor(3, 0.0)], &Controls::default(), 2.0 + FRAME);
        assert_eq!((result.slots[0].viewer, first.viewer, first.progress), (before.viewer, before.viewer, 1.0));
        assert_eq!(first.picture, before.picture);
        watch(&mut live, &[visitor(3, 0.0)], 2.1, 4.0);
        let (_, last) = step(&mut live, &[], &Controls::default(), 4.0);
        assert_ne!(last.picture, before.picture);
    }

    #[test]
    fn forgetting_leaves_a_mirror_before_which_nobody_has_stood() {
        let mut live = live(1);
        let blank = memory(&live);
        let (result, _) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 1.0);
        assert_ne!(memory(&live), blank);
        live.renderer.forget(live.eyes.forget());
        assert_eq!(memory(&live), blank);
        // What was analysed before and comes to be drawn only now.
        assert!(live.renderer.render(&result.request, 1.0).is_empty());
        assert_eq!(memory(&live), blank);
    }

    #[test]
    fn while_a_picture_is_drawn_frames_are_analysed_and_the_next_is_of_the_newest() {
        // Each picture takes as long as seven frames.
        let (mut live, mut pictures) = (live(1), Vec::new());
        for i in 0..210 {
            let at = f64::from(i) * FRAME;
            let x = if at < 3.0 { 0.0 } else { 20.0 };
            let seen = if (1.0..6.0).contains(&at) { vec![visitor(3, x)] } else { Vec::new() };
            let result = process(&mut live, seen, &Controls::default(), at);
            if i % 7 == 6 {
                let before = live.renderer.latent();
                let shown = live.renderer.render(&result.request, at).remove(0);
                assert_eq!(shown.viewer, result.slots[0].viewer);
                pictures.push((before, live.renderer.latent(), shown));
            }
        }
        // From the dream to the visitor and back to the dream, and never a jump.
        let states: Vec<bool> = pictures.iter().map(|p| p.2.viewer.is_some()).collect();
        assert_eq!(states.chunk_by(|a, b| a == b).map(|c| c[0]).collect::<Vec<_>>(), [false, true, false]);
        let angle = |a: &Latent, b: &Latent| {
            let dot: f32 = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum();
            (dot / a.len() as f32).clamp(-1.0, 1.0).acos()
        };
        let largest = pictures[1..].iter().map(|p| angle(&p.0, &p.1)).fold(0.0, f32::max);
        assert!(largest < 1.2, "a step of {largest}");
    }

    #[test]
    fn one_thread_analyses_while_another_draws() {
        let settings = LiveSettings { views: 2, ..LiveSettings::default() };
        let (Halves { mut eyes, renderer }, requests) = (Halves::new(0.0, settings), frame::Latest::new());
        let drawn = std::thread::scope(|threads| {
            let draw = threads.spawn(|| {
                let mut times = Vec::new();
                while let Some((request, at)) = requests.take(std::time::Duration::from_secs(600)) {
                    times.extend(renderer.render(&request, at).first().map(|s| s.at));
                }
                times
            });
            let picture = crate::features::tests::smooth_picture(96);
            for i in 0..12 {
                let at = f64::from(i) * FRAME;
                let controls = Controls { measure: i > 5, ..Controls::default() };
                requests.put((eyes.process(Some(&picture), &renderer.rendered(), &controls, at).unwrap().request, at));
            }
            requests.close();
            draw.join().unwrap()
        });
        assert_eq!(drawn.last(), Some(&(11.0 * FRAME)));
        assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
    }

    #[test]
    fn who_takes_over_appears_in_a_transition() {
        let mut live = live(1);
        let mut near = visitor(8, 200.0);
        (near.face.rect.w, near.face.rect.h) = (2.0 * near.face.rect.w, 2.0 * near.face.rect.h);
        let first = watch(&mut live, &[visitor(3, 0.0)], 0.0, 2.0).1.viewer;
        let (mut from, mut arrivals) = (2.0, Vec::new());
        while arrivals.last() != Some(&1.0) || arrivals.len() < 20 {
            let (_, shown) = watch(&mut live, &[visitor(3, 0.0), near.clone()], from, from + FRAME);
            if shown.viewer != first {
                arrivals.push(shown.progress);
            }
            from += FRAME;
            assert!(from < 6.0, "nobody took over: {arrivals:?}");
        }
        assert!(arrivals[0] < 0.1 && arrivals.windows(2).all(|w| w[1] >= w[0] && w[1] - w[0] < 0.1), "{arrivals:?}");
    }

    #[test]
    fn a_visit_ends_and_the_next_begins_when_somebody_else_comes() {
        let mut live = Halves::new(1.0, LiveSettings { views: 1, visit_secs: Some(3.0), ..LiveSettings::default() });
        let (result, _) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 3.0);
        assert!(result.slots[0].viewer.is_some() && !result.faces[0].over);
        // They stay, and are not reflected any more, however long.
        for until in [7.0, 12.0] {
            let (result, shown) = watch(&mut live, &[visitor(3, 0.0)], until - 4.0, until);
            assert!(result.faces[0].over && result.slots[0].viewer.is_none() && shown.viewer.is_none(), "{until}");
        }
        let mut other = visitor(8, 0.0);
        other.face.rect.x += 200.0;
        other.landmarks.points.iter_mut().for_each(|p| p[0] += 200.0);
        let (result, _) = watch(&mut live, &[visitor(3, 0.0), other], 12.0, 13.0);
        assert_eq!(result.slots[0].viewer, result.faces[1].id);
        // Who has been away begins anew.
        watch(&mut live, &[], 13.0, 17.0);
        let (result, _) = watch(&mut live, &[visitor(3, 0.0)], 17.0, 18.0);
        assert!(result.slots[0].viewer.is_some() && !result.faces[0].over);
        watch(&mut live, &[], 18.0, 22.0);
        assert!(live.eyes.memory.visits.is_empty());
    }

    #[test]
    fn who_has_not_agreed_is_not_reflected() {
        let mut live = live(1);
        for i in 0..60 {
            let at = f64::from(i) * FRAME;
            let controls = Controls { waiting: true, ..Controls::default() };
            let (result, shown) = step(&mut live, &[visitor(3, 0.0)], &controls, at);
            assert_eq!((result.slots[0].viewer, shown.viewer), (None, None));
        }
    }

    fn age(judged: Judgement) -> f32 {
        judged.age.expect("it is measured").mean
    }

    /// Somebody of this age.
    fn aged(seed: u64, mean: f32) -> Observation {
        let mut seen = visitor(seed, 0.0);
        seen.judged = Judged { age: seen.judged.age.map(|age| Age { mean, ..age }), female: Some(0.9) };
        seen
    }

    #[test]
    fn a_viewer_has_a_judgement_that_is_forgotten_with_them() {
        let mut live = live(1);
        assert_eq!(watch(&mut live, &[], 0.0, 0.2).0.slots[0].judgement, None);
        let judged = watch(&mut live, &[aged(3, 60.0)], 0.2, 2.0).0.slots[0].judgement.expect("somebody is there");
        assert_eq!((age(judged), judged.gender.map(|g| g.label)), (60.0, Some(GenderLabel::Female)));
        // Hidden for a moment they are judged as before, and no longer once they have left.
        assert_eq!(watch(&mut live, &[], 2.0, 2.2).0.slots[0].judgement, Some(judged));
        assert_eq!(watch(&mut live, &[], 2.2, 4.0).0.slots[0].judgement, None);
        let next = watch(&mut live, &[aged(8, 20.0)], 4.0, 4.5).0.slots[0].judgement.expect("somebody is there");
        assert_eq!(age(next), 20.0);
    }

    #[test]
    fn overrides_do_not_change_the_judgement_and_while_held_it_stays() {
        let mut live = live(1);
        let judged = |live: &mut Halves, age, controls: &Controls, frames: std::ops::Range<i32>| {
            let step = |i| step(live, &[aged(3, age)], controls, f64::from(i) * FRAME).0.slots[0].judgement;
            frames.map(step).last().flatten().expect("somebody is there")
        };
        let overridden = Controls { overrides: [(Verdict::Age, 90.0)].into(), ..Controls::default() };
        let first = judged(&mut live, 60.0, &overridden, 0..30);
        assert_eq!(age(first), 60.0);
        let hold = Controls { hold: true, ..Controls::default() };
        assert_eq!(judged(&mut live, 20.0, &hold, 30..90), first);
        let released = age(judged(&mut live, 20.0, &Controls::default(), 90..91));
        assert!((58.0..60.0).contains(&released), "{released}: no jump to the first frame");

        // Somebody may come while viewers are held.
        let mut live = self::live(1);
        assert_eq!(age(judged(&mut live, 33.0, &hold, 0..30)), 33.0);
    }

    #[test]
    fn the_steps_of_a_reflection_are_told_to_those_who_ask() {
        let mut live = live(1);
        let asked = Controls { steps: true, overrides: [(Verdict::Age, 77.0)].into(), ..Controls::default() };
        assert!(step(&mut live, &[], &asked, 0.0).0.slots[0].steps.is_none(), "a dream has no steps");
        watch(&mut live, &[visitor(3, 0.0)], 0.1, 1.0);
        let (unasked, _) = step(&mut live, &[visitor(3, 0.0)], &Controls::default(), 1.0);
        assert!(unasked.slots[0].viewer.is_some() && unasked.slots[0].steps.is_none());
        // Also of a viewer who is hidden for a moment.
        for (seen, at) in [(vec![visitor(3, 0.0)], 1.1), (vec![], 1.2)] {
            let (result, _) = step(&mut live, &seen, &asked, at);
            let steps = result.slots[0].steps.as_ref().expect("asked for");
            let order = live.eyes.reader().inverter().order();
            let age = order.iter().position(|n| n.group() == Group::Age).expect("in the order");
            assert_eq!((steps.values.len(), steps.values[age]), (order.len(), Some(77.0)));
            assert_eq!(steps.latent, result.request.targets[0].latent.as_slice());
        }
    }

    #[test]
    fn whom_a_viewer_lies_nearest_to_is_told_to_those_who_ask_and_forgotten_with_them() {
        let asked = Controls { nearest: true, ..Controls::default() };
        let standing = |live: &mut Halves, seen: &[Observation], controls: &Controls, at| {
            step(live, seen, controls, at).0.slots[0].standing.clone()
        };
        let (mut without, seen) = (live(1), visitor(3, 0.0));
        watch(&mut without, std::slice::from_ref(&seen), 0.0, 1.0);
        assert_eq!(standing(&mut without, &[seen], &asked, 1.1), None, "there is no archive");

        let mut live =
            Halves::of(untaught_with(1.0, Some(atlas(&Measures::default(), false))), LiveSettings::default());
        watch(&mut live, &[visitor(3, 0.0)], 0.0, 1.0);
        assert_eq!(standing(&mut live, &[visitor(3, 0.0)], &Controls::default(), 1.2), None);
        let told = standing(&mut live, &[visitor(3, 0.0)], &asked, 1.3).expect("asked for");
        assert_eq!((told.nearest.len(), told.nearest[0].name.as_ref()), (3, None));
        // Hidden for a moment they stand where they stood, and nowhere once they have left.
        assert_eq!(standing(&mut live, &[], &asked, 1.4), Some(told));
        watch(&mut live, &[], 1.5, 4.0);
        assert_eq!(standing(&mut live, &[], &asked, 4.0), None);
    }

    #[test]
    fn a_painted_face_is_let_go_unless_pictures_stand_in_for_people() {
        for (release_still, reflects) in [(true, false), (false, true)] {
            let settings = LiveSettings { release_still, ..LiveSettings::default() };
            let mut live = Halves::new(1.0, settings);
            let (result, shown) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 24.0);
            assert_eq!((result.faces[0].still, shown.viewer.is_some()), (release_still, reflects));
        }
    }

    #[test]
    fn held_fixed_a_viewer_may_change_and_the_reflection_stays_theirs() {
        let hold = Controls { hold: true, calm: true, ..Controls::default() };
        let run = |second: &Observation| {
            let mut live = live(1);
            for i in 0..40 {
                step(&mut live, &[visitor(3, 0.0)], &hold, f64::from(i) * FRAME);
            }
            let features = second.features.clone();
            let mut changed = visitor(3, 0.0);
            changed.features = features;
            let seen = [changed];
            (40..80).map(|i| step(&mut live, &seen, &hold, f64::from(i) * FRAME).1.picture).last()
        };
        let same = run(&visitor(3, 0.0));
        let other = somebody(FeatureVector::new([9.0; crate::features::FEATURES]).expect("finite"));
        assert_eq!(run(&other), same);
    }
}
