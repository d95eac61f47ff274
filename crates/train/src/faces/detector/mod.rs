//! Trains the face detector on made-up scenes.

pub mod loss;
mod validation;

use self::loss::{Labels, loss};
use self::validation::ValidationSet;
use super::scenes::{Material, Scene};
use crate::data::{self, Negative, Portrait, is_held_out};
use crate::runs::{self, Checkpoint, Lesson, LessonOptions, RunOptions, TrainedNet, Validation, data_root, say};
use anyhow::Result;
use mirror::face::detector::{DetectorNet, OUTPUTS, THRESHOLD_KEY, input};
use nn::loss::sigmoid;
use nn::{Initializer, Rng, Tensor};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Width and height of the scenes unless the user wants others, pixels.
pub const SIDE: usize = 192;

/// Gradients longer than this are shortened to it: a scene that the net has never seen the like of must not throw it far off.
const LONGEST_GRADIENT: f32 = 10.0;

/// How hard a negative counts that the net has not seen yet: such ones come before those that are known to be easy.
const UNKNOWN_HARDNESS: f32 = 0.5;

/// Trains until the budget is spent, on scenes of `side` x `side` pixels; leaves `detector.safetensors`, `checkpoint.safetensors`
/// and `log.csv`.
///
/// # Errors
/// If `side` is no multiple of 32, the data cannot be read or the run's folder not be written.
pub fn train(options: &LessonOptions, side: usize) -> Result<TrainedNet> {
    anyhow::ensure!(side > 0 && side.is_multiple_of(32), "--side must be a multiple of 32");
    runs::train(Scenes::load(&data_root(options.data.as_deref())?, side)?, options)
}

/// The detector's lesson: scenes, with those backgrounds more often in which the net wrongly sees faces.
struct Scenes {
    side: usize,
    material: Material,
    validation: ValidationSet,
    /// For each negative, how sure the net lately was of a face there.
    hardness: Vec<f32>,
}

/// Whether a negative only serves to choose the threshold.
fn is_for_validation(negative: &Negative) -> bool {
    is_held_out(&format!("validation {}", negative.file), 10)
}

impl Scenes {
    fn load(root: &Path, side: usize) -> Result<Self> {
        let portraits = data::load_portraits(root)?;
        let negatives = data::load_negatives(root)?;
        let (held_portraits, portraits): (Vec<&Portrait>, Vec<&Portrait>) =
            portraits.iter().partition(|p| p.is_held_out());
        let (held_negatives, negatives): (Vec<&Negative>, Vec<&Negative>) =
            negatives.iter().filter(|n| !n.is_held_out()).partition(|n| is_for_validation(n));
        anyhow::ensure!(!portraits.is_empty(), "{}: no portraits", root.display());
        say(format_args!("{} portraits, {} pictures without faces", portraits.len(), negatives.len()));

        let validation = ValidationSet::new(side, &held_portraits, &held_negatives);
        let material = Material::new(portraits, negatives);
        let hardness = vec![UNKNOWN_HARDNESS; material.negatives()];
        Ok(Self { side, material, validation, hardness })
    }

    /// Remembers how sure the net was of a face in the scenes that show a negative and nothing else.
    fn note_hardness(&mut self, scenes: &[Scene], outputs: &[&Tensor; 3]) {
        for (i, scene) in scenes.iter().enumerate() {
            if let Some(h) = scene.negative.and_then(|n| self.hardness.get_mut(n)) {
                *h = 0.5 * *h + 0.5 * surest(outputs, i);
            }
        }
    }
}

impl Lesson for Scenes {
    const NET: &'static str = "detector";
    const MINUTES: f64 = 25.0;
    const BATCH: u32 = 32;
    const RATE: f32 = 2e-3;
    const LOSSES: &'static [&'static str] = &["loss", "face_loss", "box_loss"];
    const FIGURES: &'static [&'static str] = &["recall", "precision", "threshold"];
    // A validation looks at hundreds of pictures.
    const VALIDATE_EVERY: Duration = Duration::from_secs(150);
    type Net = DetectorNet;
    type Sample = Scene;

    fn network(&self, values: &mut impl Initializer) -> DetectorNet {
        DetectorNet::new(values)
    }

    fn draw(&self, rng: &mut Rng) -> Scene {
        self.material.scene(self.side, &self.hardness, rng)
    }

    fn learn(&mut self, net: &DetectorNet, scenes: &[Scene], grads: &mut [Vec<f32>]) -> Vec<f32> {
        let tape = net.forward_tape(&input(scenes.iter().map(|s| &s.image)));
        let outputs = tape.outputs();
        let labels: Vec<[Labels; 3]> = scenes
            .par_iter()
            .map(|s| std::array::from_fn(|l| Labels::new(s, l, outputs[l].w(), outputs[l].h())))
            .collect();
        let (losses, gradients) = loss(outputs, &labels);
        net.backward(&tape, &gradients, grads);
        shorten(grads, LONGEST_GRADIENT);
        self.note_hardness(scenes, &outputs);
        losses.to_vec()
    }

    fn validate(&self, net: &DetectorNet) -> Validation {
        let [recall, precision, threshold] = self.validation.measure(net);
        Validation {
            figures: vec![recall, precision, threshold],
            words: format!("recall {recall:.3}, precision {precision:.3}, threshold {threshold:.2}"),
            metadata: BTreeMap::from([(THRESHOLD_KEY.to_owned(), format!("{threshold:.3}"))]),
        }
    }

    fn options(&self) -> RunOptions {
        RunOptions::of(Self::NET).with("--side", self.side)
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        checkpoint.put_values("hardness", &self.hardness);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let stored = checkpoint.values("hardness")?;
        let (expected, found) = (self.hardness.len(), stored.len());
        anyhow::ensure!(
            expected == found,
            "--resume: the run had --data with {found} negatives, this command asks for one with {expected}"
        );
        self.hardness = stored.to_vec();
        Ok(())
    }
}

/// The net's highest face probability in the `i`-th picture of a batch.
fn surest(outputs: &[&Tensor; 3], i: usize) -> f32 {
    let logits = outputs.iter().flat_map(|o| o.data[i * o.row_len()..(i + 1) * o.row_len()].iter().step_by(OUTPUTS));
    sigmoid(logits.copied().fold(f32::NEG_INFINITY, f32::max))
}

/// Scales the gradients down to this length at most.
fn shorten(grads: &mut [Vec<f32>], longest: f32) {
    let length = grads.iter().flatten().map(|g| g * g).sum::<f32>().sqrt();
    if length > longest {
        grads.iter_mut().flatten().for_each(|g| *g *= longest / length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use mirror::face::{Face, Rect};

    fn negative(file: &str) -> Negative {
        let data = (0..64 * 64 * 3).map(|i| (i * 37 % 251) as u8).collect();
        Negative { file: file.into(), image: Image { width: 64, height: 64, data } }
    }

    fn scenes(negatives: &[Negative]) -> Scenes {
        let material = Material::new([], negatives);
        let hardness = vec![UNKNOWN_HARDNESS; material.negatives()];
        Scenes { side: 64, material, validation: ValidationSet::new(64, &[], &[]), hardness }
    }

    #[test]
    fn a_step_lowers_the_loss_of_its_scenes_and_notes_how_hard_they_were() {
        let negatives = [negative("a.jpg"), negative("b.jpg")];
        let mut lesson = scenes(&negatives);
        let image = negatives[0].image.clone();
        let rect = Rect { x: 20.0, y: 16.0, w: 22.0, h: 28.0 };
        let face = Face { rect, points: [[30.0, 30.0]; 5], score: 1.0 };
        let batch = [
            Scene { image: image.clone(), faces: vec![face], unclear: Vec::new(), negative: None },
            Scene { image, faces: Vec::new(), unclear: Vec::new(), negative: Some(1) },
        ];
        let mut net = lesson.network(&mut Rng::new(1));
        let mut grads = nn::grads_like(&net.params());
        let before = lesson.learn(&net, &batch, &mut grads);
        assert_eq!(before.len(), Scenes::LOSSES.len());
        assert!((before[0] - before[1] - before[2]).abs() < 1e-4, "{before:?}");
        assert!(lesson.hardness[0] == UNKNOWN_HARDNESS && lesson.hardness[1] < UNKNOWN_HARDNESS);
        let length = grads.iter().flatten().map(|g| g * g).sum::<f32>().sqrt();
        assert!(length > 0.0 && length <= LONGEST_GRADIENT * 1.001, "{length}");

        let rate = 1e-3 / length;
        for (p, g) in net.params_mut().into_iter().zip(&grads) {
            p.value.iter_mut().zip(g).for_each(|(v, g)| *v -= rate * g);
        }
        let after = lesson.learn(&net, &batch, &mut nn::grads_like(&net.params()));
        assert!(after[0] < before[0], "{after:?} after {before:?}");
    }

    #[test]
    fn hardness_survives_a_checkpoint_and_that_of_other_negatives_is_refused() {
        let negatives = [negative("a.jpg"), negative("b.jpg")];
        let mut lesson = scenes(&negatives);
        lesson.hardness = vec![0.25, 0.75];
        let mut checkpoint = Checkpoint::default();
        lesson.save(&mut checkpoint);
        let mut other = scenes(&negatives);
        other.restore(&checkpoint).unwrap();
        assert_eq!(other.hardness, lesson.hardness);
        let error = scenes(&negatives[..1]).restore(&checkpoint).unwrap_err().to_string();
        assert_eq!(error, "--resume: the run had --data with 2 negatives, this command asks for one with 1");
    }
}
