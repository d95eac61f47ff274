//! Sequential forward selection: the best pair of features, then one more at a time.

use super::problem::{Problem, Workspace};
use crate::runs::bar;
use nn::Rng;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// A candidate and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    score: f64,
    first: usize,
    added: usize,
}

impl Candidate {
    /// What every candidate beats that scores more.
    fn to_beat(score: f64) -> Self {
        Self { score, first: 0, added: 0 }
    }

    /// Whether it is better, or the earlier of two equally good ones: so threads may work in any order.
    fn beats(&self, other: &Self) -> bool {
        let place = |b: &Self| (b.first, b.added);
        self.score > other.score || (self.score == other.score && place(self) < place(other))
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
    let mut found = best_pair(problem, pairs, seed);
    loop {
        let so_far = *found.scores.last().expect("a pair's score");
        let left: Vec<usize> = (0..problem.features.len()).filter(|f| !found.features.contains(f)).collect();
        let best = best_addition(problem, &found.features, &left, so_far);
        found.candidates += left.len() as u64;
        if best.score <= so_far {
            return found;
        }
        found.features.push(best.added);
        found.scores.push(best.score);
    }
}

/// The best pair of features, of all or of so many random ones.
fn best_pair(problem: &Problem, pairs: Option<u64>, seed: u64) -> Selection {
    let n = problem.features.len();
    let all = (n * (n - 1) / 2) as u64;
    let seconds = match pairs.filter(|p| *p < all) {
        Some(pairs) => random_pairs(n, pairs, &mut Rng::new(seed)),
        None => (0..n).map(|a| (a + 1..n).collect()).collect(),
    };
    let tried: u64 = seconds.iter().map(|s| s.len() as u64).sum();
    let firsts: Vec<usize> = (0..n).filter(|a| !seconds[*a].is_empty()).collect();

    let progress = bar(tried, "pairs");
    let leader = Mutex::new(Candidate::to_beat(f64::NEG_INFINITY));
    firsts.par_iter().with_max_len(1).for_each_init(Workspace::default, |space, a| {
        challenge(problem, &[*a], &seconds[*a], &leader, space);
        progress.inc(seconds[*a].len() as u64);
    });
    progress.finish_and_clear();

    let best = leader.into_inner().expect("no thread panics here");
    Selection {
        features: vec![best.first, best.added],
        scores: vec![best.score],
        candidates: tried,
        pairs_left_out: all - tried,
    }
}

/// Different pairs of `n` features: for every first one the second ones to try.
fn random_pairs(n: usize, pairs: u64, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut drawn = BTreeSet::new();
    while (drawn.len() as u64) < pairs {
        let (a, b) = (rng.below(n), rng.below(n));
        if a != b {
            drawn.insert((a.min(b), a.max(b)));
        }
    }
    let mut seconds = vec![Vec::new(); n];
    drawn.into_iter().for_each(|(a, b)| seconds[a].push(b));
    seconds
}

/// The feature among some that gains most beside the chosen ones, if one scores more than `so_far`.
fn best_addition(problem: &Problem, chosen: &[usize], left: &[usize], so_far: f64) -> Candidate {
    let progress = bar(left.len() as u64, "one more");
    let leader = Mutex::new(Candidate::to_beat(so_far));
    left.par_chunks(64).for_each_init(Workspace::default, |space, more| {
        challenge(problem, chosen, more, &leader, space);
        progress.inc(more.len() as u64);
    });
    progress.finish_and_clear();
    leader.into_inner().expect("no thread panics here")
}

/// Adds to the chosen features each of some others, for as long as it may become the leader.
fn challenge(problem: &Problem, chosen: &[usize], more: &[usize], leader: &Mutex<Candidate>, space: &mut Workspace) {
    let mut features = [chosen, &[0]].concat();
    for added in more {
        features[chosen.len()] = *added;
        // Who leads only gets better: what cannot beat an earlier leader cannot beat the last.
        let led = *leader.lock().expect("no thread panics here");
        let best = |score| Candidate { score, first: chosen[0], added: *added };
        if let Some(score) = problem.score(&features, space, |most| best(most).beats(&led)) {
            let mut leader = leader.lock().expect("no thread panics here");
            if best(score).beats(&leader) {
                *leader = best(score);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::MachineRules;
    use super::super::{mean_class_accuracy, split};
    use super::*;
    use crate::select::expressions::Expressions;
    use mirror::features::spatial::CANDIDATES;

    /// A search that gives no candidate up, and judges each by all votes on all samples.
    fn try_all(problem: &Problem) -> (Vec<usize>, Vec<f64>) {
        let (n, mut space) = (problem.features.len(), Workspace::default());
        let mut score = |features: &[usize]| mean_class_accuracy(&problem.confusion(features, &mut space));
        let (mut features, mut scores) = (Vec::new(), vec![f64::NEG_INFINITY]);
        for a in 0..n {
            for b in a + 1..n {
                let score = score(&[a, b]);
                if score > scores[0] {
                    (features, scores[0]) = (vec![a, b], score);
                }
            }
        }
        loop {
            let mut best = (*scores.last().unwrap(), None);
            for f in (0..n).filter(|f| !features.contains(f)) {
                let score = score(&[features.as_slice(), &[f]].concat());
                if score > best.0 {
                    best = (score, Some(f));
                }
            }
            let (score, Some(f)) = best else { return (features, scores) };
            features.push(f);
            scores.push(score);
        }
    }

    #[test]
    fn the_search_finds_what_trying_all_finds() {
        for (seed, classes, step) in [(1, 7, 400), (2, 7, 200), (3, 5, 311), (4, 3, 250), (5, 2, 250)] {
            let expressions = Expressions::synthetic(seed);
            let few: Vec<usize> = (0..CANDIDATES).step_by(step).collect();
            // Some twice and some negated, which ties them; and of every class few to judge by, which does so too.
            let mut values: Vec<Vec<f32>> = expressions.values(&few);
            values.extend(values.clone().into_iter().step_by(3));
            values.extend(values.iter().step_by(5).map(|v| v.iter().map(|v| -v).collect()).collect::<Vec<_>>());
            values.reverse();
            let labels: Vec<usize> = expressions.labels().into_iter().map(|l| l % classes).collect();
            let learn = split(&labels, classes, if seed == 2 { 0.9 } else { 0.6 }, &mut Rng::new(seed));
            let problem = Problem::new(&values, &labels, classes, &learn, MachineRules::default()).unwrap();
            let want = try_all(&problem);
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| search(&problem, None, 0));
                assert_eq!((&found.features, &found.scores), (&want.0, &want.1), "seed {seed}, {threads} threads");
                assert_eq!(found.pairs_left_out, 0);
            }
            let sampled = search(&problem, Some(20), 0);
            assert_eq!(sampled.pairs_left_out, (values.len() * (values.len() - 1) / 2) as u64 - 20);
            assert!(sampled.scores[0] <= want.1[0]);
        }
    }
}
