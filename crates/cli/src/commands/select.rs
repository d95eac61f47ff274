//! `narcissus select`: which few numbers of a face say most.

use crate::options::Global;
use crate::output::{print_line, write_atomically};
use anyhow::ensure;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use train::select::order::{self, OrderOptions, Target};
use train::select::paper::{self, PaperOptions, Sequences};

/// Choose the few numbers of a face that say most.
#[derive(Args, Debug)]
#[group(skip)]
#[command(after_long_help = "Examples:
    narcissus select --protocol paper                            nobody's faces: shows how it works
    narcissus select --protocol paper --pairs faces.csv --out selection.json
    narcissus select --protocol paper --ck-plus CK+ --relabel S999_001=fear
    narcissus select --protocol mirror                           of the pack's generator
    narcissus select --protocol mirror --drawn runs/inverter/pairs.safetensors --curve curve.png")]
pub struct SelectArgs {
    /// What to choose for
    #[arg(long, value_enum, default_value_t = Protocol::Paper)]
    protocol: Protocol,
    /// A table without header: subject, label, x and y of the 68 points of the neutral face, then of the expressive one.
    /// Without --pairs and --ck-plus: 327 synthetic sequences
    #[arg(long, value_name = "CSV", conflicts_with = "ck_plus")]
    pairs: Option<PathBuf>,
    /// Your copy of CK+, which may not be passed on: the folder with `cohn-kanade-images` and `Emotion`
    #[arg(long, value_name = "DIR")]
    ck_plus: Option<PathBuf>,
    /// With --ck-plus: the label of a sequence that differs from the file's; may be repeated
    #[arg(long, value_name = "SEQUENCE=LABEL", value_parser = relabelled, requires = "ck_plus")]
    relabel: Vec<(String, String)>,
    /// Share of the samples that may lie within the margin
    #[arg(long, default_value_t = 0.1)]
    nu: f64,
    /// Share of each class's sequences to learn from in the search
    #[arg(long, default_value_t = 0.6)]
    share: f64,
    /// Try only so many pairs, drawn at random: fast, but may miss the best. Without it the search is exact
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample_pairs: Option<u64>,
    /// Mirror: faces that `train inverter` drew; without them, new ones are drawn
    #[arg(long, value_name = "FILE")]
    drawn: Option<PathBuf>,
    /// Mirror: how many faces to draw
    #[arg(long, value_name = "N", default_value_t = 4000, conflicts_with = "drawn")]
    samples: usize,
    /// Mirror: what the numbers shall predict
    #[arg(long, value_enum, default_value_t = TargetName::Picture)]
    target: TargetName,
    /// Mirror: how many numbers to choose, at most
    #[arg(long, value_name = "N", default_value_t = 96)]
    count: usize,
    /// Mirror: draws what is explained against the number of numbers
    #[arg(long, value_name = "PNG")]
    curve: Option<PathBuf>,
    /// Seed of the split, of synthetic sequences, of sampled pairs and of drawn faces
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write the result, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What the features are chosen for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    /// Telling expressions apart, as Gacav, Benligiray and Topal (2017): pairs of faces, nu-SVC, forward selection
    Paper,
    /// Telling what the generator drew: an order of all numbers that a mirror may take, the one that says most first
    Mirror,
}

/// What the numbers shall predict.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TargetName {
    /// Where the face lies in the generator's space
    Latent,
    /// What the generator draws, 16 x 16 pixels of it
    Picture,
}

/// Runs it.
pub fn run(options: &SelectArgs, global: &Global) -> anyhow::Result<()> {
    // Before an hour's work.
    if let Some(folder) = options.out.as_deref().and_then(Path::parent).filter(|f| !f.as_os_str().is_empty()) {
        ensure!(folder.is_dir(), "cannot write to {}: no such folder", folder.display());
    }
    let (text, json) = match options.protocol {
        Protocol::Paper => texts(&paper::run(&options.paper())?)?,
        Protocol::Mirror => texts(&order::run(&global.open_pack()?, &options.order())?)?,
    };
    if let Some(path) = &options.out {
        write_atomically(path, json.as_bytes())?;
    }
    print_line(if options.json { &json } else { &text })
}

/// A report for people and for programs.
fn texts<R: serde::Serialize + std::fmt::Display>(report: &R) -> anyhow::Result<(String, String)> {
    Ok((report.to_string(), serde_json::to_string(report)?))
}

impl SelectArgs {
    fn paper(&self) -> PaperOptions {
        let sequences = match (&self.pairs, &self.ck_plus) {
            (Some(table), _) => Sequences::Table(table.clone()),
            (_, Some(folder)) => Sequences::CkPlus { folder: folder.clone(), relabelled: self.relabel.clone() },
            _ => Sequences::Synthetic,
        };
        let Self { nu, share, sample_pairs, seed, .. } = *self;
        PaperOptions { sequences, nu, share, sample_pairs, seed }
    }

    fn order(&self) -> OrderOptions {
        OrderOptions {
            drawn: self.drawn.clone(),
            samples: self.samples,
            target: match self.target {
                TargetName::Latent => Target::Latent,
                TargetName::Picture => Target::Picture,
            },
            count: self.count,
            curve: self.curve.clone(),
            seed: self.seed,
        }
    }
}

fn relabelled(text: &str) -> Result<(String, String), String> {
    let (sequence, label) = text.split_once('=').ok_or("expected SEQUENCE=LABEL, such as S999_001=fear")?;
    Ok((sequence.to_owned(), label.to_owned()))
}
