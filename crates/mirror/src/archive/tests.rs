//! Members of a made-up archive.

use super::*;
use crate::face::attributes::GenderLabel;
use crate::features::{FEATURES, FeatureVector, Group, Measure, Measures};
use crate::inverter::tests::features;
use crate::latent::Latent;
use nn::Rng;

/// So many people of all sources, with names where they may have one.
fn people(count: usize) -> Vec<(Member, FeatureVector, Latent)> {
    let mut rng = Rng::new(12);
    let person = |i: usize| {
        let member = Member {
            source: Source::ALL[i % 3],
            year: (!i.is_multiple_of(4)).then_some(1901 + i as u16),
            gender: [None, Some(GenderLabel::Female), Some(GenderLabel::Male)][i % 3],
            name: Some(format!("Member Number{i}")),
        };
        (member, features(&mut rng), Latent::gaussian(16, &mut rng))
    };
    (0..count).map(person).collect()
}

/// An atlas of 40 people.
pub(crate) fn atlas(measures: &Measures, names: bool) -> Atlas {
    Atlas::new(Archive::of(people(40)), measures, names)
}

fn standing(atlas: &Atlas, features: &FeatureVector) -> Standing {
    atlas.locate(&atlas.scores(features))
}

/// Somebody else in some groups only.
fn with_other(features: &FeatureVector, groups: &[Group], seed: u64) -> FeatureVector {
    let (mut values, other) = (*features.values(), self::features(&mut Rng::new(seed)));
    groups.iter().flat_map(|group| group.range()).for_each(|i| values[i] = other.values()[i]);
    FeatureVector::new(values).expect("finite")
}

#[test]
fn a_member_lies_nearest_to_themselves() {
    let atlas = atlas(&Measures::default(), true);
    for (i, (member, features, _)) in people(40).iter().enumerate() {
        let Standing { nearest, at, ranks } = standing(&atlas, features);
        assert_eq!((nearest.len(), nearest[0].member), (NEAREST, i));
        assert!(nearest[0].near && nearest[0].nearness > 0.99 && !nearest[1].near, "{nearest:?}");
        let named = member.name.clone().filter(|_| member.source.is_in_public_office());
        assert_eq!((&nearest[0].name, nearest[0].year, nearest[0].source), (&named, member.year, member.source));
        assert!(at.iter().all(|v| v.is_finite()) && ranks.values().all(|rank| (0.0..=1.0).contains(rank)));
    }
}

#[test]
fn a_stranger_is_near_to_nobody() {
    let atlas = atlas(&Measures::default(), true);
    for seed in 100..150 {
        let nearest = standing(&atlas, &features(&mut Rng::new(seed))).nearest;
        assert!(nearest.iter().all(|neighbour| !neighbour.near) && nearest[0].nearness >= nearest[1].nearness);
    }
}

#[test]
fn the_likeness_has_no_influence_nor_have_pose_expression_and_background() {
    let atlas = atlas(&Measures::default(), true);
    let somebody = features(&mut Rng::new(7));
    let other = with_other(&somebody, &[Group::Likeness], 8);
    assert_ne!(other, somebody);
    assert_eq!(standing(&atlas, &other), standing(&atlas, &somebody));
    let other = with_other(&somebody, &[Group::Pose, Group::Expression, Group::Background], 8);
    let (a, b) = (standing(&atlas, &other), standing(&atlas, &somebody));
    assert_eq!((a.nearest, a.at), (b.nearest, b.at));
}

#[test]
fn what_is_not_told_leaves_no_trace() {
    for measure in [Measure::Hidden, Measure::Off] {
        let groups = [Group::Skin, Group::Age, Group::Expression];
        let measures = groups.iter().fold(Measures::default(), |measures, group| measures.with(*group, measure));
        let atlas = atlas(&measures, true);
        let somebody = features(&mut Rng::new(7));
        let other = with_other(&somebody, &groups, 8);
        let standing = standing(&atlas, &somebody);
        assert_eq!(self::standing(&atlas, &other), standing);
        let is_of = |name: &String| groups.iter().any(|group| name.starts_with(group.name()));
        assert!(!standing.ranks.keys().any(is_of) && standing.ranks.contains_key("gender"));
        let points = atlas.points();
        assert_eq!((points.age, points.skin), (None, None));
    }
}

#[test]
fn without_names_no_name_is_told_anywhere() {
    let atlas = atlas(&Measures::default(), false);
    let standing = serde_json::to_string(&standing(&atlas, &people(1)[0].1)).unwrap();
    let points = serde_json::to_string(&atlas.points()).unwrap();
    assert!(!standing.contains("Number") && !points.contains("Number") && points.contains("parliament"));
}

#[test]
fn nobody_is_named_who_is_not_in_public_office() {
    let atlas = atlas(&Measures::default(), true);
    let Points { name, source, .. } = atlas.points();
    let named: Vec<bool> = name.expect("told").iter().map(Option::is_some).collect();
    assert!(source.iter().zip(&named).all(|(source, named)| *named == source.is_in_public_office()));
}

#[test]
fn the_map_has_a_point_for_everybody_and_no_feature() {
    let points = serde_json::to_value(atlas(&Measures::default(), true).points()).unwrap();
    let columns = points.as_object().unwrap();
    assert_eq!(columns.keys().collect::<Vec<_>>(), ["age", "gender", "name", "skin", "source", "x", "y", "year"]);
    assert!(columns.values().all(|column| column.as_array().unwrap().len() == 40));
}

#[test]
fn an_archive_of_nobody_or_of_one_has_nobody_near() {
    for count in [0, 1] {
        let atlas = Atlas::new(Archive::of(people(count)), &Measures::default(), true);
        let standing = standing(&atlas, &features(&mut Rng::new(3)));
        assert_eq!((standing.nearest.len(), atlas.is_empty()), (count, count == 0));
        assert!(standing.nearest.iter().all(|member| !member.near), "{count}");
        assert!(atlas.points().x.len() == count);
    }
}

#[test]
fn numbers_come_back_from_the_file_to_a_byte() {
    let people = people(9);
    let archive = Archive::of(people.clone());
    let file = nn::io::read(&archive.to_bytes(Default::default())).unwrap();
    let back = Archive::from_weights(&file).unwrap();
    assert_eq!(back.members(), archive.members());
    for (i, (_, _, latent)) in people.iter().enumerate() {
        assert!(back.scores(i).eq(archive.scores(i)));
        let (found, latent) = (back.latent(i), latent.normalised());
        assert!(found.as_slice().iter().zip(latent.as_slice()).all(|(a, b)| (a - b).abs() < 0.1));
    }
    let width = file.tensors["scores"].0[1];
    assert!(width < FEATURES, "no likeness in it");
    assert_eq!(file.metadata["members"], "3 of Congress, 3 of Parliament, 3 fellows; 6 with a name");
}

#[test]
fn a_damaged_table_is_refused_with_the_reason() {
    let good = nn::io::read(&Archive::of(people(9)).to_bytes(Default::default())).unwrap();
    for (name, shape, word) in [
        ("scores", vec![9, 3], "tensor \"scores\": expected [9,"),
        ("latents", vec![8, 16], "tensor \"latents\": expected [9, 16], file has [8, 16]"),
        ("years", vec![2], "tensor \"years\": expected [9], file has [2]"),
        ("names", vec![3], "tensor \"names\": expected [9], file has [1]"),
        ("quantiles/archive", vec![1, 1], "tensor \"quantiles/archive\": expected"),
    ] {
        let mut file = good.clone();
        let values = vec![65.0; shape.iter().product()];
        file.tensors.insert(name.to_owned(), (shape, values));
        let error = Archive::from_weights(&file).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        file.tensors.remove(name);
        let error = Archive::from_weights(&file).unwrap_err().to_string();
        assert_eq!(error, format!("tensor \"{name}\" is missing"));
    }
    let mut file = good.clone();
    file.tensors.get_mut("sources").unwrap().1[4] = 77.0;
    let error = Archive::from_weights(&file).unwrap_err().to_string();
    assert_eq!(error, "tensor \"sources\" holds a number that stands for nothing");
}
