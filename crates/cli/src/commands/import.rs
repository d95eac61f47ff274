//! `narcissus import`: makes a pack of a generator that was trained elsewhere.

use crate::options::{Global, Part};
use anyhow::Context;
use import::Network;
use std::path::PathBuf;

/// Make a pack from a generator that was trained elsewhere.
///
/// What the file is, its content says: the pickles of Karras' programs (karras2018iclr-*.pkl; TensorFlow's and Theano's),
/// PyTorch state dicts of known programs, and safetensors of the format narcissus-pggan-1. Nothing in the file is run. What is
/// none of these is named: a web page or an error message in its place, half a file, StyleGAN, TorchScript, ONNX. The nets
/// that look at faces come from --pack (or the built-in pack). The new pack has no inverter: it can dream, and reflects after
/// `narcissus train inverter` has made one for its generator.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus import karras2018iclr-celebahq-1024x1024.pkl --out celebahq.pack
    narcissus import gs.safetensors --out my-pack
    narcissus import network-snapshot.pkl --network G --max-resolution 16 --out half-way
    narcissus import network-final.pkl --network D --out discriminator.safetensors
    narcissus dream --pack celebahq.pack --out dreams")]
pub struct ImportArgs {
    /// The generator
    pub file: PathBuf,
    /// The pack's folder; must not exist yet. For the discriminator, the file
    #[arg(long, value_name = "PACK")]
    pub out: PathBuf,
    /// Which network: the generator G, its average Gs, or the discriminator D, which becomes a safetensors file
    #[arg(long, default_value_t)]
    pub network: Network,
    #[command(flatten)]
    pub part: Part,
}

/// Runs it.
pub fn run(options: &ImportArgs, global: &Global) -> anyhow::Result<()> {
    if options.network == Network::D {
        return discriminator(options);
    }
    let face_nets = global.open_pack().context("no pack to take the face nets from")?;
    let imported = import::import(&options.file, options.part.of(options.network), &face_nets, &options.out)?;
    let config = imported.generator.config();
    eprintln!(
        "{}: a generator of {size}x{size} pixels, latents of {} numbers",
        options.out.display(),
        config.latent_size,
        size = config.resolution
    );
    let missing: Vec<&str> = imported.missing.iter().map(|net| net.file()).collect();
    eprintln!("still missing before it can reflect: {}", missing.join(", "));
    eprintln!("licence: not known; write it into {}", options.out.join(mirror::pack::MANIFEST_FILE).display());
    Ok(())
}

/// Writes the discriminator as a file, for whoever trains on: a pack has no place for it.
fn discriminator(options: &ImportArgs) -> anyhow::Result<()> {
    anyhow::ensure!(options.part.max_resolution.is_none(), "--max-resolution is for generators; leave it out for D");
    anyhow::ensure!(!options.out.exists(), "{}: already exists; choose another name", options.out.display());
    let weights = import::read_discriminator(&options.file)?;
    crate::output::write_atomically(&options.out, &nn::io::write(&weights, nn::io::Dtype::F32))?;
    eprintln!("{}: a discriminator of {} tensors", options.out.display(), weights.tensors.len());
    Ok(())
}
