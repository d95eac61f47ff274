//! Opening hours.

use crate::week::{local_now, parse_days, parse_time};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use mirror::live::{Closed, Desk};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Days for which it is looked ahead for the next opening.
const AHEAD: i64 = 366;
/// From one look at the clock to the next.
const LOOK: Duration = Duration::from_secs(1);

/// When a house is open. Clocks are local.
#[derive(Clone, Debug, PartialEq)]
pub struct Hours {
    /// By the day on which they begin.
    spans: Vec<Span>,
    /// Days on which it stays closed.
    closed: Vec<Date>,
}

/// From a time of some days to another; where that is not later, to that of the day after.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    days: Vec<Weekday>,
    from: Time,
    to: Time,
}

impl Span {
    /// Reads `tue-sun 10:00-18:00`, or times alone of every day.
    fn parse(text: &str) -> Option<Self> {
        let (days, times) = text.trim().rsplit_once(' ').unwrap_or(("mon-sun", text.trim()));
        let (from, to) = times.split_once('-')?;
        Some(Self { days: parse_days(days)?, from: parse_time(from)?, to: parse_time(to)? })
    }

    /// From when to when it is open on a date.
    fn on(&self, date: Date) -> Option<(DateTime, DateTime)> {
        let last = if self.to > self.from { date } else { date.checked_add(1.day()).ok()? };
        self.days.contains(&date.weekday()).then(|| (date.to_datetime(self.from), last.to_datetime(self.to)))
    }
}

impl Hours {
    /// Of texts such as `tue-sun 10:00-18:00`, and of the dates on which it stays closed, such as `2026-12-25`.
    ///
    /// # Errors
    /// With the place of the first text that is none, counted over both lists, and what was expected there.
    pub(super) fn parse(open: &[&str], closed: &[&str]) -> Result<Self, (usize, &'static str)> {
        let span = |(i, text): (usize, &&str)| {
            Span::parse(text).ok_or((i, "hours such as \"10:00-18:00\" or \"tue-sun 10:00-18:00\""))
        };
        let date = |(i, text): (usize, &&str)| {
            text.trim().parse().map_err(|_| (open.len() + i, "a date such as \"2026-12-25\""))
        };
        Ok(Self {
            spans: open.iter().enumerate().map(span).collect::<Result<_, _>>()?,
            closed: closed.iter().enumerate().map(date).collect::<Result<_, _>>()?,
        })
    }

    /// All that begins on a date.
    fn on(&self, date: Date) -> impl Iterator<Item = (DateTime, DateTime)> + '_ {
        let spans = if self.closed.contains(&date) { &[] } else { self.spans.as_slice() };
        spans.iter().filter_map(move |span| span.on(date))
    }

    /// `None` where it is open.
    pub fn closed(&self, now: DateTime) -> Option<Closed> {
        let day = |days: i64| now.date().checked_add(days.days()).ok();
        let is_open = (-1..=0).filter_map(day).flat_map(|date| self.on(date)).any(|(from, to)| from <= now && now < to);
        if is_open {
            return None;
        }
        let later = |date| self.on(date).map(|(from, _)| from).filter(|from| *from > now).min();
        let next = (0..=AHEAD).filter_map(day).find_map(later);
        Some(Closed { until: next.map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string()) })
    }
}

/// Closes and opens a mirror, until this is dropped.
pub struct Doorkeeper {
    go: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Doorkeeper {
    /// Keeps these hours from now on.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(hours: Hours, desk: Arc<Desk>) -> std::io::Result<Self> {
        let (go, gone) = channel();
        let mut told = None;
        let mut look = move || {
            let closed = hours.closed(local_now());
            if told.as_ref() != Some(&closed) {
                tracing::info!(open = closed.is_none(), "opening hours");
                desk.set_closed(closed.clone());
                told = Some(closed);
            }
        };
        // Nobody is looked at before the clock was.
        look();
        let run = move || {
            while gone.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                look();
            }
        };
        let thread = std::thread::Builder::new().name("opening hours".into()).spawn(run)?;
        Ok(Self { go: Some(go), thread: Some(thread) })
    }
}

impl Drop for Doorkeeper {
    fn drop(&mut self) {
        self.go.take();
        self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;

    #[test]
    fn a_house_is_open_in_its_hours_and_says_when_it_opens_again() {
        let hours = ["tue-sun 10:00-18:00", "thu 19:00-21:00", "fri 22:00-02:00"];
        let hours = Hours::parse(&hours, &["2026-11-28"]).unwrap();
        // A Wednesday is the 25th.
        for (day, hour, minute, until) in [
            (25, 9, 59, Some("2026-11-25T10:00")),
            (25, 10, 0, None),
            (25, 17, 59, None),
            (25, 18, 0, Some("2026-11-26T10:00")),
            (26, 18, 30, Some("2026-11-26T19:00")),
            (26, 20, 59, None),
            (27, 23, 0, None),
            (28, 1, 59, None),
            (28, 2, 0, Some("2026-11-29T10:00")),
            (28, 12, 0, Some("2026-11-29T10:00")),
            (29, 18, 0, Some("2026-12-01T10:00")),
        ] {
            let closed = hours.closed(datetime(2026, 11, day, hour, minute, 0, 0));
            assert_eq!(closed, until.map(|at| Closed { until: Some(at.into()) }), "{day} {hour}:{minute}");
        }
        let never = Hours::parse(&[], &[]).unwrap().closed(datetime(2026, 11, 25, 12, 0, 0, 0));
        assert_eq!(never, Some(Closed { until: None }));
    }

    #[test]
    fn what_is_no_hour_and_no_day_is_said() {
        for (text, place) in [("10:00", 0), ("10-18", 0), ("sat 10:00-25:00", 0), ("some 10:00-11:00", 0)] {
            assert_eq!(Hours::parse(&[text], &[]).unwrap_err().0, place, "{text}");
        }
        assert_eq!(Hours::parse(&["10:00-11:00"], &["Christmas"]).unwrap_err().0, 1);
    }
}
