//! The container of PyTorch since 1.6: a ZIP archive, nothing in it compressed.

use crate::archive::{self, ArchiveError, PICKLE};
use crate::byte_reader::ByteReader;
use crate::error::FormatError;
use crate::pickle::{self, Pickle};

/// Reads the pickle.
pub fn load(source: &mut ByteReader) -> Result<Pickle, FormatError> {
    let entries = archive::entries(source)?;
    let folder = entries
        .keys()
        .find_map(|name| name.strip_suffix(PICKLE))
        .ok_or_else(|| ArchiveError::NoPickle("nothing".into()))?
        .to_owned();
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
