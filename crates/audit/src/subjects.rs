//! The people of an audit.

use crate::columns::{Column, Sorting, decade};
use anyhow::{Result, ensure};
use mirror::archive::{Archive, Member, Source};
use mirror::face::attributes::GenderLabel;
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

    /// The members of a pack's archive, or the people of its other table: numbers without pictures. Nobody knows whether a face would be found, or
    /// how old they were.
    ///
    /// # Errors
    /// If the pack has no table that its eyes measured.
    pub fn of_pack(pack: &Pack) -> Result<Self> {
        let name = pack.manifest().name.clone();
        match pack.archive()? {
            Some(archive) => Ok(Self::of_archive(name, &archive)),
            None => Ok(Self::of_visitors(name, pack.visitors()?)),
        }
    }

    /// By gender on record, source and decade.
    fn of_archive(name: String, archive: &Archive) -> Self {
        let members = archive.members();
        let source_name = |source: Source| serde_json::to_value(source).ok()?.as_str().map(str::to_owned);
        let sources: Vec<String> = Source::ALL.into_iter().filter_map(source_name).collect();
        let decade_of = |member: &Member| member.year.map(|year| decade(year.into()));
        let mut decades: Vec<(f32, String)> = members.iter().filter_map(decade_of).collect();
        decades.sort_by(|a, b| a.0.total_cmp(&b.0));
        decades.dedup();
        let decades: Vec<String> = decades.into_iter().map(|(_, label)| label).collect();

        let person = |(i, member): (usize, &Member)| {
            let gender = match member.gender {
                Some(GenderLabel::Female) => Some(Gender::Female),
                Some(GenderLabel::Male) => Some(Gender::Male),
                _ => None,
            };
            let source = Source::ALL.iter().position(|s| *s == member.source);
            let decade = decade_of(member).and_then(|(_, label)| decades.iter().position(|d| *d == label));
            let groups = vec![gender.map(|g| usize::from(g == Gender::Male)), source, decade];
            Subject { groups, age: None, gender, known: Known::Features(archive.features(i).into()) }
        };
        let people = members.iter().enumerate().map(person).collect();
        let columns = vec![
            genders(),
            Column { name: "source".into(), groups: sources },
            Column { name: "year".into(), groups: decades.clone() },
        ];
        Self { name, columns, people }
    }

    /// By gender on record, and by whether the nets learned from them.
    fn of_visitors(name: String, Visitors { women, men, measured }: Visitors) -> Self {
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
        let columns = vec![genders(), Column { name: "learned".into(), groups: vec!["yes".into(), "no".into()] }];
        Self { name, columns, people }
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

fn genders() -> Column {
    Column { name: "gender".into(), groups: vec!["F".into(), "M".into()] }
}

/// A folder's own name.
fn name_of(folder: &Path) -> String {
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| "pictures".to_owned(), |name| name.to_string_lossy().into_owned())
}
