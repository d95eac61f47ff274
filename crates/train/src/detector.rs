//! Trains the detector on made-up scenes.

use crate::data::{self, Negative, Portrait, is_held_out};
use crate::detector_loss::{Labels, loss};
use crate::lesson::share_of_step;
use crate::progress::{Checkpoint, Session, start_from};
use crate::scenes::{Material, Scene};
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::Face;
use mirror::face::detector::{Detector, DetectorNet, OUTPUTS, THRESHOLD_KEY, input};
use nn::io::Dtype;
use nn::loss::sigmoid;
use nn::{Adam, Rng, Tensor};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How often the net is validated, seconds of training.
const VALIDATE_EVERY: f64 = 150.0;

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `congress` and `negatives` [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Folder for checkpoints, log.csv and detector.safetensors
    #[arg(long, default_value = "runs/detector")]
    pub out: PathBuf,
    /// Time to train for
    #[arg(long, default_value_t = 25.0)]
    pub minutes: f64,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Go on from the checkpoint in --out
    #[arg(long)]
    pub resume: bool,
    /// Weights to start from, those of another run or of a pack, in place of random ones
    #[arg(long, conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// Scenes a step
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    /// Width and height of the scenes, a multiple of 32
    #[arg(long, default_value_t = 192)]
    pub side: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = 2e-3)]
    pub lr: f32,
}

/// Whether a negative only serves to choose the threshold.
fn is_validation(negative: &Negative) -> bool {
    is_held_out(&format!("validation {}", negative.file), 10)
}

/// Runs it.
///
/// # Errors
/// On unreadable data or an unwritable output.
pub fn run(options: &Options) -> Result<()> {
    anyhow::ensure!(options.side > 0 && options.side.is_multiple_of(32), "--side must be a multiple of 32");
    anyhow::ensure!(options.batch > 0, "--batch must be at least 1");
    let root = data::data_root(options.data.as_deref())?;
    let portraits = data::load_portraits(&root)?;
    let negatives = data::load_negatives(&root)?;
    let (held_portraits, portraits): (Vec<&Portrait>, Vec<&Portrait>) = portraits.iter().partition(|p| p.is_held_out());
    let negatives: Vec<&Negative> = negatives.iter().filter(|n| !n.is_held_out()).collect();
    let (held_negatives, negatives): (Vec<&Negative>, Vec<&Negative>) =
        negatives.into_iter().partition(|n| is_validation(n));
    anyhow::ensure!(!portraits.is_empty(), "{}: no portraits", root.display());
    eprintln!("{} portraits, {} pictures without faces", portraits.len(), negatives.len());
    let validation = Validation::new(options.side, &held_portraits, &held_negatives);
    let material = Material::new(portraits, negatives);

    let mut state = State::new(options, material.negatives());
    let checkpoint_path = options.out.join("checkpoint.safetensors");
    let mut spent = 0.0;
    if let Some(path) = &options.init {
        start_from(path, state.net.params_mut())?;
    }
    if options.resume && checkpoint_path.exists() {
        spent = state.restore(&Checkpoint::load(&checkpoint_path)?)?;
    }
    let columns = ["loss", "face_loss", "box_loss", "lr", "recall", "precision", "threshold"];
    let mut session = Session::open(&options.out, "detector", options.minutes, &columns, (state.step, spent))?;

    let make = |step: u64, hardness: &[f32]| -> Vec<Scene> {
        let mut rng = Rng::new(options.seed.wrapping_mul(0x9E37_79B9).wrapping_add(step));
        let streams: Vec<Rng> = (0..options.batch).map(|_| Rng::new(rng.next_u64())).collect();
        streams.into_par_iter().map(|mut rng| material.scene(options.side, hardness, &mut rng)).collect()
    };
    let mut pending = make(state.step, &state.hardness_of_pending);
    let mut sums = [0.0f32; 3];
    let mut steps_in_sums = 0;
    let mut validated = session.seconds();
    while !session.is_over() {
        let hardness = state.hardness.clone();
        let next_step = state.step + 1;
        let lr = session.learning_rate(options.lr, state.step);
        // The next scenes are made while the net learns from these.
        let (losses, next) = rayon::join(|| state.learn(&pending, lr), || make(next_step, &hardness));
        anyhow::ensure!(losses[0].is_finite(), "the loss is no number at step {next_step}\nhint: a lower --lr");
        pending = next;
        state.hardness_of_pending = hardness;
        sums.iter_mut().zip(losses).for_each(|(s, l)| *s += l);
        steps_in_sums += 1;
        session.show(format!("step {next_step} loss {:.3}", sums[0] / steps_in_sums as f32));
        if session.checkpoint_due() || session.is_over() {
            state.checkpoint(session.seconds()).save(&checkpoint_path)?;
            let [mut recall, mut precision, mut threshold] = [f32::NAN; 3];
            if session.seconds() - validated > VALIDATE_EVERY || session.is_over() {
                validated = session.seconds();
                [recall, precision, threshold] = validation.measure(&state.average);
                write_weights(options, &state, threshold)?;
            }
            let [total, face, of_box] = sums.map(|s| s / steps_in_sums as f32);
            session.log(state.step, &[total, face, of_box, lr, recall, precision, threshold])?;
            (sums, steps_in_sums) = ([0.0; 3], 0);
        }
    }
    session.finish();
    let [recall, precision, threshold] = validation.measure(&state.average);
    write_weights(options, &state, threshold)?;
    let path = options.out.join("detector.safetensors");
    eprintln!(
        "{}: {} steps, validation recall {recall:.3}, precision {precision:.3}, threshold {threshold:.2}",
        path.display(),
        state.step
    );
    Ok(())
}

fn write_weights(options: &Options, state: &State, threshold: f32) -> Result<()> {
    let metadata: BTreeMap<String, String> = [
        (THRESHOLD_KEY.to_string(), format!("{threshold:.3}")),
        ("steps".to_string(), state.step.to_string()),
        ("seed".to_string(), options.seed.to_string()),
    ]
    .into();
    let path = options.out.join("detector.safetensors");
    Ok(nn::io::save(&path, &state.average.params(), &metadata, Dtype::F16)?)
}

/// All that changes while training.
struct State {
    net: DetectorNet,
    /// Over the steps so far, the late ones above all: what is kept.
    average: DetectorNet,
    adam: Adam,
    step: u64,
    /// For each negative, how sure the net lately was of a face there.
    hardness: Vec<f32>,
    /// What the scenes of the next step were chosen by.
    hardness_of_pending: Vec<f32>,
}

impl State {
    fn new(options: &Options, negatives: usize) -> Self {
        let net = DetectorNet::new(&mut Rng::new(options.seed));
        let average = DetectorNet::new(&mut nn::Unset);
        let adam = Adam::new(options.lr, 0.9, 0.999);
        // A half: not yet seen ones come before those that are known to be easy.
        let hardness = vec![0.5; negatives];
        Self { net, average, adam, step: 0, hardness_of_pending: hardness.clone(), hardness }
    }

    /// One step; the loss, its part of faces and its part of boxes.
    fn learn(&mut self, scenes: &[Scene], lr: f32) -> [f32; 3] {
        let tape = self.net.forward_tape(&input(scenes.iter().map(|s| &s.image)));
        let outputs = tape.outputs();
        let labels: Vec<[Labels; 3]> = scenes
            .par_iter()
            .map(|s| std::array::from_fn(|l| Labels::new(s, l, outputs[l].w(), outputs[l].h())))
            .collect();
        let (values, gradients) = loss(outputs, &labels);
        let mut grads = nn::grads_like(&self.net.params());
        self.net.backward(&tape, &gradients, &mut grads);
        clip(&mut grads, 10.0);
        for (i, scene) in scenes.iter().enumerate() {
            if let Some(h) = scene.negative.and_then(|n| self.hardness.get_mut(n)) {
                *h = 0.5 * *h + 0.5 * surest(&outputs, i);
            }
        }
        self.adam.lr = lr;
        self.adam.step(self.net.params_mut(), &grads);
        self.step += 1;
        nn::average_towards(self.average.params_mut(), &self.net.params(), share_of_step(self.step));
        values
    }

    fn checkpoint(&self, seconds: f64) -> Checkpoint {
        let mut c = Checkpoint::default();
        c.put_params("net", &self.net.params());
        c.put_params("average", &self.average.params());
        c.put_adam("adam", &self.adam);
        c.put_number("step", self.step as f64);
        c.put_number("seconds", seconds);
        c.put_values("hardness", &self.hardness);
        c.put_values("hardness_of_pending", &self.hardness_of_pending);
        c
    }

    /// Back to a checkpoint; its seconds of training.
    fn restore(&mut self, c: &Checkpoint) -> Result<f64> {
        c.take_params("net", self.net.params_mut())?;
        c.take_params("average", self.average.params_mut())?;
        c.take_adam("adam", &mut self.adam)?;
        self.step = c.number("step")? as u64;
        let n = self.hardness.len();
        self.hardness = c.values("hardness")?.to_vec();
        self.hardness_of_pending = c.values("hardness_of_pending")?.to_vec();
        anyhow::ensure!(
            self.hardness.len() == n && self.hardness_of_pending.len() == n,
            "checkpoint: made with {} negatives, here are {n}",
            self.hardness.len()
        );
        c.number("seconds").context("checkpoint")
    }
}

/// The net's highest face probability in the `i`-th picture of a batch.
fn surest(outputs: &[&Tensor; 3], i: usize) -> f32 {
    let logits = outputs.iter().flat_map(|o| o.data[i * o.row_len()..(i + 1) * o.row_len()].iter().step_by(OUTPUTS));
    sigmoid(logits.copied().fold(f32::NEG_INFINITY, f32::max))
}

/// Scales the gradients down to this length at most.
fn clip(grads: &mut [Vec<f32>], longest: f32) {
    let length = grads.iter().flatten().map(|g| g * g).sum::<f32>().sqrt();
    if length > longest {
        grads.iter_mut().flatten().for_each(|g| *g *= longest / length);
    }
}

/// How much more recall counts than precision in the choice of the threshold.
const RECALL_COUNTS: f32 = 3.0;

/// Pictures that the net never learns from, to choose the threshold by.
struct Validation {
    scenes: Vec<Scene>,
    empty: Vec<Image>,
}

impl Validation {
    fn new(side: usize, portraits: &[&Portrait], negatives: &[&Negative]) -> Self {
        if portraits.is_empty() {
            return Self { scenes: Vec::new(), empty: Vec::new() };
        }
        let material = Material::new(portraits.iter().copied(), negatives.iter().copied());
        let scene = |seed| material.scene(side, &[], &mut Rng::new(seed));
        let scenes = (0..240u64).into_par_iter().map(scene).collect();
        Self { scenes, empty: negatives.iter().map(|n| n.image.clone()).collect() }
    }

    /// Recall and precision (of the faces found, the share that is right) at the threshold at which they are best together, and
    /// that threshold. Recall counts [`RECALL_COUNTS`] times as much (the F measure of van Rijsbergen, "Information Retrieval", 1979,
    /// chapter 7): the landmark net denies most of what is found and wrong, but cannot find what was missed.
    fn measure(&self, net: &DetectorNet) -> [f32; 3] {
        // The detector holds its net; a copy by way of its parameters.
        let mut copy = DetectorNet::new(&mut nn::Unset);
        for (to, from) in copy.params_mut().into_iter().zip(net.params()) {
            to.value.clone_from(&from.value);
        }
        let detector = Detector::from_net(copy, 0.1);
        let faces = self.scenes.iter().map(|s| s.faces.len()).sum::<usize>().max(1) as f32;
        let in_scenes = self.scenes.par_iter().flat_map_iter(|s| judge(s, &detector.detect(&s.image)));
        let in_empty =
            self.empty.par_iter().flat_map_iter(|i| detector.detect(i).into_iter().map(|f| (f.score, false)));
        let mut found: Vec<(f32, bool)> = in_scenes.chain(in_empty).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut best, mut best_f) = ([0.0, 0.0, 0.5], 0.0);
        let mut right = 0.0;
        for (i, (score, is_right)) in found.iter().enumerate() {
            right += f32::from(u8::from(*is_right));
            let (recall, precision) = (right / faces, right / (i + 1) as f32);
            let squared = RECALL_COUNTS * RECALL_COUNTS;
            let f = (1.0 + squared) * recall * precision / (recall + squared * precision).max(1e-9);
            if f > best_f {
                (best, best_f) = ([recall, precision, *score], f);
            }
        }
        best
    }
}

/// The scores of the faces found in a scene, and whether they are right. What lies on something unclear is left out,
/// and so is a second box on a face: neither helps nor harms the choice of a threshold.
fn judge(scene: &Scene, found: &[Face]) -> Vec<(f32, bool)> {
    let mut missing = scene.faces.clone();
    let mut judged = Vec::new();
    for face in found {
        let r = &face.rect;
        if let Some(i) = missing.iter().position(|m| m.rect.iou(r) >= 0.5) {
            missing.swap_remove(i);
            judged.push((face.score, true));
        } else if !scene.unclear.iter().any(|u| u.intersection(r) > 0.3 * r.w * r.h)
            && !scene.faces.iter().any(|f| f.rect.iou(r) >= 0.5)
        {
            judged.push((face.score, false));
        }
    }
    judged
}
