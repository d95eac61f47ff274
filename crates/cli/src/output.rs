//! Where results go: a folder that is known to be writable before any work starts, files that appear whole or not.

use anyhow::Context;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A folder for results.
pub struct OutputDir {
    path: PathBuf,
    taken: HashSet<String>,
}

impl OutputDir {
    /// Makes the folder if need be and proves that it can be written to.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let unwritable = || format!("cannot write to {}", path.display());
        std::fs::create_dir_all(path).with_context(unwritable)?;
        tempfile::NamedTempFile::new_in(path).with_context(unwritable)?;
        Ok(Self { path: path.to_owned(), taken: HashSet::new() })
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// `STEM.SUFFIX` for an input; where another input already has that name, `FILE.EXT.SUFFIX`, then `-2` and so on.
    pub fn name_for(&mut self, input: &Path, suffix: &str) -> String {
        let text = |part: Option<&OsStr>| part.unwrap_or(OsStr::new("input")).to_string_lossy().into_owned();
        let (stem, whole) = (text(input.file_stem()), text(input.file_name()));
        let numbered = (2..).map(|n| format!("{whole}-{n}.{suffix}"));
        let candidates = [format!("{stem}.{suffix}"), format!("{whole}.{suffix}")];
        // Compared without case: on Windows and macOS a.jpg and A.png would otherwise overwrite each other.
        let free = candidates.into_iter().chain(numbered).find(|name| self.taken.insert(name.to_lowercase()));
        free.expect("there are more numbers than inputs")
    }

    /// Writes a file: first under another name, then renamed, so that nobody sees half of it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.file(name), bytes)
    }
}

/// Writes a file: first under another name in the same folder, then renamed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    host::write_atomically(path, bytes).context("cannot write")
}

/// Whoever read our output wants no more of it (`narcissus analyse … | head`).
#[derive(Debug)]
pub struct ReaderGone;

impl std::error::Error for ReaderGone {}

impl std::fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads the output")
    }
}

/// Writes one line of data to stdout.
pub fn print_line(line: &impl std::fmt::Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(e) if host::is_closed_pipe(&e) => Err(ReaderGone.into()),
        result => result.context("cannot write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_one_name_get_outputs_of_different_names() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = OutputDir::open(dir.path()).unwrap();
        let names = ["x/a.jpg", "x/a.png", "y/a.jpg", "y/A.PNG", "b"].map(|p| out.name_for(Path::new(p), "r.png"));
        assert_eq!(names, ["a.r.png", "a.png.r.png", "a.jpg.r.png", "A.PNG-2.r.png", "b.r.png"]);
    }

    #[test]
    fn a_folder_under_a_file_is_refused_in_one_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = format!("{:#}", OutputDir::open(&file.path().join("out")).err().unwrap());
        assert!(error.starts_with("cannot write to ") && !error.contains('\n'), "{error}");
    }
}
