//! The folder of a feedback run: one run at a time, of one set of options.

use crate::runs::{Checkpoint, RunOptions};
use anyhow::{Context, Result, ensure};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The file that says which options the run has.
const OPTIONS: &str = "options.safetensors";

/// The file that a run holds locked while it works.
const LOCK: &str = ".lock";

/// The folder of a run, locked until it is dropped.
pub(super) struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Locks the folder of a new run, or of one to go on with.
    ///
    /// # Errors
    /// If the folder cannot be written, another run works in it, it holds a run that shall not be resumed or none that can be, or the run had
    /// other options.
    pub fn open(path: &Path, resume: bool, options: &RunOptions) -> Result<Self> {
        let unwritable = || format!("cannot write to {}", path.display());
        let of_run = path.join(OPTIONS);
        ensure!(!resume || of_run.exists(), "--resume: {} holds no run to go on with", path.display());

        // Nobody else works here.
        std::fs::create_dir_all(path).with_context(unwritable)?;
        let lock = File::create(path.join(LOCK)).with_context(unwritable)?;
        // A file system without locks cannot say that the folder is in use.
        let in_use = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        ensure!(!in_use, "{}: another run works in this folder", path.display());

        if resume {
            Checkpoint::load(&of_run)?.expect_options(options).with_context(|| path.display().to_string())?;
        } else {
            ensure!(
                !of_run.exists(),
                "{}: holds a run already\nhint: --resume goes on with it; another --out begins another",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Notes the options: from now on the folder holds a run.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn begin(&self, options: &RunOptions) -> Result<()> {
        let mut state = Checkpoint::default();
        state.put_options(options);
        state.save(&self.path(OPTIONS))
    }

    /// The path of a file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pixels: usize) -> RunOptions {
        RunOptions::of("feedback").with("--pixels", pixels)
    }

    fn error(opened: Result<RunFolder>) -> String {
        format!("{:#}", opened.err().expect("an error"))
    }

    #[test]
    fn a_folder_is_one_runs_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunFolder::open(dir.path(), false, &options(32)).unwrap();
        first.begin(&options(32)).unwrap();
        assert!(error(RunFolder::open(dir.path(), true, &options(32))).contains("another run works in this folder"));
        drop(first);
        assert!(RunFolder::open(dir.path(), true, &options(32)).is_ok());
        assert!(error(RunFolder::open(dir.path(), false, &options(32))).contains("holds a run already"));
    }

    #[test]
    fn a_resumed_run_names_the_option_that_differs() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = dir.path().join("nothing");
        assert!(error(RunFolder::open(&nothing, true, &options(32))).contains("holds no run"));
        assert!(!nothing.exists(), "nothing is written");
        RunFolder::open(dir.path(), false, &options(32)).unwrap().begin(&options(32)).unwrap();
        let error = error(RunFolder::open(dir.path(), true, &options(64)));
        assert!(error.contains("the run had --pixels 32, this command asks for --pixels 64"), "{error}");
    }
}
