//! Trains the inverter on pictures that the generator draws and the mirror's own eyes describe.
//!
//! First pairs of latents and features are drawn; from them the greedy order of numbers is chosen; then the forward model
//! learns the numbers from latents; then the inverter learns to bend noise until the forward model is content, and what
//! it gives still looks like the prior. Then pictures are drawn where the inverter goes, and both learn once more.

pub mod bend;
mod energy;
pub mod forward;
pub mod models;
pub mod pairs;
pub mod ridge;
pub mod visitors;

use self::visitors::{StandIns, share_of_women};
use crate::data;
use crate::runs::{RunOptions, TrainingRun, bar, say};
use crate::select::order::{self, Order, Target};
use anyhow::{Context, Result};
use mirror::engine::Eyes;
use mirror::features::greedy::{CANDIDATES, Number};
use mirror::features::{FeatureVector, Group, spatial};
use mirror::generator::Painter;
use mirror::inverter::{FeatureSelection, Inverter, InverterConfig, Population};
use mirror::pack::{Net, Pack};
use nn::io::Dtype;
use nn::{Param, Rng};
use pairs::Pairs;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How an inverter is trained.
#[derive(Clone, Debug)]
pub struct InverterOptions {
    /// Pictures of people who stand in for visitors; `None`: the people of the pack's table do.
    pub visitors: Option<Vec<PathBuf>>,
    /// Folder for pairs, `log.csv` and `inverter.safetensors`.
    pub out: PathBuf,
    /// Time for everything but the first hundred faces; at most 60 % of it goes into pairs.
    pub minutes: f64,
    /// Pairs to draw, if the time allows.
    pub pairs: usize,
    /// Numbers that the greedy search chooses; those of the other features that it did not choose come after them.
    pub numbers: usize,
    /// Start of the random numbers.
    pub seed: u64,
    /// Goes on from the pairs in `out`; the nets, which take minutes, begin anew.
    pub resume: bool,
    /// From 0, everybody shares one noise, to 1, everybody has their own.
    pub individuality: f32,
    /// Gradient steps on the forward model whenever a latent is sought.
    pub refine_steps: usize,
    /// How well the detector should see a reflection at least, as a normal score among the samples; the higher, the more all look
    /// like those whom it sees best.
    pub quality: f32,
    /// Weight of likeness to the prior against likeness of the features.
    pub prior_weight: f32,
    /// An inverter for the same generator to go on from: its order, tables and constants stay.
    pub init: Option<PathBuf>,
}

impl Default for InverterOptions {
    fn default() -> Self {
        Self {
            visitors: None,
            out: "runs/inverter".into(),
            minutes: 25.0,
            pairs: 20_000,
            numbers: 96,
            seed: 1,
            resume: false,
            individuality: 0.5,
            refine_steps: 8,
            quality: -2.0,
            prior_weight: 1.0,
            init: None,
        }
    }
}

/// Where a trained inverter is, and how much of the features its forward model knows.
#[derive(Clone, Debug)]
pub struct TrainedInverter {
    /// Its weights.
    pub weights: PathBuf,
    /// Share of the variance of each group that the forward model explains on held-out pairs: the inverter cannot do better. Of an inverter that went
    /// on from another, on pairs where it goes.
    pub explained: Vec<(Group, f32)>,
}

impl fmt::Display for TrainedInverter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (group, share) in &self.explained {
            writeln!(f, "the forward model explains {:4.0} % of {}", 100.0 * share, group.name())?;
        }
        write!(f, "{}", self.weights.display())
    }
}

/// One in so many pairs is held out.
const HELD_OUT: usize = 10;

/// Fewest faces among the samples to learn from.
const LEAST_FACES: usize = 100;
/// Faces among all samples that hold so many after the held-out ones, and pictures after which a generator is believed to draw none.
const FEWEST_FACES: usize = 125;
const PATIENCE: usize = 1000;

/// Shares of the time that is left after the pairs: until when the first forward model learns; how much longer the first inverter;
/// until when pairs are drawn where that goes; then until when the second forward model learns. The second inverter has the rest.
const FIRST_FORWARD: f32 = 0.15;
const FIRST_INVERTER: f32 = 0.1;
const SECOND_PAIRS: f32 = 0.4;
const SECOND_FORWARD: f32 = 0.5;

/// How fast nets learn that go on, as a share of how fast others do.
const INITIALISED_RATE: f32 = 0.5;

/// Trains an inverter for the generator of a pack, whose pictures `painter` draws, by what the pack's eyes see in them.
///
/// # Errors
/// On missing nets, nobody who stands in for visitors, or an unwritable output.
pub fn train(pack: &Pack, painter: &Painter, options: &InverterOptions) -> Result<TrainedInverter> {
    anyhow::ensure!((0.0..=1.0).contains(&options.individuality), "--individuality must lie between 0 and 1");
    anyhow::ensure!(options.minutes > 0.0, "--minutes must be positive");
    let eyes = Eyes::new(pack)?;
    let stand_ins = StandIns::new(pack, &eyes, options.visitors.as_deref())?;
    std::fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;

    // Pairs of latents and features. As many as learning needs at least are drawn before the time begins: otherwise nothing of a short
    // time would be left for learning.
    let latent_size = painter.latent_size();
    let file = PairsFile { path: options.out.join("pairs.safetensors"), options: decisive(pack)? };
    let mut pairs = match options.resume && file.path.exists() {
        true => Pairs::resume(&file.path, latent_size, &file.options)?,
        false => Pairs::new(latent_size, options.seed),
    };
    draw_fewest(&mut pairs, painter, &eyes, options.pairs)?;
    let columns = ["forward_loss", "misfit", "energy", "latent_loss", "lr"];
    let mut run = TrainingRun::open(&options.out, "inverter", Some(options.minutes), &columns, (0, 0.0))?;
    draw(&mut pairs, painter, &eyes, options, &mut run, &file)?;
    let random = pairs.len();

    // An inverter that knows nothing but how unusual each feature is. Women are as frequent among visitors as among samples: were
    // they rarer here, men would come back as women, and women as men where they are commoner.
    let mut rng = Rng::new(options.seed ^ 0x5EED);
    let mut inverter = match &options.init {
        Some(path) => initialised(path, latent_size)?,
        None => Inverter::new(config(&pairs, latent_size, options)?, &mut rng),
    };
    let samples = pairs.found();
    let women = share_of_women(&samples);
    let visitors = stand_ins.with_share_of_women(women);
    say(format_args!(
        "{} people stand in for visitors; {:.0} % women, as of the samples",
        visitors.len(),
        100.0 * women
    ));
    match options.init {
        Some(_) => inverter.ask_for_strangers(),
        None => inverter.fit(&samples, &visitors),
    }
    let initial: Option<Vec<Param>> = options.init.is_some().then(|| inverter.params().into_iter().cloned().collect());
    let ask = |f: &FeatureVector| inverter.input(f, Population::Visitors, &FeatureSelection::default()).scores;
    let strangers: Vec<Vec<f32>> = visitors.iter().map(ask).collect();

    // First lesson of the forward model and of the inverter.
    let (train, held) = pairs.scored(&inverter).split(HELD_OUT);
    let faces = train.found().len();
    anyhow::ensure!(
        faces >= LEAST_FACES,
        "a face in {faces} of {} pictures to learn from: expected {LEAST_FACES} or more\nhint: draw more --pairs; does the generator draw faces?",
        train.rows.len()
    );
    let rate = if options.init.is_some() { INITIALISED_RATE } else { 1.0 };
    let (began, left) = (run.fraction(), 1.0 - run.fraction());
    if options.init.is_none() {
        let until = later(began, FIRST_FORWARD * left);
        forward::train(&mut inverter, &train.all(), &held.all(), rate, until, &mut run, &mut rng)?;
    }
    let time = (run.fraction(), later(run.fraction(), FIRST_INVERTER * left));
    bend::train(&mut inverter, &train, &strangers, (options.prior_weight, rate), time, &mut run, &mut rng)?;

    // The inverter goes where the forward model flatters it: what is really drawn there, up to as many pairs again, is the second
    // lesson of both.
    let until = later(run.fraction(), SECOND_PAIRS * left);
    while pairs.len() < 2 * random && run.fraction() < until {
        pairs.draw(painter, &eyes, &bend::bent(&inverter, &train, &strangers, &mut rng))?;
        run.show(format!("{} pairs where the inverter goes", pairs.len() - random));
    }
    say(format_args!("{} pairs where the inverter goes", pairs.len() - random));
    let (at_random, where_it_goes) = pairs.scored(&inverter).split_at(random);
    let ((train, held), (more, more_held)) = (at_random.split(HELD_OUT), where_it_goes.split(HELD_OUT));
    // A forward model that was there before may have learned from some of the random pairs, but from none of the new ones.
    let unseen = if options.init.is_some() { &more_held } else { &held };
    let look = [train.all(), more.all()].concat();
    let check = if options.init.is_some() { more_held.all() } else { [held.all(), more_held.all()].concat() };
    let until = later(run.fraction(), SECOND_FORWARD * (1.0 - run.fraction()));
    forward::train(&mut inverter, &look, &check, rate, until, &mut run, &mut rng)?;
    let time = (run.fraction(), 1.0);
    bend::train(&mut inverter, &train, &strangers, (options.prior_weight, rate), time, &mut run, &mut rng)?;

    // Of nets that went on, the mean with what they were is better than either: M. Wortsman et al., "Model soups", ICML 2022.
    if let Some(initial) = &initial {
        for (param, initial) in inverter.params_mut().into_iter().zip(initial) {
            param.value.iter_mut().zip(&initial.value).for_each(|(v, before)| *v = f32::midpoint(*v, *before));
        }
    }

    let explained = forward::explained(&inverter, &unseen.found());
    let weights = run.path("inverter.safetensors");
    save(&inverter, &weights, &pairs, random, &explained, options.seed)?;
    run.finish();
    Ok(TrainedInverter { weights, explained })
}

/// So much of the time later, but not after its end: the fraction of a run stays at 1 from there on, and would never come to it.
fn later(now: f32, share: f32) -> f32 {
    (now + share).min(1.0)
}

/// The inverter of a file, to go on from.
fn initialised(path: &Path, latent_size: usize) -> Result<Inverter> {
    let at = || path.display().to_string();
    let inverter = Inverter::from_weights(&std::fs::read(path).with_context(at)?).with_context(at)?;
    let found = inverter.config().latent_size;
    anyhow::ensure!(
        found == latent_size,
        "{}: an inverter for latents of {found} numbers, the generator takes {latent_size}",
        at()
    );
    Ok(inverter)
}

/// Where pairs are stored, and what they depend on.
struct PairsFile {
    path: PathBuf,
    options: RunOptions,
}

/// Pairs say what some eyes see in some generator's pictures: with other nets they are wrong.
pub(crate) fn decisive(pack: &Pack) -> Result<RunOptions> {
    let mut options = RunOptions::of("inverter");
    for (net, name) in [
        (Net::Generator, "--pack with the generator"),
        (Net::Detector, "--pack with the detector"),
        (Net::Landmarks, "--pack with the landmark net"),
        (Net::Attributes, "--pack with the age and gender net"),
        (Net::Likeness, "--pack with the likeness net"),
    ] {
        if let Some(bytes) = pack.weights_if_there(net)? {
            options = options.with(name, format_args!("{:016x}", data::hash(bytes)));
        }
    }
    Ok(options)
}

/// What the inverter is like, and which numbers it may take.
fn config(pairs: &Pairs, latent_size: usize, options: &InverterOptions) -> Result<InverterConfig> {
    Ok(InverterConfig {
        order: choose(pairs, options.numbers)?,
        latent_size,
        hidden: 384,
        forward_hidden: 1024,
        individuality: options.individuality,
        refine_steps: options.refine_steps,
        quality_target: options.quality,
    })
}

/// Writes the weights, and how they came about; the first `random` pairs are those of random latents.
fn save(
    inverter: &Inverter,
    path: &Path,
    pairs: &Pairs,
    random: usize,
    explained: &[(Group, f32)],
    seed: u64,
) -> Result<()> {
    let mut about = inverter.config().to_metadata();
    about.insert("pairs".into(), random.to_string());
    about.insert("pairs_where_it_goes".into(), (pairs.len() - random).to_string());
    about.insert("pairs_with_a_face".into(), pairs.found().len().to_string());
    about.insert("seed".into(), seed.to_string());
    for (group, share) in explained {
        about.insert(format!("forward_explains_{}", group.name()), format!("{share:.3}"));
    }
    Ok(nn::io::save(path, &inverter.params(), &about, Dtype::F16)?)
}

/// The numbers that say most about what the generator drew, then whatever else differs between its pictures: for an age that says little
/// about the picture somebody may still ask.
fn choose(pairs: &Pairs, count: usize) -> Result<Vec<Number>> {
    let Order { mut numbers, explained } = order::of_pairs(pairs, Target::Picture, count)?;
    let share = explained.last().map_or(0.0, |e| 100.0 * e);
    let first: Vec<String> = numbers.iter().take(12).map(Number::to_string).collect();
    say(format_args!(
        "{} numbers explain {share:.0} % of the pictures, first of all {}",
        numbers.len(),
        first.join(", ")
    ));
    let differs = |number: &Number| {
        let mut values = pairs.faces().map(|(features, ..)| number.of(features));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    let others: Vec<Number> = (spatial::CANDIDATES..CANDIDATES)
        .filter_map(Number::at)
        .filter(|number| !numbers.contains(number) && differs(number))
        .collect();
    numbers.extend(others);
    Ok(numbers)
}

/// Share of the time that may go into pairs.
const TIME_FOR_PAIRS: f32 = 0.6;

/// Draws pairs, at most `most`, until an inverter can learn from them.
fn draw_fewest(pairs: &mut Pairs, painter: &Painter, eyes: &Eyes, most: usize) -> Result<()> {
    let bar = bar(FEWEST_FACES as u64, "first faces");
    while pairs.len() < most.min(PATIENCE) && pairs.faces().count() < FEWEST_FACES {
        pairs.draw_more(painter, eyes, at_a_time(painter))?;
        bar.set_position(pairs.faces().count() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Pictures drawn before anybody looks at the time: at 1024 pixels one takes a good part of a second.
fn at_a_time(painter: &Painter) -> usize {
    (8192 / painter.resolution()).clamp(1, 64)
}

/// Draws pairs until there are enough or the time for it is up; stores them once a minute and at the end.
fn draw(
    pairs: &mut Pairs,
    painter: &Painter,
    eyes: &Eyes,
    options: &InverterOptions,
    run: &mut TrainingRun,
    file: &PairsFile,
) -> Result<()> {
    let (began, at_first) = (Instant::now(), pairs.len());
    while pairs.len() < options.pairs && run.fraction() < TIME_FOR_PAIRS {
        pairs.draw_more(painter, eyes, at_a_time(painter))?;

        // How long the rest takes, if the time allows it.
        let rate = (pairs.len() - at_first) as f64 / began.elapsed().as_secs_f64();
        let left = options.pairs.saturating_sub(pairs.len()) as f64 / rate;
        let left = left.min(60.0 * options.minutes * f64::from(TIME_FOR_PAIRS) - run.seconds());
        let (drawn, faces) = (pairs.len(), pairs.faces().count());
        run.show(format!(
            "{drawn} of {} pairs, {faces} with a face, {rate:.1}/s, {:.0} min left for them",
            options.pairs,
            (left / 60.0).max(0.0)
        ));
        if run.checkpoint_due() {
            pairs.save(&file.path, &file.options)?;
            run.checkpoint_written();
        }
    }
    pairs.save(&file.path, &file.options)?;
    say(format_args!("{} pairs, {} with a face", pairs.len(), pairs.found().len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::InverterInput;
    use mirror::latent::onto_sphere;
    use pairs::{ScoredPair, ScoredPairs};

    const NUMBERS: [&str; 8] = ["skin/l", "0-16/x", "pose/yaw", "age", "gender", "27-33/y", "hair/l", "background/l"];

    /// A world in which every feature is a fixed direction of the latent.
    fn toy(rows: usize, size: usize) -> ScoredPairs {
        let mut rng = Rng::new(8);
        let directions: Vec<Vec<f32>> = (0..6).map(|_| rng.normals(size)).collect();
        let unit = (size as f32).sqrt().recip();
        let row = |_| {
            let mut latent = rng.normals(size);
            onto_sphere(&mut latent);
            let along = |i: usize| latent.iter().zip(&directions[i % 6]).map(|(z, d)| z * d * unit).sum::<f32>();
            let scores = (0..NUMBERS.len() + 1).map(along).collect();
            ScoredPair { latent, scores, has_face: true }
        };
        ScoredPairs { rows: (0..rows).map(row).collect() }
    }

    #[test]
    fn a_toy_world_is_learned_and_the_reflections_do_not_collapse() {
        let folder = tempfile::tempdir().unwrap();
        let mut run =
            TrainingRun::open(folder.path(), "toy", Some(0.25), &["a", "b", "c", "d", "e"], (0, 0.0)).unwrap();
        let (train, held) = toy(1500, 16).split(10);
        let mut rng = Rng::new(1);
        let (individuality, refine_steps, quality_target) = (0.5, 4, -2.0);
        let order: Vec<Number> = NUMBERS.iter().map(|n| n.parse().unwrap()).collect();
        let config = InverterConfig {
            order,
            latent_size: 16,
            hidden: 64,
            forward_hidden: 64,
            individuality,
            refine_steps,
            quality_target,
        };
        let mut inverter = Inverter::new(config, &mut rng);
        forward::train(&mut inverter, &train.all(), &held.all(), 1.0, 0.3, &mut run, &mut rng).unwrap();
        let explained = forward::explained(&inverter, &held.found());
        assert!(explained.iter().all(|e| e.1 > 0.7), "{explained:?}");
        let strangers: Vec<Vec<f32>> =
            train.rows[..50].iter().map(|r| r.numbers().iter().map(|s| 1.3 * s).collect()).collect();
        bend::train(&mut inverter, &train, &strangers, (1.0, 1.0), (0.3, 1.0), &mut run, &mut rng).unwrap();
        for latent in bend::bent(&inverter, &train, &strangers, &mut rng) {
            let square = latent.as_slice().iter().map(|v| v * v).sum::<f32>() / 16.0;
            assert!((square - 1.0).abs() < 1e-3, "off the sphere: {square}");
        }

        let noise = pairs::random_latents(1, 16, &mut rng);
        let (mut before, mut after) = (0.0, 0.0);
        let mut latents = Vec::new();
        for row in &held.rows {
            let input = InverterInput::all(row.numbers().to_vec());
            before += inverter.misfit(&noise, &input).0;
            latents.push(inverter.bend_noise(&input, &noise));
            after += inverter.misfit(latents.last().unwrap(), &input).0;
        }
        assert!(after < 0.4 * before, "misfit {before} became {after}");
        // What is given is also met where less is.
        let given = FeatureSelection::first(2).mask(inverter.order());
        let (mut before, mut after) = (0.0, 0.0);
        for row in &held.rows {
            let input = InverterInput::new(row.numbers().to_vec(), given.clone());
            before += inverter.misfit(&noise, &input).0;
            after += inverter.misfit(&inverter.bend_noise(&input, &noise), &input).0;
        }
        assert!(after < 0.6 * before, "misfit of two numbers {before} became {after}");
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / 16.0;
        let mean = latents.windows(2).map(|w| cosine(&w[0], &w[1])).sum::<f32>() / latents.len() as f32;
        assert!(mean < 0.8, "latents of different people point the same way: cosine {mean}");
    }

    #[test]
    fn a_lesson_of_no_time_ends() {
        let folder = tempfile::tempdir().unwrap();
        let run = TrainingRun::open(folder.path(), "toy", Some(1e-9), &["a"], (0, 0.0)).unwrap();
        // A step may take longer than all the time there was.
        assert_eq!(run.fraction(), 1.0);
        assert!(later(run.fraction(), 0.1) <= run.fraction(), "an end that never comes");
        assert_eq!(later(0.25, 0.5), 0.75);
    }
}
