//! Pictures of the numbers that a generator draws.

use super::accelerator::RemotePicture;
use super::painter::Painter;
use crate::latent::Latent;
use frame::Image;
use nn::Tensor;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A picture that was drawn. One that lies with an accelerator is brought here when somebody first looks at its pixels.
pub struct Picture {
    size: (usize, usize),
    pixels: OnceLock<Image>,
    remote: Option<Remote>,
}

/// Where a picture lies, and what draws it again if it is lost there.
struct Remote {
    picture: Arc<dyn RemotePicture>,
    painter: Arc<Painter>,
    latent: Latent,
}

impl Picture {
    /// One that an accelerator drew of a latent for a painter.
    pub(super) fn remote(picture: Arc<dyn RemotePicture>, painter: Arc<Painter>, latent: Latent, side: usize) -> Self {
        let remote = Some(Remote { picture, painter, latent });
        Self { size: (side, side), pixels: OnceLock::new(), remote }
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// The pixels. If an accelerator has lost them, the CPU draws the picture again.
    pub fn pixels(&self) -> &Image {
        // Not within the lock: drawing needs the pool, whose threads may ask for these pixels, too. The first that are there stay.
        if let (None, Some(Remote { picture, painter, latent })) = (self.pixels.get(), &self.remote) {
            drop(self.pixels.set(painter.brought(picture.as_ref(), latent, self.size.0)));
        }
        self.pixels.get().expect("pixels, or where they are")
    }

    /// Where it lies, if an accelerator drew it and left it there.
    pub fn there(&self) -> Option<&Arc<dyn RemotePicture>> {
        self.remote.as_ref().map(|remote| &remote.picture)
    }
}

impl From<Image> for Picture {
    fn from(image: Image) -> Self {
        Self { size: (image.width, image.height), pixels: image.into(), remote: None }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Picture").field("size", &self.size).field("there", &self.there()).finish_non_exhaustive()
    }
}

impl PartialEq for Picture {
    /// Whether the pixels are the same.
    fn eq(&self, other: &Self) -> bool {
        self.pixels() == other.pixels()
    }
}

/// 8-bit pictures of a batch.
pub fn images(pictures: &Tensor) -> Vec<Image> {
    pictures.rows().map(|x| image(x, pictures.w(), pictures.h())).collect()
}

/// The 8-bit picture of values about -1 to 1: `round(127.5 x + 127.5)`, saturated.
pub(super) fn image(x: &[f32], width: usize, height: usize) -> Image {
    let byte = |v: &f32| (v * 127.5 + 127.5).round().clamp(0.0, 255.0) as u8;
    Image { width, height, data: x.iter().map(byte).collect() }
}
