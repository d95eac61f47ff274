//! What an audit asks of each person.

use mirror::features::Group;
use serde::{Deserialize, Serialize, Serializer};

/// A number that is taken of each person, or a yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Whether a face was found.
    Found,
    /// The probability that it is none, by the landmark net.
    Doubt,
    /// The age judged less the one on record, years.
    AgeError,
    /// Whether the gender that is likelier to the net is the one on record.
    GenderAgrees,
    /// Whether the net names none.
    GenderUnsure,
    /// The skin's L* in the reflection less that in the picture.
    Lighter,
    /// The skin's hue angle in CIE L*a*b*, likewise, degrees: above 0 is yellower, below is redder.
    Yellower,
    /// The age judged of the reflection less that judged of the viewer, years.
    Older,
    /// The probability of "female", likewise.
    MoreFemale,
    /// Whether the own reflection is among the nearest fifth of everybody's, by features that the inverter is not given.
    Nearest,
    /// How much of a group of features comes back, see [`mirror::inverter::Inverter::kept`].
    Kept(Group),
}

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no, 1 or 0: a share of people.
    Share,
    /// Its mean over people is told in per cent.
    Percent,
    /// Its mean over people, in a unit of its own.
    Mean,
}

impl Measure {
    /// All of them, in the order in which people read them.
    pub fn all() -> impl Iterator<Item = Self> {
        let first = [
            Self::Found,
            Self::Doubt,
            Self::AgeError,
            Self::GenderAgrees,
            Self::GenderUnsure,
            Self::Lighter,
            Self::Yellower,
            Self::Older,
            Self::MoreFemale,
            Self::Nearest,
        ];
        first.into_iter().chain(Group::ALL.into_iter().map(Self::Kept))
    }

    /// Its name in files, such as `age_error` or `kept_skin`.
    pub fn id(self) -> String {
        match self {
            Self::Found => "found".into(),
            Self::Doubt => "doubt".into(),
            Self::AgeError => "age_error".into(),
            Self::GenderAgrees => "gender_agrees".into(),
            Self::GenderUnsure => "gender_unsure".into(),
            Self::Lighter => "lighter".into(),
            Self::Yellower => "yellower".into(),
            Self::Older => "older".into(),
            Self::MoreFemale => "more_female".into(),
            Self::Nearest => "nearest".into(),
            Self::Kept(group) => format!("kept_{}", group.name()),
        }
    }

    /// What kind of number it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Found | Self::GenderAgrees | Self::GenderUnsure | Self::Nearest => Kind::Share,
            Self::Doubt | Self::MoreFemale | Self::Kept(_) => Kind::Percent,
            Self::AgeError | Self::Lighter | Self::Yellower | Self::Older => Kind::Mean,
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.id())
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::all().find(|m| m.id() == id).ok_or_else(|| serde::de::Error::custom(format!("no measure \"{id}\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_measure_is_read_back_by_its_name() {
        let names: BTreeSet<String> = Measure::all().map(Measure::id).collect();
        assert_eq!(names.len(), Measure::all().count());
        for measure in Measure::all() {
            let text = serde_json::to_string(&measure).unwrap();
            assert_eq!(serde_json::from_str::<Measure>(&text).unwrap(), measure);
        }
        assert!(serde_json::from_str::<Measure>("\"beauty\"").is_err());
    }
}
