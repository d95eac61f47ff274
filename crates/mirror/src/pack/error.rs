//! Why a pack cannot be used.

use super::format::{ARCHIVE_FILE, FORMAT, MANIFEST_FILE, VISITORS_FILE};
use crate::generator::LevelError;
use std::path::PathBuf;

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder has no manifest.
    #[error("{}: no {MANIFEST_FILE} in it\nhint: a pack is a folder; `narcissus pack seal FOLDER` writes its {MANIFEST_FILE}", .0.display())]
    NotAPack(PathBuf),
    /// A file that should be there is not.
    #[error("{pack}: \"{file}\" is missing")]
    Missing {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
    },
    /// It holds no table of people.
    #[error(
        "{0}: no \"{VISITORS_FILE}\" in it, the table of people who stand in for visitors\nhint: name a folder with pictures of people instead, --visitors DIR"
    )]
    NoVisitors(String),
    /// Its table of people was made before one of its eyes was replaced.
    #[error(
        "{0}: other face nets than this pack's measured the people of its \"{VISITORS_FILE}\"\nhint: measure them anew with `narcissus pack visitors FOLDER`, or name a folder with pictures of people, --visitors DIR"
    )]
    OtherEyes(String),
    /// Its table of the archive's members was made before one of its eyes was replaced.
    #[error(
        "{0}: other face nets than this pack's measured the members of its \"{ARCHIVE_FILE}\"\nhint: measure them anew with `narcissus pack archive FOLDER`"
    )]
    ForeignArchive(String),
    /// The manifest lists a file with a path, or one whose size is out of all bounds.
    #[error("{pack}: \"{file}\" cannot be a file of a pack: {why}")]
    BadEntry {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is shorter or longer than the manifest says.
    #[error(
        "{pack}: \"{file}\" is cut short or has grown: expected {expected} bytes, found {found}\nhint: copy the pack again"
    )]
    Size {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// Bytes that the manifest gives.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A file is not the one that was sealed.
    #[error(
        "{pack}: \"{file}\" is corrupt: expected sha256 {expected}, found {found}\nhint: copy the pack again, or, if you changed the file yourself, `narcissus pack seal` it"
    )]
    Corrupt {
        /// The pack.
        pack: String,
        /// The file.
        file: String,
        /// The hash that the manifest gives.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// The pack was made for a later program.
    #[error(
        "{pack}: made for pack format {found}, this program understands {FORMAT}\nhint: a newer narcissus opens it"
    )]
    Newer {
        /// The pack.
        pack: String,
        /// Its format.
        found: u32,
    },
    /// The manifest cannot be understood.
    #[error("{pack}: {MANIFEST_FILE}: {why}")]
    Manifest {
        /// The pack.
        pack: String,
        /// What is wrong with it.
        why: String,
    },
    /// A net does not fit its file.
    #[error("{pack}: \"{file}\": {source}")]
    Weights {
        /// The pack.
        pack: String,
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        source: nn::Error,
    },
    /// The generator does not draw at that size.
    #[error("{pack}: {source}")]
    NoLevel {
        /// The pack.
        pack: String,
        /// Which size, and why not.
        source: LevelError,
    },
    /// What was to draw in place of the CPU cannot.
    #[error("{0}")]
    Accelerator(String),
    /// Two nets do not fit one another.
    #[error("{pack}: {why}\nhint: train the inverter again on this generator")]
    Mismatch {
        /// The pack.
        pack: String,
        /// What does not fit.
        why: String,
    },
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
