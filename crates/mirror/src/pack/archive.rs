//! The members of the archive, beside the nets that learned from them.

use super::error::PackError;
use super::format::{ARCHIVE_FILE, Net};
use super::load::Pack;
use super::visitors::{EYES_KEY, eyes_of};
use crate::archive::Archive;
use std::collections::BTreeMap;

/// The entry of the metadata that says which inverter found the latents.
const INVERTER_KEY: &str = "inverter";

impl Pack {
    /// The table of the archive's members, if the pack has one.
    ///
    /// # Errors
    /// If other eyes measured them, or the table cannot be read.
    pub fn archive(&self) -> Result<Option<Archive>, PackError> {
        let Some(bytes) = self.file(ARCHIVE_FILE) else { return Ok(None) };
        let wrong = |source| PackError::Weights { pack: self.origin().to_owned(), file: ARCHIVE_FILE, source };
        let file = nn::io::read(bytes).map_err(wrong)?;
        if file.metadata.get(EYES_KEY) != Some(&eyes_of(self)?) {
            return Err(PackError::ForeignArchive(self.origin().to_owned()));
        }
        Archive::from_weights(&file).map(Some).map_err(wrong)
    }

    /// Whether this pack's inverter found the latents of its table: nearness does not depend on them.
    pub fn has_archive_of_its_inverter(&self) -> bool {
        let found = self.manifest().files.get(ARCHIVE_FILE).and_then(|file| file.metadata.get(INVERTER_KEY));
        found.is_some() && found == self.manifest().files.get(Net::Inverter.file()).map(|file| &file.sha256)
    }

    /// The bytes of a pack's file, of members whom this pack's eyes measured and its inverter placed.
    ///
    /// # Errors
    /// If the pack lacks one of these nets.
    pub fn archive_bytes(&self, archive: &Archive) -> Result<Vec<u8>, PackError> {
        let file = Net::Inverter.file();
        let missing = || PackError::Missing { pack: self.origin().to_owned(), file: file.to_owned() };
        let inverter = self.manifest().files.get(file).ok_or_else(missing)?.sha256.clone();
        let metadata = [(EYES_KEY, eyes_of(self)?), (INVERTER_KEY, inverter)];
        Ok(archive.to_bytes(BTreeMap::from(metadata.map(|(key, value)| (key.to_owned(), value)))))
    }
}
