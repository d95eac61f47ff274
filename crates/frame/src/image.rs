//! An 8-bit RGB picture, and the files it comes from and goes to.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Pictures with a longer side than this are refused.
pub const MAX_SIDE: usize = 16_384;
/// Pictures with more pixels than this are refused: 300 MB in memory.
pub const MAX_PIXELS: usize = 100_000_000;

/// An 8-bit RGB picture, rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub data: Vec<u8>,
}

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// None of the formats that we read.
    #[error("not a picture that can be read (JPEG, PNG, WebP, GIF, BMP)")]
    NotAPicture,
    /// A picture of a known format that is cut short or wrong inside.
    #[error("a damaged {format} picture: {why}")]
    Damaged {
        /// Its format.
        format: &'static str,
        /// What the decoder says.
        why: String,
    },
    /// More pixels than anybody's camera has.
    #[error("{width} x {height} pixels, at most {MAX_SIDE} a side and {} million in all are read", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// A file that cannot be used, for one of the other reasons.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ImageError>,
    },
    /// The file system says no.
    #[error("{0}")]
    Io(#[source] std::io::Error),
}

impl Image {
    /// Reads a picture file of any supported format; the content decides, not the name.
    ///
    /// # Errors
    /// If it cannot be read, is no picture, damaged or too large; the error names the file.
    pub fn load(path: &Path) -> Result<Self, ImageError> {
        let read = std::fs::read(path).map_err(ImageError::Io);
        read.and_then(|bytes| Self::decode(&bytes)).map_err(|e| e.in_file(path))
    }

    /// Decodes the bytes of a picture file. Transparent pixels lose their transparency.
    ///
    /// # Errors
    /// If they are no picture, damaged or too large.
    pub fn decode(bytes: &[u8]) -> Result<Self, ImageError> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) { Self::decode_jpeg(bytes) } else { Self::decode_other(bytes) }
    }

    fn decode_jpeg(bytes: &[u8]) -> Result<Self, ImageError> {
        let damaged = |why: String| ImageError::Damaged { format: "JPEG", why };
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX));
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(|e| damaged(e.to_string()))?;
        let (width, height) = decoder.dimensions().ok_or_else(|| damaged("no size".into()))?;
        check_size(width, height)?;
        // The decoder fills what is missing with grey, which the mirror would take for a viewer's skin.
        if !jpeg_is_complete(bytes) {
            return Err(damaged("it is cut short".into()));
        }
        let data = decoder.decode().map_err(|e| damaged(e.to_string()))?;
        if data.len() != width * height * 3 {
            return Err(damaged(format!("{} bytes for {width} x {height} pixels", data.len())));
        }
        Ok(Self { width, height, data })
    }

    fn decode_other(bytes: &[u8]) -> Result<Self, ImageError> {
        let format = image::guess_format(bytes).map_err(|_| ImageError::NotAPicture)?;
        let name = format.extensions_str().first().copied().unwrap_or("unknown");
        let damaged = |e: image::ImageError| match e {
            image::ImageError::Unsupported(_) => ImageError::NotAPicture,
            e => ImageError::Damaged { format: name, why: e.to_string() },
        };
        let reader = || image::ImageReader::with_format(Cursor::new(bytes), format);
        let (width, height) = reader().into_dimensions().map_err(damaged)?;
        check_size(width as usize, height as usize)?;
        let picture = reader().decode().map_err(damaged)?.into_rgb8();
        Ok(Self { width: width as usize, height: height as usize, data: picture.into_raw() })
    }

    /// The bytes of a PNG file.
    ///
    /// # Panics
    /// If the data does not fit the size.
    pub fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        image::ImageEncoder::write_image(
            image::codecs::png::PngEncoder::new(&mut bytes),
            &self.data,
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )
        .expect("memory takes every PNG of a well-formed picture");
        bytes
    }

    /// Writes a PNG file: first beside it, then renamed, so that a reader never sees half of it.
    ///
    /// # Errors
    /// If it cannot be written; then nothing is left behind.
    pub fn save(&self, path: &Path) -> Result<(), ImageError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(&self.to_png()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|e| {
            // Nothing more can be done if this fails too; the first error says what is wrong.
            let _ = std::fs::remove_file(&beside);
            ImageError::Io(e).in_file(path)
        })
    }
}

impl ImageError {
    fn in_file(self, path: &Path) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}

fn check_size(width: usize, height: usize) -> Result<(), ImageError> {
    let fits = width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_PIXELS;
    if fits { Ok(()) } else { Err(ImageError::TooLarge { width, height }) }
}

/// Whether the end marker stands behind the first scan; inside a scan its bytes cannot occur.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4).and_then(|b| <&[u8; 4]>::try_from(b).ok()) {
        if marker == 0xff {
            at += 1;
            continue;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xda {
            return bytes.get(at..).is_some_and(|scan| scan.windows(2).any(|w| w == [0xff, 0xd9]));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize, height: usize) -> Image {
        let data = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 60]).collect();
        Image { width, height, data }
    }

    #[test]
    fn a_png_gives_back_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        slope(40, 30).save(&path).unwrap();
        assert_eq!(Image::load(&path).unwrap(), slope(40, 30));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file_and_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(name), bytes).unwrap();
            Image::load(&dir.path().join(name)).unwrap_err().to_string()
        };
        let png = slope(40, 30).to_png();
        assert!(file("text.jpg", b"Dear diary").contains("text.jpg: not a picture"));
        assert!(file("cut.png", &png[..png.len() / 2]).contains("damaged png"));
        assert!(file("cut.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0, 16]).contains("damaged JPEG"));
        assert!(file("wide.png", &slope(20_000, 2).to_png()).contains("20000 x 2 pixels"));
        assert!(Image::load(&dir.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
    }
}
