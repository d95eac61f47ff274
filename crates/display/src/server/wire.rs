//! The messages between page and server, little endian.
//!
//! A frame: `"MF"`, version 1, format 0 (JPEG), `seq: u32`, `width: u16`, `height: u16`, `t_us: u32`, then the JPEG.
//! An answer: the same header with the `seq` and `t_us` of its frame and the size of the reflection, then the
//! microseconds that went by for `decode: u32`, `engine: u32` and `encode: u32`, then the JPEG of the reflections, squares from left to
//! right.
//!
//! A frame of 0 x 0 pixels without a JPEG is a look with closed eyes: there is no camera, or the server has its own.

use frame::Image;

/// Bytes before the JPEG of a frame.
pub const HEADER_BYTES: usize = 16;
/// Longest side of a frame's picture, pixels.
const MAX_SIDE: usize = 2048;

/// What comes back for a frame.
#[derive(Debug, Default)]
pub struct Reply {
    /// JSON of what was seen.
    pub seen: String,
    /// Width and height of that picture, pixels; zero without one.
    pub size: (u16, u16),
    /// Decode, engine, encode: microseconds.
    pub times_us: [u32; 3],
    /// The reflections; empty without one.
    pub jpeg: Vec<u8>,
}

impl Reply {
    /// To a frame that a newer one overtook.
    pub fn dropped() -> Self {
        Self { seen: r#"{"dropped":true}"#.into(), ..Self::default() }
    }

    /// To a frame that cannot be looked at.
    pub fn refused(why: &str) -> Self {
        Self { seen: serde_json::json!({ "error": why }).to_string(), ..Self::default() }
    }

    /// The binary message; `frame` is what it answers.
    pub fn to_bytes(&self, frame: &[u8]) -> Vec<u8> {
        let field = |at: usize| frame.get(at..at + 4).unwrap_or(&[0; 4]);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 12 + self.jpeg.len());
        bytes.extend_from_slice(b"MF\x01\x00");
        bytes.extend_from_slice(field(4));
        bytes.extend_from_slice(&self.size.0.to_le_bytes());
        bytes.extend_from_slice(&self.size.1.to_le_bytes());
        bytes.extend_from_slice(field(12));
        bytes.extend(self.times_us.iter().flat_map(|t| t.to_le_bytes()));
        bytes.extend_from_slice(&self.jpeg);
        bytes
    }
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
    fn an_answer_carries_the_number_and_the_time_of_its_frame() {
        let frame = message(b"MF\x01\x00", 8, &jpeg(8));
        assert_eq!(open(&frame).unwrap().expect("a picture").width, 8);
        assert_eq!(open(&message(b"MF\x01\x00", 0, b"")).unwrap(), None);
        let reply = Reply { size: (5, 6), times_us: [1, 2, 3], jpeg: vec![42], ..Reply::default() };
        assert_eq!(
            reply.to_bytes(&frame),
            *b"MF\x01\x00\x07\0\0\0\x05\0\x06\0\x09\x08\x07\x06\x01\0\0\0\x02\0\0\0\x03\0\0\0\x2a"
        );
        assert_eq!(Reply::dropped().to_bytes(b"").len(), HEADER_BYTES + 12);
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
