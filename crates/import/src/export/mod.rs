//! Takes a generator to other programs.

mod onnx;
mod protobuf;

pub use onnx::{OPSET, onnx};

use crate::ImportError;
use mirror::generator::Generator;
use nn::io::Dtype;
use std::path::Path;

/// Writes a generator for other programs: ONNX where the file's name ends so, else safetensors as our PyTorch twin reads them. `half`
/// stores safetensors at half precision.
///
/// # Errors
/// If the name ends otherwise, the file exists or cannot be written, or the twin's format cannot hold this generator.
pub fn export(generator: &Generator, path: &Path, half: bool) -> Result<(), ImportError> {
    if path.exists() {
        return Err(ImportError::Exists(path.to_owned()));
    }
    let mut about = generator.metadata().clone();
    let bytes = match path.extension().and_then(|e| e.to_str()) {
        Some("onnx") => onnx(generator, &about),
        Some("safetensors") if generator.pixel_biases() => return Err(ImportError::PixelBiases(path.to_owned())),
        Some("safetensors") => {
            // It is whole: what its training once had left to do is done, or was cut off.
            about.insert("lod".into(), "0".into());
            generator.to_bytes(&about, if half { Dtype::F16 } else { Dtype::F32 })
        }
        _ => return Err(ImportError::NoExport(path.to_owned())),
    };
    Ok(host::write_atomically(path, &bytes)?)
}
