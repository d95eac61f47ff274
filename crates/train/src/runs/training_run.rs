//! One training run: its folder, its budget of time, its log.

use super::progress::{Progress, bar, is_shown, say};
use anyhow::{Context, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps over which the learning rate rises at the start.
const WARM_UP: f32 = 200.0;

/// How often [`TrainingRun::checkpoint_due`] says yes.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How often [`TrainingRun::show`] writes a line where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(20);

/// One training run: its folder, its budget of time, its log.
pub struct TrainingRun {
    out: PathBuf,
    bar: Progress,
    log: std::fs::File,
    /// `None`: the run ends by other means.
    budget_secs: Option<f64>,
    spent_secs_before: f64,
    began: Instant,
    last_checkpoint: Instant,
    last_line: Option<Instant>,
}

impl TrainingRun {
    /// Begins a run in the folder `out`, or goes on with one that has taken `steps` steps and `spent_secs` seconds.
    ///
    /// `minutes` are its budget; without one it ends by other means.
    ///
    /// `log.csv` gets the columns `step`, `seconds` and `columns`; rows of a lost future (after the checkpoint)
    /// are dropped.
    ///
    /// # Errors
    /// If the folder or the log cannot be written.
    pub fn open(
        out: &Path,
        what: &'static str,
        minutes: Option<f64>,
        columns: &[&str],
        (steps, spent_secs): (u64, f64),
    ) -> Result<Self> {
        std::fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;

        // The log up to the checkpoint.
        let path = out.join("log.csv");
        let mut text = format!("step,seconds,{}\n", columns.join(","));
        if steps > 0 {
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            let past =
                |row: &&str| row.split(',').next().and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| s <= steps);
            before.lines().skip(1).filter(past).for_each(|row| text += &format!("{row}\n"));
        }
        host::write_atomically(&path, text.as_bytes())?;
        let log =
            std::fs::OpenOptions::new().append(true).open(&path).with_context(|| format!("{}", path.display()))?;

        let budget_secs = minutes.map(|m| m * 60.0);
        let bar = bar(budget_secs.map(|s| s as u64), what);
        let now = Instant::now();
        let out = out.to_path_buf();
        Ok(Self {
            out,
            bar,
            log,
            budget_secs,
            spent_secs_before: spent_secs,
            began: now,
            last_checkpoint: now,
            last_line: None,
        })
    }

    /// Seconds of training so far, those before a resume included.
    pub fn seconds(&self) -> f64 {
        self.spent_secs_before + self.began.elapsed().as_secs_f64()
    }

    /// Share of the budget that is spent, at most 1: what learning-rate schedules run on. 0 without a budget.
    pub fn fraction(&self) -> f32 {
        self.budget_secs.map_or(0.0, |budget| (self.seconds() / budget.max(1e-9)).min(1.0) as f32)
    }

    /// The learning rate for step `step`: rises to `highest` over the first steps, then falls over the budget as a cosine to a
    /// hundredth.
    pub fn learning_rate(&self, highest: f32, step: u64) -> f32 {
        let cosine = 0.5 + 0.5 * (std::f32::consts::PI * self.fraction()).cos();
        highest * (0.01 + 0.99 * cosine) * ((step + 1) as f32 / WARM_UP).min(1.0)
    }

    /// Whether the budget is spent.
    pub fn is_over(&self) -> bool {
        self.budget_secs.is_some_and(|budget| self.seconds() >= budget)
    }

    /// Moves the progress bar. Where stderr is no terminal, writes a line: the first at once, then one every 20 seconds.
    pub fn show(&mut self, message: String) {
        let seconds = self.seconds();
        self.bar.set_position(self.budget_secs.map_or(seconds, |budget| seconds.min(budget)) as u64);
        if !is_shown() && self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            match self.budget_secs {
                Some(budget) => say(format_args!("{seconds:.0} of {budget:.0} s: {message}")),
                None => say(format_args!("{seconds:.0} s: {message}")),
            }
        }
        self.bar.set_message(message);
    }

    /// Writes a row of `log.csv`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn log(&mut self, step: u64, values: &[f32]) -> Result<()> {
        let values: Vec<String> = values.iter().map(|v| format!("{v:.6}")).collect();
        let row = format!("{step},{:.1},{}\n", self.seconds(), values.join(","));
        self.log.write_all(row.as_bytes()).with_context(|| format!("{}", self.path("log.csv").display()))
    }

    /// Whether it is time to write a checkpoint: a minute after the last was written.
    pub fn checkpoint_due(&self) -> bool {
        self.last_checkpoint.elapsed() >= CHECKPOINT_EVERY
    }

    /// A checkpoint was written. However long that took, the next is due in a minute.
    pub fn checkpoint_written(&mut self) {
        self.last_checkpoint = Instant::now();
    }

    /// A file of the run's folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.out.join(file)
    }

    /// Takes the progress bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_log_drops_what_came_after_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let mut s = TrainingRun::open(dir.path(), "test", Some(1.0), &["loss"], (0, 0.0)).unwrap();
        for step in 1..=3 {
            s.log(step, &[0.5]).unwrap();
        }
        s.finish();
        let mut s = TrainingRun::open(dir.path(), "test", Some(1.0), &["loss"], (2, 30.0)).unwrap();
        assert!(s.fraction() >= 0.5 && !s.is_over());
        s.log(3, &[0.25]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("log.csv")).unwrap();
        let steps: Vec<&str> = text.lines().map(|l| l.split(',').next().unwrap()).collect();
        assert_eq!(steps, ["step", "1", "2", "3"]);
        assert!(text.ends_with("0.250000\n"));
    }
}
