//! The audits that a pack keeps of itself.

use crate::findings::{Audit, Comparison, Overall, nets_of};
use crate::measure::Measure;
use crate::words::Words;
use anyhow::{Context, Result};
use mirror::pack::Pack;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

pub use mirror::pack::AUDIT_FILE;

/// Where the card's figures begin and end, which [`Audits::in_card`] writes.
const BEGIN: &str = "<!-- narcissus audit --keep: begin -->";
const END: &str = "<!-- narcissus audit --keep: end -->";

/// What the card tells of every group, as far as it is known.
const TOLD: [Measure; 8] = [
    Measure::Found,
    Measure::AgeError,
    Measure::GenderAgrees,
    Measure::GenderUnsure,
    Measure::Lighter,
    Measure::Older,
    Measure::MoreFemale,
    Measure::Nearest,
];

/// Audits by the names under which they are kept: the pack's file [`AUDIT_FILE`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audits(pub BTreeMap<String, Audit>);

impl Audits {
    /// Those of a pack; none if it keeps none.
    ///
    /// # Errors
    /// If its file is none of ours.
    pub fn of(pack: &Pack) -> Result<Self> {
        let Some(bytes) = pack.file(AUDIT_FILE) else { return Ok(Self::default()) };
        serde_json::from_slice(bytes).with_context(|| format!("{}: {AUDIT_FILE} is no table of audits", pack.origin()))
    }

    /// The names of those that were made with other nets than the pack's.
    pub fn stale(&self, pack: &Pack) -> Vec<&str> {
        let nets = nets_of(pack);
        self.0.iter().filter(|(_, audit)| audit.nets != nets).map(|(name, _)| name.as_str()).collect()
    }

    /// The bytes of a pack's file.
    ///
    /// # Errors
    /// Never, in truth: figures are numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// A card with the figures of these audits in place of those that it had; behind everything else if it had none.
    pub fn in_card(&self, card: &str) -> String {
        let section = format!("{BEGIN}\n{}{END}\n", self.tables());
        match card.split_once(BEGIN) {
            Some((before, rest)) => {
                let after = rest.split_once(END).map_or("", |(_, after)| after.trim_start_matches('\n'));
                format!("{before}{section}{}{after}", if after.is_empty() { "" } else { "\n" })
            }
            None => format!("{}\n\n## By group\n{section}", card.trim_end()),
        }
    }

    /// A table for each audit: a row a group, a column a measure. What stands out is bold.
    fn tables(&self) -> String {
        let words = Words::of("en").expect("the texts have English");
        let mut text = String::new();
        for (name, audit) in &self.0 {
            let measures: Vec<Measure> = TOLD.into_iter().filter(|m| audit.everybody(*m).is_some()).collect();
            let head: Vec<String> = measures.iter().map(|m| words.measure(*m)).collect();
            writeln!(text, "\n**{name}**: {} people.\n", audit.people).expect("text takes text");
            writeln!(text, "| | people | {} |", head.join(" | ")).expect("text takes text");
            writeln!(text, "|---|---|{}", "---|".repeat(measures.len())).expect("text takes text");
            let all = measures.iter().map(|m| audit.overall.iter().find(|o| o.measure == *m));
            let all: Vec<String> = all
                .map(|o| o.map_or(String::new(), |Overall { measure, figure }| words.figure(*measure, figure)))
                .collect();
            writeln!(text, "| everybody | {} | {} |", audit.people, all.join(" | ")).expect("text takes text");
            for column in &audit.columns {
                for group in &column.groups {
                    text += &row(audit, &measures, &column.name, group, &words);
                }
            }
        }
        text + "\nIntervals are 95 %. Bold: differs from everybody else by more than chance explains (Benjamini and Hochberg, 5 %). Of fewer than 20 people nothing is said.\n"
    }
}

/// A group's row; nothing of a group of too few.
fn row(audit: &Audit, measures: &[Measure], column: &str, group: &str, words: &Words) -> String {
    let of_measure = |m: &Measure| audit.of_column(*m, column).find(|c| c.group == group);
    let found: Vec<Option<&Comparison>> = measures.iter().map(of_measure).collect();
    let people = found.iter().flatten().map(|c| c.figure.people).max().unwrap_or(0);
    if found.iter().flatten().all(|c| c.is_too_small()) {
        return String::new();
    }
    let cell = |c: &Option<&Comparison>| match c {
        None => String::new(),
        Some(c) if c.is_too_small() => String::new(),
        Some(c) if c.stands_out => format!("**{}**", words.figure(c.measure, &c.figure)),
        Some(c) => words.figure(c.measure, &c.figure),
    };
    let cells: Vec<String> = found.iter().map(cell).collect();
    format!("| {} | {people} | {} |\n", words.group(column, group), cells.join(" | "))
}
