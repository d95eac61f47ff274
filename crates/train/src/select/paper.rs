//! The paper's search: sequential forward selection of spatial features that tell expressions apart.

use super::expressions::Expressions;
use super::nu_svc::{self, Block, Infeasible, Machine, Points, Work};
use crate::progress::bar;
use nn::Rng;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

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
    /// The machines in the order in which they vote.
    machines: Vec<(usize, usize)>,
    /// Columns of the training samples, filled-up ones included.
    columns: usize,
    /// Class of each sample that judges.
    truth: Vec<usize>,
    /// How many judge of each class.
    judges: Vec<usize>,
    /// Of each feature the training samples' values (0 in columns that are filled up), then the others'.
    features: Vec<Vec<f32>>,
}

/// What one thread needs to judge a candidate.
#[derive(Default)]
struct Desk {
    /// All samples at unit norm.
    points: Points,
    /// Of the training samples, those of filled-up columns too.
    kernels: Vec<f32>,
    /// `[class][class]`: whether the kernels between the samples of two classes are there.
    known: Vec<bool>,
    work: Work,
    machine: Machine,
    ballot: Ballot,
}

/// The votes of a candidate's machines so far.
#[derive(Default)]
struct Ballot {
    /// `[sample that judges][class]`
    votes: Vec<u32>,
    /// How many machines of each class have not voted yet.
    left: Vec<u32>,
    /// The samples that are still asked about.
    open: Vec<usize>,
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
        let (mut places, mut truth, mut judges) = (Vec::new(), Vec::new(), vec![0; classes]);
        for (label, learn) in labels.iter().zip(learn) {
            if *learn {
                places.push(next[*label]);
                next[*label] += 1;
            } else {
                places.push(columns + truth.len());
                truth.push(*label);
                judges[*label] += 1;
            }
        }
        let arrange = |values: &Vec<f32>| {
            let mut all = vec![0.0; columns + truth.len()];
            values.iter().zip(&places).for_each(|(v, place)| all[*place] = *v);
            all
        };
        let features = values.iter().map(arrange).collect();
        // All machines of the smallest class first, then the rest of the next: they are the cheapest, and few samples, each of
        // which counts for much, soon have all their votes.
        let mut by_size: Vec<usize> = (0..classes).collect();
        by_size.sort_by_key(|c| counts[*c]);
        let pair = |(a, b): (usize, usize)| (by_size[a].min(by_size[b]), by_size[a].max(by_size[b]));
        let machines = nu_svc::pairs(classes).map(pair).collect();
        Ok(Self { rules, classes: blocks, machines, columns, truth, judges, features })
    }

    /// The mean over the classes of the share that the machines recognise with some features. `None` as soon as `hope` is
    /// false of the most that it can still become: of the share of samples whose class may yet win.
    fn score(&self, features: &[usize], desk: &mut Desk, hope: impl Fn(f64) -> bool) -> Option<f64> {
        let mut most = 0.0;
        let mut go_on = |ballot: &mut Ballot| {
            ballot.drop_lost(&self.truth);
            let mut right = vec![0; self.judges.len()];
            ballot.open.iter().for_each(|i| right[self.truth[*i]] += 1);
            // The score itself when all have voted: then just those are left whose class has won.
            most = mean_share(&right, &self.judges);
            hope(most)
        };
        let voted = pulp::Arch::new().dispatch(Vote { problem: self, features, desk, go_on: &mut go_on });
        voted.then_some(most)
    }

    /// How many samples of each class the machines with some features call each class, `[truth][called]`.
    fn confusion(&self, features: &[usize], desk: &mut Desk) -> Vec<Vec<usize>> {
        pulp::Arch::new().dispatch(Vote { problem: self, features, desk, go_on: &mut |_: &mut Ballot| true });
        let classes = self.classes.len();
        let mut confusion = vec![vec![0; classes]; classes];
        for (truth, votes) in self.truth.iter().zip(desk.ballot.votes.chunks_exact(classes)) {
            // The first of those with most votes, as LIBSVM.
            let called = (0..classes).rev().max_by_key(|c| votes[*c]).expect("there are classes");
            confusion[*truth][called] += 1;
        }
        confusion
    }

    /// Clears the desk for a candidate.
    #[inline(always)]
    fn begin(&self, features: &[usize], desk: &mut Desk) {
        let classes = self.classes.len();
        desk.points.begin(features.iter().map(|f| self.features[*f].as_slice()));
        desk.kernels.resize(self.columns * self.columns, 0.0);
        desk.known.clear();
        desk.known.resize(classes * classes, false);
        let ballot = &mut desk.ballot;
        ballot.votes.clear();
        ballot.votes.resize(self.truth.len() * classes, 0);
        ballot.left.clear();
        ballot.left.resize(classes, classes as u32 - 1);
        ballot.open.clear();
        ballot.open.extend(0..self.truth.len());
    }

    /// Makes the machine of two classes.
    #[inline(always)]
    fn train(&self, (a, b): (usize, usize), desk: &mut Desk) {
        for (of, with) in [(a, a), (a, b), (b, a), (b, b)] {
            if std::mem::replace(&mut desk.known[of * self.classes.len() + with], true) {
                continue;
            }
            let (of, with) = (self.classes[of], self.classes[with]);
            for i in of.start..of.start + of.count {
                let row = &mut desk.kernels[i * self.columns + with.start..][..with.padded()];
                desk.points.kernels(i, with.start, row);
            }
        }
        let (classes, rules) = ([self.classes[a], self.classes[b]], (self.rules.nu, self.rules.tolerance));
        nu_svc::solve(&desk.kernels, self.columns, classes, rules, &mut desk.work, &mut desk.machine);
        desk.machine.keep_points(&desk.points);
    }

    /// The decision of that machine for sample `i` of those that judge.
    #[inline(always)]
    fn decide(&self, i: usize, desk: &mut Desk) -> f32 {
        desk.machine.decide(&desk.points, self.columns + i)
    }

    /// Adds to the chosen features each of some others, for as long as it may become the leader.
    fn challenge(&self, chosen: &[usize], more: &[usize], leader: &Mutex<Best>, desk: &mut Desk) {
        let mut features = [chosen, &[0]].concat();
        for added in more {
            features[chosen.len()] = *added;
            // Who leads only gets better: what cannot beat an earlier leader cannot beat the last.
            let led = *leader.lock().expect("no thread panics here");
            let best = |score| Best { score, first: chosen[0], added: *added };
            if let Some(score) = self.score(&features, desk, |most| best(most).beats(&led)) {
                let mut leader = leader.lock().expect("no thread panics here");
                if best(score).beats(&leader) {
                    *leader = best(score);
                }
            }
        }
    }
}

impl Ballot {
    /// Asks no more about samples whose class cannot win any more, even if it gets all votes that it still can.
    fn drop_lost(&mut self, truth: &[usize]) {
        let classes = self.left.len();
        let machines = classes * (classes - 1) / 2;
        self.open.retain(|i| {
            let (class, votes) = (truth[*i], &self.votes[i * classes..(i + 1) * classes]);
            let most = votes[class] + self.left[class];
            // No class before it may have as many, none after it more; and so there must be room for all votes.
            let room = machines + class <= classes * most as usize;
            room && votes[..class].iter().all(|v| *v < most) && votes[class + 1..].iter().all(|v| *v <= most)
        });
    }
}

/// Lets machine after machine vote on all open samples, for as long as `go_on` says so of the votes; whether it always did.
/// What it calls must be inlined, for the best instruction set.
struct Vote<'a, F> {
    problem: &'a Problem,
    features: &'a [usize],
    desk: &'a mut Desk,
    go_on: &'a mut F,
}

impl<F: FnMut(&mut Ballot) -> bool> pulp::NullaryFnOnce for Vote<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { problem, features, desk, go_on } = self;
        problem.begin(features, desk);
        let classes = problem.classes.len();
        for (a, b) in &problem.machines {
            problem.train((*a, *b), desk);
            for o in 0..desk.ballot.open.len() {
                let i = desk.ballot.open[o];
                let decision = problem.decide(i, desk);
                desk.ballot.votes[i * classes + if decision > 0.0 { *a } else { *b }] += 1;
            }
            desk.ballot.left[*a] -= 1;
            desk.ballot.left[*b] -= 1;
            if !go_on(&mut desk.ballot) {
                return false;
            }
        }
        true
    }
}

/// A candidate and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Best {
    score: f64,
    first: usize,
    added: usize,
}

impl Best {
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
    let leader = Mutex::new(Best::to_beat(f64::NEG_INFINITY));
    firsts.par_iter().with_max_len(1).for_each_init(Desk::default, |desk, a| {
        problem.challenge(&[*a], &seconds[*a], &leader, desk);
        progress.inc(seconds[*a].len() as u64);
    });
    progress.finish_and_clear();
    let best = leader.into_inner().expect("no thread panics here");
    let mut found = Selection {
        features: vec![best.first, best.added],
        scores: vec![best.score],
        candidates: tried,
        pairs_left_out: all - tried,
    };
    loop {
        let left: Vec<usize> = (0..n).filter(|f| !found.features.contains(f)).collect();
        let progress = bar(left.len() as u64, "one more");
        let so_far = *found.scores.last().expect("a pair's score");
        let leader = Mutex::new(Best::to_beat(so_far));
        left.par_chunks(64).for_each_init(Desk::default, |desk, more| {
            problem.challenge(&found.features, more, &leader, desk);
            progress.inc(more.len() as u64);
        });
        progress.finish_and_clear();
        found.candidates += left.len() as u64;
        let best = leader.into_inner().expect("no thread panics here");
        if best.score <= so_far {
            return found;
        }
        found.features.push(best.added);
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
        Ok(problem.confusion(&(0..features.len()).collect::<Vec<_>>(), desk))
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
    let right: Vec<usize> = confusion.iter().enumerate().map(|(c, row)| row[c]).collect();
    let all: Vec<usize> = confusion.iter().map(|row| row.iter().sum()).collect();
    mean_share(&right, &all)
}

/// Mean of `right / all` over the classes that have any. More in a class never make it less, not even by rounding.
fn mean_share(right: &[usize], all: &[usize]) -> f64 {
    let shares = right.iter().zip(all).filter(|(_, all)| **all > 0).map(|(right, all)| *right as f64 / *all as f64);
    shares.sum::<f64>() / all.iter().filter(|all| **all > 0).count().max(1) as f64
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
            let mut desk = Desk::default();
            problem.begin(&(0..values.len()).collect::<Vec<_>>(), &mut desk);
            let largest = want.iter().flatten().fold(1.0f32, |m, v| m.max(v.abs()));
            for (m, pair) in nu_svc::pairs(classes).enumerate() {
                problem.train(pair, &mut desk);
                for (i, want) in want.iter().enumerate() {
                    let (got, want) = (problem.decide(i, &mut desk), want[m]);
                    assert!((got - want).abs() < 1e-3 * largest, "sample {i}: {got} and {want}");
                }
            }
        }
    }

    /// A search that gives no candidate up, and judges each by all votes on all samples.
    fn try_all(problem: &Problem) -> (Vec<usize>, Vec<f64>) {
        let (n, mut desk) = (problem.features.len(), Desk::default());
        let mut score = |features: &[usize]| mean_class_accuracy(&problem.confusion(features, &mut desk));
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
            let problem = Problem::new(&values, &labels, classes, &learn, Rules::default()).unwrap();
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

    #[test]
    fn what_is_given_up_could_not_have_won() {
        let expressions = Expressions::synthetic(6);
        let (values, labels) = (expressions.values(&[10, 700, 1500, 2600, 3400, 4100]), expressions.labels());
        let learn = split(&labels, 7, 0.6, &mut Rng::new(6));
        let problem = Problem::new(&values, &labels, 7, &learn, Rules::default()).unwrap();
        let mut desk = Desk::default();
        for (a, b) in nu_svc::pairs(values.len()) {
            let whole = mean_class_accuracy(&problem.confusion(&[a, b], &mut desk));
            let bounds = std::cell::RefCell::new(Vec::new());
            let hope = |most| {
                bounds.borrow_mut().push(most);
                true
            };
            assert_eq!(problem.score(&[a, b], &mut desk, hope), Some(whole));
            let bounds = bounds.into_inner();
            assert!(bounds.len() == 21 && bounds.windows(2).all(|w| w[1] <= w[0]) && bounds[20] == whole);
            assert_eq!(problem.score(&[a, b], &mut desk, |most| most > whole), None);
        }
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
