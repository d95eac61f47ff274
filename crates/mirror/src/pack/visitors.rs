//! People as numbers: who stands in for visitors while an inverter is trained and measured.

use super::error::PackError;
use super::format::{Net, VISITORS_FILE};
use super::load::Pack;
use crate::features::{FEATURES, FeatureVector, TOLD};
use nn::io::Dtype;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Features of people of whom the maker of a pack had portraits. Numbers only: no pictures, no names.
///
/// Whoever trains an inverter needs to know how people differ, and need not have a portrait. The file holds a tensor
/// `[people, FEATURES]` for each field (`[people, TOLD]` in files from before there was a likeness), and in its metadata which eyes measured them ([`Pack::visitors`] checks that).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visitors {
    /// Women to learn from.
    pub women: Vec<FeatureVector>,
    /// Men to learn from.
    pub men: Vec<FeatureVector>,
    /// Others, of either gender, to measure on: no net of the pack learned from a portrait of theirs.
    pub measured: Vec<FeatureVector>,
}

/// The entry of the metadata that says which eyes measured the people.
pub(super) const EYES_KEY: &str = "eyes";

impl Visitors {
    /// The bytes of a pack's file, for people whom this pack's eyes measured.
    ///
    /// # Errors
    /// If the pack lacks one of the eyes.
    pub fn to_bytes(&self, pack: &Pack) -> Result<Vec<u8>, PackError> {
        let tensor = |people: &[FeatureVector]| {
            let values = people.iter().flat_map(FeatureVector::values).copied().collect();
            (vec![people.len(), FEATURES], values)
        };
        let tensors = [("women", &self.women), ("men", &self.men), ("measured", &self.measured)];
        let people =
            format!("{} women, {} men; {} to measure on", self.women.len(), self.men.len(), self.measured.len());
        let weights = nn::io::Weights {
            metadata: BTreeMap::from([(EYES_KEY.to_owned(), eyes_of(pack)?), ("people".to_owned(), people)]),
            tensors: tensors.into_iter().map(|(name, people)| (name.to_owned(), tensor(people))).collect(),
        };
        Ok(nn::io::write(&weights, Dtype::F16))
    }

    /// From the tensors of a file.
    fn from_weights(mut file: nn::io::Weights) -> Result<Self, nn::Error> {
        let mut people = |name: &str| {
            let (shape, values) = file.tensors.remove(name).ok_or_else(|| nn::Error::Missing(name.to_owned()))?;
            let rows = shape.first().copied().unwrap_or(0);
            let width = shape.get(1).copied().unwrap_or(0);
            if shape != [rows, width] || ![FEATURES, TOLD].contains(&width) {
                let expected = vec![rows, FEATURES];
                return Err(nn::Error::Shape { name: name.to_owned(), expected, found: shape });
            }
            let person = |row: &[f32]| {
                let mut features = [0.0; FEATURES];
                features[..width].copy_from_slice(row);
                FeatureVector::new(features)
            };
            let rows: Option<Vec<FeatureVector>> = values.chunks_exact(width).map(person).collect();
            rows.ok_or_else(|| nn::Error::NotFinite(name.to_owned()))
        };
        Ok(Self { women: people("women")?, men: people("men")?, measured: people("measured")? })
    }
}

impl Pack {
    /// The people of the pack's table, as its own eyes see them.
    ///
    /// # Errors
    /// If the pack has no table, other eyes measured it, or it cannot be read.
    pub fn visitors(&self) -> Result<Visitors, PackError> {
        let origin = || self.origin().to_owned();
        let bytes = self.file(VISITORS_FILE).ok_or_else(|| PackError::NoVisitors(origin()))?;
        let wrong = |source| PackError::Weights { pack: origin(), file: VISITORS_FILE, source };
        let file = nn::io::read(bytes).map_err(wrong)?;
        if file.metadata.get(EYES_KEY) != Some(&eyes_of(self)?) {
            return Err(PackError::OtherEyes(origin()));
        }
        Visitors::from_weights(file).map_err(wrong)
    }
}

/// A short hash of the nets that look at faces.
pub(super) fn eyes_of(pack: &Pack) -> Result<String, PackError> {
    let mut hash = Sha256::new();
    for net in Net::EYES {
        if let Some(bytes) = pack.weights_if_there(net)? {
            hash.update(bytes);
        }
    }
    Ok(hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect())
}
