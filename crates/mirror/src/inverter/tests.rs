//! The inverter on toy weights, and what other tests need of it.

use super::model::{SURE_SCORE, UNSURE};
use super::*;
use crate::features::greedy::Number;
use crate::features::{FEATURES, FeatureVector, Group, TOLD};
use crate::latent::{Latent, onto_sphere};
use nn::Rng;

fn config(latent_size: usize) -> InverterConfig {
    let (individuality, refine_steps, quality_target) = (0.5, 4, 0.5);
    let order = order();
    InverterConfig { order, latent_size, hidden: 24, forward_hidden: 20, individuality, refine_steps, quality_target }
}

/// A few numbers of every group but the background and the expression.
pub(crate) fn order() -> Vec<Number> {
    let names =
        ["skin/l", "0-16/x", "pose/yaw", "age", "gender", "27-33/y", "hair/l", "48-54/x", "pose/roll", "likeness/2"];
    names.iter().map(|n| n.parse().unwrap()).collect()
}

/// Untrained, but with spread-out statistics.
pub(crate) fn inverter() -> Inverter {
    let mut rng = Rng::new(3);
    let mut inverter = Inverter::new(config(16), &mut rng);
    let rows: Vec<FeatureVector> = (0..200).map(|_| features(&mut rng)).collect();
    inverter.fit(&rows, &rows);
    inverter
}

pub(crate) fn features(rng: &mut Rng) -> FeatureVector {
    let gender = Group::Gender.range().start;
    let value = |i: usize, normal: f32| if i == gender { nn::loss::sigmoid(normal) } else { i as f32 + normal };
    FeatureVector::new(std::array::from_fn(|i| value(i, rng.normal()))).unwrap()
}

#[test]
fn a_stranger_who_is_probably_a_woman_is_asked_for_as_one_who_surely_is() {
    let (inverter, gender) = (inverter(), Group::Gender.range().start);
    for p in [0.42f32, 0.5, 0.55, 0.58] {
        let sure = nn::loss::sigmoid(UNSURE * nn::loss::logit(p));
        let (stranger, sample) = (inverter.visitors.score(gender, p), inverter.samples.score(gender, sure));
        assert!((stranger - sample).abs() < 0.05 && sample.abs() < SURE_SCORE, "{p}: {stranger} and {sample}");
    }
    for (p, score) in [(0.02, -SURE_SCORE), (0.98, SURE_SCORE)] {
        assert!((inverter.visitors.score(gender, p) - score).abs() < 0.2);
    }
}

#[test]
fn an_inverter_without_a_group_answers_as_if_it_were_never_given() {
    let (full, viewer) = (inverter(), features(&mut Rng::new(9)));
    for groups in [vec![], vec![Group::Age], vec![Group::Age, Group::Gender, Group::Likeness], vec![Group::Shape]] {
        let less = inverter().without(&groups);
        assert!(less.order().iter().all(|number| !groups.contains(&number.group())));
        assert!(groups.iter().all(|group| !less.groups().contains(group)));
        let selection = FeatureSelection { without: groups.clone(), ..FeatureSelection::default() };
        let (a, b) = (full.invert(&viewer, &selection), less.invert(&viewer, &FeatureSelection::default()));
        let most = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 1e-4, "{groups:?}: {most}");
        // The others' numbers are as unusual as before, and nothing is said of what is gone.
        let (kept, before) = (less.kept(&viewer, &viewer), full.kept(&viewer, &viewer));
        assert!(kept.keys().all(|group| before.contains_key(group) && !groups.contains(group)));
        assert_eq!(kept.len() + groups.len(), before.len());
        let strange = less.distance_from_archive(&viewer.clone().without(&groups));
        assert_eq!(strange, less.distance_from_archive(&viewer), "{groups:?}");
    }
}

#[test]
fn the_same_features_give_the_same_latent_and_others_another() {
    let (inverter, mut rng) = (inverter(), Rng::new(9));
    let (a, b) = (features(&mut rng), features(&mut rng));
    let (za, zb) =
        (inverter.invert(&a, &FeatureSelection::default()), inverter.invert(&b, &FeatureSelection::default()));
    assert_eq!(za, inverter.invert(&a, &FeatureSelection::default()));
    let distance = za.as_slice().iter().zip(zb.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    assert!(distance > 0.5, "distance {distance}");
    let rms = (za.as_slice().iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
    assert!((rms - 1.0).abs() < 1e-4, "root mean square {rms}");
}

#[test]
fn the_gradient_of_the_misfit_agrees_with_finite_differences() {
    let (inverter, mut rng) = (inverter(), Rng::new(11));
    let input = InverterInput::new(rng.normals(10), FeatureSelection::first(7).mask(&order()));
    let latent = rng.normals(16);
    let (_, gradient) = inverter.misfit(&latent, &input);
    for i in 0..16 {
        let at = |e: f32| {
            let mut moved = latent.clone();
            moved[i] += e;
            inverter.misfit(&moved, &input).0
        };
        let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
        assert!((difference - gradient[i]).abs() < 2e-3, "{i}: {difference} against {}", gradient[i]);
    }
}

#[test]
fn what_is_not_given_does_not_count() {
    let (inverter, mut rng) = (inverter(), Rng::new(14));
    let somebody = features(&mut rng);
    let mut paler = *somebody.values();
    paler[Group::Skin.range().start] += 5.0;
    let paler = FeatureVector::new(paler).unwrap();
    for selection in
        [FeatureSelection::first(0), FeatureSelection { without: vec![Group::Skin], ..FeatureSelection::default() }]
    {
        assert_eq!(inverter.invert(&somebody, &selection), inverter.invert(&paler, &selection));
    }
    let one = FeatureSelection::first(1);
    assert_ne!(inverter.invert(&somebody, &one), inverter.invert(&paler, &one));
}

#[test]
fn refining_lowers_the_misfit_and_stays_on_the_sphere() {
    let (inverter, mut rng) = (inverter(), Rng::new(12));
    let input = InverterInput::all(rng.normals(10));
    let mut latent = rng.normals(16);
    onto_sphere(&mut latent);
    let before = inverter.misfit(&latent, &input).0;
    let refined = inverter.refine(latent, &input, 200);
    assert!(inverter.misfit(&refined, &input).0 < before);
    let rms = (refined.iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
    assert!((rms - 1.0).abs() < 1e-4);
}

#[test]
fn what_the_forward_model_gets_wrong_is_asked_for_the_other_way() {
    let (inverter, mut rng) = (inverter(), Rng::new(12));
    let wanted = inverter.input(&features(&mut rng), Population::Samples, &FeatureSelection::default());
    let latent = inverter.invert_input(&wanted, &inverter.noise(&wanted));
    // Where all that is wanted came, F's errors are no reason to go anywhere.
    let predicted = |latent: &Latent| {
        let input = InverterInput::new(wanted.scores.clone(), wanted.given.clone());
        inverter.misfit(latent.as_slice(), &input).0
    };
    let right = features(&mut Rng::new(12));
    assert!(inverter.missed(&right, &wanted) < 1e-6);
    let stays = inverter.improve(&latent, &right, &wanted);
    let turned =
        |a: &Latent, b: &Latent| a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let other = features(&mut Rng::new(99));
    let goes = inverter.improve(&latent, &other, &wanted);
    assert!(
        turned(&latent, &stays) < 0.1 * turned(&latent, &goes),
        "{} {}",
        turned(&latent, &stays),
        turned(&latent, &goes)
    );
    assert!(predicted(&goes).is_finite() && inverter.missed(&other, &wanted) > 0.0);
}

#[test]
fn all_is_kept_of_a_face_as_unusual_and_nothing_of_one_a_deviation_away() {
    let inverter = inverter();
    let input = features(&mut Rng::new(21));
    let (mut reflected, gender) = (*input.values(), Group::Gender.range().start);
    reflected[gender] = inverter.samples.value(gender, inverter.visitors.score(gender, reflected[gender]));
    let same = inverter.kept(&input, &FeatureVector::new(reflected).unwrap());
    assert!(same.len() == Group::ALL.len() && same.values().all(|k| *k == 1.0), "{same:?}");
    let mut rng = Rng::new(5);
    let strangers: Vec<f32> =
        (0..200).map(|_| inverter.kept(&features(&mut rng), &features(&mut rng))[&Group::Shape]).collect();
    let mean = strangers.iter().sum::<f32>() / 200.0;
    assert!((-1.2..-0.8).contains(&mean), "{mean}");
}

#[test]
fn strangers_are_farther_from_the_archive() {
    let (inverter, mut rng) = (inverter(), Rng::new(13));
    let typical = inverter.distance_from_archive(&features(&mut rng));
    let stranger = FeatureVector::new(std::array::from_fn(|i| i as f32 + 8.0)).unwrap();
    assert!((0.5..1.5).contains(&typical), "{typical}");
    assert!(inverter.distance_from_archive(&stranger) > 5.0);
}

#[test]
fn a_file_from_before_there_was_a_likeness_knows_nothing_of_it() {
    let mut config = config(16);
    config.order.pop();
    let numbers = config.order.len();
    let mut rng = Rng::new(3);
    let mut inverter = Inverter::new(config, &mut rng);
    let rows: Vec<FeatureVector> = (0..200).map(|_| features(&mut rng)).collect();
    inverter.fit(&rows, &rows);
    let mut weights = nn::io::collect(&inverter.params(), &inverter.config().to_metadata());
    for name in ["quantiles/samples", "quantiles/visitors"] {
        let (shape, values) = weights.tensors.get_mut(name).unwrap();
        let levels = shape[1];
        values.drain(TOLD * levels..FEATURES * levels);
        shape[0] = TOLD + numbers;
    }
    let older = Inverter::from_weights(&nn::io::write(&weights, nn::io::Dtype::F32)).unwrap();

    let (a, b) = (features(&mut Rng::new(1)), features(&mut Rng::new(2)));
    let all = FeatureSelection::default();
    assert_eq!(older.invert(&a, &all), inverter.invert(&a, &all));
    let told: Vec<Group> = Group::ALL.into_iter().filter(|g| g.is_told()).collect();
    assert_eq!((older.groups(), inverter.groups().len()), (told, Group::ALL.len()));
    let [without, with] = [&older, &inverter].map(|i| i.kept(&a, &b));
    assert!(without.iter().all(|(group, kept)| with[group] == *kept) && with.len() == without.len() + 1);
    // Eyes that say a likeness make nobody a stranger to it.
    let mut values = *a.values();
    values[TOLD..].fill(0.0);
    let unlike = FeatureVector::new(values).unwrap();
    assert_eq!(older.distance_from_archive(&a), older.distance_from_archive(&unlike));
}

#[test]
fn a_file_gives_the_same_inverter_back_and_a_broken_one_an_error() {
    let inverter = inverter();
    let weights = nn::io::collect(&inverter.params(), &inverter.config().to_metadata());
    let bytes = nn::io::write(&weights, nn::io::Dtype::F32);
    let again = Inverter::from_weights(&bytes).unwrap();
    let somebody = features(&mut Rng::new(1));
    assert_eq!(
        again.invert(&somebody, &FeatureSelection::default()),
        inverter.invert(&somebody, &FeatureSelection::default())
    );
    assert!(Inverter::from_weights(&bytes[..bytes.len() / 2]).is_err());
    let mut unordered = weights.clone();
    unordered.metadata.insert("order".into(), "skin/l nose".into());
    let error = Inverter::from_weights(&nn::io::write(&unordered, nn::io::Dtype::F32)).err().unwrap().to_string();
    assert!(error.contains("\"nose\" is no number of a face"), "{error}");
    let mut absurd = weights;
    absurd.metadata.insert("hidden".into(), "1e12".into());
    let error = Inverter::from_weights(&nn::io::write(&absurd, nn::io::Dtype::F32)).err().unwrap().to_string();
    assert!(error.contains("\"hidden\": expected a number from 2 to 4096"), "{error}");
}

#[test]
fn a_closed_mouth_is_asked_for_as_surely_closed_and_an_open_one_as_it_is() {
    let mut rng = Rng::new(9);
    let mouth = Group::Expression.range().start;
    let order = vec![Number::Other(mouth)];
    let mut inverter = Inverter::new(InverterConfig { order, ..config(16) }, &mut rng);
    let people: Vec<FeatureVector> = (0..500).map(|_| features(&mut rng)).collect();
    inverter.fit(&people, &people);
    let asked = |inverter: &Inverter, score: f32| {
        let mut values = [0.0; FEATURES];
        values[mouth] = inverter.visitors.value(mouth, score);
        let face = FeatureVector::new(values).unwrap();
        inverter.input(&face, Population::Visitors, &FeatureSelection::default()).scores[0]
    };
    for (score, expected) in [(-1.5, -1.9), (-0.9, -1.3), (0.0, 0.0), (1.2, 1.2)] {
        assert!((asked(&inverter, score) - expected).abs() < 0.06, "{score}: {}", asked(&inverter, score));
    }
    // A file that had it keeps it: it is not done a second time.
    let before = asked(&inverter, -1.5);
    inverter.ask_for_strangers();
    assert_eq!(asked(&inverter, -1.5), before);
}
