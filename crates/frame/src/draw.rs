//! Words, bars and curves on pictures, for contact sheets and reports.

use crate::Image;
use embedded_graphics::mono_font::ascii::FONT_6X10;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, Primitive, RgbColor, Size};
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use std::convert::Infallible;

/// Red, green, blue.
pub type Colour = [u8; 3];

const FONT: MonoFont = FONT_6X10;
/// Width and height of a letter, pixels.
pub const LETTER: [usize; 2] = [6, 10];

/// Where words stand beside their point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// They begin there.
    Left,
    /// They end there.
    Right,
    /// Their middle is there.
    Centre,
}

/// A picture to draw on; what lies outside of it, or beyond 5,000 pixels, is cut off.
struct Canvas<'a>(&'a mut Image);

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width as u32, self.0.height as u32)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { continue };
            if x < self.0.width && y < self.0.height {
                let at = (y * self.0.width + x) * 3;
                self.0.data[at..at + 3].copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

fn point([x, y]: [f32; 2]) -> Point {
    // Lines are drawn with products of differences, which must be whole numbers of 32 bits.
    let whole = |v: f32| v.round().clamp(-5e3, 5e3) as i32;
    Point::new(whole(x), whole(y))
}

fn rgb([r, g, b]: Colour) -> Rgb888 {
    Rgb888::new(r, g, b)
}

/// Writes words (ASCII) whose line is centred on `at`'s height.
pub fn text(image: &mut Image, words: &str, at: [f32; 2], align: Align, colour: Colour) {
    let alignment = match align {
        Align::Left => Alignment::Left,
        Align::Right => Alignment::Right,
        Align::Centre => Alignment::Center,
    };
    let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
    let text = Text::with_text_style(words, point(at), MonoTextStyle::new(&FONT, rgb(colour)), style);
    let Ok(_) = text.draw(&mut Canvas(image));
}

/// Draws a straight line.
pub fn line(image: &mut Image, from: [f32; 2], to: [f32; 2], width: u32, colour: Colour) {
    let style = PrimitiveStyle::with_stroke(rgb(colour), width);
    let Ok(()) = Line::new(point(from), point(to)).into_styled(style).draw(&mut Canvas(image));
}

/// Fills a rectangle: its top left corner, width and height.
pub fn bar(image: &mut Image, [x, y, w, h]: [f32; 4], colour: Colour) {
    let size = Size::new(w.round().max(0.0) as u32, h.round().max(0.0) as u32);
    let style = PrimitiveStyle::with_fill(rgb(colour));
    let Ok(()) = Rectangle::new(point([x, y]), size).into_styled(style).draw(&mut Canvas(image));
}

/// Curves over a common axis.
pub struct Chart<'a> {
    /// Above it all.
    pub title: &'a str,
    /// Below the horizontal axis, which runs over the logarithm of 1 and more.
    pub x_label: &'a str,
    /// Least and largest value of the vertical axis.
    pub y_range: [f32; 2],
    /// Names and points, x at least 1.
    pub series: Vec<(String, Vec<[f32; 2]>)>,
}

/// Told apart also by those who see few colours (Okabe and Ito).
const COLOURS: [Colour; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [90, 90, 90],
    [160, 130, 0],
];
const INK: Colour = [40, 40, 40];
const GRID: Colour = [222, 222, 222];

impl Chart<'_> {
    /// Draws it; at least 240 x 160 pixels.
    pub fn draw(&self, width: usize, height: usize) -> Image {
        let (width, height) = (width.max(240), height.max(160));
        let mut image = Image { width, height, data: vec![255; width * height * 3] };

        // The plot's edges leave room for the words around it.
        let longest = self.series.iter().map(|s| s.0.len()).max().unwrap_or(0);
        let (left, top) = (44.0, 30.0);
        let right = width as f32 - 24.0 - (LETTER[0] * longest) as f32;
        let bottom = height as f32 - 40.0;

        // Where a point lies: across by its logarithm, up evenly.
        let points = || self.series.iter().flat_map(|s| &s.1);
        let last = points().map(|p| p[0]).fold(2.0, f32::max);
        let [low, high] = self.y_range;
        let place = |[x, y]: [f32; 2]| {
            let across = x.max(1.0).ln() / last.ln();
            let up = (y.clamp(low, high) - low) / (high - low).max(1e-9);
            [left + across * (right - left), bottom - up * (bottom - top)]
        };

        // Words, a grid of the vertical axis, ticks of the horizontal one.
        text(&mut image, self.title, [width as f32 / 2.0, 14.0], Align::Centre, INK);
        text(&mut image, self.x_label, [(left + right) / 2.0, height as f32 - 12.0], Align::Centre, INK);
        for i in 0..=5 {
            let value = low + (high - low) * i as f32 / 5.0;
            let [_, y] = place([1.0, value]);
            line(&mut image, [left, y], [right, y], 1, GRID);
            let digits = if high - low < 0.5 { 2 } else { 1 };
            text(&mut image, &format!("{value:.digits$}"), [left - 6.0, y], Align::Right, INK);
        }
        let ticks = (0..).map(|i| 2f32.powi(i)).take_while(|x| *x <= last);
        for x in ticks {
            let [across, _] = place([x, low]);
            line(&mut image, [across, bottom], [across, bottom + 4.0], 1, INK);
            text(&mut image, &format!("{x}"), [across, bottom + 14.0], Align::Centre, INK);
        }

        // Curves. Names stand at the ends of their curves, moved apart where they would lie on one another.
        let mut ends: Vec<(usize, f32)> = Vec::new();
        for (i, (_, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            for pair in points.windows(2) {
                line(&mut image, place(pair[0]), place(pair[1]), 2, colour);
            }
            for p in points {
                let [x, y] = place(*p);
                bar(&mut image, [x - 2.0, y - 2.0, 5.0, 5.0], colour);
            }
            ends.extend(points.last().map(|p| (i, place(*p)[1])));
        }
        ends.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut free = top;
        for (i, y) in ends {
            let y = y.max(free);
            free = y + LETTER[1] as f32 + 1.0;
            text(&mut image, &self.series[i].0, [right + 8.0, y], Align::Left, COLOURS[i % COLOURS.len()]);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank() -> Image {
        Image { width: 60, height: 20, data: vec![255; 60 * 20 * 3] }
    }

    fn dark(image: &Image, columns: std::ops::Range<usize>) -> usize {
        let pixels = image.data.chunks_exact(3).enumerate();
        pixels.filter(|(i, p)| columns.contains(&(i % image.width)) && p[0] < 128).count()
    }

    #[test]
    fn words_stand_where_they_are_told_and_are_cut_at_the_border() {
        let mut image = blank();
        text(&mut image, "age", [30.0, 10.0], Align::Left, [0; 3]);
        assert!(dark(&image, 30..48) > 15 && dark(&image, 0..30) == 0);
        let mut image = blank();
        text(&mut image, "age", [30.0, 10.0], Align::Right, [0; 3]);
        assert!(dark(&image, 12..30) > 15 && dark(&image, 31..60) == 0);
        text(&mut image, "background", [58.0, 19.0], Align::Left, [0; 3]);
        line(&mut image, [-1e9, 3.0], [50.0, f32::MAX], 1, [0; 3]);
        bar(&mut image, [50.0, -5.0, 500.0, 8.0], [0; 3]);
        assert_eq!(image.data[(50 + 60 * 2) * 3..][..3], [0; 3]);
    }

    #[test]
    fn a_higher_curve_is_drawn_higher() {
        let series = |y: f32| vec![("x".to_owned(), vec![[1.0, y], [8.0, y]])];
        let height_of = |y: f32| {
            let image = Chart { title: "", x_label: "", y_range: [0.0, 1.0], series: series(y) }.draw(300, 200);
            let blue = image.data.chunks_exact(3).position(|p| p == COLOURS[0]).unwrap();
            blue / image.width
        };
        assert!(height_of(0.9) + 50 < height_of(0.2));
    }

    #[test]
    fn an_empty_chart_is_still_a_picture() {
        let image = Chart { title: "t", x_label: "x", y_range: [0.0, 0.0], series: Vec::new() }.draw(1, 1);
        assert_eq!((image.width, image.height), (240, 160));
    }
}
