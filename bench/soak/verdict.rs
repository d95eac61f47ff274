//! What a run has shown, requirement by requirement.

use crate::evidence::Evidence;
use crate::trouble::Trouble;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Memory may grow by so much an hour.
const MAX_GROWTH_MB: f64 = 1.0;
/// Over less than this a line through the samples says nothing about an hour: a browser's memory swings by 3 MB (standard deviation), which makes
/// the slope over 40 minutes uncertain by 0.8 MB an hour, and that over 100 by 0.2.
const SHORTEST: Duration = Duration::from_secs(3600);

/// What the processes used at a time.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    pub at: Duration,
    /// The mirror's number.
    pub process: u32,
    pub mirror_mb: f64,
    pub browser_mb: f64,
    /// Pictures a second.
    pub rate: f64,
    /// Whether it counts for the growth of memory.
    pub calm: bool,
}

/// How long the picture took to come back after each trouble.
#[derive(Default)]
pub struct Returns(Vec<(Trouble, Option<Duration>)>);

impl Returns {
    /// After one more; `None` if it did not come back.
    pub fn add(&mut self, trouble: Trouble, taken: Option<Duration>) {
        self.0.push((trouble, taken));
    }

    /// Over all kills, or over all else.
    fn requirement(&self, kills: bool) -> Requirement {
        let these: Vec<_> = self.0.iter().filter(|(trouble, _)| trouble.is_kill() == kills).collect();
        let late: Vec<_> = these.iter().filter(|(t, taken)| taken.is_none_or(|taken| taken > t.bound())).collect();
        let longest = these.iter().filter_map(|(_, taken)| *taken).max().unwrap_or_default();
        let (name, bound) = if kills { ("kills", 5) } else { ("hangs and other trouble", 15) };
        Requirement {
            name: format!("the picture is back within {bound} s ({name})"),
            held: (!these.is_empty()).then_some(late.is_empty()),
            found: format!(
                "{} times, longest {:.1} s, too late {}: {late:?}",
                these.len(),
                longest.as_secs_f64(),
                late.len()
            ),
        }
    }
}

/// All that a run has shown.
pub struct Verdict {
    pub returns: Returns,
    pub samples: Vec<Sample>,
    pub evidence: Evidence,
    pub died: usize,
    pub can_fill: bool,
}

/// What is required, whether it held (`None`: it was not tried), and what was found.
struct Requirement {
    name: String,
    held: Option<bool>,
    found: String,
}

impl Verdict {
    /// Whether nothing that was tried fell short.
    pub fn holds(&self) -> bool {
        self.requirements().iter().all(|r| r.held != Some(false))
    }

    fn requirements(&self) -> [Requirement; 7] {
        let Evidence { looks, frames, lines, torn, .. } = &self.evidence;
        [
            self.returns.requirement(true),
            self.returns.requirement(false),
            self.growth("mirror", |s| s.mirror_mb),
            self.growth("browser", |s| s.browser_mb),
            Requirement {
                name: "no frame in any file".into(),
                held: (*looks > 0).then_some(frames.is_empty()),
                found: format!("{looks} looks into files, {} frames: {frames:?}", frames.len()),
            },
            Requirement {
                name: "every line of the log is whole though its disk was full".into(),
                held: self.can_fill.then_some(torn.is_empty() && *lines > 0),
                found: format!("{lines} lines, {} torn: {torn:?}", torn.len()),
            },
            Requirement {
                name: "the mirror never ends by itself".into(),
                held: Some(self.died == 0),
                found: format!("{} times", self.died),
            },
        ]
    }

    /// Over each long stretch of samples that count.
    fn growth(&self, name: &str, of: impl Fn(&Sample) -> f64) -> Requirement {
        let stretches = self.samples.chunk_by(|a, b| (a.process, a.calm) == (b.process, b.calm)).filter(|s| s[0].calm);
        let long =
            stretches.filter(|s| s.last().zip(s.first()).is_some_and(|(last, first)| last.at - first.at >= SHORTEST));
        let slopes: Vec<f64> = long
            .map(|stretch| {
                let points: Vec<_> = stretch.iter().map(|s| (s.at.as_secs_f64() / 3600.0, of(s))).collect();
                slope(&points)
            })
            .collect();
        let words: Vec<String> = slopes.iter().map(|slope| format!("{slope:+.2} MB/h")).collect();
        Requirement {
            name: format!("the {name}'s memory grows by at most {MAX_GROWTH_MB} MB an hour"),
            held: (!slopes.is_empty()).then(|| slopes.iter().all(|slope| *slope <= MAX_GROWTH_MB)),
            found: if slopes.is_empty() { "the run is too short".into() } else { words.join(", ") },
        }
    }
}

/// The median slope between any two points (Theil and Sen): a few odd samples do not move it.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)));
    let mut slopes: Vec<f64> = pairs.map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or(0.0)
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Requirement { name, held, found } in self.requirements() {
            let mark = match held {
                Some(true) => "held",
                Some(false) => "FELL SHORT",
                None => "not tried",
            };
            writeln!(f, "{mark:<11} {name}: {found}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_most_points() {
        let mut points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 5.0 + 2.0 * f64::from(i))).collect();
        points[50].1 = 1e6;
        assert!((slope(&points) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn growth_is_judged_over_long_calm_stretches_of_one_process() {
        let sample = |i: u64, process, calm| Sample {
            at: Duration::from_secs(10 * i),
            process,
            calm,
            mirror_mb: 100.0 + i as f64 / 60.0,
            ..Sample::default()
        };
        let evidence = || Evidence::new("".into(), "".into());
        let verdict =
            |samples| Verdict { returns: Returns::default(), samples, evidence: evidence(), died: 0, can_fill: false };
        let growth = |samples| verdict(samples).growth("mirror", |s| s.mirror_mb);
        let grows = growth((0..700).map(|i| sample(i, 1, true)).collect());
        assert_eq!((grows.held, grows.found.as_str()), (Some(false), "+6.00 MB/h"));
        assert_eq!(growth((0..700).map(|i| sample(i, u32::from(i > 350), true)).collect()).held, None);
        assert_eq!(growth((0..700).map(|i| sample(i, 1, false)).collect()).held, None);
        // A process grows for ten minutes, which do not count, and then no more.
        let warming = |i: u64| Sample { mirror_mb: 100.0 + i.min(60) as f64, ..sample(i, 1, i >= 60) };
        assert_eq!(growth((0..700).map(warming).collect()).held, Some(true));
    }
}
