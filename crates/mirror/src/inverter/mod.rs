//! From features to the latent of a face that shows them.
//!
//! Two nets. The forward model F predicts from a latent the features that the mirror's own eyes find in its picture;
//! it is cheap and differentiable. The inverter g takes features and free noise, and bends the noise until F finds
//! the features in it. The conditional mean of the latents, which plain regression gives, is an average face; here what the
//! features leave open is filled by the noise, so that the latent is as lively as one drawn from the prior.
//!
//! Visitors are not samples of the generator. Both nets speak of [`Quantiles`], in which visitor and sample are alike
//! when they are as unusual, each among their own. Only the gender, a probability, is compared otherwise: a stranger's is made as sure as
//! a sample's would be.

mod asked;
mod quantiles;
mod settings;

pub use asked::{Asked, Dial};
pub use quantiles::{LIMIT, Quantiles};
pub use settings::Settings;

use crate::features::greedy::Number;
use crate::features::{FEATURES, FeatureVector, Group};
use crate::latent::{Latent, onto_sphere};
use nn::{Dense, Init, Initializer, Layer, LeakyRelu, Param, Rng, Sequential, Tensor, Unset};
use std::collections::BTreeMap;

/// Seed of the noise that everybody shares, and of the directions that make it personal.
const NOISE_SEED: u64 = 0x6E61_7263_6973_7375;
/// How much a badly visible face weighs against a feature that is missed.
const QUALITY_WEIGHT: f32 = 0.2;

/// Whose distribution a feature is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Population {
    /// People in front of the mirror; stood in for by the portraits of the archive.
    Visitors,
    /// Pictures that the generator draws.
    Samples,
}

/// Finds latents for features.
pub struct Inverter {
    /// Sizes and constants, and which numbers of a face count.
    pub settings: Settings,
    /// g: what is asked for ([`Asked::inputs`]), then noise, `[n, 1, 1, 2 * numbers + latent_size]`, to what is added to the noise.
    pub bend: Sequential,
    /// F: latents on the sphere of root mean square 1, to the scores of the numbers, then of how well the detector sees the face.
    pub forward: Sequential,
    /// Features of the generator's samples: those of a [`FeatureVector`], then the numbers.
    pub samples: Quantiles,
    /// Features of people, likewise.
    pub visitors: Quantiles,
    /// Of each number, in comparisons; they sum to 1.
    weights: Vec<f32>,
    shared_noise: Vec<f32>,
    personal_directions: Vec<f32>,
}

/// By how much the logit of a gender is smaller among strangers than among portraits and samples, which the net knows better. Chosen after a look at
/// strangers' reflections.
const UNSURE: f32 = 3.0;
/// Score of a woman or a man who is sure enough: more of it is asked of nobody.
const SURE_SCORE: f32 = 1.25;

/// The probability that a net gives a stranger to whom it would give `p`, which has this score among samples, if it had seen the like. By rank among
/// portraits, of which it is nearly always sure, all strangers would stand in the middle, between the genders.
fn as_of_strangers(score: f32, p: f32) -> f32 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    match score {
        s if s < -SURE_SCORE => 0.0,
        s if s > SURE_SCORE => 1.0,
        _ => nn::loss::sigmoid(nn::loss::logit(p) / UNSURE),
    }
}

/// What a group counts in comparisons: by what people notice, not by how many numbers it has.
fn group_weight(group: Group) -> f32 {
    match group {
        Group::Shape => 3.0,
        Group::Pose | Group::Expression => 2.0,
        Group::Age | Group::Gender | Group::Skin | Group::Hair | Group::Background => 1.5,
    }
}

/// Shares of each group's weight among its members; the roll hardly counts, as portraits are upright. They sum to 1.
fn shared_out(members: &[(Group, bool)]) -> Vec<f32> {
    let size = |group: Group| members.iter().filter(|m| m.0 == group).count().max(1) as f32;
    let each =
        |(group, is_roll): &(Group, bool)| group_weight(*group) / size(*group) * if *is_roll { 0.1 } else { 1.0 };
    let weights: Vec<f32> = members.iter().map(each).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The weight of each entry of a [`FeatureVector`] in every comparison; they sum to 1.
pub fn feature_weights() -> [f32; FEATURES] {
    let roll = Group::Pose.range().start + 2;
    let members: Vec<(Group, bool)> =
        Group::ALL.into_iter().flat_map(|g| g.range().map(move |i| (g, i == roll))).collect();
    let weights = shared_out(&members);
    std::array::from_fn(|i| weights[i])
}

/// The weight of each number of an order in every comparison; they sum to 1.
fn number_weights(order: &[Number]) -> Vec<f32> {
    let roll = Number::Other(Group::Pose.range().start + 2);
    shared_out(&order.iter().map(|n| (n.group(), *n == roll)).collect::<Vec<_>>())
}

impl Inverter {
    /// An untrained one.
    pub fn new(settings: Settings, values: &mut impl Initializer) -> Self {
        let Settings { latent_size, hidden, forward_hidden, .. } = settings;
        let numbers = settings.order.len();
        let bend = Sequential::new(vec![
            Box::new(Dense::new("bend/0", 2 * numbers + latent_size, hidden, Init::He, values)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("bend/1", hidden, hidden, Init::He, values)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("bend/2", hidden, latent_size, Init::Gain(0.5), values)),
        ]);
        let forward = Sequential::new(vec![
            Box::new(Dense::new("forward/0", latent_size, forward_hidden, Init::He, values)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("forward/1", forward_hidden, forward_hidden / 2, Init::He, values)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("forward/2", forward_hidden / 2, numbers + 1, Init::Gain(0.5), values)),
        ]);
        let mut noise_rng = Rng::new(NOISE_SEED);
        let mut shared_noise = noise_rng.normals(latent_size);
        onto_sphere(&mut shared_noise);
        let personal_directions = noise_rng.normals(numbers * latent_size);
        let quantiles = |name| Quantiles::flat(name, FEATURES + numbers);
        let (samples, visitors) = (quantiles("samples"), quantiles("visitors"));
        let weights = number_weights(&settings.order);
        Self { settings, bend, forward, samples, visitors, weights, shared_noise, personal_directions }
    }

    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor or an entry of the metadata is missing, or a shape is wrong.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let file = nn::io::read(bytes)?;
        let mut inverter = Self::new(Settings::from_metadata(&file.metadata)?, &mut Unset);
        nn::io::fill_all(file, inverter.params_mut())?;
        inverter.samples.mend();
        inverter.visitors.mend();
        Ok(inverter)
    }

    /// Everything that the file holds.
    pub fn params(&self) -> Vec<&Param> {
        let nets = [self.bend.params(), self.forward.params()];
        nets.into_iter().flatten().chain([self.samples.param(), self.visitors.param()]).collect()
    }

    /// Everything that the file holds, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let nets = [self.bend.params_mut(), self.forward.params_mut()];
        nets.into_iter().flatten().chain([self.samples.param_mut(), self.visitors.param_mut()]).collect()
    }

    /// Learns how features are distributed among samples and among people.
    pub fn fit(&mut self, samples: &[FeatureVector], visitors: &[FeatureVector]) {
        let order = &self.settings.order;
        let row = |f: &FeatureVector| f.values().iter().copied().chain(order.iter().map(|n| n.of(f))).collect();
        self.samples.fit(&samples.iter().map(row).collect::<Vec<Vec<f32>>>());
        self.visitors.fit(&visitors.iter().map(row).collect::<Vec<Vec<f32>>>());
        let numbers = order.iter().enumerate().filter(|(_, n)| n.group() == Group::Gender).map(|(i, _)| FEATURES + i);
        for i in Group::Gender.range().chain(numbers) {
            self.visitors.derive(i, &self.samples, as_of_strangers);
        }
    }

    /// The numbers that it takes of a face, the one that says most about it first.
    pub fn order(&self) -> &[Number] {
        &self.settings.order
    }

    /// The latent, on the sphere of root mean square 1, of a face with a visitor's features. The same features give the
    /// same latent, and similar features a similar one.
    pub fn invert(&self, features: &FeatureVector, dial: &Dial) -> Latent {
        self.invert_from(features, Population::Visitors, dial)
    }

    /// Likewise, for features of either population.
    pub fn invert_from(&self, features: &FeatureVector, population: Population, dial: &Dial) -> Latent {
        let asked = self.ask(features, population, dial);
        self.invert_asked(&asked, &self.noise(&asked))
    }

    /// The latent for what is asked, from a noise on the sphere: what the numbers leave open is the noise's.
    pub fn invert_asked(&self, asked: &Asked, noise: &[f32]) -> Latent {
        let latent = self.bend_noise(asked, noise);
        Latent::new(self.refine(latent, asked, self.settings.refine_steps))
    }

    fn quantiles(&self, population: Population) -> &Quantiles {
        match population {
            Population::Visitors => &self.visitors,
            Population::Samples => &self.samples,
        }
    }

    /// What to ask for to draw a face: its numbers, as far as the dial lets them count.
    pub fn ask(&self, features: &FeatureVector, population: Population, dial: &Dial) -> Asked {
        let quantiles = self.quantiles(population);
        let order = self.order().iter().enumerate();
        let scores = order.map(|(i, n)| quantiles.score(FEATURES + i, n.of(features))).collect();
        Asked::new(scores, dial.given(self.order()))
    }

    /// Asks for another value of a number than a visitor's own; nothing happens if it is none of the order.
    pub fn tell(&self, asked: &mut Asked, number: Number, value: f32) {
        if let Some(i) = self.order().iter().position(|n| *n == number) {
            asked.scores[i] = self.visitors.score(FEATURES + i, value);
            asked.given[i] = true;
        }
    }

    /// How unusual each feature is in its population: 0 for the median, distributed normally over it, within ±[`LIMIT`].
    pub fn scores(&self, features: &FeatureVector, population: Population) -> [f32; FEATURES] {
        let quantiles = self.quantiles(population);
        std::array::from_fn(|i| quantiles.score(i, features.values()[i]))
    }

    /// How much of a viewer their reflection keeps, a group: 1 where every feature is as unusual among the generator's samples as
    /// the viewer's is among visitors, 0 where they are a standard deviation apart (as a viewer and an average face are), about -1 for
    /// two strangers.
    pub fn kept(&self, viewer: &FeatureVector, reflection: &FeatureVector) -> BTreeMap<Group, f32> {
        let (asked, came) = (self.scores(viewer, Population::Visitors), self.scores(reflection, Population::Samples));
        let of = |group: Group| {
            let squares = group.range().map(|i| (asked[i] - came[i]).powi(2));
            (group, 1.0 - squares.sum::<f32>() / group.range().len() as f32)
        };
        Group::ALL.map(of).into()
    }

    /// How far from this archive a face lies: 1 for a typical one of its own, more for a stranger.
    ///
    /// The root mean square deviation from the generator's median, in its standard deviations, by [`feature_weights`].
    pub fn distance_from_archive(&self, features: &FeatureVector) -> f32 {
        let weights = feature_weights();
        let squares =
            features.values().iter().enumerate().map(|(i, v)| weights[i] * self.samples.deviation(i, *v).powi(2));
        squares.sum::<f32>().sqrt()
    }

    /// The noise of a person: partly everybody's, partly a fixed random projection of what is given of them, so that it stays
    /// while the person stays. Pose does not enter: who turns the head remains who they are.
    pub fn noise(&self, asked: &Asked) -> Vec<f32> {
        let n = self.settings.latent_size;
        let mut personal = vec![0.0; n];
        for i in (0..self.order().len()).filter(|i| self.order()[*i].group() != Group::Pose) {
            let factor = self.weights[i].sqrt() * asked.scores[i];
            let direction = &self.personal_directions[i * n..(i + 1) * n];
            personal.iter_mut().zip(direction).for_each(|(p, d)| *p += factor * d);
        }
        onto_sphere(&mut personal);
        let (sin, cos) = (self.settings.individuality * std::f32::consts::FRAC_PI_2).sin_cos();
        let mut noise: Vec<f32> = self.shared_noise.iter().zip(personal).map(|(s, p)| cos * s + sin * p).collect();
        onto_sphere(&mut noise);
        noise
    }

    /// g: the noise, bent towards what is asked, on the sphere.
    pub fn bend_noise(&self, asked: &Asked, noise: &[f32]) -> Vec<f32> {
        let input: Vec<f32> = asked.inputs().chain(noise.iter().copied()).collect();
        let mut latent = self.bend.forward(&Tensor::new([1, 1, 1, input.len()], input)).data;
        latent.iter_mut().zip(noise).for_each(|(l, n)| *l += n);
        onto_sphere(&mut latent);
        latent
    }

    /// Half the weighted squared difference of F's scores from those asked for, plus a penalty for a face that can
    /// hardly be seen; and its gradient.
    pub fn misfit(&self, latent: &[f32], asked: &Asked) -> (f32, Vec<f32>) {
        let tape = self.forward.forward_tape(&Tensor::new([1, 1, 1, latent.len()], latent.to_vec()));
        let mut d = Tensor::zeros(tape.output().shape);
        let value = self.misfit_of_scores(&tape.output().data, asked, &mut d.data);
        (value, self.forward.backward_tape(&tape, &d, None).data)
    }

    /// See [`Inverter::misfit`]; `predicted` is a row of F's output. Adds the gradient to `d`.
    pub fn misfit_of_scores(&self, predicted: &[f32], asked: &Asked, d: &mut [f32]) -> f32 {
        let mut value = 0.0;
        for (i, weight) in self.weights.iter().enumerate().filter(|(i, _)| asked.given[*i]) {
            let error = predicted[i] - asked.scores[i];
            value += 0.5 * weight * error * error;
            d[i] += weight * error;
        }
        let quality = self.weights.len();
        let lacking = (self.settings.quality_target - predicted[quality]).max(0.0);
        d[quality] -= QUALITY_WEIGHT * lacking;
        value + 0.5 * QUALITY_WEIGHT * lacking * lacking
    }

    /// The weight of each number in every comparison; they sum to 1.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Walks along great circles down the misfit; never ends higher than it began.
    pub fn refine(&self, mut latent: Vec<f32>, asked: &Asked, steps: usize) -> Vec<f32> {
        if steps == 0 {
            return latent;
        }
        let mut angle = 0.1f32;
        let (mut value, mut gradient) = self.misfit(&latent, asked);
        for _ in 0..steps {
            let n = latent.len() as f32;
            let along = latent.iter().zip(&gradient).map(|(l, g)| l * g).sum::<f32>() / n;
            let mut down: Vec<f32> = latent.iter().zip(&gradient).map(|(l, g)| along * l - g).collect();
            onto_sphere(&mut down);
            let (sin, cos) = angle.sin_cos();
            let mut next: Vec<f32> = latent.iter().zip(&down).map(|(l, d)| cos * l + sin * d).collect();
            onto_sphere(&mut next);
            let (next_value, next_gradient) = self.misfit(&next, asked);
            if next_value < value {
                (latent, value, gradient) = (next, next_value, next_gradient);
                angle = (1.3 * angle).min(0.3);
            } else {
                angle *= 0.4;
            }
        }
        latent
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(latent_size: usize) -> Settings {
        let (individuality, refine_steps, quality_target) = (0.5, 4, 0.5);
        let order = order();
        Settings { order, latent_size, hidden: 24, forward_hidden: 20, individuality, refine_steps, quality_target }
    }

    /// A few numbers of every group but the background.
    pub(crate) fn order() -> Vec<Number> {
        let names = ["skin/l", "0-16/x", "pose/yaw", "age", "gender", "27-33/y", "hair/l", "48-54/x", "pose/roll"];
        names.iter().map(|n| n.parse().unwrap()).collect()
    }

    /// Untrained, but with spread-out statistics.
    pub(crate) fn inverter() -> Inverter {
        let mut rng = Rng::new(3);
        let mut inverter = Inverter::new(settings(16), &mut rng);
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
    fn the_same_features_give_the_same_latent_and_others_another() {
        let (inverter, mut rng) = (inverter(), Rng::new(9));
        let (a, b) = (features(&mut rng), features(&mut rng));
        let (za, zb) = (inverter.invert(&a, &Dial::default()), inverter.invert(&b, &Dial::default()));
        assert_eq!(za, inverter.invert(&a, &Dial::default()));
        let distance = za.as_slice().iter().zip(zb.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        assert!(distance > 0.5, "distance {distance}");
        let rms = (za.as_slice().iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
        assert!((rms - 1.0).abs() < 1e-4, "root mean square {rms}");
    }

    #[test]
    fn the_gradient_of_the_misfit_agrees_with_finite_differences() {
        let (inverter, mut rng) = (inverter(), Rng::new(11));
        let asked = Asked::new(rng.normals(9), Dial::first(7).given(&order()));
        let latent = rng.normals(16);
        let (_, gradient) = inverter.misfit(&latent, &asked);
        for i in 0..16 {
            let at = |e: f32| {
                let mut moved = latent.clone();
                moved[i] += e;
                inverter.misfit(&moved, &asked).0
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
        for dial in [Dial::first(0), Dial { without: vec![Group::Skin], ..Dial::default() }] {
            assert_eq!(inverter.invert(&somebody, &dial), inverter.invert(&paler, &dial));
        }
        let one = Dial::first(1);
        assert_ne!(inverter.invert(&somebody, &one), inverter.invert(&paler, &one));
    }

    #[test]
    fn the_weights_of_numbers_and_of_features_sum_to_1() {
        assert!((feature_weights().iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let weights = number_weights(&order());
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // Three numbers share the weight of shape, one has that of age alone.
        assert!((weights[1] / weights[3] - 3.0 / 3.0 / 1.5).abs() < 1e-4 && weights[8] < 0.2 * weights[2]);
    }

    #[test]
    fn refining_lowers_the_misfit_and_stays_on_the_sphere() {
        let (inverter, mut rng) = (inverter(), Rng::new(12));
        let asked = Asked::all(rng.normals(9));
        let mut latent = rng.normals(16);
        onto_sphere(&mut latent);
        let before = inverter.misfit(&latent, &asked).0;
        let refined = inverter.refine(latent, &asked, 20);
        assert!(inverter.misfit(&refined, &asked).0 < before);
        let rms = (refined.iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
        assert!((rms - 1.0).abs() < 1e-4);
    }

    #[test]
    fn all_is_kept_of_a_face_as_unusual_and_nothing_of_one_a_deviation_away() {
        let inverter = inverter();
        let asked = features(&mut Rng::new(21));
        let (mut reflected, gender) = (*asked.values(), Group::Gender.range().start);
        reflected[gender] = inverter.samples.value(gender, inverter.visitors.score(gender, reflected[gender]));
        let same = inverter.kept(&asked, &FeatureVector::new(reflected).unwrap());
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
    fn a_file_gives_the_same_inverter_back_and_a_broken_one_an_error() {
        let inverter = inverter();
        let weights = nn::io::collect(&inverter.params(), &inverter.settings.to_metadata());
        let bytes = nn::io::write(&weights, nn::io::Dtype::F32);
        let again = Inverter::from_weights(&bytes).unwrap();
        let somebody = features(&mut Rng::new(1));
        assert_eq!(again.invert(&somebody, &Dial::default()), inverter.invert(&somebody, &Dial::default()));
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
}
