//! What a mirror does with each group of numbers: a gallery may want less of its visitors than the machine could take.

use super::vector::Group;
use serde::{Deserialize, Serialize, Serializer};

/// What a mirror does with the numbers of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// They are not measured: no net that says only them is loaded, and the inverter does not know that there are such numbers.
    Off,
    /// They are measured and used for the reflection, and nobody is told.
    Hidden,
    /// They are measured, used and told.
    Told,
}

/// What a mirror does with each group. By default it takes all and tells all but the likeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measures([Measure; Group::ALL.len()]);

impl Default for Measures {
    fn default() -> Self {
        Self(Group::ALL.map(|group| if group.is_told() { Measure::Told } else { Measure::Hidden }))
    }
}

impl Measures {
    /// What it does with a group.
    pub fn of(&self, group: Group) -> Measure {
        self.0[group as usize]
    }

    /// The same with something else done with a group. What may never be told stays hidden at most.
    #[must_use]
    pub fn with(mut self, group: Group, measure: Measure) -> Self {
        self.0[group as usize] = measure.min(Self::default().of(group));
        self
    }

    /// Whether a group is measured.
    pub fn takes(&self, group: Group) -> bool {
        self.of(group) != Measure::Off
    }

    /// Whether a group is told.
    pub fn tells(&self, group: Group) -> bool {
        self.of(group) == Measure::Told
    }

    /// The groups that are not measured.
    pub fn off(&self) -> Vec<Group> {
        Group::ALL.into_iter().filter(|group| !self.takes(*group)).collect()
    }
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Group::ALL.into_iter().map(|group| (group, self.of(group))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_taken_unless_told_and_the_likeness_is_never_told() {
        let all = Measures::default();
        assert!(Group::ALL.into_iter().all(|group| all.takes(group) && all.tells(group) == group.is_told()));
        assert_eq!(all.off(), []);
        let less = all.with(Group::Age, Measure::Off).with(Group::Skin, Measure::Hidden);
        assert_eq!((less.off(), less.tells(Group::Skin), less.takes(Group::Skin)), (vec![Group::Age], false, true));
        assert_eq!(all.with(Group::Likeness, Measure::Told), all);
        let json = serde_json::to_value(less).unwrap();
        assert_eq!(
            (&json["age"], &json["skin"], &json["likeness"]),
            (&"off".into(), &"hidden".into(), &"hidden".into())
        );
    }
}
