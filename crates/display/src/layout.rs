//! Sets viewer and reflection side by side, for films.

use frame::Image;
use mirror::generator::Picture;
use std::borrow::Borrow;
use std::sync::Arc;

/// A picture at another size for people to look at: enlarged smoothly (Catmull-Rom), shrunk by averaging.
pub fn scaled(picture: &Image, width: usize, height: usize) -> Image {
    let mut scaled = Image::flat(width, height, [0; 3]);
    let from = (picture.width, picture.height);
    kernels::resize_smoothly(&picture.data, from, &mut scaled.data, (width, height));
    scaled
}

/// A whole picture inside a black square of `side` pixels.
pub fn fitted(picture: &Image, side: usize) -> Image {
    let longer = picture.width.max(picture.height).max(1);
    let [width, height] = [picture.width, picture.height].map(|s| (s * side + longer / 2) / longer);
    let mut square = Image::flat(side, side, [0; 3]);
    square.paste(&scaled(picture, width, height), (side - width) / 2, (side - height) / 2);
    square
}

/// The viewer, and beside them a square with the reflection; black where nobody is.
pub fn side_by_side(viewer: &Image, reflection: Option<&Image>) -> Image {
    let side = viewer.height;
    let mut both = Image::flat(viewer.width + side, side, [0; 3]);
    both.paste(viewer, 0, 0);
    if let Some(reflection) = reflection {
        both.paste(&scaled(reflection, side, side), viewer.width, 0);
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

/// The reflections of a mirror in a row.
pub(crate) fn row_of<'a>(pictures: impl IntoIterator<Item = &'a Arc<Picture>>) -> Image {
    row(&pictures.into_iter().map(|picture| picture.pixels()).collect::<Vec<_>>())
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

    #[test]
    fn a_reflection_is_enlarged_smoothly() {
        let mut reflection = Image::flat(4, 4, [0; 3]);
        reflection.paste(&Image::flat(2, 4, [200; 3]), 2, 0);
        let both = side_by_side(&Image::flat(1, 40, [0; 3]), Some(&reflection));
        let line: Vec<u8> = (1..41).map(|x| both.pixel(x, 20)[0]).collect();
        assert!(line.windows(2).all(|w| w[0].abs_diff(w[1]) < 40), "no step of a block: {line:?}");
        assert!(line[3] == 0 && line[36] == 200, "{line:?}");
    }

    #[test]
    fn a_picture_fits_whole_into_its_square() {
        for (width, height) in [(7, 3), (3, 7), (5, 5), (300, 200), (0, 0)] {
            let square = fitted(&Image::flat(width, height, [9; 3]), 40);
            let filled = square.data.iter().filter(|v| **v == 9).count() / 3;
            let (short, long) = (width.min(height), width.max(height).max(1));
            assert_eq!((square.width, square.height), (40, 40));
            assert!(filled.abs_diff(40 * 40 * short / long) <= 40, "{width} x {height}: {filled}");
        }
    }
}
