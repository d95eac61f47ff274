//! What a run tells people while it works, all of it on stderr: progress bars, and lines of words.
//!
//! Data goes to stdout, which belongs to the command line program alone.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Work that is done sooner shows no bar.
const SHOW_AFTER: Duration = Duration::from_secs(2);

/// A progress bar for work that may take longer than two seconds: it shows itself only then, and only where stderr is a terminal.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
}

/// A bar for `length` pieces of work, if their number is known.
pub fn bar(length: impl Into<Option<u64>>, what: &'static str) -> Progress {
    let bar = ProgressBar::with_draw_target(length.into(), ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {eta} {msg}").expect("a valid template");
    Progress { bar: bar.with_style(style).with_prefix(what), began: Instant::now() }
}

impl Progress {
    /// `pieces` more are done.
    pub fn inc(&self, pieces: u64) {
        self.show_when_due();
        self.bar.inc(pieces);
    }

    /// So many are done.
    pub fn set_position(&self, pieces: u64) {
        self.show_when_due();
        self.bar.set_position(pieces);
    }

    /// There are `pieces` more to do than was known before.
    pub fn inc_length(&self, pieces: u64) {
        self.bar.inc_length(pieces);
    }

    /// Words beside the bar.
    pub fn set_message(&self, words: String) {
        self.bar.set_message(words);
    }

    /// Writes a line of words above the bar.
    pub fn say(&self, line: impl Display) {
        self.bar.suspend(|| say(line));
    }

    /// Takes the bar away.
    pub fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show_when_due(&self) {
        if self.bar.is_hidden() && is_shown() && self.began.elapsed() >= SHOW_AFTER {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// Whether bars are shown at all.
pub fn is_shown() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a line of words.
pub fn say(line: impl Display) {
    eprintln!("{line}");
}

/// An error and its causes in one line, each said once; a hint that a library put on a line of its own joins it.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many libraries already name the cause in their own words.
        if !text.contains(&cause) {
            text += &format!(": {cause}");
        }
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
