//! The archive that the nets learn from: portraits with their teacher's opinion, and pictures without faces.

use crate::faces::jaw::with_even_jaw;
use crate::runs::bar;
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::{LANDMARKS, Landmarks, Rect};
use rayon::prelude::*;
use std::path::Path;

/// Gender as a record or a guess has it; the archive knows no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Gender {
    /// `F` in the file.
    #[serde(rename = "F")]
    Female,
    /// `M` in the file.
    #[serde(rename = "M")]
    Male,
}

/// One portrait of the archive. Coordinates are pixels of the stored picture where nothing else is said.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// File name within `congress/portraits`.
    pub file: String,
    /// The member's number in the Biographical Directory; several portraits may show one member.
    pub bioguide: String,
    /// Years; photo year less birth year, so approximate.
    pub age: Option<f32>,
    /// `None` where neither record nor first name tells.
    pub gender: Option<Gender>,
    /// `record`, `first name` or `era`; empty without a gender.
    pub gender_source: String,
    /// Year of the photograph, can be off by decades for long careers.
    pub photo_year: i32,
    /// Whether the photograph has colours.
    pub colour: bool,
    /// The teacher's box: forehead to chin, ear to ear.
    pub rect: Rect,
    /// The teacher's eyes, nose tip and corners of the mouth.
    pub pts5: [[f32; 2]; 5],
    /// The teacher's 68 landmarks, the jaw's moved along it to where the mark-up wants them.
    pub landmarks: Landmarks,
    /// The teacher's 68 landmarks in the aligned picture, where there is one.
    pub aligned: Option<Landmarks>,
    /// Variance of the Laplacian of the aligned crop.
    pub sharpness: f32,
    /// Aligned pixels (of 160) a source pixel: above 1.3 the crop is soft.
    pub upsampling: f32,
    /// Share of the aligned crop that lies inside the photograph.
    pub inside: f32,
    /// Nose offset over eye distance: 0 is frontal.
    pub yaw_cue: f32,
    /// The photograph; empty (0 x 0) where only the table was read.
    pub image: Image,
}

/// A picture without faces.
#[derive(Clone, Debug)]
pub struct Negative {
    /// File name within `negatives`.
    pub file: String,
    /// The photograph.
    pub image: Image,
}

/// True for one in `one_in` keys, always the same ones, whatever the machine: the fixed held-out split.
pub fn is_held_out(key: &str, one_in: u64) -> bool {
    hash(key).is_multiple_of(one_in)
}

/// The same number for a key on every machine.
pub fn hash(key: &str) -> u64 {
    // FNV-1a, then splitmix64's finaliser: FNV alone leaves the low bits of short keys too regular.
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let z = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Portrait {
    /// Whether it is one of the Government Publishing Office's, not of the Biographical Directory's.
    pub fn is_from_guide(&self) -> bool {
        self.file.starts_with("gpo-")
    }

    /// Whether this member is kept out of training: 5 % of the members with all their portraits.
    pub fn is_held_out(&self) -> bool {
        is_held_out(&self.bioguide, 20)
    }
}

impl Negative {
    /// Whether this picture is kept out of training, to count false faces on: a fifth of them.
    pub fn is_held_out(&self) -> bool {
        is_held_out(&self.file, 5)
    }
}

/// The table of portraits, without the photographs.
///
/// # Errors
/// If `congress/faces.csv` is missing, or a row of it lacks a column or holds no number where one is due.
pub fn read_table(root: &Path) -> Result<Vec<Portrait>> {
    let path = root.join("congress/faces.csv");
    let table = CsvTable::read(&path)?;
    let portraits = table.rows().enumerate();
    portraits.map(|(i, row)| row.portrait().with_context(|| format!("{}, row {}", path.display(), i + 2))).collect()
}

/// All portraits with their photographs, held-out ones included, in the order of the table. About 0.6 GB.
///
/// # Errors
/// As [`read_table`], or if a photograph cannot be read.
pub fn load_portraits(root: &Path) -> Result<Vec<Portrait>> {
    load_portraits_where(root, |_| true)
}

/// The portraits that `wanted` picks by their row, with their photographs.
///
/// # Errors
/// As [`load_portraits`].
pub fn load_portraits_where(root: &Path, wanted: impl Fn(&Portrait) -> bool) -> Result<Vec<Portrait>> {
    let mut portraits = read_table(root)?;
    portraits.retain(|p| wanted(p));
    let folder = root.join("congress/portraits");
    let bar = bar(portraits.len() as u64, "portraits");
    portraits.par_iter_mut().try_for_each(|p| {
        p.image = Image::load(&folder.join(&p.file))?;
        bar.inc(1);
        anyhow::Ok(())
    })?;
    bar.finish_and_clear();
    Ok(portraits)
}

/// All pictures without faces, by file name; an empty list where the data has none.
///
/// # Errors
/// If a picture cannot be read.
pub fn load_negatives(root: &Path) -> Result<Vec<Negative>> {
    let folder = root.join("negatives");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .with_context(|| format!("{}", folder.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    files.sort();
    let bar = bar(files.len() as u64, "negatives");
    let negatives = files.into_par_iter().map(|file| {
        let image = Image::load(&folder.join(&file))?;
        bar.inc(1);
        anyhow::Ok(Negative { file, image })
    });
    let negatives = negatives.collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    Ok(negatives)
}

/// Numbers separated by spaces.
pub(crate) fn numbers(text: &str) -> Result<Vec<f32>> {
    text.split_whitespace().map(|v| v.parse().with_context(|| format!("\"{v}\" is no number"))).collect()
}

/// A CSV file with a header.
pub(crate) struct CsvTable {
    header: csv::StringRecord,
    records: Vec<csv::StringRecord>,
}

impl CsvTable {
    /// # Errors
    /// If the file cannot be read or is no table.
    pub fn read(path: &Path) -> Result<Self> {
        let at = || path.display().to_string();
        let mut reader = csv::Reader::from_path(path).with_context(at)?;
        let header = reader.headers().with_context(at)?.clone();
        Ok(Self { header, records: reader.records().collect::<Result<_, _>>().with_context(at)? })
    }

    /// The names of the columns.
    pub fn header(&self) -> &csv::StringRecord {
        &self.header
    }

    pub fn rows(&self) -> impl Iterator<Item = CsvRow<'_>> {
        self.records.iter().map(|record| CsvRow { header: &self.header, record })
    }
}

/// A row of a [`CsvTable`].
pub(crate) struct CsvRow<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl CsvRow<'_> {
    /// The text of a column; empty where there is no such column.
    pub fn optional(&self, column: &str) -> &str {
        self.text(column).unwrap_or("")
    }

    /// The number of a column, `None` where there is no such column or it is empty.
    pub fn optional_number(&self, column: &str) -> Result<Option<f32>> {
        match self.optional(column) {
            "" => Ok(None),
            _ => self.number(column).map(Some),
        }
    }

    /// The gender on record.
    pub fn gender(&self) -> Option<Gender> {
        match self.optional("gender") {
            "F" => Some(Gender::Female),
            "M" => Some(Gender::Male),
            _ => None,
        }
    }

    pub fn text(&self, column: &str) -> Result<&str> {
        let at = self.header.iter().position(|h| h == column);
        at.and_then(|i| self.record.get(i)).with_context(|| format!("column \"{column}\" is missing"))
    }

    fn number(&self, column: &str) -> Result<f32> {
        let text = self.text(column)?;
        text.parse().with_context(|| format!("column \"{column}\": \"{text}\" is no number"))
    }

    /// `N` points, multiplied by `scale`.
    pub fn points<const N: usize>(&self, column: &str, scale: f32) -> Result<[[f32; 2]; N]> {
        let v = numbers(self.text(column)?).with_context(|| format!("column \"{column}\""))?;
        anyhow::ensure!(v.len() == 2 * N, "column \"{column}\": expected {} numbers, found {}", 2 * N, v.len());
        Ok(std::array::from_fn(|i| [v[2 * i] * scale, v[2 * i + 1] * scale]))
    }

    fn portrait(&self) -> Result<Portrait> {
        let scale = self.number("portrait_scale")?;
        let [[x, y], [w, h]] = self.points::<2>("box", scale)?;
        Ok(Portrait {
            file: self.text("file")?.into(),
            bioguide: self.text("bioguide")?.into(),
            age: self.text("age")?.parse().ok(),
            gender: self.gender(),
            gender_source: self.text("gender_source")?.into(),
            photo_year: self.number("photo_year")? as i32,
            colour: self.text("colour")? == "1",
            rect: Rect { x, y, w, h },
            pts5: self.points("pts5", scale)?,
            landmarks: with_even_jaw(&Landmarks { points: self.points::<LANDMARKS>("landmarks_portrait", scale)? }),
            aligned: match self.text("landmarks_aligned")? {
                "" => None,
                _ => Some(Landmarks { points: self.points::<LANDMARKS>("landmarks_aligned", 1.0)? }),
            },
            sharpness: self.number("sharpness")?,
            upsampling: self.number("upsampling")?,
            inside: self.number("inside")?,
            yaw_cue: self.number("yaw_cue")?,
            image: Image { width: 0, height: 0, data: Vec::new() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_of_the_members_is_held_out_and_always_the_same() {
        let held = (0..10_000).filter(|i| is_held_out(&format!("A{i:06}"), 20)).count();
        assert!((400..600).contains(&held), "{held} of 10,000");
        assert_eq!(is_held_out("A000007", 20), is_held_out("A000007", 20));
    }

    #[test]
    fn landmarks_of_the_table_lie_around_the_box_within_the_picture() {
        let Some(root) = testing::data_root_or_skip("landmarks of the table") else { return };
        let portraits = load_portraits_where(&root, Portrait::is_held_out).unwrap();
        assert!(portraits.len() > 100);
        for p in portraits {
            let Rect { x, y, w, h } = p.rect;
            let nose = p.landmarks.points[30];
            assert!((x..x + w).contains(&nose[0]) && (y..y + h).contains(&nose[1]), "{}", p.file);
            assert!(x + w * 0.5 < p.image.width as f32 && y + h * 0.5 < p.image.height as f32, "{}", p.file);
        }
    }
}
