//! A scene's file.

use crate::file_error::{FileError, parse_toml};
use crate::week::WeeklyTime;
use mirror::live::{Desk, PageStyle, SCENE, Value};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Seconds in which a scene takes over, unless it says otherwise.
const EASE_SECS: f64 = 2.0;
/// Longest time that a scene may take for it, seconds.
const MAX_EASE_SECS: f64 = 3600.0;
/// A named preset.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// What it is for, for people.
    pub about: String,
    /// Seconds in which its numbers are reached.
    pub ease_secs: f64,
    /// The key that switches to it.
    pub key: Option<char>,
    /// When it begins by itself.
    pub at: Vec<WeeklyTime>,
    /// The nets, where they are not those that the mirror was started with.
    pub pack: Option<PathBuf>,
    /// What it sets.
    pub controls: BTreeMap<String, Value>,
    /// What pages say and how they look.
    pub style: PageStyle,
}

/// What of a page a scene may change.
#[derive(Clone, Debug, Default)]
pub struct PageParts {
    /// The languages of its texts.
    pub languages: BTreeSet<String>,
    /// The keys of its texts.
    pub texts: BTreeSet<String>,
    /// What has a colour.
    pub colours: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    about: String,
    ease: Option<Spanned<f64>>,
    key: Option<Spanned<String>>,
    #[serde(default)]
    at: Vec<Spanned<String>>,
    pack: Option<Spanned<PathBuf>>,
    #[serde(default)]
    controls: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    texts: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    colours: BTreeMap<String, Spanned<String>>,
}

impl Scene {
    /// Reads a file's text. `desk` says which controls there are, `parts` what of a page may be changed.
    pub(super) fn parse(path: &Path, text: &str, desk: &Desk, parts: &PageParts) -> Result<Self, FileError> {
        let wrong = |at: Option<usize>, why: String| FileError::at(path, text, at, why);
        let file: File = parse_toml(path, text)?;

        let ease_secs = match &file.ease {
            Some(ease) if !(0.0..=MAX_EASE_SECS).contains(ease.get_ref()) => {
                return Err(wrong(Some(ease.span().start), format!("ease: expected 0 to {MAX_EASE_SECS} seconds")));
            }
            Some(ease) => *ease.get_ref(),
            None => EASE_SECS,
        };
        let key = match &file.key {
            Some(key) => {
                let mut letters = key.get_ref().chars();
                let letter = letters.next().filter(|c| c.is_alphanumeric() && letters.next().is_none());
                let why = || wrong(Some(key.span().start), "key: expected one letter or digit".into());
                Some(letter.ok_or_else(why)?.to_ascii_lowercase())
            }
            None => None,
        };
        let time = |at: &Spanned<String>| {
            let why =
                || format!("at: expected a time such as \"18:00\" or \"mon-fri 09:30\", found {:?}", at.get_ref());
            WeeklyTime::parse(at.get_ref()).ok_or_else(|| wrong(Some(at.span().start), why()))
        };
        let at = file.at.iter().map(time).collect::<Result<_, _>>()?;

        let folder = path.parent().unwrap_or(Path::new("."));
        let pack = match &file.pack {
            Some(pack) => {
                let pack_folder = folder.join(pack.get_ref());
                if !pack_folder.join("pack.toml").is_file() {
                    let why = format!("pack: {} is no folder of a pack", pack_folder.display());
                    return Err(wrong(Some(pack.span().start), why));
                }
                Some(pack_folder)
            }
            None => None,
        };

        let mut controls = BTreeMap::new();
        for (name, value) in &file.controls {
            let at = Some(value.span().start);
            if name == SCENE {
                return Err(wrong(at, "a scene switches to no other scene".into()));
            }
            match desk.check(name, value.get_ref()) {
                Ok(value) => drop(controls.insert(name.clone(), value)),
                // Another pack may know more groups and more numbers: it is asked when it is there.
                Err(_) if pack.is_some() => drop(controls.insert(name.clone(), value.get_ref().clone())),
                Err(error) => return Err(wrong(at, error.to_string())),
            }
        }

        let mut style = PageStyle::default();
        for (language, texts) in file.texts {
            for (key, text) in texts {
                let at = Some(text.span().start);
                let list = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
                if !parts.languages.contains(&language) {
                    return Err(wrong(
                        at,
                        format!("texts: expected one of {}, found {language:?}", list(&parts.languages)),
                    ));
                }
                if !parts.texts.contains(&key) {
                    return Err(wrong(at, format!("texts: the page has no text {key:?}")));
                }
                style.texts.entry(language.clone()).or_default().insert(key, text.into_inner());
            }
        }
        for (part, colour) in file.colours {
            let at = Some(colour.span().start);
            if !parts.colours.contains(&part) {
                let all = parts.colours.iter().cloned().collect::<Vec<_>>().join(", ");
                return Err(wrong(at, format!("colours: expected one of {all}, found {part:?}")));
            }
            let digits = colour.get_ref().strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(wrong(at, format!("colours: expected #rrggbb, found {:?}", colour.get_ref())));
            }
            style.colours.insert(part, colour.into_inner());
        }
        Ok(Self { about: file.about, ease_secs, key, at, pack, controls, style })
    }
}
