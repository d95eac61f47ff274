//! `narcissus select`: which few numbers of a face say most.

pub mod expressions;
pub mod nu_svc;
pub mod order;
pub mod paper;

use crate::inverter::pairs::Pairs;
use crate::progress::bar;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use expressions::Expressions;
use frame::draw::Chart;
use mirror::engine::Eyes;
use mirror::features::greedy;
use mirror::features::spatial::{CANDIDATES, Spatial};
use mirror::generator::{Generator, Painter};
use mirror::pack::{Net, Pack};
use nn::Rng;
use order::{Order, Target};
use paper::{Problem, Rules, Selection};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the features are chosen for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Protocol {
    /// Telling expressions apart, as Gacav, Benligiray and Topal (2017): pairs of faces, nu-SVC, forward selection
    Paper,
    /// Telling what the generator drew: an order of all numbers that a mirror may take, the one that says most first
    Mirror,
}

/// Options of `narcissus select`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(after_long_help = "Examples:
    narcissus select --protocol paper                            nobody's faces: shows how it works
    narcissus select --protocol paper --pairs faces.csv --out selection.json
    narcissus select --protocol paper --ck-plus CK+ --relabel S999_001=fear
    narcissus select --protocol mirror --drawn runs/inverter/pairs.safetensors --curve curve.png")]
pub struct Options {
    /// What to choose for
    #[arg(long, value_enum, default_value_t = Protocol::Paper)]
    pub protocol: Protocol,
    /// A table without header: subject, label, x and y of the 68 points of the neutral face, then of the expressive one.
    /// Without --pairs and --ck-plus: 327 synthetic sequences
    #[arg(long, value_name = "CSV", conflicts_with = "ck_plus")]
    pub pairs: Option<PathBuf>,
    /// Your copy of CK+, which may not be passed on: the folder with `cohn-kanade-images` and `Emotion`
    #[arg(long, value_name = "DIR")]
    pub ck_plus: Option<PathBuf>,
    /// With --ck-plus: the label of a sequence that differs from the file's; may be repeated
    #[arg(long, value_name = "SEQUENCE=LABEL", value_parser = relabelled, requires = "ck_plus")]
    pub relabel: Vec<(String, String)>,
    /// Share of the samples that may lie within the margin
    #[arg(long, default_value_t = 0.1)]
    pub nu: f64,
    /// Share of each class's sequences to learn from in the search
    #[arg(long, default_value_t = 0.6)]
    pub share: f64,
    /// Try only so many pairs, drawn at random: fast, but may miss the best. Without it the search is exact
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample_pairs: Option<u64>,
    /// Mirror: the folder with the generator and the nets that look
    #[arg(long, value_name = "DIR", default_value = "packs/congress")]
    pub nets: PathBuf,
    /// Mirror: faces that `train inverter` drew; without them, new ones are drawn
    #[arg(long, value_name = "FILE")]
    pub drawn: Option<PathBuf>,
    /// Mirror: how many faces to draw
    #[arg(long, value_name = "N", default_value_t = 4000, conflicts_with = "drawn")]
    pub samples: usize,
    /// Mirror: what the numbers shall predict
    #[arg(long, value_enum, default_value_t = Target::Picture)]
    pub target: Target,
    /// Mirror: how many numbers to choose, at most
    #[arg(long, value_name = "N", default_value_t = 96)]
    pub count: usize,
    /// Mirror: draws what is explained against the number of numbers
    #[arg(long, value_name = "PNG")]
    pub curve: Option<PathBuf>,
    /// Seed of the split, of synthetic sequences, of sampled pairs and of drawn faces
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where to write the result, as JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

fn relabelled(text: &str) -> Result<(String, String), String> {
    let (sequence, label) = text.split_once('=').ok_or("expected SEQUENCE=LABEL, such as S999_001=fear")?;
    Ok((sequence.to_owned(), label.to_owned()))
}

/// What a search says.
#[derive(Debug, Serialize)]
struct Report {
    sequences: usize,
    classes: Vec<String>,
    selection: Selection,
    /// Such as `48-54/x`.
    names: Vec<String>,
    seconds: f64,
    /// `[truth][called]`, each subject judged by what the others teach.
    leave_one_subject_out: Vec<Vec<usize>>,
    accuracy: f64,
    mean_class_accuracy: f64,
}

/// Runs it.
///
/// # Errors
/// If the sequences cannot be read, a class is too small, or the result cannot be written.
pub fn run(options: &Options) -> Result<()> {
    anyhow::ensure!((0.1..=0.9).contains(&options.share), "--share: expected 0.1 to 0.9, found {}", options.share);
    // Before an hour's work.
    if let Some(folder) = options.out.as_deref().and_then(Path::parent).filter(|f| !f.as_os_str().is_empty()) {
        anyhow::ensure!(folder.is_dir(), "cannot write to {}: no such folder", folder.display());
    }
    let (text, json) = match options.protocol {
        Protocol::Paper => said(&paper(options)?)?,
        Protocol::Mirror => said(&mirror_protocol(options)?)?,
    };
    if let Some(path) = &options.out {
        host::write_atomically(path, json.as_bytes())?;
    }
    println!("{}", if options.json { json } else { text });
    Ok(())
}

/// A report for people and for programs.
fn said<R: Serialize + std::fmt::Display>(report: &R) -> Result<(String, String)> {
    Ok((report.to_string(), serde_json::to_string(report)?))
}

fn paper(options: &Options) -> Result<Report> {
    let expressions = match (&options.pairs, &options.ck_plus) {
        (Some(table), _) => Expressions::load_csv(table)?,
        (_, Some(folder)) => Expressions::load_ck_plus(folder, &Eyes::new(&Pack::embedded()?)?, &options.relabel)?,
        _ => Expressions::synthetic(options.seed),
    };
    paper_protocol(&expressions, options)
}

/// What the mirror's protocol says.
#[derive(Debug, Serialize)]
struct OrderReport {
    faces: usize,
    target: Target,
    order: Order,
    seconds: f64,
}

fn mirror_protocol(options: &Options) -> Result<OrderReport> {
    let pack = Pack::gather(&options.nets)?;
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let size = generator.config().latent_size;
    let pairs = match &options.drawn {
        Some(path) => Pairs::load(path, size)?,
        None => {
            let (eyes, painter) = (Eyes::new(&pack)?, Painter::new(&generator));
            let bar = bar(options.samples as u64, "faces");
            let mut pairs = Pairs::new(size, options.seed);
            while pairs.len() < options.samples {
                pairs.draw_more(&painter, &eyes, 64)?;
                bar.set_position(pairs.len() as u64);
            }
            bar.finish_and_clear();
            pairs
        }
    };
    let began = Instant::now();
    let order = order::of_pairs(&pairs, options.target, options.count)?;
    if let Some(path) = &options.curve {
        let points = order.explained.iter().enumerate().map(|(i, e)| [i as f32 + 1.0, *e]).collect();
        let (title, x_label) = ("share of what was drawn that the first numbers explain", "numbers");
        let series = vec![("explained".to_owned(), points)];
        let top = (order.explained.iter().fold(0.1f32, |m, e| m.max(*e)) * 10.0).ceil() / 10.0;
        Chart { title, x_label, y_range: [0.0, top], series }.draw(640, 400).save(path)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(OrderReport { faces: pairs.found().len(), target: options.target, order, seconds })
}

impl std::fmt::Display for OrderReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} faces, {} candidates, {:.1} s", self.faces, greedy::CANDIDATES, self.seconds)?;
        write!(f, "{:>4}  {:<14} {:>20}", "", "number", "explained so far, %")?;
        for (i, (number, explained)) in self.order.numbers.iter().zip(&self.order.explained).enumerate() {
            write!(f, "\n{:>4}  {:<14} {:>20.2}", i + 1, number.to_string(), 100.0 * explained)?;
        }
        Ok(())
    }
}

fn paper_protocol(expressions: &Expressions, options: &Options) -> Result<Report> {
    let rules = Rules { nu: options.nu, ..Rules::default() };
    let classes: Vec<String> = expressions.classes().into_iter().map(str::to_owned).collect();
    let labels = expressions.labels();
    let learn = paper::split(&labels, classes.len(), options.share, &mut Rng::new(options.seed));
    let all: Vec<usize> = (0..CANDIDATES).collect();
    let problem = Problem::new(&expressions.values(&all), &labels, classes.len(), &learn, rules)?;
    let began = Instant::now();
    let selection = paper::search(&problem, options.sample_pairs, options.seed);
    let seconds = began.elapsed().as_secs_f64();
    let confusion =
        paper::leave_one_subject_out(expressions, &selection.features, rules).context("leaving one subject out")?;
    let right: usize = confusion.iter().enumerate().map(|(c, row)| row[c]).sum();
    let name = |f: &usize| Spatial::at(*f).expect("a candidate").name();
    Ok(Report {
        sequences: labels.len(),
        names: selection.features.iter().map(name).collect(),
        accuracy: right as f64 / labels.len() as f64,
        mean_class_accuracy: paper::mean_class_accuracy(&confusion),
        leave_one_subject_out: confusion,
        classes,
        selection,
        seconds,
    })
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        writeln!(f, "{:>8}  {:<10} {:>22}", "feature", "landmarks", "mean class accuracy, %")?;
        for (i, (feature, name)) in s.features.iter().zip(&self.names).enumerate() {
            let score = i.checked_sub(1).map_or(String::new(), |i| format!("{:.1}", 100.0 * s.scores[i]));
            writeln!(f, "{feature:>8}  {name:<10} {score:>22}")?;
        }
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
