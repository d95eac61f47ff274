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

/// Where it is told whom of the archive a viewer lies nearest to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nearness {
    /// Nowhere.
    Off,
    /// In the panel, and on the page of the archive.
    #[default]
    Panel,
    /// Also under the reflection.
    Wall,
}

/// What is told of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveRules {
    /// Where it is told whom a viewer lies nearest to.
    pub nearest: Nearness,
    /// Whether the members are named.
    pub names: bool,
}

impl Default for ArchiveRules {
    fn default() -> Self {
        Self { nearest: Nearness::default(), names: true }
    }
}

/// What is done with visitors, what they may do, and what pages say whatever a scene says. Nobody changes it while the mirror runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What is measured of visitors, and what is told.
    pub measures: Measures,
    /// What visitors may do.
    pub visitors: Vec<Permission>,
    /// What is told of the archive.
    pub archive: ArchiveRules,
    /// Texts by language, then by key.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Default for Rules {
    /// Everything.
    fn default() -> Self {
        Self {
            measures: Measures::default(),
            visitors: Permission::ALL.to_vec(),
            archive: ArchiveRules::default(),
            texts: BTreeMap::new(),
        }
    }
}

impl Rules {
    /// Whether visitors may do this.
    pub fn permit(&self, what: Permission) -> bool {
        self.visitors.contains(&what)
    }

    /// Whether anybody may be told whom of the archive a viewer lies nearest to.
    pub fn tell_nearest(&self) -> bool {
        match self.archive.nearest {
            Nearness::Off => false,
            Nearness::Panel => self.permit(Permission::Panel),
            Nearness::Wall => true,
        }
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
        controls.nearest &= self.tell_nearest();
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
            nearest: true,
            waiting: true,
            ..Controls::default()
        };
        assert_eq!(Rules::default().permitted(asked.clone()), asked);
        let none = Rules { visitors: Vec::new(), ..Rules::default() };
        assert_eq!(none.permitted(asked.clone()), Controls { waiting: true, ..Controls::default() });
        let some = Rules { visitors: vec![Permission::Hold, Permission::Panel], ..Rules::default() };
        let expected = Controls { hold: true, measure: true, nearest: true, waiting: true, ..Controls::default() };
        assert_eq!(some.permitted(asked), expected);
    }

    #[test]
    fn whom_a_viewer_lies_nearest_to_is_told_where_the_house_tells_it() {
        let asked = Controls { nearest: true, ..Controls::default() };
        for (nearest, visitors, told) in [
            (Nearness::Off, Permission::ALL.to_vec(), false),
            (Nearness::Panel, Permission::ALL.to_vec(), true),
            (Nearness::Panel, vec![Permission::Steps], false),
            (Nearness::Wall, Vec::new(), true),
        ] {
            let archive = ArchiveRules { nearest, names: true };
            let rules = Rules { archive, visitors, ..Rules::default() };
            assert_eq!(rules.permitted(asked.clone()).nearest, told, "{nearest:?}");
        }
    }

    #[test]
    fn a_permission_is_called_as_it_is_written() {
        let written = serde_json::to_value(Permission::ALL).unwrap();
        assert_eq!(written, serde_json::json!(Permission::ALL.map(Permission::name)));
    }
}
