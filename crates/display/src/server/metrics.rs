//! Counts frames and their times, for the page and in Prometheus' text format. Numbers only: nothing about viewers.

use frame::lock;
use mirror::live::protocol::Performance;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Latencies are of this many frames.
const RECENT: usize = 512;
/// Frames a second are over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// A mirror that is seen draws more often than this.
const LATELY: Duration = Duration::from_secs(3);
/// No picture takes this long.
const STUCK: Duration = Duration::from_secs(30);

/// Counts frames and their times.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: u64,
    pictures: u64,
    reflections: u64,
    refused: u64,
    dropped: u64,
    /// Since when each [`Stage`] has been busy with one thing.
    busy: [Option<Instant>; 2],
    /// When frames were analysed.
    analysed: VecDeque<Instant>,
    /// When each picture was ready.
    drawn: VecDeque<Instant>,
    /// How long after its frame's arrival the first picture of each frame was.
    latencies: VecDeque<Duration>,
    /// When the last picture was ready, and whether it showed somebody.
    last: Option<(Instant, bool)>,
    /// When the last frame was analysed of viewers who have agreed to that.
    agreed: Option<Instant>,
}

/// A stage that may get stuck.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// It analyses a frame.
    Analyse,
    /// It draws a picture.
    Draw,
}

/// How many a second, of times in their order.
fn rate(times: impl Iterator<Item = Instant>) -> f64 {
    let mut lately = times.filter(|at| at.elapsed() < WINDOW).peekable();
    let span = lately.peek().map_or(WINDOW, Instant::elapsed).clamp(Duration::from_secs(1), WINDOW);
    lately.count() as f64 / span.as_secs_f64()
}

/// Keeps the newest.
fn keep<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == RECENT {
        all.pop_front();
    }
    all.push_back(one);
}

impl State {
    fn performance(&self) -> Performance {
        let mut latencies: Vec<Duration> = self.latencies.iter().copied().collect();
        latencies.sort_unstable();
        // Nearest rank.
        let quantile = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            latencies.get(rank - 1).map_or(0.0, |l| l.as_secs_f64() * 1e3)
        };
        Performance {
            frames_per_second: rate(self.analysed.iter().copied()),
            pictures_per_second: rate(self.drawn.iter().copied()),
            latency_p50_ms: quantile(50),
            latency_p95_ms: quantile(95),
        }
    }
}

impl Metrics {
    /// A stage begins.
    pub fn begin(&self, stage: Stage) {
        self.lock().busy[stage as usize] = Some(Instant::now());
    }

    /// A frame was analysed.
    pub fn analysed(&self, refused: bool) {
        let mut state = self.lock();
        state.busy[Stage::Analyse as usize] = None;
        state.frames += 1;
        state.refused += u64::from(refused);
        keep(&mut state.analysed, Instant::now());
    }

    /// The viewers in a frame have agreed to be looked at.
    pub fn agreed(&self) {
        self.lock().agreed = Some(Instant::now());
    }

    /// Whether those who are there have agreed to be looked at.
    pub fn was_agreed_lately(&self) -> bool {
        self.lock().agreed.is_some_and(|at| at.elapsed() < LATELY)
    }

    /// A picture was drawn.
    pub fn drew(&self) {
        self.lock().busy[Stage::Draw as usize] = None;
    }

    /// A picture is ready, `latency` after its frame came; `None` of one in between, which tells no news of the viewer.
    pub fn shown(&self, reflects: bool, latency: Option<Duration>) {
        let mut state = self.lock();
        state.pictures += 1;
        state.reflections += u64::from(reflects);
        let now = Instant::now();
        state.last = Some((now, reflects));
        keep(&mut state.drawn, now);
        if let Some(latency) = latency {
            keep(&mut state.latencies, latency);
        }
    }

    /// A frame was overtaken.
    pub fn dropped(&self) {
        self.lock().dropped += 1;
    }

    /// Whether a stage has been busy with one picture for far too long.
    pub fn is_stuck(&self) -> bool {
        self.lock().busy.iter().flatten().any(|since| since.elapsed() > STUCK)
    }

    /// Whether the last picture showed somebody; `None` where none was drawn for a while.
    pub fn is_reflecting(&self) -> Option<bool> {
        self.lock().last.filter(|(at, _)| at.elapsed() < LATELY).map(|(_, reflects)| reflects)
    }

    /// How fast the mirror has been lately.
    pub fn performance(&self) -> Performance {
        self.lock().performance()
    }

    /// All of it.
    pub fn text(&self) -> String {
        let state = self.lock();
        let performance = state.performance();
        format!(
            "narcissus_frames_total {}\nnarcissus_pictures_total {}\nnarcissus_reflections_total {}\nnarcissus_refused_total {}\n\
             narcissus_dropped_total {}\nnarcissus_frames_per_second {:.1}\nnarcissus_pictures_per_second {:.1}\n\
             narcissus_latency_seconds{{quantile=\"0.5\"}} {:.6}\nnarcissus_latency_seconds{{quantile=\"0.95\"}} {:.6}\n",
            state.frames,
            state.pictures,
            state.reflections,
            state.refused,
            state.dropped,
            performance.frames_per_second,
            performance.pictures_per_second,
            performance.latency_p50_ms / 1e3,
            performance.latency_p95_ms / 1e3
        )
    }

    /// Every change under the lock is complete before it can panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_pictures_are_counted_and_timed() {
        let metrics = Metrics::default();
        assert!(metrics.text().contains("narcissus_frames_total 0\n") && !metrics.is_stuck());
        for ms in 1..=100 {
            metrics.begin(Stage::Analyse);
            metrics.analysed(ms == 1);
            metrics.begin(Stage::Draw);
            metrics.drew();
            metrics.shown(ms > 10, Some(Duration::from_millis(ms)));
        }
        (0..50).for_each(|_| metrics.analysed(false));
        metrics.dropped();
        let text = metrics.text();
        for line in [
            "narcissus_frames_total 150",
            "narcissus_pictures_total 100",
            "narcissus_reflections_total 90",
            "narcissus_refused_total 1",
            "narcissus_dropped_total 1",
            "narcissus_frames_per_second 150.0",
            "narcissus_pictures_per_second 100.0",
            "narcissus_latency_seconds{quantile=\"0.5\"} 0.050000",
            "narcissus_latency_seconds{quantile=\"0.95\"} 0.095000",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
