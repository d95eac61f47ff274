//! Trains the age and gender net on the archive's portraits.
//!
//! The archive is lopsided: nine in ten of its people are men, most of them between 45 and 70. Portraits are drawn so
//! that women and men come equally often and ages nearly so, in every era of photography: its people grew older over the
//! years (47 in the middle before 1880, 58 after 2000), and a net that is not kept from it takes a beard for youth. Genders
//! that were only inferred from the era count for little. Portraits are dated by the last year in which they can have been taken, so many
//! ages are decades too high: a net that goes on from an earlier run begins by asking that one how old everybody looks (see [`labels`]).
//!
//! The net learns what a face says of its age; what is likely before one looks is not the archive's to say. It expects the
//! ages of the world (see [`labels`]).
//!
//! Or on anybody's own pictures: a folder with a table `faces.csv` (see [`own_faces`]).

mod labels;

use self::labels::{AgeLabel, Dated, Label, PriorShift, gender_label, womanhood_of};
use crate::augment::{self, Photometric, cut_short, occlude};
use crate::data::{self, Gender, Negative, Portrait};
use crate::deform::{Deformation, Jitter, Patch};
use crate::lesson::{self, Examination, Lesson};
use crate::progress::bar;
use crate::turn::{Turn, turned_heads};
use anyhow::{Context, Result};
use frame::Image;
use mirror::engine::{self, Mirror};
use mirror::face::Rect;
use mirror::face::align::portrait_crop;
use mirror::face::attributes::{
    AGE_BINS, AGE_STEP, AGE_TEMPERATURE_KEY, CROP, Calibration, GENDER_TEMPERATURE_KEY, OUTPUTS, attributes_of,
    bin_age, input, logits, network, network_with_dropout,
};
use mirror::pack::Pack;
use nn::{Initializer, Rng, Sequential, Tensor};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

const PATCH: usize = 184;
/// The table of a folder of one's own pictures.
const OWN_TABLE: &str = "faces.csv";
/// Landmarks of strangers are a few per cent off, so is the crop.
const JITTER: Jitter =
    Jitter { shift: 0.05, scale: 0.07, roll: 0.15, stretch: 0.08, shear: 0.05, keystone: 0.06, pull: 0.02 };
/// The archive's old pictures are sharp plates or soft prints, its new ones crisp and in colour: every kind of damage for all.
const PHOTOMETRIC: Photometric =
    Photometric { tone: 0.9, cast: 0.4, light: 0.35, grey: 0.3, blur: 0.22, rescale: 0.14, noise: 0.35, jpeg: 0.3 };
/// Share of the inputs of each dense layer that is left out, of each crop others.
const DROPPED: f32 = 0.4;
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
/// Years in which photography became another: plates and beards, flash and film, colour.
const ERAS: [i32; 3] = [1900, 1940, 1985];
/// Labels of gender are this far from 0 and 1.
const GENDER_SMOOTHING: f32 = 0.06;
/// Weight of the error of the expected age, in cross-entropies a year.
const AGE_MEAN_WEIGHT: f32 = 0.06;

struct Example {
    patch: Patch,
    /// The same face with the head turned; `None` for pictures of one's own, which come as they are.
    turned: Option<Patch>,
    label: Label,
    /// When it was photographed (see [`ERAS`]).
    era: usize,
    /// Where the age is but the age at the latest.
    dated: Option<Dated>,
}

impl Example {
    /// A picture of one's own, on which `eyes` find the face. `None` if they do not.
    fn of_own(row: &OwnFace, image: &Image, eyes: &Mirror) -> Result<Option<Self>> {
        let Some(seen) = engine::nearest(eyes.eyes().analyse(image)?) else { return Ok(None) };
        let Some(crop) = portrait_crop(&seen.landmarks) else { return Ok(None) };
        let age = row.age.map(AgeLabel::known);
        let female = row.gender.map(|gender| (womanhood_of(gender), 1.0));
        let patch = Patch::cut(image, &crop, &[], PATCH);
        Ok(Some(Self { patch, turned: None, label: Label { age, female }, era: 0, dated: None }))
    }

    fn of(portrait: &Portrait, last_served: Option<i32>) -> Option<Self> {
        let crop = portrait_crop(&portrait.landmarks)?;
        let patch = Patch::cut(&portrait.image, &crop, &[], PATCH);
        // In profile there is hardly a face left to judge.
        let turns = Turn::of(portrait).map(|turn| Turn { yaw: turn.yaw.clamp(-0.8, 0.8), ..turn });
        let turned = turned_heads(portrait, PATCH, portrait_crop, turns.take(1)).pop();
        let era = ERAS.partition_point(|end| *end <= portrait.photo_year);
        let dated = Dated::of(portrait, last_served);
        let age = dated.map(|dated| dated.label(&[1.0; AGE_BINS]));
        Some(Self { patch, turned, label: Label { age, female: gender_label(portrait) }, era, dated })
    }
}

/// A row of the table `faces.csv` of a folder of pictures.
#[derive(Debug, Deserialize)]
struct OwnFace {
    /// The picture, from the folder on.
    file: PathBuf,
    /// Whom it shows: nobody is both learned from and examined on. Everybody is a person of their own where the column is missing.
    #[serde(default)]
    person: String,
    /// Years; empty: not known.
    age: Option<f32>,
    /// `F` or `M`; empty: not known.
    gender: Option<Gender>,
}

/// The faces of a folder of one's own, learned from and held out (a tenth of the people): `faces.csv` has the columns `file`,
/// `age` and `gender`, and perhaps `person`. The default pack finds the faces; pictures in which it finds none are left out.
fn own_faces(folder: &Path) -> Result<(Vec<Example>, Vec<Example>)> {
    let path = folder.join(OWN_TABLE);
    let rows: Vec<OwnFace> = csv::Reader::from_path(&path)
        .with_context(|| path.display().to_string())?
        .deserialize()
        .collect::<csv::Result<_>>()
        .with_context(|| format!("{}: expected the columns file, age, gender", path.display()))?;
    let eyes = Mirror::new(&Pack::embedded()?)?;
    let bar = bar(rows.len() as u64, "faces");
    let found = rows.par_iter().map(|row| {
        let example = Example::of_own(row, &Image::load(&folder.join(&row.file))?, &eyes)?;
        bar.inc(1);
        let person = if row.person.is_empty() { row.file.to_string_lossy() } else { row.person.as_str().into() };
        anyhow::Ok(example.map(|e| (data::is_held_out(&person, 10), e)))
    });
    let found: Vec<_> = found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    bar.finish_and_clear();
    if found.len() < rows.len() {
        eprintln!("no face found in {} of {} pictures", rows.len() - found.len(), rows.len());
    }
    let (held_out, learned): (Vec<_>, Vec<_>) = found.into_iter().partition(|(held_out, _)| *held_out);
    let examples = |chosen: Vec<(bool, Example)>| chosen.into_iter().map(|(_, e)| e).collect();
    Ok((examples(learned), examples(held_out)))
}

/// The portraits of the archive. A tenth is held out, twice as much as elsewhere (and all of that): with a twentieth, 20 women
/// would be left to calibrate on.
fn portraits(root: &Path) -> Result<(Vec<Example>, Vec<Example>)> {
    let portraits = data::load_portraits(root)?;
    let mut last_served: HashMap<&str, i32> = HashMap::new();
    for p in portraits.iter().filter(|p| !p.is_from_guide()) {
        last_served.entry(&p.bioguide).and_modify(|year| *year = p.photo_year.max(*year)).or_insert(p.photo_year);
    }
    let cut = |held_out: bool| -> Vec<Example> {
        let chosen = portraits.par_iter().filter(|p| data::is_held_out(&p.bioguide, 10) == held_out);
        chosen.filter_map(|p| Example::of(p, last_served.get(p.bioguide.as_str()).copied())).collect()
    };
    Ok((cut(false), cut(true)))
}

/// How often each example is drawn, summed up: women 48 %, men 48 %, the rest unknown; of each every era of photography as often as it
/// occurs; in each of those rare decades of age more often than they occur, so that an age has no era.
fn cumulative_weights(examples: &[Example]) -> Vec<f32> {
    const SHARES: [f32; 3] = [0.48, 0.48, 0.04];
    let class = |e: &Example| e.label.female.map_or(2, |(f, _)| usize::from(f > 0.5));
    let decade = |e: &Example| e.label.age.map_or(-1, |a| (a.years / 10.0) as i32);
    let trust = |e: &Example| e.label.female.map_or(1.0, |(_, w)| w.max(0.5));
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

fn draw(examples: &[Example], cumulative: &[f32], textures: &[Negative], rng: &mut Rng) -> (Image, Label) {
    let (mut crop, mut label) = draw_face(examples, cumulative, rng);
    if rng.chance(BLENDED) {
        let (other, second) = draw_face(examples, cumulative, rng);
        let share = rng.range(0.0, 0.5);
        crop.data.iter_mut().zip(&other.data).for_each(|(a, b)| {
            *a = (f32::from(*a) + share * (f32::from(*b) - f32::from(*a)) + 0.5) as u8;
        });
        label = label.blended(&second, share);
    }
    if rng.chance(DETAILED) {
        let (furrows, radius) = (rng.range(0.0, MOST_FURROWED), 2 + rng.below(3));
        augment::detail(&mut crop, furrows, radius);
        label.age = label.age.map(|age| age.furrowed(furrows));
    }
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

/// Loss of one row of the net's output; writes its gradient.
fn loss_of(row: &[f32], shift: &PriorShift, label: &Label, gradient: &mut [f32]) -> f32 {
    let mut value = 0.0;
    gradient.fill(0.0);
    if let Some(age) = &label.age {
        let shift = shift.for_gender(label.womanhood());
        let logits: &[f32; AGE_BINS] = &std::array::from_fn(|i| row[i] + shift[i]);
        value += nn::loss::softmax_cross_entropy(logits, &age.target(), &mut gradient[..AGE_BINS]);
        let mut p = [0.0; AGE_BINS];
        nn::loss::softmax(logits, &mut p);
        let mean: f32 = p.iter().enumerate().map(|(i, p)| p * bin_age(i)).sum();
        let (off, slope) = nn::loss::smooth_l1(mean - age.years, AGE_STEP);
        value += AGE_MEAN_WEIGHT * off;
        for (i, (g, p)) in gradient[..AGE_BINS].iter_mut().zip(p).enumerate() {
            *g += AGE_MEAN_WEIGHT * slope * p * (bin_age(i) - mean);
        }
    }
    if let Some((female, weight)) = label.female {
        let target = GENDER_SMOOTHING + (1.0 - 2.0 * GENDER_SMOOTHING) * female;
        let (v, d) = nn::loss::bce_with_logits(row[AGE_BINS], target);
        value += weight * v;
        gradient[AGE_BINS] = weight * d;
    }
    value
}

fn loss(output: &Tensor, shift: &PriorShift, samples: &[(Image, Label)]) -> (f32, Tensor) {
    let scale = 1.0 / samples.len().max(1) as f32;
    let mut gradient = Tensor::zeros(output.shape);
    let mut value = 0.0;
    for ((row, (_, label)), g) in output.rows().zip(samples).zip(gradient.data.chunks_exact_mut(OUTPUTS)) {
        value += scale * loss_of(row, shift, label, g);
        g.iter_mut().for_each(|g| *g *= scale);
    }
    (value, gradient)
}

/// What the net says of examples as they are.
fn look_at(net: &Sequential, examples: &[Example]) -> Vec<[f32; OUTPUTS]> {
    let upright = Deformation::identity();
    examples.par_iter().map(|e| logits(net, &upright.sample(&e.patch, CROP, false))).collect()
}

/// Accuracy of the gender, women and men counting equally, and mean absolute error of the age, years.
fn held_out_figures(logits: &[[f32; OUTPUTS]], examples: &[Example]) -> (f32, f32) {
    let (mut right, mut seen) = ([0.0f32; 2], [0.0f32; 2]);
    let (mut off, mut aged) = (0.0, 0.0f32);
    for (logits, example) in logits.iter().zip(examples) {
        let guess = attributes_of(logits, &Calibration::default());
        if let Some((female, _)) = example.label.female {
            let class = usize::from(female > 0.5);
            seen[class] += 1.0;
            right[class] += f32::from(u8::from((guess.female > 0.5) == (female > 0.5)));
        }
        if let Some(age) = example.label.age {
            off += (guess.age.mean - age.years).abs();
            aged += 1.0;
        }
    }
    (0.5 * (right[0] / seen[0].max(1.0) + right[1] / seen[1].max(1.0)), off / aged.max(1.0))
}

/// The temperatures under which the held-out labels are likeliest; women and men count equally.
fn calibrate(logits: &[[f32; OUTPUTS]], examples: &[Example]) -> Calibration {
    let women = examples.iter().filter(|e| e.label.female.is_some_and(|(f, _)| f > 0.5)).count().max(1) as f32;
    let men = examples.iter().filter(|e| e.label.female.is_some_and(|(f, _)| f < 0.5)).count().max(1) as f32;
    let age_cost = |t: f32| -> f32 {
        let costs = logits.iter().zip(examples).filter_map(|(l, e)| {
            let age = e.label.age?.years;
            let bin = ((age - bin_age(0)) / AGE_STEP).round().clamp(0.0, (AGE_BINS - 1) as f32) as usize;
            let scaled: Vec<f32> = l[..AGE_BINS].iter().map(|v| v / t).collect();
            let mut p = [0.0; AGE_BINS];
            nn::loss::softmax(&scaled, &mut p);
            Some(-p[bin].max(1e-9).ln())
        });
        costs.sum()
    };
    let gender_cost = |t: f32| -> f32 {
        let costs = logits.iter().zip(examples).filter_map(|(l, e)| {
            let (female, _) = e.label.female?;
            let weight = if female > 0.5 { 1.0 / women } else { 1.0 / men };
            Some(weight * nn::loss::bce_with_logits(l[AGE_BINS] / t, female).0)
        });
        costs.sum()
    };
    // Strangers, whom the net knows worse than the members held out, must not find it too sure: of the age never surer than it was
    // taught to be. Of the gender it was taught to be less sure than it is right, by blends and smoothed labels.
    let (age_temperature, gender_temperature) = (best_temperature(1.0, age_cost), best_temperature(0.5, gender_cost));
    Calibration { age_temperature, gender_temperature }
}

/// The cheapest temperature from `least` to 4, in steps of 2 %.
fn best_temperature(least: f32, cost: impl Fn(f32) -> f32) -> f32 {
    let candidates = (0..).map(|i| least * 1.02f32.powi(i)).take_while(|t| *t < 4.0);
    candidates.map(|t| (t, cost(t))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(t, _)| t)
}

/// How often the examples are drawn (see [`cumulative_weights`]), and what that makes of their ages.
fn draws(examples: &[Example]) -> (Vec<f32>, PriorShift) {
    let cumulative = cumulative_weights(examples);
    let before = std::iter::once(&0.0).chain(&cumulative);
    let weights = cumulative.iter().zip(before).map(|(c, b)| c - b);
    let drawn = (examples.iter().zip(weights))
        .flat_map(|(e, w)| as_drawn(e.label).map(move |(label, share)| (label, share * w)));
    let shift = PriorShift::of(drawn);
    (cumulative, shift)
}

/// The archive's people.
struct People {
    examples: Vec<Example>,
    held_out: Vec<Example>,
    /// See [`cumulative_weights`].
    cumulative: Vec<f32>,
    /// See [`PriorShift`]: of the examples as they are drawn, and of those held out.
    shift: PriorShift,
    held_out_shift: PriorShift,
    textures: Vec<Negative>,
}

impl Lesson for People {
    const NET: &'static str = "attributes";
    const MINUTES: f64 = 15.0;
    const BATCH: u32 = 48;
    const DECAY: f32 = 0.3;
    const FIGURES: &'static [&'static str] = &["held_out_gender_accuracy", "held_out_age_error"];
    type Sample = (Image, Label);

    fn load(root: &Path) -> Result<Self> {
        let textures = data::load_negatives(root)?;
        let (examples, held_out) = if root.join(OWN_TABLE).exists() { own_faces(root)? } else { portraits(root)? };
        anyhow::ensure!(!examples.is_empty() && !held_out.is_empty(), "too few portraits to learn from");
        eprintln!("{} faces to learn from, {} held out", examples.len(), held_out.len());
        let (cumulative, shift) = draws(&examples);
        let held_out_shift = PriorShift::of(held_out.iter().map(|e| (e.label, 1.0)));
        Ok(Self { examples, held_out, cumulative, shift, held_out_shift, textures })
    }

    fn reconsider(&mut self, net: &Sequential) {
        let outputs = look_at(net, &self.examples);
        // The net expects the world's ages; a likelihood expects none.
        let shift = PriorShift::of_all_ages().for_gender(0.5);
        for (example, output) in self.examples.iter_mut().zip(outputs) {
            let Some(dated) = example.dated else { continue };
            let logits: [f32; AGE_BINS] = std::array::from_fn(|i| output[i] + shift[i]);
            let mut looks = [0.0; AGE_BINS];
            nn::loss::softmax(&logits, &mut looks);
            example.label.age = Some(dated.label(&looks));
        }
        (self.cumulative, self.shift) = draws(&self.examples);
    }

    fn network(&self, values: &mut impl Initializer) -> Sequential {
        network(values)
    }

    fn pupil(&self, rng: &mut Rng) -> Sequential {
        network_with_dropout(DROPPED, rng)
    }

    fn draw(&self, rng: &mut Rng) -> (Image, Label) {
        draw(&self.examples, &self.cumulative, &self.textures, rng)
    }

    fn input(&self, samples: &[(Image, Label)]) -> Tensor {
        input(samples.iter().map(|s| &s.0))
    }

    fn loss(&self, output: &Tensor, samples: &[(Image, Label)]) -> (f32, Tensor) {
        loss(output, &self.shift, samples)
    }

    fn examine(&self, net: &Sequential) -> Examination {
        let mut logits = look_at(net, &self.held_out);
        // Judged as people of their own age pyramid, not of the world's.
        logits.iter_mut().zip(&self.held_out).for_each(|(l, e)| {
            l.iter_mut().zip(self.held_out_shift.for_gender(e.label.womanhood())).for_each(|(l, s)| *l += s);
        });
        let (accuracy, error) = held_out_figures(&logits, &self.held_out);
        let calibration = calibrate(&logits, &self.held_out);
        let metadata = BTreeMap::from([
            (AGE_TEMPERATURE_KEY.to_owned(), format!("{:.4}", calibration.age_temperature)),
            (GENDER_TEMPERATURE_KEY.to_owned(), format!("{:.4}", calibration.gender_temperature)),
        ]);
        let right = accuracy * 100.0;
        let words = format!("gender {right:.1} % right (women and men counting equally), age off by {error:.1} years");
        Examination { figures: vec![accuracy, error], words, metadata }
    }
}

/// Trains until the budget is spent; leaves `attributes.safetensors`, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the data cannot be read or the run's folder not be written.
pub fn run(options: &lesson::Options) -> Result<()> {
    lesson::teach::<People>(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Layer;

    #[test]
    fn the_labels_of_crops_as_they_are_drawn_come_to_one() {
        let label = Label { age: Some(AgeLabel::known(48.0)), female: Some((1.0, 1.0)) };
        assert!((as_drawn(label).map(|(_, share)| share).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn the_gradient_of_the_loss_equals_finite_differences() {
        let mut rng = Rng::new(1);
        let row = rng.normals(OUTPUTS);
        let label = Label { age: Some(AgeLabel { years: 52.0, sigma: 6.0 }), female: Some((1.0, 0.3)) };
        let shift = PriorShift::of_all_ages();
        let mut gradient = [0.0; OUTPUTS];
        loss_of(&row, &shift, &label, &mut gradient);
        for i in 0..OUTPUTS {
            let at = |d: f32| {
                let mut row = row.clone();
                row[i] += d;
                loss_of(&row, &shift, &label, &mut [0.0; OUTPUTS])
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            assert!((slope - gradient[i]).abs() < 2e-3, "{i}: {slope} against {}", gradient[i]);
        }
    }

    fn patch() -> Patch {
        Patch { image: Image { width: 1, height: 1, data: vec![0; 3] }, points: Vec::new() }
    }

    #[test]
    fn who_is_asked_again_keeps_the_ages_that_are_known() {
        let person = |dated: bool| {
            let dated = dated.then(|| Dated::portrait_until(84.0));
            let age = dated.map_or(AgeLabel::known(84.0), |d| d.label(&[1.0; AGE_BINS]));
            Example { patch: patch(), turned: None, label: Label { age: Some(age), female: None }, era: 0, dated }
        };
        let examples = vec![person(true), person(false)];
        let before: Vec<AgeLabel> = examples.iter().filter_map(|e| e.label.age).collect();
        let (cumulative, shift) = draws(&examples);
        let held_out_shift = PriorShift::of_all_ages();
        let mut people =
            People { examples, held_out: Vec::new(), cumulative, shift, held_out_shift, textures: Vec::new() };
        // A net that takes everybody for 50.
        let mut net = network(&mut Rng::new(1));
        let mut params = net.params_mut();
        params.iter_mut().for_each(|p| p.value.fill(0.0));
        params.pop().expect("the last layer has a bias").value[12] = 9.0;
        people.reconsider(&net);
        let after: Vec<AgeLabel> = people.examples.iter().filter_map(|e| e.label.age).collect();
        assert!((before[0].years - after[0].years) > 15.0 && (after[0].years - 50.0).abs() < 6.0, "{after:?}");
        assert_eq!(after[1], before[1]);
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

    #[test]
    fn overconfident_logits_get_a_high_temperature() {
        // Sure at 8, right three times in four: log(3) would be honest.
        let examples: Vec<Example> = (0..40)
            .map(|i| Example {
                patch: patch(),
                turned: None,
                label: Label { age: None, female: Some((f32::from(u8::from(i % 4 != 0)), 1.0)) },
                era: 0,
                dated: None,
            })
            .chain((0..40).map(|i| Example {
                patch: patch(),
                turned: None,
                label: Label { age: None, female: Some((f32::from(u8::from(i % 4 == 0)), 1.0)) },
                era: 0,
                dated: None,
            }))
            .collect();
        let logits: Vec<[f32; OUTPUTS]> = (0..80)
            .map(|i| {
                let mut l = [0.0; OUTPUTS];
                l[AGE_BINS] = if i < 40 { 3.0 } else { -3.0 };
                l
            })
            .collect();
        let t = calibrate(&logits, &examples).gender_temperature;
        assert!((t - 3.0 / 3f32.ln()).abs() < 0.1, "{t}");
    }

    #[test]
    fn a_folder_of_ones_own_is_read_and_its_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join(OWN_TABLE);
        let write = |text: &str| std::fs::write(&table, text).unwrap();
        let fault = || own_faces(folder.path()).err().map(|e| format!("{e:#}")).unwrap_or_default();
        write("file,age,gender\nnone.png,31,F\n");
        assert!(fault().contains("none.png"), "{}", fault());
        write("file,age,gender\na.png,31,X\n");
        assert!(fault().contains("expected the columns file, age, gender"), "{}", fault());
        // Nobody in it: left out, not an error.
        Image { width: 40, height: 40, data: vec![128; 40 * 40 * 3] }.save(&folder.path().join("a.png")).unwrap();
        write("file,person,age,gender\na.png,ann,31,F\na.png,ann,,\n");
        let (learned, held_out) = own_faces(folder.path()).unwrap();
        assert!(learned.is_empty() && held_out.is_empty());
    }
}
