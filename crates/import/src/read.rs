//! Opens a file and finds out what it is.

use crate::byte_reader::ByteReader;
use crate::error::{FormatError, ImportError};
use crate::network::Network;
use crate::stranger::{LOOKED_AT, Stranger, is_old_pickle};
use crate::{karras, pickle, torch, twin};
use mirror::generator::Generator;
use nn::io::Weights;
use std::path::Path;

/// What to take from a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
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
pub fn read_generator(path: &Path, options: ImportOptions) -> Result<Generator, ImportError> {
    let refused = |source| ImportError::Format { path: path.to_owned(), source };
    if options.network == Network::D {
        return Err(refused(FormatError::NoGenerator));
    }
    let mut source = open(path)?;
    if is_safetensors(&mut source) {
        twin::check_header(&mut source).map_err(refused)?;
        return twin::read_twin(path, options.max_resolution);
    }
    generator(&mut source, options).map_err(refused)
}

/// Reads the discriminator of a file: the paper's names, PyTorch's layouts, run-time scale multiplied in.
///
/// # Errors
/// If the file cannot be read, has no discriminator, or is refused.
pub fn read_discriminator(path: &Path) -> Result<Weights, ImportError> {
    let refused = |source| ImportError::Format { path: path.to_owned(), source };
    let mut source = open(path)?;
    if is_safetensors(&mut source) {
        return Err(refused(FormatError::NoDiscriminator));
    }
    discriminator(&mut source).map_err(refused)
}

fn open(path: &Path) -> Result<ByteReader, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let source = ByteReader::open(path).map_err(io)?;
    if source.size() > MAX_BYTES {
        return Err(ImportError::TooLarge { path: path.to_owned(), bytes: source.size(), limit: MAX_BYTES });
    }
    Ok(source)
}

/// The generator of a foreign file that is open.
///
/// # Errors
/// If it is of no known format, or is refused.
pub fn generator(source: &mut ByteReader, options: ImportOptions) -> Result<Generator, FormatError> {
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
pub fn discriminator(source: &mut ByteReader) -> Result<Weights, FormatError> {
    let Kind::Pickle = kind(source)? else { return Err(FormatError::NoDiscriminator) };
    Ok(karras::discriminator(&pickle::load(source)?, source)?.build(source)?)
}

/// The formats that other programs write.
enum Kind {
    Pickle,
    TorchArchive,
    TorchLegacy,
}

/// What the first bytes say.
fn kind(source: &mut ByteReader) -> Result<Kind, FormatError> {
    let start = source.take(source.size().min(LOOKED_AT as u64))?;
    source.go_to(0)?;
    if start.starts_with(&torch::LEGACY) {
        Ok(Kind::TorchLegacy)
    } else if start.starts_with(&torch::ARCHIVE) {
        Ok(Kind::TorchArchive)
    } else if start.first() == Some(&0x80) || is_old_pickle(&start) {
        Ok(Kind::Pickle)
    } else {
        let begins = || start.iter().take(8).map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
        Err(Stranger::of(&start, source.size()).map_or_else(|| FormatError::Unknown { begins: begins() }, Into::into))
    }
}

/// Eight bytes of length, then JSON. Of a text the first eight characters would be a length that no file has.
fn is_safetensors(source: &mut ByteReader) -> bool {
    let begins = source.array::<9>().is_ok_and(|start| start[8] == b'{' && start[6..8] == [0, 0]);
    source.go_to(0).is_ok() && begins
}
