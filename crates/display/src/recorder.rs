//! Records what a mirror draws. Never what it sees.

use crate::pictures::{Picture, Pictures};
use crate::video::{VideoError, VideoWriter};
use frame::Image;
use mirror::live::Desk;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Pictures a second in the film.
const RATE: u32 = 30;
/// A mirror that has drawn nothing for so long is not recorded until it draws again, nor is one outside its hours.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a thread that waits looks whether it is to end.
const WAKE: Duration = Duration::from_millis(20);

/// Writes a mirror's pictures into an mp4 file, until this is dropped.
pub struct Recorder {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins. A file that is there already is kept: a number is put behind the name. So is one that a mirror left which was killed, as in a power
    /// cut: it gets its name now. `desk` tells the pages that they are recorded.
    ///
    /// # Errors
    /// If there is no ffmpeg, or no file can be written there.
    pub fn start(path: &Path, pictures: &Pictures, desk: Option<Arc<Desk>>) -> Result<Self, VideoError> {
        let path = free_name(path);
        host::ffmpeg()?;
        // So that nobody learns at the end of the day that the folder is missing.
        let io = |source| VideoError::Io { path: path.clone(), source };
        let trial = host::temporary_beside(&path);
        std::fs::write(&trial, []).and_then(|()| std::fs::remove_file(&trial)).map_err(io)?;

        let ended = Arc::new(AtomicBool::new(false));
        let (watching, to, is_ended) = (pictures.watch(), path.clone(), ended.clone());
        let record = move || {
            if let Some(desk) = &desk {
                desk.set_recording(true);
            }
            let is_closed = || desk.as_ref().is_some_and(|desk| desk.is_closed());
            if let Err(error) = record(&to, watching, is_closed, &is_ended) {
                tracing::error!(%error, "the recording broke off; what there is of it is kept");
            }
            if let Some(desk) = &desk {
                desk.set_recording(false);
            }
        };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(record).map_err(io)?;
        Ok(Self { path, ended, thread: Some(thread) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// `mirror.mp4`, or `mirror-2.mp4` where that is there already, and so on.
fn free_name(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = |n: u32| match path.extension() {
        Some(extension) => path.with_file_name(format!("{stem}-{n}.{}", extension.to_string_lossy())),
        None => path.with_file_name(format!("{stem}-{n}")),
    };
    let names = std::iter::once(path.to_owned()).chain((2..).map(numbered));
    names.into_iter().find(|name| !is_taken(name)).unwrap_or_else(|| path.to_owned())
}

/// Whether there is a film of this name, or one that was killed before it got its name, which it then gets.
fn is_taken(name: &Path) -> bool {
    let left = host::temporary_beside(name);
    let is_left = left.metadata().is_ok_and(|about| about.len() > 0);
    if is_left && !name.exists() {
        let named = std::fs::rename(&left, name);
        tracing::warn!(film = %name.display(), ?named, "an earlier mirror was killed while it recorded: its film is kept");
    }
    is_left || name.exists()
}

fn record(
    path: &Path,
    mut pictures: watch::Receiver<Option<Arc<Picture>>>,
    is_closed: impl Fn() -> bool,
    ended: &AtomicBool,
) -> Result<(), VideoError> {
    let mut film: Option<(VideoWriter, [usize; 2])> = None;
    // The film's clock, and the picture that stands in it.
    let (mut due, mut newest, mut came) = (Instant::now(), None::<Arc<Picture>>, Instant::now());
    while !ended.load(Ordering::Relaxed) {
        if pictures.has_changed().unwrap_or(false) {
            newest = pictures.borrow_and_update().clone();
            came = Instant::now();
        }
        let (Some(picture), true) = (&newest, came.elapsed() < PAUSE && !is_closed()) else {
            std::thread::sleep(WAKE);
            due = Instant::now();
            continue;
        };

        if film.is_none() {
            let size = [picture.image.width, picture.image.height];
            film = Some((VideoWriter::create_growing(path, size, &RATE.to_string())?, size));
        }
        let Some((writer, [width, height])) = &mut film else { continue };
        match (picture.image.width, picture.image.height) == (*width, *height) {
            true => writer.write(&picture.image)?,
            // A film has one size: another resolution, or another number of reflections, is fitted into it.
            false => writer.write(&within(&picture.image, *width, *height))?,
        }
        due += Duration::from_secs(1) / RATE;
        let rest = due.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            // ffmpeg is slower than the film: what is late is left out.
            due = Instant::now();
        }
        std::thread::sleep(rest);
    }
    film.map_or(Ok(()), |(writer, _)| writer.finish())
}

/// A whole picture in the middle of a black one.
fn within(picture: &Image, width: usize, height: usize) -> Image {
    let mut whole = Image::flat(width, height, [0; 3]);
    if picture.data.is_empty() {
        return whole;
    }
    let scale = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64);
    let side = |s: usize, most: usize| ((s as f64 * scale).round() as usize).clamp(1, most);
    let scaled = crate::scaled(picture, side(picture.width, width), side(picture.height, height));
    whole.paste(&scaled, (width - scaled.width) / 2, (height - scaled.height) / 2);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::tests::views;
    use camera::FrameSource;

    #[test]
    fn what_is_drawn_is_recorded_and_a_file_that_is_there_is_kept() {
        if host::ffmpeg().is_err() {
            eprintln!("skipped: ffmpeg is not in PATH");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("day.mp4");
        std::fs::write(&path, "yesterday").unwrap();
        let pictures = Pictures::new();
        let recorder = Recorder::start(&path, &pictures, None).unwrap();
        assert_eq!(recorder.path(), dir.path().join("day-2.mp4"));
        for i in 0..20 {
            pictures.put(&if i < 10 { views(&[200]) } else { views(&[40, 40]) });
            std::thread::sleep(Duration::from_millis(50));
        }
        let recorded = recorder.path().to_owned();
        drop(recorder);
        assert_eq!(
            (std::fs::read(&path).unwrap(), std::fs::read_dir(dir.path()).unwrap().count()),
            (b"yesterday".into(), 2)
        );

        let mut film = camera::VideoReader::open(&recorded).unwrap();
        let mut shades = Vec::new();
        while let Some(frame) = film.next_frame().unwrap() {
            assert_eq!((frame.width, frame.height), (8, 8));
            shades.push(frame.pixel(4, 4)[0]);
        }
        assert!(shades.len() > 15 && shades[0] > 180 && *shades.last().unwrap() < 60, "{shades:?}");
        assert!(!pictures.is_watched());
    }

    #[test]
    fn what_a_mirror_left_that_was_killed_gets_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, empty) = (dir.path().join("day.mp4"), dir.path().join("night.mp4"));
        std::fs::write(host::temporary_beside(&path), "half a day").unwrap();
        assert_eq!(free_name(&path), dir.path().join("day-2.mp4"));
        assert_eq!(std::fs::read(&path).unwrap(), b"half a day");
        assert!(!host::temporary_beside(&path).exists());
        std::fs::write(host::temporary_beside(&empty), []).unwrap();
        assert_eq!(free_name(&empty), empty);
    }

    #[test]
    fn a_mirror_that_draws_nothing_leaves_no_file_and_a_folder_that_is_missing_is_told() {
        if host::ffmpeg().is_err() {
            eprintln!("skipped: ffmpeg is not in PATH");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let pictures = Pictures::new();
        drop(Recorder::start(&dir.path().join("day.mp4"), &pictures, None).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = Recorder::start(&dir.path().join("no/day.mp4"), &pictures, None).err().unwrap();
        assert!(error.to_string().contains("day.mp4: "), "{error}");
    }
}
