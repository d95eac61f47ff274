//! The figures of a feedback run, as people and programs read them.

use super::FeedbackOptions;
use super::chart;
use super::figures::{Figure, PANELS, Panel};
use anyhow::Result;
use frame::Image;
use frame::draw::{self, Align, LETTER};
use mirror::pack::Pack;
use serde::Serialize;
use std::fmt;

/// Of whom the children of a run learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Each of the one before it.
    Loop,
    /// All of generation 0.
    Control,
}

impl Arm {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Control => "control",
        }
    }

    /// What the files of its generations begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Loop => "generation",
            Self::Control => "control",
        }
    }

    /// What generation `number` does.
    pub(super) fn lesson(self, number: usize) -> String {
        match self {
            Self::Loop => format!("generation {number} learns from generation {}", number - 1),
            Self::Control => format!("the control of generation {number} learns from generation 0"),
        }
    }
}

/// What became of the faces in one generation.
#[derive(Clone, Debug, Serialize)]
pub struct Generation {
    /// Of whom its generators learn.
    pub arm: Arm,
    /// 0 is the pack's generator.
    pub number: usize,
    /// All figures.
    pub figures: Vec<Figure>,
    /// Its first samples: of the same latents in every generation.
    #[serde(skip)]
    pub pictures: Vec<Image>,
}

impl Generation {
    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// A whole run, or as much of one as is done.
#[derive(Clone, Debug, Serialize)]
pub struct FeedbackReport {
    /// Whose generator is generation 0.
    pub pack: String,
    /// Width of the pictures.
    pub pixels: usize,
    /// Samples that each generation learns from.
    pub portraits: usize,
    /// Samples that each is measured on.
    pub measured: usize,
    /// Training time of each; `None` where thousands of pictures are counted instead.
    pub minutes: Option<f64>,
    /// Those thousands.
    pub kimg: Option<f64>,
    /// Share of what each learns from that is drawn anew from generation 0.
    pub keep: f32,
    /// Share of the samples that teaches, the most typical ones.
    pub typical: f32,
    /// Seed of everything random.
    pub seed: u64,
    /// Generation 0, then each of the loop, followed by its control.
    pub generations: Vec<Generation>,
}

/// Width of a column of the table, letters.
const COLUMN: usize = 8;

impl FeedbackReport {
    pub(super) fn of(pack: &Pack, options: &FeedbackOptions, first: Generation) -> Self {
        let FeedbackOptions { pixels, portraits, measured, kimg, keep, typical, seed, .. } = *options;
        let minutes = kimg.is_none().then_some(options.minutes);
        let pack = pack.origin().to_owned();
        Self { pack, pixels, portraits, measured, minutes, kimg, keep, typical, seed, generations: vec![first] }
    }

    /// The generations of an arm, from generation 0. The first child is the same in both; a run without a control has none.
    pub fn of_arm(&self, arm: Arm) -> Vec<&Generation> {
        let shared = |g: &&Generation| g.arm == arm || g.number <= 1;
        let of_arm: Vec<&Generation> = self.generations.iter().filter(shared).collect();
        if of_arm.iter().any(|g| g.arm == arm) { of_arm } else { Vec::new() }
    }

    /// A table with a row a figure: `arm,generation,figure,value,low,high`. What could not be measured is empty.
    ///
    /// # Errors
    /// If the memory for it cannot be had.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(["arm", "generation", "figure", "value", "low", "high"])?;
        let text = |v: f64| if v.is_finite() { format!("{v:.6}") } else { String::new() };
        for generation in &self.generations {
            for Figure { name, estimate } in &generation.figures {
                let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(text);
                let number = generation.number.to_string();
                table.write_record([generation.arm.name(), &number, name, &value, &low, &high])?;
            }
        }
        Ok(table.into_inner()?)
    }

    /// The chart, an SVG file: a panel for figures that belong together, over the generations.
    pub fn svg(&self) -> String {
        chart::svg(self)
    }

    /// A row of faces a generation: in a column is what each draws from one latent.
    pub fn faces(&self) -> Image {
        const LEAST_SIDE: usize = 64;
        let side = self.pixels.max(LEAST_SIDE);
        let margin = 12 * LETTER[0];
        let columns = self.generations.iter().map(|g| g.pictures.len()).max().unwrap_or(0);
        let mut sheet = Image::flat(margin + columns * side, self.generations.len() * side, [255; 3]);
        let arms = [Arm::Loop, Arm::Control];
        let rows = arms.iter().flat_map(|arm| self.generations.iter().filter(move |g| g.arm == *arm));
        for (row, generation) in rows.enumerate() {
            let middle = (row * side + side / 2) as f32;
            let words = format!("{} {}", generation.arm.name(), generation.number);
            draw::text(&mut sheet, &words, [LETTER[0] as f32, middle], Align::Left, [0; 3]);
            for (column, picture) in generation.pictures.iter().enumerate() {
                sheet.paste(&picture.resized(side, side), margin + column * side, row * side);
            }
        }
        sheet
    }

    /// What was done, in a line.
    pub(super) fn caption(&self) -> String {
        let budget = match (self.minutes, self.kimg) {
            (Some(minutes), _) => format!("{minutes} minutes"),
            (None, kimg) => format!("{} thousand pictures", kimg.unwrap_or_default()),
        };
        let kept = match self.keep > 0.0 {
            true => format!(", {:.0} % of them generation 0's", 100.0 * self.keep),
            false => String::new(),
        };
        let typical = match self.typical < 1.0 {
            true => format!(", the most typical {:.0} %", 100.0 * self.typical),
            false => String::new(),
        };
        format!(
            "{} pixels; each generation learns for {budget} from {} samples{kept}{typical}; measured on {} others",
            self.pixels, self.portraits, self.measured
        )
    }

    fn rows(&self, f: &mut fmt::Formatter<'_>, panel: &Panel) -> fmt::Result {
        for name in panel.figures {
            let label = format!("{name}, {}", panel.unit);
            write!(f, "{label:36}")?;
            for generation in &self.generations {
                let value = generation.figure(name).map_or(f64::NAN, |figure| figure.estimate.value);
                match (value.is_finite(), panel.is_share) {
                    (false, _) => write!(f, "{:>COLUMN$}", "-")?,
                    (true, true) => write!(f, "{:>COLUMN$.1}", 100.0 * value)?,
                    (true, false) => write!(f, "{value:>COLUMN$.3}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for FeedbackReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.pack, self.caption())?;
        write!(f, "{:36}", "generation (c: control)")?;
        for generation in &self.generations {
            let mark = if generation.arm == Arm::Control { "c" } else { "" };
            write!(f, "{:>COLUMN$}", format!("{}{mark}", generation.number))?;
        }
        writeln!(f)?;
        PANELS.iter().try_for_each(|panel| self.rows(f, panel))?;
        write!(f, "The files have the 95 % intervals.")
    }
}
