//! Reads what the PyTorch twin of our generator writes.

use crate::Error;
use mirror::generator::Generator;
use std::path::Path;

/// The largest generator that the format can name (1024 pixels, 512 maps, f32) has 92 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Reads a generator.
///
/// # Errors
/// If the file cannot be read, is none of ours, lacks a tensor, has one too many or one of another shape, holds a
/// value that is not finite, or says that its training had not reached the full resolution.
pub fn read_twin(path: &Path) -> Result<Generator, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, limit: MAX_BYTES });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let weights = |source| Error::Weights { path: path.to_owned(), source };
    // Drawing needs only the last ToRGB, so the generator's own reader lets the others go; here a file that lacks
    // one was cut.
    let generator = Generator::from_bytes(&bytes).map_err(weights)?;
    let file = nn::io::read(&bytes).map_err(weights)?;
    if let Some(missing) = generator.params().iter().find(|p| !file.tensors.contains_key(&p.name)) {
        return Err(weights(nn::Error::Missing(missing.name.clone())));
    }
    match generator.metadata().get("lod") {
        Some(lod) if lod.parse::<f32>() != Ok(0.0) => {
            let resolution = generator.config().resolution;
            Err(Error::Unfinished { path: path.to_owned(), lod: lod.clone(), resolution })
        }
        _ => Ok(generator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use nn::io::Dtype;
    use std::collections::BTreeMap;

    const TINY: Config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, latent_size: 3 };

    /// Writes a good file, changed by `change`, and reads it.
    fn read(lod: &str, change: impl Fn(&mut Vec<u8>)) -> Result<Generator, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gs.safetensors");
        let about = BTreeMap::from([("lod".to_owned(), lod.to_owned())]);
        let mut bytes = Generator::new(TINY, &mut nn::Rng::new(1)).to_bytes(&about, Dtype::F32);
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        read_twin(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn a_good_file_is_read() {
        assert_eq!(read("0.000", |_| {}).unwrap().config(), TINY);
    }

    #[test]
    fn a_truncated_file_is_refused() {
        assert!(read("0.000", |b| b.truncate(b.len() - 7)).is_err());
        assert!(read("0.000", |b| b.truncate(5)).is_err());
        assert!(read("0.000", Vec::clear).is_err());
    }

    #[test]
    fn a_file_that_lies_about_its_size_is_refused() {
        assert!(read("0.000", |b| b[..8].copy_from_slice(&u64::MAX.to_le_bytes())).is_err());
        assert!(read("0.000", |b| b[..8].copy_from_slice(&1_000_000_u64.to_le_bytes())).is_err());
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused() {
        let error = read("0.000", |b| {
            let end = b.len();
            b[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        assert!(error.err().unwrap().contains("not finite"));
    }

    #[test]
    fn a_file_without_a_coarse_to_rgb_is_refused() {
        let error = read("0.000", |b| {
            let mut file = nn::io::read(b).unwrap();
            file.tensors.remove("ToRGB_lod1/bias");
            *b = nn::io::write(&file, Dtype::F32);
        });
        assert!(error.err().unwrap().contains("tensor \"ToRGB_lod1/bias\" is missing"));
    }

    #[test]
    fn half_trained_is_refused() {
        assert!(read("1.250", |_| {}).err().unwrap().contains("ended at lod 1.250"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        assert!(read_twin(Path::new("nowhere.safetensors")).err().unwrap().to_string().contains("nowhere"));
    }
}
