//! The numbers of a face in the order in which they say most about it: what the selection "how few numbers still draw you" counts.

use super::spatial::{self, Spatial};
use super::vector::{FEATURES, FeatureVector, Group};
use crate::face::{LANDMARKS, Landmarks};
use std::fmt;
use std::str::FromStr;

/// Candidates of the search: the differences of landmarks, then the features that are not shape.
pub const CANDIDATES: usize = spatial::CANDIDATES + FEATURES - 2 * LANDMARKS;

/// One number that a mirror may take from a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A difference of two landmarks, inter-ocular distances.
    Spatial(Spatial),
    /// Another feature than those of shape: its place in a [`FeatureVector`].
    Other(usize),
}

impl Number {
    /// The candidate at a place in the order of [`candidates`]. `None` from [`CANDIDATES`] on.
    pub fn at(index: usize) -> Option<Self> {
        match index.checked_sub(spatial::CANDIDATES) {
            None => Spatial::at(index).map(Self::Spatial),
            Some(other) => (index < CANDIDATES).then_some(Self::Other(2 * LANDMARKS + other)),
        }
    }

    /// Its value for a face, in the units of its group.
    pub fn of(self, features: &FeatureVector) -> f32 {
        match self {
            Self::Spatial(Spatial { first, second, axis }) => {
                features.values()[2 * first + axis] - features.values()[2 * second + axis]
            }
            Self::Other(index) => features.values()[index],
        }
    }

    /// What it speaks of.
    pub fn group(self) -> Group {
        match self {
            Self::Spatial(_) => Group::Shape,
            Self::Other(index) => {
                Group::ALL.into_iter().find(|g| g.range().contains(&index)).unwrap_or(Group::Background)
            }
        }
    }
}

/// Such as `48-54/x` or `skin/l`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spatial(spatial) => f.write_str(&spatial.name()),
            Self::Other(index) => f.write_str(&FeatureVector::names()[*index]),
        }
    }
}

/// Not the name of a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no number of a face, such as \"48-54/x\" or \"skin/l\"")]
pub struct UnknownNumber(String);

impl FromStr for Number {
    type Err = UnknownNumber;

    fn from_str(name: &str) -> Result<Self, UnknownNumber> {
        let spatial = || {
            let (pair, axis) = name.split_once('/')?;
            let (first, second) = pair.split_once('-')?;
            let (first, second) = (first.parse().ok()?, second.parse().ok()?);
            let axis = ["x", "y"].iter().position(|a| *a == axis)?;
            (first < second && second < LANDMARKS).then_some(Self::Spatial(Spatial { first, second, axis }))
        };
        let other = || {
            let index = FeatureVector::names().iter().position(|n| n == name)?;
            (index >= 2 * LANDMARKS).then_some(Self::Other(index))
        };
        spatial().or_else(other).ok_or_else(|| UnknownNumber(name.to_owned()))
    }
}

/// All candidates of a face, in order.
pub fn candidates(features: &FeatureVector) -> Vec<f32> {
    let shape = features.group(Group::Shape);
    let points = std::array::from_fn(|i| [shape[2 * i], shape[2 * i + 1]]);
    let mut values = spatial::candidates(&Landmarks { points });
    values.extend(&features.values()[2 * LANDMARKS..]);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_what_their_numbers_say_and_names_lead_back() {
        let features = FeatureVector::new(std::array::from_fn(|i| ((i * i) % 97) as f32)).unwrap();
        let values = candidates(&features);
        assert_eq!(values.len(), CANDIDATES);
        for (i, v) in values.iter().enumerate() {
            let number = Number::at(i).unwrap();
            assert_eq!(number.of(&features), *v, "{number}");
            assert_eq!(number.to_string().parse(), Ok(number));
        }
        assert_eq!(Number::at(CANDIDATES), None);
        assert_eq!(Number::at(0).unwrap().group(), Group::Shape);
        assert_eq!("age".parse::<Number>().unwrap().group(), Group::Age);
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "3-2/x", "0-68/y", "shape/30/y", "0-1/z", "age/l", "1-2"] {
            assert!(name.parse::<Number>().is_err(), "{name}");
        }
    }
}
