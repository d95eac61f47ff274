//! From features to the latent of a face that shows them.
//!
//! Two nets. The forward model F predicts from a latent the features that the mirror's own eyes find in its picture;
//! it is cheap and differentiable. The inverter g takes features and free noise, and bends the noise until F finds
//! the features in it. The conditional mean of the latents, which plain regression gives, is an average face; here what the
//! features leave open is filled by the noise, so that the latent is as lively as one drawn from the prior.
//!
//! Visitors are not samples of the generator. Both nets speak of [`Quantiles`], in which visitor and sample are alike
//! when they are as unusual, each among their own.

mod quantiles;

pub use quantiles::{LIMIT, Quantiles};

use crate::features::{FEATURES, FeatureVector, Group};
use crate::latent::Latent;
use nn::{Dense, Init, Layer, LeakyRelu, Param, Rng, Sequential, Tensor};
use std::collections::BTreeMap;

/// Numbers that the forward model predicts: the features' scores, then the score of how well the detector sees the face.
pub const FORWARD_OUTPUTS: usize = FEATURES + 1;
/// The largest layer that a file may ask for.
const MAX_WIDTH: usize = 4096;
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

/// Sizes and constants of an inverter; they travel in the metadata of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Coordinates of a latent.
    pub latent_size: usize,
    /// Width of g's two hidden layers.
    pub hidden: usize,
    /// Width of F's hidden layer.
    pub forward_hidden: usize,
    /// From 0, all people share one noise, to 1, everybody has their own; an angle in quarter turns.
    pub individuality: f32,
    /// Gradient steps on F after g.
    pub refine_steps: usize,
    /// Faces that the detector sees worse than this score, in F's opinion, are avoided.
    pub quality_target: f32,
}

/// Finds latents for features.
pub struct Inverter {
    /// Sizes and constants.
    pub settings: Settings,
    /// g: scores, then noise (`[n, 1, 1, FEATURES + latent_size]`), to what is added to the noise.
    pub bend: Sequential,
    /// F: latents on the sphere of root mean square 1, to [`FORWARD_OUTPUTS`] scores.
    pub forward: Sequential,
    /// Features of the generator's samples.
    pub samples: Quantiles,
    /// Features of people.
    pub visitors: Quantiles,
    /// The baseline: ridge regression of latents on scores, the conditional mean.
    pub ridge: Dense,
    shared_noise: Vec<f32>,
    personal_directions: Vec<f32>,
}

/// The weight of each feature in every comparison; they sum to 1. Groups count by what people notice, not by how many
/// numbers they have. The roll hardly counts: portraits are upright.
pub fn feature_weights() -> [f32; FEATURES] {
    let mut weights = [0.0; FEATURES];
    for group in Group::ALL {
        let total = match group {
            Group::Shape => 4.0,
            Group::Pose => 2.0,
            Group::Age | Group::Gender | Group::Skin | Group::Hair | Group::Background => 1.5,
        };
        let range = group.range();
        let each = total / range.len() as f32;
        weights[range].fill(each);
    }
    weights[Group::Pose.range().start + 2] *= 0.1;
    let sum: f32 = weights.iter().sum();
    weights.map(|w| w / sum)
}

/// Scales to root mean square 1. The zero vector stays as it is.
pub fn onto_sphere(v: &mut [f32]) {
    let mean_square = v.iter().map(|x| x * x).sum::<f32>() / v.len().max(1) as f32;
    if mean_square > 0.0 {
        let factor = mean_square.sqrt().recip();
        v.iter_mut().for_each(|x| *x *= factor);
    }
}

impl Inverter {
    /// An untrained one.
    pub fn new(settings: Settings, rng: &mut Rng) -> Self {
        let Settings { latent_size, hidden, forward_hidden, .. } = settings;
        let bend = Sequential::new(vec![
            Box::new(Dense::new("bend/0", FEATURES + latent_size, hidden, Init::He, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("bend/1", hidden, hidden, Init::He, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("bend/2", hidden, latent_size, Init::Gain(0.5), rng)),
        ]);
        let forward = Sequential::new(vec![
            Box::new(Dense::new("forward/0", latent_size, forward_hidden, Init::He, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("forward/1", forward_hidden, forward_hidden / 2, Init::He, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("forward/2", forward_hidden / 2, FORWARD_OUTPUTS, Init::Gain(0.5), rng)),
        ]);
        let ridge = Dense::new("ridge", FEATURES, latent_size, Init::Zero, rng);
        let mut noise_rng = Rng::new(NOISE_SEED);
        let mut shared_noise = noise_rng.normals(latent_size);
        onto_sphere(&mut shared_noise);
        let personal_directions = noise_rng.normals(FEATURES * latent_size);
        let (samples, visitors) = (Quantiles::flat("samples"), Quantiles::flat("visitors"));
        Self { settings, bend, forward, samples, visitors, ridge, shared_noise, personal_directions }
    }

    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor or an entry of the metadata is missing, or a shape is wrong.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let settings = Settings::from_metadata(&nn::io::read(bytes)?.metadata)?;
        let mut inverter = Self::new(settings, &mut Rng::new(0));
        nn::io::load_into(bytes, inverter.params_mut())?;
        inverter.samples.mend();
        inverter.visitors.mend();
        Ok(inverter)
    }

    /// Everything that the file holds.
    pub fn params(&self) -> Vec<&Param> {
        let nets = [self.bend.params(), self.forward.params(), self.ridge.params()];
        nets.into_iter().flatten().chain([self.samples.param(), self.visitors.param()]).collect()
    }

    /// Everything that the file holds, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let nets = [self.bend.params_mut(), self.forward.params_mut(), self.ridge.params_mut()];
        nets.into_iter().flatten().chain([self.samples.param_mut(), self.visitors.param_mut()]).collect()
    }

    /// The latent, on the sphere of root mean square 1, of a face with a visitor's features. The same features give the
    /// same latent, and similar features a similar one.
    pub fn invert(&self, features: &FeatureVector) -> Latent {
        self.invert_from(features, Population::Visitors)
    }

    /// Likewise, for features of either population.
    pub fn invert_from(&self, features: &FeatureVector, population: Population) -> Latent {
        let scores = self.scores(features, population);
        self.invert_scores(&scores, &self.noise(&scores))
    }

    /// The latent for scores, from a noise on the sphere: what the scores leave open is the noise's.
    pub fn invert_scores(&self, scores: &[f32; FEATURES], noise: &[f32]) -> Latent {
        let latent = self.bend_noise(scores, noise);
        Latent::new(self.refine(latent, scores, self.settings.refine_steps))
    }

    /// The baseline's answer: the mean latent of all that fit, on the sphere.
    pub fn invert_to_mean(&self, features: &FeatureVector, population: Population) -> Latent {
        let scores = self.scores(features, population);
        let mut latent = self.ridge.forward(&Tensor::new([1, 1, 1, FEATURES], scores.to_vec())).data;
        onto_sphere(&mut latent);
        Latent::new(latent)
    }

    /// How unusual each feature is in its population: 0 for the median, distributed normally over it, within ±[`LIMIT`].
    pub fn scores(&self, features: &FeatureVector, population: Population) -> [f32; FEATURES] {
        let quantiles = match population {
            Population::Visitors => &self.visitors,
            Population::Samples => &self.samples,
        };
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

    /// The noise of a person: partly everybody's, partly a fixed random projection of the scores, so that it stays
    /// while the person stays. Pose does not enter: who turns the head remains who they are.
    pub fn noise(&self, scores: &[f32; FEATURES]) -> Vec<f32> {
        let n = self.settings.latent_size;
        let weights = feature_weights();
        let mut personal = vec![0.0; n];
        for group in Group::ALL.into_iter().filter(|g| *g != Group::Pose) {
            for i in group.range() {
                let factor = weights[i].sqrt() * scores[i];
                let direction = &self.personal_directions[i * n..(i + 1) * n];
                personal.iter_mut().zip(direction).for_each(|(p, d)| *p += factor * d);
            }
        }
        onto_sphere(&mut personal);
        let (sin, cos) = (self.settings.individuality * std::f32::consts::FRAC_PI_2).sin_cos();
        let mut noise: Vec<f32> = self.shared_noise.iter().zip(personal).map(|(s, p)| cos * s + sin * p).collect();
        onto_sphere(&mut noise);
        noise
    }

    /// g: the noise, bent towards the scores, on the sphere.
    pub fn bend_noise(&self, scores: &[f32], noise: &[f32]) -> Vec<f32> {
        let input = [scores, noise].concat();
        let mut latent = self.bend.forward(&Tensor::new([1, 1, 1, input.len()], input)).data;
        latent.iter_mut().zip(noise).for_each(|(l, n)| *l += n);
        onto_sphere(&mut latent);
        latent
    }

    /// Half the weighted squared difference of F's scores from the wanted ones, plus a penalty for a face that can
    /// hardly be seen; and its gradient.
    pub fn misfit(&self, latent: &[f32], scores: &[f32]) -> (f32, Vec<f32>) {
        let tape = self.forward.forward_tape(&Tensor::new([1, 1, 1, latent.len()], latent.to_vec()));
        let mut d = Tensor::zeros([1, 1, 1, FORWARD_OUTPUTS]);
        let value = misfit_of_scores(&tape.output().data, scores, self.settings.quality_target, &mut d.data);
        (value, self.forward.backward_tape(&tape, &d, None).data)
    }

    /// Walks along great circles down the misfit; never ends higher than it began.
    pub fn refine(&self, mut latent: Vec<f32>, scores: &[f32], steps: usize) -> Vec<f32> {
        if steps == 0 {
            return latent;
        }
        let mut angle = 0.1f32;
        let (mut value, mut gradient) = self.misfit(&latent, scores);
        for _ in 0..steps {
            let n = latent.len() as f32;
            let along = latent.iter().zip(&gradient).map(|(l, g)| l * g).sum::<f32>() / n;
            let mut down: Vec<f32> = latent.iter().zip(&gradient).map(|(l, g)| along * l - g).collect();
            onto_sphere(&mut down);
            let (sin, cos) = angle.sin_cos();
            let mut next: Vec<f32> = latent.iter().zip(&down).map(|(l, d)| cos * l + sin * d).collect();
            onto_sphere(&mut next);
            let (next_value, next_gradient) = self.misfit(&next, scores);
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

/// See [`Inverter::misfit`]; `predicted` are F's [`FORWARD_OUTPUTS`]. Adds the gradient to `d`.
pub fn misfit_of_scores(predicted: &[f32], wanted: &[f32], quality_target: f32, d: &mut [f32]) -> f32 {
    let weights = feature_weights();
    let mut value = 0.0;
    for i in 0..FEATURES {
        let error = predicted[i] - wanted[i];
        value += 0.5 * weights[i] * error * error;
        d[i] += weights[i] * error;
    }
    let lacking = (quality_target - predicted[FEATURES]).max(0.0);
    d[FEATURES] -= QUALITY_WEIGHT * lacking;
    value + 0.5 * QUALITY_WEIGHT * lacking * lacking
}

impl Settings {
    /// As the file's metadata holds them.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        [
            ("latent_size", self.latent_size.to_string()),
            ("hidden", self.hidden.to_string()),
            ("forward_hidden", self.forward_hidden.to_string()),
            ("individuality", self.individuality.to_string()),
            ("refine_steps", self.refine_steps.to_string()),
            ("quality_target", self.quality_target.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// From the file's metadata.
    ///
    /// # Errors
    /// If an entry is missing or out of bounds.
    pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<Self, nn::Error> {
        let number = |key: &str, low: f32, high: f32| -> Result<f32, nn::Error> {
            let text = metadata.get(key).map_or("", String::as_str);
            let value = text.parse().ok().filter(|v: &f32| (low..=high).contains(v));
            value.ok_or_else(|| {
                nn::Error::Metadata(format!("\"{key}\": expected a number from {low} to {high}, found \"{text}\""))
            })
        };
        let width = |key: &str| Ok::<_, nn::Error>(number(key, 2.0, MAX_WIDTH as f32)? as usize);
        Ok(Self {
            latent_size: width("latent_size")?,
            hidden: width("hidden")?,
            forward_hidden: width("forward_hidden")?,
            individuality: number("individuality", 0.0, 1.0)?,
            refine_steps: number("refine_steps", 0.0, 1000.0)? as usize,
            quality_target: number("quality_target", -LIMIT, LIMIT)?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(latent_size: usize) -> Settings {
        let (individuality, refine_steps, quality_target) = (0.5, 4, 0.5);
        Settings { latent_size, hidden: 24, forward_hidden: 20, individuality, refine_steps, quality_target }
    }

    /// Untrained, but with spread-out statistics.
    pub(crate) fn inverter() -> Inverter {
        let mut rng = Rng::new(3);
        let mut inverter = Inverter::new(settings(16), &mut rng);
        let rows: Vec<FeatureVector> = (0..200).map(|_| features(&mut rng)).collect();
        inverter.samples.fit(&rows);
        inverter.visitors.fit(&rows);
        inverter
    }

    pub(crate) fn features(rng: &mut Rng) -> FeatureVector {
        FeatureVector::new(std::array::from_fn(|i| i as f32 + rng.normal())).unwrap()
    }

    #[test]
    fn the_same_features_give_the_same_latent_and_others_another() {
        let (inverter, mut rng) = (inverter(), Rng::new(9));
        let (a, b) = (features(&mut rng), features(&mut rng));
        let (za, zb) = (inverter.invert(&a), inverter.invert(&b));
        assert_eq!(za, inverter.invert(&a));
        let distance = za.as_slice().iter().zip(zb.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        assert!(distance > 0.5, "distance {distance}");
        let rms = (za.as_slice().iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
        assert!((rms - 1.0).abs() < 1e-4, "root mean square {rms}");
    }

    #[test]
    fn the_gradient_of_the_misfit_agrees_with_finite_differences() {
        let (inverter, mut rng) = (inverter(), Rng::new(11));
        let (latent, scores) = (rng.normals(16), rng.normals(FEATURES));
        let (_, gradient) = inverter.misfit(&latent, &scores);
        for i in 0..16 {
            let at = |e: f32| {
                let mut moved = latent.clone();
                moved[i] += e;
                inverter.misfit(&moved, &scores).0
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((difference - gradient[i]).abs() < 2e-3, "{i}: {difference} against {}", gradient[i]);
        }
    }

    #[test]
    fn refining_lowers_the_misfit_and_stays_on_the_sphere() {
        let (inverter, mut rng) = (inverter(), Rng::new(12));
        let scores = rng.normals(FEATURES);
        let mut latent = rng.normals(16);
        onto_sphere(&mut latent);
        let before = inverter.misfit(&latent, &scores).0;
        let refined = inverter.refine(latent, &scores, 20);
        assert!(inverter.misfit(&refined, &scores).0 < before);
        let rms = (refined.iter().map(|v| v * v).sum::<f32>() / 16.0).sqrt();
        assert!((rms - 1.0).abs() < 1e-4);
    }

    #[test]
    fn all_is_kept_of_a_face_as_unusual_and_nothing_of_one_a_deviation_away() {
        let inverter = inverter();
        let asked = features(&mut Rng::new(21));
        let same = inverter.kept(&asked, &asked);
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
        assert_eq!(again.invert(&somebody), inverter.invert(&somebody));
        assert!(Inverter::from_weights(&bytes[..bytes.len() / 2]).is_err());
        let mut absurd = weights;
        absurd.metadata.insert("hidden".into(), "1e12".into());
        let error = Inverter::from_weights(&nn::io::write(&absurd, nn::io::Dtype::F32)).err().unwrap().to_string();
        assert!(error.contains("\"hidden\": expected a number from 2 to 4096"), "{error}");
    }
}
