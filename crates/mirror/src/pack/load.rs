//! Reads packs: the one in the program, and those in folders.

use super::error::PackError;
use super::format::{CARD_FILE, MANIFEST_FILE, Net};
use super::manifest::Manifest;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

static EMBEDDED: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/office_pack.rs"));

/// A pack in memory.
#[derive(Clone, Debug)]
pub struct Pack {
    origin: String,
    manifest: Manifest,
    files: BTreeMap<String, Cow<'static, [u8]>>,
    card: Option<String>,
}

impl Pack {
    /// The pack that came with the program, checked against its hashes like any other.
    ///
    /// # Errors
    /// If the program was built without one, or its parts do not agree.
    pub fn embedded() -> Result<Self, PackError> {
        let files = EMBEDDED.iter().map(|(name, bytes)| ((*name).to_owned(), Cow::Borrowed(*bytes)));
        Self::from_files("the built-in pack", files.collect())
    }

    /// A pack of files in memory, by name. Whoever needs only some of its nets may leave the others out.
    ///
    /// # Errors
    /// If there is no manifest among them, it is of a later format, or a file is not the one that it lists.
    pub fn from_files(origin: &str, mut files: BTreeMap<String, Cow<'static, [u8]>>) -> Result<Self, PackError> {
        let missing = || PackError::Missing { pack: origin.to_owned(), file: MANIFEST_FILE.to_owned() };
        let manifest =
            Manifest::parse(&String::from_utf8_lossy(files.get(MANIFEST_FILE).ok_or_else(missing)?), origin)?;
        let card = files.get(CARD_FILE).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        files.retain(|name, _| manifest.files.contains_key(name));
        for (name, bytes) in &files {
            manifest.files[name].check(name, bytes, origin)?;
        }
        Ok(Self { origin: origin.to_owned(), manifest, files, card })
    }

    /// Reads a pack from its folder, and checks every file against its hash.
    ///
    /// # Errors
    /// If it is no pack, of a later format, incomplete or corrupt.
    pub fn load(folder: &Path) -> Result<Self, PackError> {
        let origin = folder.display().to_string();
        let manifest = Manifest::of_folder(folder)?;
        let mut files = BTreeMap::new();
        for (name, entry) in &manifest.files {
            let path = folder.join(name);
            let found = match std::fs::metadata(&path) {
                Ok(about) if about.is_file() => about.len(),
                _ => return Err(PackError::Missing { pack: origin, file: name.clone() }),
            };
            // Before reading it: a file that has grown beyond all bounds must not fill the memory.
            entry.check_size(name, found, &origin)?;
            let bytes = std::fs::read(&path).map_err(|source| PackError::Io { path, source })?;
            entry.check(name, &bytes, &origin)?;
            files.insert(name.clone(), Cow::Owned(bytes));
        }
        let card = std::fs::read_to_string(folder.join(CARD_FILE)).ok();
        Ok(Self { origin, manifest, files, card })
    }

    /// What the pack says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The text for people, if there is one.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    /// Where the pack came from, to be named in errors.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bytes of a net's file.
    ///
    /// # Errors
    /// If the pack does not have it.
    pub fn weights(&self, net: Net) -> Result<&[u8], PackError> {
        let missing = || PackError::Missing { pack: self.origin.clone(), file: net.file().to_owned() };
        self.file(net.file()).ok_or_else(missing)
    }

    /// The same; `None` of an optional net that the pack does not have.
    ///
    /// # Errors
    /// If the pack lacks a net that it needs.
    pub fn weights_if_there(&self, net: Net) -> Result<Option<&[u8]>, PackError> {
        match self.weights(net) {
            Err(_) if net.is_optional() => Ok(None),
            weights => weights.map(Some),
        }
    }

    /// Builds a net that a pack may lack, if it has it.
    ///
    /// # Errors
    /// If the reader refuses it.
    pub fn open_if_there<T>(
        &self,
        net: Net,
        read: impl FnOnce(&[u8]) -> Result<T, nn::Error>,
    ) -> Result<Option<T>, PackError> {
        self.file(net.file()).map(|_| self.open(net, read)).transpose()
    }

    /// The bytes of a file, if the pack has it.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|bytes| bytes.as_ref())
    }

    /// Builds a net from its file with the net's own reader.
    ///
    /// # Errors
    /// If the pack does not have it, or the reader refuses it.
    pub fn open<T>(&self, net: Net, read: impl FnOnce(&[u8]) -> Result<T, nn::Error>) -> Result<T, PackError> {
        read(self.weights(net)?).map_err(|source| PackError::Weights {
            pack: self.origin.clone(),
            file: net.file(),
            source,
        })
    }
}
