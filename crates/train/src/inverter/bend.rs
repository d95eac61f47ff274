//! Teaches the inverter itself: to bend noise towards features.

use super::energy::energy_distance;
use super::pairs::{ScoredPair, ScoredPairs};
use crate::runs::{TrainingRun, say};
use anyhow::Result;
use mirror::features::Group;
use mirror::inverter::{FeatureSelection, Inverter, InverterInput};
use mirror::latent::Latent;
use nn::{Adam, Layer, Rng, Tensor, grads_like};
use rayon::prelude::*;

const BATCH: usize = 128;
const LR: f32 = 1e-3;
/// Weight of the misfit; that of the energy distance is given.
const MISFIT: f32 = 4.0;
/// Weight of the angle to the latent that the features were measured on: a hint where features can be met, no more.
const LATENT: f32 = 0.05;
/// Share of examples whose groups of features come from several samples: visitors are mixed anew, too.
const MIXED: f32 = 0.5;
/// Share of examples in which all numbers are given; in the others the selection stands anywhere, low values as often as high ones.
const WHOLE: f32 = 0.5;
/// Share of examples in which some groups are switched off.
const SWITCHED: f32 = 0.2;
/// Share of examples that are not asked by samples but by strangers, where there are any: what no picture of the generator's has together.
const STRANGERS: f32 = 0.4;
/// Standard deviation of what is added to the scores: eyes are never sure.
const JITTER: f32 = 0.1;
const LOG_EVERY: u64 = 200;

/// Latents for what samples and strangers ask: where the forward model must be right, for there it is asked.
pub fn bent(inverter: &Inverter, train: &ScoredPairs, strangers: &[Vec<f32>], rng: &mut Rng) -> Vec<Latent> {
    let rows = train.found();
    let batch = Batch::draw(inverter, &rows, &rows, strangers, rng);
    let input = batch.input.par_iter().zip(batch.noise.par_chunks_exact(inverter.config().latent_size));
    input.map(|(input, noise)| inverter.invert_input(input, noise)).collect()
}

/// Trains from one share of the run's time to another, at `rate` times the usual rate. `strangers` are scores among the visitors of faces that are no samples.
///
/// # Errors
/// If the log cannot be written.
pub fn train(
    inverter: &mut Inverter,
    train: &ScoredPairs,
    strangers: &[Vec<f32>],
    (prior_weight, rate): (f32, f32),
    (from, to): (f32, f32),
    run: &mut TrainingRun,
    rng: &mut Rng,
) -> Result<()> {
    let rows = train.found();
    // The prior of well visible faces: the better half, more or less.
    let target = inverter.config().quality_target;
    let mut good: Vec<&ScoredPair> = rows.iter().copied().filter(|r| r.quality() > target - 0.5).collect();
    if good.is_empty() {
        good.clone_from(&rows);
    }

    let mut adam = Adam::new(LR, 0.9, 0.99);
    let mut sums = [0.0; 3];
    let mut step = 0;
    while run.fraction() < to {
        adam.lr = rate * LR * (1.0 - (run.fraction() - from) / (to - from).max(1e-6)).clamp(0.01, 1.0);

        // One step.
        let batch = Batch::draw(inverter, &rows, &good, strangers, rng);
        let losses = learn(inverter, &mut adam, &batch, prior_weight);
        anyhow::ensure!(losses.iter().all(|l| l.is_finite()), "the loss is no number at step {step}");
        sums.iter_mut().zip(losses).for_each(|(s, l)| *s += l / LOG_EVERY as f32);

        // What it came to.
        step += 1;
        if step % LOG_EVERY == 0 {
            let [misfit, energy, latent] = sums;
            run.log(step, &[f32::NAN, misfit, energy, latent, adam.lr])?;
            run.show(format!("inverter: step {step}, misfit {misfit:.3}, energy {energy:.3}"));
            sums = [0.0; 3];
            if step % (10 * LOG_EVERY) == 0 {
                say(format_args!("inverter: step {step}, misfit {misfit:.3}, energy {energy:.3}, latent {latent:.3}"));
            }
        }
    }
    Ok(())
}

/// What one example lets count: everything, or as much as a random turn of the selection; now and then without some groups.
fn random_selection(numbers: usize, rng: &mut Rng) -> FeatureSelection {
    let first = if rng.chance(WHOLE) { numbers } else { ((numbers as f32 + 1.0).powf(rng.uniform()) - 0.5) as usize };
    let some = rng.chance(SWITCHED);
    FeatureSelection {
        features: Some(first),
        without: Group::ALL.into_iter().filter(|_| some && rng.chance(0.3)).collect(),
    }
}

/// One step's examples, side by side.
struct Batch {
    input: Vec<InverterInput>,
    noise: Vec<f32>,
    /// Where the scores were measured; `None` where they are mixed or not all given.
    truth: Vec<Option<Vec<f32>>>,
    prior: Vec<f32>,
}

impl Batch {
    fn draw(
        inverter: &Inverter,
        rows: &[&ScoredPair],
        good: &[&ScoredPair],
        strangers: &[Vec<f32>],
        rng: &mut Rng,
    ) -> Self {
        let (order, size) = (inverter.order(), inverter.config().latent_size);
        let mut batch = Self { input: Vec::new(), noise: Vec::new(), truth: Vec::new(), prior: Vec::new() };
        for _ in 0..BATCH {
            // Somebody to ask for: a sample or a stranger, perhaps mixed with another of the same kind.
            let row = rows[rng.below(rows.len())];
            let stranger = !strangers.is_empty() && rng.chance(STRANGERS);
            let one = |rng: &mut Rng| match stranger {
                true => strangers[rng.below(strangers.len())].as_slice(),
                false => rows[rng.below(rows.len())].numbers(),
            };
            let mut scores = if stranger { one(rng) } else { row.numbers() }.to_vec();
            let mixed = rng.chance(MIXED);
            if mixed {
                let other = one(rng);
                let from_other: Vec<Group> = Group::ALL.into_iter().filter(|_| rng.chance(0.5)).collect();
                for i in (0..order.len()).filter(|i| from_other.contains(&order[*i].group())) {
                    scores[i] = other[i];
                }
            }
            scores.iter_mut().for_each(|s| *s += JITTER * rng.normal());

            // How much of it is asked for; whether all of it, and all of one sample.
            let input = InverterInput::new(scores, random_selection(order.len(), rng).mask(order));
            let whole = !mixed && !stranger && input.given.iter().all(|g| *g);
            batch.input.push(input);
            batch.noise.extend(super::pairs::random_latents(1, size, rng));
            batch.truth.push(whole.then(|| row.latent.clone()));
            batch.prior.extend(&good[rng.below(good.len())].latent);
        }
        batch
    }
}

/// One step; gives misfit, energy distance and angle to the truth.
fn learn(inverter: &mut Inverter, adam: &mut Adam, batch: &Batch, prior_weight: f32) -> [f32; 3] {
    let size = inverter.config().latent_size;
    let examples = batch.input.iter().zip(batch.noise.chunks_exact(size));
    let input: Vec<f32> = examples.flat_map(|(a, n)| a.inputs().chain(n.iter().copied())).collect();
    let width = input.len() / BATCH;
    let tape = inverter.bend.forward_tape(&Tensor::new([BATCH, 1, 1, width], input));
    let bent: Vec<f32> = tape.output().data.iter().zip(&batch.noise).map(|(b, n)| b + n).collect();
    let (latents, lengths) = onto_sphere(&bent, size);

    // Towards the features, as the forward model sees them.
    let forward = inverter.forward.forward_tape(&Tensor::new([BATCH, 1, 1, size], latents.clone()));
    let mut d_scores = Tensor::zeros(forward.output().shape);
    let mut misfit = 0.0;
    let outputs = inverter.order().len() + 1;
    let rows = forward.output().rows().zip(&batch.input);
    for ((predicted, input), d) in rows.zip(d_scores.data.chunks_exact_mut(outputs)) {
        misfit += inverter.misfit_of_scores(predicted, input, d) / BATCH as f32;
    }
    d_scores.data.iter_mut().for_each(|d| *d *= MISFIT / BATCH as f32);
    let mut d_latents = inverter.forward.backward_tape(&forward, &d_scores, None).data;

    // Towards the prior, on the unit sphere.
    let unit = (size as f32).sqrt().recip();
    let scaled = |v: &[f32]| v.iter().map(|x| x * unit).collect::<Vec<f32>>();
    let (energy, d_energy) = energy_distance(&scaled(&latents), &scaled(&batch.prior), size);
    d_latents.iter_mut().zip(d_energy).for_each(|(d, e)| *d += prior_weight * unit * e);

    // Towards the latent that the features came from: 1 - cosine.
    let mut latent = 0.0;
    for (i, truth) in batch.truth.iter().enumerate() {
        let Some(truth) = truth else { continue };
        let own = i * size..(i + 1) * size;
        let cosine = latents[own.clone()].iter().zip(truth).map(|(a, b)| a * b).sum::<f32>() / size as f32;
        latent += (1.0 - cosine) / BATCH as f32;
        let factor = LATENT / (BATCH * size) as f32;
        d_latents[own].iter_mut().zip(truth).for_each(|(d, t)| *d -= factor * t);
    }

    let d_bent = off_sphere(&latents, &lengths, &d_latents, size);
    let mut grads = grads_like(&inverter.bend.params());
    inverter.bend.backward_tape(&tape, &Tensor::new([BATCH, 1, 1, size], d_bent), Some(&mut grads));
    adam.step(inverter.bend.params_mut(), &grads);
    [misfit, energy, latent]
}

/// Each row scaled to root mean square 1; and what the root mean squares were.
fn onto_sphere(rows: &[f32], size: usize) -> (Vec<f32>, Vec<f32>) {
    let lengths: Vec<f32> = rows
        .par_chunks_exact(size)
        .map(|r| (r.iter().map(|v| v * v).sum::<f32>() / size as f32).sqrt().max(1e-6))
        .collect();
    let scaled = rows.chunks_exact(size).zip(&lengths).flat_map(|(r, l)| r.iter().map(move |v| v / l));
    (scaled.collect(), lengths)
}

/// The gradient before [`onto_sphere`], from that after it.
fn off_sphere(scaled: &[f32], lengths: &[f32], d: &[f32], size: usize) -> Vec<f32> {
    let rows = scaled.chunks_exact(size).zip(d.chunks_exact(size)).zip(lengths);
    let mut out = Vec::with_capacity(d.len());
    for ((z, d), length) in rows {
        let along = z.iter().zip(d).map(|(z, d)| z * d).sum::<f32>() / size as f32;
        out.extend(z.iter().zip(d).map(|(z, d)| (d - along * z) / length));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_through_the_sphere_equals_finite_differences() {
        let mut rng = Rng::new(6);
        let (x, d) = (rng.normals(8), rng.normals(8));
        let (scaled, lengths) = onto_sphere(&x, 4);
        let gradient = off_sphere(&scaled, &lengths, &d, 4);
        for i in 0..8 {
            let at = |e: f32| {
                let mut moved = x.clone();
                moved[i] += e;
                onto_sphere(&moved, 4).0.iter().zip(&d).map(|(y, d)| y * d).sum::<f32>()
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - gradient[i]).abs() < 5e-3, "{i}: {slope} against {}", gradient[i]);
        }
    }
}
