//! The binary from outside: what it prints, writes and exits with.
//!
//! Viewers are faces that the built-in generator dreams, so that no test needs a photograph.

mod audit;
mod bad_input;
mod commands;
mod examples;
mod films;
mod foreign;
mod page;
mod platforms;
mod portraits;
mod privacy;
mod setting;
mod show;
mod training;
mod visitors;
