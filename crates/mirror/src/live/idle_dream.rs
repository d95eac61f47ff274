//! What the mirror shows when nobody is there: a dream that goes on from what the mirror's own eyes find in it.
//!
//! The dream's picture goes through the eyes that analyse visitors, through the inverter and back into the generator. Alone that would come
//! to rest at a face that reflects itself; what the features leave open wanders, and carries it on.

use crate::engine::Eyes;
use crate::inverter::{FeatureSelection, Inverter, Population};
use crate::latent::Latent;
use frame::Image;
use nn::Rng;

/// From one feedback to the next, seconds.
const FEEDBACK_SECS: f64 = 0.2;
/// Seconds in which the dream covers two thirds of its way to its target.
const FOLLOW_SECS: f32 = 1.6;
/// Seconds from one point of its wandering to the next; where less motion is wanted, four times as long.
const WANDER_SECS: f64 = 7.0;
const CALM_SPEED: f64 = 0.25;
/// The share of each score that a feedback keeps: without this small errors feed on themselves until the face is torn.
const SCORE_DECAY: f32 = 0.7;
/// The share of the way to its wandering that each feedback adds: who it is changes too.
const WANDER_SHARE: f32 = 0.25;
/// Longest step of its time: while a visitor is reflected the dream rests.
const MAX_STEP_SECS: f64 = 0.1;

/// A dream and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct IdleDream {
    seed: u64,
    latent: Latent,
    target: Latent,
    /// Seconds that it has dreamt for.
    age: f64,
    /// When it was fed back last, seconds of its age.
    fed_back: f64,
    at: f64,
}

impl IdleDream {
    /// A dream in a space of `size` coordinates; each seed has its own.
    pub fn new(size: usize, seed: u64) -> Self {
        let latent = Latent::gaussian(size, &mut Rng::new(seed)).normalised();
        Self { seed, target: latent.clone(), latent, age: 0.0, fed_back: -FEEDBACK_SECS, at: f64::MIN }
    }

    /// Dreams on until `at` seconds; gives back where it is.
    pub fn drift(&mut self, at: f64, calm: bool) -> &Latent {
        let speed = if calm { CALM_SPEED } else { 1.0 };
        let dt = (at - self.at).clamp(0.0, MAX_STEP_SECS) * speed;
        self.at = at;
        self.age += dt;
        self.latent = self.latent.slerp(&self.target, 1.0 - (-dt as f32 / FOLLOW_SECS).exp());
        &self.latent
    }

    /// Whether its picture should go through the eyes again.
    pub fn wants_feedback(&self) -> bool {
        self.age - self.fed_back >= FEEDBACK_SECS
    }

    /// Sends its picture through eyes and inverter. Where the eyes find no face the dream goes where its wandering leads.
    pub fn feed_back(&mut self, eyes: &Eyes, inverter: &Inverter, picture: &Image) {
        self.fed_back = self.age;
        let wandering = self.wandering();
        self.target = match eyes.analyse_reflection(picture).ok().flatten() {
            None => wandering,
            Some(observation) => {
                let mut input =
                    inverter.input(&observation.features, Population::Samples, &FeatureSelection::default());
                input.scores.iter_mut().for_each(|s| *s *= SCORE_DECAY);
                inverter.invert_input(&input, wandering.as_slice()).slerp(&wandering, WANDER_SHARE)
            }
        };
    }

    /// Where it would go without feedback.
    fn wandering(&self) -> Latent {
        Latent::wandering(self.latent.len(), self.age / WANDER_SECS, |point| self.seed ^ ((point + 1) << 20))
    }
}
