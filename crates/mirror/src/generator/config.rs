//! The shape of a progressive GAN, and which shapes there can be.

/// The shape of a progressive GAN: its generator and its discriminator mirror each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Width and height of the picture: a power of two from 4 to 1024.
    pub resolution: usize,
    /// Maps times `2^stage`, before the limit; 8192 as published.
    pub fmap_base: usize,
    /// Most maps of a layer; 512 as published.
    pub fmap_max: usize,
    /// Fewest maps of a layer, so that the finest levels are not starved; 1 as published.
    pub fmap_min: usize,
    /// Coordinates of a latent; 512 as published.
    pub latent_size: usize,
}

impl Config {
    /// The finest level, log2 of the resolution.
    pub fn levels(&self) -> usize {
        self.resolution.trailing_zeros() as usize
    }

    /// Maps of a stage; level `r` has those of stage `r - 1`.
    pub fn maps(&self, stage: usize) -> usize {
        (self.fmap_base >> stage).max(self.fmap_min).min(self.fmap_max)
    }

    /// Refuses a shape that no net can have.
    ///
    /// # Errors
    /// Names the number that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.resolution.is_power_of_two() || !(4..=1024).contains(&self.resolution) {
            return Err(ConfigError::Resolution(self.resolution));
        }
        for (name, found, most) in [
            ("fmap_base", self.fmap_base, 1 << 20),
            ("fmap_max", self.fmap_max, 4096),
            ("fmap_min", self.fmap_min, 4096),
            ("latent_size", self.latent_size, 8192),
        ] {
            if !(1..=most).contains(&found) {
                return Err(ConfigError::Range { name, most, found });
            }
        }
        if self.fmap_min > self.fmap_max {
            return Err(ConfigError::Limits { fmap_min: self.fmap_min, fmap_max: self.fmap_max });
        }
        Ok(())
    }

    /// Learned values of a generator of this shape, one `ToRGB` included.
    pub fn values(&self) -> usize {
        let maps = self.maps(1);
        let input = (16 * self.latent_size + 1) * maps + (9 * maps + 1) * maps;
        let blocks = (3..=self.levels()).map(|r| {
            let (below, maps) = (self.maps(r - 2), self.maps(r - 1));
            (9 * below + 1 + 9 * maps + 1) * maps
        });
        input + blocks.sum::<usize>() + 3 * (self.maps(self.levels() - 1) + 1)
    }

    /// The level that `lod` chooses, and how far it still is from having faded in (0: fully there).
    pub fn level_and_fade(&self, lod: f32) -> (usize, f32) {
        let coarser = (lod.max(0.0) as usize).min(self.levels() - 2);
        let level = self.levels() - coarser;
        (level, if level == 2 { 0.0 } else { (lod - coarser as f32).clamp(0.0, 1.0) })
    }
}

/// Why no net can have a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The pictures have a size that no level has.
    #[error("resolution: expected a power of two from 4 to 1024, found {0}")]
    Resolution(usize),
    /// A number is out of range.
    #[error("{name}: expected 1 to {most}, found {found}")]
    Range {
        /// Which, by its name in [`Config`].
        name: &'static str,
        /// The largest that is accepted.
        most: usize,
        /// What it is.
        found: usize,
    },
    /// The fewest maps of a layer are more than the most.
    #[error("fmap_min: {fmap_min} is more than fmap_max, {fmap_max}")]
    Limits {
        /// Fewest maps.
        fmap_min: usize,
        /// Most maps.
        fmap_max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Config = Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        assert_eq!(TINY.check(), Ok(()));
        for resolution in [0, 2, 48, 2048] {
            assert_eq!(Config { resolution, ..TINY }.check(), Err(ConfigError::Resolution(resolution)));
        }
        let limits = ConfigError::Limits { fmap_min: 1000, fmap_max: 6 };
        assert_eq!(Config { fmap_min: 1000, ..TINY }.check(), Err(limits));
        assert_eq!(limits.to_string(), "fmap_min: 1000 is more than fmap_max, 6");
        let error = Config { latent_size: 0, ..TINY }.check().unwrap_err();
        assert_eq!(error.to_string(), "latent_size: expected 1 to 8192, found 0");
    }
}
