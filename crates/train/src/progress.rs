//! What every training run shares: a progress bar, a time budget, `log.csv`, and checkpoints that lose nothing.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nn::io::{Dtype, Weights};
use nn::{Adam, Param, Rng};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps over which the learning rate rises at the start.
const WARM_UP: f32 = 200.0;

/// How often [`Session::checkpoint_due`] says yes.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// How often [`Session::show`] writes a line where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(20);

/// A progress bar on stderr; silent when that is no terminal.
pub fn bar(length: u64, what: &'static str) -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {eta} {msg}").expect("a valid template");
    bar.with_style(style).with_prefix(what)
}

/// One training run: its folder, its budget of time, its log.
pub struct Session {
    out: PathBuf,
    bar: ProgressBar,
    log: std::fs::File,
    budget_secs: f64,
    spent_secs_before: f64,
    began: Instant,
    last_checkpoint: Instant,
    last_line: Option<Instant>,
}

impl Session {
    /// Begins a run in the folder `out`, or goes on with one that has taken `steps` steps and `spent_secs` seconds.
    ///
    /// `log.csv` gets the columns `step`, `seconds` and `columns`; rows of a lost future (after the checkpoint)
    /// are dropped.
    ///
    /// # Errors
    /// If the folder or the log cannot be written.
    pub fn open(
        out: &Path,
        what: &'static str,
        minutes: f64,
        columns: &[&str],
        (steps, spent_secs): (u64, f64),
    ) -> Result<Self> {
        std::fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
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
        let budget_secs = minutes * 60.0;
        let bar = bar(budget_secs as u64, what);
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

    /// Share of the budget that is spent, at most 1: what learning-rate schedules run on.
    pub fn fraction(&self) -> f32 {
        (self.seconds() / self.budget_secs.max(1e-9)).min(1.0) as f32
    }

    /// The learning rate for step `step`: rises to `highest` over the first steps, then falls over the budget as a cosine to a
    /// hundredth.
    pub fn learning_rate(&self, highest: f32, step: u64) -> f32 {
        let cosine = 0.5 + 0.5 * (std::f32::consts::PI * self.fraction()).cos();
        highest * (0.01 + 0.99 * cosine) * ((step + 1) as f32 / WARM_UP).min(1.0)
    }

    /// Whether the budget is spent.
    pub fn is_over(&self) -> bool {
        self.seconds() >= self.budget_secs
    }

    /// Moves the progress bar. Where stderr is no terminal, writes a line: the first at once, then one every 20 seconds.
    pub fn show(&mut self, message: String) {
        self.bar.set_position((self.seconds() as u64).min(self.budget_secs as u64));
        if self.bar.is_hidden() && self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            eprintln!("{:.0} of {:.0} s: {message}", self.seconds(), self.budget_secs);
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

    /// True about once a minute: time to write a checkpoint.
    pub fn checkpoint_due(&mut self) -> bool {
        let due = self.last_checkpoint.elapsed() >= CHECKPOINT_EVERY;
        if due {
            self.last_checkpoint = Instant::now();
        }
        due
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

/// The whole state of a run in one file: `put` everything, [`Checkpoint::save`]; [`Checkpoint::load`], `take` it
/// all back, bit for bit.
#[derive(Default)]
pub struct Checkpoint {
    weights: Weights,
}

impl Checkpoint {
    /// Stores parameters under `prefix`.
    pub fn put_params(&mut self, prefix: &str, params: &[&Param]) {
        for p in params {
            // The values as they are, not as `nn::io::collect` scales them: a product does not divide back exactly.
            self.put_values(&format!("{prefix}/{}", p.name), &p.value);
        }
    }

    /// Stores an optimiser (all but its `beta1`, which the reader must know) under `prefix`.
    pub fn put_adam(&mut self, prefix: &str, adam: &Adam) {
        self.put_number(&format!("{prefix}/t"), adam.t as f64);
        self.put_number(&format!("{prefix}/lr"), f64::from(adam.lr));
        for (i, (m, v)) in adam.m.iter().zip(&adam.v).enumerate() {
            self.put_values(&format!("{prefix}/m/{i}"), m);
            self.put_values(&format!("{prefix}/v/{i}"), v);
        }
    }

    /// Stores a stream of random numbers.
    pub fn put_rng(&mut self, name: &str, rng: &Rng) {
        let words = rng.state().map(|w| w.to_string()).join(" ");
        self.weights.metadata.insert(name.into(), words);
    }

    /// Stores a number.
    pub fn put_number(&mut self, name: &str, value: f64) {
        self.weights.metadata.insert(name.into(), format!("{value:?}"));
    }

    /// Stores a list of finite numbers.
    pub fn put_values(&mut self, name: &str, values: &[f32]) {
        self.weights.tensors.insert(name.into(), (vec![values.len()], values.to_vec()));
    }

    /// Writes the file in one go.
    ///
    /// # Errors
    /// If it cannot be written; then an older file is still there.
    pub fn save(&self, path: &Path) -> Result<()> {
        Ok(host::write_atomically(path, &nn::io::write(&self.weights, Dtype::F32))?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn load(path: &Path) -> Result<Self> {
        let context = || format!("{}", path.display());
        let bytes = std::fs::read(path).with_context(context)?;
        Ok(Self { weights: nn::io::read(&bytes).with_context(context)? })
    }

    /// Fills parameters stored under `prefix`.
    ///
    /// # Errors
    /// If one is missing or of another length.
    pub fn take_params(&self, prefix: &str, params: Vec<&mut Param>) -> Result<()> {
        for p in params {
            let values = self.values(&format!("{prefix}/{}", p.name))?;
            anyhow::ensure!(
                values.len() == p.value.len(),
                "checkpoint: \"{}\": expected {} values, file has {}",
                p.name,
                p.value.len(),
                values.len()
            );
            p.value.copy_from_slice(values);
        }
        Ok(())
    }

    /// Brings an optimiser back to the state stored under `prefix`.
    ///
    /// # Errors
    /// If a part is missing.
    pub fn take_adam(&self, prefix: &str, adam: &mut Adam) -> Result<()> {
        adam.t = self.number(&format!("{prefix}/t"))? as u64;
        adam.lr = self.number(&format!("{prefix}/lr"))? as f32;
        (adam.m, adam.v) = (Vec::new(), Vec::new());
        while let Ok(m) = self.values(&format!("{prefix}/m/{}", adam.m.len())) {
            adam.v.push(self.values(&format!("{prefix}/v/{}", adam.m.len()))?.to_vec());
            adam.m.push(if adam.beta1 == 0.0 { Vec::new() } else { m.to_vec() });
        }
        Ok(())
    }

    /// The stream of random numbers, where it was.
    ///
    /// # Errors
    /// If it is missing.
    pub fn rng(&self, name: &str) -> Result<Rng> {
        let words = self.weights.metadata.get(name).map_or("", String::as_str).split_whitespace();
        let words: Vec<u64> = words.filter_map(|w| w.parse().ok()).collect();
        let state = words.try_into().ok().with_context(|| format!("checkpoint: no random state \"{name}\""))?;
        Ok(Rng::from_state(state))
    }

    /// A stored number.
    ///
    /// # Errors
    /// If it is missing.
    pub fn number(&self, name: &str) -> Result<f64> {
        let text = self.weights.metadata.get(name).and_then(|t| t.parse().ok());
        text.with_context(|| format!("checkpoint: no number \"{name}\""))
    }

    /// A stored list.
    ///
    /// # Errors
    /// If it is missing.
    pub fn values(&self, name: &str) -> Result<&[f32]> {
        let found = self.weights.tensors.get(name).with_context(|| format!("checkpoint: no values \"{name}\""))?;
        Ok(&found.1)
    }
}

/// Fills a net with the weights of a file: where a run starts that does not start from random ones.
///
/// # Errors
/// If the file cannot be read, or holds another net's weights.
pub fn start_from(path: &Path, params: Vec<&mut nn::Param>) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    nn::io::load_into(&bytes, params).with_context(|| format!("{}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{Dense, Init, Layer};

    #[test]
    fn a_checkpoint_brings_everything_back_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.safetensors");
        let mut rng = Rng::new(3);
        let mut net = Dense::new("d", 4, 3, Init::Equalized { gain: 1.3 }, &mut rng);
        let mut adam = Adam::new(0.01, 0.9, 0.999);
        adam.step(net.params_mut(), &[rng.normals(12), rng.normals(3)]);
        let mut c = Checkpoint::default();
        c.put_params("net", &net.params());
        c.put_adam("adam", &adam);
        c.put_rng("rng", &rng);
        c.put_number("step", 1.0);
        c.save(&path).unwrap();

        let c = Checkpoint::load(&path).unwrap();
        let mut other = Dense::new("d", 4, 3, Init::Equalized { gain: 1.3 }, &mut Rng::new(9));
        let mut other_adam = Adam::new(0.5, 0.9, 0.999);
        c.take_params("net", other.params_mut()).unwrap();
        c.take_adam("adam", &mut other_adam).unwrap();
        let mut other_rng = c.rng("rng").unwrap();
        assert_eq!(c.number("step").unwrap(), 1.0);
        let g = [rng.normals(12), rng.normals(3)];
        assert_eq!(g, [other_rng.normals(12), other_rng.normals(3)]);
        adam.step(net.params_mut(), &g);
        other_adam.step(other.params_mut(), &g);
        assert!(net.params().iter().zip(other.params()).all(|(a, b)| a.value == b.value));
        assert!(c.number("none").is_err());
    }

    #[test]
    fn a_resumed_log_drops_what_came_after_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let mut s = Session::open(dir.path(), "test", 1.0, &["loss"], (0, 0.0)).unwrap();
        for step in 1..=3 {
            s.log(step, &[0.5]).unwrap();
        }
        s.finish();
        let mut s = Session::open(dir.path(), "test", 1.0, &["loss"], (2, 30.0)).unwrap();
        assert!(s.fraction() >= 0.5 && !s.is_over());
        s.log(3, &[0.25]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("log.csv")).unwrap();
        let steps: Vec<&str> = text.lines().map(|l| l.split(',').next().unwrap()).collect();
        assert_eq!(steps, ["step", "1", "2", "3"]);
        assert!(text.ends_with("0.250000\n"));
    }
}
