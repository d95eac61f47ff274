//! Training of the nets that look at faces: detector, landmarks, age and gender, likeness; and how their training pictures are made.

pub mod attributes;
pub mod augment;
pub mod deform;
pub mod detector;
pub mod jaw;
pub mod landmarks;
pub mod likeness;
pub mod scenes;
pub mod turn;
