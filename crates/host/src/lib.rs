//! What every part asks of the computer that it runs on: files that are written whole or not at all, other
//! programs, pipes to them, and how much memory this one needs.

mod atomic;
mod memory;
mod pipes;
mod programs;

pub use atomic::{WriteError, temporary_beside, write_atomically};
pub use memory::peak_memory;
pub use pipes::is_closed_pipe;
pub use programs::{NoFfmpeg, ffmpeg, find_program};
