//! Measures what is left of a face in its reflection, by the true chain: draw, detect, measure.
//!
//! Samples: features of fresh pictures of the generator go through the inverter, the picture that comes out is
//! looked at again. Visitors: the same for photographs of people, whose features are compared by how unusual they
//! are, each among their own. Beside it the baseline, ridge regression: the mean of all latents that fit.

use super::interval::{self, interval, mean};
use crate::data::data_root;
use crate::inverter::pairs::{look_at, random_latents};
use anyhow::{Context, Result};
use frame::Image;
use mirror::engine::{Eyes, Seen, nearest};
use mirror::features::{FEATURES, FeatureVector, Group};
use mirror::generator::{Generator, Painter, grid};
use mirror::inverter::{Inverter, Population};
use mirror::latent::Latent;
use mirror::pack::{Net, Pack};
use nn::Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Command-line options.
#[derive(Debug, clap::Args)]
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
    /// Writes visitors, their reflections and the baseline's below one another; the pictures show people
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
}

#[derive(Serialize)]
struct Judged {
    looked_at: usize,
    with_a_face: usize,
    /// Median of [`Inverter::distance_from_archive`].
    distance_from_archive: f32,
    inverter: Figures,
    mean_of_all_that_fit: Figures,
}

/// What a population's reflections are like.
#[derive(Serialize)]
struct Figures {
    /// Share of the reflections in which the eyes see a face.
    reflections_with_a_face: f32,
    /// 1 - squared difference of the scores / their variance, a group; 1 is all, 0 what a mean face keeps.
    kept: BTreeMap<&'static str, Share>,
    /// Correlation of what was asked for and what came, over the features of a group.
    correlation: BTreeMap<&'static str, f32>,
    /// Mean distance of two reflections: root mean square over the pixels, 0 to 255.
    diversity: f32,
}

#[derive(Serialize)]
struct Share {
    value: f32,
    /// 95 %.
    interval: (f32, f32),
}

/// Measures and prints.
///
/// # Errors
/// If nets or data cannot be read, or the sheet cannot be written.
pub fn run(options: &Options) -> Result<()> {
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
        inverter.settings.latent_size == generator.config().latent_size,
        "the inverter is one of another generator"
    );
    if let Some(individuality) = options.individuality {
        anyhow::ensure!((0.0..=1.0).contains(&individuality), "--individuality must lie between 0 and 1");
        inverter.settings.individuality = individuality;
    }
    if let Some(steps) = options.refine_steps {
        inverter.settings.refine_steps = steps;
    }
    let latent_size = generator.config().latent_size;
    let judge = Judge { eyes, painter: Painter::new(&generator), inverter };

    let size = latent_size;
    let fresh = random_latents(options.samples, size, &mut Rng::new(options.seed));
    let fresh: Vec<Latent> = fresh.chunks_exact(size).map(|l| Latent::new(l.to_vec())).collect();
    let seen = look_at(&judge.painter, &judge.eyes, &fresh)?;
    let samples: Vec<FeatureVector> = seen.into_iter().flatten().map(|s| s.features).collect();

    let photographs = photographs(&data_root(options.data.as_deref())?.join("eval/visitors"))?;
    let seen: Vec<Option<Seen>> =
        photographs.par_iter().map(|p| Ok(nearest(judge.eyes.look(p)?))).collect::<Result<_>>()?;
    let (shown, visitors): (Vec<&Image>, Vec<FeatureVector>) =
        photographs.iter().zip(seen).filter_map(|(p, s)| Some((p, s?.features))).unzip();

    let report = Report {
        samples: judge.population(&samples, Population::Samples, options.samples)?,
        visitors: judge.population(&visitors, Population::Visitors, photographs.len())?,
        diversity_of_free_samples: diversity(&judge.draw(&fresh[..fresh.len().min(200)])),
        invert_median_ms: judge.invert_median_ms(&samples),
    };
    if let Some(path) = &options.sheet {
        judge.sheet(&shown, &visitors).save(path)?;
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

struct Judge {
    eyes: Eyes,
    painter: Painter,
    inverter: Inverter,
}

impl Judge {
    fn draw(&self, latents: &[Latent]) -> Vec<Image> {
        self.painter.paint_all(latents)
    }

    fn population(&self, features: &[FeatureVector], population: Population, looked_at: usize) -> Result<Judged> {
        let distances: Vec<f32> = features.iter().map(|f| self.inverter.distance_from_archive(f)).collect();
        let latents: Vec<Latent> = features.iter().map(|f| self.inverter.invert_from(f, population)).collect();
        let means: Vec<Latent> = features.iter().map(|f| self.inverter.invert_to_mean(f, population)).collect();
        Ok(Judged {
            looked_at,
            with_a_face: features.len(),
            distance_from_archive: super::interval::median(&distances),
            inverter: self.figures(features, population, &latents)?,
            mean_of_all_that_fit: self.figures(features, population, &means)?,
        })
    }

    fn figures(&self, features: &[FeatureVector], population: Population, latents: &[Latent]) -> Result<Figures> {
        let reflected = look_at(&self.painter, &self.eyes, latents)?;
        let with_a_face = reflected.iter().flatten().count();
        let cases: Vec<[[f32; FEATURES]; 2]> = features
            .iter()
            .zip(&reflected)
            .filter_map(|(asked, came)| {
                let came = &came.as_ref()?.features;
                Some([self.inverter.scores(asked, population), self.inverter.scores(came, Population::Samples)])
            })
            .collect();
        let cases: Vec<&[[f32; FEATURES]; 2]> = cases.iter().collect();
        let shares = Group::ALL.map(|g| {
            let value = kept(&cases, g);
            (g.name(), Share { value, interval: interval(&cases, |c| kept(c, g)) })
        });
        Ok(Figures {
            reflections_with_a_face: with_a_face as f32 / features.len().max(1) as f32,
            kept: shares.into(),
            correlation: Group::ALL.map(|g| (g.name(), correlation(&cases, g))).into(),
            diversity: diversity(&self.draw(&latents[..latents.len().min(200)])),
        })
    }

    fn invert_median_ms(&self, features: &[FeatureVector]) -> f32 {
        let timed = features.iter().take(200).map(|f| {
            let began = Instant::now();
            std::hint::black_box(self.inverter.invert(f));
            began.elapsed().as_secs_f32() * 1e3
        });
        super::interval::median(&timed.collect::<Vec<f32>>())
    }

    /// Rows of ten: visitors, their reflections, the baseline's.
    fn sheet(&self, shown: &[&Image], visitors: &[FeatureVector]) -> Image {
        const SIDE: usize = 128;
        let fit = |image: &Image| {
            let mut square = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
            let scale = image.width.max(image.height) as f32 / SIDE as f32;
            let offset = |s: usize| (s as f32 - SIDE as f32 * scale) / 2.0;
            let m = [[scale, 0.0, offset(image.width)], [0.0, scale, offset(image.height)]];
            kernels::warp_affine(&image.data, (image.width, image.height), &mut square.data, (SIDE, SIDE), m);
            square
        };
        let of = |invert: &dyn Fn(&FeatureVector) -> Latent| {
            self.draw(&visitors.iter().map(invert).collect::<Vec<_>>()).iter().map(fit).collect::<Vec<_>>()
        };
        let reflections = of(&|f| self.inverter.invert(f));
        let means = of(&|f| self.inverter.invert_to_mean(f, Population::Visitors));
        let photographs: Vec<Image> = shown.iter().map(|p| fit(p)).collect();
        let black = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
        let mut cells = Vec::new();
        for start in (0..photographs.len()).step_by(10) {
            for row in [&photographs, &reflections, &means] {
                cells.extend((start..start + 10).map(|i| row.get(i).unwrap_or(&black).clone()));
            }
        }
        grid(&cells, 10)
    }
}

fn photographs(folder: &Path) -> Result<Vec<Image>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "jpg" || e == "png"));
    paths.sort();
    paths.par_iter().map(|p| Image::load(p).with_context(|| p.display().to_string())).collect()
}

/// Over the features of a group: 1 - squared difference / variance.
fn kept(cases: &[&[[f32; FEATURES]; 2]], group: Group) -> f32 {
    let (mut error, mut variance) = (0.0, 0.0);
    for i in group.range() {
        let m = cases.iter().map(|c| c[0][i]).sum::<f32>() / cases.len() as f32;
        for [asked, came] in cases {
            error += (asked[i] - came[i]).powi(2);
            variance += (asked[i] - m).powi(2);
        }
    }
    1.0 - error / variance
}

/// Mean correlation over the features of a group.
fn correlation(cases: &[&[[f32; FEATURES]; 2]], group: Group) -> f32 {
    let each = group.range().map(|i| {
        let pairs: Vec<(f32, f32)> = cases.iter().map(|[asked, came]| (asked[i], came[i])).collect();
        interval::correlation(&pairs).unwrap_or(0.0)
    });
    mean(&each.collect::<Vec<f32>>())
}

/// Mean root mean square difference of two pictures.
fn diversity(pictures: &[Image]) -> f32 {
    let distance = |a: &Image, b: &Image| {
        let sum: f32 = a.data.iter().zip(&b.data).map(|(a, b)| (f32::from(*a) - f32::from(*b)).powi(2)).sum();
        (sum / a.data.len() as f32).sqrt()
    };
    let pairs: Vec<f32> = (0..pictures.len())
        .into_par_iter()
        .flat_map_iter(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| distance(&pictures[i], &pictures[j]))
        .collect();
    mean(&pairs)
}

fn print(report: &Report) {
    println!("share of variance kept (95 % interval), mirror | mean of all that fit; correlation likewise");
    for (name, p) in [("samples", &report.samples), ("visitors", &report.visitors)] {
        println!(
            "{name}: {} of {} with a face, distance from the archive {:.2}",
            p.with_a_face, p.looked_at, p.distance_from_archive
        );
        for group in Group::ALL.map(Group::name) {
            let (ours, mean) = (&p.inverter.kept[group], &p.mean_of_all_that_fit.kept[group]);
            println!(
                "  {group:<10} {:5.2} ({:.2} to {:.2}) | {:5.2}   r {:.2} | {:.2}",
                ours.value,
                ours.interval.0,
                ours.interval.1,
                mean.value,
                p.inverter.correlation[group],
                p.mean_of_all_that_fit.correlation[group],
            );
        }
        let (ours, mean) = (&p.inverter, &p.mean_of_all_that_fit);
        println!(
            "  faces in {:.0} % | {:.0} % of the reflections; distance of two {:.1} | {:.1}",
            100.0 * ours.reflections_with_a_face,
            100.0 * mean.reflections_with_a_face,
            ours.diversity,
            mean.diversity
        );
    }
    println!(
        "distance of two free samples {:.1}; one inversion {:.2} ms",
        report.diversity_of_free_samples, report.invert_median_ms
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_kept_of_an_equal_and_nothing_of_a_mean_reflection() {
        let mut rng = Rng::new(1);
        let asked: Vec<[f32; FEATURES]> = (0..300).map(|_| std::array::from_fn(|_| rng.normal())).collect();
        let pairs: Vec<_> = asked.iter().map(|a| [*a, *a]).collect();
        let equal: Vec<_> = pairs.iter().collect();
        assert_eq!(kept(&equal, Group::Shape), 1.0);
        assert!((correlation(&equal, Group::Shape) - 1.0).abs() < 1e-4);
        let pairs: Vec<_> = asked.iter().map(|a| [*a, [0.0; FEATURES]]).collect();
        let mean: Vec<_> = pairs.iter().collect();
        assert!(kept(&mean, Group::Shape).abs() < 0.05);
    }

    #[test]
    fn equal_pictures_have_no_diversity() {
        let picture = |v: u8| Image { width: 2, height: 1, data: vec![v; 6] };
        assert_eq!(diversity(&[picture(3), picture(3)]), 0.0);
        assert_eq!(diversity(&[picture(3), picture(5)]), 2.0);
    }
}
