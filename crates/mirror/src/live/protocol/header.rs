//! What stands before the JPEG of a binary message. All numbers are little endian.

use super::{ProtocolError, VERSION};
use std::time::Duration;

/// Bytes before the JPEG of a frame.
pub const FRAME_HEADER_BYTES: usize = 16;
/// Bytes before the JPEG of a picture.
pub const PICTURE_HEADER_BYTES: usize = 28;

const MAGIC: [u8; 2] = *b"MF";
const JPEG: u8 = 0;

/// Of a frame: `"MF"`, version, format 0 (JPEG), `seq: u32`, `width: u16`, `height: u16`, `t_us: u32`. A frame of 0 x 0 pixels without a
/// JPEG is no picture: there is no camera, or the mirror has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameHeader {
    /// The number of the frame; a page counts upwards.
    pub seq: u32,
    /// Columns of the picture.
    pub width: u16,
    /// Rows of the picture.
    pub height: u16,
    /// When the frame was taken, microseconds of the page's clock, modulo 2^32.
    pub t_us: u32,
}

impl FrameHeader {
    /// Splits a message into its header and its JPEG.
    ///
    /// # Errors
    /// If the message is no frame of this version and format.
    pub fn split(message: &[u8]) -> Result<(Self, &[u8]), ProtocolError> {
        let (header, jpeg) = message.split_at_checked(FRAME_HEADER_BYTES).ok_or(ProtocolError::NotAFrame)?;
        if header[..2] != MAGIC {
            return Err(ProtocolError::NotAFrame);
        }
        if header[2] != VERSION {
            return Err(ProtocolError::Version { found: header[2] });
        }
        if header[3] != JPEG {
            return Err(ProtocolError::Format { found: header[3] });
        }
        Ok((Self::fields(header), jpeg))
    }

    /// The message of a frame without a picture.
    pub fn without_picture(seq: u32) -> Vec<u8> {
        let mut message = vec![0; FRAME_HEADER_BYTES];
        message[..2].copy_from_slice(&MAGIC);
        message[2..4].copy_from_slice(&[VERSION, JPEG]);
        message[4..8].copy_from_slice(&seq.to_le_bytes());
        message
    }

    /// The header as far as it can be read, to answer a message that cannot.
    pub fn lenient(message: &[u8]) -> Self {
        let mut header = [0; FRAME_HEADER_BYTES];
        let len = message.len().min(FRAME_HEADER_BYTES);
        header[..len].copy_from_slice(&message[..len]);
        Self::fields(&header)
    }

    /// Whether the frame has a picture.
    pub fn has_picture(&self) -> bool {
        (self.width, self.height) != (0, 0)
    }

    fn fields(header: &[u8]) -> Self {
        let wide = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let narrow = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        Self { seq: wide(4), width: narrow(8), height: narrow(10), t_us: wide(12) }
    }
}

/// Of a picture: the header of its frame with the picture's own size, then the time that each stage took, microseconds as `u32`: analyse,
/// draw, encode. The reflections are squares from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureHeader {
    /// Of the newest frame that was analysed when the picture was begun.
    pub frame: FrameHeader,
    /// Columns and rows of the picture.
    pub size: [u16; 2],
    /// How long it took to analyse the frame, to draw the reflections and to encode them.
    pub times: [Duration; 3],
}

impl PictureHeader {
    /// The message.
    pub fn join(&self, jpeg: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(PICTURE_HEADER_BYTES + jpeg.len());
        message.extend_from_slice(&MAGIC);
        message.extend_from_slice(&[VERSION, JPEG]);
        message.extend_from_slice(&self.frame.seq.to_le_bytes());
        message.extend(self.size.iter().flat_map(|side| side.to_le_bytes()));
        message.extend_from_slice(&self.frame.t_us.to_le_bytes());
        message.extend(self.times.iter().flat_map(|time| (time.as_micros() as u32).to_le_bytes()));
        message.extend_from_slice(jpeg);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_carry_number_and_time_of_their_frame() {
        let message = *b"MF\x02\x00\x07\0\0\0\x08\0\x09\0\x09\x08\x07\x06jpeg";
        let (frame, jpeg) = FrameHeader::split(&message).unwrap();
        assert_eq!(frame, FrameHeader { seq: 7, width: 8, height: 9, t_us: 0x0607_0809 });
        assert!(jpeg == b"jpeg" && frame.has_picture() && FrameHeader::lenient(&message) == frame);
        let (empty, none) = (FrameHeader::without_picture(7), FrameHeader { seq: 7, ..FrameHeader::default() });
        assert_eq!(FrameHeader::split(&empty).unwrap(), (none, &[][..]));
        let picture = PictureHeader { frame, size: [5, 6], times: [1, 2, 3].map(Duration::from_micros) };
        assert_eq!(
            picture.join(&[42]),
            *b"MF\x02\x00\x07\0\0\0\x05\0\x06\0\x09\x08\x07\x06\x01\0\0\0\x02\0\0\0\x03\0\0\0\x2a"
        );
    }

    #[test]
    fn what_is_no_frame_is_refused_with_the_reason() {
        for (message, word) in [
            (&b"MF\x01\x00............"[..], "version 1: expected version 2"),
            (b"MF\x02\x01............", "format 1"),
            (b"MG\x02\x00............", "not a frame"),
            (b"MF", "not a frame"),
            (b"", "not a frame"),
        ] {
            let error = FrameHeader::split(message).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(FrameHeader::lenient(b""), FrameHeader::default());
        assert_eq!(FrameHeader::lenient(b"MF\x09\x00\x05\0\0\0").seq, 5);
    }
}
