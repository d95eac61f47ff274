//! Teaches the forward model: from a latent to what the eyes will say of its picture.

use super::pairs::ScoredPair;
use crate::runs::{TrainingRun, say};
use anyhow::Result;
use mirror::features::Group;
use mirror::inverter::Inverter;
use nn::{Adam, Layer, Rng, Tensor, grads_like};

const BATCH: usize = 128;
const LR: f32 = 1e-3;
/// Pull of the weights towards 0 a step, as a share of the learning rate: the pairs are few.
const DECAY: f32 = 0.5;
/// Steps between looks at the held-out pairs.
const LOOK_EVERY: u64 = 100;
/// Looks without a gain after which the rate falls by [`FALL`]; at the last rate, learning stops.
const PATIENCE: usize = 10;
const FALL: f32 = 0.4;
const FALLS: i32 = 4;
/// Weight of the quality among the outputs; the features' weights sum to 1.
const QUALITY_WEIGHT: f32 = 0.1;

/// Trains at `rate` times the usual rate until one share of the run's time, or until the held-out pairs gain nothing at the lowest rate; keeps the best.
///
/// # Errors
/// If the log cannot be written.
pub fn train(
    inverter: &mut Inverter,
    train: &[&ScoredPair],
    held: &[&ScoredPair],
    rate: f32,
    to: f32,
    run: &mut TrainingRun,
    rng: &mut Rng,
) -> Result<()> {
    let mut adam = Adam::new(rate * LR, 0.9, 0.99);
    let (mut best, mut best_weights, mut since, mut falls) = (f32::INFINITY, Vec::new(), 0, 0);
    let mut step = 0;
    while run.fraction() < to {
        if since >= PATIENCE {
            if falls == FALLS {
                break;
            }
            (falls, since) = (falls + 1, 0);
            adam.lr *= FALL;
        }

        // One step.
        let rows: Vec<&ScoredPair> = (0..BATCH).map(|_| train[rng.below(train.len())]).collect();
        learn(inverter, &mut adam, &rows);
        step += 1;

        // Is it better than ever before?
        if step % LOOK_EVERY == 0 {
            let loss = held_out_loss(inverter, held);
            run.log(step, &[loss, f32::NAN, f32::NAN, f32::NAN, adam.lr])?;
            run.show(format!("forward model: step {step}, held-out loss {loss:.4}"));
            since += 1;
            if loss < best {
                (best, since) = (loss, 0);
                best_weights = inverter.forward.params().into_iter().cloned().collect();
            }
        }
    }

    // The best weights are kept.
    for (param, value) in inverter.forward.params_mut().into_iter().zip(best_weights) {
        *param = value;
    }
    say(format_args!("forward model: {step} steps, held-out loss {best:.4}"));
    Ok(())
}

fn inputs(rows: &[&ScoredPair]) -> Tensor {
    let size = rows.first().map_or(0, |r| r.latent.len());
    Tensor::new([rows.len(), 1, 1, size], rows.iter().flat_map(|r| r.latent.iter().copied()).collect())
}

/// Half the weighted mean squared error, and its gradient.
fn loss(weights: &[f32], output: &Tensor, rows: &[&ScoredPair]) -> (f32, Tensor) {
    let mut d = Tensor::zeros(output.shape);
    let (mut value, n) = (0.0, rows.len() as f32);
    for ((row, y), d) in rows.iter().zip(output.rows()).zip(d.data.chunks_exact_mut(weights.len() + 1)) {
        for i in 0..=weights.len() {
            let weight = match weights.get(i) {
                Some(w) if row.has_face => *w,
                Some(_) => continue,
                None => QUALITY_WEIGHT,
            } / n;
            let error = y[i] - row.scores[i];
            value += 0.5 * weight * error * error;
            d[i] = weight * error;
        }
    }
    (value, d)
}

fn learn(inverter: &mut Inverter, adam: &mut Adam, rows: &[&ScoredPair]) {
    let tape = inverter.forward.forward_tape(&inputs(rows));
    let (_, d) = loss(inverter.weights(), tape.output(), rows);
    let net = &mut inverter.forward;
    let mut grads = grads_like(&net.params());
    net.backward_tape(&tape, &d, Some(&mut grads));
    adam.step(net.params_mut(), &grads);
    adam.decay(net.params_mut(), DECAY);
}

fn held_out_loss(inverter: &Inverter, rows: &[&ScoredPair]) -> f32 {
    loss(inverter.weights(), &inverter.forward.forward(&inputs(rows)), rows).0
}

/// The share of the variance that it explains: 1 - squared error / variance, over the numbers of each group that has any.
pub fn explained(inverter: &Inverter, rows: &[&ScoredPair]) -> Vec<(Group, f32)> {
    let output = inverter.forward.forward(&inputs(rows));
    let of = |group: Group| {
        let (mut error, mut variance) = (0.0f32, 0.0f32);
        for i in (0..inverter.order().len()).filter(|i| inverter.order()[*i].group() == group) {
            let mean = rows.iter().map(|r| r.scores[i]).sum::<f32>() / rows.len().max(1) as f32;
            for (row, y) in rows.iter().zip(output.rows()) {
                error += (row.scores[i] - y[i]).powi(2);
                variance += (row.scores[i] - mean).powi(2);
            }
        }
        (variance > 0.0).then_some((group, 1.0 - error / variance))
    };
    Group::ALL.into_iter().filter_map(of).collect()
}
