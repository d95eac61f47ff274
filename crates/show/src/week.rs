//! Days and times of a week, as people write them.

use jiff::ToSpan;
use jiff::civil::{DateTime, Time, Weekday};

/// Days by their first three letters.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A time of every week: `18:00`, `sat 10:00`, `mon-fri 09:30`. Clocks are local.
#[derive(Clone, Debug, PartialEq)]
pub struct WeeklyTime {
    days: Vec<Weekday>,
    time: Time,
}

impl WeeklyTime {
    /// Reads it; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (days, time) = text.trim().rsplit_once(' ').unwrap_or(("mon-sun", text.trim()));
        let (days, time) = (parse_days(days)?, parse_time(time)?);
        Some(Self { days, time })
    }

    /// When it was last, `now` included.
    pub fn last(&self, now: DateTime) -> Option<DateTime> {
        let day = |back: i64| now.date().checked_sub(back.days()).ok();
        (0..=7).filter_map(day).find_map(|date| {
            let at = date.to_datetime(self.time);
            (self.days.contains(&date.weekday()) && at <= now).then_some(at)
        })
    }
}

/// Reads days such as `sat`, `mon-fri` or `tue,thu-sun`.
pub(crate) fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    let place = |name: &str| DAYS.iter().position(|(day, _)| day.eq_ignore_ascii_case(name.trim()));
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        // From Saturday to Monday, too.
        let count = (last + DAYS.len() - first) % DAYS.len();
        all.extend((0..=count).map(|i| DAYS[(first + i) % DAYS.len()].1));
    }
    Some(all)
}

/// Reads a time of day such as `9:30`.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// The clock on the wall.
pub fn local_now() -> DateTime {
    jiff::Zoned::now().datetime()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;

    #[test]
    fn times_of_a_week_are_read_and_said_when_they_were_last() {
        // A Wednesday.
        let now = datetime(2026, 11, 25, 12, 0, 0, 0);
        for (text, last) in [
            ("12:00", Some((25, 12, 0))),
            ("9:30", Some((25, 9, 30))),
            ("12:01", Some((24, 12, 1))),
            ("sat 10:00", Some((21, 10, 0))),
            ("mon-fri 13:00", Some((24, 13, 0))),
            ("Sat-Mon 10:00", Some((23, 10, 0))),
            ("thu,sun 10:00", Some((22, 10, 0))),
            ("wed 12:30", Some((18, 12, 30))),
        ] {
            let read = WeeklyTime::parse(text).unwrap_or_else(|| panic!("{text}"));
            let last = last.map(|(day, hour, minute)| datetime(2026, 11, day, hour, minute, 0, 0));
            assert_eq!(read.last(now), last, "{text}");
        }
        for text in
            ["", "noon", "24:00", "12:60", "12", "12:5", "day 12:00", "mon- 12:00", "-1:00", "+1:00", "mon 12:00 13:00"]
        {
            assert_eq!(WeeklyTime::parse(text), None, "{text}");
        }
    }
}
