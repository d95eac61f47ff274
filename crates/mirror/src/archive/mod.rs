//! The members of the archive as numbers: whose faces the mirror is made of, and where somebody lies among them.
//!
//! An [`Archive`] is the table of a pack, an [`Atlas`] what a house tells of it: it compares by the groups that are told, and knows names only
//! where names are told. Nearness is likeness of measured numbers. The likeness net has no part in it: its numbers are not in the table.

mod atlas;
mod axes;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use atlas::{Atlas, NEAREST, Neighbour, Points, Standing};
pub use table::{Archive, MAX_ARCHIVE_BYTES, Member, Source};
