//! What can be wrong with a file that was made elsewhere.

use crate::archive::ArchiveError;
use crate::array::ArrayError;
use crate::blueprint::BlueprintError;
use crate::byte_reader::ReadError;
use crate::network::Network;
use crate::pickle::{PickleError, Unexpected};
use crate::stranger::Stranger;
use std::path::PathBuf;

/// Why a generator was not imported, or not taken elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is larger than any generator.
    #[error("{}: {bytes} bytes, more than the {limit} that a generator can have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What we accept.
        limit: u64,
    },
    /// An inverter that is no weight file of ours.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: nn::Error,
    },
    /// The file is refused.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The new pack would replace something.
    #[error("{}: already exists\nhint: choose another name or remove it first", .0.display())]
    Exists(PathBuf),
    /// A file of this name would be of no format that we write.
    #[error("{}: expected a name that ends in .onnx or .safetensors", .0.display())]
    NoExport(PathBuf),
    /// The twin's format has one bias a map in the first layer.
    #[error(
        "{}: this generator has a bias for every pixel of its first layer, which the twin's format cannot hold\nhint: a name that ends in .onnx writes ONNX, which can",
        .0.display()
    )]
    PixelBiases(PathBuf),
    /// The pack that gives the face nets is at fault, or the new one did not come out right.
    #[error(transparent)]
    Pack(#[from] mirror::pack::PackError),
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<host::WriteError> for ImportError {
    fn from(error: host::WriteError) -> Self {
        Self::Io { path: error.path, source: error.source }
    }
}

/// What to do with a file that ends too early.
pub const CUT_SHORT: &str = "hint: a download has not ended, or the file is damaged; fetch it again";

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Its pickle holds something that no generator needs, or is damaged.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// Its pickle is sound, but not a generator's.
    #[error("{0}\nhint: expected Karras' tuple (G, D, Gs) of networks, or a PyTorch state dict of a known program")]
    Unexpected(#[from] Unexpected),
    /// A weight cannot be read.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Its layers do not make a generator.
    #[error(transparent)]
    Blueprint(#[from] BlueprintError),
    /// Its archive is damaged, or none of PyTorch's.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A checkpoint of our trainer's twin that lacks what its drawing depends on.
    #[error(
        "the checkpoint does not say how far its training was\nhint: generator.safetensors, which its trainer writes beside it, does"
    )]
    Untold,
    /// It has numbers that no tensor speaks of.
    #[error("storage \"{0}\" is in the file, but no tensor of it")]
    StrayStorage(String),
    /// A checkpoint has networks, but not this one.
    #[error("no network {network} in the checkpoint: expected one of {names}\nhint: --network chooses G or Gs")]
    NoState {
        /// Which.
        network: Network,
        /// What programs call it.
        names: String,
    },
    /// A state dict whose names are nobody's.
    #[error(
        "a state dict of no program that is known: it begins with {names}\nhint: docs/foreign-generators.md lists the names that are"
    )]
    UnknownPort {
        /// Some of its names.
        names: String,
    },
    /// It is no weight file of ours, or damaged.
    #[error(transparent)]
    Weights(#[from] nn::Error),
    /// It is safetensors, but of another model.
    #[error(
        "safetensors of another model: it begins with {names}, a generator would have \"4x4/Dense/weight\"\nhint: docs/foreign-generators.md lists the formats that are read"
    )]
    OtherWeights {
        /// Some of its names.
        names: String,
    },
    /// Its header speaks of more bytes than there are.
    #[error("the file is cut short: its header speaks of {expected} bytes, it has {found}\n{CUT_SHORT}")]
    CutShort {
        /// What the header says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// It ends too early.
    #[error("{0}\n{CUT_SHORT}")]
    Source(#[from] ReadError),
    /// A setting changes what the weights mean.
    #[error("setting \"{name}\": expected {expected}, file has {found}")]
    Setting {
        /// Which.
        name: String,
        /// What we can draw.
        expected: &'static str,
        /// What the file says.
        found: String,
    },
    /// The file does not hold the network that was chosen.
    #[error("no network {network} in it, it holds {found}: G, D and Gs are expected in this order")]
    NoNetwork {
        /// Which.
        network: Network,
        /// How many there are.
        found: usize,
    },
    /// The discriminator was asked for where a generator is needed.
    #[error("network D is a discriminator: it judges pictures and draws none\nhint: --network G or Gs draws")]
    NoGenerator,
    /// The network that was chosen does something else.
    #[error("it is built by \"{function}\", and that is no {} that this program knows\nhint: --network chooses G, D or Gs", if *kind == "G" { "generator" } else { "discriminator" })]
    OtherNetwork {
        /// The name of its building function.
        function: String,
        /// "G" or "D".
        kind: &'static str,
    },
    /// Only Karras' pickles have discriminators that are read.
    #[error("discriminators are read from the pickles of Karras' programs only")]
    NoDiscriminator,
    /// It is something else that is known.
    #[error(transparent)]
    Stranger(#[from] Stranger),
    /// No format that we know begins like this.
    #[error(
        "no format that is known, it begins with the bytes {begins}: expected a pickle of Karras' programs, what torch.save writes, or safetensors of narcissus-pggan-1"
    )]
    Unknown {
        /// Its first bytes.
        begins: String,
    },
}
