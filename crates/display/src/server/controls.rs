//! What a page asks of the mirror, apart from looking: a JSON message of words whenever it changes.

use serde::{Deserialize, Serialize};

/// Longest such message, bytes.
const MAX_BYTES: usize = 4096;
/// Groups at most; there are seven.
const MAX_GROUPS: usize = 32;

/// How the next frames are to be looked at; all that a page leaves out is as it is here by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Controls {
    /// How many numbers of a viewer are given; all without it.
    pub given: Option<usize>,
    /// Names of the groups of features of which nothing is given.
    pub withheld: Vec<String>,
    /// Another age than the machine's verdict, years.
    pub age: Option<f32>,
    /// Another probability of "female" than the machine's verdict.
    pub female: Option<f32>,
    /// Whether the viewer's numbers stay as they are.
    pub hold: bool,
    /// Whether to look at what survives in the reflection.
    pub measure: bool,
    /// Whether less motion is wished for.
    pub calm: bool,
    /// Whether nobody has agreed to be reflected yet.
    pub waiting: bool,
}

impl Controls {
    /// From a page's message; `None` if it is none, or too long.
    pub fn read(message: &str) -> Option<Self> {
        let controls: Self = serde_json::from_str((message.len() <= MAX_BYTES).then_some(message)?).ok()?;
        (controls.withheld.len() <= MAX_GROUPS).then_some(controls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_differs_from_the_default() {
        assert_eq!(Controls::read("{}"), Some(Controls::default()));
        let read = Controls::read(r#"{"given":20,"withheld":["shape"],"age":80,"hold":true}"#).unwrap();
        let expected = Controls {
            given: Some(20),
            withheld: vec!["shape".into()],
            age: Some(80.0),
            hold: true,
            ..Controls::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_such_message_changes_nothing() {
        let (long, many) = (format!("{{{}}}", " ".repeat(MAX_BYTES)), format!(r#"{{"withheld":{:?}}}"#, vec!["a"; 40]));
        for message in ["", "null", "{\"given\":-1}", "{\"given\":\"all\"}", "[", &long, &many] {
            assert_eq!(Controls::read(message), None, "{message}");
        }
    }
}
