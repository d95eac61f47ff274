//! Tells the service manager that the mirror lives: systemd's watchdog, where there is one.
//!
//! It is told after a picture was drawn, by the thread that draws: a mirror that no longer reflects is started again, whatever
//! its other threads do.

use frame::lock;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// From one word to the next.
const INTERVAL: Duration = Duration::from_secs(2);

/// Whoever wants to know.
pub struct Watchdog {
    /// When a picture was last drawn, to [`INTERVAL`]; at first, when this was made.
    last: Mutex<Instant>,
    /// Whether there is a service manager.
    is_heard: bool,
}

impl Watchdog {
    /// The one that the environment names.
    pub fn from_environment() -> Self {
        Self { last: Mutex::new(Instant::now()), is_heard: std::env::var_os("NOTIFY_SOCKET").is_some() }
    }

    /// The page can be opened.
    pub fn ready(&self) {
        if self.is_heard {
            notify::ready();
        }
    }

    /// A picture was drawn.
    pub fn ping(&self) {
        let mut last = lock(&self.last);
        if last.elapsed() >= INTERVAL {
            *last = Instant::now();
            if self.is_heard {
                notify::alive();
            }
        }
    }

    /// For how long no picture was drawn.
    pub fn silence(&self) -> Duration {
        lock(&self.last).elapsed()
    }
}

#[cfg(target_os = "linux")]
mod notify {
    use sd_notify::NotifyState;

    pub fn ready() {
        say(NotifyState::Ready);
    }

    pub fn alive() {
        say(NotifyState::Watchdog);
    }

    fn say(state: NotifyState) {
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::warn!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod notify {
    pub fn ready() {}
    pub fn alive() {}
}
