//! Draws pictures from latents: the generator of "Progressive Growing of GANs" (Karras et al., ICLR 2018).
//!
//! Level `r` draws `2^r` pixels; the full resolution is level `R`. `lod` chooses the level, as in the paper's code:
//! `R - r`, plus a fraction while level `r` fades in over the enlarged picture of level `r - 1`.

mod dream;
mod input;
mod painter;
mod weights;

pub use dream::{Walk, grid, samples};
pub use painter::Painter;
pub use weights::FORMAT;

use frame::Image;
use input::LatentToMaps;
use nn::{
    Conv2d, Init, Initializer, Layer, LeakyRelu, Param, PixelNorm, Rng, Sequential, Tape, Tensor, Unset, Upsample,
    UpsampleConv2d,
};
use std::collections::BTreeMap;

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

    /// Says why no net can have this shape, if so.
    ///
    /// # Errors
    /// Names the number that is out of range.
    pub fn check(&self) -> Result<(), String> {
        if !self.resolution.is_power_of_two() || !(4..=1024).contains(&self.resolution) {
            return Err(format!("resolution: expected a power of two from 4 to 1024, found {}", self.resolution));
        }
        for (name, value, most) in [
            ("fmap_base", self.fmap_base, 1 << 20),
            ("fmap_max", self.fmap_max, 4096),
            ("fmap_min", self.fmap_min, 4096),
            ("latent_size", self.latent_size, 8192),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{name}: expected 1 to {most}, found {value}"));
            }
        }
        if self.fmap_min > self.fmap_max {
            return Err(format!("fmap_min: {} is more than fmap_max, {}", self.fmap_min, self.fmap_max));
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

/// What a weight file says of the shape.
#[derive(Clone, Copy)]
struct Shape {
    config: Config,
    /// One bias a value of the first layer, in place of one a map.
    pixel_biases: bool,
}

/// The generator. Inside, maps of a pixel lie side by side (NHWC).
pub struct Generator {
    config: Config,
    /// `blocks[i]` makes the maps of level `i + 2` from those below (the first: from latents).
    blocks: Vec<Sequential>,
    /// `to_rgb[i]` makes the picture of level `i + 2` from its maps.
    to_rgb: Vec<Conv2d>,
    metadata: BTreeMap<String, String>,
}

/// The record of one forward pass, for [`Generator::backward`].
pub struct GeneratorTape {
    blocks: Vec<Tape>,
    fade: f32,
    output: Tensor,
}

impl GeneratorTape {
    /// The pictures `[n, 2^r, 2^r, 3]`, about -1 to 1.
    pub fn output(&self) -> &Tensor {
        &self.output
    }

    /// The maps after block `i`, which belongs to level `i + 2`.
    pub fn block(&self, i: usize) -> &Tensor {
        self.blocks[i].output()
    }
}

impl Generator {
    /// An untrained generator with equalised learning rate.
    ///
    /// # Panics
    /// If [`Config::check`] finds a fault.
    pub fn new(config: Config, values: &mut impl Initializer) -> Self {
        Self::equalized(Shape { config, pixel_biases: false }, values)
    }

    fn equalized(shape: Shape, values: &mut impl Initializer) -> Self {
        let to_rgb = Init::Equalized { gain: 1.0 };
        Self::build(
            shape,
            Init::Equalized { gain: 2f32.sqrt() },
            Init::Equalized { gain: 2f32.sqrt() / 4.0 },
            to_rgb,
            values,
        )
    }

    /// One with all weights 0 and no run-time scale, to be filled from a file.
    fn empty(shape: Shape) -> Self {
        Self::build(shape, Init::Zero, Init::Zero, Init::Zero, &mut Unset)
    }

    fn build(
        Shape { config, pixel_biases }: Shape,
        init: Init,
        dense: Init,
        to_rgb: Init,
        values: &mut impl Initializer,
    ) -> Self {
        if let Err(fault) = config.check() {
            panic!("{fault}");
        }
        let (mut blocks, mut rgb) = (Vec::new(), Vec::new());
        for level in 2..=config.levels() {
            let (size, maps) = (1 << level, config.maps(level - 1));
            let (conv0, conv1) = (format!("{size}x{size}/Conv0"), format!("{size}x{size}/Conv1"));
            let (first, second): (Vec<Box<dyn Layer>>, _) = if level == 2 {
                let input = LatentToMaps::new("4x4/Dense", config.latent_size, maps, dense, values);
                let input = if pixel_biases { input.with_pixel_biases() } else { input };
                (vec![Box::new(PixelNorm), Box::new(input)], "4x4/Conv".to_owned())
            } else {
                (vec![Box::new(UpsampleConv2d::new(&conv0, config.maps(level - 2), maps, init, values))], conv1)
            };
            let second: Box<dyn Layer> = Box::new(Conv2d::new(&second, maps, maps, 3, 1, init, values));
            let mut layers = first;
            layers.extend([Box::new(LeakyRelu) as Box<dyn Layer>, Box::new(PixelNorm), second]);
            layers.extend([Box::new(LeakyRelu) as Box<dyn Layer>, Box::new(PixelNorm)]);
            blocks.push(Sequential::new(layers));
            let name = format!("ToRGB_lod{}", config.levels() - level);
            rgb.push(Conv2d::new(&name, maps, 3, 1, 1, to_rgb, values));
        }
        Self { config, blocks, to_rgb: rgb, metadata: BTreeMap::new() }
    }

    /// Its shape.
    pub fn config(&self) -> Config {
        self.config
    }

    /// Whether the first layer has one bias a value, in place of one a map.
    pub fn pixel_biases(&self) -> bool {
        self.blocks[0].params()[1].value.len() != self.config.maps(1)
    }

    /// The part that draws level `level`, as a generator of that resolution.
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
    pub fn grown(&self, config: Config, rng: &mut Rng) -> Result<Self, String> {
        let levels = self.config.levels();
        if config.levels() < levels {
            return Err(format!("{} pixels cannot grow to {}", self.config.resolution, config.resolution));
        }
        let same = |stage: &usize| config.maps(*stage) == self.config.maps(*stage);
        if !(1..levels).all(|stage| same(&stage)) || config.latent_size != self.config.latent_size {
            return Err(format!("{:?} does not grow to {config:?}: other maps or latents below", self.config));
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

    /// The part that draws the finest level of at most `pixels`; all of it, if none is finer.
    ///
    /// # Errors
    /// If every level is larger, or the file had no layer from maps to colours at that level.
    pub fn at_most(self, pixels: usize) -> Result<Self, String> {
        let Some(level) = (2..=self.config.levels()).rfind(|level| 1 << level <= pixels) else {
            return Err(format!("no level of at most {pixels} pixels: the coarsest has 4"));
        };
        if level == self.config.levels() {
            return Ok(self);
        }
        // So the reader fills in what a file lacks.
        if self.to_rgb[level - 2].params().iter().all(|p| p.value.iter().all(|v| *v == 0.0)) {
            return Err(format!("this generator has no layer from maps to colours at {} pixels", 1 << level));
        }
        Ok(self.up_to(level))
    }

    /// What the weight file says of itself: data set, kimg, seed and so on; empty for an untrained one.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The pictures `[n, resolution, resolution, 3]` of latents `[n, 1, 1, latent_size]`, about -1 to 1.
    ///
    /// # Panics
    /// If the latents have another size than [`Config::latent_size`].
    pub fn forward(&self, latents: &Tensor) -> Tensor {
        self.forward_lod(latents, 0.0)
    }

    /// The same at another level of detail; the pictures have the size of that level.
    ///
    /// # Panics
    /// If the latents have another size than [`Config::latent_size`].
    pub fn forward_lod(&self, latents: &Tensor, lod: f32) -> Tensor {
        let (level, fade) = self.config.level_and_fade(lod);
        let last = level - 2;
        let (mut x, mut below) = (latents.clone(), None);
        for block in &self.blocks[..=last] {
            let y = block.forward(&x);
            below = Some(std::mem::replace(&mut x, y));
        }
        let picture = self.to_rgb[last].forward(&x);
        match below {
            Some(below) if fade > 0.0 => {
                blend(picture, &Upsample.forward(&self.to_rgb[last - 1].forward(&below)), fade)
            }
            _ => picture,
        }
    }

    /// [`Generator::forward_lod`], keeping what the backward pass needs.
    ///
    /// # Panics
    /// If the latents have another size than [`Config::latent_size`].
    pub fn forward_tape(&self, latents: &Tensor, lod: f32) -> GeneratorTape {
        let (level, fade) = self.config.level_and_fade(lod);
        let last = level - 2;
        let mut blocks: Vec<Tape> = Vec::with_capacity(last + 1);
        for block in &self.blocks[..=last] {
            let tape = block.forward_tape(blocks.last().map_or(latents, Tape::output));
            blocks.push(tape);
        }
        let mut output = self.to_rgb[last].forward(blocks[last].output());
        if fade > 0.0 {
            let below = self.to_rgb[last - 1].forward(blocks[last - 1].output());
            output = blend(output, &Upsample.forward(&below), fade);
        }
        GeneratorTape { blocks, fade, output }
    }

    /// The gradient with respect to the latents, from that of the pictures; adds the gradients of the parameters, in
    /// the order of [`Generator::params`], to `grads`.
    ///
    /// # Panics
    /// If the tape is not this generator's.
    pub fn backward(&self, tape: &GeneratorTape, dy: &Tensor, mut grads: Option<&mut [Vec<f32>]>) -> Tensor {
        let last = tape.blocks.len() - 1;
        let ends: Vec<usize> = self
            .blocks
            .iter()
            .map(|b| b.params().len())
            .chain(self.to_rgb.iter().map(|l| l.params().len()))
            .scan(0, |end, n| {
                *end += n;
                Some(*end)
            })
            .collect();
        let range = |part: usize| if part == 0 { 0..ends[0] } else { ends[part - 1]..ends[part] };
        let rgb = self.blocks.len();
        let dy_new = scaled(dy, 1.0 - tape.fade);
        let own = grads.as_mut().map(|g| &mut g[range(rgb + last)]);
        let mut d = self.to_rgb[last].backward(tape.blocks[last].output(), &tape.output, &dy_new, own);
        for i in (0..=last).rev() {
            let own = grads.as_mut().map(|g| &mut g[range(i)]);
            d = self.blocks[i].backward_tape(&tape.blocks[i], &d, own);
            if i == last && tape.fade > 0.0 {
                let x = tape.blocks[i - 1].output();
                let dy_old = Upsample.backward(x, dy, &scaled(dy, tape.fade), None);
                let own = grads.as_mut().map(|g| &mut g[range(rgb + i - 1)]);
                d = nn::add(&d, &self.to_rgb[i - 1].backward(x, &dy_old, &dy_old, own));
            }
        }
        d
    }

    /// What is learned: blocks from the coarsest, then `ToRGB` from the coarsest.
    pub fn params(&self) -> Vec<&Param> {
        self.blocks.iter().flat_map(Layer::params).chain(self.to_rgb.iter().flat_map(Layer::params)).collect()
    }

    /// What is learned, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let blocks = self.blocks.iter_mut().flat_map(Layer::params_mut);
        blocks.chain(self.to_rgb.iter_mut().flat_map(Layer::params_mut)).collect()
    }
}

/// 8-bit pictures of a batch.
pub fn images(pictures: &Tensor) -> Vec<Image> {
    pictures.rows().map(|x| image(x, pictures.w(), pictures.h())).collect()
}

/// The 8-bit picture of values about -1 to 1: `round(127.5 x + 127.5)`, saturated.
fn image(x: &[f32], width: usize, height: usize) -> Image {
    let byte = |v: &f32| (v * 127.5 + 127.5).round().clamp(0.0, 255.0) as u8;
    Image { width, height, data: x.iter().map(byte).collect() }
}

fn scaled(x: &Tensor, factor: f32) -> Tensor {
    Tensor::new(x.shape, x.data.iter().map(|v| v * factor).collect())
}

/// `new + (old - new) t`.
fn blend(mut new: Tensor, old: &Tensor, t: f32) -> Tensor {
    new.data.iter_mut().zip(&old.data).for_each(|(a, b)| *a += (b - *a) * t);
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const TINY: Config = Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };

    fn tiny(seed: u64) -> (Generator, Tensor, Rng) {
        let mut rng = Rng::new(seed);
        let mut generator = Generator::new(TINY, &mut rng);
        for p in generator.params_mut() {
            p.value.iter_mut().for_each(|v| *v += 0.1 * rng.normal());
        }
        let z = Tensor::new([3, 1, 1, 5], rng.normals(15));
        (generator, z, rng)
    }

    #[test]
    fn fade_begins_at_the_enlarged_level_below_and_ends_at_the_level() {
        let (g, z, _) = tiny(1);
        let below = Upsample.forward(&g.forward_lod(&z, 1.0));
        let difference = |a: &Tensor, b: &Tensor| {
            assert_eq!(a.shape, b.shape);
            a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(difference(&g.forward_lod(&z, 0.9999), &below) < 1e-3);
        assert!(difference(&g.forward_lod(&z, 0.0001), &g.forward(&z)) < 1e-3);
        let half = g.forward_lod(&z, 0.5);
        let middle = blend(g.forward(&z), &below, 0.5);
        assert!(difference(&half, &middle) < 1e-5);
        assert!(difference(g.forward_tape(&z, 0.5).output(), &half) < 1e-5);
        assert_eq!(g.forward_lod(&z, 99.0).shape, [3, 4, 4, 3]);
    }

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
    fn at_most_so_many_pixels_is_a_level_that_has_colours() {
        let (g, z, _) = tiny(3);
        let at_8 = g.forward_lod(&z, 1.0);
        assert!(tiny(3).0.at_most(3).err().unwrap().contains("coarsest has 4"));
        assert_eq!(tiny(3).0.at_most(4000).unwrap().config(), TINY);
        assert_eq!(g.at_most(15).unwrap().forward(&z), at_8);
        let bytes = tiny(3).0.to_bytes(&BTreeMap::new(), nn::io::Dtype::F32);
        let mut file = nn::io::read(&bytes).unwrap();
        file.tensors.retain(|name, _| !name.starts_with("ToRGB_lod1/"));
        let without = Generator::from_bytes(&nn::io::write(&file, nn::io::Dtype::F32)).unwrap();
        assert!(without.at_most(8).err().unwrap().contains("no layer from maps to colours at 8 pixels"));
    }

    #[test]
    fn gradients_equal_finite_differences_at_every_lod() {
        for lod in [0.0, 0.4, 1.0, 1.3, 2.0] {
            let (mut g, z, mut rng) = tiny(2);
            let tape = g.forward_tape(&z, lod);
            let r = Tensor::new(tape.output().shape, rng.normals(tape.output().len()));
            let mut grads = nn::grads_like(&g.params());
            let dz = g.backward(&tape, &r, Some(&mut grads));
            let loss = |g: &Generator, z: &Tensor| -> f64 {
                g.forward_lod(z, lod).data.iter().zip(&r.data).map(|(y, r)| f64::from(y * r)).sum()
            };
            // A random direction through all parameters at once, then through the latents.
            let directions: Vec<Vec<f32>> = grads.iter().map(|g| rng.normals(g.len())).collect();
            // Short, so that few leaky ReLUs change sides.
            let step = 1e-4;
            let shift = |g: &mut Generator, by: f32| {
                for (p, d) in g.params_mut().into_iter().zip(&directions) {
                    p.value.iter_mut().zip(d).for_each(|(v, d)| *v += by * d);
                }
            };
            let want: f64 =
                grads.iter().zip(&directions).flat_map(|(g, d)| g.iter().zip(d)).map(|(g, d)| f64::from(g * d)).sum();
            shift(&mut g, step);
            let plus = loss(&g, &z);
            shift(&mut g, -2.0 * step);
            let got = (plus - loss(&g, &z)) / f64::from(2.0 * step);
            shift(&mut g, step);
            // A step along a random direction changes the loss by about the length of the gradient.
            let length = |g: &mut dyn Iterator<Item = &f32>| g.map(|g| f64::from(g * g)).sum::<f64>().sqrt();
            let error = (got - want).abs() / length(&mut grads.iter().flatten());
            assert!(error < 0.02, "parameters at lod {lod}: {got} against {want}, {error}");
            for i in 0..z.len() {
                let at = |by: f32| {
                    let mut moved = z.clone();
                    moved.data[i] += by;
                    loss(&g, &moved)
                };
                let got = (at(step) - at(-step)) / f64::from(2.0 * step);
                let want = f64::from(dz.data[i]);
                let error = (got - want).abs() / length(&mut dz.data.iter());
                assert!(error < 0.03, "latent {i} at lod {lod}: {got} against {want}, {error}");
            }
        }
    }

    /// PyTorch computes the golden in f64 and rounds it to f32.
    const GOLDEN_TOLERANCE: f32 = 1e-4;

    #[test]
    fn generator_matches_reference_at_every_block() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pggan.safetensors");
        let mut file = nn::io::read(&std::fs::read(golden).unwrap()).unwrap();
        let wanted = file.tensors.clone();
        file.tensors.retain(|name, _| !name.starts_with("golden/") && !name.starts_with("D/"));
        let g = Generator::from_bytes(&nn::io::write(&file, nn::io::Dtype::F32)).unwrap();
        let (shape, z) = &wanted["golden/z"];
        let z = Tensor::new([shape[0], 1, 1, shape[1]], z.clone());
        let check = |name: &str, got: &Tensor| {
            let (shape, want) = &wanted[&format!("golden/{name}")];
            let [n, h, w, c] = got.shape;
            assert_eq!(shape, &[n, c, h, w], "{name}");
            for (i, got) in got.data.iter().enumerate() {
                let (picture, pixel, map) = (i / (h * w * c), i / c % (h * w), i % c);
                let want = want[(picture * c + map) * h * w + pixel];
                assert!((got - want).abs() <= GOLDEN_TOLERANCE, "{name}, value {i}: {got} against {want}");
            }
        };
        let tape = g.forward_tape(&z, 0.0);
        for i in 0..3 {
            check(&format!("block{i}"), tape.block(i));
        }
        check("picture", tape.output());
        check("picture", &g.forward(&z));
        check("faded", &g.forward_lod(&z, 0.3));
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        assert!(TINY.check().is_ok());
        assert!(Config { resolution: 48, ..TINY }.check().is_err());
        assert!(Config { resolution: 2048, ..TINY }.check().is_err());
        assert!(Config { fmap_min: 1000, ..TINY }.check().is_err());
        assert!(Config { latent_size: 0, ..TINY }.check().is_err());
    }
}
