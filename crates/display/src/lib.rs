//! Shows reflections: in files ([`ContactSheet`], [`VideoWriter`]) and live in a browser ([`server`], [`StaticSite`]) or
//! a window (feature `window`).

mod contact_sheet;
#[cfg(feature = "window")]
mod dissolve;
mod explorers;
mod layout;
mod pictures;
mod recorder;
pub mod server;
mod static_site;
mod video;
#[cfg(feature = "window")]
pub mod window;

pub use contact_sheet::ContactSheet;
pub use explorers::Explorers;
pub use layout::{fitted, row, scaled, side_by_side};
pub use pictures::{Picture, Pictures};
pub use recorder::Recorder;
pub use static_site::{StaticFile, StaticSite};
pub use video::{Sound, VideoError, VideoWriter};

use frame::Image;
use jpeg_encoder::{ColorType, Encoder, EncodingError};

/// The bytes of a JPEG file.
///
/// # Errors
/// If the picture is empty or a side has more than 65,535 pixels.
pub fn to_jpeg(picture: &Image, quality: u8) -> Result<Vec<u8>, EncodingError> {
    let (width, height) = (picture.width, picture.height);
    let side = |s: usize| u16::try_from(s).unwrap_or(0);
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, quality).encode(&picture.data, side(width), side(height), ColorType::Rgb)?;
    Ok(bytes)
}
