//! Differences between two landmarks: the candidates of the greedy search (Gacav, Benligiray and Topal, "Greedy search for
//! descriptive spatial face features" (2017), section 2).

use crate::face::{LANDMARKS, Landmarks};

/// Candidates: an x and a y difference for each of the 2,278 pairs of landmarks.
pub const CANDIDATES: usize = LANDMARKS * (LANDMARKS - 1);

/// One candidate: landmark `first` minus landmark `second`, `first < second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spatial {
    /// Index of a landmark.
    pub first: usize,
    /// Index of a later landmark.
    pub second: usize,
    /// 0 for x, 1 for y.
    pub axis: usize,
}

impl Spatial {
    /// The candidate at a place in the paper's order: pair by pair, the first landmark outermost, x before y. `None` from
    /// [`CANDIDATES`] on.
    pub fn at(index: usize) -> Option<Self> {
        let (mut pair, axis) = (index / 2, index % 2);
        for first in 0..LANDMARKS {
            let pairs = LANDMARKS - 1 - first;
            if pair < pairs {
                return Some(Self { first, second: first + 1 + pair, axis });
            }
            pair -= pairs;
        }
        None
    }

    /// Its value, in the unit of the landmarks.
    pub fn of(self, landmarks: &Landmarks) -> f32 {
        landmarks.points[self.first][self.axis] - landmarks.points[self.second][self.axis]
    }

    /// Such as `48-54/x`.
    pub fn name(self) -> String {
        format!("{}-{}/{}", self.first, self.second, ["x", "y"][self.axis])
    }
}

/// All candidates of a face, in order.
pub fn candidates(landmarks: &Landmarks) -> Vec<f32> {
    let mut values = Vec::with_capacity(CANDIDATES);
    for (i, a) in landmarks.points.iter().enumerate() {
        for b in &landmarks.points[i + 1..] {
            values.extend([a[0] - b[0], a[1] - b[1]]);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_pair_by_pair_x_first() {
        let face = Landmarks { points: std::array::from_fn(|i| [(i * i) as f32, (3 * i) as f32]) };
        let values = candidates(&face);
        assert_eq!(values.len(), 4556);
        for (i, v) in values.iter().enumerate() {
            assert_eq!(Spatial::at(i).unwrap().of(&face), *v);
        }
        let name = |i: usize| Spatial::at(i).unwrap().name();
        assert_eq!(
            [name(0), name(1), name(2), name(133), name(134), name(4555)],
            ["0-1/x", "0-1/y", "0-2/x", "0-67/y", "1-2/x", "66-67/y"]
        );
        assert_eq!(Spatial::at(4556), None);
    }
}
