//! What the numbers are that an inverter takes of a face, for people to read.

use crate::features::Group;
use crate::features::greedy::Number;
use serde::Serialize;

/// One number of the inverter's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NumberDescription {
    /// As [`Number`] has it, such as `29-39/x` or `skin/l`.
    pub name: String,
    /// What it speaks of.
    pub group: Group,
    /// What it is measured in.
    pub unit: Unit,
}

/// What a number of a face is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Inter-ocular distances.
    EyeDistance,
    /// Degrees.
    Degrees,
    /// Years.
    Years,
    /// Probability, 0 to 1.
    Probability,
    /// L*, a* or b* of CIE Lab.
    Lab,
    /// None: it is not told.
    Untold,
}

impl Unit {
    /// That of all numbers of a group.
    pub fn of(group: Group) -> Self {
        match group {
            Group::Shape | Group::Expression => Self::EyeDistance,
            Group::Pose => Self::Degrees,
            Group::Age => Self::Years,
            Group::Gender => Self::Probability,
            Group::Skin | Group::Hair | Group::Background => Self::Lab,
            Group::Likeness => Self::Untold,
        }
    }
}

impl From<Number> for NumberDescription {
    fn from(number: Number) -> Self {
        let group = number.group();
        Self { name: number.to_string(), group, unit: Unit::of(group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_number_is_told_with_its_group_and_unit() {
        for (name, group, unit) in [
            ("29-39/x", "shape", "eye_distance"),
            ("expression/smile", "expression", "eye_distance"),
            ("pose/yaw", "pose", "degrees"),
            ("age", "age", "years"),
            ("gender", "gender", "probability"),
            ("hair/l", "hair", "lab"),
            ("likeness/3", "likeness", "untold"),
        ] {
            let number: Number = name.parse().unwrap();
            let told = serde_json::to_value(NumberDescription::from(number)).unwrap();
            assert_eq!(told, json!({"name": name, "group": group, "unit": unit}));
        }
    }
}
