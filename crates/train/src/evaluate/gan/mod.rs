//! Measures a generator: how far its pictures are from the portraits, how diverse they are, whether it repeats what it
//! learned from, and in how many of them our own detector sees a face.
//!
//! Beside each figure stands the same one of the portraits themselves: what a perfect generator would get.

pub(crate) mod msssim;
mod nearest;
mod report;
pub(crate) mod swd;

pub use report::{Beside, GanReport, LevelDistance, Quantiles};

use super::open;
use crate::gan::{Filter, Mix, Shares, load_portraits, portrait_folders};
use crate::runs::bar;
use crate::statistics::{Estimate, Share, mean};
use anyhow::Result;
use frame::Image;
use mirror::face::detector::Detector;
use mirror::generator::{Generator, Painter, samples};
use mirror::pack::{Net, Pack};
use msssim::ms_ssim;
use nearest::Thumbnails;
use nn::Rng;
use rayon::prelude::*;
use std::path::PathBuf;

/// Portraits whose nearest other person is looked for.
const HELD_OUT: usize = 500;

/// What is measured, and what it is compared with.
#[derive(Clone, Debug)]
pub struct GanEvaluation {
    /// Weights of the generator, instead of those of the pack.
    pub generator: Option<PathBuf>,
    /// Other weights than the pack's for the detector that looks for faces.
    pub detector: Option<PathBuf>,
    /// Folder with `congress` and `office`; `None`: see [`crate::runs::data_root`].
    pub data: Option<PathBuf>,
    /// Pictures drawn for each figure; distances fall with their number, so compare like with like.
    pub samples: usize,
    /// How often the distance is measured, each time with new samples, portraits, patches and directions.
    pub draws: usize,
    /// Start of the random numbers.
    pub seed: u64,
    /// How many times as often as most the darkest faces are among the portraits to compare with.
    pub dark: f32,
    /// Folders of aligned portraits with their table, `faces.csv`. None: `congress` and `office` of the data folder.
    pub portraits: Vec<PathBuf>,
    /// How often they are among those to compare with.
    pub shares: Shares,
    /// Which portraits to compare with.
    pub filter: Filter,
}

/// Measures.
///
/// # Errors
/// If the generator, the detector or the portraits cannot be read, or there are too few pictures to compare.
pub fn run(pack: &Pack, options: &GanEvaluation) -> Result<GanReport> {
    anyhow::ensure!(options.samples >= 2, "--samples must be 2 or more: pairs are compared");
    anyhow::ensure!(options.draws >= 1, "--draws must be 1 or more");
    let (name, generator) = generator(pack, options)?;
    let bench = Bench::open(pack, options, &generator)?;

    let (swd, swd_mean) = bench.swd(options.samples, options.draws, options.seed);
    let fakes = bench.draw(options.samples, options.seed);
    let order = bench.mix.without_repeats(&mut Rng::new(options.seed));
    Ok(GanReport {
        generator: name,
        pixels: generator.config().resolution,
        samples: options.samples,
        portraits: order.len(),
        draws: options.draws,
        swd,
        swd_mean,
        ms_ssim: bench.ms_ssim(&fakes, &order),
        nearest: bench.nearest(&fakes, &order),
        one_face: bench.one_face(&fakes),
    })
}

/// The generator and its name.
fn generator(pack: &Pack, options: &GanEvaluation) -> Result<(String, Generator)> {
    let weights = options.generator.as_deref();
    let name = weights.map_or_else(|| pack.origin().to_owned(), |path| path.display().to_string());
    let generator = open(pack, Net::Generator, weights, Generator::from_bytes)?;
    let pixels = generator.config().resolution;
    anyhow::ensure!(
        pixels >= swd::COARSEST,
        "{name}: pictures of {pixels} pixels cannot be measured, {} are needed",
        swd::COARSEST
    );
    Ok((name, generator))
}

/// The generator, the portraits and the detector.
struct Bench {
    painter: Painter,
    detector: Detector,
    portraits: Vec<Image>,
    /// Whom each portrait shows.
    people: Vec<String>,
    /// Which portraits the samples shall be like.
    mix: Mix,
}

impl Bench {
    fn open(pack: &Pack, options: &GanEvaluation, generator: &Generator) -> Result<Self> {
        let detector = open(pack, Net::Detector, options.detector.as_deref(), Detector::from_weights)?;

        // Portraits of the generator's size; whose gender nobody knows, the net guesses.
        let folders = portrait_folders(&options.portraits, options.data.as_deref())?;
        let level = generator.config().levels();
        let dataset = load_portraits(&folders, &options.filter, &options.shares, options.dark, level)?;
        let count = dataset.len(level);
        anyhow::ensure!(count >= 4, "{count} portraits are too few to compare with");
        Ok(Self {
            painter: Painter::new(generator),
            detector,
            portraits: (0..count).map(|i| dataset.picture(level, i)).collect(),
            people: dataset.pictures[..count].iter().map(|p| p.person.clone()).collect(),
            mix: dataset.mix(level).clone(),
        })
    }

    fn draw(&self, count: usize, seed: u64) -> Vec<Image> {
        let bar = bar(count as u64, "samples");
        let drawn = samples(&self.painter, count, seed).inspect(|_| bar.inc(1)).map(|s| s.1).collect();
        bar.finish_and_clear();
        drawn
    }

    /// The distances of every level and their mean. The figure is the mean over the draws.
    fn swd(&self, samples: usize, draws: usize, seed: u64) -> (Vec<LevelDistance>, Beside<Estimate>) {
        let portraits = self.mix.without_repeats(&mut Rng::new(seed)).len();
        let (n, half) = (samples.min(portraits), portraits / 2);
        let bar = bar(draws as u64 * 2, "distances");

        // [draw][samples, halves][level]
        let mut drawn: Vec<[Vec<f64>; 2]> = Vec::new();
        let mut pixels = Vec::new();
        for draw in 0..draws as u64 {
            // Streams that no other draw of a nearby seed uses; the first draw's samples are those of the other figures.
            let mut rng = Rng::new(seed ^ ((draw + 1) << 32));
            let fakes = self.draw(n, if draw == 0 { seed } else { rng.next_u64() });
            let reals: Vec<&Image> =
                self.mix.without_repeats(&mut rng).into_iter().map(|i| &self.portraits[i]).collect();
            let fakes: Vec<&Image> = fakes.iter().collect();
            let mut compare = |a: &[&Image], a_mirrored, b: &[&Image]| -> Vec<f64> {
                let a = swd::patches(a, a_mirrored, rng.next_u64());
                let b = swd::patches(b, true, rng.next_u64());
                pixels = a.iter().map(|level| level.pixels).collect();
                bar.inc(1);
                a.iter().zip(&b).map(|(a, b)| swd::distance(a, b, rng.next_u64())).collect()
            };
            let of_samples = compare(&fakes, false, &reals[..n]);
            let of_halves = compare(&reals[..half], true, &reals[half..2 * half]);
            drawn.push([of_samples, of_halves]);
        }
        bar.finish_and_clear();

        let estimate = |set: usize, of: &dyn Fn(&[f64]) -> f64| {
            Estimate::of_draws(&drawn.iter().map(|d| of(&d[set])).collect::<Vec<f64>>())
        };
        let beside = |of: &dyn Fn(&[f64]) -> f64| Beside { samples: estimate(0, of), portraits: estimate(1, of) };
        let levels = pixels.iter().enumerate();
        let levels = levels.map(|(i, &pixels)| LevelDistance { pixels, distance: beside(&|d| d[i]) }).collect();
        (levels, beside(&|d| d.iter().sum::<f64>() / d.len() as f64))
    }

    /// Mean similarity of random pairs, no picture in two of them.
    fn ms_ssim(&self, fakes: &[Image], order: &[usize]) -> Beside<Estimate> {
        let reals: Vec<&Image> = order.iter().map(|i| &self.portraits[*i]).collect();
        let bar = bar((fakes.len() / 2 + reals.len() / 2) as u64, "similarity");
        let of = |pictures: &[&Image]| {
            let pairs = pictures.par_chunks_exact(2).map(|p| ms_ssim(p[0], p[1])).inspect(|_| bar.inc(1));
            Estimate::bootstrap(&pairs.collect::<Vec<f32>>(), mean)
        };
        let result = Beside { samples: of(&fakes.iter().collect::<Vec<_>>()), portraits: of(&reals) };
        bar.finish_and_clear();
        result
    }

    /// Of samples to the nearest portrait; of portraits to the nearest one of another person.
    fn nearest(&self, fakes: &[Image], order: &[usize]) -> Beside<Quantiles> {
        let all = Thumbnails::new(&self.portraits.iter().collect::<Vec<_>>());
        let some = &order[..order.len().min(HELD_OUT)];
        let held_out = Thumbnails::new(&some.iter().map(|i| &self.portraits[*i]).collect::<Vec<_>>());
        let fakes = Thumbnails::new(&fakes.iter().collect::<Vec<_>>());
        Beside {
            samples: Quantiles::of(&fakes.nearest(&all, |_, _| true)),
            portraits: Quantiles::of(&held_out.nearest(&all, |i, j| self.people[some[i]] != self.people[j])),
        }
    }

    /// Share of the pictures in which the detector sees exactly one face.
    fn one_face(&self, fakes: &[Image]) -> Beside<Share> {
        let bar = bar((fakes.len() + self.portraits.len()) as u64, "faces");
        let of = |pictures: &[Image]| {
            let seen = pictures.par_iter().filter(|p| {
                bar.inc(1);
                self.detector.detect(&framed(p)).len() == 1
            });
            Share::new(seen.count(), pictures.len())
        };
        let result = Beside { samples: of(fakes), portraits: of(&self.portraits) };
        bar.finish_and_clear();
        result
    }
}

/// The picture at 128 pixels in the middle of 192, its border drawn on: the detector learned from photographs in which
/// a face leaves room around it.
fn framed(picture: &Image) -> Image {
    const INNER: f32 = 128.0;
    const OUTER: usize = 192;
    let scale = picture.width as f32 / INNER;
    let offset = -(OUTER as f32 - INNER) / 2.0 * scale;
    let mut data = vec![0; OUTER * OUTER * 3];
    let m = [[scale, 0.0, offset], [0.0, scale, offset]];
    kernels::warp_affine(&picture.data, (picture.width, picture.height), &mut data, (OUTER, OUTER), m);
    Image { width: OUTER, height: OUTER, data }
}

#[cfg(test)]
mod test_pictures {
    use frame::Image;
    use nn::Rng;

    /// Coloured noise in squares of `grain` pixels.
    pub fn noisy(side: usize, grain: usize, seed: u64) -> Image {
        let mut rng = Rng::new(seed);
        let cells: Vec<u8> = (0..(side / grain).pow(2) * 3).map(|_| rng.below(256) as u8).collect();
        let value = |i: usize| {
            let (x, y) = (i / 3 % side / grain, i / 3 / side / grain);
            cells[(y * (side / grain) + x) * 3 + i % 3]
        };
        Image { width: side, height: side, data: (0..side * side * 3).map(value).collect() }
    }

    /// A picture that another language makes just as easily, and one that resembles it.
    pub fn formula(side: usize, which: usize) -> Image {
        let value = |i: usize| {
            let (x, y, c) = (i / 3 % side, i / 3 / side, i % 3);
            let a = (x * 7 + y * 13 + c * 50 + x * y % 11 * 9) % 256;
            (if which == 0 { a } else { a / 2 + 40 + (x * 3 + y) % 16 }) as u8
        };
        Image { width: side, height: side, data: (0..side * side * 3).map(value).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::detector::DetectorNet;
    use mirror::generator::Config;

    #[test]
    fn a_framed_picture_keeps_its_middle_and_draws_its_border_on() {
        let picture = test_pictures::noisy(64, 64, 3);
        assert!(framed(&picture).data.chunks_exact(3).all(|p| p == &picture.data[..3]));
        let mut picture = test_pictures::noisy(64, 8, 3);
        picture.data[..64 * 3 * 8].fill(200);
        let framed = framed(&picture);
        assert!(framed.data[..192 * 3 * 32].iter().all(|v| *v == 200));
    }

    #[test]
    fn a_generator_that_draws_no_portraits_is_far_from_them() {
        let rng = &mut Rng::new(1);
        let config = Config { resolution: 16, fmap_base: 32, fmap_max: 8, fmap_min: 1, latent_size: 8 };
        let bench = Bench {
            painter: Painter::new(&Generator::new(config, rng)),
            detector: Detector::from_net(DetectorNet::new(rng), 0.999),
            portraits: (0..40).map(|i| test_pictures::noisy(16, 4, i)).collect(),
            people: (0..40).map(|i| i.to_string()).collect(),
            mix: Mix::even(40),
        };
        let (levels, mean) = bench.swd(20, 2, 1);
        assert_eq!(levels.len(), 1);
        assert!(mean.samples.value > 1.3 * mean.portraits.value, "{mean:?}");
        assert_eq!(mean.samples.value, bench.swd(20, 2, 1).1.samples.value, "the same for the same seed");
        let fakes = bench.draw(20, 1);
        let order: Vec<usize> = (0..40).collect();
        let nearest = bench.nearest(&fakes, &order);
        assert!(nearest.samples.first_percentile.value > 0.5);
        assert!(nearest.portraits.first_percentile.value > 0.5, "nobody is nearest to himself");
        assert_eq!(bench.one_face(&fakes).samples.of, 20);
    }
}
