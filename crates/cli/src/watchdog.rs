//! Tells the service manager that the mirror lives: systemd's watchdog, where there is one.
//!
//! It is told after a picture was drawn, by the thread that draws: a mirror that no longer reflects is started again, whatever
//! its other threads do.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// From one word to the next.
const INTERVAL: Duration = Duration::from_secs(2);

/// Whoever wants to know.
pub struct Watchdog(Option<Mutex<Option<Instant>>>);

impl Watchdog {
    /// The one that the environment names.
    pub fn from_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").map(|_| Mutex::default()))
    }

    /// The page can be opened.
    pub fn ready(&self) {
        if self.0.is_some() {
            notify::ready();
        }
    }

    /// A picture was drawn.
    pub fn ping(&self) {
        let Some(Ok(mut last)) = self.0.as_ref().map(Mutex::lock) else { return };
        if last.is_none_or(|at| at.elapsed() >= INTERVAL) {
            *last = Some(Instant::now());
            notify::alive();
        }
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
