//! The picture files below some folders.

use crate::data::is_picture;
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A picture file below one of the folders.
#[derive(Clone, Debug)]
pub(super) struct PictureFile {
    pub path: PathBuf,
    /// The name of the folder that was given.
    pub folder: String,
    /// From that folder on, with slashes on every system.
    pub within: String,
}

/// Every picture file of the folders and of those in them, once, in the order of the folders and of the names. What begins with a dot is
/// passed over, as are links to folders, which may go in circles.
///
/// # Errors
/// If a folder cannot be read, or there is no picture.
pub(super) fn pictures_below(folders: &[PathBuf]) -> Result<Vec<PictureFile>> {
    let (mut files, mut known) = (Vec::new(), HashSet::new());
    for folder in folders {
        ensure!(folder.is_dir(), "{}: no such folder", folder.display());
        let whole = folder.canonicalize().with_context(|| folder.display().to_string())?;
        let name = whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned();
        let mut paths = Vec::new();
        collect(folder, &mut paths)?;
        let mut found: Vec<PictureFile> = paths
            .into_iter()
            .map(|path| PictureFile { within: within(&path, folder), folder: name.clone(), path })
            .collect();
        found.sort_by(|a, b| a.within.cmp(&b.within));
        // A folder may be given twice, or one in another.
        found.retain(|f| known.insert(f.path.canonicalize().unwrap_or_else(|_| f.path.clone())));
        files.extend(found);
    }
    let names: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    ensure!(!files.is_empty(), "{}: no pictures", names.join(", "));
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let at = || folder.display().to_string();
    for entry in std::fs::read_dir(folder).with_context(at)? {
        let entry = entry.with_context(at)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().with_context(at)?.is_dir() {
            collect(&path, paths)?;
        } else if is_picture(&path) && !path.is_dir() {
            paths.push(path);
        }
    }
    Ok(())
}

fn within(path: &Path, folder: &Path) -> String {
    let parts = path.strip_prefix(folder).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_below_is_found_once() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.JPG", "a/c.png", "a/notes.txt", ".thumbnails/b.jpg", "a/.hidden.png"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = pictures_below(&[dir.path().join("a"), dir.path().into(), dir.path().into()]).unwrap();
        let names: Vec<(&str, &str)> = found.iter().map(|f| (f.folder.as_str(), f.within.as_str())).collect();
        let whole = dir.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(names, [("a", "c.png"), (whole, "b.JPG")]);
    }

    #[test]
    fn a_missing_folder_and_one_without_pictures_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = |folder: PathBuf| pictures_below(&[folder]).unwrap_err().to_string();
        assert!(error(dir.path().join("nowhere")).ends_with("nowhere: no such folder"));
        assert!(error(dir.path().into()).ends_with(": no pictures"));
    }
}
