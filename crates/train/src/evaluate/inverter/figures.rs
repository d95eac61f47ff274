//! What is left of faces in the reflections that a model finds for them.

use super::fidelity::{Fidelity, fidelity};
use super::retrieval::{Retrieval, not_given, retrieval};
use crate::inverter::models::Model;
use crate::inverter::pairs::analyse_pictures;
use crate::statistics::{self, interval, mean};
use anyhow::Result;
use frame::Image;
use mirror::engine::{Reader, settle};
use mirror::features::{FEATURES, FeatureVector, Group};
use mirror::generator::Painter;
use mirror::inverter::{FeatureSelection, Population, feature_weights};
use mirror::latent::Latent;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Reflections whose distances are taken, at most.
const DISTANCES: usize = 200;

/// Faces to be reflected.
pub struct Faces<'a> {
    /// Theirs.
    pub features: &'a [FeatureVector],
    /// Among whom they are as unusual as they are.
    pub population: Population,
}

/// What a population's reflections are like.
#[derive(Debug, Serialize)]
pub struct ModelFigures {
    /// Which model found them.
    pub model: String,
    /// Share of the reflections in which the eyes see a face.
    pub reflections_with_a_face: f32,
    /// 1 - squared difference of the scores / their variance, for each of [`mirror::inverter::Inverter::groups`]; 1 is all, 0 what a mean face keeps.
    pub kept: BTreeMap<&'static str, KeptShare>,
    /// Correlation of what was wanted for and what came, over the features of a group.
    pub correlation: BTreeMap<&'static str, f32>,
    /// The correlations' mean, by the weights of the features.
    pub mean_correlation: f32,
    /// What anybody sees at once.
    pub fidelity: Fidelity,
    /// How near to its viewer a reflection lies, by what the model was not told; `None` of too few viewers, or if it was told everything.
    pub retrieval: Option<Retrieval>,
    /// Mean distance of two reflections: root mean square over the pixels, 0 to 255.
    pub diversity: f32,
}

/// How much of a group is kept, and how sure that is.
#[derive(Debug, Serialize)]
pub struct KeptShare {
    /// The figure.
    pub value: f32,
    /// 95 %.
    pub interval: (f32, f32),
}

/// Draws, detects, measures.
pub struct Judge {
    /// The nets that look, and whose distributions tell how unusual a feature is.
    pub reader: Reader,
    /// The generator.
    pub painter: Painter,
    /// Looks after which the mirror asks for more, see [`settle`].
    pub looks: usize,
}

/// The mirror's own, which looks at what it draws.
impl Model for Judge {
    fn name(&self) -> String {
        "mirror".into()
    }

    fn invert(&self, features: &FeatureVector, population: Population, selection: &FeatureSelection) -> Latent {
        let wanted = self.reader.inverter().input(features, population, selection);
        settle(&self.reader, &self.painter, &wanted, self.looks)
    }
}

impl Judge {
    /// What a model keeps of faces, by the numbers that the selection lets count.
    ///
    /// # Errors
    /// If the generator draws something that is no picture.
    pub fn figures(&self, model: &dyn Model, faces: &Faces, selection: &FeatureSelection) -> Result<ModelFigures> {
        let Faces { features, population } = *faces;
        let latents: Vec<Latent> = features.par_iter().map(|f| model.invert(f, population, selection)).collect();
        let pictures = self.painter.paint_all(&latents);
        let (inverter, eyes) = (self.reader.inverter(), self.reader.eyes());
        let reflected = analyse_pictures(&pictures, eyes)?;

        // What was wanted for and what came, as scores.
        let with_a_face = reflected.iter().flatten().count();
        let wanted: Vec<_> = features.iter().map(|f| inverter.scores(f, population)).collect();
        let score = |came: &FeatureVector| inverter.scores(came, Population::Samples);
        let came: Vec<_> = reflected.iter().map(|seen| seen.as_ref().map(|seen| score(&seen.features))).collect();
        let cases: Vec<[[f32; FEATURES]; 2]> =
            wanted.iter().zip(&came).filter_map(|(wanted, came)| Some([*wanted, (*came)?])).collect();
        let order = inverter.order();
        let mut not_given = not_given(order, &selection.mask(order));
        not_given.retain(|i| inverter.samples.varies(*i));
        let cases: Vec<&[[f32; FEATURES]; 2]> = cases.iter().collect();

        let pairs: Vec<(&FeatureVector, &FeatureVector)> =
            features.iter().zip(&reflected).filter_map(|(f, seen)| Some((f, &seen.as_ref()?.features))).collect();
        let groups = inverter.groups();
        let share = |g: Group| KeptShare { value: kept(&cases, g), interval: interval(&cases, |c| kept(c, g)) };
        let weights = feature_weights();
        let weight = |g: Group| weights[g.range()].iter().sum::<f32>();
        let correlations: Vec<(Group, f32)> = groups.iter().map(|g| (*g, correlation(&cases, *g))).collect();
        let weighted = correlations.iter().map(|(g, r)| r * weight(*g)).sum::<f32>();
        Ok(ModelFigures {
            model: model.name(),
            reflections_with_a_face: with_a_face as f32 / features.len().max(1) as f32,
            kept: groups.iter().map(|g| (g.name(), share(*g))).collect(),
            mean_correlation: weighted / groups.iter().map(|g| weight(*g)).sum::<f32>(),
            correlation: correlations.into_iter().map(|(g, r)| (g.name(), r)).collect(),
            fidelity: fidelity(&pairs),
            retrieval: retrieval(&wanted, &came, &not_given),
            diversity: diversity(&pictures),
        })
    }
}

/// Over the features of a group: 1 - squared difference / variance.
fn kept(cases: &[&[[f32; FEATURES]; 2]], group: Group) -> f32 {
    let (mut error, mut variance) = (0.0, 0.0);
    for i in group.range() {
        let m = cases.iter().map(|c| c[0][i]).sum::<f32>() / cases.len() as f32;
        for [wanted, came] in cases {
            error += (wanted[i] - came[i]).powi(2);
            variance += (wanted[i] - m).powi(2);
        }
    }
    1.0 - error / variance
}

/// Mean correlation over the features of a group.
fn correlation(cases: &[&[[f32; FEATURES]; 2]], group: Group) -> f32 {
    let each = group.range().map(|i| {
        let pairs: Vec<(f32, f32)> = cases.iter().map(|[wanted, came]| (wanted[i], came[i])).collect();
        statistics::correlation(&pairs).unwrap_or(0.0)
    });
    mean(&each.collect::<Vec<f32>>())
}

/// Mean root mean square difference of two pictures, of the first [`DISTANCES`].
pub fn diversity(pictures: &[Image]) -> f32 {
    let pictures = &pictures[..pictures.len().min(DISTANCES)];
    let distance = |a: &Image, b: &Image| {
        let sum: f32 = a.data.iter().zip(&b.data).map(|(a, b)| (f32::from(*a) - f32::from(*b)).powi(2)).sum();
        (sum / a.data.len() as f32).sqrt()
    };
    let pairs: Vec<f32> = (0..pictures.len())
        .into_par_iter()
        .flat_map_iter(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| distance(&pictures[i], &pictures[j]))
        .collect();
    mean(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn all_is_kept_of_an_equal_and_nothing_of_a_mean_reflection() {
        let mut rng = Rng::new(1);
        let wanted: Vec<[f32; FEATURES]> = (0..300).map(|_| std::array::from_fn(|_| rng.normal())).collect();
        let pairs: Vec<_> = wanted.iter().map(|a| [*a, *a]).collect();
        let equal: Vec<_> = pairs.iter().collect();
        assert_eq!(kept(&equal, Group::Shape), 1.0);
        assert!((correlation(&equal, Group::Shape) - 1.0).abs() < 1e-4);
        let pairs: Vec<_> = wanted.iter().map(|a| [*a, [0.0; FEATURES]]).collect();
        let mean: Vec<_> = pairs.iter().collect();
        assert!(kept(&mean, Group::Shape).abs() < 0.05);
    }

    #[test]
    fn equal_pictures_have_no_diversity() {
        let picture = |v: u8| Image { width: 2, height: 1, data: vec![v; 6] };
        assert_eq!(diversity(&[picture(3), picture(3)]), 0.0);
        assert_eq!(diversity(&[picture(3), picture(5)]), 2.0);
    }
}
