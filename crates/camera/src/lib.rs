//! Where viewers come from: picture files and folders of them ([`expand`]), video files ([`VideoReader`]), and either of them, or a
//! camera of this computer, as an endless [`Stream`].
//!
//! The camera is the browser's unless somebody asks for one of this computer: the browser's frames arrive in the server of
//! `display`.

mod files;
mod mounted;
#[cfg(feature = "native")]
mod native;
mod rate;
mod show;
mod stream;
mod video;

pub use files::{Input, expand};
pub use mounted::Mounted;
#[cfg(feature = "native")]
pub use native::Native;
pub use rate::Rate;
pub use show::Show;
pub use stream::Stream;
pub use video::{TimedFrames, VideoInfo, VideoReader};

use frame::Image;
use std::path::PathBuf;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// A folder without a picture or video.
    #[error("{}: no picture or video in it", .0.display())]
    Empty(PathBuf),
    /// A video needs ffmpeg.
    #[error(transparent)]
    NoFfmpeg(#[from] host::NoFfmpeg),
    /// ffmpeg does not know the file.
    #[error("{}: ffmpeg finds no video in it", .0.display())]
    NotAVideo(PathBuf),
    /// A video without a frame.
    #[error("{}: a video without a single frame", .0.display())]
    NoFrame(PathBuf),
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

/// Gives pictures one after the other: a camera, a video, pictures that stand in for a camera.
pub trait FrameSource {
    /// The next picture; `None` after the last.
    ///
    /// # Errors
    /// If the source breaks off.
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError>;
}
