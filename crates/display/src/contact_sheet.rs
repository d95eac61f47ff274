//! One picture of many viewers, each beside their reflection.

use frame::Image;
use frame::draw::{self, Align, Colour};

/// Side of a tile, pixels.
const TILE: usize = 160;
/// Space around tiles, pixels.
const GAP: usize = 8;
/// Colour of the sheet.
const PAPER: u8 = 24;
/// Height of a line of bars, pixels.
const LINE: usize = 13;
const WORDS: Colour = [190; 3];
const KEPT: Colour = [86, 180, 233];
const LOST: Colour = [213, 94, 0];
/// What the bars mean.
const LEGEND: &str = "bars: how much of each came back; full: all, none: as of an average face, orange: less";

/// Viewers and reflections, a pair each; viewers are kept small.
#[derive(Default)]
pub struct ContactSheet {
    pairs: Vec<Pair>,
}

struct Pair {
    pictures: [Image; 2],
    /// How much came back, drawn.
    bars: Option<Image>,
}

impl ContactSheet {
    /// An empty sheet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a viewer and their reflection; `None` for a picture without a face, which the sheet then says. `kept` are the names of
    /// groups of features and how much of each came back, 1 for all; nothing is drawn where there are none.
    pub fn add(&mut self, viewer: &Image, reflection: Option<&Image>, kept: &[(&str, f32)]) {
        let reflection = reflection.map_or_else(no_face, tile);
        let bars = (!kept.is_empty()).then(|| bars(kept));
        self.pairs.push(Pair { pictures: [tile(viewer), reflection], bars });
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The sheet: viewer | reflection, up to ten pairs a row, as square as that allows.
    pub fn draw(&self) -> Image {
        let columns = (1..=10).find(|c| c * 2 * c >= self.pairs.len()).unwrap_or(10).min(self.pairs.len().max(1));
        let rows = self.pairs.len().div_ceil(columns);
        let strip = self.pairs.iter().filter_map(|p| p.bars.as_ref()).map(|b| b.height + GAP / 2).max().unwrap_or(0);
        let (cell_w, cell_h) = (2 * TILE + 2 * GAP, TILE + strip + GAP);
        // A sheet of one pair is too narrow for the legend.
        let legend = if strip > 0 && columns * cell_w > LEGEND.len() * draw::LETTER[0] { 2 * GAP } else { 0 };
        let mut sheet = flat(columns * cell_w + GAP, rows * cell_h + GAP + legend, PAPER);
        for (i, pair) in self.pairs.iter().enumerate() {
            let (left, top) = (GAP + i % columns * cell_w, GAP + i / columns * cell_h);
            sheet.paste(&pair.pictures[0], left, top);
            sheet.paste(&pair.pictures[1], left + TILE, top);
            if let Some(bars) = &pair.bars {
                sheet.paste(bars, left, top + TILE + GAP / 2);
            }
        }
        if legend > 0 {
            let at = [sheet.width as f32 / 2.0, (sheet.height - GAP - 2) as f32];
            draw::text(&mut sheet, LEGEND, at, Align::Centre, WORDS);
        }
        sheet
    }
}

fn flat(width: usize, height: usize, grey: u8) -> Image {
    Image { width, height, data: vec![grey; width * height * 3] }
}

/// The whole picture in a square tile: shrunk by averaging, enlarged smoothly, the rest left dark.
fn tile(picture: &Image) -> Image {
    let mut tile = flat(TILE, TILE, PAPER / 2);
    let longer = picture.width.max(picture.height).max(1);
    let side = |s: usize| (s * TILE / longer).clamp(1, TILE);
    if picture.data.is_empty() {
        return tile;
    }
    let small = crate::scaled(picture, side(picture.width), side(picture.height));
    let (left, top) = ((TILE - small.width) / 2, (TILE - small.height) / 2);
    tile.paste(&small, left, top);
    tile
}

/// A tile that says that there is no face.
fn no_face() -> Image {
    let mut tile = flat(TILE, TILE, PAPER / 2);
    let middle = TILE as f32 / 2.0;
    draw::text(&mut tile, "no face", [middle, middle], Align::Centre, WORDS);
    tile
}

/// A bar for each name, two a row: full for 1, none for 0, to the other side and in another colour below.
fn bars(kept: &[(&str, f32)]) -> Image {
    const HALF: usize = TILE;
    let mut strip = flat(2 * HALF, strip_height(kept.len()), PAPER);
    for (i, (name, kept)) in kept.iter().enumerate() {
        let (left, middle) = ((i % 2 * HALF) as f32, (i / 2 * LINE + LINE / 2) as f32);
        draw::text(&mut strip, name, [left + 64.0, middle], Align::Right, WORDS);
        let (zero, full) = (left + 88.0, HALF as f32 - 96.0);
        let kept = kept.clamp(-0.3, 1.0);
        let (from, colour) = if kept < 0.0 { (zero + kept * full, LOST) } else { (zero, KEPT) };
        draw::bar(&mut strip, [zero, middle - 3.0, full, 7.0], [PAPER + 24; 3]);
        draw::bar(&mut strip, [from, middle - 3.0, kept.abs() * full, 7.0], colour);
        draw::line(&mut strip, [zero, middle - 5.0], [zero, middle + 5.0], 1, WORDS);
    }
    strip
}

fn strip_height(bars: usize) -> usize {
    bars.div_ceil(2) * LINE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_of_any_shape_stand_beside_their_reflection() {
        let mut sheet = ContactSheet::new();
        assert!(sheet.is_empty());
        sheet.add(&flat(400, 100, 200), Some(&flat(64, 64, 100)), &[]);
        sheet.add(&flat(1, 1, 200), None, &[]);
        sheet.add(&flat(3, 900, 200), None, &[]);
        let drawn = sheet.draw();
        assert_eq!(drawn.data.len(), drawn.width * drawn.height * 3);
        let pixel = |x: usize, y: usize| drawn.data[(y * drawn.width + x) * 3];
        assert_eq!(pixel(GAP + TILE / 2, GAP + TILE / 2), 200, "the middle of the first viewer");
        assert_eq!(pixel(GAP + TILE + TILE / 2, GAP + TILE / 2), 100, "the middle of their reflection");
        assert_eq!(pixel(GAP + TILE / 2, GAP + 4), PAPER / 2, "above a wide viewer");
    }

    #[test]
    fn the_bar_of_what_came_back_is_longer_than_that_of_what_did_not() {
        let strip = bars(&[("age", 0.9), ("skin", 0.2), ("pose", -5.0)]);
        let length = |row: usize, half: usize, colour: Colour| {
            let y = row * LINE + LINE / 2;
            let pixels = (half * TILE..(half + 1) * TILE).map(|x| (y * strip.width + x) * 3);
            pixels.filter(|at| strip.data[*at..*at + 3] == colour).count()
        };
        assert!(length(0, 0, KEPT) > 3 * length(0, 1, KEPT) && length(0, 1, KEPT) > 5);
        assert!(length(1, 0, LOST) > 5 && length(0, 0, LOST) == 0);
        let mut sheet = ContactSheet::new();
        sheet.add(&flat(9, 9, 9), Some(&flat(9, 9, 9)), &[("age", 0.5)]);
        sheet.add(&flat(9, 9, 9), None, &[]);
        assert!(sheet.draw().height > 2 * TILE);
    }

    #[test]
    fn a_sheet_of_many_is_at_most_ten_pairs_wide() {
        let mut sheet = ContactSheet::new();
        (0..230).for_each(|_| sheet.add(&flat(2, 2, 9), None, &[]));
        assert_eq!(sheet.draw().width, 10 * (2 * TILE + 2 * GAP) + GAP);
    }
}
