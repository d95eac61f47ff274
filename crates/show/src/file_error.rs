//! What is wrong with a file that somebody wrote.

use serde::de::DeserializeOwned;
use std::fmt;
use std::path::{Path, PathBuf};

/// Longest file that is read, bytes.
pub(crate) const MAX_BYTES: u64 = 1 << 16;

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct FileError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1; `None` where it is the whole file.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
}

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl FileError {
    /// What is wrong at so many bytes of its text.
    pub(crate) fn at(file: &Path, text: &str, at: Option<usize>, why: String) -> Self {
        let line = |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count();
        Self { file: file.to_owned(), line: at.map(line), why }
    }
}

/// Reads the text of a file that is not too long.
pub(crate) fn read_text(file: &Path) -> Result<String, FileError> {
    let wrong = |why: String| FileError { file: file.to_owned(), line: None, why };
    let length = std::fs::metadata(file).map_err(|e| wrong(e.to_string()))?.len();
    if length > MAX_BYTES {
        return Err(wrong(format!("it has {length} bytes, at most {MAX_BYTES} are read")));
    }
    std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))
}

/// Reads TOML.
pub(crate) fn parse_toml<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, FileError> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    toml::from_str(text).map_err(|e| FileError::at(file, text, e.span().map(|span| span.start), one_line(e.message())))
}
