//! How far faces of one person lie from each other, and how near to everybody else's.

use mirror::face::likeness::LIKENESS;
use nn::Tensor;

/// The cosines are divided by this: the lower, the more the nearest strangers count.
const TEMPERATURE: f32 = 0.12;

/// The supervised contrastive loss (Khosla et al., NeurIPS 2020, equation 2: the sum over positives outside the logarithm) of the
/// directions of a batch's outputs, mean over those who are not alone; and its gradient. Rows of the same number in `people` show the same person.
pub(super) fn contrastive(output: &Tensor, people: &[usize]) -> (f32, Tensor) {
    let n = people.len();
    let lengths: Vec<f32> = output.rows().map(|y| y.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6)).collect();
    let units: Vec<[f32; LIKENESS]> =
        output.rows().zip(&lengths).map(|(y, length)| std::array::from_fn(|i| y[i] / length)).collect();
    let cosine = |i: usize, j: usize| units[i].iter().zip(&units[j]).map(|(a, b)| a * b).sum::<f32>();
    let is_mate = |i: usize, j: usize| j != i && people[j] == people[i];
    let mates: Vec<usize> = (0..n).map(|i| (0..n).filter(|j| is_mate(i, *j)).count()).collect();
    let scale = 1.0 / mates.iter().filter(|m| **m > 0).count().max(1) as f32;

    let mut value = 0.0;
    // By the cosines.
    let mut slopes = vec![0.0; n * n];
    for i in (0..n).filter(|i| mates[*i] > 0) {
        let logits: Vec<f32> =
            (0..n).map(|j| if j == i { f32::NEG_INFINITY } else { cosine(i, j) / TEMPERATURE }).collect();
        let target: Vec<f32> = (0..n).map(|j| if is_mate(i, j) { 1.0 / mates[i] as f32 } else { 0.0 }).collect();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|l| (l - largest).exp()).sum();
        for j in (0..n).filter(|j| *j != i) {
            let log_p = logits[j] - largest - sum.ln();
            value -= scale * target[j] * log_p;
            slopes[i * n + j] = scale * (log_p.exp() - target[j]) / TEMPERATURE;
        }
    }

    let mut gradient = Tensor::zeros(output.shape);
    for (i, g) in gradient.data.chunks_exact_mut(LIKENESS).enumerate() {
        let mut by_unit = [0.0; LIKENESS];
        for j in 0..n {
            let slope = slopes[i * n + j] + slopes[j * n + i];
            by_unit.iter_mut().zip(&units[j]).for_each(|(g, u)| *g += slope * u);
        }
        // Only what turns the output matters, not what makes it longer.
        let along: f32 = by_unit.iter().zip(&units[i]).map(|(g, u)| g * u).sum();
        g.iter_mut().zip(by_unit).zip(&units[i]).for_each(|((g, by), u)| *g = (by - along * u) / lengths[i]);
    }
    (value, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    fn outputs(n: usize, rng: &mut Rng) -> Tensor {
        Tensor::new([n, 1, 1, LIKENESS], rng.normals(n * LIKENESS))
    }

    #[test]
    fn the_gradient_equals_finite_differences() {
        // Three of one person, two of another, one alone.
        let (people, mut rng) = ([4, 7, 4, 9, 7, 4], Rng::new(3));
        let output = outputs(people.len(), &mut rng);
        let (_, gradient) = contrastive(&output, &people);
        for i in 0..output.data.len() {
            let at = |d: f32| {
                let mut moved = output.clone();
                moved.data[i] += d;
                contrastive(&moved, &people).0
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            assert!((slope - gradient.data[i]).abs() < 5e-3, "{i}: {slope} against {}", gradient.data[i]);
        }
    }

    #[test]
    fn people_who_look_like_themselves_and_nobody_else_cost_nothing() {
        let axis = |i: usize| (0..LIKENESS).map(move |j| f32::from(u8::from(i == j)));
        let rows = |axes: [usize; 4]| Tensor::new([4, 1, 1, LIKENESS], axes.into_iter().flat_map(axis).collect());
        let apart = contrastive(&rows([0, 0, 1, 1]), &[0, 0, 1, 1]).0;
        let mixed = contrastive(&rows([0, 1, 0, 1]), &[0, 0, 1, 1]).0;
        assert!(apart < 0.01 && mixed > 5.0, "{apart} and {mixed}");
    }

    #[test]
    fn a_batch_in_which_everybody_is_alone_teaches_nothing() {
        let (value, gradient) = contrastive(&outputs(3, &mut Rng::new(1)), &[1, 2, 3]);
        assert!(value == 0.0 && gradient.data.iter().all(|g| *g == 0.0));
    }
}
