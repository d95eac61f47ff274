//! A mirror's nets in one folder, with their licence, their data and a hash of each file.
//!
//! A pack is a folder of `pack.toml` ([`Manifest`]), a safetensors file a net, perhaps a table of people for whoever trains
//! an inverter ([`Visitors`]), perhaps the members of its archive ([`crate::archive::Archive`]), and `CARD.md` for people to read. The default pack is embedded in the program.

mod archive;
mod describe;
mod error;
mod format;
mod load;
mod manifest;
mod seal;
#[cfg(test)]
mod tests;
mod visitors;

pub use describe::describe;
pub use error::PackError;
pub use format::{ARCHIVE_FILE, AUDIT_FILE, CARD_FILE, FORMAT, MANIFEST_FILE, Net, VISITORS_FILE};
pub use load::Pack;
pub use manifest::{FileEntry, Manifest};
pub use seal::seal;
pub use visitors::Visitors;
