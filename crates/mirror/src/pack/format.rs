//! What a pack's folder holds.

/// The format of packs that this program writes; it reads this and every earlier one.
pub const FORMAT: u32 = 1;

/// The name of the manifest inside a pack.
pub const MANIFEST_FILE: &str = "pack.toml";
/// The name of the text for people inside a pack.
pub const CARD_FILE: &str = "CARD.md";
/// The name of the table of people inside a pack, which may lack it.
pub const VISITORS_FILE: &str = "visitors.safetensors";
/// The name of the pack's audits of itself, JSON, which it may lack.
pub const AUDIT_FILE: &str = "audit.json";
/// The name of the table of the archive's members inside a pack, which may lack it.
pub const ARCHIVE_FILE: &str = "archive.safetensors";
/// Larger files than this are refused: the largest generator known (1024x1024, 512 maps, f32) has 92 MB.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 30;

/// The nets of a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Net {
    /// Finds faces.
    Detector,
    /// Finds the 68 points of a face.
    Landmarks,
    /// Guesses age and gender.
    Attributes,
    /// Says what a face is like. A pack may lack it.
    Likeness,
    /// Draws a face from a latent.
    Generator,
    /// Finds the latent for features.
    Inverter,
}

impl Net {
    /// All of them, in the order of the flow.
    pub const ALL: [Self; 6] =
        [Self::Detector, Self::Landmarks, Self::Attributes, Self::Likeness, Self::Inverter, Self::Generator];

    /// Those that look at faces. They know nothing of the generator, so that any pack can share them.
    pub const EYES: [Self; 4] = [Self::Detector, Self::Landmarks, Self::Attributes, Self::Likeness];

    /// Whether a pack without it is a whole pack.
    pub fn is_optional(self) -> bool {
        self == Self::Likeness
    }

    /// The name of its file inside a pack.
    pub fn file(self) -> &'static str {
        match self {
            Self::Detector => "detector.safetensors",
            Self::Landmarks => "landmarks.safetensors",
            Self::Attributes => "attributes.safetensors",
            Self::Likeness => "likeness.safetensors",
            Self::Generator => "generator.safetensors",
            Self::Inverter => "inverter.safetensors",
        }
    }
}
