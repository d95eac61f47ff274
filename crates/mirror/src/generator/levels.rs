//! Generators of fewer levels than another has, or of more.

use super::config::Config;
use super::network::{Generator, Shape, to_rgb_name};
use nn::{Layer, Rng};

/// Why a generator cannot grow to another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrowError {
    /// The other shape has fewer levels.
    #[error("{from} pixels cannot grow to {to}")]
    Coarser {
        /// Width and height of what it draws.
        from: usize,
        /// What it should draw.
        to: usize,
    },
    /// The other shape has other maps or latents at the levels that both have.
    #[error("{from:?} does not grow to {to:?}: other maps or latents below")]
    OtherMaps {
        /// Its shape.
        from: Config,
        /// The other one.
        to: Config,
    },
}

/// Why a generator does not draw at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// Every level is larger.
    #[error("no level of at most {pixels} pixels: the coarsest has 4")]
    None {
        /// The size.
        pixels: usize,
    },
    /// Its file has no `ToRGB` layer for the level.
    #[error("this generator has no layer from maps to colours at {pixels} pixels")]
    NoColours {
        /// Width and height of the level.
        pixels: usize,
    },
}

impl Generator {
    /// A copy of the part that draws level `level`, as a generator of that resolution.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn up_to(&self, level: usize) -> Self {
        assert!((2..=self.config.levels()).contains(&level), "no level {level}");
        let config = Config { resolution: 1 << level, ..self.config };
        let mut part = Self::empty(Shape { config, pixel_biases: self.pixel_biases() });
        let n = level - 1;
        let ours =
            self.blocks[..n].iter().flat_map(Layer::params).chain(self.to_rgb[..n].iter().flat_map(Layer::params));
        for (to, from) in part.params_mut().into_iter().zip(ours) {
            to.value.clone_from(&from.value);
            to.scale = from.scale;
        }
        part.metadata.clone_from(&self.metadata);
        part
    }

    /// A generator to learn on that draws what this one draws, and has finer levels above it that have learned nothing yet.
    ///
    /// # Errors
    /// If the other shape is coarser, or its maps or latents are not those of this one.
    pub fn grown(&self, config: Config, rng: &mut Rng) -> Result<Self, GrowError> {
        let levels = self.config.levels();
        if config.levels() < levels {
            return Err(GrowError::Coarser { from: self.config.resolution, to: config.resolution });
        }
        let same = |stage: &usize| config.maps(*stage) == self.config.maps(*stage);
        if !(1..levels).all(|stage| same(&stage)) || config.latent_size != self.config.latent_size {
            return Err(GrowError::OtherMaps { from: self.config, to: config });
        }
        let mut grown = Self::equalized(Shape { config, pixel_biases: self.pixel_biases() }, rng);
        let n = levels - 1;
        let parts = grown.blocks[..n].iter_mut().flat_map(Layer::params_mut);
        let parts = parts.chain(grown.to_rgb[..n].iter_mut().flat_map(Layer::params_mut));
        for (to, from) in parts.zip(self.params()) {
            to.value = from.value.iter().map(|v| v * from.scale / to.scale).collect();
        }
        grown.metadata.clone_from(&self.metadata);
        Ok(grown)
    }

    /// The part that draws the finest level of at most `pixels`, cut out of this one; all of it, if none is finer.
    ///
    /// # Errors
    /// If every level is larger, or the file had no layer from maps to colours at that level.
    pub fn at_most(self, pixels: usize) -> Result<Self, LevelError> {
        let Some(level) = (2..=self.config.levels()).rfind(|level| 1 << level <= pixels) else {
            return Err(LevelError::None { pixels });
        };
        if level == self.config.levels() {
            return Ok(self);
        }
        if !self.has_colours(level) {
            return Err(LevelError::NoColours { pixels: 1 << level });
        }
        Ok(self.cut_to(level))
    }

    /// Whether the file had a layer from maps to colours at this level; the reader fills in nought for what a file lacks.
    pub(super) fn has_colours(&self, level: usize) -> bool {
        self.to_rgb[level - 2].params().iter().any(|p| p.value.iter().any(|v| *v != 0.0))
    }

    /// The part that draws level `level`, of which there must be one, without the levels above.
    fn cut_to(mut self, level: usize) -> Self {
        self.blocks.truncate(level - 1);
        self.to_rgb.truncate(level - 1);
        self.config.resolution = 1 << level;
        // Their names count the levels from the finest.
        for (i, layer) in self.to_rgb.iter_mut().enumerate() {
            let name = to_rgb_name(&self.config, i + 2);
            for (p, part) in layer.params_mut().into_iter().zip(["weight", "bias"]) {
                p.name = format!("{name}/{part}");
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{TINY, tiny};
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_part_draws_what_the_whole_draws_at_its_level() {
        let (g, z, _) = tiny(3);
        for (level, lod) in [(2, 2.0), (3, 1.0), (4, 0.0)] {
            let part = g.up_to(level);
            assert_eq!(part.forward(&z), g.forward_lod(&z, lod), "level {level}");
            assert_eq!(part.config().levels(), level);
        }
    }

    #[test]
    fn a_part_that_is_cut_out_is_the_part_that_is_copied() {
        for level in [2, 3] {
            let (copied, cut) = (tiny(3).0.up_to(level), tiny(3).0.cut_to(level));
            assert_eq!(copied.config(), cut.config());
            for (a, b) in copied.params().into_iter().zip(cut.params()) {
                assert_eq!((&a.name, &a.shape, &a.value, a.scale), (&b.name, &b.shape, &b.value, b.scale));
            }
            let bytes = cut.to_bytes(&BTreeMap::new(), nn::io::Dtype::F32);
            assert!(Generator::from_bytes(&bytes).is_ok(), "its file is one of its own size");
        }
    }

    #[test]
    fn at_most_so_many_pixels_is_a_level_that_has_colours() {
        let (g, z, _) = tiny(3);
        let at_8 = g.forward_lod(&z, 1.0);
        assert!(tiny(3).0.at_most(3).err().unwrap().to_string().contains("coarsest has 4"));
        assert_eq!(tiny(3).0.at_most(4000).unwrap().config(), TINY);
        assert_eq!(g.at_most(15).unwrap().forward(&z), at_8);
        let bytes = tiny(3).0.to_bytes(&BTreeMap::new(), nn::io::Dtype::F32);
        let mut file = nn::io::read(&bytes).unwrap();
        file.tensors.retain(|name, _| !name.starts_with("ToRGB_lod1/"));
        let without = Generator::from_bytes(&nn::io::write(&file, nn::io::Dtype::F32)).unwrap();
        assert!(without.at_most(8).err().unwrap().to_string().contains("no layer from maps to colours at 8 pixels"));
    }
}
