//! The mirror that hangs on a wall: frames in, reflections out, whoever comes and goes.
//!
//! [`Live`] is told the seconds, as [`crate::motion`] is. Of a viewer it keeps numbers only, and those no longer than
//! [`LEAVE_SECS`] and [`MELT_SECS`] together after they were seen last.

mod audience;
mod glass;
mod report;
mod reverie;

pub use glass::{Direction, Shown, Survival};
pub use report::LiveReport;

use crate::engine::{Mirror, MirrorError, Seen};
use crate::face::eyelids::{Eyelids, openness};
use crate::face::track::{KEEP_SECS, Tracker};
use audience::{Audience, Candidate};
use frame::Image;
use glass::Glass;
use std::sync::Arc;

/// Seconds after which a viewer who is not seen has left.
pub const LEAVE_SECS: f64 = KEEP_SECS;
/// Seconds in which a reflection becomes another.
pub const MELT_SECS: f64 = 0.8;

/// The mirror before one camera.
pub struct Live {
    mirror: Arc<Mirror>,
    settings: Settings,
    memory: Memory,
}

/// How it is hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many are reflected, side by side.
    pub faces: usize,
    /// Whether faces that never move are let go. They must stay where pictures stand in for people.
    pub let_go_of_still: bool,
}

/// All that is kept from one frame to the next.
#[derive(Clone, Debug, PartialEq)]
struct Memory {
    tracker: Tracker,
    audience: Audience,
    glasses: Vec<Glass>,
    eyelids: Option<(u64, Eyelids)>,
}

impl Memory {
    fn blank(mirror: &Mirror, settings: Settings) -> Self {
        let size = mirror.painter().latent_size();
        let seats = settings.faces.max(1);
        Self {
            tracker: Tracker::new(),
            audience: Audience::new(seats),
            glasses: (1..=seats as u64).map(|seed| Glass::new(size, seed)).collect(),
            eyelids: None,
        }
    }
}

/// What the eyes saw in a frame.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// The name of the person, the same from frame to frame.
    pub id: Option<u64>,
    /// Whether they never move, as painted faces do not.
    pub still: bool,
    /// What was seen.
    pub seen: Seen,
}

/// What a frame came to.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The faces, the surest first.
    pub faces: Vec<Noticed>,
    /// The reflections, from left to right.
    pub glasses: Vec<Shown>,
    /// For how many seconds the first viewer's eyes have been closed.
    pub eyes_closed_secs: f64,
}

impl Live {
    /// A mirror before which nobody has stood yet.
    pub fn new(mirror: Arc<Mirror>, settings: Settings) -> Self {
        let memory = Memory::blank(&mirror, settings);
        Self { mirror, settings, memory }
    }

    /// The mirror.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Looks at a frame, or with closed eyes, at `at` seconds.
    ///
    /// Without `reflects`, viewers are watched for closed eyes only and the mirror goes on dreaming.
    ///
    /// # Errors
    /// If the picture is not well formed.
    pub fn look(
        &mut self,
        picture: Option<&Image>,
        direction: &Direction,
        reflects: bool,
        at: f64,
    ) -> Result<Glance, MirrorError> {
        kernels::on_pool(|| {
            let seen = picture.map_or_else(|| Ok(Vec::new()), |picture| self.mirror.look(picture))?;
            let faces = self.notice(seen, at);
            let eyes_closed_secs = self.watch_eyelids(picture, &faces, at);
            let glasses = self.draw(&faces, direction, reflects, at);
            Ok(Glance { faces, glasses, eyes_closed_secs })
        })
    }

    /// The reflections of whoever sits before them.
    fn draw(&mut self, faces: &[Noticed], direction: &Direction, reflects: bool, at: f64) -> Vec<Shown> {
        let viewers = self.memory.audience.viewers();
        let of = |id: u64| faces.iter().find(|f| f.id == Some(id)).map(|f| &f.seen);
        let mirror = &self.mirror;
        let draw = |(glass, viewer): (&mut Glass, Option<u64>)| {
            let viewer = viewer.filter(|_| reflects);
            glass.draw(mirror, viewer, viewer.and_then(of), direction, at)
        };
        self.memory.glasses.iter_mut().zip(viewers).map(draw).collect()
    }

    /// Forgets everybody at once.
    pub fn forget(&mut self) {
        self.memory = Memory::blank(&self.mirror, self.settings);
    }

    fn notice(&mut self, seen: Vec<Seen>, at: f64) -> Vec<Noticed> {
        let Memory { tracker, audience, .. } = &mut self.memory;
        let places: Vec<_> = seen.iter().map(|s| (s.face.rect, &s.landmarks)).collect();
        let names = tracker.follow(&places, at);
        let named = seen.into_iter().zip(names);
        let faces: Vec<Noticed> = named
            .map(|(seen, id)| {
                let still =
                    self.settings.let_go_of_still && id.and_then(|id| tracker.get(id)).is_some_and(|t| t.is_still());
                Noticed { id, still, seen }
            })
            .collect();
        let candidates: Vec<Candidate> = faces
            .iter()
            .filter(|f| !f.still)
            .filter_map(|f| {
                let (id, rect) = (f.id?, f.seen.face.rect);
                Some(Candidate { id, area: rect.w * rect.h, since: tracker.get(id)?.since })
            })
            .collect();
        audience.admit(&candidates, at);
        faces
    }

    /// For how many seconds the eyes of the first viewer have been closed.
    fn watch_eyelids(&mut self, picture: Option<&Image>, faces: &[Noticed], at: f64) -> f64 {
        let viewer = self.memory.audience.viewers().next().flatten();
        let (Some(viewer), Some(picture)) = (viewer, picture) else {
            self.memory.eyelids = None;
            return 0.0;
        };
        let kept = self.memory.eyelids.take().filter(|(id, _)| *id == viewer);
        let (_, lids) = self.memory.eyelids.insert(kept.unwrap_or((viewer, Eyelids::default())));
        let seen = faces.iter().find(|f| f.id == Some(viewer));
        seen.map_or(0.0, |f| lids.watch(openness(picture, &f.seen.landmarks), at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{somebody, untaught};
    use crate::features::FeatureVector;
    use crate::inverter::tests::features;
    use nn::Rng;

    const FRAME: f64 = 1.0 / 30.0;

    fn live(faces: usize) -> Live {
        Live::new(Arc::new(untaught(1.0)), Settings { faces, let_go_of_still: true })
    }

    /// Somebody with features of their own, `x` pixels to the right.
    fn visitor(seed: u64, x: f32) -> Seen {
        let mut seen = somebody(features(&mut Rng::new(seed)));
        seen.face.rect.x += x;
        seen.landmarks.points.iter_mut().for_each(|p| p[0] += x);
        seen
    }

    /// What a frame comes to in which the eyes see this.
    fn step(live: &mut Live, seen: Vec<Seen>, direction: &Direction, reflects: bool, at: f64) -> Glance {
        let faces = live.notice(seen, at);
        let glasses = live.draw(&faces, direction, reflects, at);
        Glance { faces, glasses, eyes_closed_secs: 0.0 }
    }

    /// Frames from one time to another, and what the last came to.
    fn watch(live: &mut Live, seen: &[Seen], from: f64, to: f64) -> Glance {
        let mut last = None;
        for i in 0..((to - from) / FRAME).ceil() as usize {
            last = Some(step(live, seen.to_vec(), &Direction::default(), true, from + i as f64 * FRAME));
        }
        last.expect("a frame at least")
    }

    #[test]
    fn alone_the_mirror_dreams_and_the_dream_drifts() {
        let mut live = live(1);
        let first = watch(&mut live, &[], 0.0, 0.1).glasses.remove(0);
        let before = live.memory.glasses.clone();
        let later = watch(&mut live, &[], 0.1, 5.0).glasses.remove(0);
        assert!(first.viewer.is_none() && later.viewer.is_none() && first.image.data.len() == later.image.data.len());
        assert_ne!(live.memory.glasses, before);
    }

    #[test]
    fn a_visitor_is_reflected_within_a_second() {
        let mut live = live(1);
        watch(&mut live, &[], 0.0, 1.0);
        let glance = watch(&mut live, &[visitor(3, 0.0)], 1.0, 2.0);
        assert_eq!((glance.glasses[0].viewer, glance.glasses[0].arrived), (glance.faces[0].id, 1.0));
        assert!(glance.glasses[0].viewer.is_some());
    }

    #[test]
    fn two_seconds_after_they_left_it_makes_no_difference_who_was_there() {
        let after = |seen: &[Seen]| {
            let mut live = live(2);
            watch(&mut live, &[], 0.0, 1.0);
            watch(&mut live, seen, 1.0, 3.0);
            let glance = watch(&mut live, &[], 3.0, 5.0);
            assert!(
                glance.faces.is_empty() && glance.glasses.iter().all(|g| g.viewer.is_none() && g.survival.is_none())
            );
            live.memory
        };
        assert_eq!(after(&[visitor(3, 0.0)]), after(&[visitor(8, 30.0)]));
    }

    #[test]
    fn forgetting_leaves_a_mirror_before_which_nobody_has_stood() {
        let mut live = live(1);
        let blank = live.memory.clone();
        watch(&mut live, &[visitor(3, 0.0)], 0.0, 1.0);
        assert_ne!(live.memory, blank);
        live.forget();
        assert_eq!(live.memory, blank);
    }

    #[test]
    fn who_takes_over_is_melted_into() {
        let mut live = live(1);
        let mut near = visitor(8, 200.0);
        (near.face.rect.w, near.face.rect.h) = (2.0 * near.face.rect.w, 2.0 * near.face.rect.h);
        let first = watch(&mut live, &[visitor(3, 0.0)], 0.0, 2.0).glasses[0].viewer;
        let (mut from, mut arrivals) = (2.0, Vec::new());
        while arrivals.last() != Some(&1.0) || arrivals.len() < 20 {
            let shown = watch(&mut live, &[visitor(3, 0.0), near.clone()], from, from + FRAME).glasses.remove(0);
            if shown.viewer != first {
                arrivals.push(shown.arrived);
            }
            from += FRAME;
            assert!(from < 6.0, "nobody took over: {arrivals:?}");
        }
        assert!(arrivals[0] < 0.1 && arrivals.windows(2).all(|w| w[1] >= w[0] && w[1] - w[0] < 0.1), "{arrivals:?}");
    }

    #[test]
    fn who_has_not_agreed_is_not_reflected() {
        let mut live = live(1);
        for i in 0..60 {
            let glance = step(&mut live, vec![visitor(3, 0.0)], &Direction::default(), false, f64::from(i) * FRAME);
            assert_eq!(glance.glasses[0].viewer, None);
        }
    }

    #[test]
    fn a_painted_face_is_let_go_unless_pictures_stand_in_for_people() {
        for (let_go_of_still, reflects) in [(true, false), (false, true)] {
            let mut live = Live::new(Arc::new(untaught(1.0)), Settings { faces: 1, let_go_of_still });
            let glance = watch(&mut live, &[visitor(3, 0.0)], 0.0, 24.0);
            assert_eq!((glance.faces[0].still, glance.glasses[0].viewer.is_some()), (let_go_of_still, reflects));
        }
    }

    #[test]
    fn held_fixed_a_viewer_may_change_and_the_reflection_stays_theirs() {
        let hold = Direction {
            hold: true,
            wish: crate::wish::Wish { breathes: false, ..Default::default() },
            ..Direction::default()
        };
        let run = |second: &Seen| {
            let mut live = live(1);
            for i in 0..40 {
                step(&mut live, vec![visitor(3, 0.0)], &hold, true, f64::from(i) * FRAME);
            }
            let features = second.features.clone();
            let mut changed = visitor(3, 0.0);
            changed.features = features;
            (40..80)
                .map(|i| {
                    step(&mut live, vec![changed.clone()], &hold, true, f64::from(i) * FRAME).glasses.remove(0).image
                })
                .last()
        };
        let same = run(&visitor(3, 0.0));
        let other = somebody(FeatureVector::new([9.0; crate::features::FEATURES]).expect("finite"));
        assert_eq!(run(&other), same);
    }
}
