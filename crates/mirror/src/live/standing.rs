//! Where a viewer stands among the members of the archive, followed over time.

use crate::archive::{Atlas, Standing};
use crate::features::FeatureVector;

/// From one look into the archive to the next, seconds.
const LOOK_SECS: f64 = 0.4;
/// Seconds in which the scores cover two thirds of their way to what is observed: the nearest member shall not flicker.
const SMOOTH_SECS: f64 = 1.0;

/// Smooths one viewer's scores among the members, and looks into the archive a few times a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StandingFollower {
    scores: Vec<f32>,
    /// When they were last observed, seconds.
    at: f64,
    /// What the last look found, and when it was.
    last: Option<(Standing, f64)>,
}

impl StandingFollower {
    /// Takes in what was observed at `at` seconds, the first time as it is. Of a viewer who is hidden for a moment all stays as it was; without an atlas
    /// all is forgotten.
    pub fn follow(&mut self, atlas: Option<&Atlas>, features: Option<&FeatureVector>, at: f64) {
        let Some(atlas) = atlas else {
            *self = Self::default();
            return;
        };
        let Some(features) = features else { return };
        let seen = atlas.scores(features);
        let share = -((self.at - at).min(0.0) / SMOOTH_SECS).exp_m1() as f32;
        if self.scores.len() == seen.len() {
            self.scores.iter_mut().zip(seen).for_each(|(score, seen)| *score += share * (seen - *score));
        } else {
            self.scores = seen;
        }
        self.at = at;
        if self.last.as_ref().is_none_or(|(_, looked)| at - looked >= LOOK_SECS) {
            self.last = Some((atlas.locate(&self.scores), at));
        }
    }

    /// Where the viewer stands; `None` before the first observation.
    pub fn standing(&self) -> Option<&Standing> {
        self.last.as_ref().map(|(standing, _)| standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tests::atlas;
    use crate::features::Measures;
    use crate::inverter::tests::features;
    use nn::Rng;

    #[test]
    fn the_archive_is_looked_into_a_few_times_a_second() {
        let (atlas, mut follower) = (atlas(&Measures::default(), true), StandingFollower::default());
        assert_eq!(follower.standing(), None);
        let [first, second] = [1, 2].map(|seed| features(&mut Rng::new(seed)));
        let mut told = Vec::new();
        for i in 0..60 {
            let features = if i < 30 { &first } else { &second };
            follower.follow(Some(&atlas), Some(features), f64::from(i) / 30.0);
            told.push(follower.standing().expect("observed").at);
        }
        assert_eq!(told[0], atlas.locate(&atlas.scores(&first)).at);
        told.dedup();
        assert!((2..=5).contains(&told.len()), "{} looks in two seconds", told.len());
        follower.follow(None, Some(&first), 2.0);
        assert_eq!(follower, StandingFollower::default());
    }
}
