//! A meeting point of two threads that holds one thing only: the newest.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Locks a mutex though a thread has panicked under it: for values that are whole whenever that can happen.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From one question whether a wait is given up to the next.
const WATCH: Duration = Duration::from_millis(100);

/// Holds the newest value that was put and not yet taken; what it replaces is counted and gone.
///
/// A camera that is faster than the mirror thus never builds a queue, and the mirror never shows the past.
#[derive(Debug)]
pub struct Latest<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    newest: Option<T>,
    dropped: u64,
    closed: bool,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { newest: None, dropped: 0, closed: false }), changed: Condvar::new() }
    }
}

impl<T> Latest<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the newest; gives back what nobody took in time, or `value` itself after [`Latest::close`].
    pub fn put(&self, value: T) -> Option<T> {
        let mut state = self.lock();
        if state.closed {
            return Some(value);
        }
        let missed = state.newest.replace(value);
        state.dropped += u64::from(missed.is_some());
        drop(state);
        self.changed.notify_all();
        missed
    }

    /// Puts a value once the one before was taken; gives it back after [`Latest::close`], or when `gives_up` says so, which is asked ten
    /// times a second.
    pub fn put_when_free(&self, value: T, gives_up: impl Fn() -> bool) -> Option<T> {
        let mut state = self.lock();
        while state.newest.is_some() {
            if state.closed || gives_up() {
                return Some(value);
            }
            state = self.changed.wait_timeout(state, WATCH).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed || gives_up() {
            return Some(value);
        }
        state.newest = Some(value);
        drop(state);
        self.changed.notify_all();
        None
    }

    /// Takes the newest, waiting for it up to `timeout`; `None` if none came or it is closed and empty.
    pub fn take(&self, timeout: Duration) -> Option<T> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(value) = state.newest.take() {
                drop(state);
                self.changed.notify_all();
                return Some(value);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many were replaced before anybody took them.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Takes no more; whoever waits is woken. What is in it can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Every change under the lock is complete before it can panic.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(20);

    #[test]
    fn the_newest_wins_and_the_rest_is_counted() {
        let latest = Latest::new();
        assert_eq!((1..=5).map(|i| latest.put(i)).collect::<Vec<_>>(), [None, Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!((latest.take(SOON), latest.take(SOON), latest.dropped()), (Some(5), None, 4));
    }

    #[test]
    fn a_value_that_may_not_be_lost_waits_for_its_place() {
        let latest = Arc::new(Latest::new());
        assert_eq!(latest.put_when_free(1, || false), None);
        assert_eq!(latest.put_when_free(2, || true), Some(2), "given up");
        let waiting = std::thread::spawn({
            let latest = latest.clone();
            move || latest.put_when_free(3, || false)
        });
        assert_eq!((latest.take(LATE), latest.take(LATE), waiting.join().unwrap()), (Some(1), Some(3), None));
        latest.close();
        assert_eq!(latest.put_when_free(4, || false), Some(4));
    }

    #[test]
    fn one_who_waits_is_woken_by_a_value_and_by_the_end() {
        let latest = Arc::new(Latest::new());
        let waiting = std::thread::spawn({
            let latest = latest.clone();
            move || [latest.take(LATE), latest.take(LATE)]
        });
        std::thread::sleep(SOON);
        latest.put(7);
        std::thread::sleep(SOON);
        latest.close();
        assert_eq!(waiting.join().unwrap(), [Some(7), None]);
        assert!(latest.is_closed() && latest.put(8) == Some(8));
    }
}
