//! One picture of many viewers, each beside their reflection.

use frame::Image;

/// Side of a tile, pixels.
const TILE: usize = 160;
/// Space around tiles, pixels.
const GAP: usize = 8;
/// Colour of the sheet.
const PAPER: u8 = 24;

/// Viewers and reflections, a pair each; viewers are kept small.
#[derive(Default)]
pub struct ContactSheet {
    pairs: Vec<[Image; 2]>,
}

impl ContactSheet {
    /// An empty sheet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a viewer and their reflection; `None` for a picture without a face, which the sheet then says.
    pub fn add(&mut self, viewer: &Image, reflection: Option<&Image>) {
        let reflection = reflection.map_or_else(no_face, tile);
        self.pairs.push([tile(viewer), reflection]);
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The sheet: viewer | reflection, up to ten pairs a row, as square as that allows.
    pub fn draw(&self) -> Image {
        let columns = (1..=10).find(|c| c * 2 * c >= self.pairs.len()).unwrap_or(10).min(self.pairs.len().max(1));
        let rows = self.pairs.len().div_ceil(columns);
        let (cell_w, cell_h) = (2 * TILE + 2 * GAP, TILE + GAP);
        let mut sheet = flat(columns * cell_w + GAP, rows * cell_h + GAP, PAPER);
        for (i, pair) in self.pairs.iter().enumerate() {
            let (left, top) = (GAP + i % columns * cell_w, GAP + i / columns * cell_h);
            paste(&mut sheet, &pair[0], left, top);
            paste(&mut sheet, &pair[1], left + TILE, top);
        }
        sheet
    }
}

fn flat(width: usize, height: usize, grey: u8) -> Image {
    Image { width, height, data: vec![grey; width * height * 3] }
}

fn paste(onto: &mut Image, picture: &Image, left: usize, top: usize) {
    for (y, row) in picture.data.chunks_exact(picture.width * 3).enumerate() {
        let at = ((top + y) * onto.width + left) * 3;
        onto.data[at..at + row.len()].copy_from_slice(row);
    }
}

/// The whole picture in a square tile: shrunk by averaging, enlarged by interpolation, the rest left dark.
fn tile(picture: &Image) -> Image {
    let mut tile = flat(TILE, TILE, PAPER / 2);
    let longer = picture.width.max(picture.height).max(1);
    let side = |s: usize| (s * TILE / longer).clamp(1, TILE) as u32;
    let (width, height) = (side(picture.width), side(picture.height));
    let whole = image::RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.data.clone());
    let Some(whole) = whole.filter(|w| w.width() > 0 && w.height() > 0) else { return tile };
    let small = if longer > TILE {
        image::imageops::thumbnail(&whole, width, height)
    } else {
        image::imageops::resize(&whole, width, height, image::imageops::FilterType::Triangle)
    };
    let small = Image { width: width as usize, height: height as usize, data: small.into_raw() };
    let (left, top) = ((TILE - small.width) / 2, (TILE - small.height) / 2);
    paste(&mut tile, &small, left, top);
    tile
}

/// A tile that says NO FACE, in letters of 5x7 dots, a byte a row.
fn no_face() -> Image {
    const LETTERS: [[u8; 7]; 7] = [
        [17, 25, 21, 19, 17, 17, 17],
        [14, 17, 17, 17, 17, 17, 14],
        [0; 7],
        [31, 16, 16, 30, 16, 16, 16],
        [14, 17, 17, 31, 17, 17, 17],
        [14, 17, 16, 16, 16, 17, 14],
        [31, 16, 16, 30, 16, 16, 31],
    ];
    const DOT: usize = 2;
    let mut tile = flat(TILE, TILE, PAPER / 2);
    let (left, top) = ((TILE - LETTERS.len() * 6 * DOT) / 2, (TILE - 7 * DOT) / 2);
    for (i, letter) in LETTERS.iter().enumerate() {
        for (y, x) in (0..7 * DOT).flat_map(|y| (0..5 * DOT).map(move |x| (y, x))) {
            if letter[y / DOT] >> (4 - x / DOT) & 1 == 1 {
                let at = ((top + y) * TILE + left + i * 6 * DOT + x) * 3;
                tile.data[at..at + 3].fill(170);
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_of_any_shape_stand_beside_their_reflection() {
        let mut sheet = ContactSheet::new();
        assert!(sheet.is_empty());
        sheet.add(&flat(400, 100, 200), Some(&flat(64, 64, 100)));
        sheet.add(&flat(1, 1, 200), None);
        sheet.add(&flat(3, 900, 200), None);
        let drawn = sheet.draw();
        assert_eq!(drawn.data.len(), drawn.width * drawn.height * 3);
        let pixel = |x: usize, y: usize| drawn.data[(y * drawn.width + x) * 3];
        assert_eq!(pixel(GAP + TILE / 2, GAP + TILE / 2), 200, "the middle of the first viewer");
        assert_eq!(pixel(GAP + TILE + TILE / 2, GAP + TILE / 2), 100, "the middle of their reflection");
        assert_eq!(pixel(GAP + TILE / 2, GAP + 4), PAPER / 2, "above a wide viewer");
    }

    #[test]
    fn a_sheet_of_many_is_at_most_ten_pairs_wide() {
        let mut sheet = ContactSheet::new();
        (0..230).for_each(|_| sheet.add(&flat(2, 2, 9), None));
        assert_eq!(sheet.draw().width, 10 * (2 * TILE + 2 * GAP) + GAP);
    }
}
