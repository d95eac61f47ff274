//! The paper's search: sequential forward selection of spatial features that tell expressions apart.

use super::expressions::Expressions;
use super::nu_svc::{self, Block, Infeasible, LANES, Machine, Work};
use crate::progress::bar;
use indicatif::ProgressBar as Progress;
use nn::Rng;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// How the machines are trained.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Share of samples that may lie within the margin.
    pub nu: f64,
    /// How far from optimal they may end.
    pub tolerance: f32,
}

impl Default for Rules {
    /// The paper's nu, LIBSVM's tolerance.
    fn default() -> Self {
        Self { nu: 0.1, tolerance: 1e-3 }
    }
}

/// Samples to learn from, by class, and samples to judge by. A sample is scaled to unit norm over the selected features.
pub struct Problem {
    rules: Rules,
    classes: Vec<Block>,
    /// Columns of the training samples, filled-up ones included.
    columns: usize,
    /// Class of each sample that judges.
    truth: Vec<usize>,
    /// Of each feature the training samples' values (0 in columns that are filled up), then the others'.
    features: Vec<Vec<f32>>,
}

/// The features chosen so far: products of all samples with the training samples, before any scaling to unit norm.
struct Chosen {
    /// A row a sample that is learned from, at its column, then a row a sample that judges.
    products: Vec<f32>,
    /// Squared norms, rows as above.
    norms: Vec<f32>,
    count: usize,
}

/// What one thread needs to judge a candidate.
#[derive(Default)]
struct Desk {
    kernels: Vec<f32>,
    row: Vec<f32>,
    factors: Vec<f32>,
    work: Work,
    machines: Vec<Machine>,
}

impl Problem {
    /// Of `values[feature][sample]`, labels 0.. of the samples, and which of them to learn from.
    ///
    /// # Errors
    /// If a pair of classes has no machine, with as many samples to learn from.
    pub fn new(
        values: &[Vec<f32>],
        labels: &[usize],
        classes: usize,
        learn: &[bool],
        rules: Rules,
    ) -> Result<Self, Infeasible> {
        let mut counts = vec![0; classes];
        for (label, _) in labels.iter().zip(learn).filter(|(_, learn)| **learn) {
            counts[*label] += 1;
        }
        nu_svc::check(rules.nu, &counts)?;
        let blocks = nu_svc::layout(&counts);
        let columns = blocks.iter().map(|b| b.padded()).sum();
        let mut next: Vec<usize> = blocks.iter().map(|b| b.start).collect();
        let (mut places, mut truth) = (Vec::new(), Vec::new());
        for (label, learn) in labels.iter().zip(learn) {
            if *learn {
                places.push(next[*label]);
                next[*label] += 1;
            } else {
                places.push(columns + truth.len());
                truth.push(*label);
            }
        }
        let arrange = |values: &Vec<f32>| {
            let mut all = vec![0.0; columns + truth.len()];
            values.iter().zip(&places).for_each(|(v, place)| all[*place] = *v);
            all
        };
        Ok(Self { rules, classes: blocks, columns, features: values.iter().map(arrange).collect(), truth })
    }

    fn chosen(&self, features: &[usize]) -> Chosen {
        let rows = self.columns + self.truth.len();
        let (mut products, mut norms) = (vec![0.0; rows * self.columns], vec![0.0; rows]);
        for values in features.iter().map(|f| &self.features[*f]) {
            for (row, v) in products.chunks_exact_mut(self.columns).zip(values) {
                row.iter_mut().zip(values).for_each(|(p, w)| *p += v * w);
            }
            norms.iter_mut().zip(values).for_each(|(n, v)| *n += v * v);
        }
        Chosen { products, norms, count: features.len() }
    }

    /// The machines with one more feature: how many samples of each class they call each class, `[truth][called]`.
    fn judge(&self, chosen: &Chosen, feature: usize, desk: &mut Desk) -> Vec<Vec<usize>> {
        pulp::Arch::new().dispatch(Judge { problem: self, chosen, feature, desk })
    }

    /// Fills `desk.machines`.
    #[inline(always)]
    fn train(&self, chosen: &Chosen, feature: usize, desk: &mut Desk) {
        let values = &self.features[feature];
        desk.factors.clear();
        desk.factors.extend(chosen.norms.iter().zip(values).map(|(n, v)| {
            let square = n + v * v;
            if square > 0.0 { square.sqrt().recip() } else { 0.0 }
        }));
        desk.kernels.resize(self.columns * self.columns, 0.0);
        for block in &self.classes {
            for i in block.start..block.start + block.count {
                let row = &mut desk.kernels[i * self.columns..(i + 1) * self.columns];
                self.kernels(chosen, values, &desk.factors, i, row);
            }
        }
        let n = self.classes.len();
        desk.machines.resize_with(n * (n - 1) / 2, Machine::default);
        for (machine, (a, b)) in desk.machines.iter_mut().zip(nu_svc::pairs(n)) {
            let classes = [self.classes[a], self.classes[b]];
            let rules = (self.rules.nu, self.rules.tolerance);
            nu_svc::solve(&desk.kernels, self.columns, classes, rules, &mut desk.work, machine);
        }
    }

    /// Every pair's decision for sample `i` of those that judge.
    #[inline(always)]
    fn decide(
        &self,
        chosen: &Chosen,
        feature: usize,
        i: usize,
        desk: &mut Desk,
        take: &mut impl FnMut((usize, usize), f32),
    ) {
        desk.row.resize(self.columns, 0.0);
        self.kernels(chosen, &self.features[feature], &desk.factors, self.columns + i, &mut desk.row);
        for (machine, (a, b)) in desk.machines.iter().zip(nu_svc::pairs(self.classes.len())) {
            take((a, b), machine.decide(&desk.row, [self.classes[a], self.classes[b]]));
        }
    }

    /// The kernels of row `i` with all training samples, gamma one over the number of features.
    #[inline(always)]
    fn kernels(&self, chosen: &Chosen, values: &[f32], factors: &[f32], i: usize, row: &mut [f32]) {
        let products = &chosen.products[i * self.columns..(i + 1) * self.columns];
        let (v, f, gamma) = (values[i], factors[i], 1.0 / (chosen.count + 1) as f32);
        let own = if f > 0.0 { 1.0f32 } else { 0.0 };
        let columns = products.as_chunks::<LANES>().0.iter();
        let columns = columns.zip(values.as_chunks::<LANES>().0).zip(factors.as_chunks::<LANES>().0);
        for (out, ((p, w), g)) in row.as_chunks_mut::<LANES>().0.iter_mut().zip(columns) {
            for l in 0..LANES {
                // Vectors of length 1, or 0 where nothing moves.
                let other = if g[l] > 0.0 { 1.0 } else { 0.0 };
                let apart = own + other - 2.0 * (p[l] + v * w[l]) * f * g[l];
                let apart = if apart > 0.0 { apart } else { 0.0 };
                out[l] = nu_svc::exp(-gamma * apart);
            }
        }
    }

    /// Mean over the classes of the share that is recognised.
    fn score(&self, chosen: &Chosen, feature: usize, desk: &mut Desk) -> f64 {
        mean_class_accuracy(&self.judge(chosen, feature, desk))
    }

    /// The best of some features to add to the chosen ones, of which `first` is the first: among equals the first.
    fn best_of(&self, chosen: &Chosen, first: usize, more: &[usize], progress: &Progress, desk: &mut Desk) -> Best {
        let mut best = Best::NONE;
        for feature in more {
            let score = self.score(chosen, *feature, desk);
            best = best.or(Best { score, first, second: *feature });
        }
        progress.inc(more.len() as u64);
        best
    }
}

/// [`Problem::judge`] for the best instruction set. What it calls must be inlined.
struct Judge<'a> {
    problem: &'a Problem,
    chosen: &'a Chosen,
    feature: usize,
    desk: &'a mut Desk,
}

impl pulp::NullaryFnOnce for Judge<'_> {
    type Output = Vec<Vec<usize>>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { problem, chosen, feature, desk } = self;
        let classes = problem.classes.len();
        problem.train(chosen, feature, desk);
        let (mut confusion, mut votes) = (vec![vec![0; classes]; classes], vec![0; classes]);
        for (i, truth) in problem.truth.iter().enumerate() {
            problem.decide(chosen, feature, i, desk, &mut |(a, b), decision| {
                votes[if decision > 0.0 { a } else { b }] += 1;
            });
            // The first of those with most votes, as LIBSVM.
            let called = (0..classes).rev().max_by_key(|c| votes[*c]).expect("there are classes");
            confusion[*truth][called] += 1;
            votes.fill(0);
        }
        confusion
    }
}

/// The best candidate so far.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Best {
    score: f64,
    first: usize,
    second: usize,
}

impl Best {
    const NONE: Self = Self { score: f64::NEG_INFINITY, first: usize::MAX, second: usize::MAX };

    /// The better, or the earlier of two equally good ones: so threads may work in any order.
    fn or(self, other: Self) -> Self {
        let place = |b: &Self| (b.first, b.second);
        let other_wins = other.score > self.score || (other.score == self.score && place(&other) < place(&self));
        if other_wins { other } else { self }
    }
}

/// What the search found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Selection {
    /// In the order of their choice; the first two were chosen together.
    pub features: Vec<usize>,
    /// Mean accuracy over the classes with the first two, three, ... features.
    pub scores: Vec<f64>,
    /// Candidates that were judged.
    pub candidates: u64,
    /// Pairs that were not: 0 where the search was exact.
    pub pairs_left_out: u64,
}

/// Chooses features until no further one gains: first a pair, then one by one. With `pairs`, the first two are the best of so many
/// random pairs only, which may miss the best.
pub fn search(problem: &Problem, pairs: Option<u64>, seed: u64) -> Selection {
    let n = problem.features.len();
    let all = (n * (n - 1) / 2) as u64;
    // For every first feature the second ones to try.
    let mut seconds: Vec<Vec<usize>> = (0..n).map(|a| (a + 1..n).collect()).collect();
    if let Some(pairs) = pairs.filter(|p| *p < all) {
        let mut rng = Rng::new(seed);
        let mut drawn = BTreeSet::new();
        while (drawn.len() as u64) < pairs {
            let (a, b) = (rng.below(n), rng.below(n));
            if a != b {
                drawn.insert((a.min(b), a.max(b)));
            }
        }
        seconds.iter_mut().for_each(Vec::clear);
        drawn.into_iter().for_each(|(a, b)| seconds[a].push(b));
    }
    let tried: u64 = seconds.iter().map(|s| s.len() as u64).sum();
    let progress = bar(tried, "pairs");
    let firsts: Vec<usize> = (0..n).filter(|a| !seconds[*a].is_empty()).collect();
    let best = (firsts.par_iter().with_max_len(1))
        .map_init(Desk::default, |desk, a| problem.best_of(&problem.chosen(&[*a]), *a, &seconds[*a], &progress, desk))
        .reduce(|| Best::NONE, Best::or);
    progress.finish_and_clear();
    let mut found = Selection {
        features: vec![best.first, best.second],
        scores: vec![best.score],
        candidates: tried,
        pairs_left_out: all - tried,
    };
    loop {
        let left: Vec<usize> = (0..n).filter(|f| !found.features.contains(f)).collect();
        let progress = bar(left.len() as u64, "one more");
        let (chosen, first) = (problem.chosen(&found.features), found.features[0]);
        let best = (left.par_chunks(64))
            .map_init(Desk::default, |desk, more| problem.best_of(&chosen, first, more, &progress, desk))
            .reduce(|| Best::NONE, Best::or);
        progress.finish_and_clear();
        found.candidates += left.len() as u64;
        if best.score <= *found.scores.last().expect("a pair's score") {
            return found;
        }
        found.features.push(best.second);
        found.scores.push(best.score);
    }
}

/// Whom to learn from: of each class a share of the samples, by chance.
pub fn split(labels: &[usize], classes: usize, share: f64, rng: &mut Rng) -> Vec<bool> {
    let mut learn = vec![false; labels.len()];
    for class in 0..classes {
        let mut members: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] == class).collect();
        rng.shuffle(&mut members);
        let count = (members.len() as f64 * share).round() as usize;
        members[..count].iter().for_each(|i| learn[*i] = true);
    }
    learn
}

/// How often each class is called each class, `[truth][called]`, when every subject is judged by machines that learned from all others.
///
/// # Errors
/// If without some subject a pair of classes has no machine.
pub fn leave_one_subject_out(
    expressions: &Expressions,
    features: &[usize],
    rules: Rules,
) -> Result<Vec<Vec<usize>>, Infeasible> {
    let values = expressions.values(features);
    let (labels, classes) = (expressions.labels(), expressions.classes().len());
    let subjects: BTreeSet<&str> = expressions.sequences.iter().map(|s| s.subject.as_str()).collect();
    let subjects: Vec<&str> = subjects.into_iter().collect();
    let judged = subjects.par_iter().map_init(Desk::default, |desk, subject| {
        let learn: Vec<bool> = expressions.sequences.iter().map(|s| s.subject != **subject).collect();
        let problem = Problem::new(&values, &labels, classes, &learn, rules)?;
        let but_last: Vec<usize> = (0..features.len() - 1).collect();
        Ok(problem.judge(&problem.chosen(&but_last), features.len() - 1, desk))
    });
    let mut sum = vec![vec![0; classes]; classes];
    for confusion in judged.collect::<Result<Vec<_>, _>>()? {
        let cells = sum.iter_mut().flatten().zip(confusion.into_iter().flatten());
        cells.for_each(|(s, c)| *s += c);
    }
    Ok(sum)
}

/// Mean over the classes of the share that is called by its name; classes that nobody belongs to do not count.
pub fn mean_class_accuracy(confusion: &[Vec<usize>]) -> f64 {
    let rows = confusion.iter().enumerate().filter_map(|(c, row)| {
        let all: usize = row.iter().sum();
        (all > 0).then(|| row[c] as f64 / all as f64)
    });
    let shares: Vec<f64> = rows.collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::spatial::CANDIDATES;

    fn golden() -> serde_json::Value {
        let text = include_str!("../../../../testdata/nu_svc.json");
        serde_json::from_str(text).unwrap()
    }

    fn rows(value: &serde_json::Value) -> Vec<Vec<f32>> {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn decisions_equal_those_of_scikit_learn() {
        for case in golden()["cases"].as_array().unwrap() {
            let values = rows(&case["values"]);
            let labels: Vec<usize> = serde_json::from_value(case["labels"].clone()).unwrap();
            let learn: Vec<bool> = serde_json::from_value(case["learn"].clone()).unwrap();
            let want = rows(&case["decisions"]);
            let classes = labels.iter().max().unwrap() + 1;
            let rules = Rules { nu: case["nu"].as_f64().unwrap(), tolerance: 1e-5 };
            let problem = Problem::new(&values, &labels, classes, &learn, rules).unwrap();
            let but_last: Vec<usize> = (0..values.len() - 1).collect();
            let (chosen, last, mut desk) = (problem.chosen(&but_last), values.len() - 1, Desk::default());
            problem.train(&chosen, last, &mut desk);
            let largest = want.iter().flatten().fold(1.0f32, |m, v| m.max(v.abs()));
            for (i, want) in want.iter().enumerate() {
                let mut got = Vec::new();
                problem.decide(&chosen, last, i, &mut desk, &mut |_, decision| got.push(decision));
                for (g, w) in got.iter().zip(want) {
                    assert!((g - w).abs() < 1e-3 * largest, "sample {i}: {g} and {w}");
                }
            }
        }
    }

    #[test]
    fn the_search_finds_what_trying_all_finds() {
        let expressions = Expressions::synthetic(3);
        let few: Vec<usize> = (0..CANDIDATES).step_by(311).collect();
        let (values, labels) = (expressions.values(&few), expressions.labels());
        let learn = split(&labels, 7, 0.6, &mut Rng::new(1));
        let problem = Problem::new(&values, &labels, 7, &learn, Rules::default()).unwrap();
        let found = search(&problem, None, 0);
        let mut desk = Desk::default();
        let mut best = (f64::NEG_INFINITY, 0, 0);
        for a in 0..few.len() {
            for b in a + 1..few.len() {
                let score = problem.score(&problem.chosen(&[a]), b, &mut desk);
                if score > best.0 {
                    best = (score, a, b);
                }
            }
        }
        assert_eq!((found.scores[0], found.features[0], found.features[1]), best);
        assert!(found.scores.windows(2).all(|w| w[1] > w[0]) && found.pairs_left_out == 0);
        let sampled = search(&problem, Some(20), 0);
        assert_eq!(sampled.pairs_left_out, (few.len() * (few.len() - 1) / 2) as u64 - 20);
        assert!(sampled.scores[0] <= found.scores[0]);
    }

    #[test]
    fn splits_keep_the_frequencies() {
        let labels = Expressions::synthetic(1).labels();
        let learn = split(&labels, 7, 0.6, &mut Rng::new(5));
        for (class, all) in [45, 18, 59, 25, 69, 28, 83].into_iter().enumerate() {
            let count = labels.iter().zip(&learn).filter(|(l, learn)| **l == class && **learn).count();
            assert_eq!(count, (f64::from(all) * 0.6).round() as usize);
        }
    }
}
