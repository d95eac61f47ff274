//! Which few numbers of a face say most: the search of Gacav, Benligiray and Topal (2017) in [`paper`], and the mirror's own in
//! [`order`].

pub mod expressions;
pub mod nu_svc;
pub mod order;
pub mod paper;
