//! Judges sets of features: trains a machine for every pair of classes, and lets them vote.

use super::super::nu_svc::{self, Block, Infeasible, Machine, Points, Work};
use super::mean_share;

/// How the machines are trained.
#[derive(Clone, Copy, Debug)]
pub struct MachineRules {
    /// Share of samples that may lie within the margin.
    pub nu: f64,
    /// How far from optimal they may end.
    pub tolerance: f32,
}

impl Default for MachineRules {
    /// The paper's nu, LIBSVM's tolerance.
    fn default() -> Self {
        Self { nu: 0.1, tolerance: 1e-3 }
    }
}

/// Samples to learn from, by class, and samples to judge by. A sample is scaled to unit norm over the selected features.
pub struct Problem {
    rules: MachineRules,
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
    pub(super) features: Vec<Vec<f32>>,
}

/// What one thread needs to judge a candidate.
#[derive(Default)]
pub(super) struct Workspace {
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
        rules: MachineRules,
    ) -> Result<Self, Infeasible> {
        let mut counts = vec![0; classes];
        for (label, _) in labels.iter().zip(learn).filter(|(_, learn)| **learn) {
            counts[*label] += 1;
        }
        nu_svc::check(rules.nu, &counts)?;

        // Where each sample stands: those to learn from class by class, then those that judge.
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
    pub(super) fn score(&self, features: &[usize], space: &mut Workspace, hope: impl Fn(f64) -> bool) -> Option<f64> {
        let mut most = 0.0;
        let mut go_on = |ballot: &mut Ballot| {
            ballot.drop_lost(&self.truth);
            let mut right = vec![0; self.judges.len()];
            ballot.open.iter().for_each(|i| right[self.truth[*i]] += 1);
            // The score itself when all have voted: then just those are left whose class has won.
            most = mean_share(&right, &self.judges);
            hope(most)
        };
        let voted = pulp::Arch::new().dispatch(Vote { problem: self, features, space, go_on: &mut go_on });
        voted.then_some(most)
    }

    /// How many samples of each class the machines with some features call each class, `[truth][called]`.
    pub(super) fn confusion(&self, features: &[usize], space: &mut Workspace) -> Vec<Vec<usize>> {
        pulp::Arch::new().dispatch(Vote { problem: self, features, space, go_on: &mut |_: &mut Ballot| true });
        let classes = self.classes.len();
        let mut confusion = vec![vec![0; classes]; classes];
        for (truth, votes) in self.truth.iter().zip(space.ballot.votes.chunks_exact(classes)) {
            // The first of those with most votes, as LIBSVM.
            let called = (0..classes).rev().max_by_key(|c| votes[*c]).expect("there are classes");
            confusion[*truth][called] += 1;
        }
        confusion
    }

    /// Clears the space for a candidate.
    #[inline(always)]
    fn begin(&self, features: &[usize], space: &mut Workspace) {
        let classes = self.classes.len();
        space.points.begin(features.iter().map(|f| self.features[*f].as_slice()));
        space.kernels.resize(self.columns * self.columns, 0.0);
        space.known.clear();
        space.known.resize(classes * classes, false);
        let ballot = &mut space.ballot;
        ballot.votes.clear();
        ballot.votes.resize(self.truth.len() * classes, 0);
        ballot.left.clear();
        ballot.left.resize(classes, classes as u32 - 1);
        ballot.open.clear();
        ballot.open.extend(0..self.truth.len());
    }

    /// Makes the machine of two classes.
    #[inline(always)]
    fn train(&self, (a, b): (usize, usize), space: &mut Workspace) {
        for (of, with) in [(a, a), (a, b), (b, a), (b, b)] {
            if std::mem::replace(&mut space.known[of * self.classes.len() + with], true) {
                continue;
            }
            let (of, with) = (self.classes[of], self.classes[with]);
            for i in of.start..of.start + of.count {
                let row = &mut space.kernels[i * self.columns + with.start..][..with.padded()];
                space.points.kernels(i, with.start, row);
            }
        }
        let (classes, rules) = ([self.classes[a], self.classes[b]], (self.rules.nu, self.rules.tolerance));
        nu_svc::solve(&space.kernels, self.columns, classes, rules, &mut space.work, &mut space.machine);
        space.machine.keep_points(&space.points);
    }

    /// The decision of that machine for sample `i` of those that judge.
    #[inline(always)]
    fn decide(&self, i: usize, space: &mut Workspace) -> f32 {
        space.machine.decide(&space.points, self.columns + i)
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
    space: &'a mut Workspace,
    go_on: &'a mut F,
}

impl<F: FnMut(&mut Ballot) -> bool> pulp::NullaryFnOnce for Vote<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { problem, features, space, go_on } = self;
        problem.begin(features, space);
        let classes = problem.classes.len();
        for (a, b) in &problem.machines {
            problem.train((*a, *b), space);
            for o in 0..space.ballot.open.len() {
                let i = space.ballot.open[o];
                let decision = problem.decide(i, space);
                space.ballot.votes[i * classes + if decision > 0.0 { *a } else { *b }] += 1;
            }
            space.ballot.left[*a] -= 1;
            space.ballot.left[*b] -= 1;
            if !go_on(&mut space.ballot) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{mean_class_accuracy, split};
    use super::*;
    use crate::select::expressions::Expressions;
    use nn::Rng;

    fn golden() -> serde_json::Value {
        let text = include_str!("../../../../../testdata/nu_svc.json");
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
            let rules = MachineRules { nu: case["nu"].as_f64().unwrap(), tolerance: 1e-5 };
            let problem = Problem::new(&values, &labels, classes, &learn, rules).unwrap();
            let mut space = Workspace::default();
            problem.begin(&(0..values.len()).collect::<Vec<_>>(), &mut space);
            let largest = want.iter().flatten().fold(1.0f32, |m, v| m.max(v.abs()));
            for (m, pair) in nu_svc::pairs(classes).enumerate() {
                problem.train(pair, &mut space);
                for (i, want) in want.iter().enumerate() {
                    let (got, want) = (problem.decide(i, &mut space), want[m]);
                    assert!((got - want).abs() < 1e-3 * largest, "sample {i}: {got} and {want}");
                }
            }
        }
    }

    #[test]
    fn what_is_given_up_could_not_have_won() {
        let expressions = Expressions::synthetic(6);
        let (values, labels) = (expressions.values(&[10, 700, 1500, 2600, 3400, 4100]), expressions.labels());
        let learn = split(&labels, 7, 0.6, &mut Rng::new(6));
        let problem = Problem::new(&values, &labels, 7, &learn, MachineRules::default()).unwrap();
        let mut space = Workspace::default();
        for (a, b) in nu_svc::pairs(values.len()) {
            let whole = mean_class_accuracy(&problem.confusion(&[a, b], &mut space));
            let bounds = std::cell::RefCell::new(Vec::new());
            let hope = |most| {
                bounds.borrow_mut().push(most);
                true
            };
            assert_eq!(problem.score(&[a, b], &mut space, hope), Some(whole));
            let bounds = bounds.into_inner();
            assert!(bounds.len() == 21 && bounds.windows(2).all(|w| w[1] <= w[0]) && bounds[20] == whole);
            assert_eq!(problem.score(&[a, b], &mut space, |most| most > whole), None);
        }
    }
}
