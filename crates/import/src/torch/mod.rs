//! What `torch.save` writes: a pickle in which tensors name the storages that hold their numbers, in one of two containers.

mod archive;
mod legacy;
mod ports;

use crate::blueprint::Blueprint;
use crate::byte_reader::ByteReader;
use crate::error::FormatError;
use crate::network::Network;
use crate::pickle::{Pickle, Unexpected, Value, View};
use ports::StateDict;

/// The first bytes of an archive.
pub const ARCHIVE: [u8; 2] = *b"PK";
/// The first bytes of the older container: a pickle of a number that was chosen for this.
pub const LEGACY: [u8; 14] = *b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Reads the pickle of an archive; its arrays know where their numbers are.
///
/// # Errors
/// If the container or the pickle is damaged or refused.
pub fn load_archive(source: &mut ByteReader) -> Result<Pickle, FormatError> {
    archive::load(source)
}

/// Reads the pickle of the older container; its arrays know where their numbers are.
///
/// # Errors
/// If the container or the pickle is damaged or refused.
pub fn load_legacy(source: &mut ByteReader) -> Result<Pickle, FormatError> {
    legacy::load(source)
}

/// What programs call the averaged generator and the generator in a dictionary of networks.
const AVERAGED: [&str; 5] = ["avgG", "Gs", "generator_smooth", "g_ema", "gen_shadow"];
const PLAIN: [&str; 4] = ["netG", "G", "generator", "g"];

/// The generator `network` of a checkpoint, or of a state dict alone.
///
/// # Errors
/// If the layers of no program that we know are in it.
pub fn generator(pickle: &Pickle, network: Network, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    let root = pickle.root();
    let (names, other) = match network {
        Network::Gs => (&AVERAGED[..], &PLAIN[..]),
        _ => (&PLAIN[..], &AVERAGED[..]),
    };
    let find = |names: &[&str]| -> Result<Option<View>, Unexpected> {
        let found: Vec<View> = names.iter().filter_map(|name| root.find(name).transpose()).collect::<Result<_, _>>()?;
        Ok(found.into_iter().find(|view| matches!(view.value(), Value::Dict(_))))
    };
    let state = match find(names)? {
        Some(state) => state,
        None if find(other)?.is_some() => return Err(FormatError::NoState { network, names: names.join(", ") }),
        // Nothing to choose from.
        None => find(&["state_dict", "model"])?.unwrap_or_else(|| root.clone()),
    };
    let mut blueprint = ports::generator(&StateDict::of(&state)?, &root, source)?;
    blueprint.metadata.insert("network".into(), network.to_string());
    Ok(blueprint)
}
