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

use crate::data::{self, Gender};
use crate::progress::{Session, bar};
use crate::select::order::{self, Order, Target};
use anyhow::{Context, Result};
use mirror::engine::{Eyes, nearest};
use mirror::features::greedy::{CANDIDATES, Number};
use mirror::features::spatial;
use mirror::features::{FeatureVector, Group};
use mirror::generator::{Generator, Painter};
use mirror::inverter::{Dial, Inverter, InverterConfig, Population};
use mirror::pack::{Net, Pack};
use nn::Rng;
use nn::io::Dtype;
use pairs::Pairs;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `congress`, whose portraits stand in for visitors [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Folder with the generator and the nets that look
    #[arg(long, default_value = "packs/congress")]
    pub nets: PathBuf,
    /// Folder for pairs, log.csv and inverter.safetensors
    #[arg(long, default_value = "runs/inverter")]
    pub out: PathBuf,
    /// Time for everything; at most 60 % of it goes into pairs
    #[arg(long, default_value_t = 25.0)]
    pub minutes: f64,
    /// Pairs to draw, if the time allows
    #[arg(long, default_value_t = 20_000)]
    pub pairs: usize,
    /// Numbers that the greedy search chooses; those of the other features that it did not choose come after them
    #[arg(long, default_value_t = 96, value_parser = clap::value_parser!(u64).range(1..=512))]
    pub numbers: u64,
    /// Portraits that stand in for visitors
    #[arg(long, default_value_t = 1200)]
    pub portraits: usize,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Go on from the pairs in --out; the nets, which take minutes, begin anew
    #[arg(long)]
    pub resume: bool,
    /// From 0, everybody shares one noise, to 1, everybody has their own
    #[arg(long, default_value_t = 0.5)]
    pub individuality: f32,
    /// Gradient steps on the forward model whenever a latent is sought
    #[arg(long, default_value_t = 8)]
    pub refine_steps: usize,
    /// How well the detector should see a reflection at least, as a normal score among the samples; the higher, the more all look like those
    /// whom it sees best
    #[arg(long, default_value_t = -2.0, allow_negative_numbers = true)]
    pub quality: f32,
    /// Weight of likeness to the prior against likeness of the features
    #[arg(long, default_value_t = 1.0)]
    pub prior_weight: f32,
}

/// Runs it.
///
/// # Errors
/// On missing nets, unreadable data or an unwritable output.
pub fn run(options: &Options) -> Result<()> {
    anyhow::ensure!((0.0..=1.0).contains(&options.individuality), "--individuality must lie between 0 and 1");
    anyhow::ensure!(options.minutes > 0.0, "--minutes must be positive");
    let pack = Pack::gather(&options.nets)?;
    let eyes = Eyes::new(&pack)?;
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let columns = ["forward_loss", "misfit", "energy", "latent_loss", "lr"];
    let mut session = Session::open(&options.out, "inverter", options.minutes, &columns, (0, 0.0))?;

    let pairs_path = options.out.join("pairs.safetensors");
    let before = if options.resume && pairs_path.exists() {
        Pairs::load(&pairs_path, generator.config().latent_size)?
    } else {
        Pairs::new(generator.config().latent_size, options.seed)
    };
    let painter = Painter::new(&generator);
    let mut pairs = draw(before, &painter, &eyes, options, &mut session, &pairs_path)?;
    let mut rng = Rng::new(options.seed ^ 0x5EED);
    let order = choose(&pairs, options.numbers as usize)?;
    let config = InverterConfig {
        order,
        latent_size: generator.config().latent_size,
        hidden: 384,
        forward_hidden: 1024,
        individuality: options.individuality,
        refine_steps: options.refine_steps,
        quality_target: options.quality,
    };
    let mut inverter = Inverter::new(config, &mut rng);
    let samples = pairs.found();
    let visitors = visitors(&eyes, share_of_women(&samples), options)?;
    inverter.fit(&samples, &visitors);
    let ask = |f: &FeatureVector| inverter.ask(f, Population::Visitors, &Dial::default()).scores;
    let strangers: Vec<Vec<f32>> = visitors.iter().map(ask).collect();

    let (random, prior_weight) = (pairs.len(), options.prior_weight);
    let (train, held) = pairs.scored(&inverter).split(10);
    anyhow::ensure!(train.found().len() >= 100, "only {} faces among the samples: too few", train.found().len());
    // Of what is left of the time, the forward model has up to 15 %, the inverter 10.
    let (began, left) = (session.fraction(), 1.0 - session.fraction());
    let (look, check) = (train.all(), held.all());
    forward::teach(&mut inverter, &look, &check, began + 0.15 * left, &mut session, &mut rng)?;
    let to = session.fraction() + 0.1 * left;
    bend::teach(&mut inverter, &train, &strangers, prior_weight, (session.fraction(), to), &mut session, &mut rng)?;
    // The inverter goes where the forward model flatters it. What is really drawn there, up to as many pairs again, is the second
    // lesson of both.
    let until = session.fraction() + 0.4 * left;
    while pairs.len() < 2 * random && session.fraction() < until {
        pairs.draw(&painter, &eyes, &bend::bent(&inverter, &train, &strangers, &mut rng))?;
        session.show(format!("{} pairs where the inverter goes", pairs.len() - random));
    }
    eprintln!("{} pairs where the inverter goes", pairs.len() - random);
    let (at_random, where_it_goes) = pairs.scored(&inverter).split_at(random);
    let ((train, held), (more, more_held)) = (at_random.split(10), where_it_goes.split(10));
    let (look, check) = ([train.all(), more.all()].concat(), [held.all(), more_held.all()].concat());
    let to = session.fraction() + 0.5 * (1.0 - session.fraction());
    forward::teach(&mut inverter, &look, &check, to, &mut session, &mut rng)?;
    bend::teach(&mut inverter, &train, &strangers, prior_weight, (session.fraction(), 1.0), &mut session, &mut rng)?;
    let ceiling = forward::explained(&inverter, &held.found());

    let mut about = inverter.config().to_metadata();
    about.insert("pairs".into(), random.to_string());
    about.insert("pairs_where_it_goes".into(), (pairs.len() - random).to_string());
    about.insert("pairs_with_a_face".into(), pairs.found().len().to_string());
    about.insert("seed".into(), options.seed.to_string());
    for (group, share) in ceiling {
        about.insert(format!("forward_explains_{}", group.name()), format!("{share:.3}"));
        eprintln!("the forward model explains {:4.0} % of {}", 100.0 * share, group.name());
    }
    let path = session.path("inverter.safetensors");
    nn::io::save(&path, &inverter.params(), &about, Dtype::F16)?;
    eprintln!("{}", path.display());
    session.finish();
    Ok(())
}

/// The numbers that say most about what the generator drew, then whatever else is measured: for an age that says little about the
/// picture somebody may still ask.
fn choose(pairs: &Pairs, count: usize) -> Result<Vec<Number>> {
    let Order { mut numbers, explained } = order::of_pairs(pairs, Target::Picture, count)?;
    let share = explained.last().map_or(0.0, |e| 100.0 * e);
    let first: Vec<String> = numbers.iter().take(12).map(Number::to_string).collect();
    eprintln!("{} numbers explain {share:.0} % of the pictures, first of all {}", numbers.len(), first.join(", "));
    let others: Vec<Number> =
        (spatial::CANDIDATES..CANDIDATES).filter_map(Number::at).filter(|n| !numbers.contains(n)).collect();
    numbers.extend(others);
    Ok(numbers)
}

/// Share of the time that may go into pairs.
const TIME_FOR_PAIRS: f32 = 0.6;

/// Draws pairs until there are enough or the time for it is up; stores them once a minute and at the end.
fn draw(
    mut pairs: Pairs,
    painter: &Painter,
    eyes: &Eyes,
    options: &Options,
    session: &mut Session,
    path: &Path,
) -> Result<Pairs> {
    let (began, at_first) = (Instant::now(), pairs.len());
    // At 1024 pixels a picture takes a good part of a second.
    let at_a_time = (8192 / painter.resolution()).clamp(1, 64);
    while pairs.len() < options.pairs && session.fraction() < TIME_FOR_PAIRS {
        pairs.draw_more(painter, eyes, at_a_time)?;
        let rate = (pairs.len() - at_first) as f64 / began.elapsed().as_secs_f64();
        let left = options.pairs.saturating_sub(pairs.len()) as f64 / rate;
        let left = left.min(60.0 * options.minutes * f64::from(TIME_FOR_PAIRS) - session.seconds());
        let (drawn, faces) = (pairs.len(), pairs.faces().count());
        session.show(format!(
            "{drawn} of {} pairs, {faces} with a face, {rate:.1}/s, {:.0} min left for them",
            options.pairs,
            (left / 60.0).max(0.0)
        ));
        if session.checkpoint_due() {
            pairs.save(path)?;
        }
    }
    pairs.save(path)?;
    eprintln!("{} pairs, {} with a face", pairs.len(), pairs.found().len());
    Ok(pairs)
}

/// Share of faces that look to the net more like a woman's than like a man's.
fn share_of_women(faces: &[FeatureVector]) -> f32 {
    let women = faces.iter().filter(|f| f.group(Group::Gender)[0] > 0.5).count();
    women as f32 / faces.len().max(1) as f32
}

/// Which of the portraits of people of these genders, about `count`, `share` of them women, or fewer where there are not enough; evenly
/// spread over the table.
fn stand_ins(genders: &[Option<Gender>], count: usize, share: f32) -> Vec<usize> {
    // Where a generator draws hardly any, some must say what a woman is.
    let share = share.clamp(0.05, 0.95);
    let of = |gender| -> Vec<usize> { (0..genders.len()).filter(|i| genders[*i] == Some(gender)).collect() };
    let groups = [(of(Gender::Female), share), (of(Gender::Male), 1.0 - share)];
    let most = groups.iter().map(|(all, share)| all.len() as f32 / share).fold(count as f32, f32::min);
    let chosen = groups.iter().flat_map(|(all, share)| {
        let wanted = (share * most).round() as usize;
        (0..wanted).map(move |i| all[i * all.len() / wanted])
    });
    chosen.collect()
}

/// Features of the archive's colour portraits: what people in front of the mirror may look like to it. As many of them are women as
/// of the samples: were women rarer here, men would come back as women, and women as men where they are commoner.
fn visitors(eyes: &Eyes, women: f32, options: &Options) -> Result<Vec<FeatureVector>> {
    let root = data::data_root(options.data.as_deref())?;
    let usable: Vec<_> = data::read_table(&root)?.into_iter().filter(|p| p.colour).collect();
    let genders: Vec<Option<Gender>> = usable.iter().map(|p| p.gender).collect();
    let chosen = stand_ins(&genders, options.portraits, women);
    let bar = bar(chosen.len() as u64, "portraits");
    let seen: Vec<Option<FeatureVector>> = chosen
        .par_iter()
        .map(|i| {
            bar.inc(1);
            let path = root.join("congress/portraits").join(&usable[*i].file);
            let image = frame::Image::load(&path).with_context(|| path.display().to_string())?;
            Ok(nearest(eyes.analyse(&image)?).map(|s| s.features))
        })
        .collect::<Result<_>>()?;
    bar.finish_and_clear();
    let found: Vec<FeatureVector> = seen.into_iter().flatten().collect();
    let share = 100.0 * women;
    eprintln!("{} of {} portraits with a face; {share:.0} % women, as of the samples", found.len(), chosen.len());
    anyhow::ensure!(!found.is_empty(), "no face in any portrait");
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::Asked;
    use mirror::latent::onto_sphere;
    use pairs::{Row, Table};

    const NUMBERS: [&str; 8] = ["skin/l", "0-16/x", "pose/yaw", "age", "gender", "27-33/y", "hair/l", "background/l"];

    #[test]
    fn stand_ins_are_women_as_often_as_asked_and_all_different() {
        let genders: Vec<Option<Gender>> = (0..500)
            .map(|i| match i % 10 {
                0 => None,
                1 | 2 => Some(Gender::Female),
                _ => Some(Gender::Male),
            })
            .collect();
        for (count, share, expected) in [(100, 0.5, 100), (100, 0.12, 100), (400, 0.5, 200), (100, 0.0, 100)] {
            let chosen = stand_ins(&genders, count, share);
            let women = chosen.iter().filter(|i| genders[**i] == Some(Gender::Female)).count();
            let different: std::collections::BTreeSet<usize> = chosen.iter().copied().collect();
            assert_eq!((chosen.len(), different.len()), (expected, expected));
            assert_eq!(women, (share.max(0.05) * expected as f32).round() as usize);
            assert!(chosen.iter().all(|i| genders[*i].is_some()) && *different.last().unwrap() > 400);
        }
        assert!(stand_ins(&genders[..1], 100, 0.5).is_empty());
    }

    /// A world in which every feature is a fixed direction of the latent.
    fn toy(rows: usize, size: usize) -> Table {
        let mut rng = Rng::new(8);
        let directions: Vec<Vec<f32>> = (0..6).map(|_| rng.normals(size)).collect();
        let unit = (size as f32).sqrt().recip();
        let row = |_| {
            let mut latent = rng.normals(size);
            onto_sphere(&mut latent);
            let along = |i: usize| latent.iter().zip(&directions[i % 6]).map(|(z, d)| z * d * unit).sum::<f32>();
            let scores = (0..NUMBERS.len() + 1).map(along).collect();
            Row { latent, scores, has_face: true }
        };
        Table { rows: (0..rows).map(row).collect() }
    }

    #[test]
    fn a_toy_world_is_learned_and_the_reflections_do_not_collapse() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = Session::open(folder.path(), "toy", 0.25, &["a", "b", "c", "d", "e"], (0, 0.0)).unwrap();
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
        forward::teach(&mut inverter, &train.all(), &held.all(), 0.3, &mut session, &mut rng).unwrap();
        let explained = forward::explained(&inverter, &held.found());
        assert!(explained.iter().all(|e| e.1 > 0.7), "{explained:?}");
        let strangers: Vec<Vec<f32>> =
            train.rows[..50].iter().map(|r| r.numbers().iter().map(|s| 1.3 * s).collect()).collect();
        bend::teach(&mut inverter, &train, &strangers, 1.0, (0.3, 1.0), &mut session, &mut rng).unwrap();
        for latent in bend::bent(&inverter, &train, &strangers, &mut rng) {
            let square = latent.as_slice().iter().map(|v| v * v).sum::<f32>() / 16.0;
            assert!((square - 1.0).abs() < 1e-3, "off the sphere: {square}");
        }

        let noise = pairs::random_latents(1, 16, &mut rng);
        let (mut before, mut after) = (0.0, 0.0);
        let mut latents = Vec::new();
        for row in &held.rows {
            let asked = Asked::all(row.numbers().to_vec());
            before += inverter.misfit(&noise, &asked).0;
            latents.push(inverter.bend_noise(&asked, &noise));
            after += inverter.misfit(latents.last().unwrap(), &asked).0;
        }
        assert!(after < 0.4 * before, "misfit {before} became {after}");
        // What is given is also met where less is.
        let given = Dial::first(2).given(inverter.order());
        let (mut before, mut after) = (0.0, 0.0);
        for row in &held.rows {
            let asked = Asked::new(row.numbers().to_vec(), given.clone());
            before += inverter.misfit(&noise, &asked).0;
            after += inverter.misfit(&inverter.bend_noise(&asked, &noise), &asked).0;
        }
        assert!(after < 0.6 * before, "misfit of two numbers {before} became {after}");
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / 16.0;
        let mean = latents.windows(2).map(|w| cosine(&w[0], &w[1])).sum::<f32>() / latents.len() as f32;
        assert!(mean < 0.8, "latents of different people point the same way: cosine {mean}");
    }
}
