//! `narcissus audit`: whom the mirror fails, and what it makes of a verdict.

use crate::options::Global;
use crate::output::{self, OutputDir};
use anyhow::{Context, ensure};
use audit::{Audit, Audits, Counterfactual, Subjects, Words, counterfactual, page};
use clap::Args;
use mirror::engine::Mirror;
use mirror::pack::{AUDIT_FILE, CARD_FILE, Pack};
use std::path::{Path, PathBuf};

const HELP: &str = "\
The table (--table) needs the column file: a picture's path from the folder on. The columns age
(years) and gender (F or M) are what the mirror's judgements are held against. Every column with at
most twelve different words sorts people into groups, and so do age and year; so do the lightness
and the hue of the skin in the picture, which are measured. The table may be as a spreadsheet saves it.

Each group is compared with everybody else of whom the same is known: Fisher's exact test of shares,
Welch's of means, all of them together by Benjamini and Hochberg. Of fewer than twenty people nothing
is said. OUT/ gets audit.json, audit.csv and audit.LANGUAGE.html, to be printed on A4.

Without a table, people are sorted by what is measured alone. Without --pictures, the members of the
pack's own archive are audited: numbers, no photographs.

Examples:
    narcissus audit                                                        of the pack's own archive
    narcissus audit --pictures portraits/ --table people.csv --out audit
    narcissus audit --pictures portraits/ --table people.csv --by gender --out audit
    narcissus audit --counterfactual --out womanhood                       what it makes of a verdict
    narcissus audit --pack my-pack --keep archive                          for the card and the label";

/// Measure whom the mirror fails: group by group, what it judges and what comes back.
///
/// Of each group it says how often a face is found, how far the judged age lies from the true one, how often the judged gender is the
/// recorded one, how much of a face its reflection keeps, and how sure each figure is. Nothing is sent anywhere; the pages hold figures, no
/// photographs.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct AuditArgs {
    /// A folder of pictures, each of one person
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// A table that says of each picture whom it shows
    #[arg(long, value_name = "CSV", requires = "pictures")]
    table: Option<PathBuf>,
    /// Only these columns of the table sort people
    #[arg(long, num_args = 1.., value_name = "COLUMN", requires = "table")]
    by: Vec<String>,
    /// At most so many people, evenly spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    people: Option<u32>,
    /// Looks at each reflection after which the mirror asks for more of what is missing; the live mirror does without
    #[arg(long, default_value_t = mirror::engine::LOOKS, value_name = "N")]
    looks: usize,
    /// Change only the verdict on gender or age, and measure what moves with it, in place of an audit
    #[arg(long, requires = "out", conflicts_with = "keep")]
    counterfactual: bool,
    /// Folder for the pages and tables
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep the audit in the pack (--pack DIR) under this name: its card and its label take their figures from there
    #[arg(long, value_name = "NAME")]
    keep: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(options: &AuditArgs, global: &Global) -> anyhow::Result<()> {
    let out = options.out.as_deref().map(OutputDir::open).transpose()?;
    let keep = options.keep.as_deref().map(|name| Ok::<_, anyhow::Error>((name, pack_folder(global)?))).transpose()?;
    let pack = global.open_pack()?;
    let mirror = Mirror::new(&pack)?;
    let mut subjects = match (&options.pictures, &options.table) {
        (Some(folder), Some(table)) => Subjects::of_pictures(folder, table, &options.by)?,
        (Some(folder), None) => Subjects::of_folder(folder)?,
        (None, _) => Subjects::of_pack(&pack)?,
    };
    if let Some(most) = options.people {
        subjects.keep(most as usize);
    }
    if let (true, Some(out)) = (options.counterfactual, &out) {
        return study(options, &mirror, &pack, &subjects, out);
    }

    let audit = Audit::run(&mirror, &pack, &subjects, options.looks)?;
    if let Some(out) = &out {
        out.write("audit.json", &serde_json::to_vec_pretty(&audit)?)?;
        out.write("audit.csv", &audit.to_csv()?)?;
        for words in Words::all() {
            out.write(&page::file_name(words.language()), page::html(&audit, &words).as_bytes())?;
        }
    }
    if options.json {
        output::print_line(&serde_json::to_string(&audit)?)?;
    } else {
        print(&audit)?;
    }
    if let Some((name, folder)) = keep {
        keep_in(folder, name, audit)?;
    }
    Ok(())
}

/// The folder of the pack in use, to write into.
fn pack_folder(global: &Global) -> anyhow::Result<&Path> {
    let folder = global.pack.as_deref().filter(|path| path.is_dir());
    folder.context("the audit can be kept only in a pack's folder\nhint: name it, --pack DIR")
}

/// What stands out, a line each.
fn print(audit: &Audit) -> anyhow::Result<()> {
    let words = Words::of("en").context("the texts have English")?;
    output::print_line(&words.who(audit))?;
    for overall in &audit.overall {
        let (measure, figure) = (words.measure(overall.measure), words.figure(overall.measure, &overall.figure));
        output::print_line(&format_args!("  {measure:40} {figure}"))?;
    }
    let found = audit.differences();
    match found.len() {
        0 => output::print_line(&words.say("nothing_stands_out", &[]))?,
        n => output::print_line(&format_args!("{n} differences stand out:"))?,
    }
    for c in found {
        let q = c.q.unwrap_or(1.0);
        output::print_line(&format_args!("  {} ({} people, q {q:.1e})", words.sentence(c), c.figure.people))?;
    }
    Ok(())
}

/// Writes the audit into a pack beside those of other names, its figures into the card, and seals the pack.
fn keep_in(folder: &Path, name: &str, audit: Audit) -> anyhow::Result<()> {
    let mut audits = Audits::of(&Pack::load(folder)?)?;
    audits.0.insert(name.to_owned(), audit);
    output::write_atomically(&folder.join(AUDIT_FILE), &audits.to_bytes()?)?;
    let card = folder.join(CARD_FILE);
    if let Ok(text) = std::fs::read_to_string(&card) {
        output::write_atomically(&card, audits.in_card(&text).as_bytes())?;
    }
    mirror::pack::seal(folder)?;
    eprintln!("kept as \"{name}\" in {}", folder.display());
    Ok(())
}

fn study(
    options: &AuditArgs,
    mirror: &Mirror,
    pack: &Pack,
    subjects: &Subjects,
    out: &OutputDir,
) -> anyhow::Result<()> {
    ensure!(options.by.is_empty(), "--by sorts people into groups: --counterfactual compares nobody with others");
    let study = Counterfactual::run(mirror, &pack.manifest().name, subjects)?;
    for change in &study.changes {
        for (side, face) in change.faces.iter().enumerate() {
            out.write(&counterfactual::picture_name(change, side), &face.to_png())?;
        }
    }
    let json = serde_json::to_vec_pretty(&study)?;
    out.write("counterfactual.json", &json)?;
    for words in Words::all() {
        let page = counterfactual::html(&study, &words);
        out.write(&counterfactual::file_name(words.language()), page.as_bytes())?;
    }
    if options.json {
        return output::print_line(&serde_json::to_string(&study)?);
    }

    let words = Words::of("en").context("the texts have English")?;
    for change in &study.changes {
        let how = words.say(if change.held { "cf_held" } else { "cf_free" }, &[]);
        let [from, to] = change.values;
        output::print_line(&format_args!("{} from {from} to {to}, {how}:", change.verdict.name()))?;
        for moved in change.moved.iter().filter(|m| m.stands_out) {
            let audit::Figure { value, low, high, .. } = moved.figure;
            output::print_line(&format_args!(
                "  {:28} {value:+.2} ({low:+.2} to {high:+.2})",
                words.feature(&moved.feature)
            ))?;
        }
    }
    Ok(())
}
