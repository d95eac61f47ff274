//! Who is reflected: the nearest faces that stay, and no hurry to exchange them.

use super::LEAVE_SECS;

/// How much larger the face of somebody else must be than that of whoever is reflected.
const NEARER: f32 = 1.4;
/// For how many seconds it must be so.
const PATIENCE_SECS: f64 = 1.0;
/// Seconds that a face must be there before it is reflected: what the detector sees for a frame or two is none.
const ARRIVE_SECS: f64 = 0.1;

/// Somebody who may be reflected.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Name of the track.
    pub id: u64,
    /// Size of the face: who is nearer has a larger one.
    pub area: f32,
    /// When it was seen first, seconds.
    pub since: f64,
}

/// The seats before the mirror, one a reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Audience {
    seats: Vec<Option<Viewer>>,
    /// Who would take a seat, and since when.
    challenger: Option<(u64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Viewer {
    id: u64,
    last: f64,
}

impl Audience {
    /// For so many reflections, all seats free.
    pub fn new(seats: usize) -> Self {
        Self { seats: vec![None; seats.max(1)], challenger: None }
    }

    /// Those who are seen at `at` seconds come, stay or go; afterwards [`Audience::viewers`] says who sits where. Who sits keeps the
    /// seat until they have been away for [`LEAVE_SECS`], or somebody else is clearly nearer for a while.
    pub fn admit(&mut self, seen: &[Candidate], at: f64) {
        let of = |id: u64| seen.iter().find(|c| c.id == id);
        for seat in &mut self.seats {
            if let Some(viewer) = seat {
                match of(viewer.id) {
                    Some(_) => viewer.last = at,
                    None if at - viewer.last > LEAVE_SECS => *seat = None,
                    None => {}
                }
            }
        }
        let seats = self.seats.clone();
        let sits = |id: u64| seats.iter().flatten().any(|v| v.id == id);
        let mut waiting: Vec<&Candidate> = seen.iter().filter(|c| !sits(c.id) && at - c.since >= ARRIVE_SECS).collect();
        waiting.sort_by(|a, b| b.area.total_cmp(&a.area));
        let mut waiting = waiting.into_iter();
        for seat in self.seats.iter_mut().filter(|s| s.is_none()) {
            *seat = waiting.next().map(|c| Viewer { id: c.id, last: at });
        }
        self.challenge(waiting.next(), seen, at);
    }

    fn challenge(&mut self, nearest: Option<&Candidate>, seen: &[Candidate], at: f64) {
        let area = |seat: &Option<Viewer>| seat.and_then(|v| seen.iter().find(|c| c.id == v.id)).map(|c| c.area);
        let farthest =
            (0..self.seats.len()).filter_map(|i| Some((i, area(&self.seats[i])?))).min_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(nearest), Some((seat, area))) = (nearest, farthest) else {
            self.challenger = None;
            return;
        };
        if nearest.area < NEARER * area {
            self.challenger = None;
            return;
        }
        let since = self.challenger.filter(|(id, _)| *id == nearest.id).map_or(at, |(_, since)| since);
        self.challenger = Some((nearest.id, since));
        if at - since >= PATIENCE_SECS {
            self.seats[seat] = Some(Viewer { id: nearest.id, last: at });
            self.challenger = None;
        }
    }

    /// Who sits on each seat.
    pub fn viewers(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.seats.iter().map(|s| s.map(|v| v.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `seen` are names and areas; everybody has been there for a while.
    fn admit(audience: &mut Audience, seen: &[(u64, f32)], at: f64) -> Vec<Option<u64>> {
        let seen: Vec<Candidate> =
            seen.iter().map(|(id, area)| Candidate { id: *id, area: *area, since: -1.0 }).collect();
        audience.admit(&seen, at);
        audience.viewers().collect()
    }

    #[test]
    fn the_nearest_comes_first_and_stays_though_another_is_as_near() {
        let mut audience = Audience::new(1);
        assert_eq!(admit(&mut audience, &[(1, 50.0), (2, 80.0)], 0.0), [Some(2)]);
        for i in 1..50 {
            assert_eq!(admit(&mut audience, &[(1, 90.0), (2, 80.0)], f64::from(i) * 0.1), [Some(2)]);
        }
    }

    #[test]
    fn who_is_clearly_nearer_for_a_second_takes_over_and_who_is_for_a_moment_does_not() {
        let mut audience = Audience::new(1);
        admit(&mut audience, &[(2, 80.0)], 0.0);
        for i in 1..30 {
            let passing = if i % 8 == 0 { 80.0 } else { 160.0 };
            assert_eq!(admit(&mut audience, &[(1, passing), (2, 80.0)], f64::from(i) * 0.1), [Some(2)]);
        }
        assert_eq!(admit(&mut audience, &[(1, 160.0), (2, 80.0)], 3.0), [Some(2)]);
        assert_eq!(admit(&mut audience, &[(1, 160.0), (2, 80.0)], 4.1), [Some(1)]);
    }

    #[test]
    fn a_seat_is_kept_for_a_moment_and_then_free() {
        let mut audience = Audience::new(1);
        admit(&mut audience, &[(1, 80.0)], 0.0);
        assert_eq!(admit(&mut audience, &[(2, 70.0)], LEAVE_SECS - 0.1), [Some(1)]);
        assert_eq!(admit(&mut audience, &[(2, 70.0)], LEAVE_SECS + 0.1), [Some(2)]);
        assert_eq!(admit(&mut audience, &[], 3.0 * LEAVE_SECS), [None]);
    }

    #[test]
    fn several_seats_are_taken_by_the_nearest_and_nobody_changes_places() {
        let mut audience = Audience::new(3);
        assert_eq!(admit(&mut audience, &[(1, 50.0), (2, 80.0)], 0.0), [Some(2), Some(1), None]);
        let crowd = [(3, 60.0), (1, 50.0), (2, 80.0), (4, 90.0)];
        assert_eq!(admit(&mut audience, &crowd, 0.1), [Some(2), Some(1), Some(4)]);
        assert_eq!(admit(&mut audience, &crowd[..3], 0.2), [Some(2), Some(1), Some(4)]);
        assert_eq!(admit(&mut audience, &crowd[..3], 2.0), [Some(2), Some(1), Some(3)]);
    }

    #[test]
    fn a_face_of_one_frame_is_nobody() {
        let mut audience = Audience::new(1);
        audience.admit(&[Candidate { id: 1, area: 50.0, since: 3.0 }], 3.0);
        assert_eq!(audience.viewers().collect::<Vec<_>>(), [None]);
    }
}
