//! Weights in safetensors files.
//!
//! Files hold PyTorch's layouts, so that other tools can read them: convolutions `[out, in, k, k]`, dense layers
//! `[out, in]`, the run-time scale of the equalised learning rate multiplied in. In memory the output comes last.

use crate::Param;
use half::f16;
use safetensors::{Dtype as FileType, SafeTensors, tensor::TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Why weights could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a safetensors file, or cut short.
    #[error("not a readable safetensors file: {0}")]
    Format(String),
    /// A tensor is not there.
    #[error("tensor \"{0}\" is missing")]
    Missing(String),
    /// A tensor has another shape.
    #[error("tensor \"{name}\": expected {expected:?}, file has {found:?}")]
    Shape {
        /// Which.
        name: String,
        /// What the net needs, in the file's layout.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A tensor holds neither f32, f16 nor bytes.
    #[error("tensor \"{name}\": expected F32, F16 or U8, file has {found}")]
    Type {
        /// Which.
        name: String,
        /// What the file has.
        found: String,
    },
    /// A tensor holds NaN or infinity.
    #[error("tensor \"{0}\" holds a value that is not finite")]
    NotFinite(String),
    /// A tensor holds a number that stands for nothing.
    #[error("tensor \"{0}\" holds a number that stands for nothing")]
    Range(String),
    /// The file has a tensor that the net does not know.
    #[error("tensor \"{0}\" does not belong to this net")]
    Unknown(String),
    /// The metadata lacks an entry or holds a wrong one.
    #[error("metadata {0}")]
    Metadata(String),
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl From<host::WriteError> for Error {
    fn from(error: host::WriteError) -> Self {
        Self::Io { path: error.path.display().to_string(), source: error.source }
    }
}

/// How a file stores its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 32 bits, exact.
    F32,
    /// 16 bits: half the size, relative error 5e-4.
    F16,
    /// Bytes, for whole numbers from 0 to 255; others are rounded to the nearest.
    U8,
}

/// A file's tensors and metadata, in the file's layout.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
    /// Shape and values by name.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Reads the bytes of a safetensors file.
///
/// # Errors
/// If they are cut short, of another type than F32, F16 or U8, or not finite.
pub fn read(bytes: &[u8]) -> Result<Weights, Error> {
    let format = |e: safetensors::SafeTensorError| Error::Format(e.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(bytes).map_err(format)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            FileType::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            FileType::F16 => data.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            FileType::U8 => data.iter().map(|byte| f32::from(*byte)).collect(),
            other => return Err(Error::Type { name, found: format!("{other:?}") }),
        };
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Error::NotFinite(name));
        }
        tensors.insert(name, (view.shape().to_vec(), values));
    }
    Ok(Weights { metadata, tensors })
}

/// The bytes of a safetensors file.
pub fn write(weights: &Weights, dtype: Dtype) -> Vec<u8> {
    write_each(weights, |_| dtype)
}

/// The same, where each tensor is stored by its name.
pub fn write_each(weights: &Weights, dtype_of: impl Fn(&str) -> Dtype) -> Vec<u8> {
    let encode = |name: &str, values: &[f32]| -> (FileType, Vec<u8>) {
        match dtype_of(name) {
            Dtype::F32 => (FileType::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Dtype::F16 => (FileType::F16, values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect()),
            Dtype::U8 => (FileType::U8, values.iter().map(|v| v.round() as u8).collect()),
        }
    };
    let bytes: Vec<_> = weights.tensors.iter().map(|(name, (shape, v))| (name, shape, encode(name, v))).collect();
    let views = bytes.iter().map(|(name, shape, (file_type, data))| {
        (name.as_str(), TensorView::new(*file_type, (*shape).clone(), data).expect("as many bytes as the shape says"))
    });
    let file = safetensors::serialize(views, None).expect("tensors in memory always serialise");
    with_metadata(&file, &weights.metadata)
}

/// A safetensors file with metadata. The crate would write them in an order that changes from run to run: the same weights should make the
/// same file.
fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    // The length of the header, the header (a JSON object, filled up with spaces to a multiple of eight bytes), the tensors.
    const ALIGNMENT: usize = 8;
    let (length, rest) = file.split_first_chunk().expect("a safetensors file begins with a length");
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let said = serde_json::to_vec(metadata).expect("words always serialise");
    let names = header.trim_ascii().strip_prefix(b"{").expect("the header is an object");
    let comma: &[u8] = if names == b"}" { b"" } else { b"," };
    let mut header = [b"{\"__metadata__\":", &said[..], comma, names].concat();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    [&(header.len() as u64).to_le_bytes(), &header[..], tensors].concat()
}

/// Parameters as a file holds them.
pub fn collect(params: &[&Param], metadata: &BTreeMap<String, String>) -> Weights {
    let tensors = params.iter().map(|p| (p.name.clone(), filed(p))).collect();
    Weights { metadata: metadata.clone(), tensors }
}

/// Writes parameters to a file, whole or not at all (see [`host::write_atomically`]).
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, params: &[&Param], metadata: &BTreeMap<String, String>, dtype: Dtype) -> Result<(), Error> {
    Ok(host::write_atomically(path, &write(&collect(params, metadata), dtype))?)
}

/// Fills parameters from the bytes of a file that holds exactly these; gives back the metadata.
///
/// # Errors
/// If a tensor is missing, unknown, or of another shape or type; then no parameter has changed.
pub fn load_into(bytes: &[u8], params: Vec<&mut Param>) -> Result<BTreeMap<String, String>, Error> {
    fill_all(read(bytes)?, params)
}

/// Fills parameters from a file that holds exactly these; gives back the metadata.
///
/// # Errors
/// As [`load_into`].
pub fn fill_all(file: Weights, params: Vec<&mut Param>) -> Result<BTreeMap<String, String>, Error> {
    let Weights { metadata, mut tensors } = file;
    let mut values = Vec::with_capacity(params.len());
    for p in &params {
        let (found, value) = tensors.remove(&p.name).ok_or_else(|| Error::Missing(p.name.clone()))?;
        let expected = file_shape(p);
        if found != expected {
            return Err(Error::Shape { name: p.name.clone(), expected, found });
        }
        values.push(value);
    }
    if let Some(name) = tensors.into_keys().next() {
        return Err(Error::Unknown(name));
    }
    for (p, value) in params.into_iter().zip(values) {
        fill(p, &value);
    }
    Ok(metadata)
}

/// Extents in the file: the last moves to the front, then the one before it.
fn file_shape(p: &Param) -> Vec<usize> {
    match p.shape[..] {
        [kh, kw, i, o] => vec![o, i, kh, kw],
        [i, o] => vec![o, i],
        _ => p.shape.clone(),
    }
}

/// (index in the file, index in memory) of every value.
fn layout(shape: &[usize], len: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (taps, i, o) = match shape[..] {
        [kh, kw, i, o] => (kh * kw, i, o),
        [i, o] => (1, i, o),
        _ => (1, 1, len),
    };
    (0..taps * i * o).map(move |m| {
        let (tap, ci, co) = (m / (i * o), m / o % i, m % o);
        ((co * i + ci) * taps + tap, m)
    })
}

/// A parameter as a file has it: its shape and its values, run-time scale multiplied in.
pub fn filed(p: &Param) -> (Vec<usize>, Vec<f32>) {
    let mut out = vec![0.0; p.value.len()];
    layout(&p.shape, out.len()).for_each(|(file, memory)| out[file] = p.value[memory] * p.scale);
    (file_shape(p), out)
}

/// Fills a parameter from values in the file's layout, run-time scale included.
///
/// # Panics
/// If there are not as many as the parameter has.
pub fn fill(p: &mut Param, values: &[f32]) {
    assert_eq!(values.len(), p.value.len(), "values of {}", p.name);
    let scale = p.scale;
    let mut value = std::mem::take(&mut p.value);
    layout(&p.shape, value.len()).for_each(|(file, memory)| value[memory] = values[file] / scale);
    p.value = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, Dense, Init, Layer, Rng};

    #[test]
    fn weights_survive_the_file_and_lie_there_as_pytorch_has_them() {
        let mut rng = Rng::new(1);
        let a = Conv2d::new("conv", 2, 3, 3, 1, Init::Equalized { gain: 1.0 }, &mut rng);
        let mut b = Conv2d::new("conv", 2, 3, 3, 1, Init::Equalized { gain: 1.0 }, &mut rng);
        let bytes = write(&collect(&a.params(), &BTreeMap::new()), Dtype::F32);
        load_into(&bytes, b.params_mut()).unwrap();
        for (x, y) in a.params()[0].value.iter().zip(&b.params()[0].value) {
            assert!((x - y).abs() <= 1e-6 * x.abs());
        }
        let file = read(&bytes).unwrap();
        let (shape, values) = &file.tensors["conv/weight"];
        assert_eq!(shape, &[3, 2, 3, 3]);
        // [out 2, in 1, row 0, column 2] of the file is [row 0, column 2, in 1, out 2] in memory.
        let memory = a.params()[0].value[(2 * 2 + 1) * 3 + 2] * a.params()[0].scale;
        assert_eq!(values[((2 * 2 + 1) * 3) * 3 + 2], memory);
    }

    #[test]
    fn the_same_weights_make_the_same_file_with_all_their_metadata() {
        let metadata: BTreeMap<String, String> = (0..20).map(|i| (format!("key \"{i}\""), "x".repeat(i))).collect();
        let tensors = BTreeMap::from([("a".to_owned(), (vec![2], vec![0.5, -2.0]))]);
        let weights = Weights { metadata: metadata.clone(), tensors };
        let file = write(&weights, Dtype::F32);
        assert_eq!(file, write(&weights, Dtype::F32));
        let back = read(&file).unwrap();
        assert_eq!((back.metadata, back.tensors), (weights.metadata, weights.tensors));
        let nothing = Weights { metadata, ..Weights::default() };
        assert_eq!(read(&write(&nothing, Dtype::F32)).unwrap().metadata, nothing.metadata);
    }

    #[test]
    fn whole_numbers_may_be_bytes_beside_other_tensors() {
        let tensors = [("bytes", vec![0.0, 7.4, 300.0]), ("exact", vec![0.1, -2.0, 1e9])];
        let tensors = tensors.map(|(name, values)| (name.to_owned(), (vec![3], values)));
        let weights = Weights { tensors: BTreeMap::from(tensors), ..Weights::default() };
        let file = write_each(&weights, |name| if name == "bytes" { Dtype::U8 } else { Dtype::F32 });
        let found = read(&file).unwrap().tensors;
        assert_eq!(found["bytes"].1, [0.0, 7.0, 255.0]);
        assert_eq!(found["exact"].1, [0.1, -2.0, 1e9]);
    }

    #[test]
    fn a_wrong_file_changes_nothing_and_says_why() {
        let mut rng = Rng::new(1);
        let good = Dense::new("d", 4, 3, Init::He, &mut rng);
        let bytes = write(&collect(&good.params(), &BTreeMap::new()), Dtype::F16);
        let mut other = Dense::new("d", 5, 3, Init::He, &mut rng);
        let before = other.params()[0].value.clone();
        let error = load_into(&bytes, other.params_mut()).unwrap_err().to_string();
        assert_eq!(error, "tensor \"d/weight\": expected [3, 5], file has [3, 4]");
        assert_eq!(other.params()[0].value, before);
        assert!(load_into(&bytes[..bytes.len() - 3], other.params_mut()).is_err());
        assert!(load_into(b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", other.params_mut()).is_err());
    }
}
