//! Videos out, through an ffmpeg child process: frames cross the pipe as raw RGB.

use frame::Image;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Why a video was not written.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// There is no ffmpeg.
    #[error(transparent)]
    NoFfmpeg(#[from] host::NoFfmpeg),
    /// ffmpeg broke off.
    #[error("{}: ffmpeg could not write it", .0.display())]
    Refused(PathBuf),
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where a video's sound comes from.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// A film with a sound track.
    pub film: &'a Path,
    /// Its codec, as ffmpeg calls it.
    pub codec: &'a str,
}

/// Codecs that every player of mp4 files knows.
const IN_MP4: [&str; 3] = ["aac", "mp3", "ac3"];

/// An mp4 file that appears when it is finished.
pub struct VideoWriter {
    child: Child,
    pipe: Option<ChildStdin>,
    path: PathBuf,
    beside: PathBuf,
    /// Whether it is kept, however it ends.
    is_growing: bool,
}

impl VideoWriter {
    /// A video of frames of this size, `rate` a second: a number or a fraction. With the sound of a film, if one is named.
    ///
    /// # Errors
    /// If there is no ffmpeg or it does not start.
    pub fn create(
        path: &Path,
        [width, height]: [usize; 2],
        rate: &str,
        sound: Option<&Sound<'_>>,
    ) -> Result<Self, VideoError> {
        Self::start(path, [width, height], rate, sound, false)
    }

    /// A video that can be played as far as it goes, whatever ends it: what was written before ffmpeg or the disk broke off is kept.
    ///
    /// # Errors
    /// As [`VideoWriter::create`].
    pub fn create_growing(path: &Path, size: [usize; 2], rate: &str) -> Result<Self, VideoError> {
        Self::start(path, size, rate, None, true)
    }

    fn start(
        path: &Path,
        [width, height]: [usize; 2],
        rate: &str,
        sound: Option<&Sound<'_>>,
        is_growing: bool,
    ) -> Result<Self, VideoError> {
        let mut command = host::ffmpeg()?;
        let beside = host::temporary_beside(path);
        command.args(["-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]).args([
            "-s",
            &format!("{width}x{height}"),
            "-r",
            rate,
            "-i",
            "pipe:0",
        ]);
        if let Some(sound) = sound {
            // Sound that fits an mp4 file stays as it is.
            let codec = if IN_MP4.contains(&sound.codec) { "copy" } else { "aac" };
            command
                .args(["-i", &format!("file:{}", sound.film.display())])
                .args(["-map", "0:v", "-map", "1:a:0", "-c:a", codec]);
        }
        leave_group(&mut command);
        let mut child = command
            // The players of phones and browsers want even sides and this pixel format, and know the colours of HD television.
            .args([
                "-vf",
                "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv",
                "-pix_fmt",
                "yuv420p",
            ])
            .args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"])
            .args([
                "-movflags",
                if is_growing { "+frag_keyframe+empty_moov" } else { "+faststart" },
                "-f",
                "mp4",
                &format!("file:{}", beside.display()),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| VideoError::Io { path: path.to_owned(), source })?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe, path: path.to_owned(), beside, is_growing })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// If ffmpeg takes no more.
    ///
    /// # Panics
    /// Never: the pipe is open until the video is finished.
    pub fn write(&mut self, frame: &Image) -> Result<(), VideoError> {
        let pipe = self.pipe.as_mut().expect("open until it is finished");
        pipe.write_all(&frame.data).map_err(|_| VideoError::Refused(self.path.clone()))
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// If ffmpeg or the file system refuses it; then nothing is left behind.
    pub fn finish(mut self) -> Result<(), VideoError> {
        drop(self.pipe.take());
        let io = |source| VideoError::Io { path: self.path.clone(), source };
        if !self.child.wait().map_err(io)?.success() {
            return Err(VideoError::Refused(self.path.clone()));
        }
        std::fs::rename(&self.beside, &self.path).map_err(io)
    }
}

impl Drop for VideoWriter {
    fn drop(&mut self) {
        // After `finish` there is nothing left to end or remove; before it, nothing half-written may stay that cannot be played.
        drop(self.pipe.take());
        if self.is_growing {
            let _ = self.child.wait();
            let _ = std::fs::rename(&self.beside, &self.path);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// Whoever interrupts us in a terminal does not interrupt ffmpeg, which then ends when its pipe does.
#[cfg(unix)]
fn leave_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(windows)]
fn leave_group(command: &mut Command) {
    /// `CREATE_NEW_PROCESS_GROUP` of the Windows API.
    const NEW_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, NEW_GROUP);
}

#[cfg(test)]
mod tests {
    use super::*;
    use camera::FrameSource;

    #[test]
    fn a_film_comes_back_frame_by_frame() {
        if host::ffmpeg().is_err() {
            eprintln!("skipped: ffmpeg is not in PATH");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mp4");
        let mut sink = VideoWriter::create(&path, [640, 480], "10", None).unwrap();
        for i in 0..5 {
            sink.write(&Image::flat(640, 480, [40 * i; 3])).unwrap();
        }
        sink.finish().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written is left");
        let mut source = camera::VideoReader::open(&path).unwrap();
        for i in 0..5 {
            let frame = source.next_frame().unwrap().expect("five frames");
            assert_eq!((frame.width, frame.height), (640, 480));
            assert!(frame.pixel(320, 240)[0].abs_diff(40 * i) < 6, "frame {i}");
        }
        assert!(source.next_frame().unwrap().is_none());
    }

    #[test]
    fn a_film_that_is_given_up_leaves_nothing() {
        if host::ffmpeg().is_err() {
            eprintln!("skipped: ffmpeg is not in PATH");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut sink = VideoWriter::create(&dir.path().join("film.mp4"), [64, 48], "10", None).unwrap();
        sink.write(&Image::flat(64, 48, [9; 3])).unwrap();
        drop(sink);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
