//! `narcissus import`: makes a pack of a generator that was trained elsewhere.

use crate::arguments::Global;
use anyhow::Context;
use std::path::PathBuf;

/// Make a pack from a generator that was trained elsewhere.
///
/// Reads safetensors files of the format narcissus-pggan-1, as our PyTorch trainer writes them. The nets that look at
/// faces come from --pack (or the built-in pack). The new pack has no inverter: it can dream, and reflects after
/// `narcissus train inverter` has made one for its generator.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus import gs.safetensors --out my-pack
    narcissus dream --pack my-pack --out dreams")]
pub struct Options {
    /// The generator
    pub file: PathBuf,
    /// The pack's folder; must not exist yet
    #[arg(long, value_name = "PACK")]
    pub out: PathBuf,
}

/// Runs it.
pub fn run(options: &Options, global: &Global) -> anyhow::Result<()> {
    let face_nets = super::open_pack(global).context("no pack to take the face nets from")?;
    let imported = import::import(&options.file, &face_nets, &options.out)?;
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
