//! Writes down what a folder of nets holds.

use super::error::PackError;
use super::format::{ARCHIVE_FILE, AUDIT_FILE, FORMAT, MANIFEST_FILE, Net, VISITORS_FILE};
use super::manifest::{FileEntry, Manifest};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the sizes, hashes and metadata of the nets in a folder, of its tables of people and of its audits, into its `pack.toml`; keeps its
/// name, licence and data.
///
/// A folder without a manifest gets one with the folder's name, to be completed by hand. Comments in it are lost.
///
/// # Errors
/// If there is no net in the folder, one cannot be read as weights, or the manifest cannot be read or written.
pub fn seal(folder: &Path) -> Result<Manifest, PackError> {
    let pack = folder.display().to_string();
    let mut manifest = match Manifest::of_folder(folder) {
        Ok(manifest) => manifest,
        Err(PackError::NotAPack(_)) if folder.is_dir() => Manifest::unnamed(folder),
        Err(error) => return Err(error),
    };

    // An entry for each file that is there and can be read.
    manifest.format = FORMAT;
    manifest.files.clear();
    for file in Net::ALL.map(Net::file).into_iter().chain([VISITORS_FILE, ARCHIVE_FILE, AUDIT_FILE]) {
        let path = folder.join(file);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(PackError::Io { path, source }),
        };
        let wrong = |source| PackError::Weights { pack: pack.clone(), file, source };
        let metadata = match file {
            AUDIT_FILE => BTreeMap::new(),
            _ => nn::io::read(&bytes).map_err(wrong)?.metadata,
        };
        manifest.files.insert(file.to_owned(), FileEntry::of(&bytes, metadata));
    }
    if manifest.files.is_empty() {
        return Err(PackError::Missing { pack, file: Net::Generator.file().to_owned() });
    }

    host::write_atomically(&folder.join(MANIFEST_FILE), manifest.to_toml()?.as_bytes())
        .map_err(|e| PackError::Io { path: e.path, source: e.source })?;
    Ok(manifest)
}
