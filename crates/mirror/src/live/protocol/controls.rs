//! The controls of a page.

use super::{ProtocolError, VERSION};
use crate::features::Group;
use crate::inverter::{FeatureSelection, InverterControls, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest message, bytes: all groups and verdicts together take a tenth of it.
const MAX_BYTES: usize = 4096;

/// How the next frames are to be reflected. What a message leaves out is as it is by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Controls {
    /// [`VERSION`].
    pub version: u8,
    /// How many features the inverter may use, those that say most first; all of them without it.
    pub features: Option<usize>,
    /// Groups of features that it may not use.
    pub without: Vec<Group>,
    /// Other values than the machine's own verdicts.
    pub overrides: BTreeMap<Verdict, f32>,
    /// Whether the viewer's features stay as they were when this began.
    pub hold: bool,
    /// Whether the mirror measures what survives in the reflection.
    pub measure: bool,
    /// Whether the steps of each reflection are told.
    pub steps: bool,
    /// Whether it is told whom of the archive each viewer lies nearest to.
    pub nearest: bool,
    /// Pixels a side that are drawn at most; all that the generator draws without it.
    pub resolution: Option<usize>,
    /// Whether the mirror dreams, whoever stands before it.
    pub dream: bool,
    /// Whether less motion is wanted.
    pub calm: bool,
    /// Whether nobody has agreed to be reflected yet: then only closed eyes are looked for.
    pub waiting: bool,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            version: VERSION,
            features: None,
            without: Vec::new(),
            overrides: BTreeMap::new(),
            hold: false,
            measure: false,
            steps: false,
            nearest: false,
            resolution: None,
            dream: false,
            calm: false,
            waiting: false,
        }
    }
}

impl Controls {
    /// Reads a page's message.
    ///
    /// # Errors
    /// If it is too long, of another version, or no controls.
    pub fn parse(message: &str) -> Result<Self, ProtocolError> {
        if message.len() > MAX_BYTES {
            return Err(ProtocolError::TooLong { found: message.len(), most: MAX_BYTES });
        }
        let controls: Self = serde_json::from_str(message)?;
        if controls.version != VERSION {
            return Err(ProtocolError::Version { found: controls.version });
        }
        Ok(controls)
    }

    /// The features that the inverter may use.
    pub fn selection(&self) -> FeatureSelection {
        FeatureSelection { features: self.features, without: self.without.clone() }
    }

    /// The part of them that concerns the inverter.
    pub fn inverter(&self) -> InverterControls {
        InverterControls { selection: self.selection(), overrides: self.overrides.clone(), drift: !self.calm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_differs_from_the_default() {
        assert_eq!(Controls::parse("{}").unwrap(), Controls::default());
        let message =
            r#"{"version":2,"features":20,"without":["shape"],"overrides":{"age":80},"hold":true,"steps":true}"#;
        let expected = Controls {
            features: Some(20),
            without: vec![Group::Shape],
            overrides: BTreeMap::from([(Verdict::Age, 80.0)]),
            hold: true,
            steps: true,
            ..Controls::default()
        };
        assert_eq!(Controls::parse(message).unwrap(), expected);
        assert_eq!(Controls::parse(&serde_json::to_string(&expected).unwrap()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_such_message_is_refused_with_the_reason() {
        let long = format!("{{{}}}", " ".repeat(MAX_BYTES));
        for (message, word) in [
            ("", "EOF"),
            ("null", "invalid type"),
            (r#"{"features":-1}"#, "invalid value"),
            (r#"{"features":"all"}"#, "invalid type"),
            (r#"{"without":["shoes"]}"#, "unknown variant `shoes`"),
            (r#"{"overrides":{"height":2}}"#, "unknown variant `height`"),
            (r#"{"given":3}"#, "unknown field `given`"),
            (r#"{"version":1}"#, "version 1: expected version 2"),
            (long.as_str(), "4098 bytes"),
        ] {
            let error = Controls::parse(message).unwrap_err().to_string();
            assert!(error.contains(word), "{message}: {error}");
        }
    }

    #[test]
    fn the_inverter_gets_its_part() {
        assert_eq!(Controls::default().inverter(), InverterControls::default());
        let controls = Controls { features: Some(9), without: vec![Group::Hair], calm: true, ..Controls::default() };
        let inverter = controls.inverter();
        assert_eq!(inverter.selection, FeatureSelection { features: Some(9), without: vec![Group::Hair] });
        assert!(!inverter.drift);
    }
}
