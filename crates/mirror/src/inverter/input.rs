//! What goes into the inverter: how unusual a face's features are, and which of them it may use.

use crate::features::Group;
use crate::features::greedy::Number;

/// Which features of a viewer the inverter may use: the first of its order, without some groups. All of them, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSelection {
    /// How many, counted from the one that says most; `None` for all of them.
    pub features: Option<usize>,
    /// Groups that it may not use, whatever their place in the order.
    pub without: Vec<Group>,
}

impl FeatureSelection {
    /// The first `features` of the order.
    pub fn first(features: usize) -> Self {
        Self { features: Some(features), ..Self::default() }
    }

    /// For each feature of the order, whether the inverter may use it.
    pub fn mask(&self, order: &[Number]) -> Vec<bool> {
        let is_usable = |(i, number): (usize, &Number)| {
            self.features.is_none_or(|most| i < most) && !self.without.contains(&number.group())
        };
        order.iter().enumerate().map(is_usable).collect()
    }
}

/// The features of the inverter's order as normal scores: 0 for the median, distributed normally over their population.
#[derive(Clone, Debug, PartialEq)]
pub struct InverterInput {
    /// One a feature; 0 where it may not be used.
    pub scores: Vec<f32>,
    /// Which of them may be used.
    pub given: Vec<bool>,
}

impl InverterInput {
    /// All of these scores.
    pub fn all(scores: Vec<f32>) -> Self {
        let given = vec![true; scores.len()];
        Self { scores, given }
    }

    /// Of these scores the given ones.
    pub fn new(mut scores: Vec<f32>, given: Vec<bool>) -> Self {
        scores.iter_mut().zip(&given).filter(|(_, given)| !**given).for_each(|(s, _)| *s = 0.0);
        Self { scores, given }
    }

    /// As a net sees it: the scores, then 1 where a score is given and 0 where not.
    pub fn inputs(&self) -> impl Iterator<Item = f32> + '_ {
        self.scores.iter().copied().chain(self.given.iter().map(|g| f32::from(u8::from(*g))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_lets_the_first_features_of_its_groups_through() {
        let order: Vec<Number> =
            ["skin/l", "0-16/x", "age", "36-45/y", "hair/l"].iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(FeatureSelection::default().mask(&order), [true; 5]);
        assert_eq!(FeatureSelection::first(2).mask(&order), [true, true, false, false, false]);
        assert_eq!(FeatureSelection::first(0).mask(&order), [false; 5]);
        let faceless = FeatureSelection { features: Some(4), without: vec![Group::Shape] };
        assert_eq!(faceless.mask(&order), [true, false, true, false, false]);
        let input = InverterInput::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], faceless.mask(&order));
        assert_eq!(input.scores, [1.0, 0.0, 3.0, 0.0, 0.0]);
        assert_eq!(input.inputs().collect::<Vec<f32>>(), [1.0, 0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
