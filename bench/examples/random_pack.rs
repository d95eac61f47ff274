//! Writes a pack that reflects at 1024x1024: the paper's generator and an inverter with random weights, the default pack's eyes. What it
//! draws is noise; how long it takes is what a learned one takes: `cargo run --release -p bench --example random_pack FOLDER`, then
//! `narcissus bench --pack FOLDER`, or the test `round_trip` with `MIRROR_PACK=FOLDER`.

use anyhow::Context;
use mirror::generator::{Config, Generator};
use mirror::inverter::{Inverter, InverterConfig};
use mirror::pack::{Net, Pack, seal};
use nn::Rng;
use nn::io::Dtype;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("the folder of the pack, which must not exist yet")?);
    std::fs::create_dir(&folder)?;
    let default = Pack::embedded()?;
    for net in [Net::Detector, Net::Landmarks, Net::Attributes] {
        std::fs::write(folder.join(net.file()), default.weights(net)?)?;
    }
    let mut rng = Rng::new(1);
    let config = Config { resolution: 1024, fmap_base: 8192, fmap_max: 512, fmap_min: 1, latent_size: 512 };
    Generator::new(config, &mut rng).save(&folder.join(Net::Generator.file()), &[].into(), Dtype::F16)?;
    let learned = default.open(Net::Inverter, Inverter::from_weights)?;
    let config = InverterConfig { latent_size: config.latent_size, ..learned.config().clone() };
    let about = config.to_metadata();
    let inverter = Inverter::new(config, &mut rng);
    nn::io::save(&folder.join(Net::Inverter.file()), &inverter.params(), &about, Dtype::F16)?;
    seal(&folder)?;
    Ok(())
}
