//! What the house lets visitors do, whatever they and the desk ask.

use super::protocol::Controls;
use crate::features::Measures;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that a page lets visitors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// To open the panel.
    Panel,
    /// To open the steps.
    Steps,
    /// To say how many numbers the mirror may use.
    Features,
    /// To leave groups of numbers out.
    Without,
    /// To set another age or gender.
    Override,
    /// To be held as they are.
    Hold,
    /// To switch scenes.
    Scene,
    /// To hide the words.
    Words,
    /// To choose the language.
    Language,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Panel,
        Self::Steps,
        Self::Features,
        Self::Without,
        Self::Override,
        Self::Hold,
        Self::Scene,
        Self::Words,
        Self::Language,
    ];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panel => "panel",
            Self::Steps => "steps",
            Self::Features => "features",
            Self::Without => "without",
            Self::Override => "override",
            Self::Hold => "hold",
            Self::Scene => "scene",
            Self::Words => "words",
            Self::Language => "language",
        }
    }
}

/// What is done with visitors, what they may do, and what pages say whatever a scene says. Nobody changes it while the mirror runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What is measured of visitors, and what is told.
    pub measures: Measures,
    /// What visitors may do.
    pub visitors: Vec<Permission>,
    /// Texts by language, then by key.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Rules {
    /// Everything.
    fn default() -> Self {
        Self { measures: Measures::default(), visitors: Permission::ALL.to_vec(), texts: BTreeMap::new() }
    }
}

impl Rules {
    /// Whether visitors may do this.
    pub fn permit(&self, what: Permission) -> bool {
        self.visitors.contains(&what)
    }

    /// What a page asks for, as far as visitors may ask for it.
    pub fn permitted(&self, mut controls: Controls) -> Controls {
        let default = Controls::default();
        if !self.permit(Permission::Features) {
            controls.features = default.features;
        }
        if !self.permit(Permission::Without) {
            controls.without = default.without;
        }
        if !self.permit(Permission::Override) {
            controls.overrides = default.overrides;
        }
        controls.hold &= self.permit(Permission::Hold);
        controls.steps &= self.permit(Permission::Steps);
        controls.measure &= self.permit(Permission::Panel);
        controls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Group;
    use crate::inverter::Verdict;

    #[test]
    fn what_visitors_may_not_do_is_not_done_though_a_page_asks_for_it() {
        let asked = Controls {
            features: Some(3),
            without: vec![Group::Skin],
            overrides: [(Verdict::Age, 80.0)].into(),
            hold: true,
            measure: true,
            steps: true,
            waiting: true,
            ..Controls::default()
        };
        assert_eq!(Rules::default().permitted(asked.clone()), asked);
        let none = Rules { visitors: Vec::new(), ..Rules::default() };
        assert_eq!(none.permitted(asked.clone()), Controls { waiting: true, ..Controls::default() });
        let some = Rules { visitors: vec![Permission::Hold, Permission::Panel], ..Rules::default() };
        let expected = Controls { hold: true, measure: true, waiting: true, ..Controls::default() };
        assert_eq!(some.permitted(asked), expected);
    }

    #[test]
    fn a_permission_is_called_as_it_is_written() {
        let written = serde_json::to_value(Permission::ALL).unwrap();
        assert_eq!(written, serde_json::json!(Permission::ALL.map(Permission::name)));
    }
}
