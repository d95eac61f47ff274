//! `pack.toml`: what a pack says of itself.

use super::error::PackError;
use super::format::{FORMAT, MANIFEST_FILE, MAX_FILE_BYTES};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What a pack says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the pack format.
    pub format: u32,
    /// Short name.
    pub name: String,
    /// What it is, a sentence.
    #[serde(default)]
    pub about: String,
    /// Licence of the weights, as an SPDX expression.
    #[serde(default)]
    pub licence: String,
    /// What the nets have learned from, a sentence a source.
    #[serde(default)]
    pub data: Vec<String>,
    /// The files by name.
    #[serde(default)]
    pub files: BTreeMap<String, FileEntry>,
}

/// What the manifest knows of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its size.
    pub bytes: u64,
    /// Its hash, in hexadecimal.
    pub sha256: String,
    /// What the trainer wrote into the file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// All that is read before the format is known to be ours.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Manifest {
    /// Of a folder that has none yet.
    pub(super) fn unnamed(folder: &Path) -> Self {
        let name = std::fs::canonicalize(folder).ok();
        let name = name.as_ref().and_then(|p| p.file_name()).map_or("pack".into(), |n| n.to_string_lossy());
        Self {
            format: FORMAT,
            name: name.into_owned(),
            about: String::new(),
            licence: String::new(),
            data: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// As it stands in a folder.
    ///
    /// # Errors
    /// If it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, PackError> {
        toml::to_string(self).map_err(|e| PackError::Manifest { pack: self.name.clone(), why: e.to_string() })
    }

    /// Reads the manifest of a folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, PackError> {
        let path = folder.join(MANIFEST_FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&String::from_utf8_lossy(&bytes), &folder.display().to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && folder.exists() => {
                Err(PackError::NotAPack(folder.to_owned()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(PackError::NotAPack(folder.to_owned())),
            Err(source) if !folder.exists() => Err(PackError::Io { path: folder.to_owned(), source }),
            Err(source) => Err(PackError::Io { path, source }),
        }
    }

    /// Reads a manifest; `pack` names it in errors.
    pub(super) fn parse(text: &str, pack: &str) -> Result<Self, PackError> {
        let wrong = |e: toml::de::Error| PackError::Manifest { pack: pack.to_owned(), why: e.message().to_owned() };
        let FormatOnly { format } = toml::from_str(text).map_err(wrong)?;
        if format > FORMAT {
            return Err(PackError::Newer { pack: pack.to_owned(), found: format });
        }
        let manifest: Self = toml::from_str(text).map_err(wrong)?;
        for (name, entry) in &manifest.files {
            let plain = Path::new(name).file_name().is_some_and(|n| n == name.as_str()) && !name.contains('\\');
            let why = if !plain {
                "it has a path"
            } else if entry.bytes > MAX_FILE_BYTES {
                "it is too large"
            } else {
                continue;
            };
            return Err(PackError::BadEntry { pack: pack.to_owned(), file: name.clone(), why });
        }
        Ok(manifest)
    }
}

impl FileEntry {
    /// Of these bytes.
    pub(super) fn of(bytes: &[u8], metadata: BTreeMap<String, String>) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hash(bytes), metadata }
    }

    pub(super) fn check_size(&self, name: &str, found: u64, pack: &str) -> Result<(), PackError> {
        if found == self.bytes {
            return Ok(());
        }
        Err(PackError::Size { pack: pack.to_owned(), file: name.to_owned(), expected: self.bytes, found })
    }

    pub(super) fn check(&self, name: &str, bytes: &[u8], pack: &str) -> Result<(), PackError> {
        self.check_size(name, bytes.len() as u64, pack)?;
        let found = hash(bytes);
        if found.eq_ignore_ascii_case(&self.sha256) {
            return Ok(());
        }
        let (pack, file, expected) = (pack.to_owned(), name.to_owned(), self.sha256.clone());
        Err(PackError::Corrupt { pack, file, expected, found })
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
