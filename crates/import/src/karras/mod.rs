//! The pickles of Karras' own programs: a tuple (G, D, Gs) of networks, written in TensorFlow or, before that, in Theano.

mod arguments;
mod tensorflow;
mod theano;

use crate::blueprint::Blueprint;
use crate::byte_reader::ByteReader;
use crate::discriminator::DiscriminatorBlueprint;
use crate::error::FormatError;
use crate::network::Network;
use crate::pickle::{Known, Pickle, View};

/// The state of a network, and the program that wrote it.
struct Chosen<'a> {
    wrote: Known,
    state: View<'a>,
}

/// The generator `network` of a pickle.
///
/// # Errors
/// If the pickle does not hold networks, the one that was chosen is a discriminator, or it needs what we cannot draw.
pub fn generator(pickle: &Pickle, network: Network, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    let chosen = choose(pickle, network)?;
    let mut blueprint = match chosen.wrote {
        Known::TheanoNetwork => theano::generator(&chosen.state, source)?,
        _ => tensorflow::generator(&chosen.state, source)?,
    };
    blueprint.metadata.insert("network".into(), network.to_string());
    Ok(blueprint)
}

/// The discriminator of a pickle.
///
/// # Errors
/// As [`generator`], if what was chosen is no discriminator.
pub fn discriminator(pickle: &Pickle, source: &mut ByteReader) -> Result<DiscriminatorBlueprint, FormatError> {
    let chosen = choose(pickle, Network::D)?;
    match chosen.wrote {
        Known::TheanoNetwork => theano::discriminator(&chosen.state, source),
        _ => tensorflow::discriminator(&chosen.state, source),
    }
}

fn choose(pickle: &Pickle, network: Network) -> Result<Chosen<'_>, FormatError> {
    let root = pickle.root();
    let networks = match root.object() {
        // A network alone is taken for what was asked for; what it does is checked later.
        Ok(_) => return one(&root),
        Err(_) => root.items()?,
    };
    let index = match network {
        Network::G => 0,
        Network::D => 1,
        Network::Gs => 2,
    };
    let chosen = networks.get(index).ok_or(FormatError::NoNetwork { network, found: networks.len() })?;
    one(chosen)
}

fn one<'a>(view: &View<'a>) -> Result<Chosen<'a>, FormatError> {
    let (wrote, state) = view.object()?;
    match wrote {
        Known::TensorFlowNetwork | Known::TheanoNetwork => Ok(Chosen { wrote, state }),
        _ => Err(view.unexpected("a network").into()),
    }
}
