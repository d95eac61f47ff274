//! The messages between page and server, little endian.
//!
//! A frame: `"MF"`, version 1, format 0 (JPEG), `seq: u32`, `width: u16`, `height: u16`, `t_us: u32`, then the JPEG. A frame of 0 x 0
//! pixels without a JPEG is a look with closed eyes: there is no camera, or the server has its own.
//!
//! It is answered in words, `{"seq": …, "seen": …}`, when it was looked at, or with its `seq` alone when a newer one overtook it.
//!
//! A picture: the same header with `seq` and `t_us` of the newest frame that was looked at when it was begun and the size of the
//! picture, then the microseconds that went by for `look: u32`, `draw: u32` and `encode: u32`, then the JPEG of the reflections, squares
//! from left to right. Frames that were looked at while another was drawn have none.

use frame::Image;
use std::time::Duration;

/// Bytes before the JPEG of a frame.
pub const HEADER_BYTES: usize = 16;
/// Longest side of a frame's picture, pixels.
const MAX_SIDE: usize = 2048;

/// Which frame of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stamp {
    seq: [u8; 4],
    t_us: [u8; 4],
}

impl Stamp {
    /// As a message says it, whatever else that is.
    pub fn of(message: &[u8]) -> Self {
        let field = |at: usize| message.get(at..at + 4).and_then(|f| f.try_into().ok()).unwrap_or_default();
        Self { seq: field(4), t_us: field(12) }
    }
}

/// The answer to a frame; `seen` is the JSON of what was seen in it.
pub fn words(stamp: Stamp, seen: Option<&str>) -> String {
    let seq = u32::from_le_bytes(stamp.seq);
    seen.map_or_else(|| format!(r#"{{"seq":{seq}}}"#), |seen| format!(r#"{{"seq":{seq},"seen":{seen}}}"#))
}

/// A picture; `times` are those of look, draw, encode.
pub fn picture(stamp: Stamp, size: [u16; 2], times: [Duration; 3], jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 12 + jpeg.len());
    bytes.extend_from_slice(b"MF\x01\x00");
    bytes.extend_from_slice(&stamp.seq);
    bytes.extend(size.iter().flat_map(|s| s.to_le_bytes()));
    bytes.extend_from_slice(&stamp.t_us);
    bytes.extend(times.iter().flat_map(|t| (t.as_micros() as u32).to_le_bytes()));
    bytes.extend_from_slice(jpeg);
    bytes
}

/// The picture of a frame; `None` of a look with closed eyes.
///
/// # Errors
/// In words, if the message is no frame or holds no picture of the size that it says.
pub fn open(message: &[u8]) -> Result<Option<Image>, String> {
    let (header, jpeg) = match message.split_at_checked(HEADER_BYTES) {
        Some((header @ [b'M', b'F', 1, 0, ..], jpeg)) => (header, jpeg),
        Some(([b'M', b'F', version, format, ..], _)) => {
            return Err(format!("version {version}, format {format}: expected version 1, format 0"));
        }
        _ => return Err("not a frame of the mirror's protocol".into()),
    };
    let side = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let (width, height) = (side(8), side(10));
    if width == 0 && height == 0 && jpeg.is_empty() {
        return Ok(None);
    }
    let image = Image::decode_within(jpeg, MAX_SIDE).map_err(|e| e.to_string())?;
    if (image.width, image.height) != (width, height) {
        return Err(format!("{width} x {height} pixels announced, {} x {} came", image.width, image.height));
    }
    Ok(Some(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(start: &[u8; 4], side: u16, jpeg: &[u8]) -> Vec<u8> {
        let side = side.to_le_bytes();
        [&start[..], &[7, 0, 0, 0], &side, &side, &[9, 8, 7, 6], jpeg].concat()
    }

    fn jpeg(side: usize) -> Vec<u8> {
        crate::to_jpeg(&Image::flat(side, side, [90; 3]), 90).unwrap()
    }

    #[test]
    fn answers_and_pictures_carry_number_and_time_of_their_frame() {
        let frame = message(b"MF\x01\x00", 8, &jpeg(8));
        assert_eq!(open(&frame).unwrap().expect("a picture").width, 8);
        assert_eq!(open(&message(b"MF\x01\x00", 0, b"")).unwrap(), None);
        let stamp = Stamp::of(&frame);
        assert_eq!(
            (words(stamp, Some("{}")), words(stamp, None)),
            (r#"{"seq":7,"seen":{}}"#.into(), r#"{"seq":7}"#.into())
        );
        assert_eq!(
            picture(stamp, [5, 6], [1, 2, 3].map(Duration::from_micros), &[42]),
            *b"MF\x01\x00\x07\0\0\0\x05\0\x06\0\x09\x08\x07\x06\x01\0\0\0\x02\0\0\0\x03\0\0\0\x2a"
        );
        assert_eq!(words(Stamp::of(b""), None), r#"{"seq":0}"#);
    }

    #[test]
    fn what_is_no_frame_is_refused_in_words() {
        let (whole, large) = (jpeg(8), jpeg(2049));
        for (bytes, word) in [
            (message(b"MF\x01\x00", 8, &whole[..60]), "JPEG"),
            (message(b"MF\x01\x00", 8, b"Dear diary"), "not a picture"),
            (message(b"MF\x01\x00", 9, &whole), "9 x 9 pixels announced, 8 x 8 came"),
            (message(b"MF\x01\x00", 2049, &large), "at most 2048 a side"),
            (message(b"MF\x01\x00", 0, &whole), "0 x 0 pixels announced"),
            (message(b"MF\x02\x00", 8, &whole), "version 2"),
            (b"MF".to_vec(), "protocol"),
            (Vec::new(), "protocol"),
        ] {
            let error = open(&bytes).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
