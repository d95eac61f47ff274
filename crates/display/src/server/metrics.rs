//! How the mirror has been doing, in Prometheus' text format. Numbers only: nothing about who looked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Latencies are of this many frames.
const RECENT: usize = 512;
/// Frames a second are over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// No picture takes this long.
const STUCK: Duration = Duration::from_secs(30);

/// Counts frames and their times.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: u64,
    reflections: u64,
    refused: u64,
    dropped: u64,
    looking_since: Option<Instant>,
    /// When each was answered, and how long after its arrival.
    recent: VecDeque<(Instant, Duration)>,
}

/// How the mirror does lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Pulse {
    /// Frames answered, over the last ten seconds or as long as there have been any.
    pub frames_per_second: f64,
    /// From a frame's arrival to its answer: the median of the last frames, milliseconds.
    pub latency_p50_ms: f64,
    /// The time that 95 of 100 keep, milliseconds.
    pub latency_p95_ms: f64,
}

impl State {
    fn pulse(&self) -> Pulse {
        let mut latencies: Vec<Duration> = self.recent.iter().map(|(_, latency)| *latency).collect();
        latencies.sort_unstable();
        // Nearest rank.
        let quantile = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            latencies.get(rank - 1).map_or(0.0, |l| l.as_secs_f64() * 1e3)
        };
        let lately = self.recent.iter().filter(|(at, _)| at.elapsed() < WINDOW);
        let span = lately.clone().next().map_or(WINDOW, |(at, _)| at.elapsed()).clamp(Duration::from_secs(1), WINDOW);
        Pulse {
            frames_per_second: lately.count() as f64 / span.as_secs_f64(),
            latency_p50_ms: quantile(50),
            latency_p95_ms: quantile(95),
        }
    }
}

impl Metrics {
    /// A frame is looked at.
    pub fn begin(&self) {
        self.lock().looking_since = Some(Instant::now());
    }

    /// It was answered, `latency` after it came.
    pub fn end(&self, reflected: bool, refused: bool, latency: Duration) {
        let mut state = self.lock();
        state.looking_since = None;
        state.frames += 1;
        state.reflections += u64::from(reflected);
        state.refused += u64::from(refused);
        if state.recent.len() == RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back((Instant::now(), latency));
    }

    /// A frame was overtaken.
    pub fn dropped(&self) {
        self.lock().dropped += 1;
    }

    /// Whether one picture has been looked at for far too long.
    pub fn is_stuck(&self) -> bool {
        self.lock().looking_since.is_some_and(|since| since.elapsed() > STUCK)
    }

    /// How it goes lately.
    pub fn pulse(&self) -> Pulse {
        self.lock().pulse()
    }

    /// All of it.
    pub fn text(&self) -> String {
        let state = self.lock();
        let pulse = state.pulse();
        format!(
            "narcissus_frames_total {}\nnarcissus_reflections_total {}\nnarcissus_refused_total {}\n\
             narcissus_dropped_total {}\nnarcissus_frames_per_second {:.1}\n\
             narcissus_latency_seconds{{quantile=\"0.5\"}} {:.6}\nnarcissus_latency_seconds{{quantile=\"0.95\"}} {:.6}\n",
            state.frames,
            state.reflections,
            state.refused,
            state.dropped,
            pulse.frames_per_second,
            pulse.latency_p50_ms / 1e3,
            pulse.latency_p95_ms / 1e3
        )
    }

    /// Every change under the lock is complete before it can panic, so that poison means nothing here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_and_timed() {
        let metrics = Metrics::default();
        assert!(metrics.text().contains("narcissus_frames_total 0\n") && !metrics.is_stuck());
        for ms in 1..=100 {
            metrics.begin();
            metrics.end(ms > 10, ms == 1, Duration::from_millis(ms));
        }
        metrics.dropped();
        let text = metrics.text();
        for line in [
            "narcissus_frames_total 100",
            "narcissus_reflections_total 90",
            "narcissus_refused_total 1",
            "narcissus_dropped_total 1",
            "narcissus_frames_per_second 100.0",
            "narcissus_latency_seconds{quantile=\"0.5\"} 0.050000",
            "narcissus_latency_seconds{quantile=\"0.95\"} 0.095000",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
