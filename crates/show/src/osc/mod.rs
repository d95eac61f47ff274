//! Open Sound Control (OSC 1.0, Wright 2002) over UDP, and what OSCQuery tells of it.
//!
//! | direction | address | what |
//! |---|---|---|
//! | out | see [`sent`] | what a look came to, a bundle for the mirror, for each face and for each reflection |
//! | in | `/narcissus/set/NAME` and a value | sets a control of the desk |
//! | in | `/narcissus/release/NAME` | leaves it to the pages again |
//! | in | `/narcissus/release` | leaves all of them |
//!
//! Messages are not protected in any way: whoever can send to the port may set what visitors see. So it is open to this computer only, unless
//! another address is given.

mod addresses;
mod input;
mod output;
mod query;

pub use addresses::{Address, received, sent};
pub use input::{InputCounts, OscInput};
pub use output::{OscOutput, OutputCounts};
pub use query::{host_info, namespace};

use std::net::SocketAddr;

/// What all addresses begin with.
pub const ROOT: &str = "/narcissus";

/// Why there is no OSC.
#[derive(Debug, thiserror::Error)]
pub enum OscError {
    /// The other side has no such address.
    #[error("OSC to {to}: {why}")]
    Target {
        /// As it was given.
        to: String,
        /// Why not.
        why: String,
    },
    /// The port cannot be had.
    #[error("OSC at {at}: {source}\nhint: another program may have this port")]
    Port {
        /// Where.
        at: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}
