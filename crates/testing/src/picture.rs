//! Compares pictures, and leaves a picture of the difference behind when they do not match.

use frame::Image;
use std::path::{Path, PathBuf};

/// Asserts that two pictures differ by at most `tolerance` (0 to 255) in every channel of every pixel.
///
/// On failure writes `NAME.diff.png` under `target/picture-diffs`: actual, expected, and eight times the difference.
///
/// # Panics
/// If they differ by more, or in size.
#[track_caller]
pub fn assert_pictures_match(actual: &Image, expected: &Image, tolerance: u8, name: &str) {
    assert_eq!((actual.width, actual.height), (expected.width, expected.height), "{name}: other size");
    let differences = || actual.data.iter().zip(&expected.data).map(|(a, e)| a.abs_diff(*e));
    let worst = differences().max().unwrap_or(0);
    if worst > tolerance {
        let wrong = differences().filter(|d| *d > tolerance).count();
        let saved = match write_difference(actual, expected, name) {
            Ok(path) => format!("see {}", path.display()),
            Err(error) => format!("no picture of the difference: {error}"),
        };
        panic!("{name}: {wrong} values differ by more than {tolerance}, the worst by {worst}; {saved}");
    }
}

fn write_difference(actual: &Image, expected: &Image, name: &str) -> Result<PathBuf, image::ImageError> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/picture-diffs");
    std::fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{name}.diff.png"));
    let row_bytes = actual.width * 3;
    let mut side_by_side = Vec::with_capacity(actual.data.len() * 3);
    for (a, e) in actual.data.chunks_exact(row_bytes).zip(expected.data.chunks_exact(row_bytes)) {
        side_by_side.extend_from_slice(a);
        side_by_side.extend_from_slice(e);
        side_by_side.extend(a.iter().zip(e).map(|(a, e)| a.abs_diff(*e).saturating_mul(8)));
    }
    let (width, height) = ((actual.width * 3) as u32, actual.height as u32);
    image::save_buffer(&path, &side_by_side, width, height, image::ColorType::Rgb8)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(value: u8) -> Image {
        Image { width: 4, height: 2, data: vec![value; 24] }
    }

    #[test]
    fn pictures_within_the_tolerance_match() {
        assert_pictures_match(&grey(100), &grey(102), 2, "grey");
    }

    #[test]
    fn a_failure_leaves_a_picture_behind() {
        let failed = std::panic::catch_unwind(|| assert_pictures_match(&grey(100), &grey(103), 2, "testing-itself"));
        let message = *failed.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("24 values differ by more than 2, the worst by 3"), "{message}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/picture-diffs/testing-itself.diff.png");
        assert_eq!(image::image_dimensions(&path).unwrap(), (12, 2));
        std::fs::remove_file(path).unwrap();
    }
}
