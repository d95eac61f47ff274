//! Many pictures from disk, of which a few may be bad: those are named and left out, and do not end an hour of training.

use crate::runs::{bar, one_line, say};
use anyhow::{Context, Result};
use rayon::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One in so many pictures may be bad. Where more are, the folder is not what its owner believes.
const ONE_IN: usize = 10;

/// So many bad pictures are listed.
const LISTED: usize = 20;

/// What picture files are called: also those of formats that cannot be read, so that they are named and not passed over.
const ENDINGS: [&str; 12] = ["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "heic", "heif", "avif", "jxl"];

/// What `read` makes of all items but the bad ones, in the order of the items. An item is bad if `read` fails: its error names the
/// file. `what` they are is told in the plural.
///
/// # Errors
/// If more than a tenth of the items are bad; the error lists them.
pub fn read_most<T: Send, R: Send>(
    what: &'static str,
    items: Vec<T>,
    read: impl Fn(T) -> Result<R> + Sync + Send,
) -> Result<Vec<R>> {
    let all = items.len();
    let bar = bar(all as u64, what);
    let read = items.into_par_iter().map(|item| {
        let result = read(item);
        bar.inc(1);
        result
    });
    let read: Vec<Result<R>> = read.collect();
    bar.finish_and_clear();

    let (mut good, mut bad) = (Vec::with_capacity(all), Vec::new());
    for result in read {
        match result {
            Ok(item) => good.push(item),
            Err(error) => bad.push(one_line(&error)),
        }
    }
    anyhow::ensure!(bad.len() * ONE_IN <= all, refusal(what, &bad, all));
    if !bad.is_empty() {
        bad.iter().for_each(|line| say(format_args!("left out: {line}")));
        say(format_args!("{} of {all} {what} left out", bad.len()));
    }
    Ok(good)
}

/// The picture files of a folder, by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn pictures_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let at = || folder.display().to_string();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(at)? {
        let path = entry.with_context(at)?.path();
        if is_picture(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file is called as pictures are.
pub(crate) fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

fn refusal(what: &str, bad: &[String], all: usize) -> String {
    let mut text = format!("{} of {all} {what} cannot be used, more than a tenth\n", bad.len());
    for line in bad.iter().take(LISTED) {
        writeln!(text, "{line}").expect("text takes text");
    }
    if bad.len() > LISTED {
        writeln!(text, "and {} more", bad.len() - LISTED).expect("text takes text");
    }
    text + "hint: mend or remove them; up to a tenth would be left out"
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;

    /// Reads as many items, the first `bad` of which are bad.
    fn read(all: usize, bad: usize) -> Result<Vec<usize>> {
        read_most("pictures", (0..all).collect(), |i| {
            anyhow::ensure!(i >= bad, "{i:03}.jpg: not a picture");
            Ok(i)
        })
    }

    #[test]
    fn a_tenth_may_be_bad_and_the_others_keep_their_order() {
        assert_eq!(read(60, 6).unwrap(), (6..60).collect::<Vec<_>>());
        assert_eq!(read(5, 0).unwrap().len(), 5);
        assert!(read(0, 0).unwrap().is_empty());
    }

    #[test]
    fn more_are_an_error_that_names_each() {
        let error = read(60, 10).unwrap_err().to_string();
        assert!(error.starts_with("10 of 60 pictures cannot be used, more than a tenth\n000.jpg: not a"), "{error}");
        assert!((0..10).all(|i| error.contains(&format!("{i:03}.jpg"))) && !error.contains("010.jpg"), "{error}");
        assert!(read(9, 1).is_err() && read(1, 1).is_err());
    }

    #[test]
    fn of_very_many_the_first_twenty_are_named() {
        let error = read(100, 50).unwrap_err().to_string();
        assert!(error.contains("019.jpg") && !error.contains("020.jpg") && error.contains("and 30 more"), "{error}");
    }

    #[test]
    fn pictures_are_told_from_other_files_by_their_endings_in_any_case() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.JPG", "a.png", "notes.txt", "c.HEIC", "faces.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = pictures_of(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.png", "b.JPG", "c.HEIC"]);
        let error = read_most("pictures", found, |p| Ok(Image::load(&p)?)).unwrap_err().to_string();
        assert!(["a.png", "b.JPG", "c.HEIC"].iter().all(|name| error.contains(name)), "{error}");
    }
}
