//! Trains the 68-point landmark net on the archive's portraits, with the teacher's points as the truth.
//!
//! Half of the crops are as far off as a detector's box may be (the net's first look), half nearly upright and
//! centred (its second). Faces are bent, stretched, lit, blurred and covered; mouths are opened and widened, for the
//! archive hardly ever laughs. A quarter of the crops hold no face, or one in the wrong place: the net says so. Half of
//! these are what the default pack's detector takes for faces in pictures without any (hard negatives).

use super::augment::{Photometric, hat, occlude};
use super::deform::{Deformation, Jitter, Patch, REACH};
use super::turn::{Turn, turned_heads};
use crate::data::{self, Negative, Portrait};
use crate::runs::{self, Lesson, LessonOptions, TrainedNet, Validation, backpropagate, data_root, say};
use anyhow::Result;
use frame::Image;
use mirror::face::align::{MIRROR, Similarity, crop_square};
use mirror::face::detector::Detector;
use mirror::face::landmarks::{
    CROP, MEAN_SHAPE_KEY, OUTPUTS, crop_of_face, input, key_points, mean_shape, mean_shape_text, network, points_of,
};
use mirror::face::{LANDMARKS, Landmarks, Rect};
use mirror::pack::{Net, Pack};
use nn::{Initializer, Layer, Rng, Sequential, Tensor};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Pixels of a stored patch: about the net's own resolution over the wider field, and a little more.
const PATCH: usize = 184;
/// Wing loss, in pixels of the crop: logarithmic within 4, sharpest within 0.8.
const WING: (f32, f32) = (4.0, 0.8);

/// What a detector's box may be off by: 12 % of the box is 0.17 crop units.
const FIRST_LOOK: Jitter =
    Jitter { shift: 0.12, scale: 0.13, roll: 0.8, stretch: 0.1, shear: 0.05, keystone: 0.08, pull: 0.025 };
/// What the first look may be off by.
const SECOND_LOOK: Jitter =
    Jitter { shift: 0.035, scale: 0.05, roll: 0.14, stretch: 0.1, shear: 0.05, keystone: 0.08, pull: 0.025 };

const PHOTOMETRIC: Photometric =
    Photometric { tone: 0.8, cast: 0.4, light: 0.35, grey: 0.25, blur: 0.2, rescale: 0.12, noise: 0.3, jpeg: 0.25 };

/// Turned copies of each portrait, and their share of the crops with a face: the archive itself looks straight ahead.
const TURNS: usize = 2;
const TURNED: f32 = 0.35;

/// Share of the crops without a face, or with one in the wrong place.
const NOBODY: f32 = 0.25;
/// Share of the faces under a hat.
const HATS: f32 = 0.12;
/// Score from which on what the detector sees in a picture without faces is a mistake to learn from.
const MISTAKE: f32 = 0.05;
/// Weight of the logit's loss against that of a coordinate.
const LOGIT_WEIGHT: f32 = 1.0;

/// One crop and its points, row of the net's output; without points, nobody is there.
struct Sample {
    crop: Image,
    points: Option<Vec<f32>>,
}

/// Pictures without faces.
#[derive(Default)]
struct Faceless {
    pictures: Vec<Negative>,
    /// Where the detector sees a face all the same, the surest first: picture, crop.
    mistakes: Vec<(usize, Similarity)>,
}

impl Faceless {
    /// The pictures that are not held out, looked at by the default pack's detector.
    fn load(root: &Path, mean_shape: [[f32; 2]; LANDMARKS]) -> Result<Self> {
        let pictures: Vec<Negative> = data::load_negatives(root)?.into_iter().filter(|n| !n.is_held_out()).collect();
        let detector = Pack::embedded()?.open(Net::Detector, Detector::from_weights)?.with_threshold(MISTAKE);
        let mistakes = pictures.par_iter().enumerate().flat_map_iter(|(i, picture)| {
            detector
                .detect(&picture.image)
                .into_iter()
                .map(move |face| (face.score, i, crop_of_face(&mean_shape, &face)))
        });
        let mut mistakes: Vec<_> = mistakes.collect();
        mistakes.sort_by(|a, b| b.0.total_cmp(&a.0));
        say(format_args!(
            "{} pictures without faces, {} mistakes of the detector in them",
            pictures.len(),
            mistakes.len()
        ));
        Ok(Self { pictures, mistakes: mistakes.into_iter().map(|(_, i, crop)| (i, crop)).collect() })
    }

    /// What may cover a face, if there are pictures at all.
    fn texture(&self, rng: &mut Rng) -> Option<&Image> {
        (!self.pictures.is_empty()).then(|| &self.pictures[rng.below(self.pictures.len())].image)
    }
}

/// Draws a training crop.
fn draw(patches: &[Patch], turned: &[Patch], faceless: &Faceless, rng: &mut Rng) -> Sample {
    let patches = if !turned.is_empty() && rng.chance(TURNED) { turned } else { patches };
    let patch = &patches[rng.below(patches.len())];

    if rng.chance(NOBODY) {
        let mut crop = nobody(patch, faceless, rng);
        PHOTOMETRIC.apply(&mut crop, rng);
        return Sample { crop, points: None };
    }

    // How far off the crop is, and how the face is bent.
    let jitter = if rng.chance(0.5) { &FIRST_LOOK } else { &SECOND_LOOK };
    // Most heads are nearly upright; a quarter of the first looks use the whole range.
    let jitter = Jitter { roll: if rng.chance(0.5) { jitter.roll } else { 0.5 * jitter.roll }, ..*jitter };
    let deformation = Deformation::random(&jitter, rng).with_expression(&patch.points, rng);

    let mirrored = rng.chance(0.5);
    let mut crop = deformation.sample(patch, CROP, mirrored);

    // Things in the way.
    if rng.chance(0.35) {
        let texture = faceless.texture(rng);
        let side = CROP as f32;
        let face = Rect { x: 0.15 * side, y: 0.15 * side, w: 0.7 * side, h: 0.7 * side };
        occlude(&mut crop, &face, 0.55, texture, rng);
    }
    let points = follow(&deformation, &patch.points, mirrored);
    if rng.chance(HATS) {
        let pixels = key_points(&points_of(&points).points).map(|p| p.map(|v| (v + 1.0) * 0.5 * CROP as f32));
        hat(&mut crop, &pixels, faceless.texture(rng), rng);
    }

    PHOTOMETRIC.apply(&mut crop, rng);
    Sample { crop, points: Some(points) }
}

/// Copies of a portrait's face with the head turned.
fn turned(portrait: &Portrait, mean_shape: &[[f32; 2]; LANDMARKS]) -> Vec<Patch> {
    let upright = |landmarks: &Landmarks| Similarity::fit(mean_shape, &landmarks.points);
    let turns = Turn::of(&portrait.landmarks, &portrait.file).take(TURNS);
    turned_heads(&portrait.image, &portrait.landmarks, PATCH, upright, turns)
}

/// A crop that a detector might hand over: what it once took for a face, a piece of a picture without faces, a part of a
/// face, or what is beside one.
fn nobody(patch: &Patch, faceless: &Faceless, rng: &mut Rng) -> Image {
    if !faceless.mistakes.is_empty() && rng.chance(0.5) {
        // A third of the draws are from the surest thirtieth.
        let at = rng.uniform().powi(3) * faceless.mistakes.len() as f32;
        let (picture, crop) = &faceless.mistakes[(at as usize).min(faceless.mistakes.len() - 1)];
        let mut shift = || rng.range(-0.12, 0.12);
        let shift = [shift(), shift()];
        let near = Similarity::new(rng.range(-0.2, 0.2).exp(), rng.range(-0.3, 0.3), shift);
        return crop_square(&faceless.pictures[*picture].image, &near.then(crop), CROP);
    }
    let turn = rng.range(-0.8, 0.8);
    if let Some(image) = faceless.texture(rng).filter(|_| rng.chance(0.6)) {
        let (w, h) = (image.width as f32, image.height as f32);
        let half = rng.range(10f32.ln(), (0.55 * w.min(h)).max(11.0).ln()).exp();
        return crop_square(image, &Similarity::new(half, turn, [w * rng.uniform(), h * rng.uniform()]), CROP);
    }
    let (half, [x, y]) = if rng.chance(0.5) {
        (rng.range(0.15, 0.4), [rng.range(-0.6, 0.6), rng.range(-0.7, 0.9)])
    } else {
        let (angle, distance) = (rng.range(0.0, std::f32::consts::TAU), rng.range(1.1, 1.5));
        (rng.range(0.5, 1.1), [distance * angle.cos(), distance * angle.sin()])
    };
    let pixels = patch.image.width as f32 / (2.0 * REACH);
    crop_square(&patch.image, &Similarity::new(half * pixels, turn, [(x + REACH) * pixels, (y + REACH) * pixels]), CROP)
}

/// Where the landmarks are in a sampled crop, as the net shall say it.
fn follow(deformation: &Deformation, points: &[[f32; 2]], mirrored: bool) -> Vec<f32> {
    let moved: Vec<[f32; 2]> = points.iter().map(|p| deformation.follow(*p)).collect();
    let row = (0..LANDMARKS).map(|i| if mirrored { [-moved[MIRROR[i]][0], moved[MIRROR[i]][1]] } else { moved[i] });
    row.flatten().collect()
}

/// Mean wing loss of the coordinates of a batch, mean cross-entropy of its logits, and the gradient of their sum.
fn loss(output: &Tensor, samples: &[Sample]) -> (f32, Tensor) {
    let pixels = CROP as f32 / 2.0;
    let faces = samples.iter().filter(|s| s.points.is_some()).count().max(1);
    let (scale, logit_scale) = (1.0 / (faces * 2 * LANDMARKS) as f32, LOGIT_WEIGHT / samples.len() as f32);
    let mut gradient = Tensor::zeros(output.shape);
    let mut value = 0.0;
    for ((y, g), sample) in output.rows().zip(gradient.data.chunks_exact_mut(OUTPUTS)).zip(samples) {
        let face = f32::from(u8::from(sample.points.is_some()));
        let (v, d) = nn::loss::bce_with_logits(y[2 * LANDMARKS], face);
        value += v * logit_scale;
        g[2 * LANDMARKS] = d * logit_scale;
        for ((y, t), g) in y.iter().zip(sample.points.iter().flatten()).zip(g) {
            let (v, d) = nn::loss::wing((y - t) * pixels, WING.0, WING.1);
            value += v * scale;
            *g = d * scale * pixels;
        }
    }
    (value, gradient)
}

/// Mean error of held-out faces over their outer eye distance, for one look from jittered crops.
fn held_out_error(net: &Sequential, patches: &[Patch], jitter: &Jitter) -> f32 {
    let errors = patches.par_chunks(16).enumerate().map(|(i, patches)| {
        let mut rng = Rng::new(i as u64);
        let deformations: Vec<_> = patches.iter().map(|_| Deformation::random(jitter, &mut rng)).collect();
        let crops: Vec<Image> = patches.iter().zip(&deformations).map(|(p, d)| d.sample(p, CROP, false)).collect();
        let output = net.forward(&input(&crops));
        let errors = output.rows().zip(patches.iter().zip(&deformations)).map(|(row, (p, d))| {
            let truth = points_of(&follow(d, &p.points, false));
            points_of(row).mean_distance(&truth) / truth.outer_eye_distance().max(1e-3)
        });
        errors.sum::<f32>()
    });
    errors.sum::<f32>() / patches.len().max(1) as f32
}

/// The archive's faces.
struct Points {
    patches: Vec<Patch>,
    turned: Vec<Patch>,
    held_out: Vec<Patch>,
    held_out_turned: Vec<Patch>,
    faceless: Faceless,
    mean_shape: [[f32; 2]; LANDMARKS],
}

impl Points {
    fn load(root: &Path) -> Result<Self> {
        let portraits = data::load_portraits(root)?;
        anyhow::ensure!(!portraits.is_empty(), "{}: no portraits", root.display());
        let learned: Vec<Landmarks> =
            portraits.iter().filter(|p| !p.is_held_out()).map(|p| p.landmarks.clone()).collect();
        let mean_shape = mean_shape(&learned);

        // Faces as they were photographed, and with the head turned.
        let cut = |held_out: bool| -> Vec<Patch> {
            let chosen = portraits.par_iter().filter(|p| p.is_held_out() == held_out);
            let cut = chosen.filter_map(|p| {
                let upright = Similarity::fit(&mean_shape, &p.landmarks.points)?;
                Some(Patch::cut(&p.image, &upright, &p.landmarks.points, PATCH))
            });
            cut.collect()
        };
        let turn = |held_out: bool| -> Vec<Patch> {
            let chosen = portraits.par_iter().filter(|p| p.is_held_out() == held_out);
            chosen.flat_map_iter(|p| turned(p, &mean_shape)).collect()
        };
        let (patches, held_out) = (cut(false), cut(true));
        let (turned, held_out_turned) = (turn(false), turn(true));
        anyhow::ensure!(!patches.is_empty() && !held_out.is_empty(), "too few portraits to learn from");
        say(format_args!("{} faces to learn from, {} held out", patches.len(), held_out.len()));

        let faceless = Faceless::load(root, mean_shape)?;
        Ok(Self { patches, turned, held_out, held_out_turned, faceless, mean_shape })
    }
}

impl Lesson for Points {
    const NET: &'static str = "landmarks";
    const MINUTES: f64 = 20.0;
    const BATCH: u32 = 32;
    const FIGURES: &'static [&'static str] = &["held_out_first_look", "held_out_second_look", "held_out_turned"];
    type Net = Sequential;
    type Sample = Sample;

    fn network(&self, values: &mut impl Initializer) -> Sequential {
        network(values)
    }

    fn draw(&self, rng: &mut Rng) -> Sample {
        draw(&self.patches, &self.turned, &self.faceless, rng)
    }

    fn learn(&mut self, net: &Sequential, samples: &[Sample], grads: &mut [Vec<f32>]) -> Vec<f32> {
        let input = input(samples.iter().map(|s| &s.crop));
        vec![backpropagate(net, &input, |output| loss(output, samples), grads)]
    }

    fn validate(&self, net: &Sequential) -> Validation {
        let [first, second] = [FIRST_LOOK, SECOND_LOOK].map(|jitter| held_out_error(net, &self.held_out, &jitter));
        let turned = held_out_error(net, &self.held_out_turned, &SECOND_LOOK);
        let figures = vec![first, second, turned];
        let percent = figures.iter().map(|f| f * 100.0).collect::<Vec<f32>>();
        let words = format!("first look {:.2} %, second {:.2} %, turned {:.2} %", percent[0], percent[1], percent[2]);
        let metadata = BTreeMap::from([(MEAN_SHAPE_KEY.to_owned(), mean_shape_text(&self.mean_shape))]);
        Validation { figures, words, metadata }
    }
}

/// Trains until the budget is spent; leaves `landmarks.safetensors`, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the data cannot be read or the run's folder not be written.
pub fn train(options: &LessonOptions) -> Result<TrainedNet> {
    runs::train(Points::load(&data_root(options.data.as_deref())?)?, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> Patch {
        let points = (0..LANDMARKS).map(|i| [0.4 * (i as f32).cos(), 0.5 * (i as f32).sin()]).collect();
        let image =
            Image { width: PATCH, height: PATCH, data: (0..PATCH * PATCH * 3).map(|i| (i % 240) as u8).collect() };
        Patch { image, points }
    }

    #[test]
    fn a_seed_repeats_its_sample_and_points_stay_near() {
        let patches = [face()];
        let faceless = Faceless::default();
        let (a, b) =
            (draw(&patches, &[], &faceless, &mut Rng::new(4)), draw(&patches, &[], &faceless, &mut Rng::new(4)));
        assert!(a.crop == b.crop && a.points == b.points);
        let samples: Vec<Sample> =
            (0..40).map(|seed| draw(&patches, &patches, &faceless, &mut Rng::new(seed))).collect();
        let points: Vec<&Vec<f32>> = samples.iter().filter_map(|s| s.points.as_ref()).collect();
        assert!((20..40).contains(&points.len()), "{} faces", points.len());
        assert!(points.iter().all(|p| p.len() == 2 * LANDMARKS && p.iter().all(|v| v.abs() < 1.5)));
    }

    #[test]
    fn the_gradient_of_the_loss_equals_finite_differences() {
        let mut rng = Rng::new(1);
        let crop = Image { width: CROP, height: CROP, data: vec![0; CROP * CROP * 3] };
        let points = Some(rng.normals(2 * LANDMARKS));
        let samples = [Sample { crop: crop.clone(), points }, Sample { crop, points: None }];
        let rows = rng.normals(2 * OUTPUTS);
        let at = |rows: &[f32]| loss(&Tensor::new([2, 1, 1, OUTPUTS], rows.to_vec()), &samples);
        let (_, gradient) = at(&rows);
        for i in [0, 17, 90, 2 * LANDMARKS, OUTPUTS + 3, 2 * OUTPUTS - 1] {
            let h = 2e-3;
            let (mut up, mut down) = (rows.clone(), rows.clone());
            up[i] += h;
            down[i] -= h;
            let slope = (at(&up).0 - at(&down).0) / (2.0 * h);
            assert!((slope - gradient.data[i]).abs() < 0.05 * gradient.data[i].abs() + 1e-3, "{i}");
        }
        assert!(gradient.data[OUTPUTS..2 * OUTPUTS - 1].iter().all(|g| *g == 0.0), "nobody has no points");
    }
}
