//! How a mirror is part of a show: [`osc`] tells other programs what every look comes to and takes what they ask; [`scenes`] are presets that
//! are switched. Both set the controls of the [`Desk`].
//!
//! Numbers only: no picture goes this way.
//!
//! [`Desk`]: mirror::live::Desk

pub mod osc;
pub mod scenes;
