//! What a table of the user's says of photographs.

use super::walk::PictureFile;
use crate::data::{Gender, Row, Table};
use anyhow::{Result, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

/// What is on record of a photograph; empty where nothing is.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub person: String,
    pub gender: Option<Gender>,
    pub birth: Option<i32>,
    pub year: Option<i32>,
    pub source: String,
    pub licence: String,
}

/// The rows of a table by the name in their column `file`.
#[derive(Default)]
pub(super) struct Records {
    rows: HashMap<String, (Record, bool)>,
}

impl Records {
    /// Reads a table with a column `file`, and perhaps `person`, `gender`, `birth`, `year`, `source` and `licence`.
    ///
    /// # Errors
    /// If it is none, a cell holds what it should not, or a file has two rows.
    pub fn read(path: &Path) -> Result<Self> {
        let table = Table::read(path, &["file"])?;
        let mut rows = HashMap::new();
        for row in table.rows() {
            let file = row.needed_text("file")?.replace('\\', "/");
            match rows.entry(file) {
                Entry::Occupied(e) => bail!("{}: \"{}\" has a row already", row.place(), e.key()),
                Entry::Vacant(e) => e.insert((record(row)?, false)),
            };
        }
        Ok(Self { rows })
    }

    /// What is on record of a picture, by its path from the folder on or by its name alone.
    pub fn of(&mut self, file: &PictureFile) -> Record {
        let name = file.within.rsplit('/').next().unwrap_or_default();
        let key = if self.rows.contains_key(&file.within) { &file.within } else { name };
        let Some((record, used)) = self.rows.get_mut(key) else { return Record::default() };
        *used = true;
        record.clone()
    }

    /// How many rows name no picture that was asked for.
    pub fn unused(&self) -> usize {
        self.rows.values().filter(|(_, used)| !used).count()
    }
}

fn record(row: Row) -> Result<Record> {
    let text = |names: &[&str]| names.iter().map(|n| row.text(n)).find(|t| !t.is_empty()).unwrap_or("").to_owned();
    let year = |names: &[&str]| -> Result<Option<i32>> {
        for name in names {
            if let Some(year) = row.number(name)? {
                return Ok(Some(year as i32));
            }
        }
        Ok(None)
    };
    Ok(Record {
        person: text(&["person", "bioguide", "name"]),
        gender: row.gender()?,
        birth: year(&["birth", "born"])?,
        year: year(&["year", "photo_year"])?,
        source: text(&["source"]),
        licence: text(&["licence", "license", "licence_basis"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Records> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("people.csv"), text).unwrap();
        Records::read(&dir.path().join("people.csv"))
    }

    fn file(within: &str) -> PictureFile {
        PictureFile { path: within.into(), folder: "f".into(), within: within.into() }
    }

    #[test]
    fn a_spreadsheets_table_joins_by_path_or_by_name() {
        let text = "sep=;\r\nFile;Person;Gender;Born;Photo_Year;License\r\na.jpg;Zoë;f;1950;2001,0;CC0\r\nold\\a.jpg;Ann;M;;;\r\nb.jpg;;;;;\r\n";
        let mut records = read(text).unwrap();
        let zoe = records.of(&file("new/a.jpg"));
        assert_eq!((zoe.person.as_str(), zoe.gender, zoe.licence.as_str()), ("Zoë", Some(Gender::Female), "CC0"));
        assert_eq!((zoe.birth, zoe.year), (Some(1950), Some(2001)));
        assert_eq!(records.of(&file("old/a.jpg")).person, "Ann");
        assert_eq!((records.of(&file("c.jpg")).person.as_str(), records.unused()), ("", 1));
    }

    #[test]
    fn wrong_rows_are_named() {
        let error = |text: &str| format!("{:#}", read(text).err().unwrap());
        assert!(error("file,person\na.jpg,A\na.jpg,B\n").ends_with("row 3: \"a.jpg\" has a row already"));
        assert!(error("file,year\na.jpg,May\n").contains("row 2, column \"year\": \"May\" is no number"));
        assert!(error("name\nA\n").contains("column \"file\" is missing"));
    }
}
