//! A viewer over time: features that hold still while the viewer does, and a reflection that follows without a jump.
//!
//! Each feature's score goes through a one-euro filter (Casiez, Roussel and Vogel, "1 € filter", CHI 2012): it passes little while the
//! score hardly moves and nearly all while it moves fast. What the features leave open drifts slowly. Filters and drift advance once a frame
//! ([`FeatureSmoother`]). The latent that comes out is followed along the sphere once a picture ([`LatentFollower`]); there may be fewer
//! pictures than frames.
//!
//! Time comes from outside, in seconds from any beginning, so that the same frames at the same times give the same pictures.

use crate::engine::Observation;
use crate::face::Rect;
use crate::features::Group;
use crate::inverter::{FeatureSelection, Inverter, InverterControls, InverterInput, Population};
use crate::latent::{Latent, onto_sphere};
use std::f32::consts::TAU;

/// Seconds after which a viewer who is not seen is forgotten.
pub const FORGET_SECS: f64 = 2.0;
/// Least overlap (intersection over union) of a face with the same face in the frame before.
const SAME_FACE_IOU: f32 = 0.2;
/// Seconds in which the latent covers two thirds of what is left of its way.
const FOLLOW_SECS: f32 = 0.05;
/// Seconds from one point of the drift to the next.
const DRIFT_SECS: f64 = 5.0;
/// Angle, in quarter turns, by which the drift bends the noise.
const DRIFT_ANGLE: f32 = 0.12;
const DRIFT_SEED: u64 = 0x0062_7265_6174_6873;

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
        Group::Age | Group::Gender | Group::Likeness => Smoothing { rest: 0.15, speed: 0.0 },
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

/// Smooths the features of one viewer over time and turns them into latents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureSmoother {
    present: Option<Present>,
}

/// A question to the inverter and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Inversion {
    /// The scores that the inverter was given.
    pub input: InverterInput,
    /// The latent that it found.
    pub latent: Latent,
}

#[derive(Clone, Debug, PartialEq)]
struct Present {
    filters: Vec<OneEuro>,
    face: Rect,
    at: f64,
}

impl Present {
    fn is_fresh(&self, at: f64) -> bool {
        at - self.at <= FORGET_SECS
    }

    /// Whether a face is the same that was here shortly before.
    fn is(&self, viewer: &Observation, at: f64) -> bool {
        self.is_fresh(at) && self.face.iou(&viewer.face.rect) >= SAME_FACE_IOU
    }
}

impl FeatureSmoother {
    /// The latent of the viewer's reflection at `at` seconds, and what the inverter was given for it. Somebody else than before (a face
    /// elsewhere, or after [`FORGET_SECS`]) begins anew; other controls do not. Features that may not be used leave no trace. An override
    /// changes only what the inverter makes of its own number, not the noise that fills what the features leave open: the viewer stays who
    /// they are.
    pub fn invert(
        &mut self,
        inverter: &Inverter,
        viewer: &Observation,
        controls: &InverterControls,
        at: f64,
    ) -> Inversion {
        // All features are smoothed, so that those that begin to count are as smooth as the others.
        let mut scores = inverter.input(&viewer.features, Population::Visitors, &FeatureSelection::default()).scores;
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

        invert(inverter, scores, controls, at)
    }

    /// The viewer's own scores as they are smoothed, all of the inverter's order, without overrides; none before the first frame.
    pub fn scores(&self) -> impl Iterator<Item = f32> + '_ {
        self.present.iter().flat_map(|present| present.filters.iter().map(|filter| filter.value))
    }
}

/// From one time to another, seconds, and never nothing.
fn elapsed(then: f64, at: f64) -> f32 {
    (at - then).max(1e-3) as f32
}

/// Follows a target along the sphere of latents, a step a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatentFollower {
    before: Option<(Latent, f64)>,
}

impl LatentFollower {
    /// The latent at `at` seconds, on its way to `target`; the first time it is there at once. In [`FOLLOW_SECS`] it covers two thirds of
    /// what is left of its way, and no more at a time however late the picture is: slow pictures take even steps after a viewer who
    /// moves, instead of jumps.
    pub fn step(&mut self, target: &Latent, at: f64) -> Latent {
        let latent = match self.before.take() {
            None => target.clone(),
            Some((latent, then)) => {
                let steps = (elapsed(then, at) / FOLLOW_SECS).min(1.0);
                latent.slerp(target, 1.0 - (-steps).exp())
            }
        };
        self.before = Some((latent.clone(), at));
        latent
    }
}

/// The latent for scores under the controls.
fn invert(inverter: &Inverter, scores: Vec<f32>, controls: &InverterControls, at: f64) -> Inversion {
    let mut input = InverterInput::new(scores, controls.selection.mask(inverter.order()));
    let noise = if controls.drift { drifting_noise(inverter, &input, at) } else { inverter.noise(&input) };
    controls.apply_overrides(inverter, &mut input);
    let latent = inverter.invert_input(&input, &noise);
    Inversion { input, latent }
}

/// A person's noise, bent a little towards a point that wanders.
fn drifting_noise(inverter: &Inverter, input: &InverterInput, at: f64) -> Vec<f32> {
    let mut noise = inverter.noise(input);
    let there = Latent::wandering(noise.len(), at / DRIFT_SECS, |point| DRIFT_SEED ^ point);
    let (sin, cos) = (DRIFT_ANGLE * TAU / 4.0).sin_cos();
    noise.iter_mut().zip(there.as_slice()).for_each(|(n, p)| *n = cos * *n + sin * p);
    onto_sphere(&mut noise);
    noise
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    use crate::engine::tests::somebody;
    use crate::inverter::Verdict;
    use crate::inverter::tests::{features, inverter};

    /// A viewer and their reflection where each frame has its picture. Whoever begins anew is there at once.
    #[derive(Default)]
    struct Motion {
        features: FeatureSmoother,
        latent: LatentFollower,
    }

    impl Motion {
        fn new() -> Self {
            Self::default()
        }

        fn follow(
            &mut self,
            inverter: &Inverter,
            viewer: &Observation,
            controls: &InverterControls,
            at: f64,
        ) -> Latent {
            if !self.features.present.as_ref().is_some_and(|p| p.is(viewer, at)) {
                self.latent = LatentFollower::default();
            }
            self.latent.step(&self.features.invert(inverter, viewer, controls, at).latent, at)
        }
    }

    fn distance(a: &Latent, b: &Latent) -> f32 {
        let squares: f32 = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).powi(2)).sum();
        (squares / a.len() as f32).sqrt()
    }

    /// A face whose features tremble by `noise` around those of a person.
    fn trembling(seed: u64, noise: f32, rng: &mut Rng) -> Observation {
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
                motion.follow(&inverter, &viewer, &InverterControls::default(), f64::from(frame) / 30.0),
                inverter.invert(&viewer.features, &FeatureSelection::default()),
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
                .map(|i| {
                    motion.follow(
                        &inverter,
                        &trembling(2, 0.3, &mut rng),
                        &InverterControls::default(),
                        f64::from(i) * 0.04,
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(walk(), walk());
    }

    #[test]
    fn features_that_may_not_be_used_leave_no_trace() {
        let (inverter, mut rng) = (inverter(), Rng::new(3));
        let nothing = InverterControls { selection: FeatureSelection::first(0), ..InverterControls::default() };
        let (one, other) = (trembling(1, 0.0, &mut rng), trembling(40, 0.0, &mut rng));
        let latent =
            |viewer: &Observation, controls: &InverterControls| Motion::new().follow(&inverter, viewer, controls, 0.5);
        assert_eq!(latent(&one, &nothing), latent(&other, &nothing));
        let replaced = InverterControls { overrides: [(Verdict::Age, 1e3)].into(), ..InverterControls::default() };
        assert_ne!(latent(&one, &replaced), latent(&one, &InverterControls::default()));
    }

    #[test]
    fn slow_pictures_take_steps_and_not_jumps() {
        let mut rng = Rng::new(11);
        let [here, there] = [0, 1].map(|_| Latent::gaussian(64, &mut rng).normalised());
        for seconds in [1.0 / 60.0, 1.0 / 30.0, 0.15, 0.4, 3.0] {
            let mut eased = LatentFollower::default();
            assert_eq!(eased.step(&here, 0.0), here);
            let mut left = vec![distance(&here, &there)];
            left.extend((1..30).map(|i| distance(&eased.step(&there, f64::from(i) * seconds), &there)));
            for pair in left.windows(2).filter(|w| w[0] > 1e-3) {
                assert!(pair[1] < pair[0] && pair[1] > 0.3 * pair[0], "{seconds} s a picture: {left:?}");
            }
            assert!(left[29] < 0.01, "{seconds} s a picture: {left:?}");
        }
        // After somebody who moves evenly it moves as evenly.
        let (mut eased, mut places) = (LatentFollower::default(), Vec::new());
        for i in 0..12 {
            places.push(eased.step(&here.slerp(&there, i as f32 / 12.0), f64::from(i) * 0.2));
        }
        let steps: Vec<f32> = places.windows(2).map(|w| distance(&w[0], &w[1])).collect();
        assert!(steps[5..].iter().all(|s| (s / steps[10] - 1.0).abs() < 0.02), "{steps:?}");
    }

    #[test]
    fn somebody_else_begins_anew_and_whoever_leaves_is_forgotten() {
        let (inverter, mut rng) = (inverter(), Rng::new(9));
        let (one, mut other) = (trembling(1, 0.0, &mut rng), trembling(40, 0.0, &mut rng));
        other.face.rect.x += 500.0;
        let fresh =
            |viewer: &Observation, at| Motion::new().follow(&inverter, viewer, &InverterControls::default(), at);
        let mut motion = Motion::new();
        motion.follow(&inverter, &one, &InverterControls::default(), 0.0);
        assert_eq!(motion.follow(&inverter, &other, &InverterControls::default(), 0.03), fresh(&other, 0.03));
        motion.follow(&inverter, &one, &InverterControls::default(), 0.06);
        assert_eq!(motion.follow(&inverter, &one, &InverterControls::default(), 2.2), fresh(&one, 2.2));
    }
}
