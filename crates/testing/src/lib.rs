//! What the tests share: named tolerances, goldens, picture comparison, and where the development data lies.
//!
//! Depends on none of the crates that it tests but `frame`; everything here panics, as a test should.

mod data;
mod golden;
mod picture;
pub mod tolerance;

pub use data::{data_root, data_root_or_skip, testdata};
pub use golden::{Golden, golden, read_golden};
pub use picture::assert_pictures_match;
pub use tolerance::{assert_close, largest_difference};
