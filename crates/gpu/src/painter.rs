//! Draws on a card, step by step of a plan.

use crate::card::{Card, CardError};
use crate::picture::CardPicture;
use crate::plan::{Binding, Buffer, Pixels, Plan, Step, Storage};
use frame::Image;
use mirror::generator::{Accelerator, Generator, RemotePicture};
use mirror::latent::Latent;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// A picture that takes longer will not come; nor will the first.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);
const FIRST_PATIENCE: Duration = Duration::from_secs(20);

/// Draws a generator's pictures on a card.
pub struct CardPainter {
    card: Card,
    plan: Plan,
    weights: wgpu::Buffer,
    /// For each level, made when it is first drawn.
    programs: Vec<OnceLock<Mutex<Program>>>,
    patience: Duration,
}

/// All that a level takes, laid out on the card.
struct Program {
    buffers: Vec<(Buffer, wgpu::Buffer)>,
    steps: Vec<Dispatch>,
    /// From where the picture is read.
    reading: wgpu::Buffer,
    /// The first picture of a level takes longer.
    has_drawn: bool,
}

/// A step, laid out on the card.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    workgroups: [u32; 3],
}

impl CardPainter {
    /// Gives the card a generator's weights.
    ///
    /// # Errors
    /// If the generator has too many maps, or the card too little memory.
    pub fn new(card: Card, generator: &Generator, storage: Storage) -> Result<Self, CardError> {
        let mut plan = Plan::new(generator, storage)?;
        let weights = card.checked(|| card.weights(&plan.take_weights()))?;
        let programs = (2..=generator.config().levels()).map(|_| OnceLock::new()).collect();
        let painter = Self { card, plan, weights, programs, patience: PATIENCE };
        // What the card refuses is better known now than when somebody waits for a picture. Some drivers translate shaders only when they
        // first run.
        let first = Latent::new(vec![1.0; painter.plan.latent_size()]);
        painter.try_paint(&first, painter.plan.resolution())?;
        Ok(painter)
    }

    /// The card.
    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// The same, which may take so long for a picture; a second and a half unless told.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The picture of a latent, at a level that the generator has colours for.
    pub(crate) fn try_paint(&self, latent: &Latent, side: usize) -> Result<Image, CardError> {
        self.with_program(side, |program, patience| {
            program.run(&self.card, &self.plan.latent_bytes(latent), &program.reading);
            self.card.read_picture(&program.reading, (side, side), patience)
        })
    }

    /// The same, left on the card.
    fn try_paint_there(&self, latent: &Latent, side: usize) -> Result<Arc<CardPicture>, CardError> {
        self.with_program(side, |program, patience| {
            let picture = CardPicture::blank(&self.card, (side, side));
            program.run(&self.card, &self.plan.latent_bytes(latent), picture.buffer());
            self.card.wait(patience).map(|()| picture)
        })
    }

    /// Draws with the program of a level, which nobody else uses meanwhile, and with patience for it.
    fn with_program<T>(
        &self,
        side: usize,
        draw: impl FnOnce(&Program, Duration) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        let mut program = frame::lock(self.program(side)?);
        // What is asked of a card that hangs would wait for others who wait.
        self.card.check()?;
        let patience = if program.has_drawn { self.patience } else { self.patience.max(FIRST_PATIENCE) };
        let drawn = draw(&program, patience)?;
        program.has_drawn = true;
        Ok(drawn)
    }

    fn program(&self, side: usize) -> Result<&Mutex<Program>, CardError> {
        let place = &self.programs[side.ilog2() as usize - 2];
        if let Some(program) = place.get() {
            return Ok(program);
        }
        let steps = self.plan.steps(side, Pixels::Bytes);
        let program = self.card.checked(|| Program::new(&self.card, &self.plan, &self.weights, &steps))?;
        Ok(place.get_or_init(|| Mutex::new(program)))
    }
}

impl Accelerator for CardPainter {
    fn name(&self) -> &str {
        self.card.name()
    }

    fn paint(&self, latent: &Latent, side: usize) -> Result<Image, String> {
        self.try_paint(latent, side).map_err(|error| error.to_string())
    }

    fn paint_there(&self, latent: &Latent, side: usize) -> Result<Arc<dyn RemotePicture>, String> {
        Ok(self.try_paint_there(latent, side).map_err(|error| error.to_string())?)
    }
}

impl Program {
    fn new(card: &Card, plan: &Plan, weights: &wgpu::Buffer, steps: &[Step]) -> Self {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let make = |which| (which, card.buffer(plan.buffer_bytes(which, steps) as u64, usage));
        let buffers: Vec<_> = Buffer::ALL.into_iter().map(make).collect();
        let reading = card.reading(steps.last().expect("a picture takes steps").output_bytes as u64);
        let steps = steps.iter().map(|step| Dispatch::new(card, step, weights, &buffers)).collect();
        Self { buffers, steps, reading, has_drawn: false }
    }

    /// Has the card draw a picture to a buffer, in one submission.
    fn run(&self, card: &Card, latent: &[u8], to: &wgpu::Buffer) {
        self.give(card, latent);
        let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.steps.iter().for_each(|step| step.add_to(&mut pass));
        drop(pass);
        encoder.copy_buffer_to_buffer(self.buffer(Buffer::Picture), 0, to, 0, to.size());
        card.queue.submit([encoder.finish()]);
    }

    fn give(&self, card: &Card, latent: &[u8]) {
        card.queue.write_buffer(self.buffer(Buffer::Latent), 0, latent);
    }

    fn buffer(&self, which: Buffer) -> &wgpu::Buffer {
        &self.buffers.iter().find(|(b, _)| *b == which).expect("all buffers are there").1
    }
}

impl Dispatch {
    fn new(card: &Card, step: &Step, weights: &wgpu::Buffer, buffers: &[(Buffer, wgpu::Buffer)]) -> Self {
        let module = card.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&step.layer),
            source: wgpu::ShaderSource::Wgsl(step.shader.as_str().into()),
        });
        let pipeline = card.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&step.layer),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let entries: Vec<_> = (step.bindings.iter())
            .map(|(binding, bound)| {
                let (buffer, offset, size) = match bound {
                    Binding::Weights(bytes) => (weights, bytes.start as u64, Some(bytes.len() as u64)),
                    Binding::Buffer(which) => {
                        (&buffers.iter().find(|(b, _)| b == which).expect("all buffers are there").1, 0, None)
                    }
                };
                let size = size.and_then(wgpu::BufferSize::new);
                let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
                wgpu::BindGroupEntry { binding: *binding, resource }
            })
            .collect();
        let bindings = card.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&step.layer),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self { pipeline, bindings, workgroups: step.workgroups }
    }

    fn add_to(&self, pass: &mut wgpu::ComputePass) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::quads;
    use mirror::generator::{Config, Painter};
    use nn::{Rng, Tensor};
    use std::path::Path;

    /// What takes a card milliseconds takes a software renderer seconds, beside other tests minutes.
    const TEST_PATIENCE: Duration = Duration::from_secs(300);

    /// Of every value after each block, and of the picture.
    const TOLERANCE: f32 = 1e-3;

    /// A generator of noise, with biases.
    fn generator(config: Config) -> Generator {
        let mut rng = Rng::new(config.resolution as u64);
        let mut generator = Generator::new(config, &mut rng);
        for p in generator.params_mut() {
            p.value.iter_mut().for_each(|v| *v += 0.1 * rng.normal());
        }
        generator
    }

    /// What each layer leaves, as `[side * side, maps]`; the last: the picture, with three colours a pixel.
    fn layers_on(card: &Card, generator: &Generator, latent: &Latent, storage: Storage) -> Vec<(String, Vec<f32>)> {
        let plan = Plan::new(generator, storage).unwrap();
        let weights = card.weights(plan.weights());
        let steps = plan.steps(plan.resolution(), Pixels::Floats);
        let program = card.checked(|| Program::new(card, &plan, &weights, &steps)).unwrap();
        program.give(card, &plan.latent_bytes(latent));
        let mut layers = Vec::new();
        for (step, dispatch) in steps.iter().zip(&program.steps) {
            let bytes = step.output_bytes as u64;
            let reading = card.reading(bytes);
            let mut encoder = card.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            dispatch.add_to(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            encoder.copy_buffer_to_buffer(program.buffer(step.output), 0, &reading, 0, bytes);
            card.queue.submit([encoder.finish()]);
            let mut bytes = Vec::new();
            card.read(&reading, TEST_PATIENCE, |read| bytes.extend_from_slice(read)).unwrap();
            if step.output == Buffer::Sums {
                continue;
            }
            let side: usize = step.layer.split('x').next().unwrap().parse().unwrap();
            let floats = step.output == Buffer::Picture || storage == Storage::F32;
            let values: Vec<f32> = if floats {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
            } else {
                bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect()
            };
            let maps =
                if step.output == Buffer::Picture { 3 } else { generator.config().maps(side.ilog2() as usize - 1) };
            let pixels = side * side;
            let value = |pixel: usize, map: usize| values[(map / 4 * pixels + pixel) * 4 + map % 4];
            let turned = (0..pixels).flat_map(|pixel| (0..maps).map(move |map| (pixel, map)));
            layers.push((step.layer.clone(), turned.map(|(pixel, map)| value(pixel, map)).collect()));
            assert_eq!(values.len(), quads(maps) * 4 * pixels);
        }
        layers
    }

    fn worst(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    fn compare(card: &Card, generator: &Generator) {
        let config = generator.config();
        let latent = Latent::gaussian(config.latent_size, &mut Rng::new(5));
        let tape = generator.forward_tape(&Latent::batch(std::slice::from_ref(&latent)), 0.0);
        let layers = layers_on(card, generator, &latent, Storage::F32);
        assert_eq!(layers.len(), 2 * (config.levels() - 1));
        for (block, layer) in layers.chunks_exact(2).map(|pair| &pair[1]).enumerate() {
            let last = block + 2 == config.levels();
            let want: &Tensor = if last { tape.output() } else { tape.block(block) };
            let error = worst(&want.data, &layer.1);
            assert!(error < TOLERANCE, "{} of {config:?}: {error}", layer.0);
        }
    }

    #[test]
    fn every_block_is_that_of_the_cpu_whatever_the_number_of_maps() {
        let Some(card) = Card::of_a_test() else { return };
        let shapes = [
            (4, 8, 3, 1, 5),
            (8, 64, 17, 1, 9),
            (16, 256, 13, 1, 6),
            (32, 1024, 6, 2, 7),
            (64, 512, 40, 1, 12),
            (64, 16384, 72, 1, 30),
            (128, 4096, 260, 5, 11),
        ];
        for (resolution, fmap_base, fmap_max, fmap_min, latent_size) in shapes {
            let config = Config { resolution, fmap_base, fmap_max, fmap_min, latent_size };
            compare(&card, &generator(config));
        }
    }

    #[test]
    fn a_bias_may_be_that_of_a_pixel() {
        let Some(card) = Card::of_a_test() else { return };
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/foreign/gan-zoo.pth");
        let generator = import::read_generator(&file, import::ImportOptions::default()).unwrap();
        assert!(generator.pixel_biases());
        compare(&card, &generator);
    }

    #[test]
    fn every_block_of_1024_pixels_is_that_of_the_cpu() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 1024, fmap_base: 8192, fmap_max: 128, fmap_min: 1, latent_size: 64 };
        compare(&card, &generator(config));
    }

    #[test]
    fn halves_draw_nearly_the_same() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 64, fmap_base: 2048, fmap_max: 64, fmap_min: 1, latent_size: 64 };
        let generator = generator(config);
        let latent = Latent::gaussian(config.latent_size, &mut Rng::new(5));
        let [exact, halves] =
            [Storage::F32, Storage::F16].map(|storage| layers_on(&card, &generator, &latent, storage));
        for ((layer, a), (_, b)) in exact.iter().zip(&halves) {
            let error = worst(a, b);
            // Two of 255 in the picture, which lies from -1 to 1.
            let most = if layer.starts_with("64") && b.len() == 3 * 64 * 64 { 2.0 / 127.5 } else { 0.05 };
            assert!(0.0 < error && error < most, "{layer}: {error}");
        }
    }

    #[test]
    fn a_card_paints_what_the_cpu_paints_at_every_level() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 64, fmap_base: 512, fmap_max: 32, fmap_min: 1, latent_size: 16 };
        let generator = generator(config);
        let (ours, theirs) = (Painter::new(&generator), CardPainter::new(card, &generator, Storage::F32).unwrap());
        let theirs = theirs.with_patience(TEST_PATIENCE);
        let mut rng = Rng::new(6);
        for side in ours.sizes() {
            let latent = Latent::gaussian(config.latent_size, &mut rng);
            let (a, b) = (ours.paint_at(&latent, side), theirs.paint(&latent, side).unwrap());
            assert_eq!((a.width, a.height), (b.width, b.height));
            assert!(a.data.iter().zip(&b.data).all(|(a, b)| a.abs_diff(*b) <= 1), "at {side} pixels");
            assert_eq!(theirs.paint_there(&latent, side).unwrap().read().unwrap(), b, "left there");
        }
    }

    #[test]
    fn a_card_that_is_lost_says_so() {
        let Some(card) = Card::of_a_test() else { return };
        let config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };
        let painter = CardPainter::new(card.clone(), &generator(config), Storage::F32).unwrap();
        let painter = painter.with_patience(TEST_PATIENCE);
        let latent = Latent::gaussian(3, &mut Rng::new(1));
        assert!(painter.paint(&latent, 8).is_ok());
        let there = painter.paint_there(&latent, 8).unwrap();
        card.lose();
        assert!(there.read().unwrap_err().contains("let go of"));
        let error = painter.paint(&latent, 8).unwrap_err();
        assert!(error.contains("let go of") && !error.contains('\n'), "{error}");
    }
}
