//! The paper's search: which spatial features tell expressions apart (Gacav, Benligiray and Topal, 2017).

mod problem;
mod search;

pub use problem::{MachineRules, Problem};
pub use search::{Selection, search};

use super::expressions::Expressions;
use super::nu_svc::{self, Infeasible};
use anyhow::{Context, Result};
use mirror::engine::Eyes;
use mirror::features::spatial::{CANDIDATES, Spatial};
use mirror::pack::Pack;
use nn::Rng;
use problem::Workspace;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

/// Where the sequences of faces are from.
#[derive(Clone, Debug, Default)]
pub enum Sequences {
    /// 327 sequences of nobody.
    #[default]
    Synthetic,
    /// A table without header: subject, label, x and y of the 68 points of the neutral face, then of the expressive one.
    Table(PathBuf),
    /// A copy of CK+, with the labels of sequences that differ from the file's.
    CkPlus {
        /// The folder with `cohn-kanade-images` and `Emotion`.
        folder: PathBuf,
        /// Sequence and label.
        relabelled: Vec<(String, String)>,
    },
}

/// How the paper's search is done.
#[derive(Clone, Debug)]
pub struct PaperOptions {
    /// The faces.
    pub sequences: Sequences,
    /// Share of the samples that may lie within the margin.
    pub nu: f64,
    /// Share of each class's sequences to learn from in the search, from 0.1 to 0.9.
    pub share: f64,
    /// Tries only so many pairs, drawn at random: fast, but may miss the best. Without it the search is exact.
    pub sample_pairs: Option<u64>,
    /// Seed of the split, of synthetic sequences and of sampled pairs.
    pub seed: u64,
}

impl Default for PaperOptions {
    fn default() -> Self {
        Self { sequences: Sequences::default(), nu: 0.1, share: 0.6, sample_pairs: None, seed: 1 }
    }
}

/// What a search says.
#[derive(Debug, Serialize)]
pub struct PaperReport {
    /// Sequences of faces.
    pub sequences: usize,
    /// The expressions, sorted.
    pub classes: Vec<String>,
    /// What was chosen.
    pub selection: Selection,
    /// Such as `48-54/x`.
    pub names: Vec<String>,
    /// Time of the search.
    pub seconds: f64,
    /// `[truth][called]`, each subject judged by what the others teach.
    pub leave_one_subject_out: Vec<Vec<usize>>,
    /// Share of the sequences that are called by their name.
    pub accuracy: f64,
    /// The same, every class counting alike.
    pub mean_class_accuracy: f64,
}

/// Searches.
///
/// # Errors
/// If the sequences cannot be read, or a class is too small.
pub fn run(options: &PaperOptions) -> Result<PaperReport> {
    anyhow::ensure!((0.1..=0.9).contains(&options.share), "--share: expected 0.1 to 0.9, found {}", options.share);
    let expressions = match &options.sequences {
        Sequences::Table(table) => Expressions::load_csv(table)?,
        Sequences::CkPlus { folder, relabelled } => {
            Expressions::load_ck_plus(folder, &Eyes::new(&Pack::embedded()?)?, relabelled)?
        }
        Sequences::Synthetic => Expressions::synthetic(options.seed),
    };
    report(&expressions, options)
}

fn report(expressions: &Expressions, options: &PaperOptions) -> Result<PaperReport> {
    let rules = MachineRules { nu: options.nu, ..MachineRules::default() };
    let classes: Vec<String> = expressions.classes().into_iter().map(str::to_owned).collect();
    let labels = expressions.labels();
    let learn = split(&labels, classes.len(), options.share, &mut Rng::new(options.seed));
    let all: Vec<usize> = (0..CANDIDATES).collect();
    let problem = Problem::new(&expressions.values(&all), &labels, classes.len(), &learn, rules)?;

    // Whoever is left out at the end may be the only one of a class: that is said before the search, which takes long.
    for subject in expressions.sequences.iter().map(|s| &s.subject).collect::<BTreeSet<_>>() {
        let mut counts = vec![0; classes.len()];
        for (sequence, label) in expressions.sequences.iter().zip(&labels) {
            counts[*label] += usize::from(sequence.subject != *subject);
        }
        nu_svc::check(options.nu, &counts).with_context(|| format!("leaving out subject {subject}"))?;
    }

    let began = Instant::now();
    let selection = search(&problem, options.sample_pairs, options.seed);
    let seconds = began.elapsed().as_secs_f64();

    let confusion =
        leave_one_subject_out(expressions, &selection.features, rules).context("leaving one subject out")?;
    let right: usize = confusion.iter().enumerate().map(|(c, row)| row[c]).sum();
    let name = |f: &usize| Spatial::at(*f).expect("a candidate").name();
    Ok(PaperReport {
        sequences: labels.len(),
        names: selection.features.iter().map(name).collect(),
        accuracy: right as f64 / labels.len() as f64,
        mean_class_accuracy: mean_class_accuracy(&confusion),
        leave_one_subject_out: confusion,
        classes,
        selection,
        seconds,
    })
}

impl fmt::Display for PaperReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.selection;
        let each = self.seconds * 1e6 / s.candidates.max(1) as f64;
        writeln!(
            f,
            "{} sequences; {} candidates in {:.1} s, {each:.0} us each",
            self.sequences, s.candidates, self.seconds
        )?;
        if s.pairs_left_out > 0 {
            writeln!(f, "NOT exact: {} pairs were not tried", s.pairs_left_out)?;
        }

        // What was chosen.
        writeln!(f, "{:>8}  {:<10} {:>22}", "feature", "landmarks", "mean class accuracy, %")?;
        for (i, (feature, name)) in s.features.iter().zip(&self.names).enumerate() {
            let score = i.checked_sub(1).map_or(String::new(), |i| format!("{:.1}", 100.0 * s.scores[i]));
            writeln!(f, "{feature:>8}  {name:<10} {score:>22}")?;
        }

        // Who was called what.
        writeln!(f, "each subject judged by what the others teach (rows: truth, columns: called):")?;
        write!(f, "{:<10}", "")?;
        self.classes.iter().try_for_each(|c| write!(f, "{c:>10}"))?;
        for (class, row) in self.classes.iter().zip(&self.leave_one_subject_out) {
            write!(f, "\n{class:<10}")?;
            row.iter().try_for_each(|n| write!(f, "{n:>10}"))?;
        }
        write!(
            f,
            "\n{:.1} % right, {:.1} % mean over the classes",
            100.0 * self.accuracy,
            100.0 * self.mean_class_accuracy
        )
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
    rules: MachineRules,
) -> Result<Vec<Vec<usize>>, Infeasible> {
    let values = expressions.values(features);
    let (labels, classes) = (expressions.labels(), expressions.classes().len());
    let subjects: BTreeSet<&str> = expressions.sequences.iter().map(|s| s.subject.as_str()).collect();
    let subjects: Vec<&str> = subjects.into_iter().collect();
    let judged = subjects.par_iter().map_init(Workspace::default, |space, subject| {
        let learn: Vec<bool> = expressions.sequences.iter().map(|s| s.subject != **subject).collect();
        let problem = Problem::new(&values, &labels, classes, &learn, rules)?;
        Ok(problem.confusion(&(0..features.len()).collect::<Vec<_>>(), space))
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
