//! The steps of a reflection: from the features that were measured to the latent.

use super::protocol::Steps;
use crate::features::Measures;
use crate::inverter::{Inverter, InverterControls, InverterInput, normal_cdf};
use crate::motion::Inversion;

/// The steps of a viewer's reflection, without the numbers of groups that are not told. `smoothed` are the viewer's own scores, also of the features that the inverter may not use.
pub(super) fn steps(
    inverter: &Inverter,
    smoothed: impl Iterator<Item = f32>,
    inversion: &Inversion,
    controls: &InverterControls,
    measures: &Measures,
) -> Steps {
    let InverterInput { scores, given } = &inversion.input;
    let taken = scores.iter().zip(given).zip(smoothed);
    let scores: Vec<f32> = taken.map(|((score, given), own)| if *given { *score } else { own }).collect();

    // An override is told as it was set, although beyond the visitors' table one value is as good as another.
    let mut values = inverter.visitor_values(&scores);
    for (number, value) in controls.replaced() {
        let place = inverter.order().iter().position(|n| *n == number);
        place.into_iter().for_each(|i| values[i] = value);
    }

    let told = |values: Vec<f32>| -> Vec<Option<f32>> {
        let numbers = inverter.order().iter().zip(values);
        numbers.map(|(number, value)| measures.tells(number.group()).then_some(value)).collect()
    };
    let ranks = told(scores.into_iter().map(normal_cdf).collect());
    Steps { values: told(values), ranks, given: given.clone(), latent: inversion.latent.as_slice().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::somebody;
    use crate::features::{FeatureVector, Group};
    use crate::inverter::tests::{features, inverter, order};
    use crate::inverter::{FeatureSelection, LIMIT, Verdict};
    use crate::motion::FeatureSmoother;
    use nn::Rng;

    /// The steps of somebody who has just come.
    fn steps_of(features: &FeatureVector, controls: &InverterControls) -> Steps {
        let (inverter, mut smoother) = (inverter(), FeatureSmoother::default());
        let inversion = smoother.invert(&inverter, &somebody(features.clone()), controls, 0.0);
        steps(&inverter, smoother.scores(), &inversion, controls, &Measures::default())
    }

    fn place(name: &str) -> usize {
        order().iter().position(|n| n.to_string() == name).expect("a number of the order")
    }

    #[test]
    fn there_is_a_value_a_rank_and_a_mark_for_each_number_and_all_of_the_latent() {
        let viewer = features(&mut Rng::new(21));
        let steps = steps_of(&viewer, &InverterControls::default());
        let sizes = (steps.values.len(), steps.ranks.len(), steps.given.len(), steps.latent.len());
        assert_eq!(sizes, (order().len(), order().len(), order().len(), inverter().config().latent_size));
        assert!(steps.given.iter().all(|given| *given));
        // Within the visitors' table the values are the viewer's own.
        for ((number, value), rank) in order().into_iter().zip(&steps.values).zip(&steps.ranks) {
            let (Some(value), Some(rank)) = (value, rank) else {
                assert_eq!((number.group(), *value, *rank), (Group::Likeness, None, None));
                continue;
            };
            let is_inside = (normal_cdf(-LIMIT) + 0.01..normal_cdf(LIMIT) - 0.01).contains(rank);
            let wrong = is_inside && number.group() != Group::Gender && (number.of(&viewer) - value).abs() > 1e-2;
            assert!(!wrong, "{number}: {value}, not {}", number.of(&viewer));
        }
    }

    #[test]
    fn values_show_overrides_as_they_were_set() {
        let (viewer, age) = (features(&mut Rng::new(3)), place("age"));
        let plain = steps_of(&viewer, &InverterControls::default());
        let overrides = [(Verdict::Age, 500.0), (Verdict::Female, 0.5)].into();
        let controls = InverterControls { overrides, ..InverterControls::default() };
        let replaced = steps_of(&viewer, &controls);
        assert_eq!((replaced.values[age], replaced.values[place("gender")]), (Some(500.0), Some(0.5)));
        assert!(replaced.ranks[age] > Some(0.99) && replaced.ranks[age] > plain.ranks[age]);
        assert_ne!(replaced.latent, plain.latent);
        let others = (0..order().len()).filter(|i| ![age, place("gender")].contains(i));
        assert!(others.into_iter().all(|i| replaced.values[i] == plain.values[i]));
    }

    #[test]
    fn given_follows_the_selection_and_the_values_stay_the_viewers() {
        let viewer = features(&mut Rng::new(5));
        let selection = FeatureSelection { features: Some(6), without: vec![Group::Shape] };
        let controls = InverterControls { selection: selection.clone(), ..InverterControls::default() };
        let (all, few) = (steps_of(&viewer, &InverterControls::default()), steps_of(&viewer, &controls));
        assert_eq!(few.given, selection.mask(&order()));
        assert_eq!((few.values, few.ranks), (all.values, all.ranks));
        // A verdict that is replaced is given although its group is not.
        let selection = FeatureSelection { without: vec![Group::Age], ..FeatureSelection::default() };
        let controls = InverterControls { selection, overrides: [(Verdict::Age, 140.0)].into(), ..Default::default() };
        assert!(steps_of(&viewer, &controls).given[place("age")]);
    }

    #[test]
    fn ranks_rise_with_the_value() {
        let (viewer, skin) = (features(&mut Rng::new(8)), Group::Skin.range().start);
        let rank = |value: f32| {
            let mut values = *viewer.values();
            values[skin] = value;
            let steps = steps_of(&FeatureVector::new(values).expect("finite"), &InverterControls::default());
            assert!(steps.ranks.iter().flatten().all(|rank| (0.0..=1.0).contains(rank)), "{:?}", steps.ranks);
            steps.ranks[place("skin/l")].expect("told")
        };
        let ranks: Vec<f32> = (-20..=20).map(|i| rank(skin as f32 + i as f32 / 5.0)).collect();
        assert!(ranks.is_sorted() && ranks[0] < 0.02 && ranks[40] > 0.98, "{ranks:?}");
        assert!((ranks[20] - 0.5).abs() < 0.15, "{ranks:?}");
    }
}
