//! `narcissus label`: what hangs beside the mirror.

use crate::browser;
use crate::failures;
use crate::options::Global;
use crate::output::OutputDir;
use anyhow::Context;
use audit::{Audits, LANGUAGES, Words, label};
use clap::Args;
use std::path::{Path, PathBuf};

const HELP: &str = "\
The label takes every figure from the audits that the pack keeps of itself (`narcissus audit --keep`).

Examples:
    narcissus label --out label
    narcissus label --language de fr --answers museum@example.org --out label";

/// Write the exhibit's label, A5: what the mirror is, whose faces, whom it fails, what is not stored.
///
/// It also says by which right the faces were used, and who answers questions. A page for each language, to be printed; as PDF, too, where this computer has a browser of Chromium's kind.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct LabelArgs {
    /// Folder for the labels
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only in these languages
    #[arg(long, num_args = 1.., value_name = "LANGUAGE", value_parser = LANGUAGES)]
    language: Vec<String>,
    /// Who answers questions about it, and where; without, there is a line to write it on
    #[arg(long, value_name = "TEXT")]
    answers: Option<String>,
}

/// Runs it.
pub fn run(options: &LabelArgs, global: &Global) -> anyhow::Result<()> {
    let out = OutputDir::open(&options.out)?;
    let pack = global.open_pack()?;
    let audits = Audits::of(&pack)?;
    for name in audits.stale(&pack) {
        eprintln!(
            "note: the audit \"{name}\" was made with other nets than the pack's; make it again with `narcissus audit --keep`"
        );
    }

    let mut printer = browser::printer();
    if printer.is_none() {
        eprintln!("note: no browser of Chromium's kind is here to make PDF of it; any browser prints the pages");
    }
    let is_wanted = |w: &Words| options.language.is_empty() || options.language.iter().any(|l| l == w.language());
    for words in Words::all().filter(is_wanted) {
        let name = label::file_name(words.language());
        out.write(&name, label::html(pack.manifest(), &audits, options.answers.as_deref(), &words).as_bytes())?;
        if let Some(browser) = &printer
            && let Err(error) = print(browser, &out, &name)
        {
            eprintln!("note: no PDF: {}", failures::one_line(&error));
            printer = None;
        }
    }
    eprintln!("in {}", options.out.display());
    Ok(())
}

/// Makes the PDF of a page beside it.
fn print(browser: &Path, out: &OutputDir, page: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let pdf = browser::print_to_pdf(browser, &out.file(page), folder.path())?;
    out.write(&page.replace(".html", ".pdf"), &pdf)
}
