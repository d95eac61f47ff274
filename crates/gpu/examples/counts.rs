//! What a picture takes of a card, layer by layer, as a Markdown table: `cargo run -p gpu --example counts -- 1024`.

use gpu::{Buffer, Pixels, Plan, Roofline, Storage, Work};
use mirror::generator::{Config, Generator};
use nn::Rng;
use std::time::Duration;

/// Cards of 2 and 10 TFLOP/s, with 100 and 400 GB/s.
const CARDS: [Roofline; 4] = [
    Roofline { flops: 2e12, bandwidth: 1e11 },
    Roofline { flops: 2e12, bandwidth: 4e11 },
    Roofline { flops: 1e13, bandwidth: 1e11 },
    Roofline { flops: 1e13, bandwidth: 4e11 },
];

fn main() {
    let resolution = std::env::args().nth(1).map_or(1024, |size| size.parse().expect("a number of pixels"));
    let config = Config { resolution, fmap_base: 8192, fmap_max: 512, fmap_min: 1, latent_size: 512 };
    let generator = Generator::new(config, &mut Rng::new(1));
    for storage in [Storage::F32, Storage::F16] {
        let plan = Plan::new(&generator, storage).expect("maps that fit a card");
        let steps = plan.steps(resolution, Pixels::Bytes);

        println!("{storage:?} in memory:\n");
        println!(
            "| layer | dispatches | multiplications, M | weights, MB | maps, MB | 2, 100 | 2, 400 | 10, 100 | 10, 400 |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        let (mut total, mut times) = (Work::default(), [Duration::ZERO; 4]);
        for layer in steps.chunk_by(|a, b| a.layer == b.layer) {
            let mut work = Work::default();
            layer.iter().for_each(|step| work += step.work);
            let least = CARDS.map(|card| layer.iter().map(|step| card.least(step.work)).sum::<Duration>());
            row(&layer[0].layer, layer.len(), work, least);
            total += work;
            times = [0, 1, 2, 3].map(|i| times[i] + least[i]);
        }
        row("all", steps.len(), total, times);
        let buffers: usize = Buffer::ALL.into_iter().map(|buffer| plan.buffer_bytes(buffer, &steps)).sum();
        let [weights, buffers] = [plan.weights().len(), buffers].map(|bytes| bytes as f64 / 1e6);
        println!(
            "\nThe card's memory holds {weights:.1} MB of weights and {buffers:.1} MB of maps, sums and pixels.\n"
        );
    }
}

fn row(name: &str, dispatches: usize, work: Work, times: [Duration; 4]) {
    let Work { multiplications, weight_bytes, map_bytes } = work;
    let [m, w, b] = [multiplications, weight_bytes, map_bytes].map(|n| n as f64 / 1e6);
    let times = times.map(|time| format!("{:.3}", time.as_secs_f64() * 1e3)).join(" | ");
    println!("| {name} | {dispatches} | {m:.1} | {w:.2} | {b:.2} | {times} |");
}
