//! Where the tests of all crates find their data: the goldens of the repository, and the development data beside it, if it is there.

use std::path::{Path, PathBuf};

/// The folder with `congress/`, `negatives/` and `eval/`: `NARCISSUS_DATA`, or `shared/data` beside the repository.
/// `None` where there is neither.
pub fn data_root() -> Option<PathBuf> {
    let root = match std::env::var_os("NARCISSUS_DATA") {
        Some(path) => PathBuf::from(path),
        None => repository().parent()?.join("shared/data"),
    };
    root.is_dir().then_some(root)
}

/// [`data_root`]; where it is absent, says that `test` skips.
pub fn data_root_or_skip(test: &str) -> Option<PathBuf> {
    let root = data_root();
    if root.is_none() {
        eprintln!("{test}: skipped, there is no ../shared/data and NARCISSUS_DATA is not set");
    }
    root
}

/// The folder with the goldens.
pub fn testdata() -> PathBuf {
    repository().join("testdata")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies in crates/")
}
