//! The pictures of a video, each with its time.

use super::{VideoInfo, VideoReader};
use crate::{CameraError, FrameSource};
use frame::{Animation, Image};
use std::path::Path;

/// The pictures of a video with the times at which they are shown. A moving GIF, WebP or PNG gives each of its pictures once,
/// at full size; a video gives frames at its constant rate, as [`VideoReader`] does.
pub struct TimedFrames {
    source: Source,
    /// When the next is shown, seconds.
    at: f64,
}

enum Source {
    Moving(Animation),
    Video(VideoReader),
}

impl TimedFrames {
    /// Opens a moving picture, or else a file of any format that ffmpeg knows.
    ///
    /// # Errors
    /// As [`VideoReader::open`].
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let source = match Animation::open(path)? {
            Some(animation) => Source::Moving(animation),
            None => Source::Video(VideoReader::open(path)?),
        };
        Ok(Self { source, at: 0.0 })
    }

    /// What is known of a video; `None` for a moving picture.
    pub fn info(&self) -> Option<&VideoInfo> {
        match &self.source {
            Source::Moving(_) => None,
            Source::Video(video) => Some(video.info()),
        }
    }

    /// The next picture and when it is shown, seconds after the first; `None` after the last.
    ///
    /// # Errors
    /// If the file is damaged here.
    pub fn next_frame(&mut self) -> Result<Option<(Image, f64)>, CameraError> {
        let next = match &mut self.source {
            Source::Moving(animation) => animation.next_frame()?.map(|(picture, shown)| (picture, shown.as_secs_f64())),
            Source::Video(video) => {
                let seconds = video.info().seconds_a_frame();
                video.next_frame()?.map(|picture| (picture, seconds))
            }
        };
        Ok(next.map(|(picture, seconds)| {
            let at = self.at;
            self.at += seconds;
            (picture, at)
        }))
    }
}
