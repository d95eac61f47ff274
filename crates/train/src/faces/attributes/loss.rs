//! How wrong the net's word on ages and genders is.

use super::labels::{Label, PriorShift};
use frame::Image;
use mirror::face::attributes::{AGE_BINS, AGE_STEP, OUTPUTS, bin_age};
use nn::Tensor;

/// Labels of gender are this far from 0 and 1.
const GENDER_SMOOTHING: f32 = 0.06;

/// Weight of the error of the expected age, in cross-entropies a year.
const AGE_MEAN_WEIGHT: f32 = 0.06;

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

/// Mean loss of a batch, and its gradient.
pub(super) fn loss(output: &Tensor, shift: &PriorShift, samples: &[(Image, Label)]) -> (f32, Tensor) {
    let scale = 1.0 / samples.len().max(1) as f32;
    let mut gradient = Tensor::zeros(output.shape);
    let mut value = 0.0;
    for ((row, (_, label)), g) in output.rows().zip(samples).zip(gradient.data.chunks_exact_mut(OUTPUTS)) {
        value += scale * loss_of(row, shift, label, g);
        g.iter_mut().for_each(|g| *g *= scale);
    }
    (value, gradient)
}

#[cfg(test)]
mod tests {
    use super::super::labels::AgeLabel;
    use super::*;
    use nn::Rng;

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
}
