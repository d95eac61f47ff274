//! A generator as its layers lie in a foreign file: what every format is brought to before any weight is read.

use crate::array::{Array, ArrayError};
use crate::byte_reader::ByteReader;
use mirror::generator::{Config, ConfigError, Generator};
use std::collections::BTreeMap;

/// Weight and bias of a layer, still in the file, run-time scale included.
pub struct LayerBlueprint {
    /// `[out, in, k, k]`; of the first layer `[16 maps, latent]` or `[maps, 4, 4, latent]`.
    pub weight: Array,
    /// `[out]`; of the first layer one a map, or one a map and pixel.
    pub bias: Array,
}

/// The layers of a generator.
pub struct Blueprint {
    /// `4x4/Dense`.
    pub dense: LayerBlueprint,
    /// `4x4/Conv`, `8x8/Conv0`, `8x8/Conv1`, `16x16/Conv0`, ...
    pub convs: Vec<LayerBlueprint>,
    /// From maps to colours at each level from 4x4; some files have only the last.
    pub to_rgb: Vec<Option<LayerBlueprint>>,
    /// How many levels are not trained yet; with a fraction while one fades in.
    pub lod: f64,
    /// What else the file says of itself.
    pub metadata: BTreeMap<String, String>,
}

/// Why layers do not make a generator.
#[derive(Debug, thiserror::Error)]
pub enum BlueprintError {
    /// One does not fit, or cannot be read.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Together they have a shape that no generator has.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There are too many or too few layers, or none where one is needed.
    #[error("{0}")]
    Shape(String),
    /// The generator would take more memory than any that is known.
    #[error("a generator of {values} numbers: more than the {MAX_VALUES} that this program takes")]
    Huge {
        /// How many.
        values: usize,
    },
    /// Training had not reached the full resolution.
    #[error(
        "training ended at lod {lod}, before the full resolution of {resolution} pixels was reached\nhint: --max-resolution {reached} takes the level that was"
    )]
    Unfinished {
        /// Levels that are still missing.
        lod: f64,
        /// What it was to become.
        resolution: usize,
        /// What it has become.
        reached: usize,
    },
}

impl BlueprintError {
    /// There are levels 2 to `levels`, and none of so many pixels.
    pub fn no_level(pixels: usize, levels: usize) -> Self {
        Self::Shape(format!("no level of {pixels} pixels: the file has powers of two from 4 to {}", 1 << levels))
    }

    /// Of so many levels, the last `lod` are missing.
    pub fn unfinished(lod: f64, levels: usize) -> Self {
        let reached = 1 << (levels as f64 - lod.ceil()).clamp(2.0, levels as f64) as usize;
        Self::Unfinished { lod, resolution: 1 << levels, reached }
    }
}

/// The published generators have 23 million.
pub const MAX_VALUES: usize = 48 << 20;

impl Blueprint {
    /// The finest level, if there can be one.
    fn levels(&self) -> Result<usize, BlueprintError> {
        let (convs, levels) = (self.convs.len(), self.to_rgb.len());
        if !(1..=9).contains(&levels) || convs != 2 * levels - 1 || self.lod.is_nan() {
            let why = format!("{convs} convolutions for {levels} levels, lod {}: no such generator is known", self.lod);
            return Err(BlueprintError::Shape(why));
        }
        Ok(levels + 1)
    }

    /// Without the levels above `resolution` pixels.
    ///
    /// # Errors
    /// If there is no such level, or the file has no way to colours at it.
    pub fn up_to(mut self, resolution: usize) -> Result<Self, BlueprintError> {
        let levels = self.levels()?;
        let full = 1 << levels;
        if !resolution.is_power_of_two() || !(4..=full).contains(&resolution) {
            return Err(BlueprintError::no_level(resolution, levels));
        }
        let level = resolution.trailing_zeros() as usize;
        if self.to_rgb[level - 2].is_none() {
            let why = format!("the file has no layer from maps to colours at {resolution} pixels, only at {full}");
            return Err(BlueprintError::Shape(why));
        }
        self.lod -= (levels - level) as f64;
        self.to_rgb.truncate(level - 1);
        self.convs.truncate(2 * level - 3);
        Ok(self)
    }

    /// Reads the weights, a layer at a time.
    ///
    /// Our generators halve their maps from level to level once they are fewer than the most. Where the file's do not,
    /// maps of zeros are added; the pixel norm, which is a mean over maps, is made up for in the layer behind it.
    ///
    /// # Errors
    /// If training had not ended, the layers do not fit one another, or a weight cannot be read or is not finite.
    pub fn build(&self, source: &mut ByteReader) -> Result<Generator, BlueprintError> {
        let (config, maps) = self.check()?;
        let ours: Vec<usize> = (2..=config.levels()).map(|level| config.maps(level - 1)).collect();
        let mut metadata = self.metadata.clone();
        if ours != maps {
            metadata.insert("maps_in_file".into(), format!("{maps:?}"));
        }
        let pieces = self.pieces(config.latent_size, &maps, &ours);
        let tensors = pieces.iter().map(|piece| piece.read(source));
        Generator::from_tensors(config, metadata, self.has_pixel_biases(&maps), tensors)
    }

    /// Whether the first layer has a bias for every value, in place of one a map.
    fn has_pixel_biases(&self, maps: &[usize]) -> bool {
        self.dense.bias.shape != [maps[0]]
    }

    /// All tensors in the order of [`Generator::params`], from `maps` at each level to `ours`.
    fn pieces(&self, latent: usize, maps: &[usize], ours: &[usize]) -> Vec<Piece<'_>> {
        // What the pixel norm makes too large where it is a mean over more maps.
        let norm = |level: usize| (maps[level] as f32 / ours[level] as f32).sqrt();
        let pixels = if self.has_pixel_biases(maps) { 16 } else { 1 };
        let mut pieces = vec![
            Piece::new(Some(&self.dense.weight), [maps[0], 1, 16 * latent], [ours[0], 1], 1.0),
            Piece::new(Some(&self.dense.bias), [maps[0], 1, pixels], [ours[0], 1], 1.0),
        ];
        for (i, layer) in self.convs.iter().enumerate() {
            let (out, below) = (i.div_ceil(2), i / 2);
            let to = [ours[out], ours[below]];
            pieces.push(Piece::new(Some(&layer.weight), [maps[out], maps[below], 9], to, norm(below)));
            pieces.push(Piece::new(Some(&layer.bias), [maps[out], 1, 1], [ours[out], 1], 1.0));
        }
        for (level, layer) in self.to_rgb.iter().enumerate() {
            let layer = layer.as_ref();
            // Grey goes to each of three colours.
            let grey = layer.is_some_and(|l| l.weight.shape[0] == 1);
            let (colours, repeat) = if grey { (1, 3) } else { (3, 1) };
            let weight =
                Piece::new(layer.map(|l| &l.weight), [colours, maps[level], 1], [colours, ours[level]], norm(level));
            let bias = Piece::new(layer.map(|l| &l.bias), [colours, 1, 1], [colours, 1], 1.0);
            pieces.extend([weight, bias].map(|piece| Piece { repeat, ..piece }));
        }
        pieces
    }

    /// Compares every shape with its neighbours'; gives back the shape of our generator, and the maps of the file's levels.
    fn check(&self) -> Result<(Config, Vec<usize>), BlueprintError> {
        let levels = self.levels()?;
        if self.lod > 0.0 {
            return Err(BlueprintError::unfinished(self.lod, levels));
        }

        // Maps of each level, from its last layer.
        let maps: Vec<usize> =
            (0..self.to_rgb.len()).map(|i| first(&self.convs[(2 * i).saturating_sub(1)].weight)).collect();
        if let Some(level) = maps.iter().position(|m| *m == 0) {
            return Err(BlueprintError::Shape(format!("no maps at {} pixels", 4 << level)));
        }

        // The shape of ours that has as many maps, or more.
        let latent_size = self.dense.weight.shape.last().copied().unwrap_or(0);
        // Such that halving gives at least what the file has; exactly that, if the file halves.
        let fmap_max = maps.iter().copied().max().unwrap_or(0);
        let fmap_base = maps.iter().enumerate().map(|(i, m)| m.saturating_mul(2 << i)).max().unwrap_or(0);
        let config = Config { resolution: 1 << levels, fmap_base, fmap_max, fmap_min: 1, latent_size };
        config.check()?;
        if config.values() > MAX_VALUES {
            return Err(BlueprintError::Huge { values: config.values() });
        }

        // Each layer takes what the one before gives.
        let dense = &self.dense.weight;
        let expected =
            if dense.shape.len() == 4 { vec![maps[0], 4, 4, latent_size] } else { vec![16 * maps[0], latent_size] };
        dense.clone().expect(&expected)?;
        if self.dense.bias.shape != [16 * maps[0]] {
            self.dense.bias.clone().expect(&[maps[0]])?;
        }
        for (i, layer) in self.convs.iter().enumerate() {
            // Two to a level but for the first; see `convs`.
            let (out, below) = (maps[i.div_ceil(2)], maps[i / 2]);
            layer.weight.clone().expect(&[out, below, 3, 3])?;
            layer.bias.clone().expect(&[out])?;
        }
        for (layer, maps) in self.to_rgb.iter().zip(&maps) {
            let Some(layer) = layer else { continue };
            let colours = if first(&layer.weight) == 1 { 1 } else { 3 };
            layer.weight.clone().expect(&[colours, *maps, 1, 1])?;
            layer.bias.clone().expect(&[colours])?;
        }
        Ok((config, maps))
    }
}

/// Outputs of a layer.
fn first(weight: &Array) -> usize {
    weight.shape.first().copied().unwrap_or(0)
}

/// A tensor of ours and where it comes from; without an array it is nought.
struct Piece<'a> {
    array: Option<&'a Array>,
    /// Outputs, inputs, and what stays together behind them.
    from: [usize; 3],
    /// Outputs and inputs of ours.
    to: [usize; 2],
    factor: f32,
    /// How many times all of it.
    repeat: usize,
}

impl<'a> Piece<'a> {
    fn new(array: Option<&'a Array>, from: [usize; 3], to: [usize; 2], factor: f32) -> Self {
        Self { array, from, to, factor, repeat: 1 }
    }

    fn read(&self, source: &mut ByteReader) -> Result<Vec<f32>, BlueprintError> {
        let ([outputs, inputs, rest], [wide_outputs, wide_inputs]) = (self.from, self.to);
        let Some(array) = self.array else { return Ok(vec![0.0; wide_outputs * wide_inputs * rest]) };
        let mut values = array.read(source)?;
        if self.factor != 1.0 {
            values.iter_mut().for_each(|v| *v *= self.factor);
        }
        if [outputs, inputs] != self.to {
            let mut padded = vec![0.0; wide_outputs * wide_inputs * rest];
            let rows = padded.chunks_exact_mut(wide_inputs * rest);
            for (wide, row) in rows.zip(values.chunks_exact(inputs * rest)) {
                wide[..row.len()].copy_from_slice(row);
            }
            values = padded;
        }
        Ok(if self.repeat == 1 { values } else { values.repeat(self.repeat) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Data, ElementType};

    fn layer(shape: &[usize]) -> LayerBlueprint {
        let array = |shape: &[usize]| {
            let numbers: usize = shape.iter().product();
            Array::packed(Data::Here(1_f32.to_le_bytes().repeat(numbers)), ElementType::F32, shape.to_vec(), false)
                .named("t")
        };
        LayerBlueprint { weight: array(shape), bias: array(&shape[..1]) }
    }

    /// A generator of these maps at 4, 8, ... pixels, of three colours.
    fn blueprint(maps: &[usize]) -> Blueprint {
        let mut convs = vec![layer(&[maps[0], maps[0], 3, 3])];
        for pair in maps.windows(2) {
            convs.extend([layer(&[pair[1], pair[0], 3, 3]), layer(&[pair[1], pair[1], 3, 3])]);
        }
        Blueprint {
            dense: LayerBlueprint { bias: layer(&[maps[0]]).bias, ..layer(&[16 * maps[0], 5]) },
            convs,
            to_rgb: maps.iter().map(|m| Some(layer(&[3, *m, 1, 1]))).collect(),
            lod: 0.0,
            metadata: BTreeMap::new(),
        }
    }

    fn refusal(blueprint: &Blueprint) -> String {
        blueprint.build(&mut ByteReader::of(vec![])).err().expect("it should be refused").to_string()
    }

    #[test]
    fn maps_that_halve_are_not_padded() {
        for maps in [&[4, 4, 2, 1][..], &[7, 3, 1], &[5]] {
            let generator = blueprint(maps).build(&mut ByteReader::of(vec![])).unwrap();
            let config = generator.config();
            let got: Vec<usize> = (2..=config.levels()).map(|level| config.maps(level - 1)).collect();
            assert_eq!(got, maps);
            assert!(!generator.metadata().contains_key("maps_in_file"));
        }
        let padded = blueprint(&[2, 3, 3]).build(&mut ByteReader::of(vec![])).unwrap();
        assert_eq!(padded.metadata()["maps_in_file"], "[2, 3, 3]");
    }

    #[test]
    fn layers_that_make_no_generator_say_why() {
        assert!(refusal(&blueprint(&[3, 0, 3])).contains("no maps at 8 pixels"));
        assert!(refusal(&blueprint(&[0])).contains("no maps at 4 pixels"));
        assert!(refusal(&blueprint(&[1; 10])).contains("no such generator"));
        let mut short = blueprint(&[3, 3]);
        short.convs.pop();
        assert!(refusal(&short).contains("2 convolutions for 2 levels"));
        let mut wide = blueprint(&[3, 3]);
        wide.convs[1] = layer(&[3, 4, 3, 3]);
        assert!(refusal(&wide).contains("tensor \"t\": expected [3, 3, 3, 3], file has [3, 4, 3, 3]"));
        let mut huge = blueprint(&[1]);
        // One number that claims to be many.
        let one = layer(&[1]).weight;
        huge.convs[0].weight = Array { shape: vec![4096, 4096, 3, 3], strides: vec![0; 4], ..one };
        assert!(refusal(&huge).contains("more than the 50331648"));
    }
}
