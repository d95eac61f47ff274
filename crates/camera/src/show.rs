//! Pictures and videos that stand in for a camera, one after the other, for ever.

use crate::{CameraError, FrameSource, Input, VideoReader};
use frame::Image;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long each picture stands there.
const PICTURE: Duration = Duration::from_secs(4);
/// From frame to frame of a standing picture.
const STEP: Duration = Duration::from_millis(100);

/// Shows inputs in turn, at the pace of a camera.
pub struct Show {
    inputs: Vec<Input>,
    next: usize,
    now: Option<Playing>,
    /// Whether the first frame was given: it comes without a pause.
    began: bool,
}

enum Playing {
    Picture { picture: Image, until: Instant },
    Video { reader: VideoReader, due: Instant },
}

impl Show {
    /// Of these inputs, from the first on.
    pub fn new(inputs: Vec<Input>) -> Self {
        Self { inputs, next: 0, now: None, began: false }
    }

    /// Opens the next input that can be opened: one bad file does not stop the show.
    fn open_next(&mut self) -> Result<Playing, CameraError> {
        let mut failure = CameraError::Empty("".into());
        for _ in 0..self.inputs.len() {
            let input = &self.inputs[self.next % self.inputs.len()];
            self.next = (self.next + 1) % self.inputs.len();
            let opened = match input {
                Input::Picture(path) => Image::load(path)
                    .map(|picture| Playing::Picture { picture, until: Instant::now() + PICTURE })
                    .map_err(CameraError::from),
                Input::Video(path) => {
                    VideoReader::open(path).map(|reader| Playing::Video { reader, due: Instant::now() })
                }
            };
            match opened {
                Ok(playing) => return Ok(playing),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

impl FrameSource for Show {
    /// Never the last.
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        let mut failure = None;
        // A video without a single frame must not be opened over and over without a pause.
        for _ in 0..=self.inputs.len() {
            let mut playing = match self.now.take() {
                Some(playing) => playing,
                None => self.open_next()?,
            };
            let image = match &mut playing {
                Playing::Picture { picture, until } => {
                    sleep(if self.began { STEP } else { Duration::ZERO });
                    (Instant::now() < *until).then(|| picture.clone())
                }
                Playing::Video { reader, due } => {
                    sleep(due.saturating_duration_since(Instant::now()));
                    *due += Duration::from_secs_f64(reader.info().seconds_a_frame());
                    // A film that breaks off in the middle ends there; the next input is shown.
                    reader.next_frame().unwrap_or_else(|error| {
                        failure = Some(error);
                        None
                    })
                }
            };
            if let Some(image) = image {
                self.now = Some(playing);
                self.began = true;
                return Ok(Some(image));
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_turn_and_a_bad_one_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        Image::flat(2, 2, [10; 3]).save(&path("a.png")).unwrap();
        std::fs::write(path("b.png"), "no picture").unwrap();
        Image::flat(2, 2, [20; 3]).save(&path("c.png")).unwrap();
        let mut show = Show::new(["a.png", "b.png", "c.png"].map(|n| Input::Picture(path(n))).into());
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let value = show.next_frame().unwrap().expect("it never ends").pixel(0, 0)[0];
            if seen.last() != Some(&value) {
                seen.push(value);
            }
        }
        assert_eq!(seen, [10, 20, 10]);
    }

    #[test]
    fn nothing_but_bad_pictures_is_an_error() {
        let mut show = Show::new(vec![Input::Picture("nowhere.png".into())]);
        assert!(show.next_frame().unwrap_err().to_string().contains("nowhere.png"));
    }
}
