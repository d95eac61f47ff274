//! Other ways to find a latent for features, to compare the mirror's own with: those that the original artwork tried.

use super::pairs::{ScoredPair, ScoredPairs};
use super::ridge;
use anyhow::{Context, Result};
use mirror::features::{FEATURES, FeatureVector};
use mirror::inverter::{FeatureSelection, Inverter, Population};
use mirror::latent::{Latent, onto_sphere};
use nn::{Adam, Dense, Init, Layer, LeakyRelu, Rng, Sequential, Tensor, grads_like};
use rayon::prelude::*;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

/// Finds latents for features.
pub trait Model: Sync {
    /// What people call it.
    fn name(&self) -> String;

    /// The latent, on the sphere, of a face with these features, by the numbers that the selection lets count.
    fn invert(&self, features: &FeatureVector, population: Population, selection: &FeatureSelection) -> Latent;
}

/// A model that learned from scores of the first few numbers, and what gives the scores.
pub struct Scored<'a, M> {
    /// The model.
    pub model: M,
    /// How many of the order's numbers it takes.
    pub numbers: usize,
    /// Whose order and distributions.
    pub inverter: &'a Inverter,
}

/// From scores to a latent of any length.
pub trait FromScores: Sync {
    /// See [`Model::name`].
    fn name(&self) -> String;
    /// Any latent; the sphere comes after.
    fn predict(&self, scores: &[f32]) -> Vec<f32>;
}

impl<M: FromScores> Model for Scored<'_, M> {
    fn name(&self) -> String {
        self.model.name()
    }

    fn invert(&self, features: &FeatureVector, population: Population, selection: &FeatureSelection) -> Latent {
        let input = self.inverter.input(features, population, selection);
        let mut latent = self.model.predict(&input.scores[..self.numbers]);
        onto_sphere(&mut latent);
        Latent::new(latent)
    }
}

/// Linear regression with a penalty: the mean latent of all that fit, if features and latents are jointly normal.
pub struct Ridge(Dense);

impl Ridge {
    /// Learns from the first `numbers` scores.
    ///
    /// # Errors
    /// If the normal equations cannot be solved.
    pub fn fit(train: &ScoredPairs, held: &ScoredPairs, numbers: usize) -> Result<Self> {
        Ok(Self(ridge::fit(train, held, numbers)?))
    }
}

impl FromScores for Ridge {
    fn name(&self) -> String {
        "ridge regression".into()
    }

    fn predict(&self, scores: &[f32]) -> Vec<f32> {
        self.0.forward(&row(scores)).data
    }
}

/// The mean latent of the pairs with the most similar scores.
pub struct Neighbours<'a> {
    rows: Vec<&'a ScoredPair>,
    numbers: usize,
}

impl<'a> Neighbours<'a> {
    /// As many as scikit-learn takes unless told.
    const K: usize = 5;

    /// Remembers the first `numbers` scores of each pair.
    pub fn fit(train: &'a ScoredPairs, numbers: usize) -> Self {
        Self { rows: train.found(), numbers }
    }
}

impl FromScores for Neighbours<'_> {
    fn name(&self) -> String {
        format!("{} nearest neighbours", Self::K)
    }

    fn predict(&self, scores: &[f32]) -> Vec<f32> {
        let distance =
            |r: &ScoredPair| r.scores[..self.numbers].iter().zip(scores).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let mut near: Vec<(f32, &ScoredPair)> = self.rows.iter().map(|r| (distance(r), *r)).collect();
        let k = Self::K.min(near.len()).max(1);
        near.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
        let mut mean = vec![0.0; self.rows[0].latent.len()];
        for (_, row) in &near[..k] {
            mean.iter_mut().zip(&row.latent).for_each(|(m, z)| *m += z / k as f32);
        }
        mean
    }
}

/// A random forest for each coordinate of the latent (smartcore's).
pub struct Forest(Vec<RandomForestRegressor<f32, f32, DenseMatrix<f32>, Vec<f32>>>);

impl Forest {
    const TREES: usize = 8;
    const DEPTH: u16 = 7;
    /// Pairs to learn from: a forest for every coordinate takes its time.
    const ROWS: usize = 800;

    /// Learns from the first `numbers` scores.
    ///
    /// # Errors
    /// If a forest cannot be grown.
    pub fn fit(train: &ScoredPairs, numbers: usize) -> Result<Self> {
        let rows: Vec<&ScoredPair> = train.found().into_iter().take(Self::ROWS).collect();
        let scores: Vec<Vec<f32>> = rows.iter().map(|r| r.scores[..numbers].to_vec()).collect();
        let size = rows.first().map_or(0, |r| r.latent.len());
        let x = DenseMatrix::from_2d_vec(&scores).context("random forest")?;
        let grow = |k: usize| {
            let parameters = RandomForestRegressorParameters::default()
                .with_n_trees(Self::TREES)
                .with_max_depth(Self::DEPTH)
                .with_m(numbers.div_ceil(3))
                .with_seed(k as u64);
            let y: Vec<f32> = rows.iter().map(|r| r.latent[k]).collect();
            RandomForestRegressor::fit(&x, &y, parameters).context("random forest")
        };
        Ok(Self((0..size).into_par_iter().map(grow).collect::<Result<_>>()?))
    }
}

impl FromScores for Forest {
    fn name(&self) -> String {
        "random forest".into()
    }

    fn predict(&self, scores: &[f32]) -> Vec<f32> {
        let x = DenseMatrix::from_2d_vec(&vec![scores.to_vec()]).expect("one row");
        self.0.iter().map(|f| f.predict(&x).expect("as many numbers as it learned from")[0]).collect()
    }
}

/// A multilayer perceptron that regresses the latent, with hidden layers of the original's sizes.
pub struct Mlp {
    net: Sequential,
    hidden: Vec<usize>,
}

impl Mlp {
    const BATCH: usize = 200;
    /// Passes over the pairs; the best on the held-out ones counts.
    const EPOCHS: usize = 30;

    /// Learns from the first `numbers` scores, as scikit-learn's does (Adam, 1e-3, mean squared error).
    pub fn fit(train: &ScoredPairs, held: &ScoredPairs, numbers: usize, hidden: &[usize], seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let (rows, held) = (train.found(), held.found());
        let mut net = Self::network(numbers, hidden, rows[0].latent.len(), &mut rng);
        let mut adam = Adam::new(1e-3, 0.9, 0.999);
        let mut order: Vec<usize> = (0..rows.len()).collect();

        // Pass after pass, until the held-out pairs gain nothing.
        let (mut best, mut weights) = (f32::INFINITY, Vec::new());
        for _ in 0..Self::EPOCHS {
            (1..order.len()).rev().for_each(|i| order.swap(i, rng.below(i + 1)));
            for batch in order.chunks(Self::BATCH) {
                let batch: Vec<&ScoredPair> = batch.iter().map(|i| rows[*i]).collect();
                Self::step(&mut net, &mut adam, &batch, numbers);
            }
            let now = Self::squared_error(&net, &held, numbers);
            if now >= best {
                break;
            }
            best = now;
            weights = net.params().into_iter().cloned().collect::<Vec<_>>();
        }
        net.params_mut().into_iter().zip(weights).for_each(|(p, w)| *p = w);
        Self { net, hidden: hidden.to_vec() }
    }

    fn network(numbers: usize, hidden: &[usize], latent_size: usize, rng: &mut Rng) -> Sequential {
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        let widths: Vec<usize> = std::iter::once(numbers).chain(hidden.iter().copied()).collect();
        for (i, w) in widths.windows(2).enumerate() {
            layers.push(Box::new(Dense::new(&format!("mlp/{i}"), w[0], w[1], Init::He, rng)));
            layers.push(Box::new(LeakyRelu));
        }
        let last = widths[widths.len() - 1];
        layers.push(Box::new(Dense::new("mlp/out", last, latent_size, Init::Gain(0.5), rng)));
        Sequential::new(layers)
    }

    fn input(rows: &[&ScoredPair], numbers: usize) -> Tensor {
        let scores = rows.iter().flat_map(|r| r.scores[..numbers].iter().copied());
        Tensor::new([rows.len(), 1, 1, numbers], scores.collect())
    }

    /// One step of gradient descent.
    fn step(net: &mut Sequential, adam: &mut Adam, batch: &[&ScoredPair], numbers: usize) {
        let tape = net.forward_tape(&Self::input(batch, numbers));
        let output = tape.output();
        let scale = 2.0 / (batch.len() * output.row_len()) as f32;
        let pairs = output.rows().zip(batch).flat_map(|(y, r)| y.iter().zip(&r.latent));
        let d = Tensor::new(output.shape, pairs.map(|(y, z)| scale * (y - z)).collect());
        let mut grads = grads_like(&net.params());
        net.backward_tape(&tape, &d, Some(&mut grads));
        adam.step(net.params_mut(), &grads);
    }

    fn squared_error(net: &Sequential, held: &[&ScoredPair], numbers: usize) -> f32 {
        let output = net.forward(&Self::input(held, numbers));
        let pairs = output.rows().zip(held).flat_map(|(y, r)| y.iter().zip(&r.latent));
        pairs.map(|(y, z)| (y - z).powi(2)).sum()
    }
}

impl FromScores for Mlp {
    fn name(&self) -> String {
        let sizes: Vec<String> = self.hidden.iter().map(usize::to_string).collect();
        format!("MLP ({})", sizes.join(", "))
    }

    fn predict(&self, scores: &[f32]) -> Vec<f32> {
        self.net.forward(&row(scores)).data
    }
}

fn row(values: &[f32]) -> Tensor {
    Tensor::new([1, 1, 1, values.len()], values.to_vec())
}

/// The original's best: scikit-learn's MLP on the features themselves, taught by `reference/train_sklearn_mlp.py`. It knows neither
/// scores nor the selection.
pub struct Original {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Original {
    /// From the script's file: tensors `0/weight`, `[out, in]`, and `0/bias`, and so on; the rest between is ReLU.
    ///
    /// # Errors
    /// If the bytes are no such file, or the layers do not fit one another.
    pub fn from_bytes(bytes: &[u8], latent_size: usize) -> Result<Self> {
        let weights = nn::io::read(bytes)?;
        let mut layers = Vec::new();
        let mut width = FEATURES;
        while let Some((shape, weight)) = weights.tensors.get(&format!("{}/weight", layers.len())) {
            let name = format!("{}/bias", layers.len());
            let (_, bias) = weights.tensors.get(&name).with_context(|| format!("tensor \"{name}\" is missing"))?;
            anyhow::ensure!(
                shape.as_slice() == [bias.len(), width],
                "layer {}: expected [{}, {width}], found {shape:?}",
                layers.len(),
                bias.len()
            );
            width = bias.len();
            layers.push((weight.clone(), bias.clone()));
        }
        anyhow::ensure!(width == latent_size, "its latents have {width} numbers, the generator's {latent_size}");
        Ok(Self { layers })
    }
}

impl Model for Original {
    fn name(&self) -> String {
        "original (scikit-learn)".into()
    }

    fn invert(&self, features: &FeatureVector, _: Population, _: &FeatureSelection) -> Latent {
        let mut x = features.values().to_vec();
        for (i, (weight, bias)) in self.layers.iter().enumerate() {
            let y = bias.iter().zip(weight.chunks_exact(x.len()));
            x = y.map(|(b, w)| b + w.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>()).collect();
            if i + 1 < self.layers.len() {
                x.iter_mut().for_each(|v| *v = v.max(0.0));
            }
        }
        onto_sphere(&mut x);
        Latent::new(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::io::{Dtype, Weights, write};

    /// Rows whose latent is a fixed linear map of three scores; a fourth score is the quality.
    fn world(count: usize) -> ScoredPairs {
        let mut rng = Rng::new(7);
        let row = |_| {
            let scores = rng.normals(4);
            let latent = vec![scores[0] + scores[1], scores[1] - scores[2], 0.5 * scores[2], scores[0]];
            ScoredPair { latent, scores, has_face: true }
        };
        ScoredPairs { rows: (0..count).map(row).collect() }
    }

    /// 1 - squared error / variance, on fresh rows.
    fn explained(model: &dyn FromScores, numbers: usize, held: &ScoredPairs) -> f32 {
        let (mut error, mut variance) = (0.0, 0.0);
        for row in &held.rows {
            for (y, z) in model.predict(&row.scores[..numbers]).iter().zip(&row.latent) {
                error += (y - z).powi(2);
                variance += z * z;
            }
        }
        1.0 - error / variance
    }

    #[test]
    fn every_model_learns_a_linear_world_and_less_of_it_from_fewer_numbers() {
        let (train, held) = world(700).split(7);
        let of = |n: usize| -> Vec<Box<dyn FromScores + '_>> {
            vec![
                Box::new(Ridge::fit(&train, &held, n).unwrap()),
                Box::new(Neighbours::fit(&train, n)),
                Box::new(Forest::fit(&train, n).unwrap()),
                Box::new(Mlp::fit(&train, &held, n, &[32, 32], 1)),
            ]
        };
        for (whole, part) in of(3).iter().zip(of(1)) {
            let (whole_share, part_share) = (explained(whole.as_ref(), 3, &held), explained(part.as_ref(), 1, &held));
            assert!(whole_share > 0.6, "{}: {whole_share}", whole.name());
            assert!(part_share < whole_share - 0.2, "{}: {part_share} of {whole_share}", whole.name());
        }
    }

    #[test]
    fn the_originals_file_is_read_and_one_that_does_not_fit_refused() {
        // Layers of so many outputs and inputs, all weights alike, all biases 1.
        let file = |layers: &[([usize; 2], f32)]| {
            let mut weights = Weights::default();
            for (i, ([out, inputs], value)) in layers.iter().enumerate() {
                let weight = (vec![*out, *inputs], vec![*value; out * inputs]);
                weights.tensors.insert(format!("{i}/weight"), weight);
                weights.tensors.insert(format!("{i}/bias"), (vec![*out], vec![1.0; *out]));
            }
            write(&weights, Dtype::F32)
        };
        let good = file(&[([2, FEATURES], -1.0), ([4, 2], 0.5)]);
        let original = Original::from_bytes(&good, 4).unwrap();
        let face = FeatureVector::new([1.0; FEATURES]).unwrap();
        // The hidden units are below 0, so that only the last bias is left: all alike, on the sphere 1.
        let latent = original.invert(&face, Population::Samples, &FeatureSelection::default());
        assert_eq!(latent.as_slice(), [1.0; 4]);
        let error = |bytes: &[u8]| Original::from_bytes(bytes, 4).err().unwrap().to_string();
        let narrow = file(&[([4, 9], 0.0)]);
        assert!(error(&narrow).starts_with("layer 0: expected [4,"), "{}", error(&narrow));
        assert!(error(&file(&[([3, FEATURES], 0.0)])).contains("have 3 numbers"));
    }
}
