//! What every part asks of the computer that it runs on: files that are written whole or not at all, other
//! programs, pipes to them, how much memory this one needs, and how hot it is.

mod atomic;
mod memory;
mod pipes;
mod programs;
mod temperature;

pub use atomic::{WriteError, temporary_beside, write_atomically};
pub use memory::{memory, peak_memory};
pub use pipes::is_closed_pipe;
pub use programs::{NoFfmpeg, ffmpeg, find_program};
pub use temperature::temperature;
