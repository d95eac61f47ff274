//! One file a command.

pub mod adopt;
pub mod analyse;
pub mod audit;
pub mod bench;
pub mod doctor;
pub mod dream;
pub mod evaluate;
pub mod export;
pub mod feedback;
pub mod import;
pub mod label;
pub mod mirror;
pub mod osc;
pub mod pack;
pub mod portraits;
pub mod reflect;
pub mod select;
pub mod site;
pub mod train;
