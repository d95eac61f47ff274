//! Our side of the comparison with other programs: obeys lines on stdin and answers each with one line, so that
//! `peers.py` can let all sides take turns.
//!
//! `dump FILE` draws all latents and writes the pictures `[n, h, w, 3]` as raw little-endian f32;
//! `draw N` draws the first N latents; `train N` is one GAN training step on N pictures of each kind, `train N r1` one
//! with the penalty. The answer is the milliseconds that it took.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use frame::Image;
use kernels::{Isa, Precision};
use mirror::generator::{Device, Generator, Painter};
use mirror::latent::Latent;
use nn::{Rng, Tensor};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use train::gan::{Dataset, Loss, Trainer, TrainingRules};

/// Pictures of noise that the training steps learn from.
const PICTURES: usize = 64;

/// The defaults of `narcissus train gan`, but no augmentation: the peers have none either.
const RULES: TrainingRules = TrainingRules {
    loss: Loss::LogisticR1,
    r1_gamma: 1.0,
    r1_every: 16,
    augment_target: None,
    rate: 0.002,
    average_over: 10_000.0,
    average_share: Some(0.05),
};

/// Draws or trains when told to by a line on stdin, and answers how long it took.
#[derive(Parser)]
struct Options {
    /// Weight file of a generator
    weights: PathBuf,
    /// Latents as raw little-endian f32
    latents: PathBuf,
    /// Threads of the kernels
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Draw with bf16 factors
    #[arg(long)]
    bf16: bool,
    /// Draw with the first graphics card, whose memory has weights and maps as f32 or f16; pictures are then rounded to bytes
    #[arg(long, value_parser = ["f32", "f16"])]
    gpu: Option<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    kernels::start_threads(Some(options.threads))?;
    let isa = Isa::from_environment()?;
    let mut peer = Peer::load(&options)?;
    answer(isa.name());
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["dump", file] => answer(peer.dump(Path::new(file))?),
            ["draw", n] => answer(peer.draw(n.parse()?)?),
            ["train", n] => answer(peer.train(n.parse()?, false)?),
            ["train", n, "r1"] => answer(peer.train(n.parse()?, true)?),
            _ => bail!("expected dump FILE, draw N, train N or train N r1, found \"{line}\""),
        }
    }
    Ok(())
}

#[cfg(feature = "gpu")]
fn on_card(painter: Painter, generator: &Generator, storage: &str) -> Result<Painter> {
    let storage = if storage == "f16" { gpu::Storage::F16 } else { gpu::Storage::F32 };
    let card = gpu::CardPainter::new(gpu::Card::open_first()?, generator, storage)?;
    let (painter, found) = gpu::proven(painter, card);
    Ok(found.map(|()| painter)?)
}

#[cfg(not(feature = "gpu"))]
fn on_card(_: Painter, _: &Generator, _: &str) -> Result<Painter> {
    bail!("--gpu: built without the feature gpu")
}

fn answer(value: impl std::fmt::Display) {
    println!("{value}");
    // Whoever waits for the answer holds the other end of a pipe.
    std::io::stdout().flush().expect("stdout is open");
}

struct Peer {
    weights: Vec<u8>,
    latents: Vec<f32>,
    painter: Painter,
    /// Made for the first training step.
    training: Option<(Trainer, Dataset)>,
}

impl Peer {
    fn load(options: &Options) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        let weights = read(&options.weights)?;
        let latents = read(&options.latents)?.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let precision = match options.bf16 {
            true => Precision::bf16().context("this CPU has no AVX512-BF16")?,
            false => Precision::F32,
        };
        let generator = Generator::from_bytes(&weights)?;
        let mut painter = Painter::with_precision(&generator, precision);
        if let Some(storage) = &options.gpu {
            painter = on_card(painter, &generator, storage)?;
        }
        Ok(Self { painter, weights, latents, training: None })
    }

    /// The first `n` latents.
    fn latents(&self, n: usize) -> Result<Tensor> {
        let size = self.painter.latent_size();
        ensure!(n * size <= self.latents.len(), "expected {n} latents of {size} values, the file has fewer");
        Ok(Tensor::new([n, 1, 1, size], self.latents[..n * size].to_vec()))
    }

    fn dump(&self, file: &Path) -> Result<f64> {
        let latents = self.latents(self.latents.len() / self.painter.latent_size())?;
        let (pictures, ms) = timed(|| self.pictures(&latents));
        std::fs::write(file, pictures.data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
        Ok(ms)
    }

    fn draw(&self, n: usize) -> Result<f64> {
        let latents = self.latents(n)?;
        Ok(timed(|| self.pictures(&latents)).1)
    }

    /// A card gives bytes.
    fn pictures(&self, latents: &Tensor) -> Tensor {
        if self.painter.device() == Device::Cpu {
            return self.painter.forward(latents);
        }
        let paint = |latent: &[f32]| self.painter.paint(&Latent::new(latent.to_vec())).data;
        let bytes = latents.rows().flat_map(paint).map(|byte| f32::from(byte) / 127.5 - 1.0);
        let side = self.painter.resolution();
        Tensor::new([latents.n(), side, side, 3], bytes.collect())
    }

    fn train(&mut self, n: usize, penalised: bool) -> Result<f64> {
        let level = self.painter.resolution().trailing_zeros() as usize;
        if self.training.is_none() {
            let generator = Generator::from_bytes_to_train(&self.weights)?;
            let mut trainer = Trainer::of_generator(generator, Rng::new(1));
            trainer.set_level(level, 0.0);
            self.training = Some((trainer, noise(1 << level)));
        }
        let Some((trainer, data)) = &mut self.training else { unreachable!("just made") };
        // The trainer adds the penalty to every step whose number is a multiple of `r1_every`.
        trainer.steps = u64::from(!penalised);
        let (figures, ms) = timed(|| kernels::on_pool(|| trainer.step(data, n, &RULES)));
        ensure!(figures.penalty.is_some() == penalised, "the step's penalty is not as asked");
        ensure!(figures.loss_d.is_finite() && figures.loss_g.is_finite(), "the training diverged");
        Ok(ms)
    }
}

/// Pictures to learn from.
fn noise(side: usize) -> Dataset {
    let mut rng = Rng::new(2);
    let mut picture =
        |_| Image { width: side, height: side, data: (0..side * side * 3).map(|_| rng.next_u64() as u8).collect() };
    Dataset::of_images("noise", &(0..PICTURES).map(&mut picture).collect::<Vec<_>>(), side.trailing_zeros() as usize)
}

/// What `run` gives, and the milliseconds it took.
fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let value = black_box(run());
    (value, began.elapsed().as_secs_f64() * 1e3)
}
