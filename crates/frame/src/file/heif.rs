//! HEIC and AVIF: still pictures that are coded like a film's. Both lie in the boxes of ISO/IEC 23008-12 (HEIF), which also say
//! how the camera was held.

use super::{ImageError, MAX_PIXELS, MAX_SIDE, check_size, one_line};
use crate::Image;
use std::io::{BufReader, Write};
use std::process::Stdio;

/// Brands of pictures coded with HEVC. `mif1` says nothing about the codec, but files with AV1 in them also name `avif`.
const HEIC: [&[u8; 4]; 7] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"];

pub(super) fn is_heic(bytes: &[u8]) -> bool {
    brands(bytes).any(|brand| HEIC.iter().any(|known| *known == brand)) && !is_avif(bytes)
}

pub(super) fn is_avif(bytes: &[u8]) -> bool {
    brands(bytes).any(|brand| brand == b"avif" || brand == b"avis")
}

/// The brands that the file names: four letters each, and a version number that no brand equals.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first = boxes(bytes).next().filter(|(name, _)| *name == b"ftyp");
    first.map_or(&[][..], |(_, content)| content).chunks_exact(4)
}

/// Decodes a HEIC picture, upright, in the colours of sRGB: phones take pictures in Display P3.
pub(super) fn decode_heic(bytes: &[u8], max_side: usize) -> Result<Image, ImageError> {
    let damaged = |why: String| ImageError::Damaged { format: "HEIC", why };
    // The decoder makes up what is missing at the end.
    if child(bytes, b"mdat").is_none() {
        return Err(damaged("it is cut short".into()));
    }
    // Pictures made of other pictures may name one of them over and over, each time as large as it likes.
    if child(bytes, b"meta").is_some_and(|meta| meta.windows(4).any(|name| name == b"iovl")) {
        return Err(damaged("it is laid over others".into()));
    }
    let options = heifer::Options { max_threads: 0, max_pixels: MAX_PIXELS.min(max_side * max_side) as u64 };
    let picture = heifer::decode_srgb_rgba8(bytes, &options)
        // A colour space that it cannot convert, such as HDR's, is taken as it is.
        .or_else(|_| heifer::decode_rgba8(bytes, &options))
        .map_err(|e| damaged(one_line(&e)))?;
    let (width, height) = (picture.width as usize, picture.height as usize);
    check_size(width, height, max_side)?;
    Image::new(width, height, picture.into_rgb8()).ok_or_else(|| damaged(format!("no {width} x {height} pixels")))
}

/// Decodes an AVIF picture, upright, through ffmpeg.
pub(super) fn decode_avif(bytes: &[u8]) -> Result<Image, ImageError> {
    let damaged = |why: &str| ImageError::Damaged { format: "AVIF", why: why.into() };
    let mut child = host::ffmpeg()?
        // The picture is turned below: only newer versions of ffmpeg know how.
        .args(["-hide_banner", "-loglevel", "error", "-noautorotate", "-i", "pipe:0"])
        .args(["-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "pipe:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ImageError::Io)?;

    // The file goes in while the picture comes out. ffmpeg may have read enough before the end.
    let (mut input, mut output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
    let picture = std::thread::scope(|scope| {
        scope.spawn(move || input.as_mut().map(|pipe| pipe.write_all(bytes)));
        output.as_mut().and_then(|pipe| Image::read_ppm(pipe).ok().flatten())
    });
    // The picture is there, or it is not; what the child says at its end changes nothing.
    let _ = child.kill();
    let _ = child.wait();
    let picture = picture.ok_or_else(|| damaged("ffmpeg finds no picture in it"))?;
    check_size(picture.width, picture.height, MAX_SIDE)?;
    Ok(upright(&picture, bytes))
}

/// Turns a picture as the properties `irot` and `imir` ask, in their order in the file (ISO/IEC 23008-12, 6.5.10 and 6.5.12). A file
/// whose pictures disagree about them is not told apart: cameras write one picture, its thumbnail and its transparency.
fn upright(picture: &Image, bytes: &[u8]) -> Image {
    // `meta` begins with a version and flags.
    let properties = child(bytes, b"meta")
        .and_then(|meta| child(meta.get(4..)?, b"iprp"))
        .and_then(|properties| child(properties, b"ipco"))
        .unwrap_or_default();
    let (mut turned, mut mirrored) = (None, None);
    for (name, content) in boxes(properties) {
        let value = content.first().copied().unwrap_or(0);
        match name {
            b"irot" => turned = turned.or(Some(value & 3)),
            b"imir" => mirrored = mirrored.or(Some(value & 1)),
            _ => {}
        }
    }
    // Quarters anticlockwise; then 0 exchanges top and bottom, 1 left and right.
    let picture = picture.turned(4 - turned.unwrap_or(0));
    match mirrored {
        Some(0) => picture.turned(2).flip_horizontal(),
        Some(_) => picture.flip_horizontal(),
        None => picture,
    }
}

/// What the first box of this name holds.
fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| *found == name).map(|(_, content)| content)
}

/// The boxes one after the other, each a name and what it holds, up to the first that is longer than what is left.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = match u32::from_be_bytes(*length) {
            // To the end of the file; or too long for 32 bits.
            0 => (rest.len(), rest),
            1 => {
                let (long, rest) = rest.split_first_chunk::<8>()?;
                (usize::try_from(u64::from_be_bytes(*long)).ok()?.checked_sub(16)?, rest)
            }
            length => ((length as usize).checked_sub(8)?, rest),
        };
        let (content, after) = rest.split_at_checked(length)?;
        bytes = after;
        Some((name, content))
    })
}
