//! The policy of a house: a file that says what is measured of visitors and told, what they may do, what is told of the archive, when the mirror is open, how long a visit
//! lasts, and what its notice says. It is read once, at the start: neither visitors nor the desk change it.

mod hours;

pub use hours::{Doorkeeper, Hours};

use crate::file_error::{FileError, parse_toml, read_text};
use mirror::features::{Group, Measure};
use mirror::live::{ArchiveRules, Nearness, Permission, Rules};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// The text of pages that a notice replaces.
const NOTICE: &str = "notice_on_the_wall";
/// The longest notice, letters: it must fit a wall.
const MAX_NOTICE: usize = 400;
/// The longest visit, minutes.
const MAX_VISIT: f64 = 600.0;

/// What is in force in a house.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HousePolicy {
    /// What is done with visitors, what they may do, and what the notice says.
    pub rules: Rules,
    /// How long a visit may last, seconds.
    pub visit_secs: Option<f64>,
    /// When it is open; always, unless there are any.
    pub hours: Option<Hours>,
    /// The same, as they are written.
    pub written_hours: Vec<String>,
    /// What the notice says, by language; nothing of its own, where it is empty. Pages say it whatever a scene says.
    pub notice: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    measures: BTreeMap<Spanned<Group>, Spanned<Measure>>,
    #[serde(default)]
    visitors: Visitors,
    #[serde(default)]
    archive: Archive,
    #[serde(default)]
    hours: OpeningHours,
    #[serde(default)]
    notice: BTreeMap<String, Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Visitors {
    may: Option<Vec<Permission>>,
    minutes: Option<Spanned<f64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Archive {
    nearest: Option<Nearness>,
    names: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpeningHours {
    open: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    closed: Vec<Spanned<String>>,
}

impl HousePolicy {
    /// Reads a file; `languages` are those of the pages.
    ///
    /// # Errors
    /// If it cannot be read, or says something else than a policy does.
    pub fn open(path: &Path, languages: &[&str]) -> Result<Self, FileError> {
        Self::parse(path, &read_text(path)?, languages)
    }

    fn parse(path: &Path, text: &str, languages: &[&str]) -> Result<Self, FileError> {
        let wrong = |at: usize, why: String| FileError::at(path, text, Some(at), why);
        let file: File = parse_toml(path, text)?;

        let mut rules = Rules::default();
        for (group, measure) in &file.measures {
            let (at, group, measure) = (group.span().start, *group.get_ref(), *measure.get_ref());
            let is_needed = matches!(group, Group::Shape | Group::Pose);
            if is_needed && measure != Measure::Told {
                let why = format!("{}: faces are followed by it, so that it is always measured and told", group.name());
                return Err(wrong(at, why));
            }
            if !group.is_told() && measure == Measure::Told {
                return Err(wrong(at, format!("{}: it is never told: expected \"hidden\" or \"off\"", group.name())));
            }
            rules.measures = rules.measures.with(group, measure);
        }

        if let Some(may) = file.visitors.may {
            rules.visitors = Permission::ALL.into_iter().filter(|permission| may.contains(permission)).collect();
        }
        let default = ArchiveRules::default();
        rules.archive = ArchiveRules {
            nearest: file.archive.nearest.unwrap_or(default.nearest),
            names: file.archive.names.unwrap_or(default.names),
        };
        let visit_secs = match &file.visitors.minutes {
            Some(minutes) if *minutes.get_ref() > 0.0 && *minutes.get_ref() <= MAX_VISIT => {
                Some(60.0 * minutes.get_ref())
            }
            Some(minutes) => {
                let why = format!("minutes: expected more than 0 and at most {MAX_VISIT}, found {}", minutes.get_ref());
                return Err(wrong(minutes.span().start, why));
            }
            None => None,
        };

        let OpeningHours { open, closed } = file.hours;
        let written_hours = texts(open.iter().flatten().chain(&closed)).into_iter().map(str::to_owned).collect();
        let hours = if open.is_none() && closed.is_empty() {
            None
        } else {
            // Days off alone: open all day otherwise.
            let open = open.unwrap_or_else(|| vec![Spanned::new(0..0, "00:00-00:00".to_owned())]);
            let hours = Hours::parse(&texts(&open), &texts(&closed)).map_err(|(i, expected)| {
                let written = open.iter().chain(&closed).nth(i).expect("one of both lists");
                wrong(written.span().start, format!("hours: expected {expected}, found {:?}", written.get_ref()))
            });
            Some(hours?)
        };

        for (language, notice) in &file.notice {
            let at = notice.span().start;
            if !languages.contains(&language.as_str()) {
                return Err(wrong(at, format!("notice: expected one of {}, found {language:?}", languages.join(", "))));
            }
            let (letters, is_blank) = (notice.get_ref().chars().count(), notice.get_ref().trim().is_empty());
            if is_blank || letters > MAX_NOTICE {
                return Err(wrong(at, format!("notice: expected 1 to {MAX_NOTICE} letters, found {letters}")));
            }
        }
        let mut notice = BTreeMap::new();
        // Whoever reads another language reads the English notice, or whichever there is.
        if let Some(first) = file.notice.get("en").or(file.notice.values().next()) {
            let of = |language: &str| file.notice.get(language).unwrap_or(first).get_ref().clone();
            notice = languages.iter().map(|language| ((*language).to_owned(), of(language))).collect();
        }
        let text =
            |(language, text): (&String, &String)| (language.clone(), [(NOTICE.to_owned(), text.clone())].into());
        rules.texts = notice.iter().map(text).collect();
        Ok(Self { rules, visit_secs, hours, written_hours, notice })
    }
}

fn texts<'a>(written: impl IntoIterator<Item = &'a Spanned<String>>) -> Vec<&'a str> {
    written.into_iter().map(|text| text.get_ref().as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HousePolicy, FileError> {
        HousePolicy::parse(Path::new("house.toml"), text, &["de", "en", "fr"])
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(parse("").unwrap(), HousePolicy::default());
    }

    #[test]
    fn a_policy_says_what_is_in_force() {
        let text = "[measures]\nage = \"off\"\ngender = \"hidden\"\n[visitors]\nmay = [\"language\", \"panel\"]\nminutes = 5\n\
                    [archive]\nnearest = \"wall\"\nnames = false\n[hours]\nopen = [\"10:00-18:00\"]\nclosed = [\"2026-12-25\"]\n[notice]\nfr = \"Ici\"\nen = \"Here\"\n";
        let policy = parse(text).unwrap();
        let measures = policy.rules.measures;
        assert_eq!(
            [Group::Age, Group::Gender, Group::Skin].map(|g| measures.of(g)),
            [Measure::Off, Measure::Hidden, Measure::Told]
        );
        assert_eq!(
            (policy.rules.visitors, policy.visit_secs),
            (vec![Permission::Panel, Permission::Language], Some(300.0))
        );
        assert_eq!(policy.rules.archive, ArchiveRules { nearest: Nearness::Wall, names: false });
        assert_eq!(policy.written_hours, ["10:00-18:00", "2026-12-25"]);
        assert!(policy.hours.is_some());
        let notices = ["de", "en", "fr"].map(|language| policy.rules.texts[language][NOTICE].as_str());
        assert_eq!(notices, ["Here", "Here", "Ici"]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, line) in [
            ("[measures]\nage = \"no\"", "house.toml:2: unknown variant `no`, expected one of `off`, `hidden`, `told`"),
            ("[measures]\nshoes = \"off\"", "house.toml:2: unknown variant `shoes`"),
            ("[measures]\n\nshape = \"off\"", "house.toml:3: shape: faces are followed by it"),
            ("[measures]\nlikeness = \"told\"", "house.toml:2: likeness: it is never told"),
            ("[visitors]\nmay = [\"fly\"]", "house.toml:2: unknown variant `fly`"),
            ("[visitors]\nminutes = 0", "house.toml:2: minutes: expected more than 0"),
            (
                "[archive]\nnearest = \"floor\"",
                "house.toml:2: unknown variant `floor`, expected one of `off`, `panel`, `wall`",
            ),
            ("[archive]\nnames = \"no\"", "house.toml:2: invalid type"),
            ("[hours]\nopen = [\"10:00-18:00\",\n\"late\"]", "house.toml:3: hours: expected hours such as"),
            ("[hours]\nclosed = [\"today\"]", "house.toml:2: hours: expected a date such as"),
            ("[notice]\nla = \"Hic\"", "house.toml:2: notice: expected one of de, en, fr, found \"la\""),
            ("[notice]\nen = \" \"", "house.toml:2: notice: expected 1 to 400 letters"),
            ("rules = 1", "house.toml:1: unknown field `rules`"),
            ("[measures", "house.toml:1: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(line), "{error}");
        }
    }
}
