//! Values of the desk's controls, and which of them a control takes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value of a control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A number, whole or not.
    Number(f64),
    /// A word.
    Word(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Which values a control takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Range {
    /// On or off.
    Switch,
    /// A whole number from one to another, both included.
    Whole {
        /// The least.
        from: u32,
        /// The greatest.
        to: u32,
    },
    /// A number from one to another, both included.
    Number {
        /// The least.
        from: f32,
        /// The greatest.
        to: f32,
    },
    /// One of these words.
    Word {
        /// They.
        words: Vec<String>,
    },
}

impl Range {
    /// The value as this range has it: senders without switches send 0 and 1. `None` if it is outside, or of another type.
    pub(super) fn accept(&self, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::Switch, Value::Switch(on)) => Some(Value::Switch(on)),
            (Self::Switch, Value::Number(number)) if number == 0.0 || number == 1.0 => {
                Some(Value::Switch(number == 1.0))
            }
            (Self::Whole { from, to }, Value::Number(number)) => {
                let is_inside = number.fract() == 0.0 && (f64::from(*from)..=f64::from(*to)).contains(&number);
                is_inside.then_some(Value::Number(number))
            }
            (Self::Number { from, to }, Value::Number(number)) => {
                (f64::from(*from)..=f64::from(*to)).contains(&number).then_some(Value::Number(number))
            }
            (Self::Word { words }, Value::Word(word)) => words.contains(&word).then_some(Value::Word(word)),
            _ => None,
        }
    }

    /// The value that a text stands for, such as `on`, `0.5` or `de`.
    pub fn parse(&self, text: &str) -> Option<Value> {
        let value = match (self, text) {
            (Self::Word { .. }, word) => Value::Word(word.to_owned()),
            (Self::Switch, "on" | "true") => Value::Switch(true),
            (Self::Switch, "off" | "false") => Value::Switch(false),
            (_, number) => Value::Number(number.parse().ok()?),
        };
        self.accept(value)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("on or off"),
            Self::Whole { from, to } => write!(f, "a whole number from {from} to {to}"),
            Self::Number { from, to } => write!(f, "a number from {from} to {to}"),
            Self::Word { words } if words.is_empty() => f.write_str("one of those that there are, now none"),
            Self::Word { words } => write!(f, "one of {}", words.join(", ")),
        }
    }
}
