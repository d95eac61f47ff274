//! Where a GAN's run begins: its players and its pictures.

use super::{Dataset, Discriminator, Filter, GanOptions, Shares, Trainer};
use crate::runs::data_root;
use anyhow::{Context, Result};
use mirror::face::attributes::AttributeNet;
use mirror::generator::{Config, Generator};
use mirror::pack::{Net, Pack};
use nn::Rng;
use std::path::{Path, PathBuf};

/// Where a run begins.
pub(super) struct Start {
    pub trainer: Trainer,
    /// The first level that is learned.
    pub first: usize,
    /// Whether it fades in over nets that draw the level below.
    pub grows: bool,
}

/// The players as a new run finds them: untrained, or those of other runs.
pub(super) fn begin(options: &GanOptions) -> Result<Start> {
    let Some(path) = &options.init_generator else {
        let config = Config {
            resolution: options.resolution.unwrap_or(64),
            fmap_base: options.fmap_base,
            fmap_max: options.fmap_max,
            fmap_min: options.fmap_min,
            latent_size: options.latent_size,
        };
        config.check()?;
        let first = power_of_two(options.start_resolution, config.levels()).context("--start-resolution")?;
        let mut trainer = Trainer::new(config, options.seed);
        trainer.augment = options.augment;
        return Ok(Start { trainer, first, grows: false });
    };

    // Players of other runs.
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let mut rng = Rng::new(options.seed);
    let mut g = Generator::from_bytes_to_train(&read(path)?).with_context(|| path.display().to_string())?;
    let mut d = Discriminator::new(g.config(), &mut rng);
    if let Some(path) = &options.init_discriminator {
        d.fill(&read(path)?).with_context(|| path.display().to_string())?;
    }

    // One that is to draw larger pictures grows.
    let below = g.config();
    let resolution = options.resolution.unwrap_or(below.resolution);
    let grows = resolution != below.resolution;
    if grows {
        let config = Config { resolution, fmap_min: options.fmap_min.max(below.fmap_min), ..below };
        config.check()?;
        anyhow::ensure!(options.init_discriminator.is_some(), "to grow, a generator needs its --init-discriminator");
        g = g.grown(config, &mut rng)?;
        d = d.grown(config, &mut rng);
    }

    let mut trainer = Trainer::of_players(g, d, rng);
    trainer.augment = options.augment;
    Ok(Start { trainer, first: below.levels() + usize::from(grows), grows })
}

/// The pictures to learn from, up to level `finest`.
pub(super) fn load_data(options: &GanOptions, finest: usize) -> Result<Dataset> {
    if let Some(folder) = &options.pictures {
        return Dataset::folder(folder, finest);
    }
    let folders = portrait_folders(&options.portraits, options.data.as_deref())?;
    load_portraits(&folders, &options.filter, &options.shares, options.dark, finest)
}

/// The portraits of some folders, see [`Dataset::portraits`]. The built-in pack's attribute net judges whose gender nobody recorded.
///
/// # Errors
/// As [`Dataset::portraits`].
pub(crate) fn load_portraits(
    folders: &[PathBuf],
    filter: &Filter,
    shares: &Shares,
    dark: f32,
    finest: usize,
) -> Result<Dataset> {
    let eyes = Pack::embedded()?.open(Net::Attributes, AttributeNet::from_weights)?;
    Dataset::portraits(folders, filter, shares, dark, &eyes, finest)
}

/// The folders of portraits that were named, else those that the data folder has.
///
/// # Errors
/// If none was named and there is no data folder, or none of them in it.
pub(crate) fn portrait_folders(named: &[PathBuf], data: Option<&Path>) -> Result<Vec<PathBuf>> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let root = data_root(data)?;
    let folders: Vec<PathBuf> =
        ["congress", "office"].map(|f| root.join(f)).into_iter().filter(|f| f.join("faces.csv").exists()).collect();
    anyhow::ensure!(!folders.is_empty(), "{}: neither congress/faces.csv nor office/faces.csv", root.display());
    Ok(folders)
}

/// The level of a resolution, 4 pixels to that of level `most`.
fn power_of_two(resolution: usize, most: usize) -> Result<usize> {
    let level = resolution.trailing_zeros() as usize;
    anyhow::ensure!(
        resolution.is_power_of_two() && (2..=most).contains(&level),
        "expected a power of two from 4 to {}, found {resolution}",
        1 << most
    );
    Ok(level)
}
