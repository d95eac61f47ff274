//! ZIP archives of which nothing is compressed, so that what is in them can be read where it lies.

use crate::byte_reader::{ByteReader, Span};
use std::collections::HashMap;
use zip::ZipArchive;

/// Entries: a checkpoint of the published networks with its optimisers has under two thousand.
const MAX_ENTRIES: usize = 1 << 16;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not an archive, or damaged.
    #[error("the archive cannot be read: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// No program of PyTorch's would write so many.
    #[error("an archive of {0} entries: expected at most {MAX_ENTRIES}")]
    Entries(usize),
    /// Something is compressed.
    #[error("\"{0}\" in the archive is compressed: PyTorch never does that")]
    Compressed(String),
    /// It is some other archive.
    #[error("no data.pkl in the archive: it is none that torch.save wrote")]
    NoPickle,
    /// Its numbers are big endian.
    #[error("byte order \"{0}\" in the archive: expected little")]
    ByteOrder(String),
}

/// Where the bytes of every entry are.
///
/// # Errors
/// If it is no archive, damaged, or has entries that PyTorch would not write.
pub fn entries(source: &mut ByteReader) -> Result<HashMap<String, Span>, ArchiveError> {
    let mut archive = ZipArchive::new(source.reader())?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::Entries(archive.len()));
    }
    let mut entries = HashMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i)?;
        let name = entry.name()?.into_owned();
        if entry.compression() != zip::CompressionMethod::Stored {
            return Err(ArchiveError::Compressed(name.escape_debug().to_string()));
        }
        let start = entry.data_start().ok_or(ArchiveError::NoPickle)?;
        entries.insert(name, Span { at: start, len: entry.size() });
    }
    Ok(entries)
}
