//! The pictures a GAN learns from, at every level.

use super::complexion::{self, Complexion};
use crate::data::{Gender, Portrait};
use crate::progress::bar;
use anyhow::{Context, Result};
use frame::Image;
use nn::{AvgPool, Layer, Rng, Tensor, Upsample};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Which portraits are good enough (see the data's README), and how many of those drawn are of women. Toned prints and drawings
/// never are: of their blue cheeks a GAN makes blue shadows for eyes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Filter {
    /// Softest portraits: aligned pixels a source pixel.
    #[arg(long, default_value_t = 2.0)]
    pub max_upsampling: f32,
    /// Most turned portraits: nose offset over eye distance.
    #[arg(long, default_value_t = 0.22)]
    pub max_yaw: f32,
    /// Least share of the crop inside the photograph.
    #[arg(long, default_value_t = 0.9)]
    pub min_inside: f32,
    /// First year: before about 1975 what has colours are toned prints and paintings, of which a GAN makes brown and blue ruins.
    #[arg(long, default_value_t = 1975)]
    pub since: i32,
    /// Share of the portraits drawn that show women, from 0 to 1; the archive's own is one in six, and a generator that learns that
    /// makes a man of nearly everybody.
    #[arg(long, default_value_t = 0.5, value_parser = share)]
    pub women: f32,
}

fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|s| (0.0..=1.0).contains(s)).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// How many times as often as most something is drawn.
pub(crate) fn times(text: &str) -> Result<f32, String> {
    let times = text.parse().ok().filter(|t: &f32| *t > 0.0 && t.is_finite());
    times.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Groups of pictures, and what share of the drawn ones is of each.
pub struct Mix(Vec<Group>);

struct Group {
    share: f32,
    members: Vec<usize>,
    /// How often each is drawn, above 0.
    weights: Vec<f32>,
    /// The largest of them.
    most: f32,
}

impl Group {
    fn new(share: f32, members: Vec<usize>, weights: Vec<f32>) -> Self {
        let most = weights.iter().copied().fold(0.0, f32::max);
        Self { share, members, weights, most }
    }

    fn even(share: f32, members: Vec<usize>) -> Self {
        let weights = vec![1.0; members.len()];
        Self::new(share, members, weights)
    }

    fn pick(&self, rng: &mut Rng) -> usize {
        loop {
            let i = rng.below(self.members.len());
            if rng.uniform() * self.most < self.weights[i] {
                return self.members[i];
            }
        }
    }

    /// How many different ones can be drawn while those that weigh most are drawn as often as they should be.
    fn different(&self) -> f32 {
        self.weights.iter().sum::<f32>() / self.most
    }

    /// Different ones, by weight (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
    fn draw(&self, count: usize, rng: &mut Rng) -> impl Iterator<Item = usize> {
        let mut drawn: Vec<(f32, usize)> =
            self.weights.iter().zip(&self.members).map(|(w, i)| (rng.uniform().powf(self.most / w), *i)).collect();
        drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
        drawn.into_iter().take(count).map(|d| d.1)
    }
}

impl Mix {
    /// Each of `n` pictures as often as any other.
    pub fn even(n: usize) -> Self {
        Self(vec![Group::even(1.0, (0..n).collect())])
    }

    /// Groups of which none that has a share may be empty.
    fn of(mut groups: Vec<Group>) -> Self {
        groups.retain(|g| g.share > 0.0);
        Self(groups)
    }

    /// A random one.
    fn pick(&self, rng: &mut Rng) -> usize {
        let mut at = if self.0.len() > 1 { rng.uniform() } else { 0.0 };
        let last = self.0.len() - 1;
        let group = self.0[..last].iter().find(|g| {
            let within = at < g.share;
            at -= g.share;
            within
        });
        group.unwrap_or(&self.0[last]).pick(rng)
    }

    /// As many different ones as there are of every group in its share, in random order. Where some weigh more, as many fewer of the others.
    pub fn without_repeats(&self, rng: &mut Rng) -> Vec<usize> {
        let most = self.0.iter().map(|g| g.different() / g.share).fold(f32::INFINITY, f32::min);
        let mut drawn: Vec<usize> = Vec::new();
        for group in &self.0 {
            drawn.extend(group.draw((group.share * most).round() as usize, rng));
        }
        rng.shuffle(&mut drawn);
        drawn
    }
}

/// 8-bit pictures at all levels from 4 pixels up.
pub struct Dataset {
    /// `levels[i]` holds the pictures of level `i + 2` one after another.
    levels: Vec<Vec<u8>>,
    /// Whom each picture shows; its file where that is not known.
    pub people: Vec<String>,
    /// Which are drawn how often.
    pub mix: Mix,
}

impl Dataset {
    /// The aligned portraits of the archive that pass the filter, up to level `finest`. Of women and of others, the darkest faces are
    /// drawn `dark` times as often as most.
    ///
    /// # Errors
    /// If the table or a picture cannot be read, or no picture passes.
    pub fn congress(root: &Path, filter: &Filter, dark: f32, finest: usize) -> Result<Self> {
        let folder = root.join("congress/aligned");
        let mut rows = crate::data::read_table(root)?;
        rows.retain(|p| {
            p.upsampling <= filter.max_upsampling
                && p.yaw_cue.abs() < filter.max_yaw
                && p.inside >= filter.min_inside
                && p.photo_year >= filter.since
                && p.aligned.is_some()
                && folder.join(&p.file).exists()
        });
        let mut images = load(&rows.iter().map(|p| folder.join(&p.file)).collect::<Vec<_>>())?;
        let complexion = |(image, p): (&Image, &Portrait)| Some(Complexion::of(image, p.aligned.as_ref()?));
        let mut complexions: Vec<Complexion> = images.par_iter().zip(&rows).filter_map(complexion).collect();
        let good: Vec<bool> = complexions.iter().map(Complexion::is_of_skin).collect();
        retain(&mut rows, &good);
        retain(&mut images, &good);
        retain(&mut complexions, &good);

        let group = |share, of_women| {
            let members: Vec<usize> =
                (0..rows.len()).filter(|i| (rows[*i].gender == Some(Gender::Female)) == of_women).collect();
            let of_them: Vec<Complexion> = members.iter().map(|i| complexions[*i]).collect();
            Group::new(share, members, complexion::weights(&of_them, dark))
        };
        let groups = vec![group(filter.women, true), group(1.0 - filter.women, false)];
        anyhow::ensure!(
            groups.iter().all(|g| g.share == 0.0 || !g.members.is_empty()),
            "{} portraits of women and {} others pass: --women {} cannot be drawn",
            groups[0].members.len(),
            groups[1].members.len(),
            filter.women
        );
        let people = rows.into_iter().map(|p| if p.bioguide.is_empty() { p.file } else { p.bioguide }).collect();
        Ok(Self { mix: Mix::of(groups), ..Self::of_named(&images, finest, people) })
    }

    /// All pictures of a folder, cut to squares: an archive of one's own.
    ///
    /// # Errors
    /// If the folder or a picture cannot be read, or there is none.
    pub fn folder(folder: &Path, finest: usize) -> Result<Self> {
        let known = ["jpg", "jpeg", "png", "webp", "bmp"];
        let is_picture = |p: &PathBuf| {
            p.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_lowercase().as_str()))
        };
        let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(is_picture).collect();
        paths.sort();
        Ok(Self::of_named(&load(&paths)?, finest, paths.iter().map(|p| p.display().to_string()).collect()))
    }

    /// A data set of pictures in memory.
    pub fn of_images(images: &[Image], finest: usize) -> Self {
        Self::of_named(images, finest, (0..images.len()).map(|i| i.to_string()).collect())
    }

    fn of_named(images: &[Image], finest: usize, people: Vec<String>) -> Self {
        let pyramids: Vec<_> = images.par_iter().map(|i| pyramid(i, finest)).collect();
        let level = |i: usize| pyramids.iter().flat_map(|p| p[i].iter().copied()).collect();
        let mix = Mix::even(people.len());
        Self { levels: (0..=finest - 2).map(level).collect(), people, mix }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Picture `i` at a level.
    pub fn picture(&self, level: usize, i: usize) -> Image {
        let side = 1 << level;
        let data = self.levels[level - 2][i * side * side * 3..][..side * side * 3].to_vec();
        Image { width: side, height: side, data }
    }

    /// `n` random pictures of the mix from -1 to 1, half of them mirrored, blended with their half-size selves in a fade.
    pub fn draw(&self, n: usize, level: usize, fade: f32, rng: &mut Rng) -> Tensor {
        let side = 1 << level;
        let len = side * side * 3;
        let mut x = Tensor::zeros([n, side, side, 3]);
        for row in x.data.chunks_exact_mut(len) {
            let bytes = &self.levels[level - 2][self.mix.pick(rng) * len..][..len];
            let mirrored = rng.chance(0.5);
            for (i, (to, _)) in row.chunks_exact_mut(3).zip(0..).enumerate() {
                let from = if mirrored { i / side * side + side - 1 - i % side } else { i };
                to.iter_mut().zip(&bytes[from * 3..]).for_each(|(v, b)| *v = f32::from(*b) / 127.5 - 1.0);
            }
        }
        soften(&mut x, fade);
        x
    }
}

fn load(paths: &[PathBuf]) -> Result<Vec<Image>> {
    anyhow::ensure!(!paths.is_empty(), "no pictures to learn from");
    let bar = bar(paths.len() as u64, "pictures");
    let images = paths.par_iter().map(|path| Image::load(path).inspect(|_| bar.inc(1)));
    let images = images.collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    Ok(images)
}

fn retain<T>(items: &mut Vec<T>, good: &[bool]) {
    let mut good = good.iter();
    items.retain(|_| good.next().copied().unwrap_or(false));
}

/// Blends pictures of a level that fades in with their half-size selves; those of 4 pixels never fade.
pub fn soften(x: &mut Tensor, fade: f32) {
    if fade > 0.0 && x.w() > 4 {
        let coarse = Upsample.forward(&AvgPool.forward(x));
        x.data.iter_mut().zip(&coarse.data).for_each(|(a, b)| *a += (b - *a) * fade);
    }
}

/// The picture at every level from 2 to `finest`: resampled once to 128 pixels or more, then exact 2x2 means.
fn pyramid(image: &Image, finest: usize) -> Vec<Vec<u8>> {
    let top = finest.max(7);
    let square = image.width.min(image.height);
    let (x0, y0) = ((image.width - square) / 2, (image.height - square) / 2);
    let mut source = Vec::with_capacity(square * square * 3);
    for y in y0..y0 + square {
        source.extend(image.data[(y * image.width + x0) * 3..][..square * 3].iter().map(|b| f32::from(*b)));
    }
    let mut x = Tensor::new([1, 1 << top, 1 << top, 3], resize(&source, square, 1 << top));
    let mut levels = Vec::new();
    for level in (2..=top).rev() {
        if level <= finest {
            levels.push(x.data.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect());
        }
        x = AvgPool.forward(&x);
    }
    levels.reverse();
    levels
}

/// A square picture of another size, by a Lanczos window of three lobes as wide as the coarser of both grids.
fn resize(x: &[f32], from: usize, to: usize) -> Vec<f32> {
    let scale = from as f32 / to as f32;
    let stretch = scale.max(1.0);
    let sinc =
        |t: f32| if t.abs() < 1e-6 { 1.0 } else { (std::f32::consts::PI * t).sin() / (std::f32::consts::PI * t) };
    let taps: Vec<(usize, Vec<f32>)> = (0..to)
        .map(|i| {
            let centre = (i as f32 + 0.5) * scale;
            let first = (centre - 3.0 * stretch).max(0.0) as usize;
            let end = ((centre + 3.0 * stretch).ceil() as usize).min(from);
            let weight = |j: usize| {
                let t = (j as f32 + 0.5 - centre) / stretch;
                if t.abs() < 3.0 { sinc(t) * sinc(t / 3.0) } else { 0.0 }
            };
            let weights: Vec<f32> = (first..end).map(weight).collect();
            let sum: f32 = weights.iter().sum();
            (first, weights.into_iter().map(|w| w / sum).collect())
        })
        .collect();
    let mut rows = vec![0.0; to * from * 3];
    for (row, (first, weights)) in rows.chunks_exact_mut(from * 3).zip(&taps) {
        for (y, w) in (*first..).zip(weights) {
            row.iter_mut().zip(&x[y * from * 3..]).for_each(|(r, v)| *r += w * v);
        }
    }
    let mut out = vec![0.0; to * to * 3];
    for (row, source) in out.chunks_exact_mut(to * 3).zip(rows.chunks_exact(from * 3)) {
        for (pixel, (first, weights)) in row.chunks_exact_mut(3).zip(&taps) {
            for (v, w) in source[first * 3..].chunks_exact(3).zip(weights) {
                pixel.iter_mut().zip(v).for_each(|(p, v)| *p += w * v);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_flat_areas_and_the_size_of_waves() {
        assert!(resize(&[7.0; 20 * 20 * 3], 20, 16).iter().all(|v| (v - 7.0).abs() < 1e-4));
        let wave: Vec<f32> = (0..160 * 160 * 3).map(|i| ((i / 3 % 160) as f32 * 0.1).sin()).collect();
        let small = resize(&wave, 160, 128);
        let want = |x: usize| ((x as f32 + 0.5) * 1.25 - 0.5) * 0.1;
        for x in 8..120 {
            assert!((small[(64 * 128 + x) * 3] - want(x).sin()).abs() < 0.01);
        }
    }

    #[test]
    fn every_level_is_the_mean_of_the_next() {
        let image = Image { width: 140, height: 130, data: (0..140 * 130 * 3).map(|i| (i % 251) as u8).collect() };
        let data = Dataset::of_images(&[image], 5);
        let (fine, coarse) = (data.picture(5, 0), data.picture(4, 0));
        assert_eq!((fine.width, coarse.width), (32, 16));
        let mean = [0, 3, 32 * 3, 33 * 3].iter().map(|i| f32::from(fine.data[*i])).sum::<f32>() / 4.0;
        assert!((mean - f32::from(coarse.data[0])).abs() <= 1.0);
    }

    #[test]
    fn women_are_drawn_as_often_as_was_asked_for() {
        let rng = &mut Rng::new(3);
        for share in [0.0, 0.25, 0.5, 1.0] {
            let mix =
                Mix::of(vec![Group::even(share, (0..20).collect()), Group::even(1.0 - share, (20..120).collect())]);
            let women = (0..4000).filter(|_| mix.pick(rng) < 20).count() as f32 / 4000.0;
            assert!((women - share).abs() < 0.03, "{women} of {share}");
            let mut once = mix.without_repeats(rng);
            let women = once.iter().filter(|i| **i < 20).count() as f32 / once.len() as f32;
            assert!((women - share).abs() < 0.01, "{women} of {share}");
            once.sort_unstable();
            assert!(once.windows(2).all(|w| w[0] < w[1]));
        }
    }

    #[test]
    fn what_weighs_more_is_drawn_more_often() {
        let (rng, mix) = (&mut Rng::new(4), Mix::of(vec![Group::new(1.0, vec![5, 6, 7], vec![1.0, 3.0, 1.0])]));
        let sixes = (0..5000).filter(|_| mix.pick(rng) == 6).count();
        assert!((2850..3150).contains(&sixes), "{sixes}");
        let pairs: Vec<Vec<usize>> = (0..300).map(|_| mix.without_repeats(rng)).collect();
        // Five thirds of a picture: two different ones, hardly ever without the one that weighs most.
        assert!(pairs.iter().all(|p| p.len() == 2 && p[0] != p[1]));
        assert!(pairs.iter().filter(|p| p.contains(&6)).count() > 240);
    }

    #[test]
    fn the_archive_is_drawn_without_toned_prints_and_with_more_of_the_darkest() {
        let Some(root) = testing::data_root_or_skip("the GAN's portraits") else { return };
        let filter = Filter { max_upsampling: 2.0, max_yaw: 0.22, min_inside: 0.9, since: 1975, women: 0.5 };
        let data = Dataset::congress(&root, &filter, 3.0, 3).unwrap();
        assert!((1660..1687).contains(&data.len()), "{}", data.len());
        for group in &data.mix.0 {
            let (n, sum) = (group.members.len() as f32, group.weights.iter().sum::<f32>());
            // 8 % three times, on average twice up to 20 %.
            assert!((sum / n - (1.0 + 0.08 * 2.0 + 0.12)).abs() < 0.02, "{}", sum / n);
        }
    }

    #[test]
    fn drawn_pictures_fade_from_their_half_size() {
        let image = Image { width: 128, height: 128, data: (0..128 * 128 * 3).map(|i| (i * 7 % 255) as u8).collect() };
        let data = Dataset::of_images(&[image], 4);
        let x = data.draw(3, 4, 1.0, &mut Rng::new(1));
        for row in x.rows() {
            assert!((row[0] - row[3]).abs() < 1e-5 && (row[0] - row[16 * 3]).abs() < 1e-5);
        }
    }
}
