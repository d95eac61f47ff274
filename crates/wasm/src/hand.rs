//! The half that draws.

use crate::picture::Drawn;
use mirror::engine::Mirror;
use mirror::live::{DrawRequest, LiveSettings, Renderer};
use mirror::pack::{Pack, PackError};
use std::sync::Arc;

/// Draws what [`crate::Eyes`] asks for.
pub struct Hand(Renderer);

impl Hand {
    /// Of a pack, of which it needs only the generator. Draws at most `max_resolution` pixels a side.
    ///
    /// # Errors
    /// If the generator is missing or broken, or has no level of that size.
    pub fn open(pack: &Pack, settings: &LiveSettings, max_resolution: Option<usize>) -> Result<Self, PackError> {
        let painter = Mirror::builder(pack).max_resolution(max_resolution).painter()?;
        Ok(Self(Renderer::new(Arc::new(painter), settings)))
    }

    /// Draws, at `at` seconds; gives a drawn picture (see [`Drawn`]), or nothing if everybody was forgotten since the request.
    ///
    /// # Errors
    /// If the message is no request.
    pub fn draw(&self, request: &str, at: f64) -> Result<Vec<u8>, serde_json::Error> {
        let request: DrawRequest = serde_json::from_str(request)?;
        Drawn::write(&self.0.render(&request, at))
    }

    /// Forgets everybody whom it drew before this epoch, see [`crate::Eyes::forget`].
    pub fn forget(&self, epoch: u64) {
        self.0.forget(epoch);
    }
}
