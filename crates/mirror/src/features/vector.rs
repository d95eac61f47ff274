//! The list of numbers, and which of them speak of what.

use super::expression;
use crate::face::LANDMARKS;
use crate::face::likeness::{LIKENESS, Likeness};

/// Numbers in a [`FeatureVector`].
pub const FEATURES: usize = TOLD + LIKENESS;
/// Those of them that may be told to anybody; the likeness, which comes after them, never leaves the memory.
pub const TOLD: usize = 2 * LANDMARKS + 3 + 2 + 9 + expression::NAMES.len();

/// What a number speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Landmarks with place, size and roll taken out: x, y of each, in inter-ocular distances (centre of eye to
    /// centre of eye), from the point between the eyes, x along the line of the eyes, y down.
    Shape,
    /// Yaw, pitch, roll, degrees.
    Pose,
    /// Years.
    Age,
    /// Probability of "female".
    Gender,
    /// CIE L*, a*, b* of the cheeks and the forehead.
    Skin,
    /// CIE L*, a*, b* above the forehead: of the hair, if there is any.
    Hair,
    /// CIE L*, a*, b* beside the head.
    Background,
    /// What a face does: mouth open, mouth wide, smile, eyes open, brows raised; inter-ocular distances.
    Expression,
    /// What it is like, in numbers without a name: a point of the unit sphere; all 0 where no net says it. See
    /// [`crate::face::likeness`].
    Likeness,
}

impl Group {
    /// All of them, in the order of the vector.
    pub const ALL: [Self; 9] = [
        Self::Shape,
        Self::Pose,
        Self::Age,
        Self::Gender,
        Self::Skin,
        Self::Hair,
        Self::Background,
        Self::Expression,
        Self::Likeness,
    ];

    /// Where its numbers lie in the vector.
    pub const fn range(self) -> std::ops::Range<usize> {
        let shape = 2 * LANDMARKS;
        let (start, len) = match self {
            Self::Shape => (0, shape),
            Self::Pose => (shape, 3),
            Self::Age => (shape + 3, 1),
            Self::Gender => (shape + 4, 1),
            Self::Skin => (shape + 5, 3),
            Self::Hair => (shape + 8, 3),
            Self::Background => (shape + 11, 3),
            Self::Expression => (shape + 14, expression::NAMES.len()),
            Self::Likeness => (TOLD, LIKENESS),
        };
        start..start + len
    }

    /// A word for people to read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Pose => "pose",
            Self::Age => "age",
            Self::Gender => "gender",
            Self::Skin => "skin",
            Self::Hair => "hair",
            Self::Background => "background",
            Self::Expression => "expression",
            Self::Likeness => "likeness",
        }
    }

    /// Whether its numbers may be told to anybody, see [`TOLD`].
    pub fn is_told(self) -> bool {
        self != Self::Likeness
    }
}

/// The [`FEATURES`] numbers of one face, all finite; see [`Group`] for order and units.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureVector([f32; FEATURES]);

impl FeatureVector {
    /// Of numbers measured elsewhere. `None` if one is not finite.
    pub fn new(values: [f32; FEATURES]) -> Option<Self> {
        values.iter().all(|v| v.is_finite()).then_some(Self(values))
    }

    /// The numbers.
    pub fn values(&self) -> &[f32; FEATURES] {
        &self.0
    }

    /// What the face is like.
    pub fn likeness(&self) -> Likeness {
        std::array::from_fn(|i| self.0[TOLD + i])
    }

    /// The same with 0 in place of the numbers of some groups.
    #[must_use]
    pub fn without(mut self, groups: &[Group]) -> Self {
        groups.iter().for_each(|group| self.0[group.range()].fill(0.0));
        self
    }

    /// The numbers of one group.
    pub fn group(&self, group: Group) -> &[f32] {
        &self.0[group.range()]
    }

    /// What each number is called, such as `shape/30/y` or `skin/l`.
    pub fn names() -> Vec<String> {
        let lab = ["l", "a", "b"];
        let mut names = Vec::with_capacity(FEATURES);
        for group in Group::ALL {
            let word = group.name();
            names.extend(group.range().enumerate().map(|(i, _)| match group {
                Group::Shape => format!("{word}/{}/{}", i / 2, ["x", "y"][i % 2]),
                Group::Pose => format!("{word}/{}", ["yaw", "pitch", "roll"][i]),
                Group::Age | Group::Gender => word.to_owned(),
                Group::Skin | Group::Hair | Group::Background => format!("{word}/{}", lab[i]),
                Group::Expression => format!("{word}/{}", expression::NAMES[i]),
                Group::Likeness => format!("{word}/{i}"),
            }));
        }
        names
    }
}
