//! The half that looks.

use crate::picture::{Drawn, PictureError, rgb};
use frame::blank;
use mirror::engine::{MirrorError, Reader};
use mirror::features::Measures;
use mirror::live::protocol::{Controls, FrameReport, ProtocolError};
use mirror::live::{DrawRequest, LiveMirror, LiveSettings, RenderedView, frame_report};
use mirror::pack::{Pack, PackError};
use serde::Serialize;
use std::sync::Arc;

/// Looks at what a camera sees, and says what is to be drawn.
pub struct Eyes {
    live: LiveMirror,
    controls: Controls,
    /// What [`crate::Hand`] drew last.
    rendered: Vec<RenderedView>,
}

/// What a frame came to.
#[derive(Debug, Serialize)]
pub struct Seen<'a> {
    /// For the page.
    pub report: FrameReport,
    /// The controls that were in force.
    pub controls: &'a Controls,
    /// For [`crate::Hand`].
    pub request: DrawRequest,
}

impl Eyes {
    /// Of a pack, which need not have a generator.
    ///
    /// # Errors
    /// If one of its other nets is missing or broken.
    pub fn open(pack: &Pack, settings: LiveSettings) -> Result<Self, PackError> {
        let live = LiveMirror::new(Arc::new(Reader::new(pack)?), settings);
        Ok(Self { live, controls: Controls::default(), rendered: Vec::new() })
    }

    /// How the next frames are to be reflected.
    ///
    /// # Errors
    /// If the message is no controls; those before stay.
    pub fn set_controls(&mut self, message: &str) -> Result<(), ProtocolError> {
        self.controls = Controls::parse(message)?;
        Ok(())
    }

    /// Looks at a frame of `width` x `height` pixels, four bytes each, taken at `at` seconds; one of 0 x 0 pixels has no picture.
    ///
    /// # Errors
    /// If there are not as many bytes as that.
    pub fn look(&mut self, rgba: &[u8], [width, height]: [usize; 2], at: f64) -> Result<Seen<'_>, MirrorError> {
        let mut picture = (width > 0 && height > 0).then(|| rgb(rgba, width, height));
        let result = self.live.process(picture.as_ref(), &self.rendered, &self.controls, at);
        let inverter = self.live.reader().inverter();
        let seen = result.map(|result| Seen {
            report: frame_report(
                &result,
                picture.as_ref(),
                &self.rendered,
                &self.controls,
                inverter,
                &Measures::default(),
            ),
            controls: &self.controls,
            request: result.request,
        });
        if let Some(picture) = &mut picture {
            blank(&mut picture.data);
        }
        seen
    }

    /// What the other half has drawn since.
    ///
    /// # Errors
    /// If the message is no drawn picture.
    pub fn set_shown(&mut self, message: &[u8]) -> Result<(), PictureError> {
        self.rendered = Drawn::read(message)?;
        Ok(())
    }

    /// Forgets everybody; gives the epoch that begins, see [`LiveMirror::forget`].
    pub fn forget(&mut self) -> u64 {
        self.rendered.clear();
        self.live.forget()
    }
}
