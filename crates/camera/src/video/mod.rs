//! Videos and moving pictures, frame by frame at a constant rate.

mod ffmpeg;
mod moving;
mod timed;

use crate::{CameraError, FrameSource, Rate};
use ffmpeg::FfmpegReader;
use frame::{Animation, Image};
use moving::SteadyAnimation;
use std::path::Path;

pub use timed::TimedFrames;

/// Frames are shrunk until their shorter side has so many pixels.
const SIDE: usize = 480;

/// The frames of a video file, or of a moving GIF, WebP or PNG: upright, at a constant rate, with square pixels, the shorter
/// side at most 480 pixels.
pub struct VideoReader {
    source: Box<dyn FrameSource>,
    first: Option<Image>,
    info: VideoInfo,
}

/// What is known of a video when its first frame is read.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Columns of a frame.
    pub width: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Frames a second.
    pub rate: Rate,
    /// About how many frames it has; `None` where the file does not say.
    pub frames: Option<usize>,
    /// The codec of its sound, as ffmpeg calls it; `None` without sound.
    pub sound: Option<String>,
    /// Why it does not look as it should, one line.
    pub caveat: Option<&'static str>,
}

impl VideoReader {
    /// Opens a moving picture, or else a file of any format that ffmpeg knows.
    ///
    /// # Errors
    /// If it cannot be read, is no video, has no frame, or there is no ffmpeg for it.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let (mut source, stream): (Box<dyn FrameSource>, Stream) = match Animation::open(path)? {
            Some(animation) => (Box::new(SteadyAnimation::new(animation)), moving::STREAM),
            None => {
                let (reader, stream) = FfmpegReader::open(path)?;
                (Box::new(reader), stream)
            }
        };
        // Only the first frame tells the size.
        let first = source.next_frame()?.ok_or_else(|| CameraError::NoFrame(path.to_owned()))?;
        let info = VideoInfo {
            width: first.width,
            height: first.height,
            rate: stream.rate,
            frames: stream.seconds.map(|seconds| (seconds * stream.rate.per_second()).round() as usize),
            sound: stream.sound,
            caveat: stream.caveat,
        };
        Ok(Self { source, first: Some(first), info })
    }

    /// What is known of it.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }
}

impl VideoInfo {
    /// From one frame to the next, seconds.
    pub fn seconds_a_frame(&self) -> f64 {
        self.rate.per_second().recip()
    }
}

impl FrameSource for VideoReader {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.source.next_frame(),
        }
    }
}

/// What a file says of its frames and its sound.
#[derive(Debug, PartialEq)]
struct Stream {
    /// Frames a second.
    rate: Rate,
    /// How long it is, if the file says so.
    seconds: Option<f64>,
    /// Codec of its first sound track.
    sound: Option<String>,
    /// What is wrong with its picture.
    caveat: Option<&'static str>,
}

/// The size at which frames of this size are read.
fn fitted(width: usize, height: usize) -> (usize, usize) {
    let shorter = width.min(height).max(1);
    if shorter <= SIDE {
        return (width, height);
    }
    (width * SIDE / shorter, height * SIDE / shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A film that ffmpeg makes of its test picture; `None`, said, without ffmpeg.
    fn film(path: &std::path::Path, filter: &str) -> Option<()> {
        let Ok(mut ffmpeg) = host::ffmpeg() else {
            eprintln!("skipped: ffmpeg is not in PATH");
            return None;
        };
        ffmpeg.args([
            "-loglevel",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc=duration=2:rate=10:size=320x240",
            "-vf",
            filter,
        ]);
        assert!(ffmpeg.arg(path).status().unwrap().success());
        Some(())
    }

    #[test]
    fn a_film_of_pictures_that_nobody_takes_is_refused_not_waited_for_and_does_not_end_a_show() {
        let dir = tempfile::tempdir().unwrap();
        let [wide, picture] = ["wide.mp4", "b.png"].map(|name| dir.path().join(name));
        // Pixels so wide that a picture of square ones has more than 16,384 a side.
        if film(&wide, "setsar=100/1").is_none() {
            return;
        }
        assert!(matches!(VideoReader::open(&wide), Err(CameraError::Damaged(_))));
        Image::flat(2, 2, [20; 3]).save(&picture).unwrap();
        let mut show = crate::Show::new(vec![crate::Input::Video(wide.clone()), crate::Input::Picture(picture)]);
        assert_eq!(show.next_frame().unwrap().expect("it never ends").width, 2);
        let mut alone = crate::Show::new(vec![crate::Input::Video(wide)]);
        assert!(matches!(alone.next_frame(), Err(CameraError::Damaged(_))));
    }

    #[test]
    fn the_shorter_side_counts() {
        assert_eq!(fitted(1920, 1080), (853, 480));
        assert_eq!(fitted(1080, 1920), (480, 853));
        assert_eq!(fitted(320, 200), (320, 200));
    }
}
