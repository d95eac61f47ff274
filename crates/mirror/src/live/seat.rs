//! The half of the mirror that looks: one seat before it, over time, and what its glass is to show.

use super::Direction;
use super::glass::{Shown, Wanted};
use super::reverie::Reverie;
use crate::engine::{Mirror, Seen};
use crate::features::Group;
use crate::latent::Latent;
use crate::motion::Smoothed;
use std::collections::BTreeMap;

/// From one look at the reflection to the next, seconds.
const MEASURE_SECS: f64 = 0.2;

/// One seat, taken or free.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    viewer: Option<u64>,
    numbers: Smoothed,
    /// Where the viewer's reflection was wanted last: they may be hidden for a moment.
    last: Option<Latent>,
    /// The viewer's numbers, while they are held fixed.
    held: Option<Seen>,
    reverie: Reverie,
    survival: Option<Survival>,
    /// When the picture in the glass was drawn at which the eyes looked last, seconds.
    looked: f64,
}

/// What the mirror's own eyes find of a viewer in their reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// What they see in it.
    pub seen: Seen,
    /// Of each group how much that is, see [`crate::inverter::Inverter::kept`].
    pub kept: BTreeMap<Group, f32>,
}

/// A seat and its glass, as of one look.
#[derive(Clone, Debug)]
pub struct Seated {
    /// Who sits there; `None` where the mirror gazes at itself.
    pub viewer: Option<u64>,
    /// How much of the change to their reflection is done in what hangs there, 0 to 1.
    pub arrived: f32,
    /// How far the viewer lies from the faces that the generator knows, see
    /// [`crate::inverter::Inverter::distance_from_archive`].
    pub distance: Option<f32>,
    /// What survived, where that was asked for.
    pub survival: Option<Survival>,
}

impl Seat {
    /// A free one, whose glass dreams its own dream.
    pub fn new(latent_size: usize, seed: u64) -> Self {
        let reverie = Reverie::new(latent_size, seed);
        let (numbers, looked) = (Smoothed::default(), f64::MIN);
        Self { viewer: None, numbers, last: None, held: None, reverie, survival: None, looked }
    }

    /// What the glass is to show at `at` seconds: the reflection of `viewer`, of whom `seen` is what the eyes saw in this frame, or the
    /// mirror's own dream. `hangs` is what hangs in it.
    pub(super) fn look(
        &mut self,
        mirror: &Mirror,
        viewer: Option<u64>,
        seen: Option<&Seen>,
        hangs: Option<&Shown>,
        direction: &Direction,
        at: f64,
    ) -> (Seated, Wanted) {
        if viewer != self.viewer {
            (self.viewer, self.numbers, self.last) = (viewer, Smoothed::default(), None);
            (self.held, self.survival) = (None, None);
        }
        match (direction.hold, seen) {
            (true, Some(seen)) => drop(self.held.get_or_insert_with(|| seen.clone())),
            (true, None) => {}
            (false, _) => self.held = None,
        }
        let asked = self.held.as_ref().or(seen);
        if let Some(asked) = asked.filter(|_| viewer.is_some()) {
            self.last = Some(self.numbers.latent(mirror.inverter(), asked, &direction.wish, at));
        }
        let distance = asked.map(|s| mirror.inverter().distance_from_archive(&s.features));
        let hangs = hangs.filter(|h| h.viewer == viewer);
        if let Some(hangs) = hangs {
            self.look_at_reflection(mirror, hangs, direction.measure.then_some(()).and(seen));
        }
        let latent = match (&self.last, viewer) {
            (Some(last), Some(_)) => last.clone(),
            _ => self.reverie.drift(at, !direction.wish.breathes).clone(),
        };
        let (arrived, survival) = (hangs.map_or(0.0, |h| h.arrived), self.survival.clone());
        (Seated { viewer, arrived, distance, survival }, Wanted { viewer, latent })
    }

    /// The eyes look at what hangs in the glass, once at each picture and not at all of them: for what survived of `measured`, or to dream
    /// on from it.
    fn look_at_reflection(&mut self, mirror: &Mirror, hangs: &Shown, measured: Option<&Seen>) {
        let since = hangs.at - self.looked;
        match (self.viewer, measured) {
            (None, _) if since > 0.0 && hangs.arrived >= 1.0 && self.reverie.wants_to_look() => {
                self.reverie.look(mirror.eyes(), mirror.inverter(), &hangs.image);
            }
            (Some(_), Some(viewer)) if since >= MEASURE_SECS => {
                let viewer = self.held.as_ref().unwrap_or(viewer);
                let seen = mirror.eyes().look_at_dream(&hangs.image).ok().flatten();
                self.survival = seen.map(|seen| {
                    let kept = mirror.inverter().kept(&viewer.features, &seen.features);
                    Survival { seen, kept }
                });
            }
            _ => return,
        }
        self.looked = hangs.at;
    }
}
