//! Checkpoints: the whole state of a run in one file, from which it goes on as if it had never stopped.

use anyhow::{Context, Result};
use nn::io::{Dtype, Weights};
use nn::{Adam, Param, Rng};
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
