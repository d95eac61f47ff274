//! When each level is learned, and how far it has faded in.

/// A stretch of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phase {
    start: f64,
    end: f64,
    level: usize,
    fading: bool,
}

/// Progress 0..1 to level and fade.
#[derive(Clone, Debug)]
pub struct Schedule {
    phases: Vec<Phase>,
    last: usize,
}

impl Schedule {
    /// From level `first`, which is there from the start, to level `last`. Measured in time each level gets twice the share of the one below, as its
    /// pictures cost about that much more; measured in pictures all get the same but the last, which gets double.
    pub fn new(first: usize, last: usize, by_time: bool) -> Self {
        Self::build(first, last, by_time, false)
    }

    /// The same for nets that draw level `first - 1` already: level `first` fades in, too.
    pub fn growing(first: usize, last: usize, by_time: bool) -> Self {
        Self::build(first, last, by_time, true)
    }

    fn build(first: usize, last: usize, by_time: bool, first_fades: bool) -> Self {
        let share = |level: usize| match by_time {
            true => 2f64.powi((level - first) as i32),
            false => 1.0 + f64::from(u8::from(level == last)),
        };
        let total: f64 = (first..=last).map(share).sum();
        let (mut phases, mut start) = (Vec::new(), 0.0);
        for level in first..=last {
            let fade = if level == first && !first_fades {
                0.0
            } else if level == last {
                0.3
            } else {
                0.4
            };
            for (part, fading) in [(fade, true), (1.0 - fade, false)] {
                let end = start + share(level) * part / total;
                phases.push(Phase { start, end, level, fading });
                start = end;
            }
        }
        Self { phases, last }
    }

    /// The level, and how far it still is from being fully there: from 1 at the begin of its fade to 0.
    pub fn at(&self, progress: f64) -> (usize, f32) {
        match self.phases.iter().find(|p| progress < p.end) {
            Some(p) if p.fading => (p.level, (1.0 - (progress - p.start) / (p.end - p.start)) as f32),
            Some(p) => (p.level, 0.0),
            None => (self.last, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_and_fades_fall_without_a_jump() {
        for by_time in [false, true] {
            let schedule = Schedule::new(2, 6, by_time);
            assert_eq!(schedule.at(0.0), (2, 0.0));
            assert_eq!(schedule.at(1.0), (6, 0.0));
            let lod = |(level, fade): (usize, f32)| 6.0 - level as f32 + fade;
            let points: Vec<f32> = (0..=10_000).map(|i| lod(schedule.at(f64::from(i) / 10_000.0))).collect();
            assert!(points.windows(2).all(|p| p[1] <= p[0] && p[0] - p[1] < 0.1));
        }
    }

    #[test]
    fn nets_that_grow_begin_with_a_fade() {
        let schedule = Schedule::growing(8, 8, true);
        assert_eq!(schedule.at(0.0), (8, 1.0));
        assert!((schedule.at(0.15).1 - 0.5).abs() < 1e-6);
        assert_eq!(schedule.at(0.31), (8, 0.0));
    }

    #[test]
    fn a_single_level_never_fades() {
        let schedule = Schedule::new(4, 4, true);
        assert!((0..10).all(|i| schedule.at(f64::from(i) / 9.0) == (4, 0.0)));
    }
}
