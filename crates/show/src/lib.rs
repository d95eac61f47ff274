//! How a mirror is part of a show: [`osc`] tells other programs what every look comes to and takes what they ask; [`scenes`] are presets that
//! are switched. Both set the controls of the [`Desk`]. A [`policy`] is what the house makes of all that, and nobody changes while it runs.
//!
//! Numbers only: no picture goes this way.
//!
//! [`Desk`]: mirror::live::Desk

mod file_error;
pub mod midi;
pub mod osc;
pub mod policy;
pub mod scenes;
mod week;

pub use file_error::FileError;
pub use week::WeeklyTime;
