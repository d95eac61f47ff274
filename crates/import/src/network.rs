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

/// The name of no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected G, D or Gs")]
pub struct UnknownNetwork;

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        match text {
            "G" | "g" => Ok(Self::G),
            "D" | "d" => Ok(Self::D),
            "Gs" | "gs" => Ok(Self::Gs),
            _ => Err(UnknownNetwork),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_a_stranger_is_refused() {
        for network in [Network::G, Network::D, Network::Gs] {
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        assert_eq!("H".parse::<Network>(), Err(UnknownNetwork));
        assert_eq!(UnknownNetwork.to_string(), "expected G, D or Gs");
    }

    #[test]
    fn the_averaged_generator_is_taken_unless_another_is_named() {
        assert_eq!(Network::default(), Network::Gs);
    }
}
