//! What of a viewer the inverter is given, and what it is told instead.

use crate::features::Group;
use crate::features::greedy::Number;
use crate::inverter::{Asked, Dial, Inverter};

/// Which numbers reach the inverter, and which verdicts are replaced. By default all do, and none is.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Which numbers are given.
    pub dial: Dial,
    /// Another age than the machine's verdict, years.
    pub age: Option<f32>,
    /// Another probability of "female" than the machine's verdict.
    pub female: Option<f32>,
    /// Whether what the numbers leave open drifts, as if the reflection breathed.
    pub breathes: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { dial: Dial::default(), age: None, female: None, breathes: true }
    }
}

impl Wish {
    /// Replaces verdicts. A verdict that is told is given, whatever else is withheld.
    pub(crate) fn tell(&self, inverter: &Inverter, asked: &mut Asked) {
        for (told, group) in [(self.age, Group::Age), (self.female, Group::Gender)] {
            if let Some(value) = told.filter(|v| v.is_finite()) {
                inverter.tell(asked, Number::Other(group.range().start), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::Population;
    use crate::inverter::tests::{features, inverter, order};
    use nn::Rng;

    #[test]
    fn a_verdict_that_is_told_replaces_only_itself_and_is_given() {
        let inverter = inverter();
        let dial = Dial { numbers: Some(2), ..Dial::default() };
        let asked = inverter.ask(&features(&mut Rng::new(1)), Population::Visitors, &dial);
        let mut told = asked.clone();
        let age = Group::Age.range().start;
        Wish { age: Some(age as f32 + 9.0), female: Some(f32::NAN), ..Wish::default() }.tell(&inverter, &mut told);
        let place = order().iter().position(|n| *n == Number::Other(age)).unwrap();
        assert!(told.scores[place] > 2.0 && told.given[place] && !asked.given[place]);
        let others = (0..order().len()).filter(|i| *i != place);
        assert!(others.into_iter().all(|i| told.scores[i] == asked.scores[i] && told.given[i] == asked.given[i]));
        let mut same = asked.clone();
        Wish::default().tell(&inverter, &mut same);
        assert_eq!(same, asked);
    }
}
