//! The layers of the generator, forward and backward.

use super::config::Config;
use super::input::LatentToMaps;
use nn::{
    Conv2d, Init, Initializer, Layer, LeakyRelu, Param, PixelNorm, Sequential, Tape, Tensor, Unset, Upsample,
    UpsampleConv2d,
};
use std::collections::BTreeMap;

/// A shape, and what else a weight file says of the layers.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub config: Config,
    /// One bias a value of the first layer, in place of one a map.
    pub pixel_biases: bool,
}

/// The generator. Inside, maps of a pixel lie side by side (NHWC).
pub struct Generator {
    pub(super) config: Config,
    /// `blocks[i]` makes the maps of level `i + 2` from those below (the first: from latents).
    pub(super) blocks: Vec<Sequential>,
    /// `to_rgb[i]` makes the picture of level `i + 2` from its maps.
    pub(super) to_rgb: Vec<Conv2d>,
    pub(super) metadata: BTreeMap<String, String>,
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

/// The weights of a level, as its layers use them.
pub struct LevelWeights {
    /// Of the layer that makes the level's maps: the dense layer `[latent, 16 pixels, maps]` of 4x4 pixels, or the 3x3 convolution
    /// `[3, 3, maps below, maps]` of the enlarged maps below.
    pub first: LayerWeights,
    /// Of the 3x3 convolution `[3, 3, maps, maps]`.
    pub second: LayerWeights,
    /// From maps to colours, `[maps, 3]`, if the level has them.
    pub to_rgb: Option<LayerWeights>,
}

/// The weights of a layer.
pub struct LayerWeights {
    /// The outputs side by side.
    pub weight: Vec<f32>,
    /// One an output map; of a dense layer perhaps `[16 pixels, maps]`.
    pub bias: Vec<f32>,
}

impl Generator {
    /// An untrained generator with equalised learning rate.
    ///
    /// # Panics
    /// If [`Config::check`] finds a fault.
    pub fn new(config: Config, values: &mut impl Initializer) -> Self {
        Self::equalized(Shape { config, pixel_biases: false }, values)
    }

    pub(super) fn equalized(shape: Shape, values: &mut impl Initializer) -> Self {
        let init = |gain: f32| Init::Equalized { gain };
        Self::build(shape, init(2f32.sqrt()), init(2f32.sqrt() / 4.0), init(1.0), values)
    }

    /// One with all weights 0 and no run-time scale, to be filled from a file.
    pub(super) fn empty(shape: Shape) -> Self {
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

            // The first layer of a block makes maps of a level: of a latent, or of the maps of the level below.
            let mut layers: Vec<Box<dyn Layer>> = Vec::new();
            if level == 2 {
                let input = LatentToMaps::new("4x4/Dense", config.latent_size, maps, dense, values);
                layers.push(Box::new(PixelNorm));
                layers.push(Box::new(if pixel_biases { input.with_pixel_biases() } else { input }));
            } else {
                let name = format!("{size}x{size}/Conv0");
                layers.push(Box::new(UpsampleConv2d::new(&name, config.maps(level - 2), maps, init, values)));
            }

            // The second keeps their size.
            let name = if level == 2 { "4x4/Conv".to_owned() } else { format!("{size}x{size}/Conv1") };
            layers.push(Box::new(LeakyRelu));
            layers.push(Box::new(PixelNorm));
            layers.push(Box::new(Conv2d::new(&name, maps, maps, 3, 1, init, values)));
            layers.push(Box::new(LeakyRelu));
            layers.push(Box::new(PixelNorm));
            blocks.push(Sequential::new(layers));

            rgb.push(Conv2d::new(&to_rgb_name(&config, level), maps, 3, 1, 1, to_rgb, values));
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
        // Where the parameters of each block, then of each way to colours, lie in `grads`.
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

        // Through the colours of the level that is drawn.
        let dy_new = scaled(dy, 1.0 - tape.fade);
        let own = grads.as_mut().map(|g| &mut g[range(rgb + last)]);
        let mut d = self.to_rgb[last].backward(tape.blocks[last].output(), &tape.output, &dy_new, own);

        // Block by block; where the level fades in, the enlarged picture of the level below joins.
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

    /// The weights of a level, run-time scales multiplied in, for whoever draws without these layers.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn level_weights(&self, level: usize) -> LevelWeights {
        let params = self.blocks[level - 2].params();
        let [w0, b0, w1, b1] = params[..] else { unreachable!("a block has two layers") };
        let layer = |weight: &Param, bias: &Param| LayerWeights {
            weight: weight.effective().into_owned(),
            bias: bias.value.clone(),
        };
        let has_colours = level == self.config.levels() || self.has_colours(level);
        let rgb = self.to_rgb[level - 2].params();
        LevelWeights { first: layer(w0, b0), second: layer(w1, b1), to_rgb: has_colours.then(|| layer(rgb[0], rgb[1])) }
    }

    /// The picture of a level, `[n, 2^level, 2^level, 3]`, from its maps ([`GeneratorTape::block`]).
    ///
    /// # Panics
    /// If there is no such level, or it has another number of maps.
    pub fn colours(&self, level: usize, maps: &Tensor) -> Tensor {
        self.to_rgb[level - 2].forward(maps)
    }

    /// Another way from a level's maps to colours: `[maps, 3]` and three biases, without run-time scale.
    ///
    /// # Panics
    /// If there is no such level, or it has another number of maps.
    pub fn set_colours(&mut self, level: usize, weight: &[f32], bias: &[f32]) {
        let values = self.to_rgb[level - 2].params_mut().into_iter().zip([weight, bias]);
        for (p, values) in values {
            assert_eq!(p.value.len(), values.len(), "values of {}", p.name);
            p.value = values.iter().map(|v| v / p.scale).collect();
        }
    }

    /// What is learned, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let blocks = self.blocks.iter_mut().flat_map(Layer::params_mut);
        blocks.chain(self.to_rgb.iter_mut().flat_map(Layer::params_mut)).collect()
    }
}

/// The name of the layer from the maps of a level to colours.
pub(super) fn to_rgb_name(config: &Config, level: usize) -> String {
    format!("ToRGB_lod{}", config.levels() - level)
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
pub(super) mod tests {
    use super::*;
    use nn::Rng;

    pub(in crate::generator) const TINY: Config =
        Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };

    pub(in crate::generator) fn tiny(seed: u64) -> (Generator, Tensor, Rng) {
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
        let golden = testing::testdata().join("pggan.safetensors");
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
}
