//! An 8-bit RGB picture in memory.

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

impl Image {
    /// A picture of one colour.
    pub fn flat(width: usize, height: usize, rgb: [u8; 3]) -> Self {
        Self { width, height, data: rgb.repeat(width * height) }
    }

    /// A picture of these bytes; `None` if they do not fit the size.
    pub fn new(width: usize, height: usize, data: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (data.len() == bytes).then_some(Self { width, height, data })
    }

    /// The colour of a pixel.
    ///
    /// # Panics
    /// If it lies outside.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "({x}, {y}) outside of {} x {}", self.width, self.height);
        let at = (y * self.width + x) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// The part of it that lies inside a box with its top left corner at (left, top); may be empty.
    pub fn crop(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let (left, top) = (left.min(self.width), top.min(self.height));
        let (width, height) = (width.min(self.width - left), height.min(self.height - top));
        let row = |y: usize| &self.data[((top + y) * self.width + left) * 3..][..width * 3];
        Self { width, height, data: (0..height).flat_map(row).copied().collect() }
    }

    /// Becomes so much of itself, 0 to 1, over another of its size, which it dissolves from.
    ///
    /// # Panics
    /// If their sizes differ.
    pub fn dissolve_from(&mut self, before: &Self, share: f32) {
        assert_eq!((self.width, self.height), (before.width, before.height), "pictures of one size");
        for (after, before) in self.data.iter_mut().zip(&before.data) {
            let (old, new) = (f32::from(*before), f32::from(*after));
            *after = (old + share * (new - old)).round() as u8;
        }
    }

    /// Lays a picture onto it with its top left corner at (left, top); what does not fit is cut off.
    pub fn paste(&mut self, picture: &Self, left: usize, top: usize) {
        let (left, top) = (left.min(self.width), top.min(self.height));
        let width = picture.width.min(self.width - left);
        for y in 0..picture.height.min(self.height - top) {
            let to = ((top + y) * self.width + left) * 3;
            self.data[to..to + width * 3].copy_from_slice(&picture.data[y * picture.width * 3..][..width * 3]);
        }
    }

    /// Left and right exchanged, as a mirror does.
    pub fn flip_horizontal(&self) -> Self {
        let row_bytes = (self.width * 3).max(1);
        let flipped = self.data.chunks_exact(row_bytes).flat_map(|row| row.as_chunks::<3>().0.iter().rev()).flatten();
        Self { width: self.width, height: self.height, data: flipped.copied().collect() }
    }

    /// Turned clockwise by so many quarters of a circle.
    pub fn turned(&self, quarters: u8) -> Self {
        let (w, h) = (self.width, self.height);
        let (width, height) = if quarters.is_multiple_of(2) { (w, h) } else { (h, w) };
        let mut turned = Self::flat(width, height, [0; 3]);
        for (i, pixel) in turned.data.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (i % width, i / width);
            *pixel = match quarters % 4 {
                0 => self.pixel(x, y),
                1 => self.pixel(y, h - 1 - x),
                2 => self.pixel(w - 1 - x, h - 1 - y),
                _ => self.pixel(w - 1 - y, x),
            };
        }
        turned
    }

    /// At another size: shrunk by averaging, so that nothing flickers, and enlarged by interpolation.
    /// Nothing becomes nothing: an empty picture, or a size without pixels, gives black.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let whole = image::RgbImage::from_raw(self.width as u32, self.height as u32, self.data.clone());
        let Some(whole) = whole.filter(|w| !w.is_empty() && width * height > 0) else {
            return Self::flat(width, height, [0; 3]);
        };
        let small = if width < self.width || height < self.height {
            image::imageops::thumbnail(&whole, width as u32, height as u32)
        } else {
            image::imageops::resize(&whole, width as u32, height as u32, image::imageops::FilterType::Triangle)
        };
        Self { width, height, data: small.into_raw() }
    }
}

/// Makes black what an allocator would keep of a picture, before its memory is given back.
pub fn blank(pixels: &mut [u8]) {
    pixels.fill(0);
    std::hint::black_box(pixels);
}

/// Brightness of a colour, 0 to 255: Rec. 601 luma, as JPEG has it.
pub fn luma(rgb: [u8; 3]) -> f32 {
    luma_of(rgb.map(f32::from))
}

/// The same of a colour that is not rounded.
pub fn luma_of([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: usize, height: usize) -> Image {
        Image { width, height, data: (0..width * height).flat_map(|i| [i as u8; 3]).collect() }
    }

    #[test]
    fn four_quarters_are_a_whole_turn() {
        let picture = numbered(3, 2);
        let quarter = picture.turned(1);
        // 0 1 2    3 0
        // 3 4 5    4 1
        //          5 2
        assert_eq!((quarter.width, quarter.height), (2, 3));
        assert_eq!([quarter.pixel(0, 0)[0], quarter.pixel(1, 0)[0], quarter.pixel(0, 2)[0]], [3, 0, 5]);
        assert_eq!(quarter.turned(1), picture.turned(2));
        assert_eq!(picture.turned(3).turned(1), picture);
        assert_eq!(picture.turned(4), picture);
    }

    #[test]
    fn bytes_have_to_fit_the_size() {
        assert!(Image::new(2, 3, vec![0; 18]).is_some());
        assert!(Image::new(2, 3, vec![0; 17]).is_none());
        assert!(Image::new(usize::MAX, 3, Vec::new()).is_none());
    }

    #[test]
    fn a_crop_stays_inside_and_goes_back_to_its_place() {
        let whole = numbered(5, 4);
        let part = whole.crop(3, 1, 10, 2);
        assert_eq!((part.width, part.height, part.pixel(0, 0), part.pixel(1, 1)), (2, 2, [8; 3], [14; 3]));
        assert_eq!(whole.crop(9, 9, 1, 1).data, []);
        let mut back = Image::flat(5, 4, [0; 3]);
        back.paste(&whole, 0, 0);
        back.paste(&part, 4, 3);
        assert_eq!((back.pixel(3, 1), back.pixel(4, 3), back.data.len()), ([8; 3], [8; 3], 60));
    }

    #[test]
    fn a_mirror_twice_is_the_picture_again() {
        let picture = numbered(5, 4);
        assert_eq!(picture.flip_horizontal().pixel(0, 1), [9; 3]);
        assert_eq!(picture.flip_horizontal().flip_horizontal(), picture);
        assert_eq!(Image::flat(0, 3, [1; 3]).flip_horizontal().data, []);
    }

    #[test]
    fn any_size_becomes_any_other() {
        for (width, height) in [(1, 1), (64, 64), (3, 90), (7, 2)] {
            let resized = Image::flat(width, height, [10, 20, 30]).resized(20, 11);
            assert_eq!((resized.width, resized.height, resized.pixel(19, 10)), (20, 11, [10, 20, 30]));
        }
        assert_eq!(Image::flat(0, 0, [0; 3]).resized(1, 1).data, [0; 3]);
        assert_eq!(numbered(4, 4).resized(0, 3).data, []);
    }
}
