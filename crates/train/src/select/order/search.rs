//! The mirror's protocol: which numbers of a face say most about what the generator drew, one after the other.
//!
//! Forward selection by orthogonal least squares (Chen, Cowan and Grant, "Orthogonal least squares learning algorithm" (1991)):
//! every step takes the candidate that, together with those before it, leaves the least squared error of a linear
//! prediction of the target. The products of candidates and targets are computed once; a step takes off them what the chosen one
//! explains, and costs one product with each candidate. Exact for this measure; the share that it explains is measured on samples that it did not learn from.

use crate::inverter::pairs::Pairs;
use crate::runs::bar;
use anyhow::Result;
use kernels::{MatRef, matmul};
use mirror::features::FeatureVector;
use mirror::features::greedy::{CANDIDATES, Number, candidates};
use rayon::prelude::*;
use serde::Serialize;

/// What the numbers shall predict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Where the face lies in the generator's space.
    Latent,
    /// What the generator draws, 16 x 16 pixels of it.
    #[default]
    Picture,
}

/// Every so manieth sample is not learned from.
const HELD_OUT: usize = 5;
/// A candidate of which the chosen ones leave less than this share of its variance says nothing new.
const NEW: f32 = 1e-2;
/// Standard deviations beyond which a value counts no more: one bad landmark shall not decide.
const CLIP: f32 = 4.0;

/// An order of numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// The first says most, each next one most beside those before it.
    #[serde(serialize_with = "names")]
    pub numbers: Vec<Number>,
    /// Share of the target's variance that a linear prediction from the first 1, 2, 3, ... numbers explains, on samples held out.
    pub explained: Vec<f32>,
}

fn names<S: serde::Serializer>(numbers: &[Number], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(Number::to_string))
}

/// The columns of one table that belong to samples of one kind: a column a number, standardised.
struct Columns {
    rows: usize,
    /// `[columns, rows]`.
    data: Vec<f32>,
}

impl Columns {
    fn at(&self, column: usize) -> &[f32] {
        &self.data[column * self.rows..(column + 1) * self.rows]
    }

    fn count(&self) -> usize {
        self.data.len() / self.rows.max(1)
    }

    /// The product of each column with a direction.
    fn along(&self, direction: &[f32]) -> Vec<f32> {
        (0..self.count()).into_par_iter().map(|c| dot(self.at(c), direction)).collect()
    }

    /// The product of each column with each of other ones, `[columns, columns of the others]`.
    fn products_with(&self, others: &Self) -> Vec<f32> {
        const BLOCK: usize = 64;
        let mut products = vec![0.0; self.count() * others.count()];
        let blocks = products.par_chunks_mut(BLOCK * others.count()).zip(self.data.par_chunks(BLOCK * self.rows));
        blocks.for_each(|(to, columns)| {
            let columns = MatRef::new(columns, columns.len() / self.rows, self.rows);
            matmul(to, columns, MatRef::new(&others.data, others.count(), others.rows).t(), false);
        });
        products
    }

    /// What a direction explains of each column is taken off it: column by column the product with `direction`.
    fn take_off(&mut self, direction: &[f32], products: &[f32]) {
        let columns = self.data.par_chunks_exact_mut(self.rows).zip(products);
        columns.for_each(|(column, p)| column.iter_mut().zip(direction).for_each(|(v, d)| *v -= p * d));
    }

    fn squares(&self) -> f32 {
        self.data.par_iter().map(|v| v * v).sum()
    }
}

/// Columns of a table, those to learn from and those held out, by the mean and deviation of the former. Constant columns are 0.
fn columns(count: usize, rows: &[Vec<f32>], deviations: bool) -> [Columns; 2] {
    let held = |i: usize| i.is_multiple_of(HELD_OUT);
    let split: [Vec<usize>; 2] = [false, true].map(|h| (0..rows.len()).filter(|i| held(*i) == h).collect());
    let standard: Vec<(f32, f32)> = (0..count)
        .into_par_iter()
        .map(|c| {
            let n = split[0].len() as f32;
            let mean = split[0].iter().map(|i| rows[*i][c]).sum::<f32>() / n;
            let variance = split[0].iter().map(|i| (rows[*i][c] - mean).powi(2)).sum::<f32>() / n;
            let scale = if variance > 1e-12 { variance.sqrt().recip() } else { 0.0 };
            (mean, if deviations { scale } else { 1.0 })
        })
        .collect();
    split.map(|chosen| {
        let column = |c: usize| {
            let (mean, scale) = standard[c];
            let value = move |i: &usize| ((rows[*i][c] - mean) * scale).clamp(-CLIP, CLIP);
            chosen.iter().map(value).collect::<Vec<f32>>()
        };
        let data: Vec<Vec<f32>> = (0..count).into_par_iter().map(column).collect();
        Columns { rows: chosen.len(), data: data.concat() }
    })
}

/// The order that the faces of pairs tell, with a progress bar; see [`search`].
///
/// # Errors
/// As [`search`].
pub fn of_pairs(pairs: &Pairs, target: Target, count: usize) -> Result<Order> {
    let of = |latent: &[f32], picture: &[f32]| match target {
        Target::Latent => latent.to_vec(),
        Target::Picture => picture.to_vec(),
    };
    let (features, targets): (Vec<_>, Vec<_>) =
        pairs.faces().map(|(f, latent, picture)| (f.clone(), of(latent, picture))).unzip();
    let bar = bar(count as u64, "numbers");
    let order = search(&features, &targets, target, count, |_| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(order)
}

/// The first `count` numbers, fewer if nothing more can be told apart; `seen` is called after each.
///
/// # Errors
/// If there are too few faces, or not as many targets as faces.
pub fn search(
    features: &[FeatureVector],
    targets: &[Vec<f32>],
    target: Target,
    count: usize,
    mut seen: impl FnMut(&Order),
) -> Result<Order> {
    anyhow::ensure!(features.len() == targets.len(), "{} faces, {} targets", features.len(), targets.len());
    anyhow::ensure!(features.len() >= 50, "only {} faces: too few to choose by", features.len());

    // Candidates and targets, standardised.
    let rows: Vec<Vec<f32>> = features.par_iter().map(candidates).collect();
    let [x, held_x] = columns(CANDIDATES, &rows, true);
    drop(rows);
    // Pixels differ by how much they vary, which matters; latents do not.
    let width = targets[0].len();
    let [y, mut held_y] = columns(width, targets, target == Target::Latent);
    let held_whole = held_y.squares();

    // Of each candidate, what the chosen ones leave of it: its square, and its products with the targets.
    let mut left: Vec<f32> = (0..x.count()).into_par_iter().map(|c| dot(x.at(c), x.at(c))).collect();
    let mut shared = x.products_with(&y);
    let least = NEW * x.rows as f32;

    let mut order = Order { numbers: Vec::new(), explained: Vec::new() };
    let mut chosen: Vec<Direction> = Vec::new();
    while order.numbers.len() < count {
        let Some(best) = best_candidate(&left, &shared, least) else { break };
        let own = Direction::of(best, left[best].sqrt(), &x, &held_x, &chosen);
        // All directions are at right angles, so that what is left of a column has the same product with one as the whole.
        let of_y = y.along(&own.learned);
        held_y.take_off(&own.held, &of_y);
        left.iter_mut().zip(&own.products).for_each(|(l, p)| *l -= p * p);
        left[best] = 0.0;
        shared.par_chunks_exact_mut(width).zip(&own.products).for_each(|(row, p)| {
            row.iter_mut().zip(&of_y).for_each(|(s, q)| *s -= p * q);
        });
        chosen.push(own);
        order.numbers.push(Number::at(best).expect("a candidate"));
        order.explained.push(1.0 - held_y.squares() / held_whole.max(f32::MIN_POSITIVE));
        seen(&order);
    }
    Ok(order)
}

/// What a chosen candidate adds to those before it, of length 1.
struct Direction {
    /// On the samples to learn from.
    learned: Vec<f32>,
    /// The same combination of columns on the others.
    held: Vec<f32>,
    /// Its product with each candidate.
    products: Vec<f32>,
}

impl Direction {
    fn of(candidate: usize, length: f32, x: &Columns, held_x: &Columns, before: &[Self]) -> Self {
        let mut learned = x.at(candidate).to_vec();
        let mut held = held_x.at(candidate).to_vec();
        for Self { learned: l, held: h, products } in before {
            learned.iter_mut().zip(l).for_each(|(v, d)| *v -= products[candidate] * d);
            held.iter_mut().zip(h).for_each(|(v, d)| *v -= products[candidate] * d);
        }
        learned.iter_mut().chain(&mut held).for_each(|v| *v /= length);
        let products = x.along(&learned);
        Self { learned, held, products }
    }
}

/// Which candidate takes most off the target's squares; the first of equals. `None` if nothing new is left.
fn best_candidate(left: &[f32], shared: &[f32], least: f32) -> Option<usize> {
    let rows = shared.par_chunks_exact(shared.len() / left.len()).zip(left);
    let gain = |(row, left): (&[f32], &f32)| {
        if *left > least { row.iter().map(|v| v * v).sum::<f32>() / left } else { -1.0 }
    };
    let gains: Vec<f32> = rows.map(gain).collect();
    let best = gains.iter().enumerate().fold(
        (None, 0.0),
        |best, (i, gain)| {
            if *gain > best.1 { (Some(i), *gain) } else { best }
        },
    );
    best.0
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums, as the columns are long.
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a8.zip(b8) {
        (0..8).for_each(|i| sums[i] += a[i] * b[i]);
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::FEATURES;
    use nn::Rng;

    /// Faces of noise, and a target of which three numbers say everything.
    fn world(count: usize) -> (Vec<FeatureVector>, Vec<Vec<f32>>) {
        let mut rng = Rng::new(3);
        let faces: Vec<FeatureVector> =
            (0..count).map(|_| FeatureVector::new(std::array::from_fn(|_| rng.normal())).unwrap()).collect();
        let of = |f: &FeatureVector, name: &str| name.parse::<Number>().unwrap().of(f);
        let target = |f: &FeatureVector| {
            vec![2.0 * of(f, "skin/l") + 0.3 * of(f, "48-54/x"), of(f, "skin/l") - 0.8 * of(f, "age"), 0.0]
        };
        let targets = faces.iter().map(target).collect();
        (faces, targets)
    }

    #[test]
    fn the_numbers_that_say_everything_come_first_by_what_they_say() {
        let (faces, targets) = world(400);
        let order = search(&faces, &targets, Target::Picture, 6, |_| {}).unwrap();
        let names: Vec<String> = order.numbers.iter().map(Number::to_string).collect();
        assert_eq!(names[..3], ["skin/l", "age", "48-54/x"]);
        assert!(order.explained.windows(2).take(2).all(|w| w[1] > w[0]), "{:?}", order.explained);
        // All but what is clipped.
        assert!(order.explained[2] > 0.99, "{:?}", order.explained);
    }

    #[test]
    fn each_step_leaves_the_least_error_of_all_candidates() {
        // Against the definition: least squares on all pairs that contain the first number.
        let (faces, targets) = world(120);
        let order = search(&faces, &targets, Target::Latent, 2, |_| {}).unwrap();
        let rows: Vec<Vec<f32>> = faces.iter().map(candidates).collect();
        let [x, _] = columns(CANDIDATES, &rows, true);
        let [y, _] = columns(3, &targets, true);
        let first = (0..CANDIDATES).find(|c| Number::at(*c) == Some(order.numbers[0])).unwrap();
        let error_with = |c: usize| -> f64 {
            // Normal equations of two columns, in double precision.
            let d = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            let (a, b) = (x.at(first), x.at(c));
            let (aa, ab, bb) = (d(a, a), d(a, b), d(b, b));
            let determinant = aa * bb - ab * ab;
            (0..3)
                .map(|t| {
                    let (ay, by, yy) = (d(a, y.at(t)), d(b, y.at(t)), d(y.at(t), y.at(t)));
                    let (ca, cb) = ((ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant);
                    yy - ca * ay - cb * by
                })
                .sum()
        };
        let second = (0..CANDIDATES).find(|c| Number::at(*c) == Some(order.numbers[1])).unwrap();
        let least = (0..CANDIDATES).filter(|c| *c != first).map(error_with).fold(f64::INFINITY, f64::min);
        assert!(error_with(second) <= least * (1.0 + 1e-4), "{} against {least}", error_with(second));
    }

    #[test]
    fn too_few_faces_are_an_error_and_nothing_new_ends_the_search() {
        let (faces, targets) = world(20);
        assert!(search(&faces, &targets, Target::Latent, 3, |_| {}).is_err());
        let same = vec![FeatureVector::new([1.0; FEATURES]).unwrap(); 60];
        let targets: Vec<Vec<f32>> = (0..60).map(|i| vec![i as f32]).collect();
        assert!(search(&same, &targets, Target::Latent, 3, |_| {}).unwrap().numbers.is_empty());
    }
}
