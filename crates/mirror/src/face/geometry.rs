//! Boxes, points and faces in the pixels of a picture.

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

impl Rect {
    /// Area that two boxes share.
    pub fn intersection(&self, other: &Self) -> f32 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        shared / (self.w * self.h + other.w * other.h - shared).max(1e-9)
    }
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

impl Landmarks {
    /// A frontal, neutral face drawn by rule: origin between the eyes, unit the inter-ocular distance, y down.
    pub fn schematic() -> Self {
        let mut points = [[0.0; 2]; LANDMARKS];
        // Jaw.
        for (i, p) in points.iter_mut().enumerate().take(17) {
            let turn = std::f32::consts::PI * (1.0 - i as f32 / 16.0);
            *p = [1.1 * turn.cos(), -0.18 + 2.0 * turn.sin()];
        }

        // Brows.
        for (i, p) in points[17..27].iter_mut().enumerate() {
            *p = [-0.95 + 0.21 * i as f32, -0.3];
        }

        // Nose: its ridge, then its wings.
        for (i, p) in points[27..31].iter_mut().enumerate() {
            *p = [0.0, -0.05 + 0.195 * i as f32];
        }
        for (i, p) in points[31..36].iter_mut().enumerate() {
            *p = [-0.22 + 0.11 * i as f32, 0.65 + 0.04 * (2.0 - (i as f32 - 2.0).abs())];
        }

        // Eyes.
        for (eye, centre) in [(36, -0.5), (42, 0.5)] {
            for (i, p) in points[eye..eye + 6].iter_mut().enumerate() {
                let turn = std::f32::consts::PI * (1.0 + i as f32 / 3.0);
                *p = [centre + 0.21 * turn.cos(), 0.08 * turn.sin()];
            }
        }

        // Mouth: the outer contour, then the inner one.
        for (i, p) in points[48..60].iter_mut().enumerate() {
            let turn = std::f32::consts::PI * (1.0 + i as f32 / 6.0);
            *p = [0.47 * turn.cos(), 1.07 + 0.15 * turn.sin()];
        }
        for (i, p) in points[60..68].iter_mut().enumerate() {
            let turn = std::f32::consts::PI * (1.0 + i as f32 / 4.0);
            *p = [0.4 * turn.cos(), 1.07 + 0.05 * turn.sin()];
        }
        Self { points }
    }
}
