//! Measures what is left of a face in its reflection, by the true chain: draw, detect, measure.
//!
//! Samples: features of fresh pictures of the generator go through the inverter, the picture that comes out is
//! looked at again. Visitors: the same for people, of the pack's table or in pictures, whose features are compared by how unusual
//! they are, each among their own. With the pairs that the inverter learned from, other models learn from them too and stand in the same table.

mod fidelity;
mod figures;
mod report;
mod retrieval;
mod sheet;

pub use fidelity::{Fidelity, MouthFidelity, SkinFidelity};
pub use figures::{KeptShare, ModelFigures};
pub use report::{CurvePoint, InverterReport, PopulationReport};
pub use retrieval::{Retrieval, is_in_nearest_fifth, not_given, share_nearer};

use super::{open, read};
use crate::inverter::models::{Forest, Mlp, Model, Neighbours, Original, Ridge, Scored};
use crate::inverter::pairs::{Pairs, ScoredPairs, analyse_pictures, random_latents};
use crate::inverter::visitors::faces_in;
use crate::runs::bar;
use crate::statistics::median;
use anyhow::{Context, Result, ensure};
use figures::{Faces, Judge, diversity};
use frame::Image;
use mirror::engine::{Eyes, LOOKS, Reader};
use mirror::features::FeatureVector;
use mirror::generator::{Generator, Painter};
use mirror::inverter::{FeatureSelection, Inverter, Population};
use mirror::latent::Latent;
use mirror::pack::{Net, Pack};
use nn::Rng;
use std::path::PathBuf;
use std::time::Instant;

/// What is measured, and beside what.
#[derive(Clone, Debug)]
pub struct InverterEvaluation {
    /// Pictures of people from whom nothing learned; `None`: those people of the pack's table who are there to measure on.
    pub visitors: Option<Vec<PathBuf>>,
    /// Another inverter than the pack's.
    pub weights: Option<PathBuf>,
    /// The pairs that the inverter learned from: other models learn from them and are measured beside the mirror's.
    pub pairs: Option<PathBuf>,
    /// Also the original's model, as `reference/train_sklearn_mlp.py` writes it.
    pub original: Option<PathBuf>,
    /// By only so many numbers of each face, those that say most.
    pub features: Option<usize>,
    /// Draws what every model keeps against the number of features; with `pairs` that of the other models, too.
    pub curve: Option<PathBuf>,
    /// Fresh samples.
    pub samples: usize,
    /// Start of the random numbers; not that of the training.
    pub seed: u64,
    /// Another individuality than the one in the weights.
    pub individuality: Option<f32>,
    /// Another number of gradient steps than the one in the weights.
    pub refine_steps: Option<usize>,
    /// Looks after which the mirror asks for more; see [`mirror::engine::settle`].
    pub looks: usize,
    /// Writes visitors and each model's reflections below one another; needs `visitors`, and shows them.
    pub sheet: Option<PathBuf>,
}

impl Default for InverterEvaluation {
    fn default() -> Self {
        Self {
            visitors: None,
            weights: None,
            pairs: None,
            original: None,
            features: None,
            curve: None,
            samples: 400,
            seed: 1_000_003,
            individuality: None,
            refine_steps: None,
            looks: LOOKS,
            sheet: None,
        }
    }
}

/// Measures the inverter of a pack.
///
/// # Errors
/// If nets or data cannot be read, there are too few visitors, or the sheet or the curve cannot be written.
pub fn run(pack: &Pack, options: &InverterEvaluation) -> Result<InverterReport> {
    ensure!(
        options.sheet.is_none() || options.visitors.is_some(),
        "--sheet shows people, of whom the pack has numbers only\nhint: name a folder with pictures of people, --visitors DIR"
    );
    let judge = judge(pack, options)?;
    let visitors = Visitors::of(pack, judge.reader.eyes(), options.visitors.as_deref())?;
    let size = judge.reader.inverter().config().latent_size;
    let numbers = options.features.unwrap_or(usize::MAX).min(judge.reader.inverter().order().len());
    let selection = FeatureSelection::first(numbers);

    // The models beside the mirror's own.
    let table = match &options.pairs {
        Some(path) => Some(Pairs::of_pack(path, pack)?.scored(judge.reader.inverter()).split(10)),
        None => None,
    };
    let mut models: Vec<Box<dyn Model + '_>> = Vec::new();
    if let Some((train, held)) = &table {
        models = others(judge.reader.inverter(), train, held, numbers, &HIDDEN)?;
    }
    if let Some(path) = &options.original {
        let original = Original::from_bytes(&read(path)?, size).with_context(|| path.display().to_string())?;
        models.push(Box::new(original));
    }

    // The faces that they reflect.
    let (drawn, samples) = fresh_samples(&judge, options)?;
    let measured = |features: &[FeatureVector], population, who, looked_at| {
        measure(&judge, &models, &Faces { features, population }, (who, looked_at), &selection)
    };
    let report = InverterReport {
        samples: measured(&samples, Population::Samples, "pictures of the generator", options.samples)?,
        visitors: measured(&visitors.features, Population::Visitors, visitors.who, visitors.looked_at)?,
        diversity_of_free_samples: diversity(&drawn),
        invert_median_ms: invert_median_ms(judge.reader.inverter(), &samples),
        curve: match &options.curve {
            Some(_) => curve(&judge, &samples, table.as_ref())?,
            None => Vec::new(),
        },
    };
    if let Some(path) = &options.curve {
        sheet::draw_curve(&report.curve).save(path)?;
    }
    if let Some(path) = &options.sheet {
        sheet::sheet(&judge, &models, &visitors.shown, &visitors.features, &selection).save(path)?;
    }
    Ok(report)
}

/// People whose reflections are measured.
struct Visitors {
    /// Where they come from.
    who: &'static str,
    features: Vec<FeatureVector>,
    /// A small picture of each; none for people of the pack's table.
    shown: Vec<Image>,
    /// Pictures, or rows of the table.
    looked_at: usize,
}

impl Visitors {
    /// Those in the pictures; without pictures, those of the pack's table.
    fn of(pack: &Pack, eyes: &Eyes, pictures: Option<&[PathBuf]>) -> Result<Self> {
        let visitors = match pictures {
            None => {
                let features = pack.visitors()?.measured;
                let looked_at = features.len();
                Self { who: "people of the pack's table", features, shown: Vec::new(), looked_at }
            }
            Some(pictures) => {
                let faces = faces_in(pictures, eyes, |picture, features| (features, sheet::fit(picture)))?;
                let (features, shown) = faces.into_iter().unzip();
                Self { who: "people in pictures", features, shown, looked_at: pictures.len() }
            }
        };
        let (faces, looked_at) = (visitors.features.len(), visitors.looked_at);
        ensure!(faces >= 2, "visitors, {}: a face in {faces} of {looked_at}, too few to measure", visitors.who);
        Ok(visitors)
    }
}

/// Pictures that the generator draws of random latents, and the features of those with a face.
fn fresh_samples(judge: &Judge, options: &InverterEvaluation) -> Result<(Vec<Image>, Vec<FeatureVector>)> {
    let size = judge.reader.inverter().config().latent_size;
    let latents = random_latents(options.samples, size, &mut Rng::new(options.seed));
    let latents: Vec<Latent> = latents.chunks_exact(size).map(|l| Latent::new(l.to_vec())).collect();
    let drawn = judge.painter.paint_all(&latents);
    let seen = analyse_pictures(&drawn, judge.reader.eyes())?;
    Ok((drawn, seen.into_iter().flatten().map(|s| s.features).collect()))
}

/// What every model keeps of a population.
fn measure(
    judge: &Judge,
    models: &[Box<dyn Model + '_>],
    faces: &Faces,
    (who, looked_at): (&'static str, usize),
    selection: &FeatureSelection,
) -> Result<PopulationReport> {
    let bar = bar(models.len() as u64 + 1, "models");
    let figures = |m: &dyn Model| judge.figures(m, faces, selection).inspect(|_| bar.inc(1));
    let models = with_own(judge, models).map(figures).collect::<Result<_>>()?;
    bar.finish_and_clear();
    let distances: Vec<f32> = faces.features.iter().map(|f| judge.reader.inverter().distance_from_archive(f)).collect();
    let distance_from_archive = median(&distances);
    Ok(PopulationReport { who, looked_at, with_a_face: faces.features.len(), distance_from_archive, models })
}

/// The nets that draw, look and measure, with what the options change of them.
fn judge(pack: &Pack, options: &InverterEvaluation) -> Result<Judge> {
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let mut inverter = open(pack, Net::Inverter, options.weights.as_deref(), Inverter::from_weights)?;
    ensure!(
        inverter.config().latent_size == generator.config().latent_size,
        "the inverter is one of another generator"
    );

    if let Some(individuality) = options.individuality {
        ensure!((0.0..=1.0).contains(&individuality), "--individuality must lie between 0 and 1");
        inverter.set_individuality(individuality);
    }
    if let Some(steps) = options.refine_steps {
        inverter.set_refine_steps(steps);
    }
    let reader = Reader::of(Eyes::new(pack)?, inverter);
    Ok(Judge { reader, painter: Painter::new(&generator), looks: options.looks })
}

/// Hidden layers of the original's multilayer perceptrons.
const HIDDEN: [&[usize]; 4] = [&[64], &[128, 128], &[256, 256], &[512, 512]];
/// Those of its best.
const BEST: &[usize] = &[256, 256];

/// The mirror's own model, then others.
fn with_own<'a>(judge: &'a Judge, others: &'a [Box<dyn Model + 'a>]) -> impl Iterator<Item = &'a dyn Model> {
    std::iter::once(judge as &dyn Model).chain(others.iter().map(|m| m.as_ref()))
}

/// The other models, taught with the first `numbers`; a multilayer perceptron for each choice of hidden layers.
fn others<'a>(
    inverter: &'a Inverter,
    train: &'a ScoredPairs,
    held: &ScoredPairs,
    numbers: usize,
    hidden: &[&[usize]],
) -> Result<Vec<Box<dyn Model + 'a>>> {
    ensure!(!train.found().is_empty(), "no pair with a face");
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
fn curve(
    judge: &Judge,
    samples: &[FeatureVector],
    table: Option<&(ScoredPairs, ScoredPairs)>,
) -> Result<Vec<CurvePoint>> {
    let all = judge.reader.inverter().order().len();
    let steps: Vec<usize> = (0..).map(|i| 1 << i).take_while(|n| *n < all).chain([all]).collect();
    let faces = Faces { features: samples, population: Population::Samples };
    let bar = bar(steps.len() as u64, "numbers");
    let mut points = Vec::new();
    for numbers in steps {
        let others = match table {
            // Of the perceptrons one: the curve shall be read.
            Some((train, held)) => others(judge.reader.inverter(), train, held, numbers, &[BEST])?,
            None => Vec::new(),
        };
        let selection = FeatureSelection::first(numbers);
        for model in with_own(judge, &others) {
            points.push(CurvePoint { numbers, figures: judge.figures(model, &faces, &selection)? });
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(points)
}

/// Median time of an inversion.
fn invert_median_ms(inverter: &Inverter, features: &[FeatureVector]) -> f32 {
    let timed = features.iter().take(200).map(|f| {
        let began = Instant::now();
        std::hint::black_box(inverter.invert(f, &FeatureSelection::default()));
        began.elapsed().as_secs_f32() * 1e3
    });
    median(&timed.collect::<Vec<f32>>())
}
