//! JPEG pictures.

use super::{ImageError, check_size, one_line, upright};
use crate::Image;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Decodes it, upright.
pub(super) fn decode(bytes: &[u8], max_side: usize) -> Result<Image, ImageError> {
    let damaged = |why: String| ImageError::Damaged { format: "JPEG", why };
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        // Sizes are judged below, in our words.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| damaged(one_line(&e)))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("no size".into()))?;
    check_size(width, height, max_side)?;
    // The decoder fills what is missing with grey, which the mirror would take for a viewer's skin.
    if !jpeg_is_complete(bytes) {
        return Err(damaged("it is cut short".into()));
    }
    let data = decoder.decode().map_err(|e| damaged(one_line(&e)))?;
    let held = decoder.exif().and_then(|exif| image::metadata::Orientation::from_exif_chunk(exif));
    let (width, height) = (width as u32, height as u32);
    let wrong = || damaged(format!("{} bytes for {width} x {height} pixels", data.len()));
    if data.len() != width as usize * height as usize * 3 {
        return Err(wrong());
    }
    let Some(picture) = image::RgbImage::from_raw(width, height, data) else {
        return Err(damaged("no pixels".into()));
    };
    Ok(upright(picture.into(), held))
}

/// Whether the scans are followed by the end marker. Tables between the scans of a progressive picture are stepped over
/// by their length; inside a scan, 0xff stands before 0 (a byte of data), a restart marker or another 0xff only.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut scans = 0;
    while let Some(&[first, marker]) = bytes.get(at..at + 2).and_then(|b| <&[u8; 2]>::try_from(b).ok()) {
        match (first, marker) {
            (0xff, 0xd9) => return scans > 0,
            // Data of a scan, or padding between markers.
            (0..=0xfe, _) | (0xff, 0xff) => at += 1,
            (0xff, 0 | 1 | 0xd0..=0xd8) => at += 2,
            (0xff, _) => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4).and_then(|b| <&[u8; 2]>::try_from(b).ok()) else {
                    return false;
                };
                scans += usize::from(marker == 0xda);
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
    false
}
