//! ZIP archives of which nothing is compressed, so that what is in them can be read where it lies.

use crate::byte_reader::{ByteReader, Span};
use crate::error::CUT_SHORT;
use std::collections::HashMap;
use std::io::{Read, Seek};
use zip::ZipArchive;

/// The pickle's own name in its folder.
pub const PICKLE: &str = "/data.pkl";

/// Entries: a checkpoint of the published networks with its optimisers has under two thousand.
const MAX_ENTRIES: usize = 1 << 16;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not an archive, or damaged.
    #[error("the archive cannot be read: {0}\n{CUT_SHORT}")]
    Zip(#[from] zip::result::ZipError),
    /// No program of PyTorch's would write so many.
    #[error("an archive of {0} entries: expected at most {MAX_ENTRIES}")]
    Entries(usize),
    /// Something is compressed.
    #[error("\"{0}\" in the archive is compressed: PyTorch never does that")]
    Compressed(String),
    /// It is some other archive.
    #[error(
        "no data.pkl in the archive: it is none that torch.save wrote, it holds {0}\nhint: unpack it and import the generator in it"
    )]
    NoPickle(String),
    /// It holds a program.
    #[error(
        "a TorchScript program, as torch.jit.save writes it: it brings code along, and none is run\nhint: save the model's state_dict() with torch.save where it was made"
    )]
    TorchScript,
    /// It holds arrays without a net.
    #[error(
        "NumPy's arrays (npz), from which no generator is read\nhint: docs/foreign-generators.md lists what is read"
    )]
    Numpy,
    /// Its numbers are big endian.
    #[error("byte order \"{0}\" in the archive: expected little")]
    ByteOrder(String),
}

/// Where the bytes of every entry are.
///
/// # Errors
/// If it is no archive, damaged, none of `torch.save`'s, or has entries that PyTorch would not write.
pub fn entries(source: &mut ByteReader) -> Result<HashMap<String, Span>, ArchiveError> {
    let mut archive = ZipArchive::new(source.reader())?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::Entries(archive.len()));
    }
    check_names(&archive)?;
    let mut entries = HashMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i)?;
        let name = entry.name()?.into_owned();
        if entry.compression() != zip::CompressionMethod::Stored {
            return Err(ArchiveError::Compressed(name.escape_debug().to_string()));
        }
        let start = entry.data_start().ok_or(zip::result::ZipError::FileNotFound)?;
        entries.insert(name, Span { at: start, len: entry.size() });
    }
    Ok(entries)
}

/// Tells by the names of its entries who wrote an archive.
fn check_names<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<(), ArchiveError> {
    let names = archive.file_names().collect::<Result<Vec<_>, _>>()?;
    let has = |is: fn(&str) -> bool| names.iter().any(|name| is(name));
    if has(|name| name.ends_with("/constants.pkl")) && has(|name| name.contains("/code/")) {
        return Err(ArchiveError::TorchScript);
    }
    if has(|name| name.ends_with(PICKLE)) {
        return Ok(());
    }
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        return Err(ArchiveError::Numpy);
    }
    let shown = names.iter().take(4).map(|name| {
        let name: String = name.chars().take(80).collect();
        format!("\"{}\"", name.escape_debug())
    });
    let shown: Vec<String> = shown.collect();
    Err(ArchiveError::NoPickle(if shown.is_empty() { "nothing".into() } else { shown.join(", ") }))
}
