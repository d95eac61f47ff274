//! The training loop of nets that look at one crop: Adam, a learning rate that rises and then falls as a cosine, averaged weights, an
//! examination and a checkpoint every minute.

use crate::data;
use crate::progress::{Checkpoint, Session, start_from};
use anyhow::Result;
use nn::io::Dtype;
use nn::{Adam, Initializer, Layer, Rng, Sequential, Tensor, Unset, grads_like};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Steps over which the loss that is shown is averaged.
const AVERAGED: f32 = 100.0;
/// The weights that are kept are an average over all steps of the run, which at every moment is mostly of about the last one part in so many of
/// them (polynomial-decay averaging: Shamir and Zhang, ICML 2013, section 4). What a single step has learned of single samples
/// and wrong labels is averaged away.
const RECENT: f32 = 4.0;

/// How far the averaged weights move to those after so many steps.
pub(crate) fn share_of_step(step: u64) -> f32 {
    (RECENT / (RECENT + step as f32 - 1.0)).min(1.0)
}

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `congress` and `negatives`; for attributes also one of your own, with pictures and a table `faces.csv` of the
    /// columns file, age, gender (F or M) and perhaps person.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the run: checkpoint, log and weights [default: runs/ and the net's name].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Time budget; the learning rate falls to nothing over it [default: 20 for landmarks, 15 for attributes].
    #[arg(long)]
    minutes: Option<f64>,
    /// Crops a step [default: 32 for landmarks, 48 for attributes].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// Learning rate at its highest.
    #[arg(long, default_value_t = 1e-3)]
    rate: f32,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Goes on from the checkpoint in the run's folder.
    #[arg(long)]
    resume: bool,
    /// Weights to start from, those of another run or of a pack, in place of random ones. For attributes this net also says where the
    /// archive's ages are too high.
    #[arg(long, conflicts_with = "resume")]
    init: Option<PathBuf>,
}

/// What a net is taught, and how it is examined.
pub trait Lesson: Sized + Sync {
    /// The net: names its weight file and, by default, the folder of its run.
    const NET: &'static str;
    /// Time budget, where the user names none.
    const MINUTES: f64;
    /// Crops a step, where the user names none.
    const BATCH: u32;
    /// Weight decay (see [`Adam::decay`]).
    const DECAY: f32;
    /// What an examination measures.
    const FIGURES: &'static [&'static str];
    /// A crop and what the net shall say of it.
    type Sample: Send;

    /// Reads what there is to learn from.
    ///
    /// # Errors
    /// If it cannot be read, or is too little.
    fn load(root: &Path) -> Result<Self>;

    /// The net as it is used, untaught.
    fn network(&self, values: &mut impl Initializer) -> Sequential;

    /// The net as it learns: of the same parameters, perhaps with layers that only learning needs.
    fn pupil(&self, rng: &mut Rng) -> Sequential {
        self.network(rng)
    }

    /// Told of the net where it goes on from an earlier run: it may know more of what there is to learn from than the labels say.
    fn reconsider(&mut self, _net: &Sequential) {}

    /// Draws a sample.
    fn draw(&self, rng: &mut Rng) -> Self::Sample;

    /// The input of the net, and its loss as a function of the output, with the gradient.
    fn input(&self, samples: &[Self::Sample]) -> Tensor;

    /// Mean loss of a batch and its gradient.
    fn loss(&self, output: &Tensor, samples: &[Self::Sample]) -> (f32, Tensor);

    /// Looks at what was held out.
    fn examine(&self, net: &Sequential) -> Examination;
}

/// What an examination found.
pub struct Examination {
    /// In the order of [`Lesson::FIGURES`].
    pub figures: Vec<f32>,
    /// The same for people.
    pub words: String,
    /// What the weight file must say for the net to be used.
    pub metadata: BTreeMap<String, String>,
}

/// Teaches until the budget is spent; leaves the weights, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the data cannot be read or the run's folder not be written.
pub fn teach<L: Lesson>(options: &Options) -> Result<()> {
    let mut lesson = L::load(&data::data_root(options.data.as_deref())?)?;
    let out = options.out.clone().unwrap_or_else(|| Path::new("runs").join(L::NET));
    let batch = options.batch.unwrap_or(L::BATCH);
    let mut rng = Rng::new(options.seed);
    let mut net = lesson.pupil(&mut rng);
    // What is examined and kept.
    let mut average = lesson.network(&mut Unset);
    if let Some(path) = &options.init {
        start_from(path, net.params_mut())?;
        start_from(path, average.params_mut())?;
    }
    let mut adam = Adam::new(options.rate, 0.9, 0.999);
    let (mut step, mut spent) = (0u64, 0.0);
    let checkpoint_path = out.join("checkpoint.safetensors");
    if options.resume {
        let c = Checkpoint::load(&checkpoint_path)?;
        c.take_params("net", net.params_mut())?;
        c.take_params("average", average.params_mut())?;
        c.take_adam("adam", &mut adam)?;
        rng = c.rng("rng")?;
        (step, spent) = (c.number("step")? as u64, c.number("seconds")?);
    }
    if options.init.is_some() || options.resume {
        lesson.reconsider(&average);
    }
    let columns = [&["rate", "loss"], L::FIGURES].concat();
    let minutes = options.minutes.unwrap_or(L::MINUTES);
    let mut session = Session::open(&out, L::NET, minutes, &columns, (step, spent))?;
    let mut mean_loss = 0.0;
    let mut grads = grads_like(&net.params());
    loop {
        let over = session.is_over();
        if over || session.checkpoint_due() {
            let Examination { figures, words, mut metadata } = lesson.examine(&average);
            session.log(step, &[&[adam.lr, mean_loss], figures.as_slice()].concat())?;
            session.show(format!("loss {mean_loss:.3}, {words}"));
            let about = [("net", L::NET.to_owned()), ("steps", step.to_string()), ("batch", batch.to_string())];
            metadata.extend(about.map(|(key, value)| (key.to_owned(), value)));
            metadata.insert("seed".to_owned(), options.seed.to_string());
            let mut c = Checkpoint::default();
            c.put_params("net", &net.params());
            c.put_params("average", &average.params());
            c.put_adam("adam", &adam);
            c.put_rng("rng", &rng);
            c.put_number("step", step as f64);
            c.put_number("seconds", session.seconds());
            c.save(&checkpoint_path)?;
            let weights = session.path(&format!("{}.safetensors", L::NET));
            nn::io::save(&weights, &average.params(), &metadata, Dtype::F16)?;
            if over {
                session.finish();
                eprintln!("{}: {step} steps; held out: {words}", weights.display());
                return Ok(());
            }
        }
        let seeds: Vec<u64> = (0..batch).map(|_| rng.next_u64()).collect();
        let samples: Vec<L::Sample> = seeds.par_iter().map(|s| lesson.draw(&mut Rng::new(*s))).collect();
        let tape = net.forward_tape(&lesson.input(&samples));
        let (value, dy) = lesson.loss(tape.output(), &samples);
        anyhow::ensure!(value.is_finite(), "the loss is no number at step {step}\nhint: a lower --rate");
        grads.iter_mut().for_each(|g| g.fill(0.0));
        net.backward_tape(&tape, &dy, Some(&mut grads));
        adam.lr = session.learning_rate(options.rate, step);
        adam.decay(net.params_mut(), L::DECAY);
        adam.step(net.params_mut(), &grads);
        step += 1;
        nn::average_towards(average.params_mut(), &net.params(), share_of_step(step));
        mean_loss += (value - mean_loss) / (step as f32).min(AVERAGED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::{Dense, Init};

    /// Learns to double a number.
    struct Doubling {
        /// The factor of the net that it went on from.
        began: f32,
    }

    impl Lesson for Doubling {
        const NET: &'static str = "doubling";
        const MINUTES: f64 = 0.02;
        const BATCH: u32 = 8;
        const DECAY: f32 = 0.0;
        const FIGURES: &'static [&'static str] = &["factor", "offset", "began"];
        type Sample = f32;

        fn load(_root: &Path) -> Result<Self> {
            Ok(Self { began: 0.0 })
        }

        fn network(&self, values: &mut impl Initializer) -> Sequential {
            Sequential::new(vec![Box::new(Dense::new("d", 1, 1, Init::Zero, values))])
        }

        fn reconsider(&mut self, net: &Sequential) {
            self.began = net.params()[0].value[0];
        }

        fn draw(&self, rng: &mut Rng) -> f32 {
            rng.normal()
        }

        fn input(&self, samples: &[f32]) -> Tensor {
            Tensor::new([samples.len(), 1, 1, 1], samples.to_vec())
        }

        fn loss(&self, output: &Tensor, samples: &[f32]) -> (f32, Tensor) {
            let n = samples.len() as f32;
            let off: Vec<f32> = output.data.iter().zip(samples).map(|(y, x)| y - 2.0 * x).collect();
            let value = off.iter().map(|d| d * d).sum::<f32>() / n;
            (value, Tensor::new(output.shape, off.iter().map(|d| 2.0 * d / n).collect()))
        }

        fn examine(&self, net: &Sequential) -> Examination {
            let params = net.params();
            let figures = vec![params[0].value[0], params[1].value[0], self.began];
            let words = format!("{figures:?}");
            Examination { figures, words, metadata: BTreeMap::new() }
        }
    }

    #[test]
    fn a_lesson_is_learned_logged_and_resumed() {
        let out = tempfile::tempdir().unwrap();
        let options = |resume: bool, minutes: f64| Options {
            data: Some(out.path().to_owned()),
            out: Some(out.path().to_owned()),
            minutes: Some(minutes),
            batch: None,
            rate: 0.05,
            seed: 1,
            resume,
            init: None,
        };
        teach::<Doubling>(&options(false, 0.02)).unwrap();
        let log = || std::fs::read_to_string(out.path().join("log.csv")).unwrap();
        let row =
            |log: &str| -> Vec<f32> { log.lines().last().unwrap().split(',').map(|v| v.parse().unwrap()).collect() };
        let first = row(&log());
        assert!(log().starts_with("step,seconds,rate,loss,factor,offset,began\n"));
        assert!((first[4] - 2.0).abs() < 0.05 && first[5].abs() < 0.05 && first[6] == 0.0, "{first:?}");
        teach::<Doubling>(&options(true, 0.03)).unwrap();
        let second = row(&log());
        assert!(second[0] > first[0] && second[1] > first[1], "{second:?} after {first:?}");
        assert!((second[6] - first[4]).abs() < 1e-4, "{second:?} after {first:?}");
        assert!(out.path().join("doubling.safetensors").exists());
    }
}
