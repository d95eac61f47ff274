//! Finds programs on this computer.

use crate::CameraError;
use std::path::PathBuf;

/// A program in the folders of `PATH`.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|p| p.is_file())
}

/// Where ffmpeg is.
///
/// # Errors
/// If it is not in `PATH`.
pub fn ffmpeg() -> Result<PathBuf, CameraError> {
    in_path("ffmpeg").ok_or(CameraError::NoFfmpeg)
}
