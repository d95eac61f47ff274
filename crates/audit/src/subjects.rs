//! The people of an audit.

use crate::columns::{Column, Sorting};
use anyhow::{Result, ensure};
use mirror::features::FeatureVector;
use mirror::pack::{Pack, Visitors};
use std::path::{Path, PathBuf};
use train::data::{Gender, Table, pictures_of};

/// People, and the groups that they belong to.
pub struct Subjects {
    /// Who they are, for people to read.
    pub name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) people: Vec<Subject>,
}

/// Somebody.
pub(crate) struct Subject {
    /// The group in each column; `None` where that is not known.
    pub groups: Vec<Option<usize>>,
    /// On record, years.
    pub age: Option<f32>,
    /// On record.
    pub gender: Option<Gender>,
    pub known: Known,
}

/// What there is of somebody.
pub(crate) enum Known {
    /// A picture, to be looked at.
    Picture(PathBuf),
    /// What the pack's eyes saw in a picture, which is not there.
    Features(Box<FeatureVector>),
}

impl Subjects {
    /// The people of a table, whose column `file` names pictures in a folder. Columns `age` (years) and `gender` (F or M) are what the
    /// mirror's judgements are held against. All columns that sort people make groups, or only those that are named.
    ///
    /// # Errors
    /// If the table cannot be read, has no row, or a column that is named sorts nobody.
    pub fn of_pictures(folder: &Path, table: &Path, by: &[String]) -> Result<Self> {
        let read = Table::read(table, &["file"])?;
        let sorting = Sorting::of(&read, by)?;
        let rows = read.rows().enumerate().map(|(i, row)| {
            let file = row.needed_text("file")?.replace('\\', "/");
            Ok(Subject {
                groups: sorting.of_row(i),
                age: row.number("age")?,
                gender: row.gender()?,
                known: Known::Picture(folder.join(file)),
            })
        });
        let people: Vec<Subject> = rows.collect::<Result<_>>()?;
        ensure!(!people.is_empty(), "{}: no row under the names of its columns", table.display());
        Ok(Self { name: name_of(folder), columns: sorting.columns().cloned().collect(), people })
    }

    /// The people in the pictures of a folder, of whom nothing is on record.
    ///
    /// # Errors
    /// If the folder cannot be read, or holds no picture.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let person = |path| Subject { groups: Vec::new(), age: None, gender: None, known: Known::Picture(path) };
        let people: Vec<Subject> = pictures_of(folder)?.into_iter().map(person).collect();
        ensure!(!people.is_empty(), "{}: no picture in it", folder.display());
        Ok(Self { name: name_of(folder), columns: Vec::new(), people })
    }

    /// The people of a pack's table: numbers without pictures. Nobody knows whether a face would be found, or how old they were.
    ///
    /// # Errors
    /// If the pack has no table that its eyes measured.
    pub fn of_pack(pack: &Pack) -> Result<Self> {
        let Visitors { women, men, measured } = pack.visitors()?;
        let columns = vec![
            Column { name: "gender".into(), groups: vec!["F".into(), "M".into()] },
            Column { name: "learned".into(), groups: vec!["yes".into(), "no".into()] },
        ];
        let person = |gender: Option<Gender>| {
            move |features: FeatureVector| Subject {
                groups: vec![gender.map(|g| usize::from(g == Gender::Male)), Some(usize::from(gender.is_none()))],
                age: None,
                gender,
                known: Known::Features(features.into()),
            }
        };
        let women = women.into_iter().map(person(Some(Gender::Female)));
        let men = men.into_iter().map(person(Some(Gender::Male)));
        let people = women.chain(men).chain(measured.into_iter().map(person(None))).collect();
        Ok(Self { name: format!("people of the pack \"{}\"", pack.manifest().name), columns, people })
    }

    /// Keeps at most so many, evenly spread.
    pub fn keep(&mut self, most: usize) {
        let all = self.people.len();
        let count = most.min(all);
        let mut place = 0..;
        self.people.retain(|_| place.next().is_some_and(|i: usize| i * count / all != (i + 1) * count / all));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// A folder's own name.
fn name_of(folder: &Path) -> String {
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| "pictures".to_owned(), |name| name.to_string_lossy().into_owned())
}
