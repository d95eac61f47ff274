//! Reads what the PyTorch twin of our generator writes.

use crate::blueprint::BlueprintError;
use crate::byte_reader::ByteReader;
use crate::{FormatError, ImportError};
use mirror::generator::Generator;
use std::collections::BTreeMap;
use std::path::Path;

/// The largest generator that the format can name (1024 pixels, 512 maps, f32) has 92 MB.
const MAX_BYTES: u64 = 128 << 20;

/// Longer headers are left to the reader: that of the largest generator has a few kilobytes.
const MAX_HEADER: u64 = 16 << 20;

/// Looks at nothing but the header: whether this is another model's file, of any size, or cut short.
///
/// # Errors
/// If it is, or cannot be read.
pub fn check_header(source: &mut ByteReader) -> Result<(), FormatError> {
    let size = source.size();
    let len = u64::from_le_bytes(source.array()?);
    if len > size - 8 {
        return Err(FormatError::CutShort { expected: len.saturating_add(8), found: size });
    }
    let header = if len <= MAX_HEADER { source.take(len)? } else { Vec::new() };
    source.go_to(0)?;
    // What is no JSON, the reader refuses in its own words.
    let Ok(entries) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(&header) else { return Ok(()) };

    if !entries.contains_key("4x4/Dense/weight") {
        let names = entries.keys().filter(|name| *name != "__metadata__").take(4);
        let names: Vec<String> = names.map(|name| format!("\"{}\"", name.escape_debug())).collect();
        return Err(FormatError::OtherWeights {
            names: if names.is_empty() { "nothing".into() } else { names.join(", ") },
        });
    }
    let end = entries.values().filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64()).max().unwrap_or(0);
    let expected = (8 + len).saturating_add(end);
    if expected > size { Err(FormatError::CutShort { expected, found: size }) } else { Ok(()) }
}

/// Reads a generator from a file.
///
/// # Errors
/// If the file cannot be read, or as [`from_bytes`].
pub fn read_twin(path: &Path, max_resolution: Option<usize>) -> Result<Generator, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_BYTES {
        return Err(ImportError::TooLarge { path: path.to_owned(), bytes, limit: MAX_BYTES });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    from_bytes(&bytes, max_resolution).map_err(|source| ImportError::Format { path: path.to_owned(), source })
}

/// Reads a generator from the bytes of a file.
///
/// # Errors
/// If the file is none of ours, lacks a tensor, has one too many or one of another shape, holds a value that is not
/// finite, has no level of `max_resolution` pixels, or says that its training had not reached it.
pub fn from_bytes(bytes: &[u8], max_resolution: Option<usize>) -> Result<Generator, FormatError> {
    // Drawing needs only the last ToRGB, so the generator's own reader lets the others go; here a file that lacks
    // one was cut.
    let generator = Generator::from_bytes(bytes)?;
    let file = nn::io::read(bytes)?;
    if let Some(missing) = generator.params().iter().find(|p| !file.tensors.contains_key(&p.name)) {
        return Err(nn::Error::Missing(missing.name.clone()).into());
    }
    let levels = generator.config().levels();
    let level = match max_resolution {
        None => levels,
        Some(pixels) => {
            (2..=levels).find(|level| 1 << level == pixels).ok_or_else(|| BlueprintError::no_level(pixels, levels))?
        }
    };
    // What no number is, no training wrote.
    let lod = generator.metadata().get("lod").map_or(0.0, |lod| lod.parse().unwrap_or(f64::NAN));
    let left = lod - (levels - level) as f64;
    if left > 0.0 || left.is_nan() {
        return Err(BlueprintError::unfinished(lod, levels).into());
    }
    Ok(if level == levels { generator } else { generator.up_to(level) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use nn::io::Dtype;

    const TINY: Config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };

    /// Writes a good file, changed by `change`, and reads it.
    fn read(lod: &str, change: impl Fn(&mut Vec<u8>)) -> Result<Generator, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gs.safetensors");
        let about = BTreeMap::from([("lod".to_owned(), lod.to_owned())]);
        let mut bytes = Generator::new(TINY, &mut nn::Rng::new(1)).to_bytes(&about, Dtype::F32);
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        read_twin(&path, None).map_err(|e| e.to_string())
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
    fn the_header_tells_half_a_file_and_another_models() {
        let check = |bytes: &[u8]| check_header(&mut ByteReader::of(bytes.to_vec())).map_err(|e| e.to_string());
        let bytes = Generator::new(TINY, &mut nn::Rng::new(1)).to_bytes(&BTreeMap::new(), Dtype::F32);
        assert_eq!(check(&bytes), Ok(()));
        let error = check(&bytes[..bytes.len() - 7]).unwrap_err();
        let words = format!("its header speaks of {} bytes, it has {}\nhint: ", bytes.len(), bytes.len() - 7);
        assert!(error.contains(&words), "{error}");
        assert!(check(&bytes[..100]).unwrap_err().contains("is cut short"));
        let tensor = ("model.diffusion.weight".to_owned(), (vec![1], vec![0.5]));
        let file = nn::io::Weights { tensors: BTreeMap::from([tensor]), ..Default::default() };
        let error = check(&nn::io::write(&file, Dtype::F32)).unwrap_err();
        assert!(
            error.starts_with("safetensors of another model: it begins with \"model.diffusion.weight\""),
            "{error}"
        );
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
        assert!(read("0.250", |_| {}).err().unwrap().contains("ended at lod 0.25, before the full resolution of 8"));
        assert!(read("nonsense", |_| {}).err().unwrap().contains("lod NaN"));
    }

    #[test]
    fn the_level_that_was_reached_can_be_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gs.safetensors");
        let about = BTreeMap::from([("lod".to_owned(), "1.000".to_owned())]);
        Generator::new(TINY, &mut nn::Rng::new(1)).save(&path, &about, Dtype::F32).unwrap();
        let error = read_twin(&path, None).err().unwrap().to_string();
        assert!(error.contains("hint: --max-resolution 4"), "{error}");
        assert_eq!(read_twin(&path, Some(4)).unwrap().config().resolution, 4);
        let error = read_twin(&path, Some(16)).err().unwrap().to_string();
        assert!(error.contains("no level of 16 pixels: the file has powers of two from 4 to 8"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        assert!(read_twin(Path::new("nowhere.safetensors"), None).err().unwrap().to_string().contains("nowhere"));
    }
}
