//! Draws pictures of 1024 and 128 pixels with random weights, and prints the best time of each layer: the figures of
//! `docs/performance.md`. `--bf16` draws with bf16 factors.

use kernels::Precision;
use mirror::generator::{Config, Generator, Painter};
use mirror::latent::Latent;
use nn::Rng;
use std::time::Instant;

fn main() {
    kernels::start_threads(None).expect("threads are started once");
    let wanted = std::env::args().any(|a| a == "--bf16");
    let precision = if wanted { Precision::bf16().expect("a CPU with AVX512-BF16") } else { Precision::F32 };
    for (resolution, fmap_base, fmap_max, rounds) in [(1024, 8192, 512, 15), (128, 2048, 128, 150)] {
        let config = Config { resolution, fmap_base, fmap_max, fmap_min: 1, latent_size: 512 };
        let mut rng = Rng::new(1);
        let painter = Painter::with_precision(&Generator::new(config, &mut rng), precision);
        let latent = Latent::gaussian(config.latent_size, &mut rng);
        let (mut whole, mut best) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let began = Instant::now();
            std::hint::black_box(painter.paint(&latent));
            whole.push(milliseconds(began));
            keep_best(&mut best, &layers(&painter, &latent));
        }
        whole.sort_by(f64::total_cmp);
        println!("{resolution} pixels: median {:.2} ms, best {:.2}", whole[rounds / 2], whole[0]);
        for (layer, ms) in &best {
            println!("  {layer:<16} {ms:7.2}");
        }
        println!("  {:<16} {:7.2}", "all layers", best.iter().map(|l| l.1).sum::<f64>());
    }
}

/// How long each layer takes, in their order; those of a large level come in bands.
fn layers(painter: &Painter, latent: &Latent) -> Vec<(String, f64)> {
    let mut times: Vec<(String, f64)> = Vec::new();
    kernels::on_pool(|| {
        let mut began = Instant::now();
        painter.layer_by_layer(latent, |layer| {
            let ms = milliseconds(began);
            match times.iter_mut().find(|t| t.0 == layer) {
                Some(time) => time.1 += ms,
                None => times.push((layer.to_owned(), ms)),
            }
            began = Instant::now();
        });
    });
    times
}

fn keep_best(best: &mut Vec<(String, f64)>, times: &[(String, f64)]) {
    if best.is_empty() {
        best.extend_from_slice(times);
    }
    for (best, time) in best.iter_mut().zip(times) {
        best.1 = best.1.min(time.1);
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
