//! Latents, and what the eyes say of their pictures.

use crate::faces::augment::resampled;
use crate::runs::{Checkpoint, RunOptions};
use anyhow::{Context, Result};
use frame::Image;
use mirror::engine::{Eyes, Observation};
use mirror::features::{FEATURES, FeatureVector};
use mirror::generator::{Generator, Painter};
use mirror::inverter::{FeatureSelection, Inverter, LIMIT, Population};
use mirror::latent::{Latent, onto_sphere};
use mirror::pack::{Net, Pack};
use nn::Rng;
use rayon::prelude::*;
use std::path::Path;

/// Pairs as they were drawn, those without a face included.
pub struct Pairs {
    latent_size: usize,
    rng: Rng,
    /// On the sphere of root mean square 1.
    latents: Vec<Vec<f32>>,
    features: Vec<Option<FeatureVector>>,
    /// The detector's score; 0 without a face.
    quality: Vec<f32>,
    /// What was drawn, [`THUMBNAIL`] pixels wide and high, 0 to 1.
    thumbnails: Vec<Vec<f32>>,
}

/// Side of the small copy that is kept of each picture, pixels.
pub const THUMBNAIL: usize = 16;

impl Pairs {
    /// None yet.
    pub fn new(latent_size: usize, seed: u64) -> Self {
        let rng = Rng::new(seed);
        let (latents, features, quality, thumbnails) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { latent_size, rng, latents, features, quality, thumbnails }
    }

    /// How many, those without a face included.
    pub fn len(&self) -> usize {
        self.latents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.latents.is_empty()
    }

    /// The features of those with a face.
    pub fn found(&self) -> Vec<FeatureVector> {
        self.features.iter().flatten().cloned().collect()
    }

    /// Those with a face: features, latent, thumbnail.
    pub fn faces(&self) -> impl Iterator<Item = (&FeatureVector, &[f32], &[f32])> {
        let all = self.features.iter().zip(&self.latents).zip(&self.thumbnails);
        all.filter_map(|((f, latent), thumbnail)| Some((f.as_ref()?, latent.as_slice(), thumbnail.as_slice())))
    }

    /// Draws `count` pictures and looks at them.
    ///
    /// # Errors
    /// If the generator draws something that is no picture.
    pub fn draw_more(&mut self, painter: &Painter, eyes: &Eyes, count: usize) -> Result<()> {
        let latents: Vec<Latent> =
            (0..count).map(|_| Latent::gaussian(self.latent_size, &mut self.rng).normalised()).collect();
        self.draw(painter, eyes, &latents)
    }

    /// Draws the pictures of these latents, on the sphere, and looks at them.
    ///
    /// # Errors
    /// If the generator draws something that is no picture.
    pub fn draw(&mut self, painter: &Painter, eyes: &Eyes, latents: &[Latent]) -> Result<()> {
        let pictures = painter.paint_all(latents);
        let seen = analyse_pictures(&pictures, eyes)?;
        for ((latent, seen), picture) in latents.iter().zip(seen).zip(&pictures) {
            self.latents.push(latent.as_slice().to_vec());
            let small = resampled(picture, THUMBNAIL, THUMBNAIL);
            self.thumbnails.push(small.data.iter().map(|v| f32::from(*v) / 255.0).collect());
            self.quality.push(seen.as_ref().map_or(0.0, |s| s.face.score));
            self.features.push(seen.map(|s| s.features));
        }
        Ok(())
    }

    /// Writes them all, and the options that they depend on.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, options: &RunOptions) -> Result<()> {
        let mut file = Checkpoint::default();
        file.put_options(options);
        file.put_number("latent_size", self.latent_size as f64);
        file.put_rng("rng", &self.rng);
        file.put_values("latents", &self.latents.concat());
        file.put_values("quality", &self.quality);
        file.put_values("thumbnails", &self.thumbnails.concat());
        let rows = self.features.iter().map(|f| f.as_ref().map_or([0.0; FEATURES], |f| *f.values()));
        file.put_values("features", &rows.flatten().collect::<Vec<f32>>());
        file.save(path)
    }

    /// Reads them back, to be gone on with.
    ///
    /// # Errors
    /// If the file is damaged, belongs to a generator with other latents, or was made under other options.
    pub fn resume(path: &Path, latent_size: usize, options: &RunOptions) -> Result<Self> {
        let file = Checkpoint::load(path)?;
        file.expect_options(options).with_context(|| path.display().to_string())?;
        Self::of_file(&file, path, latent_size)
    }

    /// Reads those that a pack's nets have drawn and seen.
    ///
    /// # Errors
    /// As [`Pairs::resume`].
    pub fn of_pack(path: &Path, pack: &Pack) -> Result<Self> {
        let latent_size = pack.open(Net::Generator, Generator::from_bytes)?.config().latent_size;
        Self::resume(path, latent_size, &super::decisive(pack)?)
            .context("pairs of other nets; hint: --pack names theirs, and `train inverter` draws new ones")
    }

    fn of_file(file: &Checkpoint, path: &Path, latent_size: usize) -> Result<Self> {
        let (latents, features, quality) = (file.values("latents")?, file.values("features")?, file.values("quality")?);
        let thumbnails = file.values("thumbnails")?;
        anyhow::ensure!(
            file.number("latent_size")? == latent_size as f64
                && thumbnails.len() == quality.len() * THUMBNAIL * THUMBNAIL * 3
                && latents.len() == quality.len() * latent_size
                && features.len() == quality.len() * FEATURES,
            "{}: pairs of another generator or other features\nhint: begin without --resume",
            path.display()
        );
        let feature_rows = features.chunks_exact(FEATURES).zip(quality).map(|(row, quality)| {
            let values = std::array::from_fn(|i| row[i]);
            FeatureVector::new(values).filter(|_| *quality > 0.0)
        });
        Ok(Self {
            latent_size,
            rng: file.rng("rng")?,
            latents: latents.chunks_exact(latent_size).map(<[f32]>::to_vec).collect(),
            features: feature_rows.collect(),
            quality: quality.to_vec(),
            thumbnails: thumbnails.chunks_exact(THUMBNAIL * THUMBNAIL * 3).map(<[f32]>::to_vec).collect(),
        })
    }

    /// The pairs in the terms that the nets speak.
    pub fn scored(&self, inverter: &Inverter) -> ScoredPairs {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| self.quality[*a].total_cmp(&self.quality[*b]));
        let mut rank = vec![0.0; self.len()];
        for (place, i) in order.into_iter().enumerate() {
            rank[i] = (place as f32 + 0.5) / self.len() as f32;
        }
        let rows = (0..self.len()).map(|i| {
            let features = self.features[i].as_ref();
            let mut scores = match features {
                Some(f) => inverter.input(f, Population::Samples, &FeatureSelection::default()).scores,
                None => vec![0.0; inverter.order().len()],
            };
            scores.push(normal_score(rank[i]));
            ScoredPair { latent: self.latents[i].clone(), scores, has_face: features.is_some() }
        });
        ScoredPairs { rows: rows.collect() }
    }
}

/// What the eyes see in the generator's pictures.
///
/// # Errors
/// If one is no picture.
pub fn analyse_pictures(pictures: &[Image], eyes: &Eyes) -> Result<Vec<Option<Observation>>> {
    Ok(pictures.par_iter().map(|p| eyes.analyse_reflection(p)).collect::<Result<_, _>>()?)
}

/// A pair in normal scores.
pub struct ScoredPair {
    /// On the sphere.
    pub latent: Vec<f32>,
    /// Scores of the inverter's numbers, then of the quality.
    pub scores: Vec<f32>,
    /// Without a face, only the quality counts.
    pub has_face: bool,
}

impl ScoredPair {
    /// The scores of the numbers.
    pub fn numbers(&self) -> &[f32] {
        &self.scores[..self.scores.len() - 1]
    }

    /// The score of the quality.
    pub fn quality(&self) -> f32 {
        self.scores[self.scores.len() - 1]
    }
}

/// Pairs in normal scores.
#[derive(Default)]
pub struct ScoredPairs {
    /// In the order in which they were drawn.
    pub rows: Vec<ScoredPair>,
}

impl ScoredPairs {
    /// The first `n`, and the rest.
    pub fn split_at(mut self, n: usize) -> (Self, Self) {
        let rest = self.rows.split_off(n);
        (self, Self { rows: rest })
    }

    /// All but every `one_in`th, and the rest.
    pub fn split(self, one_in: usize) -> (Self, Self) {
        let (mut most, mut rest) = (Self::default(), Self::default());
        for (i, row) in self.rows.into_iter().enumerate() {
            if i % one_in == 0 { rest.rows.push(row) } else { most.rows.push(row) }
        }
        (most, rest)
    }

    /// All of them.
    pub fn all(&self) -> Vec<&ScoredPair> {
        self.rows.iter().collect()
    }

    /// Those with a face.
    pub fn found(&self) -> Vec<&ScoredPair> {
        self.rows.iter().filter(|r| r.has_face).collect()
    }
}

/// The normal score of a rank between 0 and 1, within ±[`LIMIT`]: bisection of a logistic-free normal distribution.
fn normal_score(rank: f32) -> f32 {
    // Winitzki's inverse error function, good to 2e-3 of the score.
    let x = 2.0 * rank - 1.0;
    let l = (1.0 - x * x).max(1e-9).ln();
    let a = 0.147f32;
    let b = 2.0 / (std::f32::consts::PI * a) + l / 2.0;
    let z = x.signum() * ((b * b - l / a).sqrt() - b).max(0.0).sqrt() * std::f32::consts::SQRT_2;
    z.clamp(-LIMIT, LIMIT)
}

/// Random latents on the sphere, side by side.
pub fn random_latents(count: usize, size: usize, rng: &mut Rng) -> Vec<f32> {
    let mut latents = rng.normals(count * size);
    latents.chunks_exact_mut(size).for_each(onto_sphere);
    latents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_scores_of_known_ranks() {
        for (rank, score) in [(0.5, 0.0), (0.8413, 1.0), (0.1587, -1.0), (0.9772, 2.0), (1.0, LIMIT)] {
            assert!((normal_score(rank) - score).abs() < 0.02, "{rank}: {}", normal_score(rank));
        }
    }

    #[test]
    fn stored_pairs_come_back_and_go_on_with_the_same_stream() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.safetensors");
        let mut pairs = Pairs::new(4, 7);
        pairs.latents = vec![vec![1.0; 4], vec![-1.0; 4]];
        pairs.features = vec![FeatureVector::new([0.5; FEATURES]), None];
        pairs.quality = vec![0.9, 0.0];
        pairs.thumbnails = vec![vec![0.25; THUMBNAIL * THUMBNAIL * 3]; 2];
        let nets = |hash| RunOptions::of("inverter").with("--pack", hash);
        pairs.save(&path, &nets("a")).unwrap();
        let mut again = Pairs::resume(&path, 4, &nets("a")).unwrap();
        assert_eq!((again.len(), again.found()), (2, pairs.found()));
        assert_eq!(again.thumbnails, pairs.thumbnails);
        assert_eq!(again.rng.next_u64(), pairs.rng.next_u64());
        assert!(Pairs::resume(&path, 8, &nets("a")).is_err());
        let error = format!("{:#}", Pairs::resume(&path, 4, &nets("b")).err().unwrap());
        assert!(
            error.contains("pairs.safetensors: --resume: the run had --pack a, this command asks for --pack b"),
            "{error}"
        );
    }
}
