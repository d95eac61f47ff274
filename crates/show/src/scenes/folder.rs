//! A folder of scenes.

use super::file::{PageParts, Scene};
use crate::file_error::{FileError, MAX_BYTES};
use mirror::live::Desk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most scenes in a folder.
const MAX_SCENES: usize = 200;

/// The scenes of a folder by their names, which are those of their files.
pub type Scenes = BTreeMap<String, Scene>;

/// What a folder looked like: whoever remembers it knows whether something was changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Listing {
    /// Of the scenes' files.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn read(folder: &Path) -> Result<Self, FileError> {
        let wrong = |e: std::io::Error| FileError { file: folder.to_owned(), line: None, why: e.to_string() };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if is_hidden || path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            // One that is gone by now was never there.
            if let Ok(about) = path.metadata() {
                files.push((path, about.len(), about.modified().ok()));
            }
        }
        files.sort();
        Ok(Self(files))
    }

    /// Reads all of them. A file that is no scene does not keep the others from being read.
    pub fn scenes(&self, desk: &Desk, parts: &PageParts) -> (Scenes, Vec<FileError>) {
        let (mut scenes, mut errors) = (Scenes::new(), Vec::new());
        for (path, bytes, _) in &self.0 {
            let wrong = |why: String| FileError { file: path.clone(), line: None, why };
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let read = match name {
                None => Err(wrong("its name is no text".into())),
                Some(_) if *bytes > MAX_BYTES => Err(wrong(format!("a scene has at most {MAX_BYTES} bytes"))),
                Some(_) if scenes.len() == MAX_SCENES => Err(wrong(format!("there are {MAX_SCENES} scenes already"))),
                Some(name) => std::fs::read_to_string(path)
                    .map_err(|e| wrong(e.to_string()))
                    .and_then(|text| Scene::parse(path, &text, desk, parts))
                    .map(|scene| (name, scene)),
            };
            match read {
                Ok((name, scene)) => {
                    let twin = scenes.iter().find(|(_, other)| scene.key.is_some() && other.key == scene.key);
                    if let Some((other, _)) = twin {
                        let key = scene.key.unwrap_or_default();
                        errors.push(wrong(format!("the key {key} is that of the scene {other}")));
                    } else {
                        scenes.insert(name.to_owned(), scene);
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        (scenes, errors)
    }
}
