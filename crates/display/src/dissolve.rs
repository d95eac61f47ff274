//! Pictures that come too slowly to be taken for motion: each dissolves into the next until that is due. The page does the same
//! (`web/dissolve.js`).

use std::time::{Duration, Instant};

/// From 24 pictures a second on they are shown as they come; below, the dissolve soon fills the time from one to the next.
const FLUENT_SECS: f32 = 1.0 / 24.0;
const LONGEST: Duration = Duration::from_secs(1);
/// Intervals of which the middle one counts: a single late picture changes nothing.
const RECENT: usize = 3;

/// When pictures came, and how much of the newest is to be seen.
#[derive(Clone, Debug, Default)]
pub struct Dissolve {
    came: Option<Instant>,
    /// From one picture to the next, seconds, the last ones.
    took: Vec<f32>,
}

impl Dissolve {
    /// A picture comes.
    pub fn show(&mut self, at: Instant) {
        if let Some(before) = self.came.replace(at) {
            if self.took.len() == RECENT {
                self.took.remove(0);
            }
            self.took.push((at - before).min(LONGEST).as_secs_f32());
        }
    }

    /// For how long a picture dissolves into the next at the pace at which they come, seconds.
    pub fn secs(&self) -> f32 {
        let mut took = self.took.clone();
        took.sort_by(f32::total_cmp);
        let interval = took.get(took.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
        (2.0 * (interval - FLUENT_SECS)).clamp(0.0, interval)
    }

    /// How much of the newest picture is there at `at`, 0 to 1.
    pub fn share(&self, at: Instant) -> f32 {
        let since = self.came.map_or(0.0, |came| (at - came).as_secs_f32());
        if since >= self.secs() { 1.0 } else { since / self.secs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_are_motion_are_shown_at_once_and_slow_ones_fill_their_time() {
        for (ms, wanted) in [(16, 0.0), (33, 0.0), (41, 0.0), (60, 0.037), (90, 0.09), (200, 0.2), (5000, 1.0)] {
            let (mut dissolve, start) = (Dissolve::default(), Instant::now());
            assert_eq!(dissolve.share(start), 1.0);
            (0..5).for_each(|i| dissolve.show(start + i * Duration::from_millis(ms)));
            assert!((dissolve.secs() - wanted).abs() < 1e-3, "{ms} ms: {}", dissolve.secs());
            let last = start + 4 * Duration::from_millis(ms);
            let shares: Vec<f32> =
                (0..=4).map(|i| dissolve.share(last + i * Duration::from_secs_f32(wanted / 4.0))).collect();
            assert!(shares.is_sorted() && shares[4] > 0.999, "{ms} ms: {shares:?}");
        }
    }
}
