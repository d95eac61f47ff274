//! What the machine takes a viewer for, smoothed over time.

use super::protocol::Judgement;
use crate::face::attributes::{Age, Attributes, GenderLabel};
use crate::report::GenderReport;
use nn::loss::{logit, sigmoid};

/// Seconds in which the judgement covers two thirds of its way to what is observed.
const SMOOTH_SECS: f64 = 1.5;
/// Seconds for which another label must be right before it replaces the one that is told.
const LABEL_SECS: f64 = 1.0;
/// The largest log-odds of a gender that are believed, 99.3 %: one frame that is surer does not outweigh many.
const MOST_LOG_ODDS: f32 = 5.0;

/// Smooths the age and the gender of one viewer: an exponential average over time, and a label that does not flicker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JudgementSmoother {
    present: Option<Present>,
}

#[derive(Clone, Debug, PartialEq)]
struct Present {
    age: Age,
    /// Of "female".
    log_odds: f32,
    label: GenderLabel,
    /// Another label that the average would have, and since when.
    other: Option<(GenderLabel, f64)>,
    at: f64,
}

impl JudgementSmoother {
    /// Takes in what the eyes found at `at` seconds. The first time it is believed as it is.
    pub fn observe(&mut self, seen: &Attributes, at: f64) {
        let log_odds = logit(seen.female).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS);
        match &mut self.present {
            Some(present) => present.approach(seen.age, log_odds, at),
            None => {
                let label = GenderLabel::of(sigmoid(log_odds));
                self.present = Some(Present { age: seen.age, log_odds, label, other: None, at });
            }
        }
    }

    /// Lets time pass up to `at` seconds in which nothing was observed that counts: the judgement stays as it is.
    pub fn pause(&mut self, at: f64) {
        if let Some(present) = &mut self.present {
            (present.at, present.other) = (at, None);
        }
    }

    /// The judgement; `None` before the first observation.
    pub fn judgement(&self) -> Option<Judgement> {
        self.present.as_ref().map(|present| {
            let female = sigmoid(present.log_odds);
            let gender = GenderReport { label: present.label, female, male: 1.0 - female };
            Judgement { age: present.age.into(), gender }
        })
    }
}

impl Present {
    fn approach(&mut self, age: Age, log_odds: f32, at: f64) {
        let share = -((self.at - at).min(0.0) / SMOOTH_SECS).exp_m1() as f32;
        let step = |from: &mut f32, to: f32| *from += share * (to - *from);
        step(&mut self.age.mean, age.mean);
        step(&mut self.age.low, age.low);
        step(&mut self.age.high, age.high);
        step(&mut self.log_odds, log_odds);
        self.at = at;
        self.relabel();
    }

    /// Changes the label once another has been right for long enough without a break.
    fn relabel(&mut self) {
        let label = GenderLabel::of(sigmoid(self.log_odds));
        if label == self.label {
            self.other = None;
            return;
        }
        let since = self.other.filter(|(other, _)| *other == label).map_or(self.at, |(_, since)| since);
        if self.at - since < LABEL_SECS {
            self.other = Some((label, since));
        } else {
            (self.label, self.other) = (label, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    const FRAME: f64 = 1.0 / 15.0;

    fn seen(mean: f32, female: f32) -> Attributes {
        Attributes { age: Age { mean, low: mean - 8.0, high: mean + 12.0 }, female }
    }

    /// The judgement after each of some frames.
    fn watch(smoother: &mut JudgementSmoother, from: f64, frames: &[Attributes]) -> Vec<Judgement> {
        let at = |i: usize| from + i as f64 * FRAME;
        let judge = |(i, seen): (usize, &Attributes)| {
            smoother.observe(seen, at(i));
            smoother.judgement().expect("somebody was observed")
        };
        frames.iter().enumerate().map(judge).collect()
    }

    #[test]
    fn the_first_observation_is_believed_as_it_is() {
        let mut smoother = JudgementSmoother::default();
        assert_eq!(smoother.judgement(), None);
        let first = watch(&mut smoother, 7.0, &[seen(40.0, 0.9)])[0];
        assert_eq!((first.age.mean, first.age.low, first.age.high), (40.0, 32.0, 52.0));
        assert!((first.gender.female - 0.9).abs() < 1e-5 && (first.gender.male - 0.1).abs() < 1e-5);
        assert_eq!(first.gender.label, GenderLabel::Female);
    }

    #[test]
    fn the_judgement_of_a_steady_viewer_converges() {
        let mut smoother = JudgementSmoother::default();
        watch(&mut smoother, 0.0, &[seen(60.0, 0.05)]);
        let frames = vec![seen(40.0, 0.9); 150];
        let judged = watch(&mut smoother, FRAME, &frames);
        assert!(judged.windows(2).all(|w| w[1].age.mean <= w[0].age.mean));
        // After the time constant a third of the way is left.
        let left = (judged[21].age.mean - 40.0) / 20.0;
        assert!((left - (-1.0f32).exp()).abs() < 0.02, "{left}");
        let last = judged[149];
        assert!((last.age.mean - 40.0).abs() < 0.1 && (last.age.low - 32.0).abs() < 0.1, "{last:?}");
        assert!((last.age.high - 52.0).abs() < 0.1 && (last.gender.female - 0.9).abs() < 0.01, "{last:?}");
        assert_eq!(last.gender.label, GenderLabel::Female);
    }

    #[test]
    fn seconds_count_and_not_frames() {
        let after = |frames: usize| {
            let mut smoother = JudgementSmoother::default();
            smoother.observe(&seen(20.0, 0.5), 0.0);
            (1..=frames).for_each(|i| smoother.observe(&seen(50.0, 0.9), i as f64 / frames as f64));
            smoother.judgement().expect("somebody was observed")
        };
        let (slow, fast) = (after(2), after(60));
        assert!((slow.age.mean - fast.age.mean).abs() < 1e-3, "{slow:?} and {fast:?}");
        assert!((slow.gender.female - fast.gender.female).abs() < 1e-4, "{slow:?} and {fast:?}");
    }

    #[test]
    fn single_frames_that_differ_do_not_make_it_flicker() {
        let (mut smoother, mut rng) = (JudgementSmoother::default(), Rng::new(4));
        // Somebody between two labels, whose single frames have all three.
        let frames: Vec<Attributes> =
            (0..600).map(|_| seen(45.0 + 6.0 * rng.normal(), sigmoid(logit(0.75) + 2.0 * rng.normal()))).collect();
        let judged = watch(&mut smoother, 0.0, &frames);
        let changes = |labels: Vec<GenderLabel>| labels.windows(2).filter(|w| w[0] != w[1]).count();
        let raw = changes(frames.iter().map(Attributes::gender).collect());
        let told = changes(judged.iter().map(|j| j.gender.label).collect());
        assert!(raw > 200 && told < 12, "{raw} changes became {told}");
        let steps = judged[30..].windows(2).map(|w| (w[1].age.mean - w[0].age.mean).abs());
        let largest = steps.fold(0.0, f32::max);
        assert!(largest < 1.0, "{largest} years from one frame to the next");

        // One frame that is sure of the opposite changes nothing of a label.
        let mut smoother = JudgementSmoother::default();
        watch(&mut smoother, 0.0, &vec![seen(40.0, 0.95); 30]);
        let odd = watch(&mut smoother, 30.0 * FRAME, &[seen(40.0, 0.0), seen(40.0, 0.95)]);
        assert!(odd.iter().all(|j| j.gender.label == GenderLabel::Female && j.gender.female > 0.9), "{odd:?}");
    }

    #[test]
    fn another_label_is_told_only_once_it_has_been_right_for_a_second() {
        let mut smoother = JudgementSmoother::default();
        watch(&mut smoother, 0.0, &vec![seen(40.0, 0.8); 15]);
        let judged = watch(&mut smoother, 1.0, &vec![seen(40.0, 0.5); 60]);
        let right = judged.iter().position(|j| j.gender.female < 0.75).expect("it becomes unsure");
        let told = judged.iter().position(|j| j.gender.label == GenderLabel::Unsure).expect("it is told");
        let secs = (told - right) as f64 * FRAME;
        assert!((LABEL_SECS - 1e-6..LABEL_SECS + 2.0 * FRAME).contains(&secs), "told after {secs} s");
        assert!(judged[told..].iter().all(|j| j.gender.label == GenderLabel::Unsure));
    }

    #[test]
    fn a_pause_changes_nothing_however_long() {
        let mut smoother = JudgementSmoother::default();
        watch(&mut smoother, 0.0, &vec![seen(40.0, 0.9); 15]);
        let before = smoother.judgement();
        (15..900).for_each(|i| smoother.pause(f64::from(i) * FRAME));
        assert_eq!(smoother.judgement(), before);
        let next = watch(&mut smoother, 60.0, &[seen(80.0, 0.02)])[0];
        assert!(next.age.mean < 43.0 && next.gender.label == GenderLabel::Female, "{next:?}");
    }
}
