//! How good the age and gender net is on people whom it never saw, and how sure it may be.

use super::examples::Example;
use crate::faces::deform::Deformation;
use mirror::face::attributes::{AGE_BINS, AGE_STEP, CROP, Calibration, OUTPUTS, attributes_of, bin_age, logits};
use nn::Sequential;
use rayon::prelude::*;

/// The net's outputs for examples as they are, without any change.
pub(super) fn outputs_of(net: &Sequential, examples: &[Example]) -> Vec<[f32; OUTPUTS]> {
    let upright = Deformation::identity();
    examples.par_iter().map(|e| logits(net, &upright.sample(&e.patch, CROP, false))).collect()
}

/// Accuracy of the gender, women and men counting equally where both are there, and mean absolute error of the age, years; no numbers where
/// nobody's is known.
pub(super) fn held_out_figures(logits: &[[f32; OUTPUTS]], examples: &[Example]) -> (f32, f32) {
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
    let shares: Vec<f32> = right.iter().zip(seen).filter(|(_, seen)| *seen > 0.0).map(|(r, seen)| r / seen).collect();
    (shares.iter().sum::<f32>() / shares.len() as f32, off / aged)
}

/// The temperatures under which the held-out labels are likeliest; women and men count equally.
pub(super) fn calibrate(logits: &[[f32; OUTPUTS]], examples: &[Example]) -> Calibration {
    // Of how many each class is.
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
    let has = |label: fn(&Example) -> bool| examples.iter().any(label);
    let unknown = Calibration::default();
    Calibration {
        age_temperature: match has(|e| e.label.age.is_some()) {
            true => best_temperature(1.0, age_cost),
            false => unknown.age_temperature,
        },
        gender_temperature: match has(|e| e.label.female.is_some()) {
            true => best_temperature(0.5, gender_cost),
            false => unknown.gender_temperature,
        },
    }
}

/// The cheapest temperature from `least` to 4, in steps of 2 %.
fn best_temperature(least: f32, cost: impl Fn(f32) -> f32) -> f32 {
    let candidates = (0..).map(|i| least * 1.02f32.powi(i)).take_while(|t| *t < 4.0);
    candidates.map(|t| (t, cost(t))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |(t, _)| t)
}

#[cfg(test)]
mod tests {
    use super::super::labels::Label;
    use super::*;
    use crate::faces::deform::Patch;
    use frame::Image;

    fn patch() -> Patch {
        Patch { image: Image { width: 1, height: 1, data: vec![0; 3] }, points: Vec::new() }
    }

    #[test]
    fn of_whom_nothing_is_known_nothing_is_said() {
        let label = Label { age: None, female: None };
        let nobody = || Example { patch: patch(), turned: None, label, era: 0, dated: None };
        let (accuracy, error) = held_out_figures(&[[0.0; OUTPUTS]], &[nobody()]);
        assert!(accuracy.is_nan() && error.is_nan());
        assert_eq!(calibrate(&[[0.0; OUTPUTS]], &[nobody()]), Calibration::default());
        // Of women only, all of whom it knows.
        let woman = Example { label: Label { female: Some((1.0, 1.0)), ..label }, ..nobody() };
        let mut sure = [0.0; OUTPUTS];
        sure[AGE_BINS] = 3.0;
        assert_eq!(held_out_figures(&[sure], &[woman]).0, 1.0);
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
}
