//! What every part asks of the computer that it runs on: files that are written whole or not at all, and other programs.

mod atomic;
mod programs;

pub use atomic::{WriteError, temporary_beside, write_atomically};
pub use programs::{NoFfmpeg, ffmpeg, find_program};
