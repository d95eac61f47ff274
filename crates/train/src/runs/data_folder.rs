//! Where the data are that nets learn from and are measured on.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// The data folder if the user names none and the environment neither.
const DEFAULT: &str = "../shared/data";

/// The folder that holds `congress`, `negatives` and `eval`: what the user named, else `NARCISSUS_DATA`, else
/// `../shared/data` from here.
///
/// # Errors
/// If there is no such folder.
pub fn data_root(named: Option<&Path>) -> Result<PathBuf> {
    let root = named.map(Path::to_path_buf).unwrap_or_else(|| match std::env::var_os("NARCISSUS_DATA") {
        Some(root) => root.into(),
        None => DEFAULT.into(),
    });
    anyhow::ensure!(
        root.is_dir(),
        "{}: no such folder\nhint: name the data folder with --data or NARCISSUS_DATA",
        root.display()
    );
    Ok(root)
}
