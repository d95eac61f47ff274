//! Videos through an ffmpeg child process. It turns frames upright (phones store them as the sensor lies, with a display matrix),
//! makes pixels square and the rate constant, and writes PPM pictures, whose headers say how large they are, into a pipe.

use super::{SIDE, Stream};
use crate::{CameraError, FrameSource, Rate};
use frame::Image;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

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

        // What it is.
        // `file:` keeps a name from being read as an option or as the address of a protocol.
        let url = format!("file:{}", path.display());
        let probe = host::ffmpeg()?.args(["-hide_banner", "-nostdin", "-i", &url]).output().map_err(io)?;
        let words = String::from_utf8_lossy(&probe.stderr);
        let video = words.lines().find_map(video_stream).ok_or_else(|| CameraError::NotAVideo(path.to_owned()))?;
        let can_map = video.is_hdr && has_filter("zscale");
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
        let mut child = host::ffmpeg()?
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
        match Image::read_ppm(&mut self.pipe) {
            Ok(Some(image)) => return Ok(Some(image)),
            Ok(None) => {}
            // Broken off, or no picture that we take: then it would wait for ever for somebody to read the rest.
            Err(_) => {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Err(CameraError::Damaged(self.path.clone()));
            }
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
fn has_filter(name: &str) -> bool {
    let list = host::ffmpeg().ok().and_then(|mut ffmpeg| ffmpeg.args(["-hide_banner", "-filters"]).output().ok());
    list.is_some_and(|list| String::from_utf8_lossy(&list.stdout).split_whitespace().any(|word| word == name))
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
    // The mean rate; and the rate at which every frame of a film of changing rate has a place, where that is no wild guess.
    let (mean, base) = (before("fps"), before("tbr"));
    let is_near = |base: &Rate| mean.is_none_or(|mean| (1.0..=2.0).contains(&(base.per_second() / mean.per_second())));
    let rate = base.filter(is_near).or(mean).unwrap_or(USUAL_RATE);
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
    use std::io::Write;

    /// A film of one second whose quarters are red, green (above), blue, yellow (below), 96 pixels wide and 64 high.
    fn quarters(path: &Path) -> bool {
        let Ok(mut ffmpeg) = host::ffmpeg() else {
            eprintln!("skipped: ffmpeg is not in PATH");
            return false;
        };
        let colour = |x: usize, y: usize| match (x < 48, y < 32) {
            (true, true) => [220, 30, 30],
            (false, true) => [30, 180, 30],
            (true, false) => [30, 30, 220],
            (false, false) => [220, 220, 30],
        };
        let frame: Vec<u8> = (0..96 * 64).flat_map(|i| colour(i % 96, i / 96)).collect();
        let mut child = ffmpeg
            .args([
                "-loglevel",
                "error",
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
                "-s",
                "96x64",
                "-r",
                "10",
                "-i",
                "pipe:0",
            ])
            .args(["-pix_fmt", "yuv444p", "-f", "mp4"])
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&frame.repeat(10)).unwrap();
        assert!(child.wait().unwrap().success());
        true
    }

    /// Writes the first four numbers of the display matrix of an mp4 file's track (ISO/IEC 14496-12, 8.3.2), ones, zeros and minus ones.
    fn set_matrix(film: &mut [u8], [a, b, c, d]: [i32; 4]) {
        let header = film.windows(4).position(|w| w == b"tkhd").unwrap() + 4;
        let matrix = header + 40;
        assert_eq!(film[matrix..matrix + 4], 0x1_0000_i32.to_be_bytes(), "the matrix is not where it was taken to be");
        for (at, value) in [(0, a), (4, b), (12, c), (16, d)] {
            film[matrix + at..matrix + at + 4].copy_from_slice(&(value * 0x1_0000).to_be_bytes());
        }
    }

    #[test]
    fn films_come_in_upright_however_the_phone_was_held() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mp4");
        if !quarters(&path) {
            return;
        }
        let film = std::fs::read(&path).unwrap();
        let (r, g, b, y) = ("red", "green", "blue", "yellow");
        // The matrix; then what has to be seen above, left and right, and below.
        let ways = [
            ([1, 0, 0, 1], [r, g, b, y]),
            ([0, 1, -1, 0], [b, r, y, g]),
            ([-1, 0, 0, -1], [y, b, g, r]),
            ([0, -1, 1, 0], [g, y, r, b]),
            ([-1, 0, 0, 1], [g, r, y, b]),
            ([1, 0, 0, -1], [b, y, r, g]),
            ([0, 1, 1, 0], [r, b, g, y]),
            ([0, -1, -1, 0], [y, g, b, r]),
        ];
        for (matrix, expected) in ways {
            let mut turned = film.clone();
            set_matrix(&mut turned, matrix);
            std::fs::write(&path, turned).unwrap();
            let (mut reader, _) = FfmpegReader::open(&path).unwrap();
            let frame = reader.next_frame().unwrap().unwrap();
            let size = if matrix[0] == 0 { (64, 96) } else { (96, 64) };
            assert_eq!((frame.width, frame.height), size, "{matrix:?}");
            let (w, h) = size;
            let seen = [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| match frame.pixel(w * x / 4, h * y / 4) {
                [150..=255, 150..=255, _] => "yellow",
                [150..=255, ..] => "red",
                [_, 130..=255, _] => "green",
                _ => "blue",
            });
            assert_eq!(seen, expected, "{matrix:?}");
        }
    }

    #[test]
    fn pixels_that_are_no_squares_become_squares() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mp4");
        if !quarters(&path) {
            return;
        }
        let wide = dir.path().join("wide.mp4");
        let made = host::ffmpeg()
            .unwrap()
            .args(["-loglevel", "error", "-i"])
            .arg(&path)
            .args(["-vf", "scale=720:576,setsar=16/11"])
            .arg(&wide)
            .status();
        assert!(made.unwrap().success());
        let frame = FfmpegReader::open(&wide).unwrap().0.next_frame().unwrap().unwrap();
        // 720 x 16 / 11 by 576, and the shorter side 480.
        assert_eq!((frame.width, frame.height), (873, 480));
    }

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
        let changing =
            |fps, tbr| video_stream(&format!("Video: h264, 640x480, {fps} fps, {tbr} tbr, 90k tbn")).unwrap().rate;
        assert_eq!(changing("19.39", "29.97"), Rate::nearest(29.97).unwrap());
        assert_eq!(changing("24.5", "90k"), Rate::nearest(24.5).unwrap());
        assert_eq!(changing("30", "120"), Rate::whole(30));
        assert_eq!(video_stream("Stream #0:1: Video: mjpeg, 600x600, 90k tbr (attached pic)"), None);
        assert_eq!(video_stream("  Stream #0:1: Audio: aac, 44100 Hz"), None);
        assert_eq!(
            sound("  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 16000 Hz").as_deref(),
            Some("aac")
        );
    }
}
