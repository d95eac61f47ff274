//! The groups that people belong to: what a table's columns say of them, and what is measured of their pictures.

use anyhow::{Result, ensure};
use mirror::features::{FeatureVector, Group};
use serde::{Deserialize, Serialize};
use train::data::{Row, Table, number};
use train::evaluate::skin;

/// Most different words of a column that sorts people.
const MOST_GROUPS: usize = 12;
/// The hue angle of skin, degrees, from which on it counts as yellow rather than red: Thong, Joniak and Xiang, "Beyond Skin Tone" (2023), section 3.
const YELLOW: f32 = 55.0;
/// Where a band of ages ends, years.
const AGES: [f32; 6] = [20.0, 30.0, 40.0, 50.0, 60.0, 70.0];

/// A way to sort people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// What the table calls it; `skin` and `hue` are measured.
    pub name: String,
    /// Its groups, in the order in which people read them.
    pub groups: Vec<String>,
}

/// The skin's lightness in the picture.
pub const SKIN: &str = "skin";
/// The skin's hue in the picture.
pub const HUE: &str = "hue";

/// The columns that are measured.
pub fn measured() -> Vec<Column> {
    let column = |name: &str, groups: &[&str]| Column {
        name: name.into(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
    };
    vec![column(SKIN, &skin::BANDS.map(|(name, _)| name)), column(HUE, &["red", "yellow"])]
}

/// The groups of [`measured`] of a face.
pub fn of_face(features: &FeatureVector) -> Vec<Option<usize>> {
    let lightness = features.group(Group::Skin)[0];
    vec![skin::BANDS.iter().position(|(_, end)| lightness < *end), Some(usize::from(hue(features) >= YELLOW))]
}

/// The hue angle of the skin, degrees: 0 is red, 90 yellow.
pub fn hue(features: &FeatureVector) -> f32 {
    let [_, a, b] = features.group(Group::Skin) else { return 0.0 };
    b.atan2(*a).to_degrees()
}

/// How a table sorts the people of its rows.
pub struct Sorting {
    columns: Vec<(Column, Vec<Option<usize>>)>,
}

impl Sorting {
    /// By these columns, or without any named by all that sort: those with few different words, an age, a year.
    ///
    /// # Errors
    /// If a column that is named is not there, or sorts nobody.
    pub fn of(table: &Table, by: &[String]) -> Result<Self> {
        let rows: Vec<Row> = table.rows().collect();
        let all = table.columns().iter();
        let is_meant = |name: &&String| match by {
            [] => !name.eq_ignore_ascii_case("file"),
            by => by.iter().any(|b| b.eq_ignore_ascii_case(name)),
        };
        let mut columns: Vec<_> = all.filter(is_meant).filter_map(|name| sort(name, &rows)).collect();
        for name in by {
            let sorts = columns.iter().any(|(column, _)| column.name.eq_ignore_ascii_case(name));
            ensure!(
                sorts,
                "column \"{name}\" does not sort people: expected one of the table's, with at most {MOST_GROUPS} different words"
            );
        }
        // What is measured in the pictures has these names already.
        for (column, _) in &mut columns {
            if [SKIN, HUE].iter().any(|measured| column.name.eq_ignore_ascii_case(measured)) {
                column.name += " of the table";
            }
        }
        Ok(Self { columns })
    }

    /// Its columns.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|(column, _)| column)
    }

    /// The groups of the person in a row.
    pub fn of_row(&self, row: usize) -> Vec<Option<usize>> {
        self.columns.iter().map(|(_, groups)| groups[row]).collect()
    }
}

/// A column that sorts people, with the group of each row; `None` of any other.
fn sort(name: &str, rows: &[Row]) -> Option<(Column, Vec<Option<usize>>)> {
    let texts: Vec<&str> = rows.iter().map(|row| row.text(name)).collect();
    let numbers: Option<Vec<Option<f32>>> =
        texts.iter().map(|t| if t.is_empty() { Some(None) } else { number(t).ok().map(Some) }).collect();
    let lower = name.to_lowercase();
    let labels: Vec<Option<(f32, String)>> = match (lower.as_str(), numbers) {
        ("age", Some(ages)) => ages.into_iter().map(|age| age.map(age_band)).collect(),
        ("year" | "photo_year" | "decade", Some(years)) => years.into_iter().map(|y| y.map(decade)).collect(),
        (_, Some(numbers)) => numbers.iter().zip(&texts).map(|(n, t)| n.map(|n| (n, (*t).to_owned()))).collect(),
        (_, None) => texts.iter().map(|t| (!t.is_empty()).then(|| (0.0, (*t).to_owned()))).collect(),
    };

    let mut known: Vec<&(f32, String)> = labels.iter().flatten().collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    known.dedup_by(|a, b| a.1 == b.1);
    let sorts = (2..=MOST_GROUPS).contains(&known.len()) || (lower.contains("year") && known.len() > 1);
    let groups: Vec<String> = known.into_iter().map(|(_, label)| label.clone()).collect();
    let of_row = labels.iter().map(|l| l.as_ref().and_then(|(_, label)| groups.iter().position(|g| g == label)));
    let of_rows = of_row.collect();
    sorts.then_some((Column { name: lower, groups }, of_rows))
}

/// Where it stands among the bands, and its label.
pub fn age_band(age: f32) -> (f32, String) {
    match AGES.iter().position(|end| age < *end) {
        Some(0) => (0.0, format!("0-{:.0}", AGES[0] - 1.0)),
        Some(i) => (i as f32, format!("{:.0}-{:.0}", AGES[i - 1], AGES[i] - 1.0)),
        None => (AGES.len() as f32, format!("{:.0}+", AGES[AGES.len() - 1])),
    }
}

/// Likewise of a year.
pub fn decade(year: f32) -> (f32, String) {
    let begins = (year / 10.0).floor() * 10.0;
    (begins, format!("{begins:.0}-{:.0}", begins + 9.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::FEATURES;

    fn table(text: &str) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, text).unwrap();
        Table::read(&path, &["file"]).unwrap()
    }

    #[test]
    fn columns_with_few_words_sort_people_and_numbers_are_banded() {
        let mut text = "file;Age;gender;year;name;house\n".to_owned();
        for i in 0..40 {
            let gender = ["F", "M", ""][i % 3];
            text += &format!("{i}.jpg;{};{gender};{};person {i};upper\n", 15 + 2 * i, 1990 + i);
        }
        let sorting = Sorting::of(&table(&text), &[]).unwrap();
        let columns: Vec<(&str, Vec<&str>)> =
            sorting.columns().map(|c| (c.name.as_str(), c.groups.iter().map(String::as_str).collect())).collect();
        // Everybody has another name, and all sit in one house: neither sorts.
        assert_eq!(columns[0], ("age", vec!["0-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+"]));
        assert_eq!(columns[1], ("gender", vec!["F", "M"]));
        assert_eq!(columns[2], ("year", vec!["1990-1999", "2000-2009", "2010-2019", "2020-2029"]));
        assert_eq!(columns.len(), 3);
        assert_eq!(sorting.of_row(0), [Some(0), Some(0), Some(0)]);
        assert_eq!(sorting.of_row(2), [Some(0), None, Some(0)]);
        assert_eq!(sorting.of_row(39), [Some(6), Some(0), Some(3)]);
    }

    #[test]
    fn only_columns_that_are_named_sort_and_a_wrong_name_is_an_error() {
        let table = table("file,gender,party\na.jpg,F,A\nb.jpg,M,B\n");
        let by = |names: &[&str]| Sorting::of(&table, &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(by(&["Party"]).unwrap().columns().map(|c| c.name.clone()).collect::<Vec<_>>(), ["party"]);
        assert!(by(&["partei"]).err().unwrap().to_string().contains("\"partei\" does not sort people"));
    }

    #[test]
    fn a_face_is_sorted_by_the_lightness_and_the_hue_of_its_skin() {
        let face = |l: f32, a: f32, b: f32| {
            let mut values = [0.0; FEATURES];
            values[Group::Skin.range()].copy_from_slice(&[l, a, b]);
            of_face(&FeatureVector::new(values).unwrap())
        };
        assert_eq!(face(40.0, 10.0, 10.0), [Some(0), Some(0)]);
        assert_eq!(face(70.0, 5.0, 10.0), [Some(2), Some(1)]);
        assert_eq!(measured().iter().map(|c| c.groups.len()).collect::<Vec<_>>(), [3, 2]);
    }
}
