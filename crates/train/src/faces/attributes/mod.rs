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
//! Or on anybody's own pictures: a folder with a table `faces.csv` (see [`examples::own_faces`]).

mod calibration;
mod drawing;
mod examples;
mod labels;
mod loss;

use self::calibration::{calibrate, held_out_figures, outputs_of};
use self::drawing::{draw, draws};
use self::examples::{Example, OWN_TABLE, own_faces, portraits};
use self::labels::{AgeLabel, Label, PriorShift};
use self::loss::loss;
use crate::data::{self, Negative};
use crate::runs::{self, Checkpoint, Lesson, LessonOptions, TrainedNet, Validation, backpropagate, data_root, say};
use anyhow::Result;
use frame::Image;
use mirror::face::attributes::{
    AGE_BINS, AGE_TEMPERATURE_KEY, GENDER_TEMPERATURE_KEY, input, network, network_with_dropout,
};
use nn::{Initializer, Rng, Sequential};
use std::collections::BTreeMap;
use std::path::Path;

/// Share of the inputs of each dense layer that is left out, of each crop others.
const DROPPED: f32 = 0.4;

/// The archive's people.
/// The name of the ages in a checkpoint.
const AGES: &str = "ages";

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

impl People {
    fn load(root: &Path) -> Result<Self> {
        let textures = data::load_negatives(root)?;
        let (examples, held_out) = if root.join(OWN_TABLE).exists() { own_faces(root)? } else { portraits(root)? };
        anyhow::ensure!(!examples.is_empty() && !held_out.is_empty(), "too few portraits to learn from");
        say(format_args!("{} faces to learn from, {} held out", examples.len(), held_out.len()));
        let (cumulative, shift) = draws(&examples);
        let held_out_shift = PriorShift::of(held_out.iter().map(|e| (e.label, 1.0)));
        Ok(Self { examples, held_out, cumulative, shift, held_out_shift, textures })
    }
}

impl Lesson for People {
    const NET: &'static str = "attributes";
    const MINUTES: f64 = 15.0;
    const BATCH: u32 = 48;
    const DECAY: f32 = 0.3;
    const FIGURES: &'static [&'static str] = &["held_out_gender_accuracy", "held_out_age_error"];
    type Net = Sequential;
    type Sample = (Image, Label);

    fn relabel(&mut self, net: &Sequential) {
        let outputs = outputs_of(net, &self.examples);
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

    /// The ages as they were corrected, years and what they are off by; -1 of whom none is known.
    fn save(&self, checkpoint: &mut Checkpoint) {
        let age = |e: &Example| e.label.age.map_or([-1.0; 2], |age| [age.years, age.sigma]);
        checkpoint.put_values(AGES, &self.examples.iter().flat_map(age).collect::<Vec<f32>>());
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let ages = checkpoint.values(AGES)?;
        let (expected, found) = (self.examples.len(), ages.len() / 2);
        anyhow::ensure!(
            expected == found,
            "--resume: the run had --data with {found} faces to learn from, this command asks for one with {expected}"
        );
        for (example, age) in self.examples.iter_mut().zip(ages.chunks_exact(2)) {
            example.label.age = (age[0] >= 0.0).then(|| AgeLabel { years: age[0], sigma: age[1] });
        }
        (self.cumulative, self.shift) = draws(&self.examples);
        Ok(())
    }

    fn network(&self, values: &mut impl Initializer) -> Sequential {
        network(values)
    }

    fn training_network(&self, rng: &mut Rng) -> Sequential {
        network_with_dropout(DROPPED, rng)
    }

    fn draw(&self, rng: &mut Rng) -> (Image, Label) {
        draw(&self.examples, &self.cumulative, &self.textures, rng)
    }

    fn learn(&mut self, net: &Sequential, samples: &[(Image, Label)], grads: &mut [Vec<f32>]) -> Vec<f32> {
        let input = input(samples.iter().map(|s| &s.0));
        vec![backpropagate(net, &input, |output| loss(output, &self.shift, samples), grads)]
    }

    fn validate(&self, net: &Sequential) -> Validation {
        let mut logits = outputs_of(net, &self.held_out);
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
        let gender = match accuracy.is_nan() {
            true => "nobody's gender is known".to_owned(),
            false => format!("gender {:.1} % right (women and men counting equally)", accuracy * 100.0),
        };
        let age =
            if error.is_nan() { "nobody's age is known".to_owned() } else { format!("age off by {error:.1} years") };
        let words = format!("{gender}, {age}");
        Validation { figures: vec![accuracy, error], words, metadata }
    }
}

/// Trains until the budget is spent; leaves `attributes.safetensors`, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the data cannot be read or the run's folder not be written.
pub fn train(options: &LessonOptions) -> Result<TrainedNet> {
    runs::train(People::load(&data_root(options.data.as_deref())?)?, options)
}

#[cfg(test)]
mod tests {
    use super::labels::Dated;
    use super::*;
    use crate::faces::deform::Patch;
    use nn::Layer;

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
        people.relabel(&net);
        let after: Vec<AgeLabel> = people.examples.iter().filter_map(|e| e.label.age).collect();
        assert!((before[0].years - after[0].years) > 15.0 && (after[0].years - 50.0).abs() < 6.0, "{after:?}");
        assert_eq!(after[1], before[1]);
    }
}
