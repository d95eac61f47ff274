//! A source whose camera hangs on its side, or is seen in a mirror.

use crate::{CameraError, FrameSource};
use frame::{Image, Mounting};

/// The frames of another source, upright.
pub struct Mounted<S> {
    source: S,
    mounting: Mounting,
}

impl<S: FrameSource> Mounted<S> {
    /// The frames of `source`, turned and mirrored so.
    pub fn new(source: S, mounting: Mounting) -> Self {
        Self { source, mounting }
    }
}

impl<S: FrameSource> FrameSource for Mounted<S> {
    fn next_frame(&mut self) -> Result<Option<Image>, CameraError> {
        let frame = self.source.next_frame()?;
        Ok(frame.map(|frame| self.mounting.apply(frame)))
    }
}
