//! What the inverter may use of a viewer, and which verdicts are replaced.

use super::{FeatureSelection, Inverter, InverterInput};
use crate::features::greedy::Number;
use crate::features::{FeatureVector, Group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A single number that the machine judges of a viewer, and that may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Years.
    Age,
    /// Probability of "female", 0 to 1.
    Female,
}

impl Verdict {
    /// All of them: what is missing here is not reported to the page.
    pub const ALL: [Self; 2] = [Self::Age, Self::Female];

    /// Its place in a [`FeatureVector`].
    fn feature(self) -> usize {
        self.group().range().start
    }

    /// The group that it is.
    pub fn group(self) -> Group {
        match self {
            Self::Age => Group::Age,
            Self::Female => Group::Gender,
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Female => "female",
        }
    }

    /// The least and the greatest value that may replace it.
    pub fn range(self) -> (f32, f32) {
        match self {
            Self::Age => (1.0, 100.0),
            Self::Female => (0.0, 1.0),
        }
    }

    /// What the machine judged.
    pub fn of(self, features: &FeatureVector) -> f32 {
        features.values()[self.feature()]
    }
}

/// Which features of a viewer the inverter may use, and which verdicts are replaced. By default all, and none.
#[derive(Clone, Debug, PartialEq)]
pub struct InverterControls {
    /// The features that it may use.
    pub selection: FeatureSelection,
    /// Other values than the machine's own verdicts.
    pub overrides: BTreeMap<Verdict, f32>,
    /// Whether the part of the latent that the features leave open drifts slowly.
    pub drift: bool,
}

impl Default for InverterControls {
    fn default() -> Self {
        Self { selection: FeatureSelection::default(), overrides: BTreeMap::new(), drift: true }
    }
}

impl InverterControls {
    /// The numbers that are replaced and their new values; a value that is not finite replaces nothing.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (Number, f32)> + '_ {
        let finite = self.overrides.iter().filter(|(_, value)| value.is_finite());
        finite.map(|(verdict, value)| (Number::Other(verdict.feature()), *value))
    }

    /// Replaces verdicts. A verdict that is replaced reaches the inverter even if its group may not be used.
    pub fn apply_overrides(&self, inverter: &Inverter, input: &mut InverterInput) {
        self.replaced().for_each(|(number, value)| inverter.replace(input, number, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::Population;
    use crate::inverter::tests::{features, inverter, order};
    use nn::Rng;

    #[test]
    fn an_override_replaces_its_verdict_only_and_reaches_the_inverter() {
        let inverter = inverter();
        let selection = FeatureSelection { features: Some(2), ..FeatureSelection::default() };
        let input = inverter.input(&features(&mut Rng::new(1)), Population::Visitors, &selection);
        let mut replaced = input.clone();
        let age = Verdict::Age.feature();
        let overrides = BTreeMap::from([(Verdict::Age, age as f32 + 9.0), (Verdict::Female, f32::NAN)]);
        InverterControls { overrides, ..InverterControls::default() }.apply_overrides(&inverter, &mut replaced);
        let place = order().iter().position(|n| *n == Number::Other(age)).unwrap();
        assert!(replaced.scores[place] > 2.0 && replaced.given[place] && !input.given[place]);
        let others = (0..order().len()).filter(|i| *i != place);
        assert!(
            others.into_iter().all(|i| replaced.scores[i] == input.scores[i] && replaced.given[i] == input.given[i])
        );
        let mut same = input.clone();
        InverterControls::default().apply_overrides(&inverter, &mut same);
        assert_eq!(same, input);
    }

    #[test]
    fn verdicts_are_single_numbers_of_their_groups() {
        let features = features(&mut Rng::new(1));
        assert_eq!(Verdict::Age.of(&features), features.group(Group::Age)[0]);
        assert_eq!(Verdict::Female.of(&features), features.group(Group::Gender)[0]);
        assert_eq!(serde_json::to_value(Verdict::ALL).unwrap(), serde_json::json!(Verdict::ALL.map(Verdict::name)));
    }
}
