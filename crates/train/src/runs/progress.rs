//! What a run tells people while it works, all of it on stderr: progress bars, and lines of words.
//!
//! Data goes to stdout, which belongs to the command line program alone.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::IsTerminal;

/// A progress bar for `length` pieces of work, if their number is known; silent when stderr is no terminal.
pub fn bar(length: impl Into<Option<u64>>, what: &'static str) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(length.into(), target);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {eta} {msg}").expect("a valid template");
    bar.with_style(style).with_prefix(what)
}

/// Writes a line of words.
pub fn say(line: impl Display) {
    eprintln!("{line}");
}
