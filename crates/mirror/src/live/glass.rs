//! One reflection on the wall, over time: whom it shows, and how it comes to show somebody else.

use super::reverie::Reverie;
use super::{LEAVE_SECS, MELT_SECS};
use crate::engine::{Mirror, Seen};
use crate::features::Group;
use crate::latent::Latent;
use crate::motion::{self, Motion};
use crate::wish::Wish;
use frame::Image;
use std::collections::BTreeMap;

/// From one look at the reflection to the next, seconds.
const MEASURE_SECS: f64 = 0.2;

// Whoever has left is forgotten in all that a glass keeps before the motion would forget them by itself.
const _: () = assert!(LEAVE_SECS + MELT_SECS < motion::FORGET);

/// One reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Glass {
    viewer: Option<u64>,
    motion: Motion,
    /// Where the viewer's reflection was last: they may be hidden for a moment.
    last: Option<Latent>,
    /// The viewer's numbers, while they are held fixed.
    held: Option<Seen>,
    reverie: Reverie,
    melt: Option<Melt>,
    shown: Latent,
    survival: Option<(f64, Survival)>,
}

/// A change from one reflection to another.
#[derive(Clone, Debug, PartialEq)]
struct Melt {
    from: Latent,
    began: f64,
}

/// What the mirror's own eyes find of a viewer in their reflection.
#[derive(Clone, Debug, PartialEq)]
pub struct Survival {
    /// What they see in it.
    pub seen: Seen,
    /// Of each group how much that is, see [`crate::inverter::Inverter::kept`].
    pub kept: BTreeMap<Group, f32>,
}

/// A drawn reflection.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Whom it shows; `None` where the mirror gazes at itself.
    pub viewer: Option<u64>,
    /// How much of the change from whatever was shown before is done, 0 to 1.
    pub arrived: f32,
    /// The reflection.
    pub image: Image,
    /// How far the viewer lies from the faces that the generator knows, see
    /// [`crate::inverter::Inverter::distance_from_archive`].
    pub distance: Option<f32>,
    /// What survived, where that was asked for.
    pub survival: Option<Survival>,
}

/// How a frame is to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Direction {
    /// What reaches the inverter.
    pub wish: Wish,
    /// Whether viewers' numbers stay as they are.
    pub hold: bool,
    /// Whether to look at what survived.
    pub measure: bool,
}

impl Glass {
    /// One that dreams its own dream.
    pub fn new(latent_size: usize, seed: u64) -> Self {
        let reverie = Reverie::new(latent_size, seed);
        let shown = Latent::gaussian(latent_size, &mut nn::Rng::new(seed)).normalised();
        Self { viewer: None, motion: Motion::new(), last: None, held: None, reverie, melt: None, shown, survival: None }
    }

    /// Draws what there is at `at` seconds: the reflection of `viewer`, of whom `seen` is what the eyes saw in this frame, or the
    /// mirror's own dream.
    pub fn draw(
        &mut self,
        mirror: &Mirror,
        viewer: Option<u64>,
        seen: Option<&Seen>,
        direction: &Direction,
        at: f64,
    ) -> Shown {
        if viewer != self.viewer {
            self.melt = Some(Melt { from: self.shown.clone(), began: at });
            (self.viewer, self.motion, self.last) = (viewer, Motion::new(), None);
            (self.held, self.survival) = (None, None);
        }
        match (direction.hold, seen) {
            (true, Some(seen)) => drop(self.held.get_or_insert_with(|| seen.clone())),
            (true, None) => {}
            (false, _) => self.held = None,
        }
        let asked = self.held.as_ref().or(seen);
        if let Some(asked) = asked.filter(|_| viewer.is_some()) {
            self.last = Some(self.motion.follow(mirror.inverter(), asked, &direction.wish, at));
        }
        let distance = asked.map(|s| mirror.inverter().distance_from_archive(&s.features));
        let wanted = match (&self.last, viewer) {
            (Some(last), Some(_)) => last.clone(),
            _ => self.reverie.drift(at, !direction.wish.breathes).clone(),
        };
        let progress = self.melt.as_ref().map_or(1.0, |m| ((at - m.began) / MELT_SECS).clamp(0.0, 1.0)) as f32;
        let arrived = progress * progress * (3.0 - 2.0 * progress);
        self.melt.take_if(|_| progress >= 1.0);
        self.shown = self.melt.as_ref().map_or_else(|| wanted.clone(), |m| m.from.slerp(&wanted, arrived));
        let image = mirror.painter().paint(&self.shown);
        if viewer.is_none() && self.melt.is_none() && self.reverie.wants_to_look() {
            self.reverie.look(mirror.eyes(), mirror.inverter(), &image);
        }
        self.measure(mirror, direction.measure.then_some(()).and(seen), &image, at);
        Shown { viewer, arrived, image, distance, survival: self.survival.as_ref().map(|(_, s)| s.clone()) }
    }

    fn measure(&mut self, mirror: &Mirror, viewer: Option<&Seen>, image: &Image, at: f64) {
        let fresh = self.survival.as_ref().is_some_and(|(then, _)| at - then < MEASURE_SECS);
        let Some(viewer) = viewer.filter(|_| !fresh && self.viewer.is_some()) else { return };
        let viewer = self.held.as_ref().unwrap_or(viewer);
        let seen = mirror.eyes().look_at_dream(image).ok().flatten();
        self.survival = seen.map(|seen| {
            let kept = mirror.inverter().kept(&viewer.features, &seen.features);
            (at, Survival { seen, kept })
        });
    }
}
