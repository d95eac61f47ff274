//! Videos through an ffmpeg child process. It turns frames upright (phones store them as the sensor lies, with a display matrix),
//! makes pixels square and the rate constant, and writes PPM pictures, whose headers say how large they are, into a pipe.

use super::{SIDE, Stream};
use crate::{CameraError, FrameSource, Rate};
use frame::Image;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The rate of videos that do not say theirs.
const USUAL_RATE: Rate = Rate::whole(25);

/// Words of ffmpeg for the transfer functions of HDR films: PQ and HLG (ITU-R BT.2100).
const HDR: [&str; 2] = ["smpte2084", "arib-std-b67"];

/// From HDR to the colours of a usual screen, in zimg's words: to light, to BT.709's colours, bright light compressed, and back.
const TONE_MAP: &str = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,\
                        zscale=t=bt709:m=bt709:r=tv,format=yuv420p";

/// Frames of a video file.
pub struct FfmpegReader {
    child: Child,
    pipe: BufReader<ChildStdout>,
    path: PathBuf,
}

impl FfmpegReader {
    /// Opens a file of any format that ffmpeg knows.
    ///
    /// # Errors
    /// If it cannot be read, is no video, or there is no ffmpeg.
    pub fn open(path: &Path) -> Result<(Self, Stream), CameraError> {
        let io = |source| CameraError::Io { path: path.to_owned(), source };
        std::fs::File::open(path).map_err(io)?;
        let ffmpeg = host::ffmpeg()?;

        // What it is.
        // `file:` keeps a name from being read as an option or as the address of a protocol.
        let url = format!("file:{}", path.display());
        let probe = Command::new(&ffmpeg).args(["-hide_banner", "-nostdin", "-i", &url]).output().map_err(io)?;
        let words = String::from_utf8_lossy(&probe.stderr);
        let video = words.lines().find_map(video_stream).ok_or_else(|| CameraError::NotAVideo(path.to_owned()))?;
        let can_map = video.is_hdr && has_filter(&ffmpeg, "zscale");
        let stream = Stream {
            rate: video.rate,
            seconds: words.lines().find_map(duration),
            sound: words.lines().find_map(sound),
            caveat: (video.is_hdr && !can_map).then_some(
                "an HDR film looks pale here; hint: an ffmpeg with zimg (filter zscale) gets its colours right",
            ),
        };

        // Its frames. Columns count as often as they are wide.
        let steady = format!("fps={}:start_time=0", stream.rate);
        let shrink = format!("min(1,{SIDE}/min(iw*sar,ih))");
        let size = format!("scale=w='max(1,round(iw*sar*{shrink}))':h='max(1,round(ih*{shrink}))',setsar=1");
        let mut filters = vec![steady, size];
        if can_map {
            filters.push(TONE_MAP.into());
        }
        let mut child = Command::new(ffmpeg)
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-i", &url])
            // V: no cover picture of a sound file.
            .args(["-map", "0:V:0", "-an", "-sn", "-dn", "-vf", &filters.join(",")])
            .args(["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io)?;
        let Some(pipe) = child.stdout.take() else { return Err(CameraError::Damaged(path.to_owned())) };
        Ok((Self { child, pipe: BufReader::with_capacity(1 << 16, pipe), path: path.to_owned() }, stream))
    }
}

impl FrameSource for FfmpegReader {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        if let Ok(Some(image)) = Image::read_ppm(&mut self.pipe) {
            return Ok(Some(image));
        }
        // It ended: well, or in the middle.
        let status = self.child.wait().map_err(|source| CameraError::Io { path: self.path.clone(), source })?;
        if status.success() { Ok(None) } else { Err(CameraError::Damaged(self.path.clone())) }
    }
}

impl Drop for FfmpegReader {
    fn drop(&mut self) {
        // It may have ended already, then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this ffmpeg was built with a filter.
fn has_filter(ffmpeg: &Path, name: &str) -> bool {
    let list = Command::new(ffmpeg).args(["-hide_banner", "-filters"]).output();
    list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).split_whitespace().any(|word| word == name))
}

/// Seconds from ffmpeg's line about the file: `Duration: 00:01:02.50, start: …`.
fn duration(line: &str) -> Option<f64> {
    let (clock, _) = line.trim().strip_prefix("Duration: ")?.split_once(',')?;
    clock.split(':').try_fold(0.0, |seconds, part| Some(60.0 * seconds + part.parse::<f64>().ok()?))
}

#[derive(Debug, PartialEq)]
struct VideoStream {
    rate: Rate,
    is_hdr: bool,
}

/// From ffmpeg's line about a video stream: `Stream #0:0: Video: h264, yuv420p(tv, bt709), 512x512, 25 fps, …`.
fn video_stream(line: &str) -> Option<VideoStream> {
    let (_, about) = line.split_once("Video: ").filter(|(_, about)| !about.contains("(attached pic)"))?;
    let words = || about.split([',', ' ', '/', '(', ')']).map(str::trim).filter(|w| !w.is_empty());
    let before = |unit| {
        let (number, _) = words().zip(words().skip(1)).find(|(_, next)| *next == unit)?;
        Rate::nearest(number.parse().ok()?)
    };
    let rate = before("fps").or_else(|| before("tbr")).unwrap_or(USUAL_RATE);
    Some(VideoStream { rate, is_hdr: words().any(|word| HDR.contains(&word)) })
}

/// The codec from ffmpeg's line about a sound track: `Stream #0:1: Audio: aac (LC), 44100 Hz, …`.
fn sound(line: &str) -> Option<String> {
    let (_, about) = line.split_once("Audio: ")?;
    about.split([',', ' ']).next().map(str::to_owned)
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
    fn the_stream_lines_give_rate_colours_and_sound() {
        let line = "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), \
                    1280x720 [SAR 1:1 DAR 16:9], 2000 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)";
        assert_eq!(video_stream(line), Some(VideoStream { rate: Rate::nearest(29.97).unwrap(), is_hdr: false }));
        let hdr = "  Stream #0:0[0x1](und): Video: hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67), \
                   1920x1080, 9002 kb/s, 30 fps, 30 tbr, 600 tbn (default)";
        assert_eq!(video_stream(hdr), Some(VideoStream { rate: Rate::whole(30), is_hdr: true }));
        assert_eq!(video_stream("Video: mjpeg, yuvj420p, 96x64, 90k tbn").unwrap().rate, Rate::whole(25));
        assert_eq!(video_stream("Stream #0:1: Video: mjpeg, 600x600, 90k tbr (attached pic)"), None);
        assert_eq!(video_stream("  Stream #0:1: Audio: aac, 44100 Hz"), None);
        assert_eq!(
            sound("  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 16000 Hz").as_deref(),
            Some("aac")
        );
    }
}
