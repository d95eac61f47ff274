//! Videos in and out, through an ffmpeg child process: frames cross the pipes as raw RGB.

use crate::browser::in_path;
use crate::output::OutputDir;
use anyhow::{Context, bail};
use frame::Image;
use mirror::engine::Mirror;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

const NO_FFMPEG: &str = "ffmpeg is not in PATH; hint: install it from your system's packages or ffmpeg.org";
/// Frames of a video are looked at in this height, pixels.
const HEIGHT: usize = 480;

/// Draws `NAME.reflection.mp4`, viewer and reflection side by side; gives back its name.
pub fn reflect(mirror: &Mirror, path: &Path, out: &mut OutputDir) -> anyhow::Result<String> {
    let mut source = Reader::open(path)?;
    let name = out.name_for(path, "reflection.mp4");
    let (width, height) = (source.width, source.height);
    let mut sink = Writer::create(&out.file(&name), width + height, height, &source.rate)?;
    let mut frames = 0;
    while let Some(frame) = source.next_frame()? {
        let reflection = mirror.reflect(&frame)?.map(|r| r.image);
        sink.write(&side_by_side(&frame, reflection.as_ref()))?;
        frames += 1;
    }
    anyhow::ensure!(frames > 0, "{}: no frame in it", path.display());
    sink.finish()?;
    Ok(name)
}

/// Refuses before any work what cannot be done without ffmpeg.
pub fn require_ffmpeg() -> anyhow::Result<()> {
    in_path("ffmpeg").map(drop).context(NO_FFMPEG)
}

/// A picture enlarged to a square of `side` pixels, each pixel as a block.
pub fn enlarged(picture: &Image, side: usize) -> Image {
    let nobody = Image { width: 0, height: side, data: Vec::new() };
    side_by_side(&nobody, Some(picture))
}

/// A whole picture inside a black square of `side` pixels.
pub fn fitted(picture: &Image, side: usize) -> Image {
    let longer = picture.width.max(picture.height);
    let mut square = Image { width: side, height: side, data: vec![0; side * side * 3] };
    let (left, top) = ((longer - picture.width) / 2, (longer - picture.height) / 2);
    for (i, pixel) in square.data.chunks_exact_mut(3).enumerate() {
        // Of the square around the picture, in its pixels.
        let (x, y) = (i % side * longer / side, i / side * longer / side);
        if let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top))
            && x < picture.width
            && y < picture.height
        {
            let from = (y * picture.width + x) * 3;
            pixel.copy_from_slice(&picture.data[from..from + 3]);
        }
    }
    square
}

/// The viewer, and beside them a square with the reflection; black where nobody is.
pub fn side_by_side(viewer: &Image, reflection: Option<&Image>) -> Image {
    let (side, width) = (viewer.height, viewer.width + viewer.height);
    let mut both = Image { width, height: side, data: vec![0; width * side * 3] };
    for (y, row) in both.data.chunks_exact_mut(width * 3).enumerate() {
        let (left, right) = row.split_at_mut(viewer.width * 3);
        left.copy_from_slice(&viewer.data[y * viewer.width * 3..][..viewer.width * 3]);
        let Some(r) = reflection else { continue };
        for (x, pixel) in right.chunks_exact_mut(3).enumerate() {
            let from = (y * r.height / side * r.width + x * r.width / side) * 3;
            pixel.copy_from_slice(&r.data[from..from + 3]);
        }
    }
    both
}

/// Frames of a video file, scaled to a height of 480 pixels.
struct Reader {
    child: Child,
    path: PathBuf,
    width: usize,
    height: usize,
    /// Frames a second, as ffmpeg writes them (25, 30000/1001).
    rate: String,
}

impl Reader {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        std::fs::File::open(path).with_context(|| name.to_string())?;
        let ffmpeg = in_path("ffmpeg").context(NO_FFMPEG)?;
        // `file:` keeps a name from being read as an option or as the address of a protocol.
        let url = format!("file:{name}");
        let probe = Command::new(&ffmpeg).args(["-hide_banner", "-nostdin", "-i", &url]).output().context("ffmpeg")?;
        let about = String::from_utf8_lossy(&probe.stderr);
        let Some((w, h, rate)) = about.lines().find_map(video_stream) else {
            bail!("{name}: ffmpeg finds no video in it");
        };
        let (width, height) = ((w * HEIGHT / h.max(1) / 2 * 2).clamp(2, 4 * HEIGHT), HEIGHT);
        let child = Command::new(ffmpeg)
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-noautorotate", "-i", &url])
            .args(["-an", "-vf", &format!("scale={width}:{height}"), "-r", &rate])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("ffmpeg")?;
        Ok(Self { child, path: path.to_owned(), width, height, rate })
    }

    /// `None` after the last.
    fn next_frame(&mut self) -> anyhow::Result<Option<Image>> {
        let (width, height) = (self.width, self.height);
        let mut data = Vec::with_capacity(width * height * 3);
        let pipe = self.child.stdout.as_mut().expect("it was asked for");
        pipe.take((width * height * 3) as u64).read_to_end(&mut data)?;
        if data.len() == width * height * 3 {
            return Ok(Some(Image { width, height, data }));
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.success() && data.is_empty(), "{}: damaged, ffmpeg gave up", self.path.display());
        Ok(None)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It may have ended already, then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

/// An mp4 file that appears when it is finished.
pub struct Writer {
    child: Child,
    pipe: Option<ChildStdin>,
    path: PathBuf,
    beside: PathBuf,
}

impl Writer {
    /// A video of frames of this size, `rate` a second.
    pub fn create(path: &Path, width: usize, height: usize, rate: &str) -> anyhow::Result<Self> {
        let ffmpeg = in_path("ffmpeg").context(NO_FFMPEG)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let mut child = Command::new(ffmpeg)
            .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"])
            .args(["-s", &format!("{width}x{height}"), "-r", rate, "-i", "pipe:0"])
            // The players of phones and browsers want even sides and this pixel format.
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart"])
            .args(["-f", "mp4", &format!("file:{}", beside.display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("ffmpeg")?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe, path: path.to_owned(), beside })
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Image) -> anyhow::Result<()> {
        let pipe = self.pipe.as_mut().expect("open until it is finished");
        pipe.write_all(&frame.data).with_context(|| format!("{}: ffmpeg gave up", self.path.display()))
    }

    /// Ends the file and gives it its name.
    pub fn finish(mut self) -> anyhow::Result<()> {
        drop(self.pipe.take());
        anyhow::ensure!(self.child.wait()?.success(), "{}: ffmpeg could not write it", self.path.display());
        std::fs::rename(&self.beside, &self.path).with_context(|| self.path.display().to_string())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After `finish` there is nothing left to end or remove; before it, nothing half-written may stay.
        drop(self.pipe.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.beside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_line_gives_size_and_rate() {
        let line = "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), \
                    1280x720 [SAR 1:1 DAR 16:9], 2000 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)";
        assert_eq!(video_stream(line), Some((1280, 720, "29.97".into())));
        assert_eq!(video_stream("  Stream #0:1: Audio: aac, 44100 Hz"), None);
        assert_eq!(video_stream("Video: mjpeg, yuvj420p, 96x64, 90k tbn"), Some((96, 64, "25".into())));
    }

    #[test]
    fn nobody_leaves_the_right_side_black() {
        let viewer = Image { width: 4, height: 2, data: vec![7; 24] };
        let both = side_by_side(&viewer, None);
        assert_eq!((both.width, both.data[..12].to_vec(), both.data[12..18].to_vec()), (6, vec![7; 12], vec![0; 6]));
        let red = Image { width: 1, height: 1, data: vec![9, 0, 0] };
        assert_eq!(side_by_side(&viewer, Some(&red)).data[12..18], [9, 0, 0, 9, 0, 0]);
    }
}
