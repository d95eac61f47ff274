//! What of a viewer the inverter is given, and what it is told instead.

use crate::features::{FEATURES, Group};
use crate::inverter::{Inverter, feature_weights};
use std::collections::BTreeSet;

/// Which numbers reach the inverter, and which verdicts are replaced. By default all do, and none is.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// How many numbers are given, 0 to [`FEATURES`], those that say most first.
    pub given: usize,
    /// Groups of which nothing is given.
    pub withheld: BTreeSet<Group>,
    /// Another age than the machine's verdict, years.
    pub age: Option<f32>,
    /// Another probability of "female" than the machine's verdict.
    pub female: Option<f32>,
    /// Whether what the numbers leave open drifts, as if the reflection breathed.
    pub breathes: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { given: FEATURES, withheld: BTreeSet::new(), age: None, female: None, breathes: true }
    }
}

impl Wish {
    /// Whether a number is given.
    pub fn gives(&self) -> [bool; FEATURES] {
        let mut gives = [false; FEATURES];
        order().into_iter().take(self.given).for_each(|i| gives[i] = true);
        self.withheld.iter().for_each(|group| gives[group.range()].fill(false));
        gives
    }

    /// Takes away what is not given: such a score becomes 0, that of the median visitor.
    pub(crate) fn mask(&self, scores: &mut [f32; FEATURES]) {
        scores.iter_mut().zip(self.gives()).filter(|(_, given)| !given).for_each(|(s, _)| *s = 0.0);
    }

    /// Replaces verdicts. A verdict that is told is given, whatever else is withheld.
    pub(crate) fn tell(&self, inverter: &Inverter, scores: &mut [f32; FEATURES]) {
        for (told, group) in [(self.age, Group::Age), (self.female, Group::Gender)] {
            let i = group.range().start;
            if let Some(value) = told.filter(|v| v.is_finite()) {
                scores[i] = inverter.visitors.score(i, value);
            }
        }
    }
}

/// The numbers in the order in which they are given: those that count most in a comparison first.
fn order() -> [usize; FEATURES] {
    let weights = feature_weights();
    let mut order = std::array::from_fn(|i| i);
    order.sort_by(|a: &usize, b: &usize| weights[*b].total_cmp(&weights[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::tests::{features, inverter};
    use nn::Rng;

    #[test]
    fn by_default_all_is_given_and_nothing_replaced() {
        let mut scores = [0.5; FEATURES];
        let wish = Wish::default();
        wish.mask(&mut scores);
        wish.tell(&inverter(), &mut scores);
        assert_eq!(scores, [0.5; FEATURES]);
    }

    #[test]
    fn the_dial_gives_as_many_numbers_as_it_says_and_a_switch_takes_its_group() {
        let count = |wish: &Wish| wish.gives().iter().filter(|g| **g).count();
        for given in [0, 1, 20, FEATURES, FEATURES + 9] {
            assert_eq!(count(&Wish { given, ..Wish::default() }), given.min(FEATURES));
        }
        let wish = Wish { withheld: [Group::Shape].into(), ..Wish::default() };
        assert_eq!(count(&wish), FEATURES - Group::Shape.range().len());
        let mut scores = [1.0; FEATURES];
        wish.mask(&mut scores);
        assert!(Group::Shape.range().all(|i| scores[i] == 0.0) && Group::Pose.range().all(|i| scores[i] == 1.0));
    }

    #[test]
    fn a_verdict_that_is_told_replaces_only_itself() {
        let inverter = inverter();
        let scores = inverter.scores(&features(&mut Rng::new(1)), crate::inverter::Population::Visitors);
        let mut told = scores;
        let age = Group::Age.range().start;
        Wish { age: Some(age as f32 + 9.0), ..Wish::default() }.tell(&inverter, &mut told);
        assert!(told[age] > 2.0);
        assert!((0..FEATURES).filter(|i| *i != age).all(|i| told[i] == scores[i]));
    }
}
