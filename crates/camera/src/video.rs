//! Videos in, through an ffmpeg child process: frames cross the pipe as raw RGB.

use crate::{CameraError, FrameSource};
use frame::Image;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Frames are scaled to this height, pixels.
const HEIGHT: usize = 480;

/// Frames of a video file, scaled to a height of 480 pixels.
pub struct VideoReader {
    child: Child,
    path: PathBuf,
    /// Columns of a frame.
    pub width: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Frames a second, a decimal number.
    pub rate: String,
    /// About how many frames it has; `None` where the file does not say.
    pub frames: Option<usize>,
}

impl VideoReader {
    /// Opens a file of any format that ffmpeg knows.
    ///
    /// # Errors
    /// If it cannot be read, is no video, or there is no ffmpeg.
    pub fn open(path: &Path) -> Result<Self, CameraError> {
        let io = |source| CameraError::Io { path: path.to_owned(), source };
        std::fs::File::open(path).map_err(io)?;
        let ffmpeg = host::ffmpeg()?;
        // `file:` keeps a name from being read as an option or as the address of a protocol.
        let url = format!("file:{}", path.display());
        let probe = Command::new(&ffmpeg).args(["-hide_banner", "-nostdin", "-i", &url]).output().map_err(io)?;
        let about = String::from_utf8_lossy(&probe.stderr);
        let Some((w, h, rate)) = about.lines().find_map(video_stream) else {
            return Err(CameraError::NotAVideo(path.to_owned()));
        };
        let seconds = about.lines().find_map(duration);
        let frames = seconds.zip(rate.parse::<f64>().ok()).map(|(s, rate)| (s * rate).round() as usize);
        let (width, height) = ((w * HEIGHT / h.max(1) / 2 * 2).clamp(2, 4 * HEIGHT), HEIGHT);
        let child = Command::new(ffmpeg)
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-noautorotate", "-i", &url])
            .args(["-an", "-vf", &format!("scale={width}:{height}"), "-r", &rate])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io)?;
        Ok(Self { child, path: path.to_owned(), width, height, rate, frames })
    }

    /// From one frame to the next, seconds.
    pub fn seconds_a_frame(&self) -> f64 {
        self.rate.parse().ok().filter(|rate: &f64| *rate > 0.0).map_or(1.0 / 30.0, f64::recip)
    }
}

impl FrameSource for VideoReader {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        let io = |source| CameraError::Io { path: self.path.clone(), source };
        let (width, height) = (self.width, self.height);
        let mut data = Vec::with_capacity(width * height * 3);
        let pipe = self.child.stdout.as_mut().expect("it was asked for");
        pipe.take((width * height * 3) as u64).read_to_end(&mut data).map_err(io)?;
        if data.len() == width * height * 3 {
            return Ok(Some(Image { width, height, data }));
        }
        let status = self.child.wait().map_err(io)?;
        if status.success() && data.is_empty() { Ok(None) } else { Err(CameraError::Damaged(self.path.clone())) }
    }
}

impl Drop for VideoReader {
    fn drop(&mut self) {
        // It may have ended already, then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds from ffmpeg's line about the file: `Duration: 00:01:02.50, start: …`.
fn duration(line: &str) -> Option<f64> {
    let (clock, _) = line.trim().strip_prefix("Duration: ")?.split_once(',')?;
    clock.split(':').try_fold(0.0, |seconds, part| Some(60.0 * seconds + part.parse::<f64>().ok()?))
}

/// Size and rate from ffmpeg's line about a video stream: `Stream #0:0: Video: h264, yuv420p, 512x512, 25 fps, …`.
fn video_stream(line: &str) -> Option<(usize, usize, String)> {
    let (_, about) = line.split_once("Video: ")?;
    let words = || about.split([',', ' ']).map(str::trim).filter(|w| !w.is_empty());
    let (w, h) = words().find_map(|word| {
        let (w, h) = word.split_once('x')?;
        Some((w.parse().ok()?, h.parse().ok()?))
    })?;
    let before_fps = words().zip(words().skip(1)).find(|(_, unit)| *unit == "fps" || *unit == "tbr");
    let rate = before_fps.and_then(|(rate, _)| rate.parse::<f32>().ok()).filter(|r| (1.0..=120.0).contains(r));
    Some((w, h, rate.unwrap_or(25.0).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_line_gives_seconds() {
        assert_eq!(duration("  Duration: 01:02:03.50, start: 0.000000, bitrate: 900 kb/s"), Some(3723.5));
        assert_eq!(duration("  Duration: N/A, bitrate: N/A"), None);
    }

    #[test]
    fn the_stream_line_gives_size_and_rate() {
        let line = "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), \
                    1280x720 [SAR 1:1 DAR 16:9], 2000 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)";
        assert_eq!(video_stream(line), Some((1280, 720, "29.97".into())));
        assert_eq!(video_stream("  Stream #0:1: Audio: aac, 44100 Hz"), None);
        assert_eq!(video_stream("Video: mjpeg, yuvj420p, 96x64, 90k tbn"), Some((96, 64, "25".into())));
    }
}
