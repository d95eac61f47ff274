//! How a live mirror is set up.

use crate::face::track::KEEP_SECS;
use crate::features::Measures;
use crate::motion;

/// Seconds after which a viewer who is not seen has left.
pub const LEAVE_SECS: f64 = KEEP_SECS;
/// Seconds in which a reflection becomes another.
pub const TRANSITION_SECS: f64 = 0.8;
/// Seconds that a face must be there before it is reflected: what the detector sees for a frame or two is no face.
pub const ARRIVE_SECS: f64 = 0.1;

// A viewer who has left is forgotten in all that is kept of them before the smoothing would forget them by itself.
const _: () = assert!(LEAVE_SECS + TRANSITION_SECS < motion::FORGET_SECS);

/// How a live mirror is set up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveSettings {
    /// How many viewers are reflected, side by side.
    pub views: usize,
    /// Whether faces that never move are let go. They must stay where pictures stand in for people.
    pub release_still: bool,
    /// Seconds that a face must be there before it is reflected.
    pub arrive_secs: f64,
    /// Seconds in which a reflection becomes another.
    pub transition_secs: f64,
    /// Seconds for which a viewer is reflected at most; then they are left to go.
    pub visit_secs: Option<f64>,
    /// Whether pictures stay with the accelerator that drew them until somebody looks at their pixels. For whoever shows them from there.
    pub pictures_stay: bool,
    /// What is told of the viewers. What is measured of them at all is said where the mirror is made.
    pub measures: Measures,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            views: 1,
            release_still: true,
            arrive_secs: ARRIVE_SECS,
            transition_secs: TRANSITION_SECS,
            visit_secs: None,
            pictures_stay: false,
            measures: Measures::default(),
        }
    }
}

impl LiveSettings {
    /// For films: whoever is there is reflected from the first frame on.
    pub fn film() -> Self {
        Self { release_still: false, arrive_secs: 0.0, transition_secs: 0.0, ..Self::default() }
    }
}
