//! Which viewers are reflected: the nearest faces that stay, and no hurry to exchange them.

use super::settings::LEAVE_SECS;

/// How much larger the face of somebody else must be than that of whoever is reflected.
const NEARER_AREA: f32 = 1.4;
/// For how many seconds it must be so.
const PATIENCE_SECS: f64 = 1.0;

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

/// Assigns viewers to the slots of the mirror, one a reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotAssignment {
    slots: Vec<Option<Viewer>>,
    /// Seconds that a face must be there before it takes a slot.
    arrive_secs: f64,
    /// Who is about to take a slot, and since when.
    challenger: Option<(u64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Viewer {
    id: u64,
    last: f64,
}

impl SlotAssignment {
    /// For so many reflections, all slots free.
    pub fn new(slots: usize, arrive_secs: f64) -> Self {
        Self { slots: vec![None; slots], arrive_secs, challenger: None }
    }

    /// Updates the slots from those who are seen at `at` seconds; afterwards [`SlotAssignment::viewers`] says who has which. A viewer keeps
    /// the slot until they have been away for [`LEAVE_SECS`], or somebody else is clearly nearer for a while.
    pub fn update(&mut self, seen: &[Candidate], at: f64) {
        // Who has been away for too long leaves.
        let of = |id: u64| seen.iter().find(|c| c.id == id);
        for slot in &mut self.slots {
            if let Some(viewer) = slot {
                match of(viewer.id) {
                    Some(_) => viewer.last = at,
                    None if at - viewer.last > LEAVE_SECS => *slot = None,
                    None => {}
                }
            }
        }

        // The nearest take what is free.
        let slots = self.slots.clone();
        let is_assigned = |id: u64| slots.iter().flatten().any(|v| v.id == id);
        let mut waiting: Vec<&Candidate> =
            seen.iter().filter(|c| !is_assigned(c.id) && at - c.since >= self.arrive_secs).collect();
        waiting.sort_by(|a, b| b.area.total_cmp(&a.area));
        let mut waiting = waiting.into_iter();
        for slot in self.slots.iter_mut().filter(|s| s.is_none()) {
            *slot = waiting.next().map(|c| Viewer { id: c.id, last: at });
        }

        self.challenge(waiting.next(), seen, at);
    }

    /// Gives the slot of the farthest viewer to the nearest who waits, once that one has been clearly nearer for [`PATIENCE_SECS`].
    fn challenge(&mut self, nearest: Option<&Candidate>, seen: &[Candidate], at: f64) {
        let area = |slot: &Option<Viewer>| slot.and_then(|v| seen.iter().find(|c| c.id == v.id)).map(|c| c.area);
        let farthest =
            (0..self.slots.len()).filter_map(|i| Some((i, area(&self.slots[i])?))).min_by(|a, b| a.1.total_cmp(&b.1));
        let (Some(nearest), Some((slot, area))) = (nearest, farthest) else {
            self.challenger = None;
            return;
        };
        if nearest.area < NEARER_AREA * area {
            self.challenger = None;
            return;
        }
        let since = self.challenger.filter(|(id, _)| *id == nearest.id).map_or(at, |(_, since)| since);
        self.challenger = Some((nearest.id, since));
        if at - since >= PATIENCE_SECS {
            self.slots[slot] = Some(Viewer { id: nearest.id, last: at });
            self.challenger = None;
        }
    }

    /// Who has each slot.
    pub fn viewers(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.slots.iter().map(|s| s.map(|v| v.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::ARRIVE_SECS;

    /// `seen` are names and areas; everybody has been there for a while.
    fn update(assignment: &mut SlotAssignment, seen: &[(u64, f32)], at: f64) -> Vec<Option<u64>> {
        let seen: Vec<Candidate> =
            seen.iter().map(|(id, area)| Candidate { id: *id, area: *area, since: -1.0 }).collect();
        assignment.update(&seen, at);
        assignment.viewers().collect()
    }

    #[test]
    fn the_nearest_comes_first_and_stays_though_another_is_as_near() {
        let mut assignment = SlotAssignment::new(1, ARRIVE_SECS);
        assert_eq!(update(&mut assignment, &[(1, 50.0), (2, 80.0)], 0.0), [Some(2)]);
        for i in 1..50 {
            assert_eq!(update(&mut assignment, &[(1, 90.0), (2, 80.0)], f64::from(i) * 0.1), [Some(2)]);
        }
    }

    #[test]
    fn who_is_clearly_nearer_for_a_second_takes_over_and_who_is_for_a_moment_does_not() {
        let mut assignment = SlotAssignment::new(1, ARRIVE_SECS);
        update(&mut assignment, &[(2, 80.0)], 0.0);
        for i in 1..30 {
            let passing = if i % 8 == 0 { 80.0 } else { 160.0 };
            assert_eq!(update(&mut assignment, &[(1, passing), (2, 80.0)], f64::from(i) * 0.1), [Some(2)]);
        }
        assert_eq!(update(&mut assignment, &[(1, 160.0), (2, 80.0)], 3.0), [Some(2)]);
        assert_eq!(update(&mut assignment, &[(1, 160.0), (2, 80.0)], 4.1), [Some(1)]);
    }

    #[test]
    fn a_slot_is_kept_for_a_moment_and_then_free() {
        let mut assignment = SlotAssignment::new(1, ARRIVE_SECS);
        update(&mut assignment, &[(1, 80.0)], 0.0);
        assert_eq!(update(&mut assignment, &[(2, 70.0)], LEAVE_SECS - 0.1), [Some(1)]);
        assert_eq!(update(&mut assignment, &[(2, 70.0)], LEAVE_SECS + 0.1), [Some(2)]);
        assert_eq!(update(&mut assignment, &[], 3.0 * LEAVE_SECS), [None]);
    }

    #[test]
    fn several_slots_are_taken_by_the_nearest_and_nobody_changes_places() {
        let mut assignment = SlotAssignment::new(3, ARRIVE_SECS);
        assert_eq!(update(&mut assignment, &[(1, 50.0), (2, 80.0)], 0.0), [Some(2), Some(1), None]);
        let crowd = [(3, 60.0), (1, 50.0), (2, 80.0), (4, 90.0)];
        assert_eq!(update(&mut assignment, &crowd, 0.1), [Some(2), Some(1), Some(4)]);
        assert_eq!(update(&mut assignment, &crowd[..3], 0.2), [Some(2), Some(1), Some(4)]);
        assert_eq!(update(&mut assignment, &crowd[..3], 2.0), [Some(2), Some(1), Some(3)]);
    }

    #[test]
    fn a_face_of_one_frame_is_nobody() {
        let mut assignment = SlotAssignment::new(1, ARRIVE_SECS);
        assignment.update(&[Candidate { id: 1, area: 50.0, since: 3.0 }], 3.0);
        assert_eq!(assignment.viewers().collect::<Vec<_>>(), [None]);
    }
}
