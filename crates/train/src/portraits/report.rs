//! What became of the photographs.

use super::output::SIZES;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// Why a picture is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It cannot be read.
    Unreadable,
    /// The eyes find nobody.
    NoFace,
    /// No face is much larger than all others.
    SeveralFaces,
    /// The face has too few pixels.
    Small,
    /// Too much of the crop lies outside the photograph.
    CutOff,
    /// The face looks aside.
    Turned,
    /// Black and white, sepia, or of colours that no skin has.
    Toned,
    /// Not sharp enough.
    Blurred,
    /// The same photograph with as many pixels or more is there.
    Repeated,
}

impl Rule {
    /// All of them, in the order in which they are applied.
    pub const ALL: [Self; 9] = [
        Self::Unreadable,
        Self::NoFace,
        Self::SeveralFaces,
        Self::Small,
        Self::CutOff,
        Self::Turned,
        Self::Toned,
        Self::Blurred,
        Self::Repeated,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoFace => "without a face",
            Self::SeveralFaces => "of several people",
            Self::Small => "too small",
            Self::CutOff => "cut off",
            Self::Turned => "turned",
            Self::Toned => "toned",
            Self::Blurred => "blurred",
            Self::Repeated => "repeated",
        }
    }
}

/// A picture that is left out.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Its file.
    pub path: PathBuf,
    /// By which rule.
    pub rule: Rule,
    /// What was found, and what is asked for.
    pub why: String,
}

impl Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path.display(), self.rule.name(), self.why)
    }
}

/// What became of the photographs.
#[derive(Clone, Debug)]
pub struct PortraitReport {
    /// Pictures in the folders.
    pub pictures: usize,
    /// How many portraits there are of each size, and of which.
    pub portraits: Vec<(usize, usize)>,
    /// Those left out, by path.
    pub left_out: Vec<LeftOut>,
    /// Rows of the table that name none of the pictures.
    pub unused_rows: usize,
}

impl PortraitReport {
    pub(super) fn new(pictures: usize) -> Self {
        Self { pictures, portraits: Vec::new(), left_out: Vec::new(), unused_rows: 0 }
    }

    /// Counts the portraits by the pixels of their photographs.
    pub(super) fn count(&mut self, source_pixels: impl Iterator<Item = f32> + Clone) {
        let of_size = |(size, least): (usize, f32)| (source_pixels.clone().filter(|p| *p >= least).count(), size);
        self.portraits = SIZES.into_iter().map(of_size).collect();
    }

    /// How many were left out by which rule.
    pub(super) fn left_out_in_words(&self) -> String {
        let count = |rule: Rule| self.left_out.iter().filter(|l| l.rule == rule).count();
        let counts = Rule::ALL.into_iter().map(|rule| (count(rule), rule)).filter(|(n, _)| *n > 0);
        let words: Vec<String> = counts.map(|(n, rule)| format!("{n} {}", rule.name())).collect();
        let all = format!("{} of {} pictures left out", self.left_out.len(), self.pictures);
        if words.is_empty() { all } else { format!("{all}: {}", words.join(", ")) }
    }
}

impl Display for PortraitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.portraits.iter().map(|(n, size)| format!("{n} of {size} pixels")).collect();
        let all = self.pictures - self.left_out.len();
        write!(f, "{all} portraits: {}\n{}", sizes.join(", "), self.left_out_in_words())?;
        match self.unused_rows {
            0 => Ok(()),
            n => write!(f, "\n{n} rows of the table name none of the pictures"),
        }
    }
}
