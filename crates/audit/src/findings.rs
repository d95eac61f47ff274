//! How every group fares beside everybody else.

use crate::case::{Case, look_at};
use crate::columns::{Column, measured};
use crate::measure::{Kind, Measure};
use crate::significance::{benjamini_hochberg, fisher, welch};
use crate::subjects::Subjects;
use anyhow::{Context, Result};
use mirror::engine::Mirror;
use mirror::pack::{Net, Pack};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use train::statistics::{Share, interval, mean};

/// Of fewer people nothing is said but their number and figure.
pub const LEAST_PEOPLE: usize = 20;
/// A difference stands out below this q-value: one in twenty of those that do is chance, in the mean.
pub(crate) const BELIEVED: f64 = 0.05;

/// What the mirror makes of people, group by group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Whose mirror.
    pub pack: String,
    /// A short hash of the pack's nets: with others, the figures are no longer theirs.
    pub nets: String,
    /// Who looked into it.
    pub subjects: String,
    /// How many.
    pub people: usize,
    /// Looks at each reflection after which the mirror asked for more; the live mirror does without.
    pub looks: usize,
    /// By which they are sorted.
    pub columns: Vec<Column>,
    /// The figures of everybody.
    pub overall: Vec<Overall>,
    /// The figures of each group.
    pub comparisons: Vec<Comparison>,
}

/// A figure of everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// What was measured.
    pub measure: Measure,
    /// What it came to.
    pub figure: Figure,
}

/// A figure of some people, with its 95 % interval: Wilson's of a share, else a bootstrap's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Of how many.
    pub people: usize,
    /// Share from 0 to 1, or mean.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How a group fares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What was measured.
    pub measure: Measure,
    /// The column that sorts people.
    pub column: String,
    /// The group.
    pub group: String,
    /// The group's figure.
    pub figure: Figure,
    /// That of everybody else whose group in this column is known.
    pub others: Option<Figure>,
    /// The probability of a difference at least as large if there were none (Fisher's exact test of shares, Welch's of means); `None` where
    /// either has fewer than [`LEAST_PEOPLE`].
    pub p: Option<f64>,
    /// The same after all comparisons of the audit are taken together (Benjamini and Hochberg).
    pub q: Option<f64>,
    /// Whether the difference is believed.
    pub stands_out: bool,
}

impl Comparison {
    /// The group's figure less the others'.
    pub fn difference(&self) -> Option<f64> {
        self.others.map(|others| self.figure.value - others.value)
    }

    /// Whether the group has too few people for anything to be said of it.
    pub fn is_too_small(&self) -> bool {
        self.figure.people < LEAST_PEOPLE
    }
}

impl Figure {
    /// Of these values; `None` without any.
    pub(crate) fn of(kind: Kind, values: &[f32]) -> Option<Self> {
        let people = values.len();
        if people == 0 {
            return None;
        }
        let [value, low, high] = match kind {
            Kind::Share => {
                let Share { share, low, high, .. } = Share::new(count(values) as usize, people);
                [share, low, high]
            }
            Kind::Percent | Kind::Mean => {
                let (low, high) = interval(values, mean);
                [mean(values), low, high].map(f64::from)
            }
        };
        // As many digits as are worth a place in a file.
        let [value, low, high] = [value, low, high].map(|v| (1e5 * v).round() / 1e5);
        Some(Self { people, value, low, high })
    }
}

/// Three digits of a probability.
fn three_digits(p: f64) -> f64 {
    format!("{p:.2e}").parse().unwrap_or(p)
}

fn count(values: &[f32]) -> u64 {
    values.iter().filter(|v| **v > 0.5).count() as u64
}

impl Audit {
    /// Looks at everybody, draws their reflections, and compares. The mirror looks `looks` times at each of them.
    ///
    /// # Errors
    /// If more than a tenth of the pictures cannot be read.
    pub fn run(mirror: &Mirror, pack: &Pack, subjects: &Subjects, looks: usize) -> Result<Self> {
        let cases = look_at(mirror, subjects, looks)?;
        let columns: Vec<Column> = subjects.columns.iter().cloned().chain(measured()).collect();
        Ok(Self { nets: nets_of(pack), looks, ..Self::of(&cases, columns, &pack.manifest().name, &subjects.name) })
    }

    /// Of people who have been looked at.
    pub(crate) fn of(cases: &[Case], columns: Vec<Column>, pack: &str, subjects: &str) -> Self {
        let values = |measure: Measure, wanted: &dyn Fn(&Case) -> bool| -> Vec<f32> {
            cases.iter().filter(|c| wanted(c)).filter_map(|c| c.values.get(&measure).copied()).collect()
        };
        let (mut overall, mut comparisons) = (Vec::new(), Vec::new());
        for measure in Measure::all() {
            let Some(figure) = Figure::of(measure.kind(), &values(measure, &|_| true)) else { continue };
            overall.push(Overall { measure, figure });
            for (c, column) in columns.iter().enumerate() {
                for (g, group) in column.groups.iter().enumerate() {
                    let own = values(measure, &|case| case.groups[c] == Some(g));
                    let others = values(measure, &|case| case.groups[c].is_some_and(|other| other != g));
                    comparisons.extend(compare(measure, &column.name, group, &own, &others));
                }
            }
        }
        believe(&mut comparisons);
        let (pack, subjects) = (pack.to_owned(), subjects.to_owned());
        Self { pack, nets: String::new(), subjects, people: cases.len(), looks: 0, columns, overall, comparisons }
    }

    /// The figure of everybody.
    pub fn everybody(&self, measure: Measure) -> Option<&Figure> {
        self.overall.iter().find(|o| o.measure == measure).map(|o| &o.figure)
    }

    /// How the groups of a column fare.
    pub fn of_column<'a>(&'a self, measure: Measure, column: &'a str) -> impl Iterator<Item = &'a Comparison> {
        self.comparisons.iter().filter(move |c| c.measure == measure && c.column == column)
    }

    /// The differences that stand out, the least likely to be chance first.
    pub fn standing_out(&self) -> Vec<&Comparison> {
        let mut found: Vec<&Comparison> = self.comparisons.iter().filter(|c| c.stands_out).collect();
        found.sort_by(|a, b| a.p.unwrap_or(1.0).total_cmp(&b.p.unwrap_or(1.0)));
        found
    }

    /// The same, each difference once: where a column has two groups, what the second says the first has said.
    pub fn differences(&self) -> Vec<&Comparison> {
        let is_second = |c: &Comparison| {
            let of_column: Vec<&Comparison> = self.of_column(c.measure, &c.column).collect();
            of_column.len() == 2 && of_column[1].group == c.group
        };
        self.standing_out().into_iter().filter(|c| !is_second(c)).collect()
    }

    /// A row for each figure: measure, column, group (both empty for everybody), then what is known of it.
    ///
    /// # Errors
    /// Never, in truth: a table in memory takes any text.
    pub fn to_csv(&self) -> Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record([
            "measure",
            "column",
            "group",
            "people",
            "value",
            "low",
            "high",
            "others",
            "difference",
            "p",
            "q",
            "stands_out",
        ])?;
        let number = |v: Option<f64>| v.map_or(String::new(), |v| format!("{v:.6}"));
        let figure =
            |f: &Figure| [f.people.to_string(), number(Some(f.value)), number(Some(f.low)), number(Some(f.high))];
        for Overall { measure, figure: of_all } in &self.overall {
            let first = [measure.id(), String::new(), String::new()];
            table.write_record(
                first.into_iter().chain(figure(of_all)).chain(std::array::from_fn::<_, 5, _>(|_| String::new())),
            )?;
        }
        for c in &self.comparisons {
            let first = [c.measure.id(), c.column.clone(), c.group.clone()];
            let believed = if c.stands_out { "yes" } else { "no" };
            let rest = [
                number(c.others.map(|f| f.value)),
                number(c.difference()),
                c.p.map_or(String::new(), |p| format!("{p:.3e}")),
                c.q.map_or(String::new(), |q| format!("{q:.3e}")),
                if c.q.is_some() { believed.to_owned() } else { String::new() },
            ];
            table.write_record(first.into_iter().chain(figure(&c.figure)).chain(rest))?;
        }
        table.into_inner().context("a table in memory")
    }
}

/// A short hash of a pack's nets, by the hashes that its manifest has of them.
pub(crate) fn nets_of(pack: &Pack) -> String {
    let files = &pack.manifest().files;
    let hashes: String = Net::ALL.iter().filter_map(|net| Some(files.get(net.file())?.sha256.as_str())).collect();
    format!("{:016x}", train::data::hash(hashes))
}

/// A group beside everybody else; `None` of a group without a figure.
fn compare(measure: Measure, column: &str, group: &str, own: &[f32], others: &[f32]) -> Option<Comparison> {
    let figure = Figure::of(measure.kind(), own)?;
    let enough = own.len() >= LEAST_PEOPLE && others.len() >= LEAST_PEOPLE;
    let p = match measure.kind() {
        _ if !enough => None,
        Kind::Share => Some(fisher(count(own), own.len() as u64, count(others), others.len() as u64)),
        Kind::Percent | Kind::Mean => welch(own, others),
    };
    Some(Comparison {
        measure,
        column: column.to_owned(),
        group: group.to_owned(),
        figure,
        others: Figure::of(measure.kind(), others),
        p: p.map(three_digits),
        q: None,
        stands_out: false,
    })
}

/// Takes all comparisons together. Where a column has two groups, each is the other's others: the two are one test.
fn believe(comparisons: &mut [Comparison]) {
    let mut tests: Vec<Range<usize>> = Vec::new();
    let mut begin = 0;
    for of_column in comparisons.chunk_by(|a, b| a.measure == b.measure && a.column == b.column) {
        let end = begin + of_column.len();
        match of_column.len() {
            2 => tests.push(begin..end),
            _ => tests.extend((begin..end).map(|i| i..i + 1)),
        }
        begin = end;
    }
    tests.retain(|test| comparisons[test.start].p.is_some());

    let p: Vec<f64> = tests.iter().filter_map(|test| comparisons[test.start].p).collect();
    for (test, q) in tests.into_iter().zip(benjamini_hochberg(&p)) {
        for comparison in &mut comparisons[test] {
            (comparison.q, comparison.stands_out) = (Some(three_digits(q)), q < BELIEVED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;
    use std::collections::BTreeMap;

    fn column() -> Column {
        Column { name: "house".into(), groups: vec!["upper".into(), "lower".into(), "third".into()] }
    }

    /// People of the first two groups by turns, five of the third; the first come back lighter by `shift`.
    fn people(shift: f32, seed: u64) -> Vec<Case> {
        let mut rng = Rng::new(seed);
        (0..205)
            .map(|i| {
                let group = if i < 200 { i % 2 } else { 2 };
                let lighter = 4.0 * rng.normal() + if group == 0 { shift } else { 0.0 };
                let found = f32::from(u8::from(rng.uniform() < 0.9));
                let kept = rng.normal();
                let group_of = mirror::features::Group::Shape;
                let values = BTreeMap::from([
                    (Measure::Lighter, lighter),
                    (Measure::Found, found),
                    (Measure::Kept(group_of), kept),
                ]);
                Case { groups: vec![Some(group)], values }
            })
            .collect()
    }

    #[test]
    fn a_shift_of_one_group_stands_out_with_its_direction_and_nothing_else_does() {
        let audit = Audit::of(&people(3.0, 1), vec![column()], "pack", "people");
        let out = audit.standing_out();
        assert!(out.iter().all(|c| c.measure == Measure::Lighter) && out.len() == 2, "{out:?}");
        let upper = audit.of_column(Measure::Lighter, "house").next().unwrap();
        assert!((upper.difference().unwrap() - 3.0).abs() < 1.5 && upper.figure.low < 3.0 && upper.figure.high > 3.0);
        assert!(Audit::of(&people(0.0, 1), vec![column()], "pack", "people").standing_out().is_empty());
    }

    #[test]
    fn of_few_people_only_the_figure_is_told() {
        let audit = Audit::of(&people(0.0, 2), vec![column()], "pack", "people");
        let third = audit.of_column(Measure::Lighter, "house").nth(2).unwrap();
        assert!(third.is_too_small() && third.figure.people == 5 && third.q.is_none() && !third.stands_out);
    }

    #[test]
    fn of_two_groups_the_second_counts_with_the_first() {
        let two = Column { groups: column().groups[..2].to_vec(), ..column() };
        let cases: Vec<Case> = people(3.0, 3).into_iter().filter(|c| c.groups[0] != Some(2)).collect();
        let audit = Audit::of(&cases, vec![two], "pack", "people");
        let [a, b] = audit.of_column(Measure::Lighter, "house").collect::<Vec<_>>()[..] else { panic!("two groups") };
        assert_eq!((a.p.is_some(), a.q), (true, b.q));
        // Three measures are three tests: the least likely of them counts three times.
        assert!((a.q.unwrap() / a.p.unwrap() - 3.0).abs() < 0.02 && a.stands_out && b.stands_out);
        assert_eq!((audit.standing_out().len(), audit.differences()), (2, vec![a]));
    }

    #[test]
    fn the_table_has_a_row_for_each_figure_and_the_object_is_read_back() {
        let audit = Audit::of(&people(3.0, 1), vec![column()], "pack", "people");
        let text = String::from_utf8(audit.to_csv().unwrap()).unwrap();
        assert_eq!(text.lines().count(), 1 + audit.overall.len() + audit.comparisons.len());
        assert!(text.contains("\nlighter,house,upper,100,"));
        let json = serde_json::to_string(&audit).unwrap();
        assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), audit);
    }
}
