//! The half that draws.

use crate::picture::{Drawn, rgb};
use gpu::Plan;
use mirror::engine::Mirror;
use mirror::live::{DrawRequest, DueViews, LiveSettings, Renderer};
use mirror::pack::{Pack, PackError};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;

/// Draws what [`crate::Eyes`] asks for.
pub struct Hand {
    renderer: Renderer,
    /// What a card is drawing now.
    due: RefCell<Option<DueViews>>,
}

/// What is to be drawn, for a card. As a message it stands before the latents as [`gpu::Plan::latent_bytes`] gives them, all of the same size: the bytes that it
/// takes as `u32` (little endian), then itself as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Due {
    /// Pixels a side of each view, from left to right.
    pub sides: Vec<usize>,
}

/// Why bytes are not what is due.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    /// Nothing was asked of the card.
    #[error("nothing is due")]
    Nothing,
    /// Pictures of other sizes, or of another number.
    #[error("pictures of {found} bytes, {expected} are due")]
    Size {
        /// The bytes of all pictures.
        expected: usize,
        /// Those that came.
        found: usize,
    },
    /// They cannot be written or read.
    #[error("a message: {0}")]
    Json(#[from] serde_json::Error),
}

impl Hand {
    /// Of a pack, of which it needs only the generator. Draws at most `max_resolution` pixels a side.
    ///
    /// # Errors
    /// If the generator is missing or broken, or has no level of that size.
    pub fn open(pack: &Pack, settings: &LiveSettings, max_resolution: Option<usize>) -> Result<Self, PackError> {
        let painter = Mirror::builder(pack).max_resolution(max_resolution).painter()?;
        Ok(Self { renderer: Renderer::new(Arc::new(painter), settings), due: RefCell::new(None) })
    }

    /// Draws, at `at` seconds; gives a drawn picture (see [`Drawn`]), or nothing if everybody was forgotten since the request.
    ///
    /// # Errors
    /// If the message is no request.
    pub fn draw(&self, request: &str, at: f64) -> Result<Vec<u8>, serde_json::Error> {
        let request: DrawRequest = serde_json::from_str(request)?;
        Drawn::write(&self.renderer.render(&request, at))
    }

    /// What a card is to draw of a request, at `at` seconds: see [`Due`]. Its pictures are taken by [`Hand::painted`]; or, where it could not, the CPU
    /// draws them: [`Hand::paint`].
    ///
    /// # Errors
    /// If the message is no request.
    pub fn due(&self, plan: &Plan, request: &str, at: f64) -> Result<Vec<u8>, DueError> {
        let due = self.renderer.due(&serde_json::from_str(request)?, at);
        let said = serde_json::to_vec(&Due { sides: due.views.iter().map(|view| view.side).collect() })?;
        let mut message = (said.len() as u32).to_le_bytes().to_vec();
        message.extend(said);
        due.views.iter().for_each(|view| message.extend(plan.latent_bytes(&view.latent)));
        self.due.replace(Some(due));
        Ok(message)
    }

    /// The drawn picture of a card's pictures, one after the other, four bytes a pixel; nothing if everybody was forgotten meanwhile.
    ///
    /// # Errors
    /// If nothing is due, or the pictures are not those.
    pub fn painted(&self, rgba: &[u8]) -> Result<Vec<u8>, DueError> {
        let due = self.due.take().ok_or(DueError::Nothing)?;
        let expected = due.views.iter().map(|view| 4 * view.side * view.side).sum();
        if rgba.len() != expected {
            return Err(DueError::Size { expected, found: rgba.len() });
        }
        let mut rest = rgba;
        let pictures = due.views.iter().map(|view| {
            let (picture, others) = rest.split_at(4 * view.side * view.side);
            rest = others;
            rgb(picture, view.side, view.side).into()
        });
        let pictures = pictures.collect();
        Ok(Drawn::write(&self.renderer.finish(due, pictures))?)
    }

    /// The same, drawn by the CPU.
    ///
    /// # Errors
    /// If nothing is due.
    pub fn paint(&self) -> Result<Vec<u8>, DueError> {
        let due = self.due.take().ok_or(DueError::Nothing)?;
        Ok(Drawn::write(&self.renderer.paint(due))?)
    }

    /// Forgets everybody whom it drew before this epoch, see [`crate::Eyes::forget`].
    pub fn forget(&self, epoch: u64) {
        self.renderer.forget(epoch);
    }
}
