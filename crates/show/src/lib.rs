//! How a mirror talks to the rest of a show. [`osc`] sends what every look comes to, and takes what is asked of the [`Desk`].
//!
//! Numbers only: no picture goes this way.
//!
//! [`Desk`]: mirror::live::Desk

pub mod osc;
