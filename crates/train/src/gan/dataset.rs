//! The pictures a GAN learns from, at every level.

use super::archive::{self, AlignedPortrait, Filter};
use super::mix::{Mix, Shares, Traits, mix};
use super::pyramid::{pyramid, soften};
use crate::data::{Gender, pictures_of, read_most};
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::attributes::AttributeNet;
use nn::{Rng, Tensor};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// 8-bit pictures at all levels from 4 pixels up. Every level holds the pictures that have its pixels: a picture of 192 pixels is there up
/// to level 7 (128 pixels), one of 320 up to level 8.
pub struct Dataset {
    /// What the weights of a net that learned from it say of it.
    pub name: String,
    /// `levels[i]` is level `i + 2`.
    levels: Vec<Level>,
    /// The widest first.
    pub pictures: Vec<PictureSource>,
    traits: Vec<Traits>,
}

/// Where a picture comes from.
#[derive(Clone, Debug)]
pub struct PictureSource {
    /// Its file; empty where it has none.
    pub path: PathBuf,
    /// Whom it shows; its file's name where that is not known.
    pub person: String,
    /// Pixels of its shorter side.
    pub width: usize,
}

impl PictureSource {
    fn of(image: &Image, path: PathBuf, person: String) -> Self {
        Self { path, person, width: image.width.min(image.height) }
    }
}

struct Level {
    /// The first pictures of the data set, one after another.
    bytes: Vec<u8>,
    /// Which are drawn how often.
    mix: Mix,
}

impl Dataset {
    /// The aligned portraits of some folders (see [`archive`]) that pass the filter, up to level `finest`, in their shares; within each, the darkest faces are
    /// drawn `dark` times as often as most. Who has no gender on record is drawn as `eyes` see them.
    ///
    /// # Errors
    /// If a table or more than a tenth of the pictures cannot be read, or there are no portraits of a kind that has a share at level
    /// `finest`.
    pub fn portraits(
        folders: &[PathBuf],
        filter: &Filter,
        shares: &Shares,
        dark: f32,
        eyes: &AttributeNet,
        finest: usize,
    ) -> Result<Self> {
        let portraits = archive::read(folders, filter)?;
        let is_woman = |p: &AlignedPortrait| match p.gender {
            Some(gender) => gender == Gender::Female,
            None => eyes.estimate(&p.image, &p.landmarks).is_some_and(|a| a.female > 0.5),
        };

        let traits = |p: &AlignedPortrait| Traits {
            is_woman: is_woman(p),
            mouth_is_closed: p.mouth_is_closed(),
            complexion: p.complexion,
        };
        let traits: Vec<Traits> = portraits.par_iter().map(traits).collect();

        // Every level draws its own portraits in their shares.
        let split = |p: AlignedPortrait| {
            let source = PictureSource::of(&p.image, p.path, p.person);
            (p.image, source)
        };
        let (images, sources): (Vec<Image>, Vec<PictureSource>) = portraits.into_iter().map(split).unzip();
        let mut data = Self::build(folder_names(folders), &images, sources, finest)?;
        for (i, level) in data.levels.iter_mut().enumerate() {
            level.mix = mix(&traits[..level.len(i + 2)], shares, dark).with_context(|| format!("{} pixels", 4 << i))?;
        }
        data.traits = traits;
        Ok(data)
    }

    /// All pictures of a folder, cut to squares: an archive of one's own.
    ///
    /// # Errors
    /// If the folder or more than a tenth of its pictures cannot be read, or there is none.
    pub fn folder(folder: &Path, finest: usize) -> Result<Self> {
        let paths = pictures_of(folder)?;
        anyhow::ensure!(!paths.is_empty(), "{}: no pictures to learn from", folder.display());
        let mut pictures = read_most("pictures", paths, |path| {
            let image = Image::load(&path)?;
            let source = PictureSource::of(&image, path.clone(), path.display().to_string());
            Ok((image, source))
        })?;
        pictures.sort_by_key(|(_, source)| std::cmp::Reverse(source.width));
        let (images, sources): (Vec<Image>, Vec<PictureSource>) = pictures.into_iter().unzip();
        Self::build(folder_names(&[folder.to_owned()]), &images, sources, finest)
    }

    /// A data set of pictures in memory, the widest first.
    ///
    /// # Panics
    /// If none of them has the pixels of level `finest`.
    pub fn of_images(name: &str, images: &[Image], finest: usize) -> Self {
        let source = |(i, image): (usize, &Image)| PictureSource::of(image, PathBuf::new(), i.to_string());
        let sources = images.iter().enumerate().map(source).collect();
        Self::build(name.to_owned(), images, sources, finest).expect("pictures as wide as the finest level")
    }

    /// All pictures of a level as often as each other.
    fn build(name: String, images: &[Image], pictures: Vec<PictureSource>, finest: usize) -> Result<Self> {
        let widest = pictures.iter().map(|p| p.width).max().unwrap_or(0);
        anyhow::ensure!(
            widest >= 1 << finest,
            "no picture has {} pixels, the widest has {widest}\nhint: --resolution {} is what they can teach",
            1 << finest,
            1 << widest.max(4).ilog2()
        );
        let pyramids: Vec<_> = images.par_iter().map(|i| pyramid(i, finest)).collect();
        let level = |i: usize| {
            let with = pyramids.iter().map_while(|p| p.get(i));
            let mix = Mix::even(with.clone().count());
            Level { bytes: with.flatten().copied().collect(), mix }
        };
        Ok(Self { name, levels: (0..=finest - 2).map(level).collect(), pictures, traits: Vec::new() })
    }

    /// Number of pictures at a level.
    pub fn len(&self, level: usize) -> usize {
        self.levels[level - 2].len(level)
    }

    /// Which pictures of a level are drawn how often.
    pub fn mix(&self, level: usize) -> &Mix {
        &self.levels[level - 2].mix
    }

    /// How many pictures a level has, and what shares of those drawn are of which kind.
    pub fn describe(&self, level: usize) -> String {
        let (n, pixels) = (self.len(level), 1 << level);
        let Some(traits) = self.traits.get(..n).filter(|t| !t.is_empty()) else {
            return format!("{pixels} pixels: {n} pictures");
        };
        let drawn = self.mix(level).probabilities(n);
        let kind = |name: &str, is: &dyn Fn(&Traits) -> bool| {
            let such = traits.iter().zip(&drawn).filter(|(t, _)| is(t)).map(|(_, p)| p);
            format!("{name} {:.0} % (of {})", 100.0 * such.clone().sum::<f32>(), such.count())
        };
        let mut lightness: Vec<f32> = traits.iter().map(|t| t.complexion.lightness).collect();
        lightness.sort_by(f32::total_cmp);
        let fifth = lightness[n / 5];
        format!(
            "{pixels} pixels: {n} portraits; drawn: {}, {}, {}",
            kind("women", &|t| t.is_woman),
            kind("closed mouths", &|t| t.mouth_is_closed),
            kind("the darkest fifth of faces", &|t| t.complexion.lightness < fifth)
        )
    }

    /// A table of all pictures: where each is, its width, whom it shows, what decides how often it is drawn, and the probability with
    /// which it is drawn at each level that it has the pixels for. `reference/train_pggan.py` learns from it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_table(&self, path: &Path) -> Result<()> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> =
            ["path", "width", "person", "woman", "closed_mouth", "skin_lightness"].map(String::from).into();
        header.extend((0..self.levels.len()).map(|i| format!("weight_{}", 4 << i)));
        table.write_record(&header)?;
        let drawn: Vec<Vec<f32>> = self.levels.iter().zip(2..).map(|(l, r)| l.mix.probabilities(l.len(r))).collect();
        for (i, picture) in self.pictures.iter().enumerate() {
            let traits = self.traits.get(i);
            let text = |value: fn(&Traits) -> String| traits.map(value).unwrap_or_default();
            let mut row = vec![
                picture.path.canonicalize().unwrap_or_else(|_| picture.path.clone()).display().to_string(),
                picture.width.to_string(),
                picture.person.clone(),
                text(|t| u8::from(t.is_woman).to_string()),
                text(|t| u8::from(t.mouth_is_closed).to_string()),
                text(|t| format!("{:.1}", t.complexion.lightness)),
            ];
            row.extend(drawn.iter().map(|d| d.get(i).map(|p| format!("{p:.7}")).unwrap_or_default()));
            table.write_record(&row)?;
        }
        Ok(host::write_atomically(path, &table.into_inner()?)?)
    }

    /// Picture `i` at a level.
    pub fn picture(&self, level: usize, i: usize) -> Image {
        let side = 1 << level;
        let data = self.levels[level - 2].bytes[i * side * side * 3..][..side * side * 3].to_vec();
        Image { width: side, height: side, data }
    }

    /// `n` random pictures of a level's mix from -1 to 1, half of them mirrored, blended with their half-size selves in a fade.
    pub fn draw(&self, n: usize, level: usize, fade: f32, rng: &mut Rng) -> Tensor {
        let side = 1 << level;
        let len = side * side * 3;
        let mut x = Tensor::zeros([n, side, side, 3]);
        let of_level = &self.levels[level - 2];
        for row in x.data.chunks_exact_mut(len) {
            let bytes = &of_level.bytes[of_level.mix.pick(rng) * len..][..len];
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

/// The last parts of the paths, as a list.
fn folder_names(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders.iter().filter_map(|folder| Some(folder.file_name()?.to_string_lossy())).collect();
    names.join(", ")
}

impl Level {
    fn len(&self, level: usize) -> usize {
        self.bytes.len() / (3 << (2 * level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Table;
    use mirror::pack::{Net, Pack};

    #[test]
    fn every_level_is_the_mean_of_the_next() {
        let image = Image { width: 140, height: 130, data: (0..140 * 130 * 3).map(|i| (i % 251) as u8).collect() };
        let data = Dataset::of_images("a test", &[image], 5);
        let (fine, coarse) = (data.picture(5, 0), data.picture(4, 0));
        assert_eq!((fine.width, coarse.width), (32, 16));
        let mean = [0, 3, 32 * 3, 33 * 3].iter().map(|i| f32::from(fine.data[*i])).sum::<f32>() / 4.0;
        assert!((mean - f32::from(coarse.data[0])).abs() <= 1.0);
    }

    #[test]
    fn pictures_of_a_levels_size_stay_as_they_are() {
        for (side, finest) in [(32, 5), (64, 6), (64, 5)] {
            let data = (0..side * side * 3).map(|i| (i * 7919 % 256) as u8).collect();
            let image = Image { width: side, height: side, data };
            let data = Dataset::of_images("a test", std::slice::from_ref(&image), finest);
            let mean = |i: usize| {
                [0, 3, side * 3, side * 3 + 3].map(|j| f32::from(image.data[i + j])).iter().sum::<f32>() / 4.0
            };
            match side == 1 << finest {
                true => assert_eq!(data.picture(finest, 0), image),
                false => assert!((f32::from(data.picture(finest, 0).data[0]) - mean(0)).abs() < 1.0),
            }
        }
    }

    #[test]
    fn each_level_has_the_pictures_with_its_pixels() {
        let images =
            [320, 300, 192, 140].map(|side| Image { width: side, height: side, data: vec![9; side * side * 3] });
        let data = Dataset::of_images("a test", &images, 8);
        assert_eq!([8, 7, 2].map(|level| data.len(level)), [2, 4, 4]);
        assert_eq!(data.draw(3, 8, 0.0, &mut Rng::new(1)).shape, [3, 256, 256, 3]);
        let sources = images[2..].iter().map(|i| PictureSource::of(i, PathBuf::new(), String::new())).collect();
        let error = Dataset::build(String::new(), &images[2..], sources, 8).err().unwrap().to_string();
        assert!(error.contains("no picture has 256 pixels, the widest has 192\nhint: --resolution 128"), "{error}");
    }

    /// How often those of a kind are drawn.
    fn share(mix: &Mix, traits: &[Traits], is: fn(&Traits) -> bool) -> f32 {
        traits.iter().zip(mix.probabilities(traits.len())).filter(|(t, _)| is(t)).map(|(_, p)| p).sum()
    }

    #[test]
    fn the_archive_is_drawn_in_its_shares_at_every_size() {
        let Some(root) = testing::data_root_or_skip("the GAN's portraits") else { return };
        let filter = Filter { max_upsampling: 1.35, max_yaw: 0.4, min_inside: 0.9, since: 1975 };
        let shares = Shares { women: 0.5, closed_mouths: 0.5 };
        let eyes = Pack::embedded().unwrap().open(Net::Attributes, AttributeNet::from_weights).unwrap();
        let folders = ["congress", "office"].map(|f| root.join(f));
        let data = Dataset::portraits(&folders, &filter, &shares, 3.0, &eyes, 8).unwrap();
        assert!((1600..1700).contains(&data.len(8)), "{}", data.describe(8));
        assert!((2900..3200).contains(&data.len(7)), "{}", data.describe(7));
        let dir = tempfile::tempdir().unwrap();
        data.write_table(&dir.path().join("portraits.csv")).unwrap();
        let table = Table::read(&dir.path().join("portraits.csv"), &[]).unwrap();
        let sum: f32 = table.rows().filter_map(|r| r.number("weight_256").unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-3 && table.rows().count() == data.len(7), "{sum}");
        for level in [3, 7, 8] {
            let traits = &data.traits[..data.len(level)];
            assert!((share(data.mix(level), traits, |t| t.is_woman) - 0.5).abs() < 1e-3);
            for group in &data.mix(level).0 {
                let (n, sum) = (group.members.len() as f32, group.weights.iter().sum::<f32>());
                // 8 % three times, on average twice up to 20 %.
                assert!((sum / n - (1.0 + 0.08 * 2.0 + 0.12)).abs() < 0.05, "{}", sum / n);
            }
        }
    }

    #[test]
    fn drawn_pictures_fade_from_their_half_size() {
        let image = Image { width: 128, height: 128, data: (0..128 * 128 * 3).map(|i| (i * 7 % 255) as u8).collect() };
        let data = Dataset::of_images("a test", &[image], 4);
        let x = data.draw(3, 4, 1.0, &mut Rng::new(1));
        for row in x.rows() {
            assert!((row[0] - row[3]).abs() < 1e-5 && (row[0] - row[16 * 3]).abs() < 1e-5);
        }
    }
}
