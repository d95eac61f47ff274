//! Moving GIF, WebP and PNG files.

use crate::Image;
use crate::file::{ImageError, MAX_SIDE, check_size, one_line};
use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, Frames, ImageDecoder, ImageReader};
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;
use std::time::Duration;

/// A delay this short or shorter means that nobody chose one; browsers then wait for [`USUAL`].
const SHORTEST: Duration = Duration::from_millis(10);
const USUAL: Duration = Duration::from_millis(100);

/// The pictures of a moving GIF, WebP or PNG file, each with the time for which it is shown.
pub struct Animation {
    frames: Frames<'static>,
    format: &'static str,
    /// Read to know whether there are two.
    first: std::collections::VecDeque<(Image, Duration)>,
}

impl Animation {
    /// Opens a file; `None` where it is of another format, or has one picture only.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged at its first two pictures, or too large; the error names the file.
    pub fn open(path: &Path) -> Result<Option<Self>, ImageError> {
        // Of a film of gigabytes only the beginning is read.
        let file = std::fs::File::open(path).map_err(ImageError::Io);
        file.and_then(|file| Self::read(BufReader::new(file))).map_err(|e| e.in_file(path))
    }

    fn read(file: impl BufRead + Seek + 'static) -> Result<Option<Self>, ImageError> {
        let Some((format, frames)) = frames(file)? else { return Ok(None) };
        let mut animation = Self { frames, format, first: Default::default() };
        for _ in 0..2 {
            let Some(frame) = animation.decode_next()? else { return Ok(None) };
            animation.first.push_back(frame);
        }
        Ok(Some(animation))
    }

    /// The next picture and for how long it is shown; `None` after the last.
    ///
    /// # Errors
    /// If the file is damaged here.
    pub fn next_frame(&mut self) -> Result<Option<(Image, Duration)>, ImageError> {
        if let Some(frame) = self.first.pop_front() {
            return Ok(Some(frame));
        }
        self.decode_next()
    }

    fn decode_next(&mut self) -> Result<Option<(Image, Duration)>, ImageError> {
        let Some(frame) = self.frames.next() else { return Ok(None) };
        let frame = frame.map_err(|e| ImageError::Damaged { format: self.format, why: one_line(&e) })?;
        let delay = Duration::from(frame.delay());
        let picture = image::DynamicImage::from(frame.into_buffer()).into_rgb8();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let picture = Image { width, height, data: picture.into_raw() };
        Ok(Some((picture, if delay <= SHORTEST { USUAL } else { delay })))
    }
}

/// Decodes one after the other; `None` where the file does not say that it moves (a GIF never does).
fn frames(file: impl BufRead + Seek + 'static) -> Result<Option<(&'static str, Frames<'static>)>, ImageError> {
    let file = ImageReader::new(file).with_guessed_format().map_err(ImageError::Io)?;
    let Some(format) = file.format() else { return Ok(None) };
    let file = file.into_inner();
    let name = match format {
        image::ImageFormat::Gif => "GIF",
        image::ImageFormat::WebP => "WebP",
        image::ImageFormat::Png => "PNG",
        _ => return Ok(None),
    };
    let damaged = |e: image::ImageError| ImageError::Damaged { format: name, why: one_line(&e) };
    let fits = |(width, height): (u32, u32)| check_size(width as usize, height as usize, MAX_SIDE);
    let frames = match format {
        image::ImageFormat::Gif => {
            let decoder = GifDecoder::new(file).map_err(damaged)?;
            fits(decoder.dimensions())?;
            decoder.into_frames()
        }
        image::ImageFormat::WebP => {
            let decoder = WebPDecoder::new(file).map_err(damaged)?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            fits(decoder.dimensions())?;
            decoder.into_frames()
        }
        _ => {
            let decoder = PngDecoder::new(file).map_err(damaged)?;
            if !decoder.is_apng().map_err(damaged)? {
                return Ok(None);
            }
            fits(decoder.dimensions())?;
            decoder.apng().map_err(damaged)?.into_frames()
        }
    };
    Ok(Some((name, frames)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::gif::GifEncoder;
    use image::{Delay, Frame, RgbaImage};
    use std::io::Cursor;

    fn gif(colours: &[(u8, u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for (grey, ms) in colours {
            let picture = RgbaImage::from_pixel(4, 3, [*grey, *grey, *grey, 255].into());
            encoder.encode_frame(Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(*ms, 1))).unwrap();
        }
        drop(encoder);
        bytes
    }

    #[test]
    fn pictures_come_in_order_with_their_times() {
        let mut film = Animation::read(Cursor::new(gif(&[(0, 50), (255, 0), (0, 700)]))).unwrap().unwrap();
        let mut seen = Vec::new();
        while let Some((picture, delay)) = film.next_frame().unwrap() {
            assert_eq!((picture.width, picture.height), (4, 3));
            seen.push((picture.pixel(0, 0)[0], delay.as_millis()));
        }
        assert_eq!(seen, [(0, 50), (255, 100), (0, 700)]);
    }

    #[test]
    fn a_still_picture_does_not_move() {
        for still in [gif(&[(9, 50)]), Image::flat(3, 3, [1; 3]).to_png(), b"no picture".to_vec(), Vec::new()] {
            assert!(Animation::read(Cursor::new(still)).unwrap().is_none());
        }
    }

    #[test]
    fn a_moving_picture_cut_anywhere_ends_or_says_so() {
        let whole = gif(&[(0, 50), (255, 50), (9, 50)]);
        for end in 0..whole.len() {
            let Ok(Some(mut film)) = Animation::read(Cursor::new(whole[..end].to_vec())) else { continue };
            let mut frames = 0;
            while let Ok(Some(_)) = film.next_frame() {
                frames += 1;
            }
            assert!((2..=3).contains(&frames), "{end} bytes give {frames} frames");
        }
    }
}
