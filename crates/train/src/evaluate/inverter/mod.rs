//! Measures what is left of a face in its reflection, by the true chain: draw, detect, measure.
//!
//! Samples: features of fresh pictures of the generator go through the inverter, the picture that comes out is
//! looked at again. Visitors: the same for photographs of people, whose features are compared by how unusual they
//! are, each among their own. With the pairs that the inverter learned from, other models learn from them too and stand in the same table.

mod figures;

use super::interval;
use crate::data::data_root;
use crate::inverter::models::{Forest, Mlp, Model, Neighbours, Original, Ridge, Scored};
use crate::inverter::pairs::{Pairs, Table, look_at, random_latents};
use crate::progress::bar;
use anyhow::{Context, Result};
use figures::{Faces, Figures, Judge, diversity};
use frame::Image;
use frame::draw::Chart;
use mirror::engine::{Eyes, Observation, nearest};
use mirror::features::{FeatureVector, Group};
use mirror::generator::{Generator, Painter, grid};
use mirror::inverter::{Dial, Inverter, Population};
use mirror::latent::Latent;
use mirror::pack::{Net, Pack};
use nn::Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Command-line options.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
    narcissus evaluate inverter
    narcissus evaluate inverter --pairs runs/inverter/pairs.safetensors --curve curve.png      beside other models
    narcissus evaluate inverter --features 8                                                  by eight numbers")]
pub struct Options {
    /// Folder with `eval/visitors` [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder with the generator, the inverter and the nets that look
    #[arg(long, default_value = "packs/congress")]
    nets: PathBuf,
    /// Another inverter than the one in --nets
    #[arg(long, value_name = "WEIGHTS")]
    weights: Option<PathBuf>,
    /// The pairs that `train inverter` drew: other models learn from them and are measured beside the mirror's
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Also the original's model, as reference/train_sklearn_mlp.py writes it
    #[arg(long, value_name = "FILE")]
    original: Option<PathBuf>,
    /// By only so many numbers of each face, those that say most
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// Draws what every model keeps against the number of features; with --pairs that of the other models, too
    #[arg(long, value_name = "PNG")]
    curve: Option<PathBuf>,
    /// Fresh samples
    #[arg(long, default_value_t = 400)]
    samples: usize,
    /// Start of the random numbers; not that of the training
    #[arg(long, default_value_t = 1_000_003)]
    seed: u64,
    /// Another individuality than the one in the weights
    #[arg(long)]
    individuality: Option<f32>,
    /// Another number of gradient steps than the one in the weights
    #[arg(long)]
    refine_steps: Option<usize>,
    /// Writes visitors and each model's reflections below one another; the pictures show people
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    samples: Judged,
    visitors: Judged,
    /// Mean distance of two free samples, for comparison with the populations' diversity.
    diversity_of_free_samples: f32,
    invert_median_ms: f32,
    curve: Vec<Curve>,
}

#[derive(Serialize)]
struct Judged {
    looked_at: usize,
    with_a_face: usize,
    /// Median of [`Inverter::distance_from_archive`].
    distance_from_archive: f32,
    /// The mirror's first.
    models: Vec<Figures>,
}

/// What samples keep by the first few numbers.
#[derive(Serialize)]
struct Curve {
    numbers: usize,
    figures: Figures,
}

/// Measures and prints.
///
/// # Errors
/// If nets or data cannot be read, or the sheet or the curve cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let judge = judge(options)?;
    let size = judge.inverter.config().latent_size;
    let table = match &options.pairs {
        Some(path) => Some(Pairs::load(path, size)?.scored(&judge.inverter).split(10)),
        None => None,
    };
    let original = match &options.original {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            Some(Original::from_bytes(&bytes, size).with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let numbers = options.features.unwrap_or(usize::MAX).min(judge.inverter.order().len());
    let dial = Dial::first(numbers);
    let mut models: Vec<Box<dyn Model + '_>> = Vec::new();
    if let Some((train, held)) = &table {
        models = others(&judge.inverter, train, held, numbers, &HIDDEN)?;
    }
    if let Some(original) = original {
        models.push(Box::new(original));
    }

    let fresh = random_latents(options.samples, size, &mut Rng::new(options.seed));
    let fresh: Vec<Latent> = fresh.chunks_exact(size).map(|l| Latent::new(l.to_vec())).collect();
    let drawn = judge.painter.paint_all(&fresh);
    let seen = look_at(&drawn, &judge.eyes)?;
    let samples: Vec<FeatureVector> = seen.into_iter().flatten().map(|s| s.features).collect();

    let photographs = photographs(&data_root(options.data.as_deref())?.join("eval/visitors"))?;
    let seen: Vec<Option<Observation>> =
        photographs.par_iter().map(|p| Ok(nearest(judge.eyes.analyse(p)?))).collect::<Result<_>>()?;
    let (shown, visitors): (Vec<&Image>, Vec<FeatureVector>) =
        photographs.iter().zip(seen).filter_map(|(p, s)| Some((p, s?.features))).unzip();

    let judged = |features: &[FeatureVector], population, looked_at| -> Result<Judged> {
        let faces = Faces { features, population };
        let bar = bar(models.len() as u64 + 1, "models");
        let measure = |m: &dyn Model| judge.figures(m, &faces, &dial).inspect(|_| bar.inc(1));
        let models = with_own(&judge, &models).map(measure).collect::<Result<_>>()?;
        bar.finish_and_clear();
        let distances: Vec<f32> = features.iter().map(|f| judge.inverter.distance_from_archive(f)).collect();
        let distance_from_archive = interval::median(&distances);
        Ok(Judged { looked_at, with_a_face: features.len(), distance_from_archive, models })
    };
    let report = Report {
        samples: judged(&samples, Population::Samples, options.samples)?,
        visitors: judged(&visitors, Population::Visitors, photographs.len())?,
        diversity_of_free_samples: diversity(&drawn),
        invert_median_ms: invert_median_ms(&judge.inverter, &samples),
        curve: match &options.curve {
            Some(_) => curve(&judge, &samples, table.as_ref())?,
            None => Vec::new(),
        },
    };
    if let Some(path) = &options.curve {
        draw_curve(&report.curve).save(path)?;
    }
    if let Some(path) = &options.sheet {
        sheet(&judge, &models, &shown, &visitors, &dial).save(path)?;
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn judge(options: &Options) -> Result<Judge> {
    let pack = Pack::gather(&options.nets)?;
    let eyes = Eyes::new(&pack)?;
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let mut inverter = match &options.weights {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            Inverter::from_weights(&bytes).with_context(|| path.display().to_string())?
        }
        None => pack.open(Net::Inverter, Inverter::from_weights)?,
    };
    anyhow::ensure!(
        inverter.config().latent_size == generator.config().latent_size,
        "the inverter is one of another generator"
    );
    if let Some(individuality) = options.individuality {
        anyhow::ensure!((0.0..=1.0).contains(&individuality), "--individuality must lie between 0 and 1");
        inverter.set_individuality(individuality);
    }
    if let Some(steps) = options.refine_steps {
        inverter.set_refine_steps(steps);
    }
    Ok(Judge { eyes, painter: Painter::new(&generator), inverter })
}

/// Hidden layers of the original's multilayer perceptrons.
const HIDDEN: [&[usize]; 4] = [&[64], &[128, 128], &[256, 256], &[512, 512]];
/// Those of its best.
const BEST: &[usize] = &[256, 256];

/// The mirror's own model, then others.
fn with_own<'a>(judge: &'a Judge, others: &'a [Box<dyn Model + 'a>]) -> impl Iterator<Item = &'a dyn Model> {
    std::iter::once(&judge.inverter as &dyn Model).chain(others.iter().map(|m| m.as_ref()))
}

/// The other models, taught with the first `numbers`; a multilayer perceptron for each choice of hidden layers.
fn others<'a>(
    inverter: &'a Inverter,
    train: &'a Table,
    held: &Table,
    numbers: usize,
    hidden: &[&[usize]],
) -> Result<Vec<Box<dyn Model + 'a>>> {
    anyhow::ensure!(!train.found().is_empty(), "no pair with a face");
    let mut models: Vec<Box<dyn Model + 'a>> = vec![
        Box::new(Scored { model: Ridge::fit(train, held, numbers)?, numbers, inverter }),
        Box::new(Scored { model: Neighbours::fit(train, numbers), numbers, inverter }),
        Box::new(Scored { model: Forest::fit(train, numbers)?, numbers, inverter }),
    ];
    for hidden in hidden {
        let model = Mlp::fit(train, held, numbers, hidden, 1);
        models.push(Box::new(Scored { model, numbers, inverter }));
    }
    Ok(models)
}

/// What samples keep by 1, 2, 4, ... numbers and by all of them.
fn curve(judge: &Judge, samples: &[FeatureVector], table: Option<&(Table, Table)>) -> Result<Vec<Curve>> {
    let all = judge.inverter.order().len();
    let steps: Vec<usize> = (0..).map(|i| 1 << i).take_while(|n| *n < all).chain([all]).collect();
    let faces = Faces { features: samples, population: Population::Samples };
    let bar = bar(steps.len() as u64, "numbers");
    let mut points = Vec::new();
    for numbers in steps {
        let others = match table {
            // Of the perceptrons one: the curve shall be read.
            Some((train, held)) => others(&judge.inverter, train, held, numbers, &[BEST])?,
            None => Vec::new(),
        };
        let dial = Dial::first(numbers);
        for model in with_own(judge, &others) {
            points.push(Curve { numbers, figures: judge.figures(model, &faces, &dial)? });
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(points)
}

fn draw_curve(curve: &[Curve]) -> Image {
    let mut series: Vec<(String, Vec<[f32; 2]>)> = Vec::new();
    for Curve { numbers, figures } in curve {
        let point = [*numbers as f32, figures.mean_correlation];
        match series.iter_mut().find(|s| s.0 == figures.model) {
            Some((_, points)) => points.push(point),
            None => series.push((figures.model.clone(), vec![point])),
        }
    }
    let title = "what came against what was asked: correlation, mean over the groups";
    let x_label = "numbers taken of each face";
    Chart { title, x_label, y_range: [0.0, 1.0], series }.draw(760, 420)
}

fn invert_median_ms(inverter: &Inverter, features: &[FeatureVector]) -> f32 {
    let timed = features.iter().take(200).map(|f| {
        let began = Instant::now();
        std::hint::black_box(inverter.invert(f, &Dial::default()));
        began.elapsed().as_secs_f32() * 1e3
    });
    interval::median(&timed.collect::<Vec<f32>>())
}

/// Rows of ten: visitors, then each model's reflections of them.
fn sheet(
    judge: &Judge,
    models: &[Box<dyn Model + '_>],
    shown: &[&Image],
    visitors: &[FeatureVector],
    dial: &Dial,
) -> Image {
    const SIDE: usize = 128;
    let fit = |image: &Image| {
        let mut square = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
        let scale = image.width.max(image.height) as f32 / SIDE as f32;
        let offset = |s: usize| (s as f32 - SIDE as f32 * scale) / 2.0;
        let m = [[scale, 0.0, offset(image.width)], [0.0, scale, offset(image.height)]];
        kernels::warp_affine(&image.data, (image.width, image.height), &mut square.data, (SIDE, SIDE), m);
        square
    };
    let mut rows: Vec<Vec<Image>> = vec![shown.iter().map(|p| fit(p)).collect()];
    for model in with_own(judge, models) {
        let latents: Vec<Latent> = visitors.iter().map(|f| model.invert(f, Population::Visitors, dial)).collect();
        rows.push(judge.painter.paint_all(&latents).iter().map(fit).collect());
    }
    let black = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
    let mut cells = Vec::new();
    for start in (0..shown.len()).step_by(10) {
        for row in &rows {
            cells.extend((start..start + 10).map(|i| row.get(i).unwrap_or(&black).clone()));
        }
    }
    grid(&cells, 10)
}

fn photographs(folder: &Path) -> Result<Vec<Image>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jpg" || e == "png"));
    paths.sort();
    paths.par_iter().map(|p| Image::load(p).with_context(|| p.display().to_string())).collect()
}

fn print(report: &Report) {
    for (name, p) in [("samples", &report.samples), ("visitors", &report.visitors)] {
        println!(
            "{name}: {} of {} with a face, distance from the archive {:.2}",
            p.with_a_face, p.looked_at, p.distance_from_archive
        );
        let mirror = &p.models[0];
        println!("  share of variance kept (95 % interval), and correlation of what came with what was asked");
        for group in Group::ALL.map(Group::name) {
            let kept = &mirror.kept[group];
            println!(
                "  {group:<10} {:5.2} ({:.2} to {:.2})   r {:.2}",
                kept.value, kept.interval.0, kept.interval.1, mirror.correlation[group]
            );
        }
        print!("  {:<24}", "kept | r by model");
        Group::ALL.iter().for_each(|g| print!("{:>14}", g.name()));
        println!("{:>8}{:>8}{:>10}", "faces", "mean r", "distance");
        for m in &p.models {
            print!("  {:<24}", m.model);
            for group in Group::ALL.map(Group::name) {
                print!("{:>7.2} |{:5.2}", m.kept[group].value, m.correlation[group]);
            }
            println!("{:>6.0} %{:>8.2}{:>10.1}", 100.0 * m.reflections_with_a_face, m.mean_correlation, m.diversity);
        }
    }
    println!(
        "distance of two free samples {:.1}; one inversion {:.2} ms",
        report.diversity_of_free_samples, report.invert_median_ms
    );
    if !report.curve.is_empty() {
        println!("mean correlation by the numbers taken of each face (samples):");
        report.curve.iter().for_each(|c| {
            println!("  {:>4} {:<24} {:.2}", c.numbers, c.figures.model, c.figures.mean_correlation);
        });
    }
}
