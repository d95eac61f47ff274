//! A latent to a picture, by the generators that the project draws and aims at.

use criterion::Criterion;
use mirror::generator::{Config, Generator, Painter};
use mirror::latent::Latent;
use nn::Rng;
use std::time::Duration;

const SMALL: Config = Config { resolution: 128, fmap_base: 2048, fmap_max: 128, fmap_min: 1, latent_size: 512 };
/// As published (Karras et al., ICLR 2018).
const PAPER: Config = Config { resolution: 1024, fmap_base: 8192, fmap_max: 512, fmap_min: 1, latent_size: 512 };

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    generate(&mut criterion);
    criterion.final_summary();
}

fn generate(c: &mut Criterion) {
    let mut group = c.benchmark_group("generate");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for config in [SMALL, PAPER] {
        let mut rng = Rng::new(1);
        let painter = Painter::new(&Generator::new(config, &mut rng));
        let latent = Latent::gaussian(config.latent_size, &mut rng);
        group.bench_function(config.resolution.to_string(), |b| b.iter(|| painter.paint(&latent)));
    }
    group.finish();
}
