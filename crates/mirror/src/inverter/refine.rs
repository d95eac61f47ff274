//! Gradient steps on the forward model, from what the inverter's net answers.

use super::input::InverterInput;
use super::model::{Inverter, Population};
use super::quantiles::LIMIT;
use crate::features::FeatureVector;
use crate::latent::{Latent, onto_sphere};
use nn::{Layer, Tensor};

/// How much a badly visible face weighs against a feature that is missed.
const QUALITY_WEIGHT: f32 = 0.2;
/// Radians of a step for one of slope. Where F bends most along its gradient, the lowest point lies at 0.004 to 0.02.
const RATE: f32 = 0.002;
/// Longest step, radians.
const LONGEST_STEP: f32 = 0.05;
/// Steps after each look at what came.
const STEPS_A_LOOK: usize = 8;
/// The largest error of F that is believed, and the largest score that is asked for: what cannot come at all must not push all else away.
const MOST_ERROR: f32 = 2.0;
const FARTHEST: f32 = LIMIT + 0.8;

impl Inverter {
    /// Half the weighted squared difference of F's scores from those asked for, plus a penalty for a face that can
    /// hardly be seen; and its gradient.
    pub fn misfit(&self, latent: &[f32], input: &InverterInput) -> (f32, Vec<f32>) {
        let tape = self.forward.forward_tape(&Tensor::new([1, 1, 1, latent.len()], latent.to_vec()));
        let mut d = Tensor::zeros(tape.output().shape);
        let value = self.misfit_of_scores(&tape.output().data, input, &mut d.data);
        (value, self.forward.backward_tape(&tape, &d, None).data)
    }

    /// See [`Inverter::misfit`]; `predicted` is a row of F's output. Adds the gradient to `d`.
    pub fn misfit_of_scores(&self, predicted: &[f32], input: &InverterInput, d: &mut [f32]) -> f32 {
        let mut value = 0.0;
        for (i, weight) in self.weights.iter().enumerate().filter(|(i, _)| input.given[*i]) {
            let error = predicted[i] - input.scores[i];
            value += 0.5 * weight * error * error;
            d[i] += weight * error;
        }
        let quality = self.weights.len();
        let lacking = (self.config().quality_target - predicted[quality]).max(0.0);
        d[quality] -= QUALITY_WEIGHT * lacking;
        value + 0.5 * QUALITY_WEIGHT * lacking * lacking
    }

    /// Walks along great circles down the misfit. The steps are short and never taken back: what comes out changes smoothly with what goes in,
    /// and little. With steps as long as they could be, a difference of 0.01 of 255 between the pictures of two instruction sets became one of
    /// 0.2 at the next look at them, of 1.3 at the one after.
    pub fn refine(&self, mut latent: Vec<f32>, input: &InverterInput, steps: usize) -> Vec<f32> {
        for _ in 0..steps {
            let (_, gradient) = self.misfit(&latent, input);

            // The gradient along the sphere, downwards.
            let n = latent.len() as f32;
            let along = latent.iter().zip(&gradient).map(|(l, g)| l * g).sum::<f32>() / n;
            let mut down: Vec<f32> = latent.iter().zip(&gradient).map(|(l, g)| along * l - g).collect();
            let slope = (n * down.iter().map(|d| d * d).sum::<f32>()).sqrt();
            onto_sphere(&mut down);

            let angle = LONGEST_STEP * (RATE * slope / LONGEST_STEP).tanh();
            let (sin, cos) = angle.sin_cos();
            latent = latent.iter().zip(&down).map(|(l, d)| cos * l + sin * d).collect();
            onto_sphere(&mut latent);
        }
        latent
    }

    /// By how much a picture in which the eyes found `came` misses what is wanted, as [`Inverter::misfit`] counts it.
    pub fn missed(&self, came: &FeatureVector, wanted: &InverterInput) -> f32 {
        let mut scores = self.number_scores(came, Population::Samples);
        scores.push(self.config().quality_target);
        let mut unused = vec![0.0; scores.len()];
        self.misfit_of_scores(&scores, wanted, &mut unused)
    }

    /// The latent that brings what is wanted nearer than this one, in whose picture the eyes found `came`: what F predicts too much or too
    /// little here it predicts as wrongly nearby. So it is asked for that much less or more.
    pub fn improve(&self, latent: &Latent, came: &FeatureVector, wanted: &InverterInput) -> Latent {
        let came = self.number_scores(came, Population::Samples);
        let predicted = self.forward.forward(&Tensor::new([1, 1, 1, latent.len()], latent.as_slice().to_vec())).data;
        let ask = |((wanted, came), predicted): ((&f32, f32), f32)| {
            (wanted + (predicted - came).clamp(-MOST_ERROR, MOST_ERROR)).clamp(-FARTHEST, FARTHEST)
        };
        let asked = wanted.scores.iter().zip(came).zip(predicted).map(ask).collect();
        let asked = InverterInput::new(asked, wanted.given.clone());
        Latent::new(self.refine(latent.as_slice().to_vec(), &asked, STEPS_A_LOOK))
    }
}
