//! What the mirror does when nobody is there: it looks at its own dream, and dreams on from what it saw.
//!
//! The dream goes through the eyes that look at visitors and through the inverter, back into the generator. Alone that would come
//! to rest at a face that reflects itself; what the features leave open wanders, and carries it on.

use crate::engine::Eyes;
use crate::inverter::{Dial, Inverter, Population};
use crate::latent::Latent;
use frame::Image;
use nn::Rng;

/// From one look to the next, seconds.
const LOOK_SECS: f64 = 0.2;
/// Seconds in which the dream covers two thirds of its way to what it saw in itself.
const FOLLOW_SECS: f32 = 1.6;
/// Seconds from one point of its wandering to the next; where less motion is wished for, four times as long.
const WANDER_SECS: f64 = 7.0;
const CALM: f64 = 0.25;
/// What is left at each look of how unusual it finds itself: without this small errors feed on themselves until the face is torn.
const FADING: f32 = 0.7;
/// The share of the way to its wandering that each look adds: who it is changes too.
const ASTRAY: f32 = 0.25;
/// Longest step of its time: while a visitor is reflected the dream rests.
const MAX_STEP_SECS: f64 = 0.1;

/// A dream and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reverie {
    seed: u64,
    latent: Latent,
    target: Latent,
    /// Seconds that it has dreamt for.
    age: f64,
    looked: f64,
    at: f64,
}

impl Reverie {
    /// A dream in a space of `size` coordinates; each seed has its own.
    pub fn new(size: usize, seed: u64) -> Self {
        let latent = Latent::gaussian(size, &mut Rng::new(seed)).normalised();
        Self { seed, target: latent.clone(), latent, age: 0.0, looked: -LOOK_SECS, at: f64::MIN }
    }

    /// Dreams on until `at` seconds; gives back where it is.
    pub fn drift(&mut self, at: f64, calm: bool) -> &Latent {
        let speed = if calm { CALM } else { 1.0 };
        let dt = (at - self.at).clamp(0.0, MAX_STEP_SECS) * speed;
        self.at = at;
        self.age += dt;
        self.latent = self.latent.slerp(&self.target, 1.0 - (-dt as f32 / FOLLOW_SECS).exp());
        &self.latent
    }

    /// Whether it is time to look at itself again.
    pub fn wants_to_look(&self) -> bool {
        self.age - self.looked >= LOOK_SECS
    }

    /// Looks at the picture of itself. Where the eyes find no face the dream goes where its wandering leads.
    pub fn look(&mut self, eyes: &Eyes, inverter: &Inverter, picture: &Image) {
        self.looked = self.age;
        let wandering = self.wandering();
        self.target = match eyes.look_at_dream(picture).ok().flatten() {
            None => wandering,
            Some(seen) => {
                let mut asked = inverter.ask(&seen.features, Population::Samples, &Dial::default());
                asked.scores.iter_mut().for_each(|s| *s *= FADING);
                inverter.invert_asked(&asked, wandering.as_slice()).slerp(&wandering, ASTRAY)
            }
        };
    }

    /// Where it would go if it did not look.
    fn wandering(&self) -> Latent {
        Latent::wandering(self.latent.len(), self.age / WANDER_SECS, |point| self.seed ^ ((point + 1) << 20))
    }
}
