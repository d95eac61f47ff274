//! Scenes: named presets of a mirror in a folder of TOML files, one file each.
//!
//! A scene sets what it names, over its time, and releases what the scene before it had set. What somebody sets meanwhile by hand is left alone.
//! The folder is read again whenever a file changes: a file that is broken then changes nothing. A [`Director`] does all that, on a thread of
//! its own; another thread opens packs.

mod director;
mod easing;
mod file;
mod folder;

pub use director::{Director, PackLoader, SceneReport, ScenesReport};
pub use file::{PageParts, Scene};
