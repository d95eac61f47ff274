//! Programs that are installed on this computer.

use std::path::PathBuf;

/// There is no ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ffmpeg is not in PATH\nhint: install it from your system's packages or ffmpeg.org")]
pub struct NoFfmpeg;

/// A program in the folders of `PATH`; `name` has no extension.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|p| p.is_file())
}

/// Where ffmpeg is.
///
/// # Errors
/// If it is not in `PATH`.
pub fn ffmpeg() -> Result<PathBuf, NoFfmpeg> {
    find_program("ffmpeg").ok_or(NoFfmpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_and_a_stranger_is_not() {
        // The tests are run by cargo, which is in PATH.
        assert!(find_program("cargo").is_some_and(|path| path.is_file()));
        assert_eq!(find_program("no program is called so"), None);
    }
}
