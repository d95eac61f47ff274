//! What the machine takes a viewer for, smoothed over time.

use super::protocol::Judgement;
use crate::face::attributes::{Age, GenderLabel, Judged};
use crate::report::{AgeReport, GenderReport};
use nn::loss::{logit, sigmoid};

/// Seconds in which the judgement covers two thirds of its way to what is observed.
const SMOOTH_SECS: f64 = 1.5;
/// Seconds for which another label must be right before it replaces the one that is told.
const LABEL_SECS: f64 = 1.0;
/// The largest log-odds of a gender that are believed, 99.3 %: one frame that is surer does not outweigh many.
const MOST_LOG_ODDS: f32 = 5.0;

/// Smooths the age and the gender of one viewer, as far as they are measured: an exponential average over time, and a label that does not
/// flicker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JudgementSmoother {
    age: Option<Age>,
    gender: Option<Gender>,
    /// When it was last observed, seconds.
    at: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Gender {
    /// Of "female".
    log_odds: f32,
    label: GenderLabel,
    /// Another label that the average would have, and since when.
    other: Option<(GenderLabel, f64)>,
}

impl JudgementSmoother {
    /// Takes in what the eyes found at `at` seconds. The first time it is believed as it is.
    pub fn observe(&mut self, seen: &Judged, at: f64) {
        let share = -((self.at - at).min(0.0) / SMOOTH_SECS).exp_m1() as f32;
        self.at = at;
        match (&mut self.age, seen.age) {
            (Some(age), Some(seen)) => {
                approach(&mut age.mean, seen.mean, share);
                approach(&mut age.low, seen.low, share);
                approach(&mut age.high, seen.high, share);
            }
            (age, seen) => *age = seen,
        }
        let log_odds = seen.female.map(|female| logit(female).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS));
        match (&mut self.gender, log_odds) {
            (Some(gender), Some(log_odds)) => {
                approach(&mut gender.log_odds, log_odds, share);
                gender.relabel(at);
            }
            (gender, log_odds) => {
                let label = |log_odds| GenderLabel::of(sigmoid(log_odds));
                *gender = log_odds.map(|log_odds| Gender { log_odds, label: label(log_odds), other: None });
            }
        }
    }

    /// Lets time pass up to `at` seconds in which nothing was observed that counts: the judgement stays as it is.
    pub fn pause(&mut self, at: f64) {
        self.at = at;
        if let Some(gender) = &mut self.gender {
            gender.other = None;
        }
    }

    /// The judgement; `None` before the first observation, or where nothing is judged.
    pub fn judgement(&self) -> Option<Judgement> {
        let gender = self.gender.as_ref().map(|gender| {
            let female = sigmoid(gender.log_odds);
            GenderReport { label: gender.label, female, male: 1.0 - female }
        });
        Judgement::of(self.age.map(AgeReport::from), gender)
    }
}

/// Goes a share of the way.
fn approach(from: &mut f32, to: f32, share: f32) {
    *from += share * (to - *from);
}

impl Gender {
    /// Changes the label once another has been right for long enough without a break.
    fn relabel(&mut self, at: f64) {
        let label = GenderLabel::of(sigmoid(self.log_odds));
        if label == self.label {
            self.other = None;
            return;
        }
        let since = self.other.filter(|(other, _)| *other == label).map_or(at, |(_, since)| since);
        if at - since < LABEL_SECS {
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

    fn seen(mean: f32, female: f32) -> Judged {
        Judged { age: Some(Age { mean, low: mean - 8.0, high: mean + 12.0 }), female: Some(female) }
    }

    #[derive(Clone, Copy, Debug)]
    struct Both {
        age: AgeReport,
        gender: GenderReport,
    }

    fn both(smoother: &JudgementSmoother) -> Both {
        let Judgement { age, gender } = smoother.judgement().expect("somebody was observed");
        Both { age: age.expect("it is measured"), gender: gender.expect("it is measured") }
    }

    /// The judgement after each of some frames.
    fn watch(smoother: &mut JudgementSmoother, from: f64, frames: &[Judged]) -> Vec<Both> {
        let at = |i: usize| from + i as f64 * FRAME;
        let judge = |(i, seen): (usize, &Judged)| {
            smoother.observe(seen, at(i));
            both(smoother)
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
            both(&smoother)
        };
        let (slow, fast) = (after(2), after(60));
        assert!((slow.age.mean - fast.age.mean).abs() < 1e-3, "{slow:?} and {fast:?}");
        assert!((slow.gender.female - fast.gender.female).abs() < 1e-4, "{slow:?} and {fast:?}");
    }

    #[test]
    fn single_frames_that_differ_do_not_make_it_flicker() {
        let (mut smoother, mut rng) = (JudgementSmoother::default(), Rng::new(4));
        // Somebody between two labels, whose single frames have all three.
        let frames: Vec<Judged> =
            (0..600).map(|_| seen(45.0 + 6.0 * rng.normal(), sigmoid(logit(0.75) + 2.0 * rng.normal()))).collect();
        let judged = watch(&mut smoother, 0.0, &frames);
        let changes = |labels: Vec<GenderLabel>| labels.windows(2).filter(|w| w[0] != w[1]).count();
        let raw = changes(frames.iter().map(|seen| GenderLabel::of(seen.female.expect("it is measured"))).collect());
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
