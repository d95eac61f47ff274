//! What the eyes find in the pictures of a generation: how far faces spread, and which groups they belong to.

use crate::evaluate::skin::BANDS;
use crate::gan::CLOSED_MOUTH;
use crate::runs::bar;
use crate::statistics::{mean, root_mean_square};
use frame::Image;
use mirror::engine::Eyes;
use mirror::face::attributes::GenderLabel;
use mirror::features::{FEATURES, FeatureVector, Group};
use rayon::prelude::*;

/// Pictures, and the face that the eyes find in each.
pub(super) struct Population {
    pub pictures: Vec<Image>,
    /// `None` where they find none.
    pub faces: Vec<Option<FeatureVector>>,
}

impl Population {
    /// Looks at pictures of a generator.
    pub fn of(pictures: Vec<Image>, eyes: &Eyes) -> Self {
        let bar = bar(pictures.len() as u64, "faces");
        let look = |picture: &Image| {
            bar.inc(1);
            // A picture of the generator is well formed.
            Some(eyes.analyse_reflection(picture).ok().flatten()?.features)
        };
        let faces = pictures.par_iter().map(look).collect();
        bar.finish_and_clear();
        Self { pictures, faces }
    }
}

/// A group of faces by one word of the eyes.
pub(super) struct Kind {
    pub name: &'static str,
    pub is: fn(&FeatureVector) -> bool,
}

/// The groups whose shares are counted. What is gender and age here is what the machine takes a face for, and skin is as light as the picture.
pub(super) const KINDS: [Kind; 10] = [
    Kind { name: "women", is: |face| gender(face) == GenderLabel::Female },
    Kind { name: "unsure", is: |face| gender(face) == GenderLabel::Unsure },
    Kind { name: "men", is: |face| gender(face) == GenderLabel::Male },
    Kind { name: "dark", is: |face| skin(face) < BANDS[0].1 },
    Kind { name: "middle", is: |face| (BANDS[0].1..BANDS[1].1).contains(&skin(face)) },
    Kind { name: "light", is: |face| skin(face) >= BANDS[1].1 },
    Kind { name: "under 40", is: |face| age(face) < 40.0 },
    Kind { name: "40 to 59", is: |face| (40.0..60.0).contains(&age(face)) },
    Kind { name: "60 and over", is: |face| age(face) >= 60.0 },
    Kind { name: "closed mouths", is: |face| face.group(Group::Expression)[0] < CLOSED_MOUTH },
];

fn gender(face: &FeatureVector) -> GenderLabel {
    GenderLabel::of(face.group(Group::Gender)[0])
}

fn skin(face: &FeatureVector) -> f32 {
    face.group(Group::Skin)[0]
}

fn age(face: &FeatureVector) -> f32 {
    face.group(Group::Age)[0]
}

/// Means and deviations of the features in a population: its own units.
pub(super) struct Scale {
    mean: [f32; FEATURES],
    deviation: [f32; FEATURES],
}

impl Scale {
    /// Of faces; all 0 of none.
    pub fn of(faces: &[&FeatureVector]) -> Self {
        let both: [[f32; 2]; FEATURES] = std::array::from_fn(|i| mean_and_deviation(faces, i));
        Self { mean: both.map(|[mean, _]| mean), deviation: both.map(|[_, deviation]| deviation) }
    }

    /// The groups of features in which these faces differ; the likeness, which is never told, is none of them.
    pub fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        Group::ALL.into_iter().filter(|group| group.is_told() && self.differing(*group).next().is_some())
    }

    /// The features of a group in which they differ.
    fn differing(&self, group: Group) -> impl Iterator<Item = usize> + '_ {
        group.range().filter(|i| self.deviation[*i] > 1e-6)
    }

    /// How far `faces` spread in a group of features: their mean deviation, in units of this population's.
    pub fn spread_of(&self, group: Group, faces: &[&FeatureVector]) -> f32 {
        let ratios = self.differing(group).map(|i| mean_and_deviation(faces, i)[1] / self.deviation[i]);
        mean(&ratios.collect::<Vec<f32>>())
    }

    /// The same in all groups, each as much as any other: there are many numbers of the shape and one of the age.
    pub fn spread(&self, faces: &[&FeatureVector]) -> f32 {
        mean(&self.groups().map(|group| self.spread_of(group, faces)).collect::<Vec<f32>>())
    }

    /// How far a face is from the middle, in deviations: root mean square over the groups.
    pub fn oddness(&self, face: &FeatureVector) -> f32 {
        let off = |i: usize| (face.values()[i] - self.mean[i]) / self.deviation[i];
        root_mean_square(self.groups().map(|group| root_mean_square(self.differing(group).map(off))))
    }
}

/// Mean and standard deviation of a feature; 0 of no face.
fn mean_and_deviation(faces: &[&FeatureVector], feature: usize) -> [f32; 2] {
    let n = faces.len().max(1) as f32;
    let values = faces.iter().map(|face| face.values()[feature]);
    let mean = values.clone().sum::<f32>() / n;
    [mean, (values.map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt()]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A face of these values, with 0 for all others.
    pub fn face(values: &[(Group, f32)]) -> FeatureVector {
        let mut all = [0.0; FEATURES];
        values.iter().for_each(|(group, value)| all[group.range().start] = *value);
        FeatureVector::new(all).unwrap()
    }

    #[test]
    fn faces_belong_to_the_groups_that_their_numbers_say() {
        let of =
            |face: FeatureVector| -> Vec<&str> { KINDS.iter().filter(|k| (k.is)(&face)).map(|k| k.name).collect() };
        let values = |female, lightness, years, mouth| {
            face(&[(Group::Gender, female), (Group::Skin, lightness), (Group::Age, years), (Group::Expression, mouth)])
        };
        assert_eq!(of(values(0.9, 30.0, 25.0, 0.0)), ["women", "dark", "under 40", "closed mouths"]);
        assert_eq!(of(values(0.5, 55.0, 40.0, 0.3)), ["unsure", "middle", "40 to 59"]);
        assert_eq!(of(values(0.1, 70.0, 60.0, 0.3)), ["men", "light", "60 and over"]);
    }

    #[test]
    fn half_the_deviation_is_half_the_spread() {
        let faces = |wide: f32| -> Vec<FeatureVector> {
            (0..40)
                .map(|i| face(&[(Group::Age, 50.0 + wide * (i % 5) as f32), (Group::Skin, 60.0 + (i % 7) as f32)]))
                .collect()
        };
        let (all, half) = (faces(10.0), faces(5.0));
        let scale = Scale::of(&all.iter().collect::<Vec<_>>());
        let half: Vec<&FeatureVector> = half.iter().collect();
        assert_eq!(scale.groups().collect::<Vec<_>>(), [Group::Age, Group::Skin]);
        assert!((scale.spread_of(Group::Age, &half) - 0.5).abs() < 1e-4);
        assert!((scale.spread_of(Group::Skin, &half) - 1.0).abs() < 1e-4);
        assert!((scale.spread(&half) - 0.75).abs() < 1e-4);
    }

    #[test]
    fn the_oddest_face_is_the_farthest_from_the_middle() {
        let ages = [20.0, 48.0, 50.0, 52.0, 80.0, 99.0];
        let faces = ages.map(|years| face(&[(Group::Age, years)]));
        let scale = Scale::of(&faces.each_ref());
        let odd = faces.each_ref().map(|face| scale.oddness(face));
        assert!(odd[5] > odd[0] && odd[0] > odd[4] && odd[4] > odd[1], "{odd:?}");
    }
}
