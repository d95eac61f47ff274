//! Knobs and keys, and what they send.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A knob or a key: channels are counted from 1, as on controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// A controller: a knob, a fader, a pedal.
    Controller {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// A key or a pad.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
}

/// As it is written into files: `cc 1 21`, `note 10 36`.
impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller { channel, number } => write!(f, "cc {channel} {number}"),
            Self::Note { channel, number } => write!(f, "note {channel} {number}"),
        }
    }
}

impl FromStr for Knob {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [kind, channel, number] = parts[..] else { return Err(()) };
        let channel = channel.parse().ok().filter(|channel| (1..=16).contains(channel)).ok_or(())?;
        let number = number.parse().ok().filter(|number| *number < 128).ok_or(())?;
        match kind {
            "cc" => Ok(Self::Controller { channel, number }),
            "note" => Ok(Self::Note { channel, number }),
            _ => Err(()),
        }
    }
}

impl Serialize for Knob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A knob that was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which.
    pub knob: Knob,
    /// Where it stands, or how hard a key was pressed: 0 to 127; 0 of a key that was let go.
    value: u8,
}

impl Touch {
    /// Reads a message of a controller; `None` if it is none, or tells of something else.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let [status, number, value] = *message else { return None };
        if number > 127 || value > 127 {
            return None;
        }
        let channel = (status & 0x0F) + 1;
        match status & 0xF0 {
            0x80 => Some(Self { knob: Knob::Note { channel, number }, value: 0 }),
            0x90 => Some(Self { knob: Knob::Note { channel, number }, value }),
            // From 120 on they are no controllers but modes.
            0xB0 if number < 120 => Some(Self { knob: Knob::Controller { channel, number }, value }),
            _ => None,
        }
    }

    /// Where it stands, 0 to 1.
    pub fn share(&self) -> f64 {
        f64::from(self.value) / 127.0
    }

    /// Whether it is pressed: a key at all, a knob beyond its middle.
    pub fn is_pressed(&self) -> bool {
        match self.knob {
            Knob::Controller { .. } => self.value >= 64,
            Knob::Note { .. } => self.value > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_midi_has_them() {
        let controller = |channel, number| Knob::Controller { channel, number };
        for (message, knob, pressed) in [
            (&[0xB0, 21, 127][..], Some(controller(1, 21)), true),
            (&[0xBF, 21, 63], Some(controller(16, 21)), false),
            (&[0x99, 36, 1], Some(Knob::Note { channel: 10, number: 36 }), true),
            (&[0x99, 36, 0], Some(Knob::Note { channel: 10, number: 36 }), false),
            (&[0x89, 36, 64], Some(Knob::Note { channel: 10, number: 36 }), false),
            (&[0xB0, 123, 0], None, false),
            (&[0xE0, 0, 64], None, false),
            (&[0xB0, 21], None, false),
            (&[0xB0, 21, 200], None, false),
            (&[], None, false),
        ] {
            let touch = Touch::parse(message);
            assert_eq!(touch.map(|t| t.knob), knob, "{message:?}");
            assert!(touch.is_none_or(|t| t.is_pressed() == pressed), "{message:?}");
        }
    }

    #[test]
    fn a_knob_is_read_as_it_is_written() {
        for text in ["cc 1 0", "cc 16 127", "note 10 36"] {
            assert_eq!(text.parse::<Knob>().unwrap().to_string(), text);
        }
        for text in ["", "cc", "cc 0 1", "cc 17 1", "cc 1 128", "pad 1 1", "cc 1 1 1"] {
            assert!(text.parse::<Knob>().is_err(), "{text}");
        }
    }
}
