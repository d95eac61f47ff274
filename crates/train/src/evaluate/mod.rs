//! The figures that we report, each with its confidence interval.

pub mod attributes;
pub mod detector;
pub mod gan;
pub mod interval;
pub mod inverter;
pub mod landmarks;
pub mod motion;
pub mod skin;
