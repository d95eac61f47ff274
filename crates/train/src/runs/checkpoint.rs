//! Checkpoints: the whole state of a run in one file, from which it goes on as if it had never stopped.

use anyhow::{Context, Result};
use nn::io::{Dtype, Weights};
use nn::{Adam, Param, Rng};
use std::fmt::Display;
use std::path::Path;

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

    /// Stores the options that decide what the state means.
    pub fn put_options(&mut self, options: &RunOptions) {
        for (name, value) in &options.0 {
            self.weights.metadata.insert(format!("{OPTION}{name}"), value.clone());
        }
    }

    /// Refuses options that differ from the run's. What a checkpoint of an older program does not say is not compared.
    ///
    /// # Errors
    /// Names the options that differ, with both values.
    pub fn expect_options(&self, asked: &RunOptions) -> Result<()> {
        let had = |name: &str| self.weights.metadata.get(&format!("{OPTION}{name}"));
        let differing = asked.0.iter().filter_map(|(name, asked)| Some((name, had(name)?, asked)));
        let differing: Vec<_> = differing.filter(|(_, had, asked)| had != asked).collect();
        let list = |of: fn(&(&&'static str, &String, &String)) -> String| -> String {
            differing.iter().map(of).collect::<Vec<_>>().join(" ")
        };
        anyhow::ensure!(
            differing.is_empty(),
            "--resume: the run had {}, this command asks for {}\nhint: ask for what the run had, or begin another run with another --out",
            list(|(name, had, _)| format!("{name} {had}")),
            list(|(name, _, asked)| format!("{name} {asked}"))
        );
        Ok(())
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
                "checkpoint: \"{}\": expected {} values, file has {}\nhint: the run had other options for its nets",
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

/// What the names of options begin with in a checkpoint.
const OPTION: &str = "option ";

/// Options of a run that decide the shape of its nets or what its state means: a checkpoint is of no use under others.
#[derive(Clone, Debug, Default)]
pub struct RunOptions(Vec<(&'static str, String)>);

impl RunOptions {
    /// Of a run of `train NET`.
    pub fn of(net: &str) -> Self {
        Self(vec![("train", net.to_owned())])
    }

    /// With another option, as it is called on the command line.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }
}

/// Fills a net with the weights of a file: where a run starts that does not start from random ones.
///
/// # Errors
/// If the file cannot be read, or holds another net's weights.
pub fn start_from(path: &Path, params: Vec<&mut Param>) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    nn::io::load_into(&bytes, params).with_context(|| format!("{}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{Dense, Init, Layer};

    #[test]
    fn other_options_are_named_with_what_the_run_had() {
        let options = |net, latent| RunOptions::of(net).with("--latent", latent).with("--resolution", 64);
        let mut c = Checkpoint::default();
        c.put_options(&options("gan", 256));
        assert!(c.expect_options(&options("gan", 256)).is_ok());
        let error = c.expect_options(&options("gan", 128)).unwrap_err().to_string();
        assert!(
            error.starts_with("--resume: the run had --latent 256, this command asks for --latent 128\nhint: "),
            "{error}"
        );
        let error = c.expect_options(&options("detector", 1)).unwrap_err().to_string();
        assert!(
            error.contains("had train gan --latent 256, this command asks for train detector --latent 1"),
            "{error}"
        );
        // A checkpoint that an older program wrote, and an option that a newer one adds.
        assert!(Checkpoint::default().expect_options(&options("gan", 128)).is_ok());
        assert!(c.expect_options(&options("gan", 256).with("--new", 1)).is_ok());
    }

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
}
