//! Who stands in the tables of the archive, with which portraits.

use super::names::first_name_first;
use crate::data::{Gender, Row, Table};
use crate::gan::aligned_folders;
use anyhow::{Context, Result};
use mirror::archive::{Member, Source};
use mirror::face::attributes::GenderLabel;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A person of the archive.
#[derive(Clone, Debug)]
pub struct Person {
    /// Whose portraits they are.
    pub source: Source,
    /// By record.
    pub gender: Option<GenderLabel>,
    /// As the archive has it, the first name first.
    pub name: Option<String>,
    /// Those in colour, the sharpest first.
    pub portraits: Vec<PortraitFile>,
}

/// A portrait of the archive.
#[derive(Clone, Debug)]
pub struct PortraitFile {
    /// Where it is.
    pub path: PathBuf,
    /// How much there is around the face.
    pub framing: Framing,
    /// Its year, where it is known.
    pub year: Option<u16>,
    /// Pixels of the source a pixel of a crop of 256.
    sharpness: f32,
}

/// How much there is around a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As it was photographed.
    Photograph,
    /// The face fills the picture.
    Aligned,
}

impl Person {
    /// What a table says of them, where one of their portraits stands for them.
    pub fn member(&self, portrait: usize) -> Member {
        let year = self.portraits[portrait].year;
        Member { source: self.source, year, gender: self.gender, name: self.name.clone() }
    }
}

/// People by the number under which the archive has them.
type People = BTreeMap<String, Person>;

/// All people of `congress` and, if it is there, `office` who have a portrait in colour.
///
/// # Errors
/// If a table cannot be read.
pub fn people(root: &Path) -> Result<Vec<Person>> {
    let (mut people, years) = congress(&root.join("congress"))?;
    let folder = root.join("office");
    if folder.is_dir() {
        office(&folder, &years, &mut people)?;
    }
    for person in people.values_mut() {
        person.portraits.sort_by(|a, b| b.sharpness.total_cmp(&a.sharpness));
    }
    Ok(people.into_values().filter(|person| !person.portraits.is_empty()).collect())
}

/// The people of the photographs of Congress, and the years of these by file and by person.
fn congress(folder: &Path) -> Result<(People, BTreeMap<String, u16>)> {
    let needed = ["file", "bioguide", "name", "photo_year", "colour", "upsampling", "gender", "gender_source"];
    let table = Table::read(&folder.join("faces.csv"), &needed)?;
    let (mut people, mut years) = (People::new(), BTreeMap::new());
    for row in table.rows() {
        let (file, key) = (row.needed_text("file")?, row.needed_text("bioguide")?);
        let year = year_of(row.text("photo_year"));
        years.extend(year.map(|year| (file.to_owned(), year)));
        let latest = years.get(key).copied().max(year);
        years.extend(latest.map(|year| (key.to_owned(), year)));

        let person = people.entry(key.to_owned()).or_insert_with(|| Person {
            source: Source::Congress,
            gender: None,
            name: first_name_first(row.text("name")),
            portraits: Vec::new(),
        });
        if row.text("gender_source") == "record" {
            person.gender = person.gender.or(label(row)?);
        }
        if row.text("colour") == "1" {
            let path = folder.join("portraits").join(file);
            // The table counts pixels of a crop of 160.
            let sharpness = 160.0 / 256.0 / row.needed_number("upsampling")?.max(1e-3);
            person.portraits.push(PortraitFile { path, framing: Framing::Photograph, year, sharpness });
        }
    }
    Ok((people, years))
}

/// Adds the people of the aligned portraits. Members of Congress under another number than the Biographical Directory's may stand in the archive
/// under that one too: they are left out.
fn office(folder: &Path, years: &BTreeMap<String, u16>, people: &mut People) -> Result<()> {
    let table = Table::read(&folder.join("faces.csv"), &["file", "source", "person", "px_per_px_256"])?;
    let folders = aligned_folders(folder)?;
    for row in table.rows() {
        let (file, key) = (row.needed_text("file")?, row.needed_text("person")?);
        let source = match row.text("source") {
            "uk-parliament" => Source::Parliament,
            "pif" => Source::Fellows,
            _ if is_bioguide(key) => Source::Congress,
            _ => continue,
        };
        let paths: Vec<PathBuf> = folders.iter().map(|(folder, _)| folder.join(file)).collect();
        let path =
            paths.iter().find(|path| path.exists()).or(paths.first()).context("no folder of aligned portraits")?;
        let portrait = PortraitFile {
            path: path.clone(),
            framing: Framing::Aligned,
            year: office_year(row, years, key),
            sharpness: row.needed_number("px_per_px_256")?,
        };
        let person = people.entry(key.to_owned()).or_insert_with(|| Person {
            source,
            gender: None,
            name: None,
            portraits: Vec::new(),
        });
        person.gender = person.gender.or(label(row)?);
        person.portraits.push(portrait);
    }
    Ok(())
}

/// The year of an aligned portrait: that of its collection, of its path, or of the person's last Congress.
fn office_year(row: Row, years: &BTreeMap<String, u16>, person: &str) -> Option<u16> {
    let path = row.text("path");
    let congress = match row.text("source") {
        "clerk118" => Some(118),
        "senate119" => Some(119),
        "voteview-wiki" => row.text("licence_basis").rsplit("congress ").next().and_then(|n| n.trim().parse().ok()),
        _ => None,
    };
    let of_congress = congress.map(|n: u16| 1787u16.saturating_add(n.saturating_mul(2)));
    let of_path = || path.split('/').find_map(year_of);
    of_congress.or_else(|| years.get(path).copied()).or_else(of_path).or_else(|| years.get(person).copied())
}

/// A year of photographs and paintings.
fn year_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|year| (1700..2200).contains(year))
}

/// A letter and six digits.
fn is_bioguide(key: &str) -> bool {
    let (letter, digits) = key.split_at_checked(1).unwrap_or_default();
    letter.chars().all(|c| c.is_ascii_uppercase()) && digits.len() == 6 && digits.chars().all(|c| c.is_ascii_digit())
}

fn label(row: Row) -> Result<Option<GenderLabel>> {
    Ok(row.gender()?.map(|gender| match gender {
        Gender::Female => GenderLabel::Female,
        Gender::Male => GenderLabel::Male,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn archive() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "congress/faces.csv",
            "file,bioguide,name,photo_year,colour,upsampling,gender,gender_source\n\
             a.jpg,A000001,\"ABLE, Ann\",1987,1,2.5,F,first name\n\
             b.jpg,A000001,\"ABLE, Ann\",2001,1,1.25,F,record\n\
             c.jpg,B000002,\"BAKER, Bob, Jr.\",1931,0,1.0,M,record\n\
             d.jpg,C000003,\"COLE, Cy\",1999,1,1.0,M,era\n",
        );
        write(
            "office/faces.csv",
            "file,source,person,path,px_per_px_256,licence_basis,gender\n\
             e.webp,clerk118,A000001,images/A.jpg,0.8,ours,F\n\
             f.webp,uk-parliament,twfy7,mps/7.jpg,0.7,CC,\n\
             g.webp,pif,some-body,fellows/2022/some-body.png,2.0,CC0,\n\
             h.webp,voteview-wiki,icpsr1,images/1.jpg,1.0,Wikimedia; congress 117,M\n\
             i.webp,voteview-wiki,D000004,images/2.jpg,1.0,Wikimedia; congress 117,M\n",
        );
        write("office/aligned320/e.webp", "");
        root
    }

    #[test]
    fn a_person_has_their_colour_portraits_the_sharpest_first() {
        let root = archive();
        let people = people(root.path()).unwrap();
        let names: Vec<Option<&str>> = people.iter().map(|person| person.name.as_deref()).collect();
        assert_eq!(names, [Some("Ann Able"), Some("Cy Cole"), None, None, None]);
        let files: Vec<String> =
            people[0].portraits.iter().map(|p| p.path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(files, ["e.webp", "b.jpg", "a.jpg"]);
        let years: Vec<Option<u16>> = people.iter().map(|person| person.member(0).year).collect();
        assert_eq!(years, [Some(2023), Some(1999), Some(2021), Some(2022), None]);
        let sources: Vec<Source> = people.iter().map(|person| person.source).collect();
        use Source::{Congress, Fellows, Parliament};
        assert_eq!(sources, [Congress, Congress, Congress, Fellows, Parliament]);
    }

    #[test]
    fn only_a_record_says_whether_somebody_is_a_woman_or_a_man() {
        let people = people(archive().path()).unwrap();
        assert_eq!((people[0].gender, people[1].gender), (Some(GenderLabel::Female), None));
    }

    #[test]
    fn a_folder_that_is_no_archive_is_named() {
        let error = people(Path::new("/nowhere")).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/congress/faces.csv"), "{error:#}");
    }
}
