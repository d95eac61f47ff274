//! Portable pixmaps (PPM, binary, 8 bits), as ffmpeg writes them one after the other into a pipe.

use super::{MAX_PIXELS, MAX_SIDE};
use crate::Image;
use std::io::{BufRead, Error, ErrorKind, Read};

/// The longest header that is read, bytes.
const MAX_HEADER: usize = 64;

impl Image {
    /// Reads a PPM picture with the header `P6 WIDTH HEIGHT 255`; `None` at the end of the stream.
    ///
    /// # Errors
    /// If the stream breaks off in the middle, or it is not such a picture.
    pub fn read_ppm(stream: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let wrong = || Error::from(ErrorKind::InvalidData);
        let Some(header) = header(stream)? else { return Ok(None) };
        let [b"P6", width, height, b"255"] = header.split(|b| *b == b' ').collect::<Vec<_>>()[..] else {
            return Err(wrong());
        };
        let number =
            |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok().filter(|n| (1..=MAX_SIDE).contains(n));
        let (width, height) = number(width).zip(number(height)).ok_or_else(wrong)?;
        if width * height > MAX_PIXELS {
            return Err(wrong());
        }
        let mut data = vec![0; width * height * 3];
        stream.read_exact(&mut data)?;
        Ok(Some(Self { width, height, data }))
    }
}

/// The four words before the pixels, with one space between them; `None` where the stream has ended.
fn header(stream: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let (mut header, mut words) = (Vec::new(), 0);
    for byte in stream.take(MAX_HEADER as u64).bytes() {
        let byte = byte?;
        words += usize::from(byte.is_ascii_whitespace());
        if words == 4 {
            return Ok(Some(header));
        }
        header.push(if byte.is_ascii_whitespace() { b' ' } else { byte });
    }
    if header.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_one_after_the_other_until_the_stream_ends() {
        let mut stream = &b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz"[..];
        let first = Image::read_ppm(&mut stream).unwrap().unwrap();
        assert_eq!((first.width, first.height, first.pixel(1, 0)), (2, 1, *b"def"));
        assert_eq!(Image::read_ppm(&mut stream).unwrap().unwrap().pixel(0, 0), *b"xyz");
        assert_eq!(Image::read_ppm(&mut stream).unwrap(), None);
    }

    #[test]
    fn a_stream_that_breaks_off_or_lies_is_an_error() {
        let whole = b"P6\n2 1\n255\nabcdef";
        for end in 1..whole.len() {
            assert!(Image::read_ppm(&mut &whole[..end]).is_err(), "{end} bytes");
        }
        for lie in [
            "P5\n2 1\n255\nabcdef",
            "P6\n99999 1\n255\n",
            "P6\n16000 16000\n255\n",
            "P6\n0 1\n255\n",
            "P6\n2 1\n65535\n",
        ] {
            assert!(Image::read_ppm(&mut lie.as_bytes()).is_err(), "{lie}");
        }
    }
}
