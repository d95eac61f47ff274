//! The inverter's two nets, and what is counted besides.

use super::config::InverterConfig;
use super::input::{FeatureSelection, InverterInput};
use super::quantiles::QuantileTable;
use super::weighting::{feature_weights, number_weights};
use crate::features::greedy::Number;
use crate::features::{FEATURES, FeatureVector, Group, TOLD};
use crate::latent::{Latent, onto_sphere};
use nn::{Dense, Init, Initializer, Layer, LeakyRelu, Param, Rng, Sequential, Tensor, Unset};
use std::collections::BTreeMap;

/// Seed of the noise that everybody shares, and of the directions that make it personal.
const NOISE_SEED: u64 = 0x6E61_7263_6973_7375;

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
    config: InverterConfig,
    /// g: what is asked for ([`InverterInput::inputs`]), then noise, `[n, 1, 1, 2 * numbers + latent_size]`, to what is added to the noise.
    pub bend: Sequential,
    /// F: latents on the sphere of root mean square 1, to the scores of the numbers, then of how well the detector sees the face.
    pub forward: Sequential,
    /// Features of the generator's samples: those of a [`FeatureVector`], then the numbers.
    pub samples: QuantileTable,
    /// Features of people, likewise.
    pub visitors: QuantileTable,
    /// Of each number, in comparisons; they sum to 1.
    pub(super) weights: Vec<f32>,
    shared_noise: Vec<f32>,
    personal_directions: Vec<f32>,
}

impl Inverter {
    /// An untrained one.
    pub fn new(config: InverterConfig, values: &mut impl Initializer) -> Self {
        let InverterConfig { latent_size, hidden, forward_hidden, .. } = config;
        let numbers = config.order.len();

        // The two nets.
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

        // The noise: not learned, the same for all inverters of a size.
        let mut noise_rng = Rng::new(NOISE_SEED);
        let mut shared_noise = noise_rng.normals(latent_size);
        onto_sphere(&mut shared_noise);
        let personal_directions = noise_rng.normals(numbers * latent_size);

        // What is learned by counting.
        let quantiles = |name| QuantileTable::flat(name, FEATURES + numbers);
        let (samples, visitors) = (quantiles("samples"), quantiles("visitors"));
        let weights = number_weights(&config.order);
        Self { config, bend, forward, samples, visitors, weights, shared_noise, personal_directions }
    }

    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor or an entry of the metadata is missing, or a shape is wrong.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let mut file = nn::io::read(bytes)?;
        let mut inverter = Self::new(InverterConfig::from_metadata(&file.metadata)?, &mut Unset);
        for table in [inverter.samples.param(), inverter.visitors.param()] {
            if let Some((shape, values)) = file.tensors.get_mut(&table.name) {
                add_likeness(shape, values, inverter.order().len());
            }
        }
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

    /// The same without some groups: it knows no number of theirs, and answers as this one does where none of them is given.
    #[must_use]
    pub fn without(self, groups: &[Group]) -> Self {
        let kept: Vec<usize> =
            (0..self.order().len()).filter(|i| !groups.contains(&self.order()[*i].group())).collect();
        let (numbers, n) = (self.order().len(), self.config.latent_size);
        let order = kept.iter().map(|i| self.config.order[*i]).collect();
        let mut less = Self::new(InverterConfig { order, ..self.config.clone() }, &mut Unset);

        // Into g go scores, then marks, then noise; out of F come scores, then how well the face is seen.
        let marks = kept.iter().map(|i| numbers + i);
        let inputs: Vec<usize> = kept.iter().copied().chain(marks).chain(2 * numbers..2 * numbers + n).collect();
        let outputs: Vec<usize> = kept.iter().copied().chain([numbers]).collect();
        let entries: Vec<usize> = (0..FEATURES).chain(kept.iter().map(|i| FEATURES + i)).collect();
        let all = less.params_mut().into_iter().zip(self.params());
        for (param, full) in all {
            let [rows, columns] = match full.shape[..] {
                [rows, columns] => [rows, columns],
                [columns] => [1, columns],
                _ => unreachable!("layers and tables have one or two axes"),
            };
            let pick = |range: usize| (0..range).collect::<Vec<usize>>();
            let (from, to) = match full.name.as_str() {
                "bend/0/weight" => (inputs.clone(), pick(columns)),
                "forward/2/weight" | "forward/2/bias" => (pick(rows), outputs.clone()),
                name if name.starts_with("quantiles/") => (pick(rows), entries.clone()),
                _ => (pick(rows), pick(columns)),
            };
            let of_row = |row: usize| to.iter().map(move |column| row * columns + column);
            param.value = from.into_iter().flat_map(of_row).map(|at| full.value[at]).collect();
        }
        for table in [&mut less.samples, &mut less.visitors] {
            groups.iter().flat_map(|group| group.range()).for_each(|i| table.flatten(i));
        }
        less.weights = kept.iter().map(|i| self.weights[*i]).collect();
        less.personal_directions =
            kept.iter().flat_map(|i| &self.personal_directions[i * n..(i + 1) * n]).copied().collect();
        less
    }

    /// Learns how features are distributed among samples and among people.
    pub fn fit(&mut self, samples: &[FeatureVector], visitors: &[FeatureVector]) {
        let order = &self.config.order;
        let row = |f: &FeatureVector| f.values().iter().copied().chain(order.iter().map(|n| n.of(f))).collect();
        self.samples.fit(&samples.iter().map(row).collect::<Vec<Vec<f32>>>());
        self.visitors.fit(&visitors.iter().map(row).collect::<Vec<Vec<f32>>>());
        self.ask_for_strangers();
    }

    /// What is not asked for by rank alone: a stranger's gender, and a closed mouth. Done twice, it is as done once.
    pub fn ask_for_strangers(&mut self) {
        let place_of = |number: Number| self.config.order.iter().position(|n| *n == number).map(|i| FEATURES + i);
        let gender = Group::Gender.range().start;
        for i in [Some(gender), place_of(Number::Other(gender))].into_iter().flatten() {
            self.visitors.derive(i, &self.samples, as_of_strangers);
        }
        let mouth = Group::Expression.range().start;
        if let Some(i) = place_of(Number::Other(mouth)) {
            self.visitors.lower(i, mouth, more_closed);
        }
    }

    /// Sizes and constants, and which numbers of a face count.
    pub fn config(&self) -> &InverterConfig {
        &self.config
    }

    /// Sets how much noise is everybody's own (see [`InverterConfig::individuality`]): no weight depends on it.
    pub fn set_individuality(&mut self, individuality: f32) {
        self.config.individuality = individuality;
    }

    /// Sets how many gradient steps follow g (see [`InverterConfig::refine_steps`]).
    pub fn set_refine_steps(&mut self, steps: usize) {
        self.config.refine_steps = steps;
    }

    /// The numbers that it takes of a face, the one that says most about it first.
    pub fn order(&self) -> &[Number] {
        &self.config.order
    }

    /// The latent, on the sphere of root mean square 1, of a face with a visitor's features. The same features give the
    /// same latent, and similar features a similar one.
    pub fn invert(&self, features: &FeatureVector, selection: &FeatureSelection) -> Latent {
        self.invert_from(features, Population::Visitors, selection)
    }

    /// Likewise, for features of either population.
    pub fn invert_from(
        &self,
        features: &FeatureVector,
        population: Population,
        selection: &FeatureSelection,
    ) -> Latent {
        let input = self.input(features, population, selection);
        self.invert_input(&input, &self.noise(&input))
    }

    /// The latent for what is asked, from a noise on the sphere: what the numbers leave open is the noise's.
    pub fn invert_input(&self, input: &InverterInput, noise: &[f32]) -> Latent {
        let latent = self.bend_noise(input, noise);
        Latent::new(self.refine(latent, input, self.config.refine_steps))
    }

    fn quantiles(&self, population: Population) -> &QuantileTable {
        match population {
            Population::Visitors => &self.visitors,
            Population::Samples => &self.samples,
        }
    }

    /// What goes into the inverter for a face: the scores of its features, as far as the selection lets them through.
    pub fn input(
        &self,
        features: &FeatureVector,
        population: Population,
        selection: &FeatureSelection,
    ) -> InverterInput {
        InverterInput::new(self.number_scores(features, population), selection.mask(self.order()))
    }

    /// The scores of a face's numbers in a population.
    pub(super) fn number_scores(&self, features: &FeatureVector, population: Population) -> Vec<f32> {
        let quantiles = self.quantiles(population);
        let order = self.order().iter().enumerate();
        order.map(|(i, n)| quantiles.score(FEATURES + i, n.of(features))).collect()
    }

    /// Puts another value of a feature in place of a visitor's own; nothing happens if it is not in the order.
    pub fn replace(&self, input: &mut InverterInput, number: Number, value: f32) {
        if let Some(i) = self.order().iter().position(|n| *n == number) {
            input.scores[i] = self.visitors.score(FEATURES + i, value);
            input.given[i] = true;
        }
    }

    /// The way back: the numbers of a visitor with these scores, in the units of their groups, as far as the visitors' table goes.
    pub fn visitor_values(&self, scores: &[f32]) -> Vec<f32> {
        scores.iter().enumerate().map(|(i, score)| self.visitors.value(FEATURES + i, *score)).collect()
    }

    /// How unusual each feature is in its population: 0 for the median, distributed normally over it, within ±[`super::LIMIT`].
    pub fn scores(&self, features: &FeatureVector, population: Population) -> [f32; FEATURES] {
        let quantiles = self.quantiles(population);
        std::array::from_fn(|i| quantiles.score(i, features.values()[i]))
    }

    /// The groups that the generator's samples differ in: all that were measured when the inverter learned.
    pub fn groups(&self) -> Vec<Group> {
        Group::ALL.into_iter().filter(|group| group.range().any(|i| self.samples.varies(i))).collect()
    }

    /// How much of a viewer their reflection keeps, for each of [`Inverter::groups`]: 1 where every feature is as unusual among the generator's samples as
    /// the viewer's is among visitors, 0 where they are a standard deviation apart (as a viewer and an average face are), about -1 for
    /// two strangers.
    pub fn kept(&self, viewer: &FeatureVector, reflection: &FeatureVector) -> BTreeMap<Group, f32> {
        let wanted = self.scores(viewer, Population::Visitors);
        let came = self.scores(reflection, Population::Samples);
        let of = |group: Group| {
            let squares = group.range().map(|i| (wanted[i] - came[i]).powi(2));
            (group, 1.0 - squares.sum::<f32>() / group.range().len() as f32)
        };
        self.groups().into_iter().map(of).collect()
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
    pub fn noise(&self, input: &InverterInput) -> Vec<f32> {
        let n = self.config.latent_size;
        let mut personal = vec![0.0; n];
        for i in (0..self.order().len()).filter(|i| self.order()[*i].group() != Group::Pose) {
            let factor = self.weights[i].sqrt() * input.scores[i];
            let direction = &self.personal_directions[i * n..(i + 1) * n];
            personal.iter_mut().zip(direction).for_each(|(p, d)| *p += factor * d);
        }
        onto_sphere(&mut personal);
        let (sin, cos) = (self.config.individuality * std::f32::consts::FRAC_PI_2).sin_cos();
        let mut noise: Vec<f32> = self.shared_noise.iter().zip(personal).map(|(s, p)| cos * s + sin * p).collect();
        onto_sphere(&mut noise);
        noise
    }

    /// g: the noise, bent towards what is asked, on the sphere.
    pub fn bend_noise(&self, input: &InverterInput, noise: &[f32]) -> Vec<f32> {
        let values: Vec<f32> = input.inputs().chain(noise.iter().copied()).collect();
        let mut latent = self.bend.forward(&Tensor::new([1, 1, 1, values.len()], values)).data;
        latent.iter_mut().zip(noise).for_each(|(l, n)| *l += n);
        onto_sphere(&mut latent);
        latent
    }

    /// The weight of each number in every comparison; they sum to 1.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

/// Files from before there was a likeness have tables `[features, then numbers; levels]` without it: none of it ever differed.
fn add_likeness(shape: &mut [usize], values: &mut Vec<f32>, numbers: usize) {
    if let [rows, levels] = shape
        && *rows == TOLD + numbers
        && values.len() == *rows * *levels
    {
        let (at, added) = (TOLD * *levels, (FEATURES - TOLD) * *levels);
        values.splice(at..at, std::iter::repeat_n(0.0, added));
        *rows += FEATURES - TOLD;
    }
}

/// By how much the logit of a gender is smaller among strangers than among portraits and samples, which the net knows better. Chosen after a look at
/// strangers' reflections.
pub(super) const UNSURE: f32 = 3.0;
/// Score of a woman or a man who is sure enough: more of it is asked of nobody.
pub(super) const SURE_SCORE: f32 = 1.25;

/// By how much lower the opening of a mouth is asked for, as a score: people notice whether lips touch, and those that hardly do would come back parted,
/// as all that is rare comes back a little less so. Chosen on the pack's own people, of whom then as many closed mouths come back open as the other way.
const CLOSED_MOUTH_LOWER: f32 = 0.4;
/// The score, and all below, that is so; and that above which nothing changes. A mouth is closed below -0.75.
const CLOSED_MOUTH_SCORES: [f32; 2] = [-0.75, -0.3];

fn more_closed(score: f32) -> f32 {
    let [closed, open] = CLOSED_MOUTH_SCORES;
    CLOSED_MOUTH_LOWER * ((open - score) / (open - closed)).clamp(0.0, 1.0)
}

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
