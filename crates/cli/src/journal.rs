//! What happens, as lines of JSON in a file that never grows beyond a bound, and in words on stderr.
//!
//! Nothing about who looked is ever written: only that pages came and went, and what failed.

use anyhow::Context;
use display::server::Trouble;
use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{self, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

/// A file and the one before it are each at most this long.
const MAX_BYTES: u64 = 5_000_000;

/// Begins to take note; `verbose` says more on stderr. Gives back what will have gone wrong lately.
///
/// # Errors
/// If the file cannot be written.
pub fn open(file: Option<&Path>, verbose: u8) -> anyhow::Result<Arc<Troubles>> {
    let ours =
        |level| Targets::new().with_targets(["narcissus", "display", "mirror", "show"].map(|name| (name, level)));
    let level = [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG][usize::from(verbose.min(2))];
    // What cannot be written is lost. The layers would complain about it on stderr, and panic where that is closed too.
    let words = fmt::layer().with_writer(io::stderr).without_time().with_target(false).log_internal_errors(false);
    let words = words.with_filter(ours(level));
    let lines = file
        .map(|path| CappedFile::open(path, MAX_BYTES).with_context(|| format!("cannot write to {}", path.display())));
    let lines = lines.transpose()?;
    let lines = lines
        .map(|f| fmt::layer().json().with_writer(f).log_internal_errors(false).with_filter(ours(LevelFilter::INFO)));
    let troubles = Arc::<Troubles>::default();
    let lately = Lately(troubles.clone()).with_filter(ours(LevelFilter::WARN));
    // Whoever already listens in this process goes on to.
    let _ = registry().with(words).with(lines).with(lately).try_init();
    Ok(troubles)
}

/// What went wrong lately, the newest last.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<VecDeque<Trouble>>);

impl Troubles {
    /// So many are remembered.
    const MOST: usize = 20;

    /// They.
    pub fn all(&self) -> Vec<Trouble> {
        frame::lock(&self.0).iter().cloned().collect()
    }
}

/// Remembers warnings and errors.
struct Lately(Arc<Troubles>);

impl<S: Subscriber> Layer<S> for Lately {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut text = String::new();
        event.record(&mut Words(&mut text));
        let mut all = frame::lock(&self.0.0);
        if all.len() == Troubles::MOST {
            all.pop_front();
        }
        all.push_back(Trouble { at: SystemTime::now(), text });
    }
}

/// Writes an event as people read it: what happened, then the rest.
struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A string of its own has no result to be looked at.
        let _ = match field.name() {
            "message" => {
                self.0.insert_str(0, &format!("{value:?}"));
                Ok(())
            }
            name => write!(self.0, "; {name}: {value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, "; {}: {value}", field.name());
    }
}

/// A file that is put aside as `FILE.1`, in place of the one that was, when it is full.
struct CappedFile {
    path: PathBuf,
    max_bytes: u64,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    len: u64,
    /// Whether the last line could not be written.
    lost: bool,
}

impl CappedFile {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), max_bytes, open: Mutex::new(Open { file, len, lost: false }) })
    }
}

/// Writes one line at a time.
struct Line<'a> {
    of: &'a CappedFile,
    open: MutexGuard<'a, Open>,
}

impl Line<'_> {
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let Open { file, len, .. } = &mut *self.open;
        if *len > 0 && *len + line.len() as u64 > self.of.max_bytes {
            let mut aside = self.of.path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&self.of.path, aside)?;
            *file = OpenOptions::new().create(true).append(true).open(&self.of.path)?;
            *len = 0;
        }
        // A full disk may take half a line: the next one must not continue it.
        file.write_all(line).inspect_err(|_| drop(file.set_len(*len)))?;
        *len += line.len() as u64;
        Ok(())
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.put(line);
        if let (Err(error), false) = (&written, self.open.lost) {
            // Once, until the next line that can be written; who has closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "warning: {}: {error}; lines are lost", self.of.path.display());
        }
        self.open.lost = written.is_err();
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.file.flush()
    }
}

impl<'a> MakeWriter<'a> for CappedFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { of: self, open: frame::lock(&self.open) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device on which every write finds the disk full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let log = CappedFile::open(Path::new("/dev/full"), 100).unwrap();
        for lost in [false, true] {
            assert_eq!(frame::lock(&log.open).lost, lost);
            let error = writeln!(log.make_writer(), "a line").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }

    #[test]
    fn what_went_wrong_lately_is_remembered_as_people_read_it() {
        let troubles = Arc::<Troubles>::default();
        let listening = registry().with(Lately(troubles.clone()));
        tracing::subscriber::with_default(listening, || {
            tracing::warn!(file = "a.toml", lines = 3, "cannot be read");
            (0..Troubles::MOST + 4).for_each(|i| tracing::error!(i, "again"));
        });
        let all = troubles.all();
        assert_eq!((all.len(), all[0].text.as_str(), all[19].text.as_str()), (20, "again; i: 4", "again; i: 23"));
        let first = Arc::<Troubles>::default();
        tracing::subscriber::with_default(registry().with(Lately(first.clone())), || {
            tracing::warn!(file = "a.toml", lines = 3, "cannot be read");
        });
        assert_eq!(first.all()[0].text, "cannot be read; file: a.toml; lines: 3");
    }

    #[test]
    fn a_full_file_is_put_aside_and_both_stay_within_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = CappedFile::open(&path, 100).unwrap();
        for i in 0..50 {
            writeln!(log.make_writer(), "line {i:>20}").unwrap();
        }
        drop(log);
        writeln!(CappedFile::open(&path, 100).unwrap().make_writer(), "after a restart").unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(names.len(), 2);
        assert!(names.iter().all(|p| std::fs::metadata(p).unwrap().len() <= 100));
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("after a restart\n"));
    }
}
