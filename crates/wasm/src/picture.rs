//! Pictures as pages have them, four bytes a pixel, and as nets have them, three.

use frame::Image;
use mirror::live::RenderedView;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is said of a drawn picture. As a message it stands before the picture: the bytes that it takes as `u32` (little endian), itself
/// as JSON, then red, green, blue, alpha of each pixel. The views are of one size and lie side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Columns of all views together.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// When it was drawn, seconds.
    pub at: f64,
    /// From left to right.
    pub views: Vec<DrawnView>,
}

/// What is said of a view: see [`RenderedView`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnView {
    /// Whom it shows; `None` where the mirror dreams.
    pub viewer: Option<u64>,
    /// How much of the transition from whatever was shown before is done, 0 to 1.
    pub progress: f32,
}

/// Why bytes are no drawn picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// They end too early, or go on.
    #[error("a drawn picture of another size than it says")]
    Size,
    /// What stands before the picture cannot be read.
    #[error("a drawn picture: {0}")]
    Drawn(#[from] serde_json::Error),
}

impl Drawn {
    /// The message; nothing of no views.
    pub(crate) fn write(views: &[RenderedView]) -> Result<Vec<u8>, serde_json::Error> {
        let Some(first) = views.first() else { return Ok(Vec::new()) };
        let (width, height) = first.picture.size();
        let about = |view: &RenderedView| DrawnView { viewer: view.viewer, progress: view.progress };
        let views_said = views.iter().map(about).collect();
        let said = Self { width: width * views.len(), height, at: first.at, views: views_said };
        let said = serde_json::to_vec(&said)?;

        let mut message = Vec::with_capacity(4 + said.len() + 4 * width * height * views.len());
        message.extend((said.len() as u32).to_le_bytes());
        message.extend(said);
        for row in 0..height {
            for view in views {
                let (pixels, _) = view.picture.pixels().data[3 * width * row..3 * width * (row + 1)].as_chunks::<3>();
                message.extend(pixels.iter().flat_map(|[r, g, b]| [*r, *g, *b, u8::MAX]));
            }
        }
        Ok(message)
    }

    /// The views of a message.
    pub(crate) fn read(message: &[u8]) -> Result<Vec<RenderedView>, PictureError> {
        let (bytes, rest) = message.split_first_chunk::<4>().ok_or(PictureError::Size)?;
        let (said, rgba) = rest.split_at_checked(u32::from_le_bytes(*bytes) as usize).ok_or(PictureError::Size)?;
        let Self { width, height, at, views } = serde_json::from_slice(said)?;
        if views.is_empty() || width % views.len() != 0 || rgba.len() != 4 * width * height {
            return Err(PictureError::Size);
        }
        let row = rgb(rgba, width, height);
        let width = width / views.len();
        let view = |(i, said): (usize, DrawnView)| {
            let picture = Arc::new(row.crop(i * width, 0, width, height).into());
            RenderedView { viewer: said.viewer, progress: said.progress, picture, at }
        };
        Ok(views.into_iter().enumerate().map(view).collect())
    }
}

/// The picture without its alpha.
pub(crate) fn rgb(rgba: &[u8], width: usize, height: usize) -> Image {
    let data = rgba.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
    Image { width, height, data }
}
