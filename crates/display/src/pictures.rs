//! The pictures of a running mirror, for whoever shows them beside its page.

use crate::layout::row_of;
use axum::body::Bytes;
use frame::Image;
use mirror::live::RenderedView;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Quality of the JPEG of pictures.
pub(crate) const JPEG_QUALITY: u8 = 90;

/// The newest picture of a mirror: its reflections in a row. Nothing is made while nobody watches.
#[derive(Debug)]
pub struct Pictures {
    newest: watch::Sender<Option<Arc<Picture>>>,
}

/// A picture of a mirror.
#[derive(Debug)]
pub struct Picture {
    /// The reflections, squares from left to right.
    pub image: Image,
    jpeg: OnceLock<Bytes>,
}

impl Picture {
    fn of(image: Image) -> Self {
        Self { image, jpeg: OnceLock::new() }
    }

    /// The same as a JPEG file, which is made once, however many ask for it; empty of a picture that no JPEG can hold.
    pub fn jpeg(&self) -> Bytes {
        let make = || crate::to_jpeg(&self.image, JPEG_QUALITY).map(Bytes::from).unwrap_or_default();
        self.jpeg.get_or_init(make).clone()
    }
}

impl Pictures {
    /// Of a mirror that has drawn nothing yet.
    pub fn new() -> Self {
        Self { newest: watch::Sender::new(None) }
    }

    /// These reflections were drawn.
    pub fn put(&self, views: &[RenderedView]) {
        if self.is_watched() && !views.is_empty() {
            self.newest.send_replace(Some(Arc::new(Picture::of(row_of(views.iter().map(|view| &view.picture))))));
        }
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.newest.receiver_count() > 0
    }

    /// Watches from now on. What was drawn last before is no longer there.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Picture>>> {
        let mut watching = self.newest.subscribe();
        watching.mark_unchanged();
        watching
    }
}

impl Default for Pictures {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A mirror's reflections of one colour each.
    pub fn views(shades: &[u8]) -> Vec<RenderedView> {
        let view = |shade: &u8| RenderedView {
            viewer: None,
            progress: 1.0,
            picture: Arc::new(Image::flat(8, 8, [*shade; 3]).into()),
            at: 0.0,
        };
        shades.iter().map(view).collect()
    }

    #[test]
    fn who_watches_sees_the_newest_and_nothing_is_made_for_nobody() {
        let pictures = Pictures::new();
        pictures.put(&views(&[1]));
        let mut watching = pictures.watch();
        assert!(watching.borrow().is_none() && !watching.has_changed().unwrap());
        pictures.put(&views(&[2, 3]));
        pictures.put(&views(&[4, 5]));
        let picture = watching.borrow_and_update().clone().unwrap();
        assert_eq!((picture.image.width, picture.image.pixel(0, 0), picture.image.pixel(8, 0)), (16, [4; 3], [5; 3]));
        assert!(picture.jpeg().starts_with(&[0xFF, 0xD8]) && !watching.has_changed().unwrap());
        drop(watching);
        assert!(!pictures.is_watched());
    }
}
