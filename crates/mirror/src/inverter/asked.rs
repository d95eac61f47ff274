//! What the inverter is asked for: how unusual a face's numbers are, and which of them count.

use crate::features::Group;
use crate::features::greedy::Number;

/// Which of a viewer's numbers the mirror may use: the first few of the greedy order, and of these those of some groups.
/// Everything, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dial {
    /// How many numbers, counted from the one that says most; `None` for all of them.
    pub numbers: Option<usize>,
    /// Groups that do not count, whatever their place in the order.
    pub without: Vec<Group>,
}

impl Dial {
    /// The first `numbers` of the order.
    pub fn first(numbers: usize) -> Self {
        Self { numbers: Some(numbers), ..Self::default() }
    }

    /// For each number of the order, whether it counts.
    pub fn given(&self, order: &[Number]) -> Vec<bool> {
        let counts = |(i, number): (usize, &Number)| {
            self.numbers.is_none_or(|most| i < most) && !self.without.contains(&number.group())
        };
        order.iter().enumerate().map(counts).collect()
    }
}

/// The numbers of the greedy order as normal scores: 0 for the median, distributed normally over their population.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// 0 where nothing is given.
    pub scores: Vec<f32>,
    /// Which of them count.
    pub given: Vec<bool>,
}

impl Asked {
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
    fn a_dial_gives_the_first_numbers_of_its_groups() {
        let order: Vec<Number> =
            ["skin/l", "0-16/x", "age", "36-45/y", "hair/l"].iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(Dial::default().given(&order), [true; 5]);
        assert_eq!(Dial::first(2).given(&order), [true, true, false, false, false]);
        assert_eq!(Dial::first(0).given(&order), [false; 5]);
        let faceless = Dial { numbers: Some(4), without: vec![Group::Shape] };
        assert_eq!(faceless.given(&order), [true, false, true, false, false]);
        let asked = Asked::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], faceless.given(&order));
        assert_eq!(asked.scores, [1.0, 0.0, 3.0, 0.0, 0.0]);
        assert_eq!(asked.inputs().collect::<Vec<f32>>(), [1.0, 0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
