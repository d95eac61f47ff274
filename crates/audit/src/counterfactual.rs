//! What else changes when only a verdict does: of what this machine makes womanhood, or age.
//!
//! People are held as they are, but for one verdict, which is replaced by either of two values. What is drawn is measured again, and the two are
//! compared. Once everything else is asked for as it is (*held*): what moves all the same is what the machine cannot tell from the verdict. Once nothing
//! else is asked for (*free*), each time from another point in the space of faces: what moves is what it takes the verdict for.

mod page;

pub use page::{file_name, html, picture_name};

use crate::case::selection;
use crate::findings::{BELIEVED, Figure};
use crate::measure::Kind;
use crate::significance::{benjamini_hochberg, differs_from_0};
use crate::subjects::{Known, Subject, Subjects};
use anyhow::{Result, ensure};
use frame::Image;
use mirror::engine::{Mirror, nearest};
use mirror::face::LANDMARKS;
use mirror::features::{FEATURES, FeatureVector, Group, TOLD};
use mirror::inverter::{InverterControls, InverterInput, Population, Verdict};
use mirror::latent::Latent;
use nn::Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use train::data::read_most;

/// Fewest people for a study.
const FEWEST: usize = 20;

/// A verdict, and the two values that stand in for the machine's own.
const VERDICTS: [(Verdict, [f32; 2]); 2] = [(Verdict::Female, [0.0, 1.0]), (Verdict::Age, [35.0, 70.0])];

/// A study.
#[derive(Debug, Serialize)]
pub struct Counterfactual {
    /// Whose mirror.
    pub pack: String,
    /// Who was held.
    pub subjects: String,
    /// How many.
    pub people: usize,
    /// Each verdict, held and free.
    pub changes: Vec<Change>,
}

/// What one verdict changes.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Which.
    pub verdict: Verdict,
    /// Its two values.
    pub values: [f32; 2],
    /// Whether everything else was asked for as it is, rather than nothing else.
    pub held: bool,
    /// People in both of whose pictures a face was seen.
    pub people: usize,
    /// The features but the landmarks, what moves most first.
    pub moved: Vec<Moved>,
    /// The mean landmarks on either side, in the frame of [`Group::Shape`].
    pub landmarks: [Vec<[f32; 2]>; 2],
    /// The mean picture on either side.
    #[serde(skip)]
    pub faces: [Image; 2],
}

/// How a feature moves.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Its name, such as `hair/l`.
    pub feature: String,
    /// By how much, in standard deviations among the generator's faces.
    pub figure: Figure,
    /// The probability of so large a mean if nothing moved, all features taken together (Benjamini and Hochberg).
    pub q: Option<f64>,
    /// Whether that is believed.
    pub stands_out: bool,
}

impl Counterfactual {
    /// Holds these people.
    ///
    /// # Errors
    /// If pictures cannot be read, or fewer than 20 people are left.
    pub fn run(mirror: &Mirror, pack: &str, subjects: &Subjects) -> Result<Self> {
        let people = features_of(mirror, subjects)?;
        ensure!(
            people.len() >= FEWEST,
            "a face of {} people: expected {FEWEST} or more, or chance decides what moves",
            people.len()
        );
        let studies =
            VERDICTS.into_iter().flat_map(|(verdict, values)| [(verdict, values, true), (verdict, values, false)]);
        let changes = studies.map(|(verdict, values, held)| change(mirror, &people, verdict, values, held));
        Ok(Self {
            pack: pack.to_owned(),
            subjects: subjects.name.clone(),
            people: people.len(),
            changes: changes.collect::<Result<_>>()?,
        })
    }
}

/// What the eyes see of everybody; those without a face are left out.
fn features_of(mirror: &Mirror, subjects: &Subjects) -> Result<Vec<FeatureVector>> {
    let seen = read_most("people", subjects.people.iter().collect(), |subject: &Subject| match &subject.known {
        Known::Features(features) => Ok(Some(features.as_ref().clone())),
        Known::Picture(path) => Ok(nearest(mirror.eyes().analyse(&Image::load(path)?)?).map(|seen| seen.features)),
    })?;
    Ok(seen.into_iter().flatten().collect())
}

/// Both sides of one person.
struct Sides {
    features: [FeatureVector; 2],
    pictures: [Image; 2],
}

fn change(mirror: &Mirror, people: &[FeatureVector], verdict: Verdict, values: [f32; 2], held: bool) -> Result<Change> {
    let sides: Vec<Option<Sides>> = people
        .par_iter()
        .enumerate()
        .map(|person| both_sides(mirror, person, verdict, values, held))
        .collect::<Result<_>>()?;
    let sides: Vec<Sides> = sides.into_iter().flatten().collect();
    ensure!(!sides.is_empty(), "the mirror's eyes see no face in what it draws");

    let inverter = mirror.inverter();
    let differences: Vec<[f32; FEATURES]> = (sides.iter())
        .map(|side| {
            let [from, to] = side.features.each_ref().map(|f| inverter.scores(f, Population::Samples));
            std::array::from_fn(|i| to[i] - from[i])
        })
        .collect();
    let mean_landmarks = |side: usize| {
        let of = |i: usize| sides.iter().map(|s| s.features[side].values()[i]).sum::<f32>() / sides.len() as f32;
        (0..LANDMARKS).map(|p| [of(2 * p), of(2 * p + 1)]).collect()
    };
    Ok(Change {
        verdict,
        values,
        held,
        people: sides.len(),
        moved: moved(&differences),
        landmarks: [mean_landmarks(0), mean_landmarks(1)],
        faces: [mean_face(sides.iter().map(|s| &s.pictures[0])), mean_face(sides.iter().map(|s| &s.pictures[1]))],
    })
}

/// `None` where a picture shows no face.
fn both_sides(
    mirror: &Mirror,
    (i, person): (usize, &FeatureVector),
    verdict: Verdict,
    values: [f32; 2],
    held: bool,
) -> Result<Option<Sides>> {
    let inverter = mirror.inverter();
    let asked = inverter.input(person, Population::Visitors, &selection(person));
    let somewhere = Latent::gaussian(inverter.config().latent_size, &mut Rng::new(i as u64)).normalised();
    let noise = if held { inverter.noise(&asked) } else { somewhere.as_slice().to_vec() };
    let nothing = InverterInput::new(asked.scores.clone(), vec![false; asked.scores.len()]);

    let pictures = values.map(|value| {
        let controls =
            InverterControls { overrides: BTreeMap::from([(verdict, value)]), ..InverterControls::default() };
        let mut input = if held { asked.clone() } else { nothing.clone() };
        controls.apply_overrides(inverter, &mut input);
        let latent: Latent = inverter.invert_input(&input, &noise);
        mirror.painter().paint(&latent)
    });
    let seen = [&pictures[0], &pictures[1]].map(|picture| mirror.eyes().analyse_reflection(picture));
    let [from, to] = seen;
    Ok(from?.zip(to?).map(|(from, to)| Sides { features: [from.features, to.features], pictures }))
}

/// What moves, of many differences in scores; the landmarks are drawn instead, and the likeness is told to nobody.
fn moved(differences: &[[f32; FEATURES]]) -> Vec<Moved> {
    let names = FeatureVector::names();
    let told: Vec<usize> = (Group::Shape.range().end..TOLD).collect();
    let values = |i: &usize| differences.iter().map(|d| d[*i]).collect::<Vec<f32>>();
    let p: Vec<f64> = told.iter().map(|i| differs_from_0(&values(i)).unwrap_or(1.0)).collect();
    let q = benjamini_hochberg(&p);

    let of = |(i, q): (&usize, f64)| {
        let figure = Figure::of(Kind::Mean, &values(i))?;
        Some(Moved { feature: names[*i].clone(), figure, q: Some(q), stands_out: q < BELIEVED })
    };
    let mut moved: Vec<Moved> = told.iter().zip(q).filter_map(of).collect();
    moved.sort_by(|a, b| b.figure.value.abs().total_cmp(&a.figure.value.abs()));
    moved
}

/// Pixel by pixel; all pictures are of one size, of which there is at least one.
fn mean_face<'a>(pictures: impl Iterator<Item = &'a Image>) -> Image {
    let (mut sums, mut count, mut size) = (Vec::new(), 0.0f32, (0, 0));
    for picture in pictures {
        sums.resize(picture.data.len(), 0.0f32);
        sums.iter_mut().zip(&picture.data).for_each(|(sum, v)| *sum += f32::from(*v));
        (count, size) = (count + 1.0, (picture.width, picture.height));
    }
    let data = sums.into_iter().map(|sum| (sum / count.max(1.0)).round() as u8).collect();
    Image { width: size.0, height: size.1, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_moves_stands_out() {
        let mut rng = Rng::new(2);
        let hair = Group::Hair.range().start;
        let rows: Vec<[f32; FEATURES]> =
            (0..60).map(|_| std::array::from_fn(|i| 0.5 * rng.normal() + if i == hair { 0.8 } else { 0.0 })).collect();
        let moved = moved(&rows);
        assert_eq!((moved[0].feature.as_str(), moved[0].stands_out), ("hair/l", true));
        assert!((moved[0].figure.value - 0.8).abs() < 0.2);
        assert!(
            moved[1..].iter().filter(|m| m.stands_out).count() <= 1
                && moved.iter().all(|m| !m.feature.starts_with("likeness"))
        );
    }

    #[test]
    fn a_mean_face_lies_between_its_faces() {
        let picture = |v: u8| Image { width: 2, height: 1, data: vec![v; 6] };
        assert_eq!(mean_face([&picture(10), &picture(21)].into_iter()).data, [16; 6]);
    }
}
