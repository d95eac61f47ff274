//! The mirror as a WebAssembly module, for a page without a server.
//!
//! The page has two workers (`web/half.js`) with an instance of the module each, so that one looks while the other draws: [`Eyes`] and
//! [`Hand`]. An instance takes and gives bytes. Its worker asks for `room`, writes a message there, calls a function, and finds the answer
//! at `answer`. A function gives 1; or 0, and then the answer is what is wrong, for people to read.
//!
//! | function | message | answer |
//! |---|---|---|
//! | `file(name_bytes)` | a name and a file of the pack | |
//! | `open_eyes(views)` | | |
//! | `open_hand(views, max_resolution)` | | |
//! | `controls()` | [`mirror::live::protocol::Controls`] as JSON | |
//! | `look(width, height, seconds)` | red, green, blue, alpha of each pixel; 0 x 0: no picture | [`Seen`] as JSON |
//! | `draw(seconds)` | the `request` of what was [`Seen`], as JSON | a drawn picture, see [`Drawn`]; nothing if everybody was forgotten |
//! | `open_plan(max_resolution)` | | the weights for a graphics card, see [`gpu::Plan`]; needs the files of `open_hand` again |
//! | `steps(side)` | | as JSON: what the card does for a picture of so many pixels, `steps` ([`gpu::Step`]), and `latent_bytes` |
//! | `due(seconds)` | as of `draw` | what the card is to draw, see [`Due`] |
//! | `painted()`, or `paint()` where the card cannot | red, green, blue, alpha of each pixel of each view | as of `draw` |
//! | `shown()` | a drawn picture | |
//! | `forget()`, then `forget_drawn(epoch)` | | the epoch, then nothing |
//!
//! The module imports nothing (but its memory, where it has threads), has no clock and no random numbers: the same messages give the same
//! answers. Built with `-C target-feature=+atomics` it has threads: the worker starts others on the same memory, each with a stack of its own
//! (`reserve`), which call `work`, and then calls `start_threads`.

#[cfg(target_family = "wasm")]
mod exports;
mod eyes;
mod hand;
mod picture;
#[cfg(target_feature = "atomics")]
mod threads;

pub use eyes::{Eyes, Seen};
pub use hand::{Due, DueError, Hand};
pub use picture::{Drawn, DrawnView, PictureError};
