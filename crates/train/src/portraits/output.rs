//! The folder of portraits: `aligned192/`, `aligned320/`, `aligned512/` and `faces.csv`.

use super::Portrait;
use super::look::{Candidate, sampled};
use super::walk::PictureFile;
use crate::data::Gender;
use anyhow::{Context, Result, ensure};
use frame::Image;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Sizes of crops, and the pixels of the photograph along a side from which on a crop has that size. All portraits have the first. Those
/// of 320 pixels are meant to be shrunk to 256; those of 512 have nearly all of their pixels.
pub(super) const SIZES: [(usize, f32); 3] = [(192, 0.0), (320, 0.72 * 256.0), (512, 1.95 * 256.0)];

/// Size of the crop in whose pixels the landmarks are.
const LANDMARKS_IN: usize = 320;

/// The most bytes of a name, of which file systems take 255; what is longer loses its beginning.
const LONGEST: usize = 120;

const HEADER: [&str; 20] = [
    "file",
    "source",
    "path",
    "person",
    "gender",
    "birth",
    "photo_year",
    "age",
    "licence",
    "px_per_px_256",
    "size",
    "inside",
    "yaw_cue",
    "sharpness256",
    "cheek_l",
    "face_score",
    "age_seen",
    "female_seen",
    "crop",
    "landmarks320",
];

/// A folder that was empty. Unless it is told to keep what was written, it is empty again, or gone, when it is dropped.
pub(super) struct OutputFolder {
    path: PathBuf,
    is_new: bool,
    is_kept: bool,
    names: HashSet<String>,
}

impl OutputFolder {
    /// Makes the folders.
    ///
    /// # Errors
    /// If there is something in it, or it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let at = || format!("cannot write to {}", path.display());
        let is_new = std::fs::symlink_metadata(path).is_err();
        if !is_new {
            let mut entries = std::fs::read_dir(path).with_context(at)?;
            ensure!(entries.next().is_none(), "{}: not empty; choose another name or remove it first", path.display());
        }
        let out = Self { path: path.to_owned(), is_new, is_kept: false, names: HashSet::new() };
        for (size, _) in SIZES {
            std::fs::create_dir_all(out.folder(size)).with_context(at)?;
        }
        Ok(out)
    }

    /// A name for the crops of a picture that no other has: its path with hyphens. Names that differ in capitals only are one on some systems.
    pub fn name_for(&mut self, file: &PictureFile) -> String {
        let path = file.within.rsplit_once('.').map_or(file.within.as_str(), |(stem, _)| stem).replace('/', "-");
        // Its end, where names that are next to each other differ.
        let mut from = path.len().saturating_sub(LONGEST);
        while !path.is_char_boundary(from) {
            from += 1;
        }
        let stem = &path[from..];
        let numbered = (2..).map(|n| format!("{stem}-{n}.png"));
        let free = std::iter::once(format!("{stem}.png")).chain(numbered).find(|n| self.names.insert(n.to_lowercase()));
        free.expect("there are more numbers than pictures")
    }

    /// Writes the crops of every size that the photograph has the pixels for.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write_crops(&self, name: &str, image: &Image, seen: &Candidate) -> Result<()> {
        for (size, _) in sizes(seen) {
            sampled(image, &seen.crop, size).save(&self.folder(size).join(name))?;
        }
        Ok(())
    }

    /// Writes `faces.csv`, and removes folders that no portrait stands in.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_table(&self, portraits: &[(String, Portrait)]) -> Result<()> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(HEADER)?;
        for (name, portrait) in portraits {
            table.write_record(row(name, portrait))?;
        }
        // Fails where the folder is not empty, as it should.
        SIZES.iter().for_each(|(size, _)| drop(std::fs::remove_dir(self.folder(*size))));
        Ok(host::write_atomically(&self.path.join("faces.csv"), &table.into_inner()?)?)
    }

    /// Keeps what was written.
    pub fn keep(mut self) {
        self.is_kept = true;
    }

    fn folder(&self, size: usize) -> PathBuf {
        self.path.join(format!("aligned{size}"))
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // Nothing more can be done if this fails; the error that led here says what is wrong.
        SIZES.iter().for_each(|(size, _)| drop(std::fs::remove_dir_all(self.folder(*size))));
        if self.is_new {
            drop(std::fs::remove_dir(&self.path));
        }
    }
}

fn sizes(seen: &Candidate) -> impl Iterator<Item = (usize, f32)> {
    let pixels = seen.source_pixels;
    SIZES.into_iter().filter(move |(_, least)| pixels >= *least)
}

/// The cells of a portrait, in the order of [`HEADER`].
fn row(name: &str, portrait: &Portrait) -> [String; 20] {
    let Portrait { file, record, seen } = portrait;
    let year = |year: Option<i32>| year.map(|y| y.to_string()).unwrap_or_default();
    let gender = match record.gender {
        Some(Gender::Female) => "F",
        Some(Gender::Male) => "M",
        None => "",
    };
    let points = seen.points.points.iter().flatten().map(|v| format!("{:.1}", v * LANDMARKS_IN as f32));
    let crop = [seen.crop.tx, seen.crop.ty, seen.source_pixels].map(|v| format!("{v:.2}")).join(" ");
    [
        name.to_owned(),
        if record.source.is_empty() { file.folder.clone() } else { record.source.clone() },
        file.within.clone(),
        record.person.clone(),
        gender.to_owned(),
        year(record.birth),
        year(record.year),
        year(record.year.zip(record.birth).map(|(year, birth)| year - birth)),
        record.licence.clone(),
        format!("{:.3}", seen.source_pixels / 256.0),
        sizes(seen).last().map_or(String::new(), |(size, _)| size.to_string()),
        format!("{:.3}", seen.inside),
        format!("{:.3}", seen.yaw_cue),
        format!("{:.1}", seen.sharpness),
        format!("{:.1}", seen.complexion.in_picture),
        format!("{:.3}", seen.score),
        format!("{:.0}", seen.age),
        format!("{:.2}", seen.female),
        format!("{crop} {:.2}", seen.crop.turn().to_degrees()),
        points.collect::<Vec<_>>().join(" "),
    ]
}
