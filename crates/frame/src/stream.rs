//! A picture in the stream of pictures that a camera gives.

use crate::Image;
use std::error::Error;
use std::time::Instant;

/// A picture, its place in the stream, and when it was taken.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What was seen.
    pub image: Image,
    /// Counts the frames of a source from 0; a gap means that frames were dropped.
    pub seq: u64,
    /// When it was taken, or when it arrived where the camera does not say.
    pub captured_at: Instant,
}

impl Frame {
    /// A frame taken now.
    pub fn now(image: Image, seq: u64) -> Self {
        Self { image, seq, captured_at: Instant::now() }
    }
}

/// Where frames come from.
pub trait FrameSource {
    /// Why it gives no more.
    type Error: Error;

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// If the source breaks off.
    fn next_frame(&mut self) -> Result<Option<Frame>, Self::Error>;
}

/// Where frames go.
pub trait FrameSink {
    /// Why it takes no more.
    type Error: Error;

    /// Takes a frame.
    ///
    /// # Errors
    /// If the sink breaks off.
    fn put(&mut self, frame: &Frame) -> Result<(), Self::Error>;
}
