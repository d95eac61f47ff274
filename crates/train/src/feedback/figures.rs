//! The figures of a generation, each with its interval.

use super::population::{KINDS, Population, Scale};
use crate::evaluate::gan::msssim::ms_ssim;
use crate::evaluate::gan::swd;
use crate::statistics::{Estimate, Share, interval, mean};
use frame::Image;
use mirror::features::FeatureVector;
use rayon::prelude::*;
use serde::Serialize;

/// Parts into which samples are cut to see how sure a distance is.
const PARTS: usize = 4;

/// A figure and its 95 % interval.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What is measured, as docs/feedback.md names it.
    pub name: String,
    /// The figure and its interval; NaN (`null`) where nothing can be measured.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// Figures that belong together, by name, and what they are called on an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// What they say.
    pub title: &'static str,
    /// Their unit.
    pub unit: &'static str,
    /// The figures.
    pub figures: &'static [&'static str],
    /// Whether they are shares, from 0 to 1.
    pub is_share: bool,
}

const fn amount(title: &'static str, unit: &'static str, figures: &'static [&'static str]) -> Panel {
    Panel { title, unit, figures, is_share: false }
}

const fn share(title: &'static str, unit: &'static str, figures: &'static [&'static str]) -> Panel {
    Panel { title, unit, figures, is_share: true }
}

/// What is told of a generation, in the order of tables and charts.
pub(super) const PANELS: [Panel; 8] = [
    amount("Spread of the features", "generation 0 = 1", &["spread"]),
    amount("Similarity of random pairs", "MS-SSIM, 1 = equal", &["similarity"]),
    amount("Distance from generation 0", "sliced Wasserstein x 1000", &["distance"]),
    share("Gender, as the eyes judge it", "% of the faces", &["women", "unsure", "men"]),
    share("Skin in the picture, CIE L*", "% of the faces", &["dark", "middle", "light"]),
    share("Age, as the eyes judge it", "% of the faces", &["under 40", "40 to 59", "60 and over"]),
    share("Closed mouths", "% of the faces", &["closed mouths"]),
    share("Pictures with a face", "% of the pictures", &["faces"]),
];

/// All figures of a generation. `scale` is that of generation 0, `reference` other samples of generation 0.
pub(super) fn figures(population: &Population, scale: &Scale, reference: &[Image], seed: u64) -> Vec<Figure> {
    let faces: Vec<&FeatureVector> = population.faces.iter().flatten().collect();
    let mut figures = Vec::new();
    let mut add = |name: String, estimate| figures.push(Figure { name, estimate });

    add("spread".to_owned(), spread(&faces, |faces| scale.spread(faces)));
    for group in scale.groups() {
        let estimate = spread(&faces, |faces| scale.spread_of(group, faces));
        add(format!("spread of {}", group.name()), estimate);
    }
    add("similarity".to_owned(), similarity(&population.pictures));
    add("distance".to_owned(), distance(&population.pictures, reference, seed));
    for kind in &KINDS {
        add(kind.name.to_owned(), part(faces.iter().filter(|face| (kind.is)(face)).count(), faces.len()));
    }
    add("faces".to_owned(), part(faces.len(), population.pictures.len()));
    figures
}

/// Nothing that could be measured.
const UNKNOWN: Estimate = Estimate { value: f64::NAN, low: f64::NAN, high: f64::NAN };

/// A spread; a single face has none.
fn spread(faces: &[&FeatureVector], of: impl Fn(&[&FeatureVector]) -> f32) -> Estimate {
    if faces.len() < 2 {
        return UNKNOWN;
    }
    let (low, high) = interval(faces, &of);
    Estimate { value: of(faces).into(), low: low.into(), high: high.into() }
}

/// A share of cases; of none nothing is known.
fn part(count: usize, of: usize) -> Estimate {
    let Share { share, low, high, .. } = Share::new(count, of);
    if of == 0 { UNKNOWN } else { Estimate { value: share, low, high } }
}

/// How much alike random pairs of pictures are, no picture in two of them.
fn similarity(pictures: &[Image]) -> Estimate {
    let pairs: Vec<f32> = pictures.par_chunks_exact(2).map(|pair| ms_ssim(&pair[0], &pair[1])).collect();
    Estimate::bootstrap(&pairs, mean)
}

/// The sliced Wasserstein distance, x1000, mean of the levels and of the parts.
fn distance(pictures: &[Image], reference: &[Image], seed: u64) -> Estimate {
    let size = pictures.len().min(reference.len()) / PARTS;
    let of_part = |part: usize| {
        let seed = seed.wrapping_add(3 * part as u64);
        let patches =
            |all: &[Image], seed| swd::patches(&all[part * size..][..size].iter().collect::<Vec<_>>(), false, seed);
        let (ours, theirs) = (patches(pictures, seed), patches(reference, seed + 1));
        let levels: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| swd::distance(a, b, seed + 2)).collect();
        levels.iter().sum::<f64>() / levels.len() as f64
    };
    Estimate::of_draws(&(0..PARTS).map(of_part).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::population::tests::face;
    use super::*;
    use mirror::features::Group;
    use nn::Rng;

    /// Flat pictures of a grey, and a face in all but every `without`-th: three in four are judged women.
    fn population(greys: std::ops::Range<usize>, without: usize) -> Population {
        let picture = |i: usize| {
            let mut rng = Rng::new(i as u64);
            let side = 16;
            let grey = greys.start + rng.below(greys.len());
            let data = (0..side * side * 3).map(|_| (grey + rng.below(20)) as u8).collect();
            Image { width: side, height: side, data }
        };
        let female = |i: usize| if i.is_multiple_of(4) { 0.1 } else { 0.9 };
        let face = |i: usize| {
            (!i.is_multiple_of(without))
                .then(|| face(&[(Group::Gender, female(i)), (Group::Age, (i % 9) as f32 * 10.0)]))
        };
        Population { pictures: (0..200).map(picture).collect(), faces: (0..200).map(face).collect() }
    }

    fn of(figures: &[Figure], name: &str) -> Estimate {
        figures.iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("no {name}")).estimate
    }

    #[test]
    fn a_known_population_has_its_shares_and_its_own_spread() {
        let all = population(0..200, 5);
        let scale = Scale::of(&all.faces.iter().flatten().collect::<Vec<_>>());
        let found = figures(&all, &scale, &all.pictures, 1);
        assert_eq!(of(&found, "faces").value, 0.8);
        let women = of(&found, "women");
        assert!((women.value - 0.75).abs() < 0.01 && women.low < 0.75 && women.high > 0.75, "{women}");
        let spread = of(&found, "spread");
        assert!((spread.value - 1.0).abs() < 1e-6 && spread.low < 1.0 && spread.high > 1.0, "{spread}");
        assert!((of(&found, "spread of age").value - 1.0).abs() < 1e-6);
        for panel in PANELS {
            assert!(panel.figures.iter().all(|name| of(&found, name).value.is_finite()), "{}", panel.title);
        }
    }

    #[test]
    fn pictures_of_one_grey_are_more_alike_and_far_from_all_greys() {
        let (all, others, one) = (population(0..200, 5), population(1..200, 5), population(90..91, 5));
        let scale = Scale::of(&all.faces.iter().flatten().collect::<Vec<_>>());
        let [same, narrow] = [&others, &one].map(|p| figures(p, &scale, &all.pictures, 1));
        assert!(of(&narrow, "similarity").value > of(&same, "similarity").value);
        assert!(of(&narrow, "distance").value > 2.0 * of(&same, "distance").value);
    }

    #[test]
    fn of_no_face_nothing_is_said_but_that_there_is_none() {
        let (all, none) = (population(0..200, 5), population(0..200, 1));
        let found = figures(&none, &Scale::of(&all.faces.iter().flatten().collect::<Vec<_>>()), &all.pictures, 1);
        assert!(of(&found, "women").value.is_nan() && of(&found, "spread").value.is_nan());
        assert_eq!(of(&found, "faces").value, 0.0);
    }
}
