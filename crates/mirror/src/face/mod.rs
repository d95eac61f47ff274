//! Finds faces and describes them.

pub mod align;
pub mod attributes;
pub mod detector;
pub mod landmarks;

/// Points of a face in the order of iBUG 300-W: jaw 0..17, brows 17..27, nose 27..36, eyes 36..48 (36 is the outer
/// corner of the eye on the picture's left), mouth 48..68.
pub const LANDMARKS: usize = 68;

/// Points of a face that the detector gives.
pub const KEY_POINTS: usize = 5;

/// An axis-parallel box in pixels of the picture it belongs to; (x, y) is the top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// A face that the detector found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Forehead to chin, ear to ear; pixels of the input.
    pub rect: Rect,
    /// Eye on the picture's left, eye on its right, tip of the nose, corner of the mouth on the left, on the right; pixels
    /// of the input.
    pub points: [[f32; 2]; KEY_POINTS],
    /// Probability, 0 to 1.
    pub score: f32,
}

/// The 68 points of one face, pixels of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmarks {
    /// x, y.
    pub points: [[f32; 2]; LANDMARKS],
}
