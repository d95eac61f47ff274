//! A viewer over time: numbers that hold still while the viewer does, and a reflection that follows without a jump and breathes.
//!
//! Each feature's score goes through a one-euro filter (Casiez, Roussel and Vogel, "1 € filter" (2012)): little of it passes
//! while it hardly moves, nearly all while it moves fast. What the features leave open drifts slowly. That happens at each look
//! ([`Smoothed`]); the latent that comes out is followed along the sphere at each picture ([`Eased`]), of which there may be fewer.
//!
//! Time comes from outside, in seconds from any beginning, so that the same frames at the same times give the same pictures.

use crate::engine::Seen;
use crate::face::Rect;
use crate::features::Group;
use crate::inverter::{Asked, Dial, Inverter, Population};
use crate::latent::{Latent, onto_sphere};
use crate::wish::Wish;
use std::f32::consts::TAU;

/// Seconds after which a viewer who is not seen is forgotten.
pub const FORGET: f64 = 2.0;
/// Least overlap (intersection over union) of a face with the same face in the frame before.
const SAME_FACE: f32 = 0.2;
/// Seconds in which the latent covers two thirds of what is left of its way.
const FOLLOW: f32 = 0.05;
/// Seconds from one point of the drift to the next.
const BREATH: f64 = 5.0;
/// Angle, in quarter turns, by which the drift bends the noise.
const BREADTH: f32 = 0.12;
const SEED: u64 = 0x0062_7265_6174_6873;

/// How a feature is smoothed.
#[derive(Clone, Copy, Debug)]
struct Smoothing {
    /// Cut-off frequency at rest, Hz.
    rest: f32,
    /// By how much the cut-off rises with each score a second, Hz.
    speed: f32,
}

/// What moves with the face passes fast; what a person is does not change while they stand there.
fn smoothing(group: Group) -> Smoothing {
    match group {
        Group::Shape | Group::Pose | Group::Expression => Smoothing { rest: 1.0, speed: 1.5 },
        Group::Age | Group::Gender => Smoothing { rest: 0.15, speed: 0.0 },
        Group::Skin | Group::Hair | Group::Background => Smoothing { rest: 0.4, speed: 0.3 },
    }
}

/// The one-euro filter of one number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct OneEuro {
    value: f32,
    speed: f32,
}

/// Cut-off of the filter of the speed, Hz.
const SPEED_CUTOFF: f32 = 1.0;

/// The share of the new value that a low pass of this cut-off takes after `dt` seconds.
fn share(cutoff: f32, dt: f32) -> f32 {
    let tau = 1.0 / (TAU * cutoff);
    1.0 / (1.0 + tau / dt)
}

impl OneEuro {
    fn step(&mut self, value: f32, dt: f32, smoothing: Smoothing) -> f32 {
        let speed = (value - self.value) / dt;
        self.speed += share(SPEED_CUTOFF, dt) * (speed - self.speed);
        let cutoff = smoothing.rest + smoothing.speed * self.speed.abs();
        self.value += share(cutoff, dt) * (value - self.value);
        self.value
    }
}

/// The numbers of the viewer before the mirror, followed from frame to frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Smoothed {
    present: Option<Present>,
}

#[derive(Clone, Debug, PartialEq)]
struct Present {
    filters: Vec<OneEuro>,
    face: Rect,
    at: f64,
}

impl Present {
    fn is_fresh(&self, at: f64) -> bool {
        at - self.at <= FORGET
    }

    /// Whether a face is the same that was here shortly before.
    fn is(&self, viewer: &Seen, at: f64) -> bool {
        self.is_fresh(at) && self.face.iou(&viewer.face.rect) >= SAME_FACE
    }
}

impl Smoothed {
    /// Forgets whoever has been away for [`FORGET`] at `at` seconds.
    pub fn forget(&mut self, at: f64) {
        self.present.take_if(|p| !p.is_fresh(at));
    }

    /// The latent of the viewer's reflection at `at` seconds, under a wish. Somebody else than before (a face elsewhere, or after a
    /// while) begins anew; another wish does not. What is withheld leaves no trace; a verdict that is told changes only what the inverter
    /// makes of it, not what it leaves open: the viewer stays who they are.
    pub fn latent(&mut self, inverter: &Inverter, viewer: &Seen, wish: &Wish, at: f64) -> Latent {
        // All numbers are followed, so that those that begin to count are as smooth as the others.
        let mut scores = inverter.ask(&viewer.features, Population::Visitors, &Dial::default()).scores;
        let before = self.present.take().filter(|p| p.is(viewer, at));
        let filters = match before {
            None => scores.iter().map(|value| OneEuro { value: *value, speed: 0.0 }).collect(),
            Some(Present { mut filters, at: then, .. }) => {
                let dt = elapsed(then, at);
                for ((score, filter), number) in scores.iter_mut().zip(&mut filters).zip(inverter.order()) {
                    *score = filter.step(*score, dt, smoothing(number.group()));
                }
                filters
            }
        };
        self.present = Some(Present { filters, face: viewer.face.rect, at });
        wished(inverter, scores, wish, at)
    }
}

/// From one time to another, seconds, and never nothing.
fn elapsed(then: f64, at: f64) -> f32 {
    (at - then).max(1e-3) as f32
}

/// A latent that goes where it is wanted along the sphere, a step a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Eased {
    before: Option<(Latent, f64)>,
}

impl Eased {
    /// Goes on towards `wanted` until `at` seconds and gives back where it is then; the first time it is there at once. In
    /// [`FOLLOW`] it covers two thirds of what is left of its way, and no more at a time however late the picture is: slow pictures
    /// take even steps after a viewer who moves, instead of jumps.
    pub fn towards(&mut self, wanted: &Latent, at: f64) -> Latent {
        let latent = match self.before.take() {
            None => wanted.clone(),
            Some((latent, then)) => {
                let steps = (elapsed(then, at) / FOLLOW).min(1.0);
                latent.slerp(wanted, 1.0 - (-steps).exp())
            }
        };
        self.before = Some((latent.clone(), at));
        latent
    }
}

/// A viewer and their reflection where each frame has its picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    numbers: Smoothed,
    latent: Eased,
}

impl Motion {
    /// Of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets whoever has been away for [`FORGET`] at `at` seconds.
    pub fn forget(&mut self, at: f64) {
        self.numbers.forget(at);
    }

    /// The latent to draw at `at` seconds: that of [`Smoothed::latent`], eased. Whoever begins anew is there at once.
    pub fn follow(&mut self, inverter: &Inverter, viewer: &Seen, wish: &Wish, at: f64) -> Latent {
        if !self.numbers.present.as_ref().is_some_and(|p| p.is(viewer, at)) {
            self.latent = Eased::default();
        }
        self.latent.towards(&self.numbers.latent(inverter, viewer, wish, at), at)
    }
}

/// The latent for scores under a wish.
fn wished(inverter: &Inverter, scores: Vec<f32>, wish: &Wish, at: f64) -> Latent {
    let mut asked = Asked::new(scores, wish.dial.given(inverter.order()));
    let noise = if wish.breathes { breathing(inverter, &asked, at) } else { inverter.noise(&asked) };
    wish.tell(inverter, &mut asked);
    inverter.invert_asked(&asked, &noise)
}

/// A person's noise, bent a little towards a point that wanders.
fn breathing(inverter: &Inverter, asked: &Asked, at: f64) -> Vec<f32> {
    let mut noise = inverter.noise(asked);
    let there = Latent::wandering(noise.len(), at / BREATH, |point| SEED ^ point);
    let (sin, cos) = (BREADTH * TAU / 4.0).sin_cos();
    noise.iter_mut().zip(there.as_slice()).for_each(|(n, p)| *n = cos * *n + sin * p);
    onto_sphere(&mut noise);
    noise
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    use crate::engine::tests::somebody;
    use crate::inverter::tests::{features, inverter};

    fn distance(a: &Latent, b: &Latent) -> f32 {
        let squares: f32 = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).powi(2)).sum();
        (squares / a.len() as f32).sqrt()
    }

    /// A face whose features tremble by `noise` around those of a person.
    fn trembling(seed: u64, noise: f32, rng: &mut Rng) -> Seen {
        let mut seen = somebody(features(&mut Rng::new(seed)));
        let values = seen.features.values().map(|v| v + noise * rng.normal());
        seen.features = crate::features::FeatureVector::new(values).unwrap();
        seen
    }

    #[test]
    fn a_filter_holds_still_at_rest_and_follows_what_moves() {
        let smoothing = smoothing(Group::Pose);
        let (mut filter, mut rng) = (OneEuro::default(), Rng::new(1));
        let values: Vec<f32> = (0..300).map(|_| filter.step(0.1 * rng.normal(), 1.0 / 30.0, smoothing)).collect();
        let spread = (values[100..].iter().map(|v| v * v).sum::<f32>() / 200.0).sqrt();
        assert!(spread < 0.06, "0.1 became {spread}");
        let moved: Vec<f32> = (0..15).map(|_| filter.step(3.0, 1.0 / 30.0, smoothing)).collect();
        assert!(moved[4] > 2.0 && moved[14] > 2.9, "{moved:?}");
    }

    #[test]
    fn a_still_viewer_has_a_calm_reflection_that_breathes() {
        let (inverter, mut rng, mut motion) = (inverter(), Rng::new(5), Motion::new());
        let (mut calm, mut raw, mut travelled) = (0.0f32, 0.0f32, 0.0f32);
        let mut before: Option<(Latent, Latent)> = None;
        let mut first = None;
        for frame in 0..120 {
            let viewer = trembling(3, 0.2, &mut rng);
            let (a, b) = (
                motion.follow(&inverter, &viewer, &Wish::default(), f64::from(frame) / 30.0),
                inverter.invert(&viewer.features, &Dial::default()),
            );
            if let Some((c, d)) = &before {
                calm = calm.max(distance(&a, c));
                raw = raw.max(distance(&b, d));
            }
            travelled = travelled.max(distance(&a, first.get_or_insert(a.clone())));
            before = Some((a, b));
        }
        assert!(calm < raw / 2.0, "steps of {calm} against {raw}");
        assert!(travelled > 0.02, "it only moves by {travelled}");
    }

    #[test]
    fn the_same_frames_at_the_same_times_give_the_same_latents() {
        let inverter = inverter();
        let walk = || {
            let (mut motion, mut rng) = (Motion::new(), Rng::new(7));
            (0..5)
                .map(|i| motion.follow(&inverter, &trembling(2, 0.3, &mut rng), &Wish::default(), f64::from(i) * 0.04))
                .collect::<Vec<_>>()
        };
        assert_eq!(walk(), walk());
    }

    #[test]
    fn what_is_withheld_leaves_no_trace() {
        let (inverter, mut rng) = (inverter(), Rng::new(3));
        let nothing = Wish { dial: Dial::first(0), ..Wish::default() };
        let (one, other) = (trembling(1, 0.0, &mut rng), trembling(40, 0.0, &mut rng));
        let latent = |viewer: &Seen, wish: &Wish| Motion::new().follow(&inverter, viewer, wish, 0.5);
        assert_eq!(latent(&one, &nothing), latent(&other, &nothing));
        let told = Wish { age: Some(1e3), ..Wish::default() };
        assert_ne!(latent(&one, &told), latent(&one, &Wish::default()));
    }

    #[test]
    fn slow_pictures_take_steps_and_not_jumps() {
        let mut rng = Rng::new(11);
        let [here, there] = [0, 1].map(|_| Latent::gaussian(64, &mut rng).normalised());
        for seconds in [1.0 / 60.0, 1.0 / 30.0, 0.15, 0.4, 3.0] {
            let mut eased = Eased::default();
            assert_eq!(eased.towards(&here, 0.0), here);
            let mut left = vec![distance(&here, &there)];
            left.extend((1..30).map(|i| distance(&eased.towards(&there, f64::from(i) * seconds), &there)));
            for pair in left.windows(2).filter(|w| w[0] > 1e-3) {
                assert!(pair[1] < pair[0] && pair[1] > 0.3 * pair[0], "{seconds} s a picture: {left:?}");
            }
            assert!(left[29] < 0.01, "{seconds} s a picture: {left:?}");
        }
        // After somebody who moves evenly it moves as evenly.
        let (mut eased, mut places) = (Eased::default(), Vec::new());
        for i in 0..12 {
            places.push(eased.towards(&here.slerp(&there, i as f32 / 12.0), f64::from(i) * 0.2));
        }
        let steps: Vec<f32> = places.windows(2).map(|w| distance(&w[0], &w[1])).collect();
        assert!(steps[5..].iter().all(|s| (s / steps[10] - 1.0).abs() < 0.02), "{steps:?}");
    }

    #[test]
    fn somebody_else_begins_anew_and_whoever_leaves_is_forgotten() {
        let (inverter, mut rng) = (inverter(), Rng::new(9));
        let (one, mut other) = (trembling(1, 0.0, &mut rng), trembling(40, 0.0, &mut rng));
        other.face.rect.x += 500.0;
        let fresh = |viewer: &Seen, at| Motion::new().follow(&inverter, viewer, &Wish::default(), at);
        let mut motion = Motion::new();
        motion.follow(&inverter, &one, &Wish::default(), 0.0);
        assert_eq!(motion.follow(&inverter, &other, &Wish::default(), 0.03), fresh(&other, 0.03));
        motion.follow(&inverter, &one, &Wish::default(), 0.06);
        motion.forget(1.0);
        assert!(motion.numbers.present.is_some());
        motion.forget(2.1);
        assert!(motion.numbers.present.is_none());
        assert_eq!(motion.follow(&inverter, &one, &Wish::default(), 2.2), fresh(&one, 2.2));
    }
}
