//! Which of a training's networks is meant.

use std::fmt;
use std::str::FromStr;

/// One of the networks that a training saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The generator as it was trained.
    G,
    /// The discriminator, which judges pictures.
    D,
    /// The generator averaged over its training: it draws best.
    #[default]
    Gs,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G => "G",
            Self::D => "D",
            Self::Gs => "Gs",
        })
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "G" | "g" => Ok(Self::G),
            "D" | "d" => Ok(Self::D),
            "Gs" | "gs" => Ok(Self::Gs),
            _ => Err("expected G, D or Gs".into()),
        }
    }
}
