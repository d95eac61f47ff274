//! What a live mirror saw and shows, as JSON for its page and for other programs.

use super::{Glance, Noticed, Seated};
use crate::engine::Mirror;
use crate::features::Group;
use crate::report::FaceReport;
use crate::wish::Wish;
use frame::Image;
use serde::Serialize;
use std::collections::BTreeMap;

/// One frame.
#[derive(Clone, Debug, Serialize)]
pub struct LiveReport {
    /// `reflecting` where somebody is reflected, else `dreaming`.
    pub state: &'static str,
    /// The faces, the surest first.
    pub faces: Vec<NamedFace>,
    /// The reflections, from left to right.
    pub glasses: Vec<GlassReport>,
    /// What becomes of a picture.
    pub sizes: Sizes,
    /// For how many seconds the first viewer's eyes have been closed.
    pub eyes_closed_secs: f64,
}

/// A face and whose it is.
#[derive(Clone, Debug, Serialize)]
pub struct NamedFace {
    /// The same number from frame to frame.
    pub id: Option<u64>,
    /// Whether it never moves: then it is not reflected.
    pub still: bool,
    /// All else.
    #[serde(flatten)]
    pub face: FaceReport,
}

/// One reflection.
#[derive(Clone, Debug, Serialize)]
pub struct GlassReport {
    /// Whom it shows; `null` where the mirror gazes at itself.
    pub viewer: Option<u64>,
    /// How much of the change from whatever was shown before is done, 0 to 1.
    pub arrived: f32,
    /// How far the viewer lies from the faces that the generator knows; 1 for a typical one of its own.
    pub distance: Option<f32>,
    /// Of each group of features, how much came back: 1 all, 0 what an average face keeps.
    pub kept: Option<BTreeMap<Group, f32>>,
    /// The age that the machine sees in the reflection, years.
    pub age: Option<f32>,
    /// The probability of "female" that it sees there.
    pub female: Option<f32>,
}

/// How many numbers each stage hands on.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sizes {
    /// Bytes of the camera's picture, three a pixel.
    pub picture_bytes: usize,
    /// Numbers of a viewer that reach the inverter.
    pub numbers: usize,
    /// Numbers that there are.
    pub of: usize,
    /// Coordinates of the latent.
    pub latent: usize,
    /// Bytes of a reflection, three a pixel.
    pub reflection_bytes: usize,
}

impl LiveReport {
    /// Of what a look came to.
    pub fn new(glance: &Glance, picture: Option<&Image>, wish: &Wish, mirror: &Mirror) -> Self {
        let reflects = glance.seats.iter().any(|s| s.viewer.is_some());
        let inverter = mirror.inverter();
        Self {
            state: if reflects { "reflecting" } else { "dreaming" },
            faces: glance.faces.iter().map(NamedFace::from).collect(),
            glasses: glance.seats.iter().map(GlassReport::from).collect(),
            sizes: Sizes {
                picture_bytes: picture.map_or(0, |p| p.data.len()),
                numbers: wish.dial.given(inverter.order()).into_iter().filter(|given| *given).count(),
                of: inverter.order().len(),
                latent: inverter.config().latent_size,
                reflection_bytes: 3 * mirror.painter().resolution().pow(2),
            },
            eyes_closed_secs: glance.eyes_closed_secs,
        }
    }
}

impl From<&Noticed> for NamedFace {
    fn from(noticed: &Noticed) -> Self {
        Self { id: noticed.id, still: noticed.still, face: FaceReport::from(&noticed.seen) }
    }
}

impl From<&Seated> for GlassReport {
    fn from(seat: &Seated) -> Self {
        let survival = seat.survival.as_ref();
        Self {
            viewer: seat.viewer,
            arrived: seat.arrived,
            distance: seat.distance,
            kept: survival.map(|s| s.kept.clone()),
            age: survival.map(|s| s.seen.attributes.age.mean),
            female: survival.map(|s| s.seen.attributes.female),
        }
    }
}
