//! Who is who from frame to frame, and who never moves.
//!
//! A face belongs to the track whose last place it overlaps most, or lies nearest to where somebody stepped aside fast. A
//! painted or printed face keeps its place for good; nobody who breathes does. Somebody who stands before it does not make it new.

use super::geometry::{Landmarks, Rect};
use std::collections::VecDeque;

/// Seconds after which a face that is not seen has no track any more.
pub const KEEP_SECS: f64 = 0.7;
/// Seconds for which a painted face that is hidden is remembered, and how much of its place must be covered by a face that is it again.
const REMEMBER_PAINTED_SECS: f64 = 600.0;
const SAME_PLACE_IOU: f32 = 0.8;
/// Seconds without movement after which a face counts as painted.
pub const STILL_SECS: usize = 20;
/// Faces that are followed at a time; the largest win.
const MAX_FACES: usize = 32;
/// By how much the area of a newcomer must be larger, as faces of about one size would take turns from frame to frame.
const LARGER: f32 = 1.5;
/// Least overlap (intersection over union) with the place before.
const MIN_IOU: f32 = 0.2;
/// Farthest step between two frames without overlap, in widths of the face, and the largest change of its width.
const MAX_STEP: f32 = 0.8;
const MAX_GROWTH: f32 = 1.5;
/// Movement, in widths of the face, below which a face does not move. Detector and landmark net tremble by less than half of it
/// on average over a second; people who try to stand still sway by several times as much.
const STILL: f32 = 0.01;

/// One face over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its name: never given twice by one tracker.
    pub id: u64,
    /// Where it was seen last, pixels.
    pub rect: Rect,
    /// When it was seen first, seconds.
    pub since: f64,
    /// When it was seen last, seconds.
    pub last: f64,
    movement: Movement,
}

impl Track {
    /// Whether it has kept its place for [`STILL_SECS`], as only pictures of people do.
    pub fn is_still(&self) -> bool {
        self.movement.is_still()
    }
}

/// Gives faces their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracker {
    tracks: Vec<Track>,
    named: u64,
}

impl Tracker {
    /// Of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// The faces of the frame at `at` seconds; gives back the track of each, in their order. `None` for the smallest ones of a
    /// crowd that is too large.
    pub fn follow(&mut self, faces: &[(Rect, &Landmarks)], at: f64) -> Vec<Option<u64>> {
        let is_gone = |t: &Track| at - t.last > KEEP_SECS;
        self.tracks.retain(|t| !is_gone(t) || t.is_still() && at - t.last <= REMEMBER_PAINTED_SECS);

        // Faces that may belong to a track, the likeliest first.
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (t, track) in self.tracks.iter().enumerate() {
            let least = if is_gone(track) { SAME_PLACE_IOU } else { 0.0 };
            let fits = |face: &Rect| likeness(&track.rect, face).filter(|likeness| *likeness >= least);
            pairs.extend(faces.iter().enumerate().filter_map(|(f, face)| Some((fits(&face.0)?, t, f))));
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));

        // Each track takes the first that is still free.
        let (mut names, mut taken) = (vec![None; faces.len()], vec![false; self.tracks.len()]);
        for (_, t, f) in pairs {
            if names[f].is_none() && !taken[t] {
                taken[t] = true;
                let track = &mut self.tracks[t];
                names[f] = Some(track.id);
                track.rect = faces[f].0;
                track.last = at;
                track.movement.add(&faces[f].0, faces[f].1, at);
            }
        }

        // The others begin tracks of their own, the largest first. Where there is no room, one yields that matters less.
        let mut new: Vec<usize> = (0..faces.len()).filter(|f| names[*f].is_none()).collect();
        new.sort_by(|a, b| area(&faces[*b].0).total_cmp(&area(&faces[*a].0)));
        for f in new {
            let (rect, landmarks) = faces[f];
            if self.tracks.len() >= MAX_FACES {
                let Some(yields) = self.least(&rect, at) else { break };
                let gone = self.tracks.swap_remove(yields).id;
                names.iter_mut().filter(|name| **name == Some(gone)).for_each(|name| *name = None);
            }
            self.named += 1;
            names[f] = Some(self.named);
            let mut movement = Movement::default();
            movement.add(&rect, landmarks, at);
            self.tracks.push(Track { id: self.named, rect, since: at, last: at, movement });
        }
        names
    }

    /// Which track yields to a newcomer: a painted face that is not seen now, else the smallest painted one, else the smallest, if the newcomer is
    /// larger.
    fn least(&self, newcomer: &Rect, at: f64) -> Option<usize> {
        let is_unseen = |t: &Track| t.is_still() && t.last < at;
        let rank = |t: &Track| (!is_unseen(t), !t.is_still());
        let least = self
            .tracks
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| rank(a).cmp(&rank(b)).then(area(&a.rect).total_cmp(&area(&b.rect))));
        least.filter(|(_, t)| is_unseen(t) || LARGER * area(&t.rect) < area(newcomer)).map(|(i, _)| i)
    }

    /// A track that is still kept.
    pub fn get(&self, id: u64) -> Option<&Track> {
        self.tracks.iter().find(|t| t.id == id)
    }

    /// All that are kept, hidden painted faces included.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }
}

/// How well a face fits a place: the overlap, or less than any overlap where it only lies near; `None` for somebody else.
fn likeness(before: &Rect, now: &Rect) -> Option<f32> {
    let overlap = before.iou(now);
    if overlap >= MIN_IOU {
        return Some(overlap);
    }
    let width = before.w.max(now.w).max(1.0);
    let step = centre(before).iter().zip(centre(now)).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt() / width;
    let growth = (now.w.max(1.0) / before.w.max(1.0)).ln().abs();
    (step <= MAX_STEP && growth <= MAX_GROWTH.ln()).then(|| MIN_IOU * (1.0 - step / MAX_STEP))
}

fn centre(rect: &Rect) -> [f32; 2] {
    [rect.x + rect.w / 2.0, rect.y + rect.h / 2.0]
}

fn area(rect: &Rect) -> f32 {
    rect.w * rect.h
}

/// Where a face was, second by second: means, so that the trembling of the nets does not count.
#[derive(Clone, Debug, Default, PartialEq)]
struct Movement {
    seconds: VecDeque<[f32; 3]>,
    sum: [f32; 3],
    frames: u32,
    began: f64,
    width: f32,
}

impl Movement {
    fn add(&mut self, rect: &Rect, landmarks: &Landmarks, at: f64) {
        if self.frames > 0 && at - self.began >= 1.0 {
            let mean = self.sum.map(|s| s / self.frames as f32);
            self.seconds.push_back(mean);
            if self.seconds.len() > STILL_SECS {
                self.seconds.pop_front();
            }
            (self.sum, self.frames) = ([0.0; 3], 0);
        }
        if self.frames == 0 {
            self.began = at;
        }
        let n = landmarks.points.len() as f32;
        let mean = |k: usize| landmarks.points.iter().map(|p| p[k]).sum::<f32>() / n;
        let place = [mean(0), mean(1), rect.w];
        self.sum.iter_mut().zip(place).for_each(|(s, p)| *s += p);
        self.frames += 1;
        self.width = rect.w;
    }

    fn is_still(&self) -> bool {
        let range = |k: usize| {
            let values = self.seconds.iter().map(|s| s[k]);
            let (low, high) = values.fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
            high - low
        };
        // The width follows the box, which trembles more than the points.
        let bounds = [STILL, STILL, 2.0 * STILL];
        self.seconds.len() == STILL_SECS && (0..3).all(|k| range(k) < bounds[k] * self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::align::Similarity;
    use nn::Rng;

    fn face(x: f32, width: f32) -> (Rect, Landmarks) {
        let rect = Rect { x, y: 100.0, w: width, h: 1.25 * width };
        let points =
            Landmarks::schematic().map(&Similarity::new(width / 2.5, 0.0, [x + width / 2.0, 100.0 + width / 2.0]));
        (rect, points)
    }

    fn follow(tracker: &mut Tracker, faces: &[(Rect, Landmarks)], at: f64) -> Vec<u64> {
        let faces: Vec<(Rect, &Landmarks)> = faces.iter().map(|(r, l)| (*r, l)).collect();
        tracker.follow(&faces, at).into_iter().flatten().collect()
    }

    #[test]
    fn two_who_walk_keep_their_names_in_whatever_order_they_are_found() {
        let mut tracker = Tracker::new();
        let first = follow(&mut tracker, &[face(50.0, 80.0), face(400.0, 90.0)], 0.0);
        assert_ne!(first[0], first[1]);
        for i in 1..20 {
            let step = 8.0 * i as f32;
            let (a, b) = (face(50.0 + step, 80.0), face(400.0 - step / 2.0, 90.0));
            let names = follow(&mut tracker, &[b, a], f64::from(i) * 0.03);
            assert_eq!(names, [first[1], first[0]], "frame {i}");
        }
    }

    #[test]
    fn a_short_absence_is_forgiven_and_a_long_one_forgotten() {
        let mut tracker = Tracker::new();
        let name = follow(&mut tracker, &[face(50.0, 80.0)], 0.0);
        follow(&mut tracker, &[], 0.3);
        assert_eq!(follow(&mut tracker, &[face(60.0, 80.0)], 0.6), name);
        follow(&mut tracker, &[], 0.6 + KEEP_SECS + 0.1);
        assert_eq!(tracker.tracks(), []);
        assert_ne!(follow(&mut tracker, &[face(60.0, 80.0)], 2.0), name);
    }

    #[test]
    fn a_jump_to_the_side_is_the_same_person_and_one_across_the_room_another() {
        let mut tracker = Tracker::new();
        let name = follow(&mut tracker, &[face(50.0, 80.0)], 0.0);
        assert_eq!(follow(&mut tracker, &[face(105.0, 84.0)], 0.1), name);
        assert_ne!(follow(&mut tracker, &[face(305.0, 84.0)], 0.2), name);
        assert_ne!(follow(&mut tracker, &[face(110.0, 30.0)], 0.3), name, "a small face behind the large one");
    }

    /// Frames of `seconds`, the face at `path(seconds)`, trembling as the nets do.
    fn watch(tracker: &mut Tracker, seconds: std::ops::Range<usize>, path: impl Fn(f32) -> f32) -> u64 {
        let mut rng = Rng::new(4);
        let mut name = 0;
        for i in seconds.start * 10..seconds.end * 10 {
            let at = i as f32 / 10.0;
            name = follow(tracker, &[face(path(at) + 0.6 * rng.normal(), 120.0 + rng.normal())], f64::from(at))[0];
        }
        name
    }

    #[test]
    fn a_painted_face_is_let_go_and_a_living_one_is_not() {
        let mut tracker = Tracker::new();
        let painted = watch(&mut tracker, 0..15, |_| 200.0);
        assert!(!tracker.get(painted).unwrap().is_still(), "too early to tell");
        watch(&mut tracker, 15..23, |_| 200.0);
        assert!(tracker.get(painted).unwrap().is_still());
        // Somebody carries it away.
        watch(&mut tracker, 23..26, |at| 200.0 + 4.0 * (at - 23.0));
        assert!(!tracker.get(painted).unwrap().is_still());
        let mut tracker = Tracker::new();
        let living = watch(&mut tracker, 0..40, |at| 200.0 + 2.0 * (at / 2.0).sin());
        assert!(!tracker.get(living).unwrap().is_still());
    }

    #[test]
    fn a_crowd_is_followed_up_to_a_bound() {
        let crowd: Vec<(Rect, Landmarks)> = (0..50).map(|i| face(40.0 * i as f32, 20.0 + (i % 7) as f32)).collect();
        let faces: Vec<(Rect, &Landmarks)> = crowd.iter().map(|(r, l)| (*r, l)).collect();
        let mut tracker = Tracker::new();
        assert_eq!(tracker.follow(&faces, 0.0).iter().flatten().count(), MAX_FACES);
        assert_eq!(tracker.follow(&faces, 0.1).iter().flatten().count(), MAX_FACES);
    }

    #[test]
    fn who_comes_before_a_wall_of_portraits_is_followed() {
        let mut wall: Vec<(Rect, Landmarks)> = (0..40).map(|i| face(60.0 * i as f32, 20.0 + (i % 7) as f32)).collect();
        let mut tracker = Tracker::new();
        let mut look = |wall: &[(Rect, Landmarks)], at: f64| {
            let faces: Vec<(Rect, &Landmarks)> = wall.iter().map(|(r, l)| (*r, l)).collect();
            tracker.follow(&faces, at)
        };
        let before = (0..30 * 25).map(|i| look(&wall, f64::from(i) / 30.0)).last().unwrap();
        wall.push(face(3000.0, 80.0));
        let with_somebody: Vec<_> = (0..5).map(|i| look(&wall, 25.0 + f64::from(i) / 30.0)).collect();
        let newcomer = with_somebody[0][40];
        assert!(newcomer.is_some() && with_somebody.iter().all(|names| names[40] == newcomer));
        // Of the portraits one had to yield, one of the smallest; the others are who they were.
        let changed = (0..40).filter(|i| with_somebody[4][*i] != before[*i]).count();
        assert_eq!((changed, with_somebody[4].iter().flatten().count()), (1, MAX_FACES));
    }
}
