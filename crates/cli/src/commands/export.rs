//! `narcissus export`: takes the generator to other programs.

use crate::options::{Global, Size};
use std::path::PathBuf;

/// Write the generator for other programs: ONNX, safetensors.
///
/// OUT.onnx: an ONNX model of opset 17 for TouchDesigner, the web and whatever runs ONNX; `latent` [batch, numbers] in, `picture` [batch, 3, size,
/// size] out, red, green, blue, from -1 to 1. OUT.safetensors: weights as PyTorch has them, with the paper's names of layers.
/// The licence of the pack goes for the file, too.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus export --out generator.onnx
    narcissus export --pack celebahq.pack --max-resolution 256 --out small.onnx
    narcissus export --half --out gs-f16.safetensors")]
pub struct ExportArgs {
    /// The file; must not exist yet. Its name says the format: .onnx or .safetensors
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Safetensors at half precision: half the size
    #[arg(long)]
    pub half: bool,
    #[command(flatten)]
    pub size: Size,
}

/// Runs it.
pub fn run(options: &ExportArgs, global: &Global) -> anyhow::Result<()> {
    let pack = global.open_pack()?;
    let generator = options.size.generator(&pack)?;
    import::export::export(&generator, &options.out, options.half)?;
    let size = generator.config().resolution;
    let licence = match pack.manifest().licence.as_str() {
        "" => "not known: ask whoever made it",
        licence => licence,
    };
    eprintln!("{}: a generator of {size}x{size} pixels, licence {licence}", options.out.display());
    Ok(())
}
