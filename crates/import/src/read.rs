//! Opens a file and finds out what it is.

use crate::error::{Error, FormatError};
use crate::network::Network;
use crate::source::Source;
use crate::{karras, pickle, torch, twin};
use mirror::generator::Generator;
use nn::io::Weights;
use std::path::Path;

/// What to take from a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which network.
    pub network: Network,
    /// The finest level to take, pixels; all of them without it.
    pub max_resolution: Option<usize>,
    /// Store the weights at half precision.
    pub half: bool,
}

/// Larger files hold something else: G, D, Gs and two optimisers of the published 1024-pixel networks come to 650 MB.
const MAX_BYTES: u64 = 2 << 30;

/// Reads the generator of a file, whatever program wrote it.
///
/// # Errors
/// If the file cannot be read, is of no known format, or is refused.
pub fn read_generator(path: &Path, options: Options) -> Result<Generator, Error> {
    let refused = |source| Error::Format { path: path.to_owned(), source };
    if options.network == Network::D {
        return Err(refused(FormatError::NoPainter));
    }
    let mut source = open(path)?;
    if is_safetensors(&mut source) {
        return twin::read_twin(path, options.max_resolution);
    }
    generator(&mut source, options).map_err(refused)
}

/// Reads the discriminator of a file: the paper's names, PyTorch's layouts, run-time scale multiplied in.
///
/// # Errors
/// If the file cannot be read, has no discriminator, or is refused.
pub fn read_discriminator(path: &Path) -> Result<Weights, Error> {
    let refused = |source| Error::Format { path: path.to_owned(), source };
    let mut source = open(path)?;
    if is_safetensors(&mut source) {
        return Err(refused(FormatError::NoJudge));
    }
    discriminator(&mut source).map_err(refused)
}

fn open(path: &Path) -> Result<Source, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let source = Source::open(path).map_err(io)?;
    if source.size() > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), bytes: source.size(), limit: MAX_BYTES });
    }
    Ok(source)
}

/// The generator of a foreign file that is open.
///
/// # Errors
/// If it is of no known format, or is refused.
pub fn generator(source: &mut Source, options: Options) -> Result<Generator, FormatError> {
    let mut blueprint = match kind(source)? {
        Kind::Pickle => karras::generator(&pickle::load(source)?, options.network, source)?,
        Kind::TorchArchive => torch::generator(&torch::load_archive(source)?, options.network, source)?,
        Kind::TorchLegacy => torch::generator(&torch::load_legacy(source)?, options.network, source)?,
    };
    if let Some(resolution) = options.max_resolution {
        blueprint = blueprint.up_to(resolution)?;
    }
    Ok(blueprint.build(source)?)
}

/// The discriminator of a foreign file that is open.
///
/// # Errors
/// If it is of no known format, or is refused.
pub fn discriminator(source: &mut Source) -> Result<Weights, FormatError> {
    let Kind::Pickle = kind(source)? else { return Err(FormatError::NoJudge) };
    Ok(karras::discriminator(&pickle::load(source)?, source)?.build(source)?)
}

/// The formats that other programs write.
enum Kind {
    Pickle,
    TorchArchive,
    TorchLegacy,
}

/// What the first bytes say.
fn kind(source: &mut Source) -> Result<Kind, FormatError> {
    let start = source.take(source.size().min(torch::LEGACY.len() as u64))?;
    source.go_to(0)?;
    if start == torch::LEGACY {
        Ok(Kind::TorchLegacy)
    } else if start.starts_with(&torch::ARCHIVE) {
        Ok(Kind::TorchArchive)
    } else if start.first() == Some(&0x80) {
        Ok(Kind::Pickle)
    } else {
        Err(FormatError::Unknown)
    }
}

/// Eight bytes of length, then JSON.
fn is_safetensors(source: &mut Source) -> bool {
    let begins = source.array::<9>().is_ok_and(|start| start[8] == b'{' && start[..2] != *b"PK");
    source.go_to(0).is_ok() && begins
}
