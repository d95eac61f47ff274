//! A mirror's nets in one folder, with their licence, their data and a hash of each file.
//!
//! A pack is a folder of `pack.toml` ([`Manifest`]), a safetensors file a net, and `CARD.md` for people to read. The
//! default pack is embedded in the program.

mod describe;
mod error;
mod format;
mod load;
mod manifest;
mod seal;
#[cfg(test)]
mod tests;

pub use describe::describe;
pub use error::PackError;
pub use format::{CARD_FILE, FORMAT, MANIFEST_FILE, Net};
pub use load::Pack;
pub use manifest::{FileEntry, Manifest};
pub use seal::seal;
