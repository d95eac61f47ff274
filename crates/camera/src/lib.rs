//! Where viewers come from: picture files and folders of them ([`expand`]), video files ([`VideoReader`]), and either of them, or a
//! camera of this computer, as an endless [`Stream`].
//!
//! The camera is the browser's unless somebody asks for one of this computer: the browser's frames arrive in the server of
//! `display`.

mod ffmpeg;
mod files;
#[cfg(feature = "native")]
mod native;
mod show;
mod stream;
mod video;

pub use ffmpeg::{ffmpeg, in_path};
pub use files::{Input, expand};
#[cfg(feature = "native")]
pub use native::Native;
pub use show::Show;
pub use stream::{Source, Stream};
pub use video::VideoReader;

use std::path::PathBuf;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// A folder without a picture or video.
    #[error("{}: no picture or video in it", .0.display())]
    Empty(PathBuf),
    /// A video needs ffmpeg.
    #[error("ffmpeg is not in PATH\nhint: install it from your system's packages or ffmpeg.org")]
    NoFfmpeg,
    /// ffmpeg does not know the file.
    #[error("{}: ffmpeg finds no video in it", .0.display())]
    NotAVideo(PathBuf),
    /// ffmpeg broke off in the middle.
    #[error("{}: a damaged video, ffmpeg gave up", .0.display())]
    Damaged(PathBuf),
    /// A camera of this computer cannot be had, or broke off.
    #[error("camera {name}: {why}")]
    Native {
        /// As it was named.
        name: String,
        /// What the system says.
        why: String,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] frame::ImageError),
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
