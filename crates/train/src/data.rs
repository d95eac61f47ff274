//! The archive that the nets learn from: portraits with their teacher's opinion, and pictures without faces.

mod pictures;
mod table;

pub(crate) use pictures::is_picture;
pub use pictures::{pictures_of, read_most};
pub use table::{Row, Table, number};

use crate::faces::jaw::with_even_jaw;
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::{LANDMARKS, Landmarks, Rect};
use std::path::Path;

/// Gender as a record or a guess has it; the archive knows no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// `F` in the file.
    Female,
    /// `M` in the file.
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

/// One in so many people is kept out of training, see [`Portrait::is_held_out`].
pub(crate) const HELD_OUT_PEOPLE: u64 = 20;

/// True for one in `one_in` keys, always the same ones, whatever the machine: the fixed held-out split.
pub fn is_held_out(key: &str, one_in: u64) -> bool {
    hash(key).is_multiple_of(one_in)
}

/// The same number for a key on every machine.
pub fn hash(key: impl AsRef<[u8]>) -> u64 {
    // FNV-1a, then splitmix64's finaliser: FNV alone leaves the low bits of short keys too regular.
    let hash =
        key.as_ref().iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
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
        is_held_out(&self.bioguide, HELD_OUT_PEOPLE)
    }
}

impl Negative {
    /// Whether this picture is kept out of training, to count false faces on: a fifth of them.
    pub fn is_held_out(&self) -> bool {
        is_held_out(&self.file, 5)
    }
}

/// What the table of portraits must have.
const COLUMNS: [&str; 16] = [
    "file",
    "bioguide",
    "photo_year",
    "age",
    "gender",
    "gender_source",
    "colour",
    "portrait_scale",
    "sharpness",
    "upsampling",
    "inside",
    "yaw_cue",
    "box",
    "pts5",
    "landmarks_portrait",
    "landmarks_aligned",
];

/// The table of portraits, without the photographs.
///
/// # Errors
/// If `congress/faces.csv` is missing, lacks a column, or has no number where one is due.
pub fn read_table(root: &Path) -> Result<Vec<Portrait>> {
    Table::read(&root.join("congress/faces.csv"), &COLUMNS)?.rows().map(portrait).collect()
}

/// All portraits with their photographs, held-out ones included, in the order of the table. About 0.6 GB.
///
/// # Errors
/// As [`read_table`], or if more than a tenth of the photographs cannot be read.
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
    read_most("portraits", portraits, |portrait| {
        Ok(Portrait { image: Image::load(&folder.join(&portrait.file))?, ..portrait })
    })
}

/// All pictures without faces, by file name; an empty list where the data has none.
///
/// # Errors
/// If more than a tenth of them cannot be read.
pub fn load_negatives(root: &Path) -> Result<Vec<Negative>> {
    let folder = root.join("negatives");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    read_most("negatives", pictures_of(&folder)?, |path| {
        let file = path.file_name().and_then(|name| name.to_str());
        let file = file.with_context(|| format!("{}: expected a name in UTF-8", path.display()))?;
        Ok(Negative { file: file.to_owned(), image: Image::load(&path)? })
    })
}

fn portrait(row: Row) -> Result<Portrait> {
    let scale = row.needed_number("portrait_scale")?;
    let [[x, y], [w, h]] = row.points::<2>("box", scale)?;
    Ok(Portrait {
        file: row.needed_text("file")?.into(),
        bioguide: row.needed_text("bioguide")?.into(),
        age: row.number("age")?,
        gender: row.gender()?,
        gender_source: row.text("gender_source").into(),
        photo_year: row.needed_number("photo_year")? as i32,
        colour: row.text("colour") == "1",
        rect: Rect { x, y, w, h },
        pts5: row.points("pts5", scale)?,
        landmarks: with_even_jaw(&Landmarks { points: row.points::<LANDMARKS>("landmarks_portrait", scale)? }),
        aligned: match row.text("landmarks_aligned") {
            "" => None,
            _ => Some(Landmarks { points: row.points::<LANDMARKS>("landmarks_aligned", 1.0)? }),
        },
        sharpness: row.needed_number("sharpness")?,
        upsampling: row.needed_number("upsampling")?,
        inside: row.needed_number("inside")?,
        yaw_cue: row.needed_number("yaw_cue")?,
        image: Image { width: 0, height: 0, data: Vec::new() },
    })
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
