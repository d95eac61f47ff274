//! Which faces the age and gender net sees how often, and how they are changed before it sees them.

use super::examples::Example;
use super::labels::{Label, PriorShift};
use crate::data::Negative;
use crate::faces::augment::{self, Photometric, cut_short, occlude};
use crate::faces::deform::{Deformation, Jitter};
use frame::Image;
use mirror::face::Rect;
use mirror::face::attributes::CROP;
use nn::Rng;
use std::collections::HashMap;

/// Landmarks of strangers are a few per cent off, so is the crop.
const JITTER: Jitter =
    Jitter { shift: 0.05, scale: 0.07, roll: 0.15, stretch: 0.08, shear: 0.05, keystone: 0.06, pull: 0.02 };

/// The archive's old pictures are sharp plates or soft prints, its new ones crisp and in colour: every kind of damage for all.
const PHOTOMETRIC: Photometric =
    Photometric { tone: 0.9, cast: 0.4, light: 0.35, grey: 0.3, blur: 0.22, rescale: 0.14, noise: 0.35, jpeg: 0.3 };

/// Share of a crop that may lie beyond the end of its picture, on each side: people come too near to cameras.
const CUT_SHORT: f32 = 0.25;

/// Share of the faces whose head is turned.
const TURNED: f32 = 0.35;

/// Share of the crops that are a blend of two faces.
const BLENDED: f32 = 0.4;

/// Share of the crops whose skin is smoothed or furrowed, and by how much at most: the archive's sitters are adults lit kindly and
/// retouched, and what makes a skin old must not make a man or a woman.
const DETAILED: f32 = 0.5;
const MOST_FURROWED: f32 = 3.0;

/// How often the examples are drawn (see [`cumulative_weights`]), and what that makes of their ages.
pub(super) fn draws(examples: &[Example]) -> (Vec<f32>, PriorShift) {
    let cumulative = cumulative_weights(examples);
    let before = std::iter::once(&0.0).chain(&cumulative);
    let weights = cumulative.iter().zip(before).map(|(c, b)| c - b);
    let drawn = (examples.iter().zip(weights))
        .flat_map(|(e, w)| as_drawn(e.label).map(move |(label, share)| (label, share * w)));
    let shift = PriorShift::of(drawn);
    (cumulative, shift)
}

/// How often each example is drawn, summed up: women 48 %, men 48 %, the rest unknown; of each every era of photography as often as it
/// occurs; in each of those rare decades of age more often than they occur, so that an age has no era.
pub(super) fn cumulative_weights(examples: &[Example]) -> Vec<f32> {
    const SHARES: [f32; 3] = [0.48, 0.48, 0.04];
    let class = |e: &Example| e.label.female.map_or(2, |(f, _)| usize::from(f > 0.5));
    let decade = |e: &Example| e.label.age.map_or(-1, |a| (a.years / 10.0) as i32);
    let trust = |e: &Example| e.label.female.map_or(1.0, |(_, w)| w.max(0.5));

    // How many there are of each kind.
    let mut of_class = [0.0f32; 3];
    let mut of_decade: HashMap<_, f32> = HashMap::new();
    for e in examples {
        of_class[class(e)] += 1.0;
        *of_decade.entry((class(e), e.era, decade(e))).or_default() += 1.0;
    }

    // Exponent 1 would be flat, but would show the one woman of 28 in every batch.
    let rarity = |e: &Example| of_decade[&(class(e), e.era, decade(e))].max(12.0).powf(-0.7) * trust(e);
    let mut of_era: HashMap<_, (f32, f32)> = HashMap::new();
    for e in examples {
        let (count, sum) = of_era.entry((class(e), e.era)).or_default();
        (*count, *sum) = (*count + 1.0, *sum + rarity(e));
    }

    let mut total = 0.0;
    let weights = examples.iter().map(|e| {
        let (count, sum) = of_era[&(class(e), e.era)];
        total += SHARES[class(e)] * count / of_class[class(e)] * rarity(e) / sum;
        total
    });
    weights.collect()
}

/// A training crop and its label: a face, perhaps blended with another, its skin changed, covered, photographed badly.
pub(super) fn draw(examples: &[Example], cumulative: &[f32], textures: &[Negative], rng: &mut Rng) -> (Image, Label) {
    let (mut crop, mut label) = draw_face(examples, cumulative, rng);

    // Half-way between two people.
    if rng.chance(BLENDED) {
        let (other, second) = draw_face(examples, cumulative, rng);
        let share = rng.range(0.0, 0.5);
        crop.data.iter_mut().zip(&other.data).for_each(|(a, b)| {
            *a = (f32::from(*a) + share * (f32::from(*b) - f32::from(*a)) + 0.5) as u8;
        });
        label = label.blended(&second, share);
    }

    // Younger or older skin.
    if rng.chance(DETAILED) {
        let (furrows, radius) = (rng.range(0.0, MOST_FURROWED), 2 + rng.below(3));
        augment::detail(&mut crop, furrows, radius);
        label.age = label.age.map(|age| age.furrowed(furrows));
    }

    // What a camera in a room does to a face.
    if rng.chance(0.3) {
        let texture = (!textures.is_empty()).then(|| &textures[rng.below(textures.len())].image);
        let side = CROP as f32;
        occlude(&mut crop, &Rect { x: 0.0, y: 0.0, w: side, h: side }, 0.45, texture, rng);
    }
    PHOTOMETRIC.apply(&mut crop, rng);
    if rng.chance(0.5) {
        cut_short(&mut crop, CUT_SHORT, rng);
    }
    (crop, label)
}

/// The labels that [`draw`] makes of one, and their shares.
fn as_drawn(label: Label) -> impl Iterator<Item = (Label, f32)> {
    const STEPS: usize = 8;
    let furrowed = (0..STEPS).map(move |i| {
        let factor = MOST_FURROWED * (i as f32 + 0.5) / STEPS as f32;
        (Label { age: label.age.map(|a| a.furrowed(factor)), ..label }, DETAILED / STEPS as f32)
    });
    furrowed.chain([(label, 1.0 - DETAILED)])
}

/// Somebody, deformed.
fn draw_face(examples: &[Example], cumulative: &[f32], rng: &mut Rng) -> (Image, Label) {
    let target = rng.uniform() * cumulative.last().copied().unwrap_or(0.0);
    let i = cumulative.partition_point(|c| *c < target).min(examples.len() - 1);
    let example = &examples[i];
    let patch = example.turned.as_ref().filter(|_| rng.chance(TURNED)).unwrap_or(&example.patch);
    (Deformation::random(&JITTER, rng).sample(patch, CROP, rng.chance(0.5)), example.label)
}

#[cfg(test)]
mod tests {
    use super::super::labels::AgeLabel;
    use super::*;
    use crate::faces::deform::Patch;

    fn patch() -> Patch {
        Patch { image: Image { width: 1, height: 1, data: vec![0; 3] }, points: Vec::new() }
    }

    #[test]
    fn the_labels_of_crops_as_they_are_drawn_come_to_one() {
        let label = Label { age: Some(AgeLabel::known(48.0)), female: Some((1.0, 1.0)) };
        assert!((as_drawn(label).map(|(_, share)| share).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn women_are_drawn_as_often_as_men() {
        let example = |female: f32, age: f32| Example {
            patch: patch(),
            turned: None,
            label: Label { age: Some(AgeLabel::known(age)), female: Some((female, 1.0)) },
            era: 0,
            dated: None,
        };
        let examples: Vec<Example> =
            (0..100).map(|i| example(f32::from(u8::from(i % 10 == 0)), 30.0 + (i / 2) as f32)).collect();
        let cumulative = cumulative_weights(&examples);
        let mut rng = Rng::new(2);
        let women = (0..4000).filter(|_| {
            let t = rng.uniform() * cumulative[99];
            examples[cumulative.partition_point(|c| *c < t).min(99)].label.female == Some((1.0, 1.0))
        });
        assert!((1850..2150).contains(&women.count()));
    }

    #[test]
    fn an_age_has_no_era() {
        // Of 200 old photographs nine in ten show people of 40, of 600 new ones nine in ten people of 60.
        let examples: Vec<Example> = (0..800)
            .map(|i| {
                let (era, rare) = (usize::from(i >= 200), i % 10 == 0);
                let years = if (era == 0) == rare { 60.0 } else { 40.0 };
                let label = Label { age: Some(AgeLabel::known(years)), female: Some((0.0, 1.0)) };
                Example { patch: patch(), turned: None, label, era, dated: None }
            })
            .collect();
        let cumulative = cumulative_weights(&examples);
        let before = std::iter::once(&0.0).chain(&cumulative);
        let weights: Vec<f32> = cumulative.iter().zip(before).map(|(c, b)| c - b).collect();
        let share = |era: usize, years: f32| -> f32 {
            let of = |e: &Example| e.era == era && e.label.age.unwrap().years == years;
            examples.iter().zip(&weights).filter(|(e, _)| of(e)).map(|(_, w)| w).sum::<f32>() / cumulative[799]
        };
        assert!((share(0, 40.0) + share(0, 60.0) - 0.25).abs() < 0.01);
        let common = |era: usize, years: f32| share(era, years) / (share(era, 40.0) + share(era, 60.0));
        assert!((0.5..0.7).contains(&common(0, 40.0)) && (0.5..0.7).contains(&common(1, 60.0)));
    }
}
