//! The mirror that hangs on a wall: frames in, reflections out, whoever comes and goes.
//!
//! It has two halves, so that the next frame is looked at while a reflection is drawn. [`Live`] looks, at viewers and at its own
//! reflections, and says in a [`Scene`] what is to be shown; its [`Glasses`] draw the newest scene, at their own pace. Both are told the
//! seconds, as [`crate::motion`] is. Of a viewer they keep numbers only, and those no longer than
//! [`LEAVE_SECS`] and [`MELT_SECS`] together after they were seen last.

mod audience;
mod glass;
mod report;
mod reverie;
mod seat;

pub use glass::{Glasses, Scene, Shown};
pub use report::LiveReport;
pub use seat::{Seated, Survival};

use crate::engine::{Mirror, MirrorError, Seen};
use crate::face::eyelids::{Eyelids, openness};
use crate::face::track::{KEEP_SECS, Tracker};
use crate::motion;
use crate::wish::Wish;
use audience::{Audience, Candidate};
use frame::Image;
use seat::Seat;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds after which a viewer who is not seen has left.
pub const LEAVE_SECS: f64 = KEEP_SECS;
/// Seconds in which a reflection becomes another.
pub const MELT_SECS: f64 = 0.8;

// Whoever has left is forgotten in all that is kept of them before the motion would forget them by itself.
const _: () = assert!(LEAVE_SECS + MELT_SECS < motion::FORGET);

/// The mirror before one camera: its eyes and what they remember.
pub struct Live {
    mirror: Arc<Mirror>,
    settings: Settings,
    memory: Memory,
    glasses: Arc<Glasses>,
    /// How often everybody was forgotten.
    epoch: u64,
}

/// How it is hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many are reflected, side by side.
    pub faces: usize,
    /// Whether faces that never move are let go. They must stay where pictures stand in for people.
    pub let_go_of_still: bool,
}

/// How a frame is to be looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Direction {
    /// What reaches the inverter.
    pub wish: Wish,
    /// Whether viewers' numbers stay as they are.
    pub hold: bool,
    /// Whether to look at what survived.
    pub measure: bool,
}

/// All that is kept from one frame to the next.
#[derive(Clone, Debug, PartialEq)]
struct Memory {
    tracker: Tracker,
    audience: Audience,
    seats: Vec<Seat>,
    eyelids: Option<(u64, Eyelids)>,
}

impl Memory {
    fn blank(mirror: &Mirror, settings: Settings) -> Self {
        let size = mirror.painter().latent_size();
        let seats = settings.faces.max(1);
        Self {
            tracker: Tracker::new(),
            audience: Audience::new(seats),
            seats: (1..=seats as u64).map(|seed| Seat::new(size, seed)).collect(),
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

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The faces, the surest first.
    pub faces: Vec<Noticed>,
    /// The seats and their glasses, from left to right.
    pub seats: Vec<Seated>,
    /// For how many seconds the first viewer's eyes have been closed.
    pub eyes_closed_secs: f64,
    /// What the glasses are to show now.
    pub scene: Scene,
}

impl Live {
    /// A mirror before which nobody has stood yet.
    pub fn new(mirror: Arc<Mirror>, settings: Settings) -> Self {
        let memory = Memory::blank(&mirror, settings);
        let glasses = Arc::new(Glasses::new(mirror.clone(), settings.faces.max(1)));
        Self { mirror, settings, memory, glasses, epoch: 0 }
    }

    /// The mirror.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// What draws the scenes; another thread may.
    pub fn glasses(&self) -> &Arc<Glasses> {
        &self.glasses
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
        // Before the pool: its threads must not wait for whoever draws, as they draw themselves.
        let hang = self.glasses.shown();
        kernels::on_pool(|| {
            let seen = picture.map_or_else(|| Ok(Vec::new()), |picture| self.mirror.look(picture))?;
            let faces = self.notice(seen, at);
            let eyes_closed_secs = self.watch_eyelids(picture, &faces, at);
            let (seats, scene) = self.seat(&faces, &hang, direction, reflects, at);
            Ok(Glance { faces, seats, eyes_closed_secs, scene })
        })
    }

    /// What whoever sits there is to see.
    fn seat(
        &mut self,
        faces: &[Noticed],
        hang: &[Shown],
        direction: &Direction,
        reflects: bool,
        at: f64,
    ) -> (Vec<Seated>, Scene) {
        let viewers = self.memory.audience.viewers();
        let of = |id: u64| faces.iter().find(|f| f.id == Some(id)).map(|f| &f.seen);
        let mirror = &self.mirror;
        let look = |(i, (seat, viewer)): (usize, (&mut Seat, Option<u64>))| {
            let viewer = viewer.filter(|_| reflects);
            seat.look(mirror, viewer, viewer.and_then(of), hang.get(i), direction, at)
        };
        let (seats, wanted) = self.memory.seats.iter_mut().zip(viewers).enumerate().map(look).unzip();
        (seats, Scene { epoch: self.epoch, wanted })
    }

    /// Forgets everybody at once, and waits for the picture that is being drawn.
    pub fn forget(&mut self) {
        self.memory = Memory::blank(&self.mirror, self.settings);
        self.epoch += 1;
        self.glasses.forget(self.epoch);
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

/// What is under these locks is whole whenever it can panic, or forgotten after it did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{somebody, untaught};
    use crate::features::FeatureVector;
    use crate::inverter::tests::features;
    use crate::latent::Latent;
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

    /// What a look comes to in which the eyes see this.
    fn glance(live: &mut Live, seen: Vec<Seen>, direction: &Direction, reflects: bool, at: f64) -> Glance {
        let (hang, faces) = (live.glasses.shown(), live.notice(seen, at));
        let (seats, scene) = live.seat(&faces, &hang, direction, reflects, at);
        Glance { faces, seats, eyes_closed_secs: 0.0, scene }
    }

    /// The same, and the first reflection drawn.
    fn step(live: &mut Live, seen: &[Seen], direction: &Direction, reflects: bool, at: f64) -> (Glance, Shown) {
        let glance = glance(live, seen.to_vec(), direction, reflects, at);
        let shown = live.glasses.draw(&glance.scene, at).remove(0);
        (glance, shown)
    }

    /// Frames from one time to another, and what the last came to.
    fn watch(live: &mut Live, seen: &[Seen], from: f64, to: f64) -> (Glance, Shown) {
        let frames = ((to - from) / FRAME).ceil() as usize;
        let step = |i| step(live, seen, &Direction::default(), true, from + i as f64 * FRAME);
        (0..frames).map(step).last().expect("a frame at least")
    }

    fn memory(live: &Live) -> impl PartialEq + std::fmt::Debug + use<> {
        (live.memory.clone(), live.glasses.memory())
    }

    #[test]
    fn alone_the_mirror_dreams_and_the_dream_drifts() {
        let mut live = live(1);
        let (_, first) = watch(&mut live, &[], 0.0, 0.1);
        let before = live.glasses.place();
        let (_, later) = watch(&mut live, &[], 0.1, 5.0);
        assert!(first.viewer.is_none() && later.viewer.is_none() && first.image.data.len() == later.image.data.len());
        assert_ne!(live.glasses.place(), before);
    }

    #[test]
    fn a_visitor_is_reflected_within_a_second() {
        let mut live = live(1);
        watch(&mut live, &[], 0.0, 1.0);
        let (glance, shown) = watch(&mut live, &[visitor(3, 0.0)], 1.0, 2.0);
        assert_eq!((shown.viewer, shown.arrived), (glance.faces[0].id, 1.0));
        assert!(shown.viewer.is_some() && glance.seats[0].viewer == shown.viewer && glance.seats[0].arrived > 0.9);
    }

    #[test]
    fn two_seconds_after_they_left_it_makes_no_difference_who_was_there() {
        let after = |seen: &[Seen]| {
            let mut live = live(2);
            watch(&mut live, &[], 0.0, 1.0);
            watch(&mut live, seen, 1.0, 3.0);
            let (glance, _) = watch(&mut live, &[], 3.0, 5.0);
            assert!(glance.faces.is_empty() && glance.seats.iter().all(|s| s.viewer.is_none() && s.survival.is_none()));
            memory(&live)
        };
        assert_eq!(after(&[visitor(3, 0.0)]), after(&[visitor(8, 30.0)]));
    }

    #[test]
    fn forgetting_leaves_a_mirror_before_which_nobody_has_stood() {
        let mut live = live(1);
        let blank = memory(&live);
        let (glance, _) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 1.0);
        assert_ne!(memory(&live), blank);
        live.forget();
        assert_eq!(memory(&live), blank);
        // What was looked at before and comes to be drawn only now.
        assert!(live.glasses.draw(&glance.scene, 1.0).is_empty());
        assert_eq!(memory(&live), blank);
    }

    #[test]
    fn while_a_picture_is_drawn_the_eyes_go_on_and_the_next_is_of_the_newest_look() {
        // Each picture takes as long as seven frames.
        let (mut live, mut pictures) = (live(1), Vec::new());
        for i in 0..210 {
            let at = f64::from(i) * FRAME;
            let x = if at < 3.0 { 0.0 } else { 20.0 };
            let seen = if (1.0..6.0).contains(&at) { vec![visitor(3, x)] } else { Vec::new() };
            let glance = glance(&mut live, seen, &Direction::default(), true, at);
            if i % 7 == 6 {
                let before = live.glasses.place();
                let shown = live.glasses.draw(&glance.scene, at).remove(0);
                assert_eq!(shown.viewer, glance.seats[0].viewer);
                pictures.push((before, live.glasses.place(), shown));
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
    fn one_thread_looks_while_another_draws() {
        let mut live = Live::new(Arc::new(untaught(0.0)), Settings { faces: 2, let_go_of_still: true });
        let (glasses, scenes) = (live.glasses.clone(), frame::Latest::new());
        let drawn = std::thread::scope(|threads| {
            let draw = threads.spawn(|| {
                let mut times = Vec::new();
                while let Some((scene, at)) = scenes.take(std::time::Duration::from_secs(60)) {
                    times.extend(glasses.draw(&scene, at).first().map(|s| s.at));
                }
                times
            });
            let picture = crate::features::tests::smooth_picture(96);
            for i in 0..12 {
                let at = f64::from(i) * FRAME;
                let direction = Direction { measure: i > 5, ..Direction::default() };
                scenes.put((live.look(Some(&picture), &direction, true, at).unwrap().scene, at));
            }
            scenes.close();
            draw.join().unwrap()
        });
        assert_eq!(drawn.last(), Some(&(11.0 * FRAME)));
        assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
    }

    #[test]
    fn who_takes_over_is_melted_into() {
        let mut live = live(1);
        let mut near = visitor(8, 200.0);
        (near.face.rect.w, near.face.rect.h) = (2.0 * near.face.rect.w, 2.0 * near.face.rect.h);
        let first = watch(&mut live, &[visitor(3, 0.0)], 0.0, 2.0).1.viewer;
        let (mut from, mut arrivals) = (2.0, Vec::new());
        while arrivals.last() != Some(&1.0) || arrivals.len() < 20 {
            let (_, shown) = watch(&mut live, &[visitor(3, 0.0), near.clone()], from, from + FRAME);
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
            let at = f64::from(i) * FRAME;
            let (glance, shown) = step(&mut live, &[visitor(3, 0.0)], &Direction::default(), false, at);
            assert_eq!((glance.seats[0].viewer, shown.viewer), (None, None));
        }
    }

    #[test]
    fn a_painted_face_is_let_go_unless_pictures_stand_in_for_people() {
        for (let_go_of_still, reflects) in [(true, false), (false, true)] {
            let mut live = Live::new(Arc::new(untaught(1.0)), Settings { faces: 1, let_go_of_still });
            let (glance, shown) = watch(&mut live, &[visitor(3, 0.0)], 0.0, 24.0);
            assert_eq!((glance.faces[0].still, shown.viewer.is_some()), (let_go_of_still, reflects));
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
                step(&mut live, &[visitor(3, 0.0)], &hold, true, f64::from(i) * FRAME);
            }
            let features = second.features.clone();
            let mut changed = visitor(3, 0.0);
            changed.features = features;
            let seen = [changed];
            (40..80).map(|i| step(&mut live, &seen, &hold, true, f64::from(i) * FRAME).1.image).last()
        };
        let same = run(&visitor(3, 0.0));
        let other = somebody(FeatureVector::new([9.0; crate::features::FEATURES]).expect("finite"));
        assert_eq!(run(&other), same);
    }
}
