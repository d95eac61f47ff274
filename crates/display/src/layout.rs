//! Sets viewer and reflection side by side, for films.

use frame::Image;
use std::borrow::Borrow;

/// A whole picture inside a black square of `side` pixels.
pub fn fitted(picture: &Image, side: usize) -> Image {
    let longer = picture.width.max(picture.height);
    let mut square = Image { width: side, height: side, data: vec![0; side * side * 3] };
    let (left, top) = ((longer - picture.width) / 2, (longer - picture.height) / 2);
    for (i, pixel) in square.data.chunks_exact_mut(3).enumerate() {
        // Of the square around the picture, in its pixels.
        let (x, y) = (i % side * longer / side, i / side * longer / side);
        if let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top))
            && x < picture.width
            && y < picture.height
        {
            let from = (y * picture.width + x) * 3;
            pixel.copy_from_slice(&picture.data[from..from + 3]);
        }
    }
    square
}

/// The viewer, and beside them a square with the reflection; black where nobody is.
pub fn side_by_side(viewer: &Image, reflection: Option<&Image>) -> Image {
    let (side, width) = (viewer.height, viewer.width + viewer.height);
    let mut both = Image { width, height: side, data: vec![0; width * side * 3] };
    for (y, row) in both.data.chunks_exact_mut(width * 3).enumerate() {
        let (left, right) = row.split_at_mut(viewer.width * 3);
        left.copy_from_slice(&viewer.data[y * viewer.width * 3..][..viewer.width * 3]);
        let Some(r) = reflection else { continue };
        for (x, pixel) in right.chunks_exact_mut(3).enumerate() {
            let from = (y * r.height / side * r.width + x * r.width / side) * 3;
            pixel.copy_from_slice(&r.data[from..from + 3]);
        }
    }
    both
}

/// Pictures of one height in a row, from left to right.
///
/// # Panics
/// If their heights differ.
pub fn row(pictures: &[impl Borrow<Image>]) -> Image {
    let pictures = || pictures.iter().map(Borrow::borrow);
    let height = pictures().next().map_or(0, |p| p.height);
    assert!(pictures().all(|p| p.height == height), "pictures of one height");
    let mut row = Image::flat(pictures().map(|p| p.width).sum(), height, [0; 3]);
    let mut left = 0;
    for picture in pictures() {
        row.paste(picture, left, 0);
        left += picture.width;
    }
    row
}

/// A picture enlarged to a square of `side` pixels, each pixel as a block.
pub fn enlarged(picture: &Image, side: usize) -> Image {
    let nobody = Image { width: 0, height: side, data: Vec::new() };
    side_by_side(&nobody, Some(picture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_its_pictures_from_left_to_right() {
        let both = row(&[Image::flat(1, 2, [1; 3]), Image::flat(2, 2, [2; 3])]);
        assert_eq!((both.width, both.height, both.pixel(0, 1), both.pixel(2, 0)), (3, 2, [1; 3], [2; 3]));
        assert!(row(&[] as &[Image]).data.is_empty());
    }

    #[test]
    fn nobody_leaves_the_right_side_black() {
        let viewer = Image { width: 4, height: 2, data: vec![7; 24] };
        let both = side_by_side(&viewer, None);
        assert_eq!((both.width, both.data[..12].to_vec(), both.data[12..18].to_vec()), (6, vec![7; 12], vec![0; 6]));
        let red = Image { width: 1, height: 1, data: vec![9, 0, 0] };
        assert_eq!(side_by_side(&viewer, Some(&red)).data[12..18], [9, 0, 0, 9, 0, 0]);
    }
}
