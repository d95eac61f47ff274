//! Eyes that are closed for a while: the gesture by which a visitor begins and stops.
//!
//! How far eyes stand open differs from person to person more than the landmark net can tell open from closed by a fixed bound, so
//! that each is compared with themselves.

use crate::face::Landmarks;

/// Openness below this share of a person's own is closed.
const CLOSED: f32 = 0.62;
/// Seconds in which a person's own openness follows what is seen, upwards and downwards: it should not learn closed eyes.
const RISE_SECS: f32 = 0.5;
const FALL_SECS: f32 = 20.0;
/// Seconds that a glimpse of open eyes may last without ending the gesture: the points tremble.
const FORGIVEN_SECS: f64 = 0.3;

/// How far both eyes stand open: height over width, as in the eye aspect ratio (Soukupová and Čech 2016), mean of both; about 0.3
/// when open.
pub fn openness(landmarks: &Landmarks) -> f32 {
    let p = &landmarks.points;
    let apart = |a: usize, b: usize| (p[a][0] - p[b][0]).hypot(p[a][1] - p[b][1]);
    let eye = |first: usize| {
        let heights = apart(first + 1, first + 5) + apart(first + 2, first + 4);
        heights / (2.0 * apart(first, first + 3)).max(1e-3)
    };
    (eye(36) + eye(42)) / 2.0
}

/// The eyes of one person over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Eyelids {
    own: f32,
    at: f64,
    closed_since: Option<f64>,
    last_closed: f64,
}

impl Eyelids {
    /// Looks at `at` seconds; gives back for how many seconds they have been closed.
    pub fn watch(&mut self, openness: f32, at: f64) -> f64 {
        let dt = (at - self.at).clamp(0.0, 1.0) as f32;
        self.at = at;
        if self.own == 0.0 {
            self.own = openness;
        }
        if openness < CLOSED * self.own {
            self.closed_since.get_or_insert(at);
            self.last_closed = at;
        } else if at - self.last_closed > FORGIVEN_SECS {
            self.closed_since = None;
        }
        let tau = if openness > self.own { RISE_SECS } else { FALL_SECS };
        self.own += (openness - self.own) * (1.0 - (-dt / tau).exp());
        self.closed_since.map_or(0.0, |since| at - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openness_is_height_over_width() {
        let mut face = Landmarks::schematic();
        let open = openness(&face);
        assert!((0.2..0.5).contains(&open), "{open}");
        for eye in [36, 42] {
            (eye..eye + 6).for_each(|i| face.points[i][1] = 0.0);
        }
        assert!(openness(&face) < 1e-3);
    }

    #[test]
    fn closed_eyes_are_counted_from_when_they_closed_and_a_tremble_is_forgiven() {
        let mut lids = Eyelids::default();
        let mut watch =
            |from: i32, to: i32, open: f32| (from..to).map(|i| lids.watch(open, f64::from(i) * 0.1)).last().unwrap();
        assert_eq!(watch(0, 20, 0.3), 0.0);
        assert!((watch(20, 40, 0.1) - 1.9).abs() < 0.01);
        watch(40, 42, 0.29);
        assert!((watch(42, 52, 0.1) - 3.1).abs() < 0.01);
        assert_eq!(watch(52, 60, 0.3), 0.0);
    }

    #[test]
    fn a_blink_is_short_and_narrow_eyes_are_open() {
        let mut lids = Eyelids::default();
        for i in 0..100 {
            let closed = lids.watch(if i % 20 == 0 { 0.05 } else { 0.14 }, f64::from(i) * 0.05);
            assert!(closed < 0.5, "{closed}");
        }
    }
}
