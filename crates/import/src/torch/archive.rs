//! The container of PyTorch since 1.6: a ZIP archive, nothing in it compressed, so that tensors can be read where they lie.

use crate::error::FormatError;
use crate::pickle::{self, Pickle};
use crate::source::{Source, Span};
use std::collections::HashMap;
use zip::ZipArchive;

/// Entries: a checkpoint of the published networks with its optimisers has under two thousand.
const MAX_ENTRIES: usize = 1 << 16;
/// The pickle's own name in its folder.
const PICKLE: &str = "/data.pkl";

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

/// Reads the pickle.
pub fn load(source: &mut Source) -> Result<Pickle, FormatError> {
    let entries = entries(source)?;
    let folder = entries.keys().find_map(|name| name.strip_suffix(PICKLE)).ok_or(ArchiveError::NoPickle)?.to_owned();
    if let Some(order) = entries.get(&format!("{folder}/byteorder")) {
        source.go_to(order.at)?;
        let order = source.take(order.len.min(16))?;
        if order != b"little" {
            return Err(ArchiveError::ByteOrder(String::from_utf8_lossy(&order).escape_debug().to_string()).into());
        }
    }
    source.go_to(entries[&format!("{folder}{PICKLE}")].at)?;
    let mut pickle = pickle::load(source)?;
    pickle.place_storages(|key| entries.get(&format!("{folder}/data/{key}")).copied());
    Ok(pickle)
}

/// Where the bytes of every entry are.
fn entries(source: &mut Source) -> Result<HashMap<String, Span>, FormatError> {
    let mut archive = ZipArchive::new(source.reader()).map_err(ArchiveError::Zip)?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::Entries(archive.len()).into());
    }
    let mut entries = HashMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(ArchiveError::Zip)?;
        let name = entry.name().map_err(ArchiveError::Zip)?.into_owned();
        if entry.compression() != zip::CompressionMethod::Stored {
            return Err(ArchiveError::Compressed(name.escape_debug().to_string()).into());
        }
        let start = entry.data_start().ok_or(ArchiveError::NoPickle)?;
        entries.insert(name, Span { at: start, len: entry.size() });
    }
    Ok(entries)
}
