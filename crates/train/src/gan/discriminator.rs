//! Judges pictures: the discriminator of "Progressive Growing of GANs", a mirror image of the generator.

use mirror::generator::Config;
use nn::io::{self, Dtype};
use nn::{
    AvgPool, Conv2d, Dense, Error, Init, Layer, LeakyRelu, MinibatchStddev, Param, Rng, Sequential, Tape, Tensor,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// Pictures whose variety is looked at together; a batch must be a multiple of it, or smaller.
pub const GROUP: usize = 4;

/// The metadata entry `format` of a discriminator's weight file.
const FORMAT: &str = "narcissus-pggan-discriminator-1";

/// Where 4x4 pixels of maps become one vector: PyTorch, and so the file, has all pixels of a map together; in memory all maps
/// of a pixel are.
const FLATTENED: &str = "4x4/Dense0/weight";
const PIXELS: usize = 16;

/// The discriminator: pictures `[n, 2^r, 2^r, 3]` of level `r` in, scores `[n, 1, 1, 1]` out (high: a real one).
pub struct Discriminator {
    config: Config,
    /// `from_rgb[i]` reads the pictures of level `i + 2`.
    from_rgb: Vec<Sequential>,
    /// `blocks[i]` goes from level `i + 3` to the level below.
    blocks: Vec<Sequential>,
    last: Sequential,
}

/// The record of one forward pass.
pub struct DiscriminatorTape {
    level: usize,
    fade: f32,
    from_rgb: Tape,
    /// The half-size pictures' way in, while the level fades in.
    below: Option<Tape>,
    /// From the finest.
    blocks: Vec<Tape>,
    last: Tape,
}

impl DiscriminatorTape {
    /// The scores, one a picture.
    pub fn scores(&self) -> &[f32] {
        &self.last.output().data
    }
}

impl Discriminator {
    /// An untrained discriminator with equalised learning rate.
    ///
    /// # Panics
    /// If [`Config::check`] finds a fault.
    pub fn new(config: Config, rng: &mut Rng) -> Self {
        if let Err(fault) = config.check() {
            panic!("{fault}");
        }
        let init = Init::Equalized { gain: 2f32.sqrt() };
        let (mut from_rgb, mut blocks) = (Vec::new(), Vec::new());

        // A reader of pictures for every level, and a block from each to the next coarser.
        for level in 2..=config.levels() {
            let (size, maps) = (1 << level, config.maps(level - 1));
            let name = format!("FromRGB_lod{}", config.levels() - level);
            let read = Conv2d::new(&name, 3, maps, 1, 1, init, rng);
            from_rgb.push(Sequential::new(vec![Box::new(read), Box::new(LeakyRelu)]));
            if level > 2 {
                blocks.push(Sequential::new(vec![
                    Box::new(Conv2d::new(&format!("{size}x{size}/Conv0"), maps, maps, 3, 1, init, rng)),
                    Box::new(LeakyRelu),
                    Box::new(Conv2d::new(
                        &format!("{size}x{size}/Conv1"),
                        maps,
                        config.maps(level - 2),
                        3,
                        1,
                        init,
                        rng,
                    )),
                    Box::new(LeakyRelu),
                    Box::new(AvgPool),
                ]));
            }
        }

        // The last block judges, knowing how much the batch varies.
        let maps = config.maps(1);
        let last = Sequential::new(vec![
            Box::new(MinibatchStddev { group: GROUP }),
            Box::new(Conv2d::new("4x4/Conv", maps + 1, maps, 3, 1, init, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("4x4/Dense0", maps * 16, config.maps(0), init, rng)),
            Box::new(LeakyRelu),
            Box::new(Dense::new("4x4/Dense1", config.maps(0), 1, Init::Equalized { gain: 1.0 }, rng)),
        ]);
        Self { config, from_rgb, blocks, last }
    }

    /// Scores of pictures of the level that `lod` chooses.
    ///
    /// # Panics
    /// If the pictures are of another size, or the batch does not divide into groups.
    pub fn forward_tape(&self, pictures: &Tensor, lod: f32) -> DiscriminatorTape {
        self.forward_held(pictures, lod, None)
    }

    /// The same with every leaky ReLU on the side where it was in the pass `held`, of the same lod.
    ///
    /// # Panics
    /// If the pictures are of another size, or the batch does not divide into groups.
    pub fn forward_held(&self, pictures: &Tensor, lod: f32, held: Option<&DiscriminatorTape>) -> DiscriminatorTape {
        let (level, fade) = self.config.level_and_fade(lod);
        assert_eq!(pictures.w(), 1 << level, "width of the pictures at lod {lod}");
        let from_rgb = self.from_rgb[level - 2].forward_held(pictures, held.map(|h| &h.from_rgb));
        let (mut blocks, mut below): (Vec<Tape>, _) = (Vec::new(), None);
        let mut x = from_rgb.output().clone();
        for r in (3..=level).rev() {
            let tape = self.blocks[r - 3].forward_held(&x, held.map(|h| &h.blocks[level - r]));
            x = tape.output().clone();
            if r == level && fade > 0.0 {
                let old =
                    self.from_rgb[r - 3].forward_held(&AvgPool.forward(pictures), held.and_then(|h| h.below.as_ref()));
                x.data.iter_mut().zip(&old.output().data).for_each(|(a, b)| *a += (b - *a) * fade);
                below = Some(old);
            }
            blocks.push(tape);
        }
        let last = self.last.forward_held(&x, held.map(|h| &h.last));
        DiscriminatorTape { level, fade, from_rgb, below, blocks, last }
    }

    /// The gradient with respect to the pictures, from that of the scores; adds those of the parameters, in the order
    /// of [`Discriminator::params`], to `grads`.
    ///
    /// # Panics
    /// If the tape is not this discriminator's.
    pub fn backward(&self, tape: &DiscriminatorTape, dscores: &[f32], grads: Option<&mut [Vec<f32>]>) -> Tensor {
        self.backward_held(tape, None, dscores, grads)
    }

    /// The same for a tape of [`Discriminator::forward_held`].
    ///
    /// # Panics
    /// If the tape is not this discriminator's.
    pub fn backward_held(
        &self,
        tape: &DiscriminatorTape,
        held: Option<&DiscriminatorTape>,
        dscores: &[f32],
        mut grads: Option<&mut [Vec<f32>]>,
    ) -> Tensor {
        let ranges = self.ranges();
        let (read, block, level) = (|r: usize| r - 2, |r: usize| self.from_rgb.len() + r - 3, tape.level);
        let dy = Tensor::new([dscores.len(), 1, 1, 1], dscores.to_vec());
        let part = ranges[ranges.len() - 1].clone();
        let mut d =
            self.last.backward_held(&tape.last, held.map(|h| &h.last), &dy, grads.as_mut().map(|g| &mut g[part]));

        // Block after block, from the coarsest; in a fade part of the gradient leaves by the way of the smaller pictures.
        let mut to_pictures = None;
        for (r, taped) in (3..=level).zip(tape.blocks.iter().rev()) {
            if let (Some(below), true) = (&tape.below, r == level) {
                let part = ranges[read(r - 1)].clone();
                let dy = scaled(&d, tape.fade);
                let sides = held.and_then(|h| h.below.as_ref());
                let halved =
                    self.from_rgb[r - 3].backward_held(below, sides, &dy, grads.as_mut().map(|g| &mut g[part]));
                to_pictures = Some(AvgPool.backward(&halved, &halved, &halved, None));
                d = scaled(&d, 1.0 - tape.fade);
            }
            let part = ranges[block(r)].clone();
            d = self.blocks[r - 3].backward_held(
                taped,
                held.map(|h| &h.blocks[level - r]),
                &d,
                grads.as_mut().map(|g| &mut g[part]),
            );
        }

        let part = ranges[read(level)].clone();
        let dx = self.from_rgb[level - 2].backward_held(
            &tape.from_rgb,
            held.map(|h| &h.from_rgb),
            &d,
            grads.as_mut().map(|g| &mut g[part]),
        );
        match to_pictures {
            Some(other) => nn::add(&dx, &other),
            None => dx,
        }
    }

    /// The bytes of a weight file: PyTorch's layouts, the run-time scale multiplied in.
    pub fn to_bytes(&self, about: &BTreeMap<String, String>, dtype: Dtype) -> Vec<u8> {
        let filed = |p: &Param| {
            let mut p = p.clone();
            if p.name == FLATTENED {
                maps_first(&mut p);
            }
            (p.name.clone(), io::filed(&p))
        };
        let mut metadata = about.clone();
        metadata.insert("format".into(), FORMAT.into());
        io::write(&io::Weights { metadata, tensors: self.params().into_iter().map(filed).collect() }, dtype)
    }

    /// Takes the weights of a file: one of ours, or one that `narcissus import --network D` wrote.
    ///
    /// # Errors
    /// If the bytes are no discriminator's, or one's of another shape; then nothing has changed.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), Error> {
        io::load_into(bytes, self.params_mut())?;
        self.params_mut().into_iter().filter(|p| p.name == FLATTENED).for_each(pixels_first);
        Ok(())
    }

    /// A discriminator that judges as this one does, and has finer levels that have learned nothing yet.
    ///
    /// # Panics
    /// If the other shape is coarser, or its maps below are not those of this one.
    pub fn grown(&self, config: Config, rng: &mut Rng) -> Self {
        let mut grown = Self::new(config, rng);
        let (reads, blocks) = (self.from_rgb.len(), self.blocks.len());
        let parts = grown.from_rgb[..reads].iter_mut().chain(&mut grown.blocks[..blocks]);
        let parts = parts.chain(std::iter::once(&mut grown.last));
        for (to, from) in parts.flat_map(Layer::params_mut).zip(self.params()) {
            assert_eq!(to.shape, from.shape, "{}", to.name);
            to.value.clone_from(&from.value);
        }
        grown
    }

    fn parts(&self) -> impl Iterator<Item = &Sequential> {
        self.from_rgb.iter().chain(&self.blocks).chain(std::iter::once(&self.last))
    }

    /// Which parameters belong to each part.
    fn ranges(&self) -> Vec<Range<usize>> {
        let counts = self.parts().map(|p| p.params().len());
        let ranges = counts.scan(0, |end, n| {
            *end += n;
            Some(*end - n..*end)
        });
        ranges.collect()
    }

    /// What is learned: `FromRGB` from the coarsest, blocks from the coarsest, the last layers.
    pub fn params(&self) -> Vec<&Param> {
        self.parts().flat_map(Layer::params).collect()
    }

    /// What is learned, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let parts = self.from_rgb.iter_mut().chain(&mut self.blocks).chain(std::iter::once(&mut self.last));
        parts.flat_map(Layer::params_mut).collect()
    }
}

/// Turns the inputs of a weight `[maps * 16, out]` from (map, pixel) order, as files have them, to (pixel, map) order.
fn pixels_first(p: &mut Param) {
    let maps = p.shape[0] / PIXELS;
    reorder(p, |row| row % maps * PIXELS + row / maps);
}

/// The inverse of [`pixels_first`].
fn maps_first(p: &mut Param) {
    let maps = p.shape[0] / PIXELS;
    reorder(p, |row| row % PIXELS * maps + row / PIXELS);
}

/// Row `i` of a weight `[in, out]` becomes what row `from(i)` was.
fn reorder(p: &mut Param, from: impl Fn(usize) -> usize) {
    let row = |i: usize| p.value[from(i) * p.shape[1]..][..p.shape[1]].iter().copied();
    p.value = (0..p.shape[0]).flat_map(row).collect();
}

fn scaled(x: &Tensor, factor: f32) -> Tensor {
    Tensor::new(x.shape, x.data.iter().map(|v| v * factor).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::penalty;

    type Golden = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

    /// The golden discriminator, and what PyTorch computed with it.
    fn golden() -> (Discriminator, Golden, Tensor) {
        let file = io::read(&std::fs::read(testing::testdata().join("pggan.safetensors")).unwrap()).unwrap();
        let number = |key: &str| file.metadata[key].parse().unwrap();
        let config = Config {
            resolution: number("resolution"),
            fmap_base: number("fmap_base"),
            fmap_max: number("fmap_max"),
            fmap_min: 1,
            latent_size: number("latent_size"),
        };
        let mut d = Discriminator::new(config, &mut Rng::new(1));
        let mut weights = io::Weights::default();
        for (name, tensor) in &file.tensors {
            if let Some(name) = name.strip_prefix("D/") {
                weights.tensors.insert(name.into(), tensor.clone());
            }
        }
        d.fill(&io::write(&weights, Dtype::F32)).unwrap();
        let (shape, x) = &file.tensors["golden/x"];
        let x = to_nhwc([shape[0], shape[1], shape[2], shape[3]], x);
        (d, file.tensors, x)
    }

    fn to_nhwc([n, c, h, w]: [usize; 4], x: &[f32]) -> Tensor {
        let at = |i: usize| x[(i / (h * w * c) * c + i % c) * h * w + i / c % (h * w)];
        Tensor::new([n, h, w, c], (0..x.len()).map(at).collect())
    }

    /// Compares gradients with PyTorch's, which are with respect to the scaled weights, relative to their root mean
    /// square: that of the tensor or of all, whichever is greater (those of most biases should be 0).
    fn worst(d: &Discriminator, grads: &[Vec<f32>], golden: &Golden, kind: &str) -> f32 {
        let rms = |v: &[f32]| (v.iter().map(|v| v * v).sum::<f32>() / v.len() as f32).sqrt();
        let prefix = format!("golden/{kind}/");
        let all: Vec<f32> =
            golden.iter().filter(|(n, _)| n.starts_with(&prefix)).flat_map(|(_, t)| t.1.iter().copied()).collect();
        let least = rms(&all);
        let mut worst = 0.0f32;
        for (p, grad) in d.params().into_iter().zip(grads) {
            let Some((shape, want)) = golden.get(&format!("golden/{kind}/{}", p.name)) else { continue };
            let mut filed = Param { value: vec![0.0; want.len()], scale: 1.0, ..p.clone() };
            let weights = io::Weights {
                tensors: BTreeMap::from([(p.name.clone(), (shape.clone(), want.clone()))]),
                ..Default::default()
            };
            io::load_into(&io::write(&weights, Dtype::F32), vec![&mut filed]).unwrap();
            if p.name == FLATTENED {
                pixels_first(&mut filed);
            }
            let size = rms(&filed.value).max(least);
            for (got, want) in grad.iter().zip(&filed.value) {
                let error = (got / p.scale - want).abs() / size;
                if error > worst {
                    worst = error;
                    eprintln!("{}: {} against {want}", p.name, got / p.scale);
                }
            }
        }
        worst
    }

    #[test]
    fn scores_and_gradients_match_pytorch() {
        let (d, golden, x) = golden();
        let tape = d.forward_tape(&x, 0.0);
        for (got, want) in tape.scores().iter().zip(&golden["golden/score"].1) {
            assert!((got - want).abs() < 1e-4, "score {got} against {want}");
        }
        for (got, want) in d.forward_tape(&x, 0.3).scores().iter().zip(&golden["golden/score_faded"].1) {
            assert!((got - want).abs() < 1e-4, "faded score {got} against {want}");
        }
        let mut grads = nn::grads_like(&d.params());
        let dx = d.backward(&tape, &[1.0; 8], Some(&mut grads));
        let want = to_nhwc(golden["golden/dx"].0[..].try_into().unwrap(), &golden["golden/dx"].1);
        for (got, want) in dx.data.iter().zip(&want.data) {
            assert!((got - want).abs() < 1e-4, "dx {got} against {want}");
        }
        let error = worst(&d, &grads, &golden, "d");
        assert!(error < 1e-3, "relative error of the parameters' gradients {error}");
    }

    #[test]
    fn a_discriminator_survives_its_file_and_another_is_refused() {
        let config = Config { resolution: 8, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };
        let [a, mut b] = [1, 2].map(|seed| Discriminator::new(config, &mut Rng::new(seed)));
        let about = BTreeMap::from([("kimg".to_owned(), "7".to_owned())]);
        b.fill(&a.to_bytes(&about, Dtype::F32)).unwrap();
        for (a, b) in a.params().into_iter().zip(b.params()) {
            assert!(a.value.iter().zip(&b.value).all(|(a, b)| (a - b).abs() < 1e-6), "{}", a.name);
        }
        let before: Vec<_> = b.params().into_iter().cloned().collect();
        let other = Discriminator::new(Config { fmap_max: 5, ..config }, &mut Rng::new(3));
        let generator = mirror::generator::Generator::new(config, &mut Rng::new(4));
        for bytes in [other.to_bytes(&about, Dtype::F16), generator.to_bytes(&about, Dtype::F16), vec![1, 2, 3]] {
            assert!(b.fill(&bytes).is_err());
        }
        assert!(before.iter().zip(b.params()).all(|(a, b)| a.value == b.value));
    }

    /// Two first-order passes stand for the second-order one that PyTorch makes.
    #[test]
    fn gradient_of_the_penalty_matches_pytorch() {
        let (d, golden, x) = golden();
        let mut grads = nn::grads_like(&d.params());
        let mean = penalty::add_r1(&d, &x, 0.0, 8.0, &mut grads);
        let want = golden["golden/penalty"].1[0];
        assert!((mean * 4.0 - want).abs() < 1e-3 * want, "penalty {} against {want}", mean * 4.0);
        let error = worst(&d, &grads, &golden, "r");
        assert!(error < 0.03, "relative error of the penalty's gradient {error}");
    }

    #[test]
    fn gradients_equal_finite_differences_while_fading() {
        let config = Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };
        let mut rng = Rng::new(7);
        let mut d = Discriminator::new(config, &mut rng);
        for lod in [0.4, 1.0, 1.7, 2.0] {
            let side = 1 << config.level_and_fade(lod).0;
            let x = Tensor::new([4, side, side, 3], rng.normals(4 * side * side * 3));
            let r = rng.normals(4);
            let mut grads = nn::grads_like(&d.params());
            let dx = d.backward(&d.forward_tape(&x, lod), &r, Some(&mut grads));
            let loss = |d: &Discriminator, x: &Tensor| -> f64 {
                d.forward_tape(x, lod).scores().iter().zip(&r).map(|(s, r)| f64::from(s * r)).sum()
            };
            let directions: Vec<Vec<f32>> = grads.iter().map(|g| rng.normals(g.len())).collect();
            let along = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            let want: f64 = grads.iter().zip(&directions).map(|(g, d)| along(g, d)).sum();
            let step = 2e-4;
            let mut shift = |by: f32| {
                for (p, dir) in d.params_mut().into_iter().zip(&directions) {
                    p.value.iter_mut().zip(dir).for_each(|(v, d)| *v += by * d);
                }
                loss(&d, &x)
            };
            let got = (shift(step) - shift(-2.0 * step)) / f64::from(2.0 * step);
            shift(step);
            assert!((got - want).abs() < 0.03 * want.abs().max(0.3), "parameters at lod {lod}: {got} against {want}");
            let direction = rng.normals(x.len());
            let moved = |by: f32| {
                let data = x.data.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
                loss(&d, &Tensor::new(x.shape, data))
            };
            let (got, want) = ((moved(step) - moved(-step)) / f64::from(2.0 * step), along(&dx.data, &direction));
            assert!((got - want).abs() < 0.03 * want.abs().max(0.3), "pictures at lod {lod}: {got} against {want}");
        }
    }

    #[test]
    fn fade_ends_at_the_level_and_at_the_level_below() {
        let config = Config { resolution: 16, fmap_base: 32, fmap_max: 6, fmap_min: 1, latent_size: 5 };
        let mut rng = Rng::new(7);
        let d = Discriminator::new(config, &mut rng);
        let x = Tensor::new([4, 16, 16, 3], rng.normals(4 * 16 * 16 * 3));
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-3);
        assert!(close(d.forward_tape(&x, 1e-4).scores(), d.forward_tape(&x, 0.0).scores()));
        let below = d.forward_tape(&AvgPool.forward(&x), 1.0);
        assert!(close(d.forward_tape(&x, 0.9999).scores(), below.scores()));
    }
}
