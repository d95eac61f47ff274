//! What anybody sees at once: whether skin comes back as light as it was, and a closed mouth closed. In the units of the features, not by how
//! unusual they are.

use super::figures::KeptShare;
use crate::evaluate::skin::BANDS;
use crate::gan::CLOSED_MOUTH;
use crate::statistics::{interval, mean};
use mirror::features::{FeatureVector, Group};
use serde::Serialize;

/// What came back of viewers.
#[derive(Debug, Serialize)]
pub struct Fidelity {
    /// Of viewers by how light their skin is in their picture; groups without anybody are left out.
    pub skin: Vec<SkinFidelity>,
    /// Share of the closed mouths that came back closed; `None` without any.
    pub closed_mouths: Option<MouthFidelity>,
    /// Share of the open mouths that came back open; `None` without any.
    pub open_mouths: Option<MouthFidelity>,
}

/// How light the skin of a group came back.
#[derive(Debug, Serialize)]
pub struct SkinFidelity {
    /// Which group.
    pub name: &'static str,
    /// How many viewers.
    pub viewers: usize,
    /// By how much it came back lighter, CIE L*, mean.
    pub lighter: KeptShare,
}

/// How many mouths came back as they were.
#[derive(Debug, Serialize)]
pub struct MouthFidelity {
    /// How many viewers.
    pub viewers: usize,
    /// Share of them.
    pub kept: KeptShare,
}

/// Of viewers and what was seen in their reflections.
pub(super) fn fidelity(pairs: &[(&FeatureVector, &FeatureVector)]) -> Fidelity {
    let (mut skin, mut darkest) = (Vec::new(), f32::NEG_INFINITY);
    for (name, end) in BANDS {
        let band = darkest..end;
        let lighter: Vec<f32> = (pairs.iter().map(|(viewer, came)| (lightness(viewer), lightness(came))))
            .filter(|(was, _)| band.contains(was))
            .map(|(was, is)| is - was)
            .collect();
        if !lighter.is_empty() {
            skin.push(SkinFidelity { name, viewers: lighter.len(), lighter: mean_of(&lighter) });
        }
        darkest = end;
    }
    let mouths = |closed: bool| {
        let of_kind = pairs.iter().filter(|(viewer, _)| is_closed(viewer) == closed);
        let same: Vec<f32> = of_kind.map(|(_, came)| f32::from(u8::from(is_closed(came) == closed))).collect();
        (!same.is_empty()).then(|| MouthFidelity { viewers: same.len(), kept: mean_of(&same) })
    };
    Fidelity { skin, closed_mouths: mouths(true), open_mouths: mouths(false) }
}

fn mean_of(values: &[f32]) -> KeptShare {
    KeptShare { value: mean(values), interval: interval(values, mean) }
}

fn lightness(features: &FeatureVector) -> f32 {
    features.group(Group::Skin)[0]
}

fn is_closed(features: &FeatureVector) -> bool {
    features.group(Group::Expression)[0] < CLOSED_MOUTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::features::FEATURES;

    fn face(lightness: f32, mouth_open: f32) -> FeatureVector {
        let mut values = [0.0; FEATURES];
        values[Group::Skin.range().start] = lightness;
        values[Group::Expression.range().start] = mouth_open;
        FeatureVector::new(values).unwrap()
    }

    #[test]
    fn who_comes_back_lighter_or_with_another_mouth_is_counted() {
        let viewers = [face(30.0, 0.02), face(40.0, 0.01), face(50.0, 0.3), face(80.0, 0.0)];
        let came = [face(42.0, 0.03), face(44.0, 0.2), face(50.0, 0.25), face(70.0, 0.05)];
        let found = fidelity(&viewers.iter().zip(&came).collect::<Vec<_>>());
        let skin: Vec<_> = found.skin.iter().map(|s| (s.name, s.viewers, s.lighter.value)).collect();
        assert_eq!(skin, [("dark", 2, 8.0), ("middle", 1, 0.0), ("light", 1, -10.0)]);
        let (closed, open) = (found.closed_mouths.unwrap(), found.open_mouths.unwrap());
        assert_eq!((closed.viewers, open.viewers, open.kept.value), (3, 1, 1.0));
        assert!((closed.kept.value - 2.0 / 3.0).abs() < 1e-6);
        assert!(fidelity(&[]).skin.is_empty() && fidelity(&[]).closed_mouths.is_none());
    }
}
