//! What a card does for a picture of a generator.

use crate::layout::{Blob, blocks, by_quads, dense_blocks, enlarging, quads};
use crate::shader::{DENSE, ENLARGE, Emit, GATHER, SAME, Shader};
use mirror::generator::{Generator, LayerWeights};
use mirror::latent::Latent;
use nn::{Layer as _, PixelNorm};
use serde::Serialize;
use std::ops::Range;

pub use crate::shader::Pixels;

/// Invocations of a workgroup at most, workgroups along an axis, and bytes of a workgroup's memory: what every card has (WebGPU,
/// section 3.6.2).
const MAX_THREADS: usize = 256;
const MAX_WORKGROUPS: usize = 65_535;
const MAX_WORKGROUP_BYTES: usize = 16 << 10;

/// A layer of fewer workgroups would leave most of a large card idle: then several look at a share of the input maps each.
const ENOUGH_WORKGROUPS: usize = 256;
/// Fewer quads of input maps are not worth a workgroup.
const SMALLEST_SHARE: usize = 4;

/// Bytes of a quad of sums, which are f32.
const SUM_BYTES: usize = 16;

/// Precision in which weights and maps lie in the card's memory. What is computed is f32 in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Four bytes a value.
    F32,
    /// Two bytes a value.
    F16,
}

impl Storage {
    fn quad_bytes(self) -> usize {
        match self {
            Self::F32 => 16,
            Self::F16 => 8,
        }
    }
}

/// Memory of a card, beside the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Buffer {
    /// The latent, which the pixel norm has gone over, as f32, filled up to quads with noughts.
    Latent,
    /// Sums of layers that several workgroups share.
    Sums,
    /// Maps of every other layer.
    Even,
    /// Maps of the layers between.
    Odd,
    /// The picture, row by row.
    Picture,
}

impl Buffer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Latent, Self::Sums, Self::Even, Self::Odd, Self::Picture];
}

/// What a shader reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// All of a buffer.
    Buffer(Buffer),
    /// These bytes of the weights.
    Weights(Range<usize>),
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The layer, as the paper names it; two steps have the same where one adds up what the other leaves.
    pub layer: String,
    /// WGSL; its entry point is `main`.
    pub shader: String,
    /// What it reads and writes, with the numbers that the shader has for them in group 0.
    pub bindings: Vec<(u32, Binding)>,
    /// Which of the buffers it writes.
    pub output: Buffer,
    /// How much of it.
    pub output_bytes: usize,
    /// How many workgroups, along each axis.
    pub workgroups: [u32; 3],
    /// What it takes.
    pub work: Work,
}

/// What a step takes at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Multiplications with weights, each followed by an addition.
    pub multiplications: u64,
    /// Bytes of weights, each read once.
    pub weight_bytes: u64,
    /// Bytes of maps, sums and pixels, each read or written once.
    pub map_bytes: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.multiplications += other.multiplications;
        self.weight_bytes += other.weight_bytes;
        self.map_bytes += other.map_bytes;
    }
}

/// Why no card draws for a generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// All maps of a pixel must fit a workgroup.
    #[error("a graphics card draws with at most {most} maps at {pixels} pixels, this generator has {found}")]
    Maps {
        /// Width and height of the level.
        pixels: usize,
        /// How many at most.
        most: usize,
        /// How many there are.
        found: usize,
    },
}

/// What a card does for a picture of one generator, at any of its levels.
pub struct Plan {
    storage: Storage,
    resolution: usize,
    latent_size: usize,
    layers: Vec<Layer>,
    weights: Vec<u8>,
}

/// A layer and where its weights lie.
struct Layer {
    name: String,
    kind: Kind,
    /// Pixels a side of what it makes.
    side: usize,
    inputs: usize,
    outputs: usize,
    weights: Range<usize>,
    biases: Range<usize>,
    pixel_biases: bool,
    /// The way to colours, if its maps have one.
    colours: Option<Range<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dense,
    Same,
    Enlarge,
}

impl Kind {
    /// Input pixels of a patch.
    fn patch(self) -> (usize, usize) {
        match self {
            Self::Dense => (4, 4),
            Self::Same => (2, 2),
            Self::Enlarge => (2, 1),
        }
    }
}

impl Plan {
    /// Lays out the weights of a generator.
    ///
    /// # Errors
    /// If a layer has more maps than a workgroup can hold of a pixel.
    pub fn new(generator: &Generator, storage: Storage) -> Result<Self, PlanError> {
        let config = generator.config();
        for level in 2..=config.levels() {
            // A workgroup holds all maps of four pixels at least.
            let four_pixels = (1usize << level).pow(2) / 4;
            let most = 4 * (MAX_THREADS / four_pixels.div_ceil(MAX_WORKGROUPS).next_power_of_two());
            let (pixels, found) = (1 << level, config.maps(level - 1));
            if found > most {
                return Err(PlanError::Maps { pixels, most, found });
            }
        }

        let mut blob = Blob::new(storage);
        let mut layers = Vec::new();
        for level in 2..=config.levels() {
            let weights = generator.level_weights(level);
            let (side, maps) = (1 << level, config.maps(level - 1));
            let (kind, inputs) = match level {
                2 => (Kind::Dense, config.latent_size),
                _ => (Kind::Enlarge, config.maps(level - 2)),
            };
            let mut add = |kind, inputs, LayerWeights { weight, bias }: &LayerWeights| Layer {
                name: layer_name(side, kind),
                kind,
                side,
                inputs,
                outputs: maps,
                weights: blob.add_weights(match kind {
                    Kind::Dense => dense_blocks(weight, inputs, maps),
                    Kind::Same => blocks(weight, 9, inputs, maps),
                    Kind::Enlarge => blocks(&enlarging(weight), 9, inputs, maps),
                }),
                biases: blob.add_floats(by_quads(bias, maps)),
                pixel_biases: bias.len() > maps,
                colours: None,
            };
            layers.push(add(kind, inputs, &weights.first));
            let mut second = add(Kind::Same, maps, &weights.second);
            second.colours = weights.to_rgb.map(|LayerWeights { weight, bias }| {
                // From [maps][3] to [3][quads of maps], then the bias.
                let channel = |c: usize| weight.chunks_exact(3).map(|w| w[c]).collect::<Vec<f32>>();
                let channels = (0..3).flat_map(|c| by_quads(&channel(c), maps)).collect::<Vec<f32>>();
                blob.add_floats(channels.into_iter().chain(bias).chain([0.0]))
            });
            layers.push(second);
        }
        let (resolution, latent_size) = (config.resolution, config.latent_size);
        Ok(Self { storage, resolution, latent_size, layers, weights: blob.bytes })
    }

    /// Width and height of the finest pictures.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// Coordinates of a latent.
    pub fn latent_size(&self) -> usize {
        self.latent_size
    }

    /// What a picture's latent is in the card's memory.
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn latent_bytes(&self, latent: &Latent) -> Vec<u8> {
        assert_eq!(latent.len(), self.latent_size, "coordinates of a latent");
        let latent = PixelNorm.forward(&Latent::batch(std::slice::from_ref(latent)));
        let mut bytes: Vec<u8> = latent.data.iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes.resize(quads(self.latent_size) * SUM_BYTES, 0);
        bytes
    }

    /// The bytes of all weights, to be given to the card once.
    pub fn weights(&self) -> &[u8] {
        &self.weights
    }

    /// Lets go of the weights, when a card has them.
    pub fn take_weights(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.weights)
    }

    /// The bytes of a buffer that all of these steps can use.
    pub fn buffer_bytes(&self, buffer: Buffer, steps: &[Step]) -> usize {
        let latent = quads(self.latent_size) * SUM_BYTES;
        let written = steps.iter().filter(|step| step.output == buffer).map(|step| step.output_bytes);
        let least = if buffer == Buffer::Latent { latent } else { SUM_BYTES };
        written.chain([least]).max().expect("one at least")
    }

    /// The steps to a picture of `side` pixels, a level that has colours.
    ///
    /// # Panics
    /// If there is no such level, or it has no colours.
    pub fn steps(&self, side: usize, pixels: Pixels) -> Vec<Step> {
        let last = self.layers.iter().rposition(|layer| layer.side == side && layer.colours.is_some());
        let last = last.unwrap_or_else(|| panic!("no level of {side} pixels with colours"));
        let mut steps = Vec::new();
        let mut input = Buffer::Latent;
        for (i, layer) in self.layers[..=last].iter().enumerate() {
            let (output, emit) = match i {
                _ if i == last => (Buffer::Picture, Emit::Picture(pixels)),
                _ if i % 2 == 0 => (Buffer::Even, Emit::Maps),
                _ => (Buffer::Odd, Emit::Maps),
            };
            self.add_layer(&mut steps, layer, input, output, emit);
            input = output;
        }
        steps
    }

    fn add_layer(&self, steps: &mut Vec<Step>, layer: &Layer, input: Buffer, output: Buffer, emit: Emit) {
        if layer.kind == Kind::Dense {
            let shares = self.add_dense(steps, layer, input);
            return self.add_gather(steps, layer, shares, output, emit);
        }

        let tiling = Tiling::of(layer);
        if tiling.shares > 1 || tiling.group < quads(layer.outputs) {
            self.add_convolution(steps, layer, &tiling, input, Buffer::Sums, Emit::Sums);
            self.add_gather(steps, layer, tiling.shares, output, emit);
        } else {
            self.add_convolution(steps, layer, &tiling, input, output, emit);
        }
    }

    /// The sums of a dense layer; in how many shares.
    fn add_dense(&self, steps: &mut Vec<Step>, layer: &Layer, input: Buffer) -> usize {
        let (inputs, outputs, threads) = (quads(layer.inputs), quads(layer.outputs), 64);
        let groups = (16 * outputs).div_ceil(threads);
        let (share, shares) = shares(inputs, groups);
        let shader = Shader::new(self.storage)
            .with("IN_QUADS", inputs)
            .with("OUT_QUADS", outputs)
            .with("SHARE", share)
            .with("THREADS", threads)
            .ending(DENSE);
        steps.push(Step {
            layer: layer.name.clone(),
            shader,
            bindings: vec![
                (0, Binding::Buffer(input)),
                (1, Binding::Weights(layer.weights.clone())),
                (2, Binding::Buffer(Buffer::Sums)),
            ],
            output: Buffer::Sums,
            output_bytes: sum_bytes(layer, shares),
            workgroups: [groups, 1, shares].map(|n| n as u32),
            work: Work {
                multiplications: (layer.inputs * 16 * layer.outputs) as u64,
                weight_bytes: layer.weights.len() as u64,
                map_bytes: (16 * inputs + sum_bytes(layer, shares)) as u64,
            },
        });
        shares
    }

    fn add_convolution(
        &self,
        steps: &mut Vec<Step>,
        layer: &Layer,
        tiling: &Tiling,
        input: Buffer,
        output: Buffer,
        emit: Emit,
    ) {
        let (inputs, outputs, side) = (quads(layer.inputs), quads(layer.outputs), tiling.side);
        let (patch_x, patch_y) = layer.kind.patch();
        let shader = Shader::new(self.storage)
            .with("SIDE", side)
            .with("PIXELS", layer.side.pow(2))
            .with("IN_QUADS", inputs)
            .with("OUT_QUADS", outputs)
            .with("SHARE", tiling.share)
            .with("GROUP", tiling.group)
            .with("TILE_X", tiling.x)
            .with("TILE_Y", tiling.y)
            .with("PATCH_X", patch_x)
            .with("PATCH_Y", patch_y)
            .with("THREADS", tiling.threads())
            .emitting(emit, layer.outputs, layer.pixel_biases)
            .ending(if layer.kind == Kind::Same { SAME } else { ENLARGE });
        let output_bytes = match emit {
            Emit::Sums => sum_bytes(layer, tiling.shares),
            Emit::Maps => outputs * layer.side.pow(2) * self.storage.quad_bytes(),
            Emit::Picture(pixels) => layer.side.pow(2) * pixels.bytes(),
        };
        let mut work = Work {
            multiplications: (9 * side.pow(2) * layer.inputs * layer.outputs) as u64,
            weight_bytes: layer.weights.len() as u64,
            map_bytes: (inputs * side.pow(2) * self.storage.quad_bytes() + output_bytes) as u64,
        };
        if let Emit::Picture(_) = emit {
            work.multiplications += (3 * layer.side.pow(2) * layer.outputs) as u64;
        }
        let read = [(0, Binding::Buffer(input)), (1, Binding::Weights(layer.weights.clone()))];
        steps.push(Step {
            layer: layer.name.clone(),
            shader,
            bindings: read.into_iter().chain(emitted(layer, output, emit)).collect(),
            output,
            output_bytes,
            workgroups: [tiling.tiles, outputs / tiling.group, tiling.shares].map(|n| n as u32),
            work,
        });
    }

    /// Adds up the sums of a layer, and finishes it.
    fn add_gather(&self, steps: &mut Vec<Step>, layer: &Layer, shares: usize, output: Buffer, emit: Emit) {
        let (outputs, pixels) = (quads(layer.outputs), layer.side.pow(2));
        let fitting = 1 << (MAX_THREADS / outputs).ilog2();
        let patches = (pixels / 4 / (ENOUGH_WORKGROUPS / 4)).clamp(1, fitting);
        let shader = Shader::new(self.storage)
            .with("PIXELS", pixels)
            .with("OUT_QUADS", outputs)
            .with("GROUP", outputs)
            .with("SHARES", shares)
            .with("PATCHES", patches)
            .with("THREADS", patches * outputs)
            .emitting(emit, layer.outputs, layer.pixel_biases)
            .ending(GATHER);
        let (colours, output_bytes) = match emit {
            Emit::Picture(format) => (3 * pixels * layer.outputs, pixels * format.bytes()),
            _ => (0, outputs * pixels * self.storage.quad_bytes()),
        };
        steps.push(Step {
            layer: layer.name.clone(),
            shader,
            bindings: [(0, Binding::Buffer(Buffer::Sums))].into_iter().chain(emitted(layer, output, emit)).collect(),
            output,
            output_bytes,
            workgroups: [(pixels / 4 / patches) as u32, 1, 1],
            work: Work {
                multiplications: colours as u64,
                weight_bytes: 0,
                map_bytes: (sum_bytes(layer, shares) + output_bytes) as u64,
            },
        });
    }
}

/// What `emit` of a shader reads and writes.
fn emitted(layer: &Layer, output: Buffer, emit: Emit) -> Vec<(u32, Binding)> {
    let output = Binding::Buffer(output);
    if emit == Emit::Sums {
        return vec![(2, output)];
    }
    let mut bindings = vec![(2, Binding::Weights(layer.biases.clone())), (3, output)];
    if let Emit::Picture(_) = emit {
        bindings.push((4, Binding::Weights(layer.colours.clone().expect("the last level has colours"))));
    }
    bindings
}

fn sum_bytes(layer: &Layer, shares: usize) -> usize {
    shares * quads(layer.outputs) * layer.side.pow(2) * SUM_BYTES
}

/// As the paper names it.
fn layer_name(side: usize, kind: Kind) -> String {
    let name = match (side, kind) {
        (4, Kind::Dense) => "Dense",
        (4, _) => "Conv",
        (_, Kind::Enlarge) => "Conv0",
        _ => "Conv1",
    };
    format!("{side}x{side}/{name}")
}

/// Quads of input maps of a share, and in how many shares, so that there are workgroups enough.
fn shares(inputs: usize, workgroups: usize) -> (usize, usize) {
    let wanted = ENOUGH_WORKGROUPS.div_ceil(workgroups).clamp(1, inputs.div_ceil(SMALLEST_SHARE));
    let share = inputs.div_ceil(wanted);
    (share, inputs.div_ceil(share))
}

/// How the work of a convolution is divided among workgroups.
struct Tiling {
    /// Pixels a side of the input.
    side: usize,
    /// Patches of a workgroup, along each axis.
    x: usize,
    y: usize,
    /// Quads of output maps of a workgroup.
    group: usize,
    /// Tiles of the picture.
    tiles: usize,
    /// Quads of input maps that a workgroup looks at.
    share: usize,
    shares: usize,
}

impl Tiling {
    fn of(layer: &Layer) -> Self {
        let (inputs, outputs) = (quads(layer.inputs), quads(layer.outputs));
        let side = if layer.kind == Kind::Enlarge { layer.side / 2 } else { layer.side };
        let (patch_x, patch_y) = layer.kind.patch();
        let group = (1..=16).rev().find(|n| outputs.is_multiple_of(*n)).expect("1 divides all");

        // A tile as large as fits, and as square.
        let fits = |x: usize, y: usize| {
            let seen = (patch_x * x + 2) * (patch_y * y + 2);
            let bytes = 16 * (seen + 4 * 9 * group + x * y * group);
            x * patch_x <= side && y * patch_y <= side && x * y * group <= MAX_THREADS && bytes <= MAX_WORKGROUP_BYTES
        };
        let (mut x, mut y) = (1, 1);
        loop {
            (x, y) = match (fits(2 * x, y), fits(x, 2 * y)) {
                (true, other) if x * patch_x <= y * patch_y || !other => (2 * x, y),
                (_, true) => (x, 2 * y),
                _ => break,
            };
        }
        let tiles = side / (patch_x * x) * (side / (patch_y * y));
        let (share, shares) = shares(inputs, tiles * (outputs / group));
        Self { side, x, y, group, tiles, share, shares }
    }

    fn threads(&self) -> usize {
        self.x * self.y * self.group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use nn::Rng;

    fn plan(resolution: usize, maps: usize) -> Result<Plan, PlanError> {
        let config = Config { resolution, fmap_base: 1 << 13, fmap_max: maps, fmap_min: 1, latent_size: 2 };
        Plan::new(&Generator::new(config, &mut Rng::new(1)), Storage::F32)
    }

    #[test]
    fn maps_that_do_not_fit_a_workgroup_are_refused() {
        assert_eq!(plan(4, 1028).err(), Some(PlanError::Maps { pixels: 4, most: 1024, found: 1028 }));
        assert!(plan(4, 1024).is_ok());
    }

    #[test]
    fn every_step_keeps_within_what_every_card_has() {
        for (resolution, maps) in [(4, 3), (64, 260), (256, 72), (1024, 68)] {
            let plan = plan(resolution, maps).unwrap();
            for step in plan.steps(resolution, Pixels::Bytes) {
                assert!(step.workgroups.iter().all(|n| (1..=MAX_WORKGROUPS as u32).contains(n)), "{}", step.layer);
                for (_, binding) in &step.bindings {
                    if let Binding::Weights(bytes) = binding {
                        assert!(bytes.start % 256 == 0 && bytes.end <= plan.weights().len(), "{}", step.layer);
                    }
                }
            }
        }
    }
}
