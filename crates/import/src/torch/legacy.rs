//! The container of PyTorch before 1.6: five pickles in a row (a number, a version, the machine, the object, the names of its
//! storages), then the storages one after the other, each after the number of its numbers.

use crate::byte_reader::{ByteReader, Span};
use crate::error::FormatError;
use crate::pickle::{self, Pickle};
use std::collections::HashMap;

/// Reads the pickle.
pub fn load(source: &mut ByteReader) -> Result<Pickle, FormatError> {
    // The number that the file was known by, the version of the container, sizes of the machine's integers.
    for _ in 0..3 {
        pickle::load(source)?;
    }
    let mut pickle = pickle::load(source)?;
    let keys = pickle::load(source)?;
    let sizes: HashMap<String, u64> =
        pickle.storages().map(|(key, dtype)| (key.to_owned(), dtype.bytes() as u64)).collect();
    let mut places: HashMap<String, Span> = HashMap::new();
    for key in keys.root().items()? {
        let key = key.text()?;
        let numbers = u64::from_le_bytes(source.array()?);
        let size = sizes.get(key).copied().ok_or_else(|| FormatError::StrayStorage(key.escape_debug().to_string()))?;
        places.insert(key.to_owned(), source.skip(numbers.saturating_mul(size))?);
    }
    pickle.place_storages(|key| places.get(key).copied());
    Ok(pickle)
}
