//! Eyes that are closed for a while: the gesture by which a visitor begins and stops.
//!
//! The landmark net hardly tells closed eyes from open ones, the picture does: in an open eye brightness changes from side to side,
//! where white meets iris, in a closed one from top to bottom only. How much differs from person to person, so that each is compared with
//! themselves.

use super::geometry::Landmarks;
use frame::Image;

/// Samples of an eye, across and down.
const ACROSS: usize = 24;
const DOWN: usize = 16;
/// The eye's surroundings, in widths from corner to corner: across beyond the middle, and up and down from it.
const REACH: [f32; 2] = [0.55, 0.35];
/// Openness below this share of a person's own is closed.
const CLOSED: f32 = 0.72;
/// Seconds in which a person's own openness follows what is seen, upwards and downwards: it should not learn closed eyes.
const RISE_SECS: f32 = 0.5;
const FALL_SECS: f32 = 20.0;
/// Seconds that a glimpse of open eyes may last without ending the gesture: pictures tremble.
const FORGIVEN_SECS: f64 = 0.3;

/// How far both eyes stand open: change of brightness along the eye over change across it, mean of both; about 0.65 when open, 0.4
/// when closed. On 329 photographs (Helen, test) it correlates with the openness that people marked by 0.74, the net's own
/// points by 0.42.
pub fn openness(picture: &Image, landmarks: &Landmarks) -> f32 {
    let eye = |first: usize| {
        let [a, b] = [landmarks.points[first], landmarks.points[first + 3]];
        let (along, middle) = ([b[0] - a[0], b[1] - a[1]], [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0]);
        let at = |i: usize, j: usize| {
            let x = REACH[0] * (2.0 * i as f32 / (ACROSS - 1) as f32 - 1.0);
            let y = REACH[1] * (2.0 * j as f32 / (DOWN - 1) as f32 - 1.0);
            brightness(picture, middle[0] + along[0] * x - along[1] * y, middle[1] + along[1] * x + along[0] * y)
        };
        let samples: Vec<[f32; ACROSS]> = (0..DOWN).map(|j| std::array::from_fn(|i| at(i, j))).collect();
        let sideways: f32 = samples.iter().flat_map(|row| row.windows(2)).map(|w| (w[1] - w[0]).abs()).sum();
        let downwards: f32 =
            samples.windows(2).flat_map(|rows| rows[0].iter().zip(&rows[1])).map(|(a, b)| (b - a).abs()).sum();
        let [n, m] = [(DOWN * (ACROSS - 1)) as f32, ((DOWN - 1) * ACROSS) as f32];
        // A level of brightness keeps a picture without any from being divided by nothing.
        (sideways / n + 0.1) / (downwards / m + 0.1)
    };
    (eye(36) + eye(42)) / 2.0
}

/// Brightness, 0 to 255, between the pixels around a point; that of the border outside.
fn brightness(picture: &Image, x: f32, y: f32) -> f32 {
    if picture.data.is_empty() {
        return 0.0;
    }
    let (x, y) = (x.clamp(0.0, (picture.width - 1) as f32), y.clamp(0.0, (picture.height - 1) as f32));
    let at = |x: usize, y: usize| frame::luma(picture.pixel(x.min(picture.width - 1), y.min(picture.height - 1)));
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let row = |y: usize| at(left, y) * (1.0 - fx) + at(left + 1, y) * fx;
    row(top) * (1.0 - fy) + row(top + 1) * fy
}

/// The eyes of one person over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Eyelids {
    own: Option<Openness>,
    closed: Option<Closed>,
}

/// How far a person's eyes usually stand open, as of a moment, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Openness {
    usual: f32,
    at: f64,
}

/// Since when the eyes are closed, and when they were seen closed last, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Closed {
    since: f64,
    last: f64,
}

impl Eyelids {
    /// Looks at `at` seconds; gives back for how many seconds they have been closed.
    pub fn watch(&mut self, openness: f32, at: f64) -> f64 {
        let own = self.own.get_or_insert(Openness { usual: openness, at });
        if openness < CLOSED * own.usual {
            self.closed.get_or_insert(Closed { since: at, last: at }).last = at;
        } else {
            self.closed.take_if(|closed| at - closed.last > FORGIVEN_SECS);
        }

        // What is usual follows what is seen.
        let dt = (at - own.at).clamp(0.0, 1.0) as f32;
        let tau = if openness > own.usual { RISE_SECS } else { FALL_SECS };
        own.usual += (openness - own.usual) * (1.0 - (-dt / tau).exp());
        own.at = at;
        self.closed.map_or(0.0, |closed| at - closed.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::align::Similarity;

    /// A face with eyes drawn into it: white and iris, or a dark line where the lids meet. Tilted, as heads are.
    fn drawn(open: bool, turn: f32) -> (Image, Landmarks) {
        let face = Landmarks::schematic().map(&Similarity::new(90.0, turn, [120.0, 100.0]));
        let mut picture = Image::flat(240, 240, [190; 3]);
        let (sin, cos) = turn.sin_cos();
        for eye in [36, 42] {
            let middle = [0, 1].map(|k| (face.points[eye][k] + face.points[eye + 3][k]) / 2.0);
            for (y, x) in (0..240).flat_map(|y| (0..240).map(move |x| (y, x))) {
                let d = [x as f32 - middle[0], y as f32 - middle[1]];
                let (along, across) = (cos * d[0] + sin * d[1], cos * d[1] - sin * d[0]);
                let shade = match open {
                    true if along.hypot(across) < 6.0 => 40,
                    true if (along / 18.0).hypot(across / 8.0) < 1.0 => 240,
                    false if along.abs() < 18.0 && across.abs() < 2.0 => 70,
                    _ => continue,
                };
                picture.data[(y * 240 + x) * 3..][..3].fill(shade);
            }
        }
        (picture, face)
    }

    #[test]
    fn open_eyes_change_from_side_to_side_and_closed_ones_do_not() {
        for turn in [0.0, 0.3] {
            let [open, closed] = [true, false].map(|open| {
                let (picture, face) = drawn(open, turn);
                openness(&picture, &face)
            });
            assert!(closed < 0.6 * open, "{closed} against {open}, turned by {turn}");
        }
        let nothing = Image::flat(0, 0, [0; 3]);
        assert!(openness(&nothing, &Landmarks::schematic()).is_finite());
    }

    #[test]
    fn closed_eyes_are_counted_from_when_they_closed_and_a_tremble_is_forgiven() {
        let mut lids = Eyelids::default();
        let mut watch =
            |from: i32, to: i32, open: f32| (from..to).map(|i| lids.watch(open, f64::from(i) * 0.1)).last().unwrap();
        assert_eq!(watch(0, 20, 0.65), 0.0);
        assert!((watch(20, 40, 0.4) - 1.9).abs() < 0.01);
        watch(40, 42, 0.6);
        assert!((watch(42, 52, 0.4) - 3.1).abs() < 0.01);
        assert_eq!(watch(52, 60, 0.65), 0.0);
    }

    #[test]
    fn a_blink_is_short_and_narrow_eyes_are_open() {
        let mut lids = Eyelids::default();
        for i in 0..100 {
            let closed = lids.watch(if i % 20 == 0 { 0.2 } else { 0.45 }, f64::from(i) * 0.05);
            assert!(closed < 0.5, "{closed}");
        }
    }
}
