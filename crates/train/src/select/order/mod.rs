//! The mirror's search: an order of all numbers that a mirror may take of a face, the one that says most first.

mod search;

pub use search::{Order, Target, of_pairs, search};

use crate::inverter::pairs::Pairs;
use crate::runs::bar;
use anyhow::Result;
use frame::draw::Chart;
use mirror::engine::Eyes;
use mirror::features::greedy;
use mirror::generator::{Generator, Painter};
use mirror::pack::{Net, Pack};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

/// Faces drawn at a time.
const AT_A_TIME: usize = 64;

/// How the mirror's search is done.
#[derive(Clone, Debug)]
pub struct OrderOptions {
    /// Faces that were drawn before; `None`: new ones are drawn.
    pub drawn: Option<PathBuf>,
    /// How many faces to draw.
    pub samples: usize,
    /// What the numbers shall predict.
    pub target: Target,
    /// How many numbers to choose, at most.
    pub count: usize,
    /// Draws what is explained against the number of numbers.
    pub curve: Option<PathBuf>,
    /// Seed of the drawn faces.
    pub seed: u64,
}

impl Default for OrderOptions {
    fn default() -> Self {
        let (drawn, curve, target) = (None, None, Target::default());
        Self { drawn, samples: 4000, target, count: 96, curve, seed: 1 }
    }
}

/// What the mirror's protocol says.
#[derive(Debug, Serialize)]
pub struct OrderReport {
    /// Faces that it was chosen by.
    pub faces: usize,
    /// What the numbers predict.
    pub target: Target,
    /// The numbers.
    pub order: Order,
    /// Time of the search.
    pub seconds: f64,
}

/// Searches, by faces that the pack's generator draws.
///
/// # Errors
/// If the nets or the faces cannot be read, there are too few faces, or the curve cannot be written.
pub fn run(pack: &Pack, options: &OrderOptions) -> Result<OrderReport> {
    let generator = pack.open(Net::Generator, Generator::from_bytes)?;
    let size = generator.config().latent_size;
    let pairs = match &options.drawn {
        Some(path) => Pairs::of_pack(path, pack)?,
        None => {
            let (eyes, painter) = (Eyes::new(pack)?, Painter::new(&generator));
            let bar = bar(options.samples as u64, "faces");
            let mut pairs = Pairs::new(size, options.seed);
            while pairs.len() < options.samples {
                pairs.draw_more(&painter, &eyes, AT_A_TIME)?;
                bar.set_position(pairs.len() as u64);
            }
            bar.finish_and_clear();
            pairs
        }
    };

    let began = Instant::now();
    let order = of_pairs(&pairs, options.target, options.count)?;
    if let Some(path) = &options.curve {
        let points = order.explained.iter().enumerate().map(|(i, e)| [i as f32 + 1.0, *e]).collect();
        let (title, x_label) = ("share of what was drawn that the first numbers explain", "numbers");
        let series = vec![("explained".to_owned(), points)];
        let top = (order.explained.iter().fold(0.1f32, |m, e| m.max(*e)) * 10.0).ceil() / 10.0;
        Chart { title, x_label, y_range: [0.0, top], series }.draw(640, 400).save(path)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(OrderReport { faces: pairs.found().len(), target: options.target, order, seconds })
}

impl fmt::Display for OrderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} faces, {} candidates, {:.1} s", self.faces, greedy::CANDIDATES, self.seconds)?;
        write!(f, "{:>4}  {:<14} {:>20}", "", "number", "explained so far, %")?;
        for (i, (number, explained)) in self.order.numbers.iter().zip(&self.order.explained).enumerate() {
            write!(f, "\n{:>4}  {:<14} {:>20.2}", i + 1, number.to_string(), 100.0 * explained)?;
        }
        Ok(())
    }
}
