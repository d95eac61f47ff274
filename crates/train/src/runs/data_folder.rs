//! Where the data are that nets learn from and are measured on.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// Where the data folder lies beside a checkout of the sources.
const BESIDE: &str = "../shared/data";

/// The folder that holds `congress`, `negatives` and `eval`: what the user named, else `NARCISSUS_DATA`, else one that lies
/// beside a developer's checkout.
///
/// # Errors
/// If there is none.
pub fn data_root(named: Option<&Path>) -> Result<PathBuf> {
    let variable = || std::env::var_os("NARCISSUS_DATA").filter(|root| !root.is_empty()).map(PathBuf::from);
    if let Some(root) = named.map(Path::to_path_buf).or_else(variable) {
        ensure!(
            root.is_dir(),
            "{}: no such folder\nhint: --data or NARCISSUS_DATA names the folder of labelled photographs; docs/data.md says what is in it",
            root.display()
        );
        return Ok(root);
    }
    let beside = Some(PathBuf::from(BESIDE)).filter(|root| root.is_dir());
    beside.context(
        "this needs labelled photographs, which do not come with narcissus\nhint: name their folder with --data or NARCISSUS_DATA; docs/data.md says what is in it",
    )
}
