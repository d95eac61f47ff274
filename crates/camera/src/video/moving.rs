//! Moving pictures show each of their pictures for a time of its own; here they become frames at a constant rate.

use super::{Stream, fitted};
use crate::{CameraError, FrameSource, Rate};
use frame::{Animation, Image};
use std::time::Duration;

/// All that is known of them beforehand.
pub const STREAM: Stream = Stream { rate: Rate::whole(25), seconds: None, sound: None, caveat: None };
const STEP: Duration = Duration::from_millis(40);

/// Each frame is the picture that is shown at its time.
pub struct SteadyAnimation {
    animation: Animation,
    /// The picture that is shown, and until when.
    shown: Option<(Image, Duration)>,
    /// The time of the next frame.
    now: Duration,
}

impl SteadyAnimation {
    /// From its first picture on, once.
    pub fn new(animation: Animation) -> Self {
        Self { animation, shown: None, now: Duration::ZERO }
    }
}

impl FrameSource for SteadyAnimation {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        let mut begins = self.shown.as_ref().map_or(Duration::ZERO, |(_, until)| *until);
        while begins <= self.now {
            let Some((picture, delay)) = self.animation.next_frame()? else { return Ok(None) };
            let (width, height) = fitted(picture.width, picture.height);
            let is_fitting = (picture.width, picture.height) == (width, height);
            let picture = if is_fitting { picture } else { picture.resized(width, height) };
            begins += delay;
            self.shown = Some((picture, begins));
        }
        self.now += STEP;
        Ok(self.shown.as_ref().map(|(picture, _)| picture.clone()))
    }
}
