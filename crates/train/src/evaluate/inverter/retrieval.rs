//! Whether a reflection is that of its viewer rather than of somebody else: whose reflection lies nearest to a viewer, judged by what the inverter was
//! not told. Landmarks that are not told lie between others that are, so this asks for little: it finds a mirror that shows somebody else, not one
//! that flatters.

use super::figures::KeptShare;
use crate::statistics::{interval, mean};
use mirror::features::FEATURES;
use mirror::features::greedy::Number;
use serde::Serialize;

/// How near own reflections lie, among those of all viewers.
#[derive(Debug, Serialize)]
pub struct Retrieval {
    /// By how many features.
    pub features: usize,
    /// Share of the viewers whose own reflection is in the nearest fifth of all reflections; one in five by chance.
    pub nearest_fifth: KeptShare,
    /// Share of all reflections that are nearer than the own one, mean; a half by chance.
    pub nearer: f32,
}

/// The features that no given number of the order tells anything of.
pub fn not_given(order: &[Number], given: &[bool]) -> Vec<usize> {
    let mut is_told = [false; FEATURES];
    for (number, _) in order.iter().zip(given).filter(|(_, given)| **given) {
        match *number {
            Number::Spatial(s) => [s.first, s.second].into_iter().for_each(|p| is_told[2 * p + s.axis] = true),
            Number::Other(i) => is_told[i] = true,
        }
    }
    (0..FEATURES).filter(|i| !is_told[*i]).collect()
}

/// For each viewer the share of the others' reflections that are nearer than the own one, or as near, by some of the features. Viewers and
/// reflections are scores; `None` stands for a reflection without a face, which is nobody's nearest. Nothing without a feature to judge by, or of
/// fewer than five viewers.
pub fn share_nearer(
    wanted: &[[f32; FEATURES]],
    came: &[Option<[f32; FEATURES]>],
    features: &[usize],
) -> Option<Vec<f32>> {
    if features.is_empty() || wanted.len() < 5 {
        return None;
    }
    let distance = |a: &[f32; FEATURES], b: &Option<[f32; FEATURES]>| {
        b.map_or(f32::INFINITY, |b| features.iter().map(|i| (a[*i] - b[*i]).powi(2)).sum::<f32>())
    };
    let of_viewer = |(i, viewer): (usize, &[f32; FEATURES])| {
        let own = distance(viewer, &came[i]);
        let before = came.iter().enumerate().filter(|(j, other)| *j != i && distance(viewer, other) <= own).count();
        before as f32 / (wanted.len() - 1) as f32
    };
    Some(wanted.iter().enumerate().map(of_viewer).collect())
}

/// Whether a reflection is among the nearest fifth of all, by its [`share_nearer`].
pub fn is_in_nearest_fifth(nearer: f32) -> bool {
    nearer < 0.2
}

/// How near the own reflections lie; see [`share_nearer`].
pub(super) fn retrieval(
    wanted: &[[f32; FEATURES]],
    came: &[Option<[f32; FEATURES]>],
    features: &[usize],
) -> Option<Retrieval> {
    let nearer = share_nearer(wanted, came, features)?;
    let share =
        |nearer: &[f32]| mean(&nearer.iter().map(|n| f32::from(u8::from(is_in_nearest_fifth(*n)))).collect::<Vec<_>>());
    let nearest_fifth = KeptShare { value: share(&nearer), interval: interval(&nearer, share) };
    Some(Retrieval { features: features.len(), nearest_fifth, nearer: mean(&nearer) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn what_a_distance_tells_of_is_not_judged_by() {
        let order: Vec<Number> = ["3-5/x", "skin/l", "0-7/y"].iter().map(|n| n.parse().unwrap()).collect();
        let left = not_given(&order, &[true, true, false]);
        assert_eq!(left.len(), FEATURES - 3);
        assert!(!left.contains(&6) && !left.contains(&10) && left.contains(&7) && left.contains(&15));
        assert_eq!(not_given(&order, &[false; 3]).len(), FEATURES);
    }

    #[test]
    fn own_reflections_are_nearest_and_those_of_anybody_are_somewhere() {
        let mut rng = Rng::new(4);
        let mut people =
            |n: usize| -> Vec<[f32; FEATURES]> { (0..n).map(|_| std::array::from_fn(|_| rng.normal())).collect() };
        let (wanted, strangers) = (people(200), people(200));
        let features: Vec<usize> = (0..20).collect();
        let own = retrieval(&wanted, &wanted.iter().copied().map(Some).collect::<Vec<_>>(), &features).unwrap();
        assert_eq!((own.nearest_fifth.value, own.nearer, own.features), (1.0, 0.0, 20));
        let any = retrieval(&wanted, &strangers.into_iter().map(Some).collect::<Vec<_>>(), &features).unwrap();
        assert!((any.nearest_fifth.value - 0.2).abs() < 0.1 && (any.nearer - 0.5).abs() < 0.1, "{any:?}");
        // A mirror that shows everybody the same face, or none, reflects nobody.
        let same = retrieval(&wanted, &vec![Some(wanted[0]); 200], &features).unwrap();
        let none = retrieval(&wanted, &vec![None; 200], &features).unwrap();
        assert_eq!((same.nearest_fifth.value, none.nearest_fifth.value), (0.0, 0.0));
        assert!(retrieval(&wanted[..4], &vec![None; 4], &features).is_none());
        assert!(retrieval(&wanted, &vec![None; 200], &[]).is_none());
    }
}
