//! Which files the paths on a command line mean.

use crate::CameraError;
use frame::Animation;
use std::path::{Path, PathBuf};

const PICTURES: [&str; 14] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "apng", "bmp", "webp", "gif", "tif", "tiff", "heic", "heif", "avif"];
const VIDEOS: [&str; 14] =
    ["mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "mpg", "mpeg", "3gp", "wmv", "flv", "mts", "m2ts"];
/// Formats of pictures that may move.
const MOVING: [&str; 4] = ["gif", "webp", "png", "apng"];

/// A file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One picture.
    Picture(PathBuf),
    /// A video or a moving picture.
    Video(PathBuf),
}

impl Input {
    /// What a file is: a video by its name, a moving picture by what is in it.
    fn of(path: &Path) -> Self {
        // What cannot be read is named by whoever reads it.
        let moves = || has_extension(path, &MOVING) && matches!(Animation::open(path), Ok(Some(_)));
        if has_extension(path, &VIDEOS) || moves() {
            Self::Video(path.to_owned())
        } else {
            Self::Picture(path.to_owned())
        }
    }

    /// Whether only ffmpeg can read it.
    pub fn needs_ffmpeg(&self) -> bool {
        matches!(self, Self::Video(path) if !has_extension(path, &MOVING)) || has_extension(self.path(), &["avif"])
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        let (Self::Picture(path) | Self::Video(path)) = self;
        path
    }
}

/// The files that the paths mean, each with the reason where there is none: a folder stands for the pictures and
/// videos in it, by name; any other path for itself.
pub fn expand(paths: &[PathBuf]) -> Vec<Result<Input, CameraError>> {
    paths
        .iter()
        .flat_map(|path| match path.is_dir() {
            true => of_folder(path).map_or_else(|e| vec![Err(e)], |found| found.into_iter().map(Ok).collect()),
            false => vec![Ok(Input::of(path))],
        })
        .collect()
}

fn of_folder(folder: &Path) -> Result<Vec<Input>, CameraError> {
    let io = |source| CameraError::Io { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !path.is_dir() && (has_extension(&path, &PICTURES) || has_extension(&path, &VIDEOS)) {
            found.push(Input::of(&path));
        }
    }
    found.sort_by(|a, b| a.path().cmp(b.path()));
    if found.is_empty() { Err(CameraError::Empty(folder.to_owned())) } else { Ok(found) }
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.iter().any(|k| k.eq_ignore_ascii_case(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_pictures_and_videos_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.jpg", "notes.txt", "c.mp4"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("folder.png")).unwrap();
        let found: Vec<Input> = expand(&[dir.path().to_owned()]).into_iter().map(Result::unwrap).collect();
        let path = |name: &str| dir.path().join(name);
        assert_eq!(found, [Input::Picture(path("a.jpg")), Input::Picture(path("b.PNG")), Input::Video(path("c.mp4"))]);
    }

    #[test]
    fn an_empty_folder_and_a_missing_file_do_not_hide_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let found = expand(&[dir.path().to_owned(), "nowhere.jpg".into()]);
        assert!(found[0].as_ref().unwrap_err().to_string().contains("no picture"));
        assert!(matches!(&found[1], Ok(Input::Picture(path)) if path.ends_with("nowhere.jpg")));
    }
}
