//! The faces that the age and gender net learns from: the archive's portraits, or a folder of one's own pictures.

use super::labels::{AgeLabel, Dated, Label, gender_label, womanhood_of};
use crate::data::{self, Gender, Portrait, Row, Table, read_most};
use crate::faces::deform::Patch;
use crate::faces::turn::{Turn, turned_heads};
use crate::runs::say;
use anyhow::Result;
use frame::Image;
use mirror::engine::{self, Mirror};
use mirror::face::align::portrait_crop;
use mirror::face::attributes::AGE_BINS;
use mirror::pack::Pack;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Width of a stored face, pixels: about the net's own resolution over the wider field, and a little more.
const PATCH: usize = 184;

/// The table of a folder of one's own pictures.
pub(super) const OWN_TABLE: &str = "faces.csv";

/// Years in which photography became another: plates and beards, flash and film, colour.
const ERAS: [i32; 3] = [1900, 1940, 1985];

/// Largest turn of a head to either side, radians: in profile there is hardly a face left to judge.
const MOST_YAW: f32 = 0.8;

/// A face and what is known of it.
pub(super) struct Example {
    pub patch: Patch,
    /// The same face with the head turned; `None` for pictures of one's own, which come as they are.
    pub turned: Option<Patch>,
    pub label: Label,
    /// When it was photographed (see [`ERAS`]).
    pub era: usize,
    /// Where the age is but the age at the latest.
    pub dated: Option<Dated>,
}

impl Example {
    /// A picture of one's own, on which `eyes` find the face. `None` if they do not.
    fn of_own(row: &OwnFace, image: &Image, eyes: &Mirror) -> Result<Option<Self>> {
        let Some(seen) = engine::nearest(eyes.eyes().analyse(image)?) else { return Ok(None) };
        let Some(crop) = portrait_crop(&seen.landmarks) else { return Ok(None) };
        let age = row.age.map(AgeLabel::known);
        let female = row.gender.map(|gender| (womanhood_of(gender), 1.0));
        let patch = Patch::cut(image, &crop, &[], PATCH);
        Ok(Some(Self { patch, turned: None, label: Label { age, female }, era: 0, dated: None }))
    }

    fn of(portrait: &Portrait, last_served: Option<i32>) -> Option<Self> {
        let crop = portrait_crop(&portrait.landmarks)?;
        let patch = Patch::cut(&portrait.image, &crop, &[], PATCH);
        let turns = Turn::of(&portrait.landmarks, &portrait.file)
            .map(|turn| Turn { yaw: turn.yaw.clamp(-MOST_YAW, MOST_YAW), ..turn });
        let turned = turned_heads(&portrait.image, &portrait.landmarks, PATCH, portrait_crop, turns.take(1)).pop();
        let era = ERAS.partition_point(|end| *end <= portrait.photo_year);
        let dated = Dated::of(portrait, last_served);
        let age = dated.map(|dated| dated.label(&[1.0; AGE_BINS]));
        Some(Self { patch, turned, label: Label { age, female: gender_label(portrait) }, era, dated })
    }
}

/// A row of the table `faces.csv` of a folder of pictures.
#[derive(Debug)]
struct OwnFace {
    /// The picture.
    path: PathBuf,
    /// Whom it shows: nobody is both learned from and examined on. Everybody is a person of their own where nobody is named.
    person: String,
    /// Years, where they are known.
    age: Option<f32>,
    /// Where it is known.
    gender: Option<Gender>,
}

impl OwnFace {
    fn of(row: Row, folder: &Path) -> Result<Self> {
        let file = row.needed_text("file")?;
        let person = if row.text("person").is_empty() { file } else { row.text("person") };
        Ok(Self { path: folder.join(file), person: person.to_owned(), age: row.number("age")?, gender: row.gender()? })
    }
}

/// The faces of a folder of one's own, learned from and held out (a tenth of the people): `faces.csv` has the columns `file`,
/// `age` and `gender`, and perhaps `person`. The default pack finds the faces; pictures in which it finds none are left out.
pub(super) fn own_faces(folder: &Path) -> Result<(Vec<Example>, Vec<Example>)> {
    let table = Table::read(&folder.join(OWN_TABLE), &["file", "age", "gender"])?;
    let rows: Vec<OwnFace> = table.rows().map(|row| OwnFace::of(row, folder)).collect::<Result<_>>()?;

    let eyes = Mirror::new(&Pack::embedded()?)?;
    let seen = read_most("faces", rows, |row| {
        let example = Example::of_own(&row, &Image::load(&row.path)?, &eyes)?;
        Ok(example.map(|e| (data::is_held_out(&row.person, 10), e)))
    })?;
    let faceless = seen.iter().filter(|found| found.is_none()).count();
    if faceless > 0 {
        say(format_args!("no face found in {faceless} of {} pictures", seen.len()));
    }

    let (held_out, learned): (Vec<_>, Vec<_>) = seen.into_iter().flatten().partition(|(held_out, _)| *held_out);
    let examples = |chosen: Vec<(bool, Example)>| chosen.into_iter().map(|(_, e)| e).collect();
    Ok((examples(learned), examples(held_out)))
}

/// The portraits of the archive. A tenth is held out, twice as much as elsewhere (and all of that): with a twentieth, 20 women
/// would be left to calibrate on.
pub(super) fn portraits(root: &Path) -> Result<(Vec<Example>, Vec<Example>)> {
    let portraits = data::load_portraits(root)?;
    let mut last_served: HashMap<&str, i32> = HashMap::new();
    for p in portraits.iter().filter(|p| !p.is_from_guide()) {
        last_served.entry(&p.bioguide).and_modify(|year| *year = p.photo_year.max(*year)).or_insert(p.photo_year);
    }
    let cut = |held_out: bool| -> Vec<Example> {
        let chosen = portraits.par_iter().filter(|p| data::is_held_out(&p.bioguide, 10) == held_out);
        chosen.filter_map(|p| Example::of(p, last_served.get(p.bioguide.as_str()).copied())).collect()
    };
    Ok((cut(false), cut(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_ones_own_is_read_and_its_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join(OWN_TABLE);
        let write = |text: &str| std::fs::write(&table, text).unwrap();
        let fault = || own_faces(folder.path()).err().map(|e| format!("{e:#}")).unwrap_or_default();
        write("file,age,gender\nnone.png,31,F\n");
        assert!(fault().contains("none.png"), "{}", fault());
        write("file,age,gender\na.png,31,X\n");
        assert!(fault().contains("row 2, column \"gender\": expected F or M, found \"X\""), "{}", fault());
        write("file;gender\na.png;F\n");
        assert!(fault().contains("column \"age\" is missing: separated by semicolons"), "{}", fault());
        // Nobody in it: left out, not an error.
        Image { width: 40, height: 40, data: vec![128; 40 * 40 * 3] }.save(&folder.path().join("a.png")).unwrap();
        write("file,person,age,gender\na.png,ann,31,F\na.png,ann,,\n");
        let (learned, held_out) = own_faces(folder.path()).unwrap();
        assert!(learned.is_empty() && held_out.is_empty());
    }
}
