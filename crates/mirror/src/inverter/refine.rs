//! Gradient steps on the forward model, from what the inverter's net answers.

use super::input::InverterInput;
use super::model::Inverter;
use crate::latent::onto_sphere;
use nn::Tensor;

/// How much a badly visible face weighs against a feature that is missed.
const QUALITY_WEIGHT: f32 = 0.2;
/// First step, radians.
const FIRST_STEP: f32 = 0.1;
/// Longest step, radians.
const LONGEST_STEP: f32 = 0.3;
/// By how much a step is longer than one that helped, or shorter than one that did not: bold steps that are soon given up.
const LONGER: f32 = 1.3;
const SHORTER: f32 = 0.4;

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

    /// Walks along great circles down the misfit; never ends higher than it began.
    pub fn refine(&self, mut latent: Vec<f32>, input: &InverterInput, steps: usize) -> Vec<f32> {
        if steps == 0 {
            return latent;
        }
        let mut angle = FIRST_STEP;
        let (mut value, mut gradient) = self.misfit(&latent, input);
        for _ in 0..steps {
            // The gradient along the sphere, downwards.
            let n = latent.len() as f32;
            let along = latent.iter().zip(&gradient).map(|(l, g)| l * g).sum::<f32>() / n;
            let mut down: Vec<f32> = latent.iter().zip(&gradient).map(|(l, g)| along * l - g).collect();
            onto_sphere(&mut down);

            // A step in its direction; a longer one after it if it helped, else a shorter one from where it began.
            let (sin, cos) = angle.sin_cos();
            let mut next: Vec<f32> = latent.iter().zip(&down).map(|(l, d)| cos * l + sin * d).collect();
            onto_sphere(&mut next);
            let (next_value, next_gradient) = self.misfit(&next, input);
            if next_value < value {
                (latent, value, gradient) = (next, next_value, next_gradient);
                angle = (LONGER * angle).min(LONGEST_STEP);
            } else {
                angle *= SHORTER;
            }
        }
        latent
    }
}
