//! A look at what came: the forward model is never quite right, and the eyes see by how much.

use super::input::InverterInput;
use super::model::{Inverter, Population};
use super::quantiles::LIMIT;
use crate::features::FeatureVector;

/// The largest score that is asked for: the net has learned up to [`LIMIT`], and a little beyond it still leads the right way.
const FARTHEST: f32 = LIMIT + 0.8;
/// The largest correction: what cannot come at all must not push everything else away.
const MOST: f32 = 2.0;
/// The share of what was missed by which more is asked for. With much more than this, a trembling of what is seen becomes a trembling of the
/// picture.
const SHARE: f32 = 0.3;
/// What is kept of a correction at each look, so that it fades where it does not help.
const KEPT: f32 = 0.95;

/// By how much more or less of each number is asked for than is wanted, as what came before fell short or went too far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Correction(Vec<f32>);

impl Correction {
    /// What to ask for, so that what is wanted comes.
    pub fn asked(&self, wanted: &InverterInput) -> InverterInput {
        let corrections = self.0.iter().copied().chain(std::iter::repeat(0.0));
        let asked =
            wanted.scores.iter().zip(corrections).map(|(score, more)| (score + more).clamp(-FARTHEST, FARTHEST));
        InverterInput::new(asked.collect(), wanted.given.clone())
    }

    /// Learns from what came where this was wanted.
    pub fn learn(&mut self, inverter: &Inverter, wanted: &InverterInput, came: &FeatureVector) {
        let came = inverter.number_scores(came, Population::Samples);
        self.0.resize(came.len(), 0.0);
        for (i, more) in self.0.iter_mut().enumerate() {
            let missed = if wanted.given[i] { wanted.scores[i] - came[i] } else { 0.0 };
            *more = (KEPT * *more + SHARE * missed).clamp(-MOST, MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::FeatureSelection;
    use crate::inverter::tests::{features, inverter};
    use nn::Rng;

    /// Looks at a mirror that shows everything too faintly, and some of it not at all.
    fn after(looks: usize) -> (Vec<f32>, Vec<f32>) {
        let (inverter, viewer) = (inverter(), features(&mut Rng::new(4)));
        let wanted = inverter.input(&viewer, Population::Visitors, &FeatureSelection::default());
        let mut correction = Correction::default();
        let shown = |asked: &InverterInput| {
            let mut values = *viewer.values();
            for (number, score) in inverter.order().iter().zip(&asked.scores) {
                if let crate::features::greedy::Number::Other(i) = number {
                    values[*i] = inverter.samples.value(*i, 0.7 * score);
                }
            }
            FeatureVector::new(values).expect("finite")
        };
        for _ in 0..looks {
            let came = shown(&correction.asked(&wanted));
            correction.learn(&inverter, &wanted, &came);
        }
        let came = inverter.number_scores(&shown(&correction.asked(&wanted)), Population::Samples);
        (wanted.scores, came)
    }

    fn missed((wanted, came): &(Vec<f32>, Vec<f32>)) -> f32 {
        wanted.iter().zip(came).map(|(w, c)| (w - c).powi(2)).sum()
    }

    #[test]
    fn what_a_mirror_shows_too_faintly_comes_after_some_looks() {
        let missed: Vec<f32> = [0, 2, 5, 12].map(|looks| missed(&after(looks))).into();
        assert!(missed.is_sorted_by(|a, b| a > b) && missed[3] < 0.25 * missed[0], "{missed:?}");
    }

    #[test]
    fn nothing_is_asked_for_that_is_not_given_nor_too_much_of_anything() {
        let (inverter, mut rng) = (inverter(), Rng::new(4));
        let (viewer, other) = (features(&mut rng), features(&mut rng));
        let wanted = inverter.input(&viewer, Population::Visitors, &FeatureSelection::first(4));
        let mut correction = Correction::default();
        assert_eq!(correction.asked(&wanted), wanted);
        for _ in 0..100 {
            correction.learn(&inverter, &wanted, &other);
        }
        let asked = correction.asked(&wanted);
        assert_eq!(asked.given, wanted.given);
        let differences = asked.scores.iter().zip(&wanted.scores).map(|(a, w)| (a - w).abs());
        assert!(differences.enumerate().all(|(i, d)| d <= MOST && (i < 4 || d == 0.0)));
        assert!(asked.scores.iter().all(|s| s.abs() <= FARTHEST) && asked != wanted);
    }
}
