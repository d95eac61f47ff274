//! The files that a picture comes from and goes to.

mod heif;
mod jpeg;
mod ppm;

use crate::Image;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Pictures with a longer side than this are refused.
pub const MAX_SIDE: usize = 16_384;
/// Pictures with more pixels than this are refused: 192 MB in memory.
pub const MAX_PIXELS: usize = 64_000_000;

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// None of the formats that we read.
    #[error("not a picture: {0}; JPEG, PNG, WebP, GIF, TIFF, HEIC, AVIF and BMP can be read")]
    NotAPicture(String),
    /// A known format that is not read.
    #[error("{what}, not a picture that can be read\nhint: {hint}")]
    Stranger {
        /// What it is.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// AVIF pictures are decoded by ffmpeg.
    #[error("an AVIF picture, and {0}")]
    Avif(#[from] host::NoFfmpeg),
    /// A picture of a known format that is cut short or wrong inside.
    #[error("a damaged {format} picture: {why}")]
    Damaged {
        /// Its format.
        format: &'static str,
        /// What the decoder says.
        why: String,
    },
    /// More pixels than anybody's camera has.
    #[error("{width} x {height} pixels, at most {max_side} a side and {} million in all are read", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The longest side that is read.
        max_side: usize,
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

impl ImageError {
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::File { path: path.to_owned(), source: Box::new(self) }
    }
}

impl Image {
    /// Reads a picture file of any supported format, upright; the content decides, not the name.
    ///
    /// # Errors
    /// If it cannot be read, is no picture, damaged or too large; the error names the file.
    pub fn load(path: &Path) -> Result<Self, ImageError> {
        let read = std::fs::read(path).map_err(ImageError::Io);
        read.and_then(|bytes| if heif::is_avif(&bytes) { heif::decode_avif(&bytes) } else { Self::decode(&bytes) })
            .map_err(|e| e.in_file(path))
    }

    /// Decodes the bytes of a picture file and turns it upright where the file says how the camera was held.
    /// Transparent pixels lose their transparency; of an animation the first picture counts. AVIF is read by
    /// [`load`](Self::load) only, as that starts another program.
    ///
    /// # Errors
    /// If they are no picture, damaged or too large.
    pub fn decode(bytes: &[u8]) -> Result<Self, ImageError> {
        Self::decode_within(bytes, MAX_SIDE)
    }

    /// The same for pictures of strangers: a side longer than `max_side` pixels is refused before memory is spent on it.
    ///
    /// # Errors
    /// If they are no picture, damaged or too large.
    pub fn decode_within(bytes: &[u8], max_side: usize) -> Result<Self, ImageError> {
        let max_side = max_side.min(MAX_SIDE);
        match bytes {
            [0xff, 0xd8, 0xff, ..] => jpeg::decode(bytes, max_side),
            _ if heif::is_heic(bytes) => heif::decode_heic(bytes, max_side),
            _ => decode_other(bytes, max_side),
        }
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

    /// Writes a PNG file, whole or not at all (see [`host::write_atomically`]).
    ///
    /// # Errors
    /// If it cannot be written; then nothing is left behind.
    pub fn save(&self, path: &Path) -> Result<(), ImageError> {
        host::write_atomically(path, &self.to_png()).map_err(|e| ImageError::Io(e.source).in_file(path))
    }
}

fn decode_other(bytes: &[u8], max_side: usize) -> Result<Image, ImageError> {
    let format = image::guess_format(bytes).map_err(|_| refusal(bytes))?;
    let name = match format {
        image::ImageFormat::Png => "PNG",
        image::ImageFormat::WebP => "WebP",
        image::ImageFormat::Gif => "GIF",
        image::ImageFormat::Bmp => "BMP",
        image::ImageFormat::Tiff => "TIFF",
        _ => return Err(refusal(bytes)),
    };
    let damaged = |e: image::ImageError| ImageError::Damaged { format: name, why: one_line(&e) };
    let reader = || image::ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(damaged)?;
    check_size(width as usize, height as usize, max_side)?;
    let mut decoder = reader().into_decoder().map_err(damaged)?;
    let held = image::ImageDecoder::orientation(&mut decoder).ok();
    Ok(upright(image::DynamicImage::from_decoder(decoder).map_err(damaged)?, held))
}

fn upright(mut picture: image::DynamicImage, held: Option<image::metadata::Orientation>) -> Image {
    if let Some(held) = held {
        picture.apply_orientation(held);
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Image { width, height, data: picture.into_rgb8().into_raw() }
}

pub(crate) fn check_size(width: usize, height: usize, max_side: usize) -> Result<(), ImageError> {
    let fits = width <= max_side && height <= max_side && width * height <= MAX_PIXELS;
    if fits { Ok(()) } else { Err(ImageError::TooLarge { width, height, max_side }) }
}

/// Where known strangers have their mark, the mark, what they are, and what to do.
const STRANGERS: [(usize, &[u8], &str, &str); 6] = [
    (4, b"ftypavi", "an AVIF picture", "AVIF is read from a file only"),
    (4, b"ftyp", "a film", "its name must end as films' do, in .mp4 or the like"),
    (0, b"\x1a\x45\xdf\xa3", "a film", "its name must end as films' do, in .mkv or .webm"),
    (0, b"%PDF", "a PDF document", "save the picture in it as JPEG or PNG"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture", "save it as JPEG or PNG"),
    (0, b"8BPS", "a Photoshop document", "save it as JPEG or PNG"),
];

/// Why bytes are refused that are of no format that is read.
fn refusal(bytes: &[u8]) -> ImageError {
    let known = STRANGERS.into_iter().find(|(at, mark, ..)| bytes.get(*at..).is_some_and(|b| b.starts_with(mark)));
    if let Some((_, _, what, hint)) = known {
        return ImageError::Stranger { what, hint };
    }
    if bytes.is_empty() {
        return ImageError::NotAPicture("the file is empty".into());
    }
    let start = &bytes[..bytes.len().min(12)];
    ImageError::NotAPicture(format!("it starts with \"{}\"", start.escape_ascii()))
}

pub(crate) fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize, height: usize) -> Image {
        let data = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 60]).collect();
        Image { width, height, data }
    }

    /// A noisy picture, so that its JPEG is long.
    fn jpeg(width: u16, height: u16, progressive: bool) -> Vec<u8> {
        let (w, h) = (usize::from(width), usize::from(height));
        let data: Vec<u8> = (0..w * h * 3).map(|i| (i * 7919 % 251) as u8).collect();
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder.set_progressive(progressive);
        encoder.encode(&data, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    }

    #[test]
    fn a_png_gives_back_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        for picture in [slope(40, 30), slope(1, 1)] {
            picture.save(&path).unwrap();
            assert_eq!(Image::load(&path).unwrap(), picture);
        }
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
        assert!(file("text.jpg", b"Dear\ndiary").contains("text.jpg: not a picture: it starts with \"Dear\\ndiary\""));
        assert!(file("empty.jpg", b"").contains("the file is empty"));
        assert!(file("cut.png", &png[..png.len() / 2]).contains("damaged PNG"));
        assert!(file("cut.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0, 16]).contains("damaged JPEG"));
        assert!(file("icon.png", &[0, 0, 1, 0, 1, 0, 16, 16]).contains("not a picture"));
        assert!(
            file("film.jpg", b"\0\0\0\x18ftypisom")
                .contains("film.jpg: a film, not a picture that can be read\nhint: ")
        );
        let wide = file("wide.png", &slope(20_000, 2).to_png());
        assert!(wide.contains("20000 x 2 pixels") && wide.contains("16384"), "{wide}");
        let large = file("large.jpg", &jpeg(9_000, 8_000, false));
        assert!(large.contains("9000 x 8000 pixels") && large.contains("64 million"), "{large}");
        assert!(Image::load(&dir.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
    }

    #[test]
    fn a_jpeg_cut_anywhere_is_an_error() {
        for progressive in [false, true] {
            let whole = jpeg(48, 40, progressive);
            assert_eq!(Image::decode(&whole).unwrap().width, 48);
            for end in 0..whole.len() {
                assert!(Image::decode(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn a_picture_that_lies_about_its_size_is_an_error() {
        let mut lying = slope(40, 30).to_png();
        lying[22..24].copy_from_slice(&4000u16.to_be_bytes());
        assert!(Image::decode(&lying).is_err());
        let mut immense = jpeg(48, 40, false);
        let size = immense.windows(2).position(|w| w == [0xff, 0xc0]).unwrap() + 5;
        immense[size..size + 4].fill(0xff);
        assert!(Image::decode(&immense).unwrap_err().to_string().contains("65535 x 65535 pixels"));
    }

    #[test]
    fn a_photograph_taken_sideways_stands_upright() {
        // A TIFF header and one entry: orientation (0x112), a short, 6: the camera was turned a quarter.
        let exif =
            [&b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"[..]].concat();
        let plain = jpeg(48, 40, false);
        let turned = [&plain[..2], &exif, &plain[2..]].concat();
        let (plain, turned) = (Image::decode(&plain).unwrap(), Image::decode(&turned).unwrap());
        assert_eq!((turned.width, turned.height), (40, 48));
        assert_eq!(turned.pixel(39, 0), plain.pixel(0, 0));
    }

    /// The fixtures of one format, with the orientation that each is stored for.
    fn held_in_all_ways(stem: &str, extension: &str) -> impl Iterator<Item = (usize, PathBuf)> {
        let name = move |n| format!("pictures/{stem}-{n}.{extension}");
        let files: Vec<_> = (1..=8).map(|n| (n, testing::testdata().join(name(n)))).collect();
        files.into_iter()
    }

    fn assert_upright(picture: &Image, what: &str) {
        assert_eq!((picture.width, picture.height), (48, 32), "{what}");
        let quarters =
            [(12, 8, [220, 30, 30]), (36, 8, [30, 180, 30]), (12, 24, [30, 30, 220]), (36, 24, [220, 220, 30])];
        for (x, y, colour) in quarters {
            let found = picture.pixel(x, y);
            let error = (0..3).map(|c| found[c].abs_diff(colour[c])).max().unwrap_or(0);
            assert!(error < 12, "{what} at ({x}, {y}): {found:?}, not {colour:?}");
        }
    }

    #[test]
    fn pictures_of_every_format_come_in_upright_however_the_camera_was_held() {
        for (stem, extension) in [("jpeg", "jpg"), ("tiff", "tif"), ("heic", "heic"), ("avif", "avif")] {
            if stem == "avif" && host::ffmpeg().is_err() {
                eprintln!("skipped: AVIF pictures; ffmpeg is not in PATH");
                continue;
            }
            for (n, path) in held_in_all_ways(stem, extension) {
                assert_upright(&Image::load(&path).unwrap(), &format!("{stem} {n}"));
            }
        }
    }

    #[test]
    fn a_heic_or_tiff_cut_anywhere_is_an_error() {
        for file in ["pictures/heic-5.heic", "pictures/tiff-6.tif"] {
            let whole = std::fs::read(testing::testdata().join(file)).unwrap();
            for end in 0..whole.len() {
                assert!(Image::decode(&whole[..end]).is_err(), "{file}: {end} of {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn an_avif_is_decoded_from_files_only_and_a_damaged_one_is_an_error() {
        let whole = std::fs::read(testing::testdata().join("pictures/avif-1.avif")).unwrap();
        assert!(Image::decode(&whole).unwrap_err().to_string().contains("an AVIF picture"));
        if host::ffmpeg().is_ok() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("cut.avif");
            std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            assert!(Image::load(&path).unwrap_err().to_string().contains("damaged AVIF"));
        }
    }

    #[test]
    fn every_photograph_of_strangers_can_be_read() {
        let Some(data) = testing::data_root_or_skip("every_photograph_of_strangers_can_be_read") else { return };
        let (mut folders, mut read) = (vec![data.join("eval")], 0);
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for path in entries.map(|e| e.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "jpg") {
                    Image::load(&path).unwrap();
                    read += 1;
                }
            }
        }
        if read == 0 {
            eprintln!("skipped: no photographs in {}", data.display());
        }
    }
}
