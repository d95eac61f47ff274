//! Where somebody lies among the members: the nearest of them, a place on their map, and how many have less of each feature.

use super::axes::Axes;
use super::table::{Archive, Member, Source};
use crate::face::attributes::GenderLabel;
use crate::features::{FeatureVector, Group, Measures, TOLD};
use crate::inverter::{QuantileTable, normal_cdf};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// How many of the nearest members are told.
pub const NEAREST: usize = 3;
/// Members whose distances to their own nearest say how near members lie to each other.
const ASKED: usize = 500;
/// One in so many members has somebody as near as this; nearer than [`NEAR_SHARE`] of it is near.
const ONE_IN: usize = 100;
/// What of that distance is near: where two portraits are of one person, and no two of different people. Chosen on the archive's portraits of
/// different people (`evaluate archive`).
const NEAR_SHARE: f32 = 0.75;
/// Bands of skin on the map, each of equally many members.
const SKIN_BANDS: usize = 5;

/// What a group counts where members are compared. How a head is held, what a face does and what is behind it are not whose it is; the likeness
/// must never tell who somebody is like.
fn weight(group: Group) -> f32 {
    match group {
        Group::Shape => 8.0,
        Group::Skin => 2.0,
        Group::Hair | Group::Age | Group::Gender => 1.0,
        Group::Pose | Group::Background | Group::Expression | Group::Likeness => 0.0,
    }
}

/// A member near whom somebody lies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// Their place among the [`Points`].
    pub member: usize,
    /// Their name, where names are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose portrait it is.
    pub source: Source,
    /// The year of the portrait, where it is known.
    pub year: Option<u16>,
    /// How near: the share of members to whom nobody else lies as near, 0 to 1.
    pub nearness: f32,
    /// Whether this is nearer than members are to each other, so that it may be the same person.
    pub near: bool,
}

/// Where somebody stands among the members.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The nearest members, the nearest first.
    pub nearest: Vec<Neighbour>,
    /// The place on the map.
    pub at: [f32; 2],
    /// Of each feature that is told, but those of the shape, the share of members who have less of it, 0 to 1.
    pub ranks: BTreeMap<String, f32>,
}

/// The map: a column an attribute, an entry a member.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Points {
    /// From left to right.
    pub x: Vec<f32>,
    /// From the lower to the upper edge.
    pub y: Vec<f32>,
    /// Whose portraits they are.
    pub source: Vec<Source>,
    /// The years, where they are known.
    pub year: Vec<Option<u16>>,
    /// By record.
    pub gender: Vec<Option<GenderLabel>>,
    /// The decade for which the machine takes them, where ages are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Vec<u16>>,
    /// How light the skin is in the picture, in bands from 0, the darkest, where skin is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skin: Option<Vec<usize>>,
    /// The names, where they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Vec<Option<String>>>,
}

/// The archive as a house tells it.
pub struct Atlas {
    archive: Archive,
    measures: Measures,
    has_names: bool,
    /// The features that are compared, and what a difference of each counts.
    compared: Vec<(usize, f32)>,
    /// `[members, compared]`: the members' scores, times what they count.
    rows: Vec<f32>,
    /// Features that have a rank, by name.
    ranked: Vec<(usize, String)>,
    /// Not before somebody asks: a mirror starts without it.
    calibration: OnceLock<Calibration>,
}

/// What the members say of themselves.
struct Calibration {
    axes: Axes,
    /// Of some members, how far away their nearest other is, ascending.
    distances: Vec<f32>,
}

impl Atlas {
    /// Of an archive, for a house that tells these groups, and perhaps names. What is not told has no part in anything that it says.
    pub fn new(mut archive: Archive, measures: &Measures, names: bool) -> Self {
        if !names {
            archive.members.iter_mut().for_each(|member| member.name = None);
        }

        // What is compared, and the members' part of it.
        let told = || Group::ALL.into_iter().filter(|group| group.is_told() && measures.tells(*group));
        let sum: f32 = told().map(weight).sum();
        let each = |group: Group| (weight(group) / sum / group.range().len() as f32).sqrt();
        let compared: Vec<(usize, f32)> = told()
            .filter(|group| weight(*group) > 0.0)
            .flat_map(|group| group.range().map(move |i| (i, each(group))))
            .collect();
        let row = |member: usize| compare(&compared, &archive.scores(member).collect::<Vec<f32>>());
        let rows: Vec<f32> = (0..archive.members().len()).flat_map(row).collect();

        let names_of = FeatureVector::names();
        let ranked = told().filter(|group| *group != Group::Shape).flat_map(Group::range);
        let ranked = ranked.map(|i| (i, names_of[i].clone())).collect();
        let calibration = OnceLock::new();
        Self { archive, measures: *measures, has_names: names, compared, rows, ranked, calibration }
    }

    /// Computed on one thread: whoever waits for the pool while others wait for this would run their work, and wait for itself.
    fn calibration(&self) -> &Calibration {
        self.calibration.get_or_init(|| Calibration {
            axes: Axes::of(&self.rows, self.compared.len()),
            distances: self.distances_to_others(),
        })
    }

    /// Of members spread evenly over all, how far away their nearest other is, ascending.
    fn distances_to_others(&self) -> Vec<f32> {
        let count = self.archive.members().len();
        let asked = count.min(ASKED);
        let mut distances: Vec<f32> = (0..asked)
            .map(|i| {
                let member = i * count / asked;
                let all = self.distances(self.row(member)).into_iter().enumerate();
                all.filter(|(other, _)| *other != member).map(|(_, distance)| distance).fold(f32::INFINITY, f32::min)
            })
            .collect();
        // The only one has no other.
        distances.retain(|distance| distance.is_finite());
        distances.sort_by(f32::total_cmp);
        distances
    }

    fn row(&self, member: usize) -> &[f32] {
        &self.rows[member * self.compared.len()..(member + 1) * self.compared.len()]
    }

    /// From each member to a row.
    fn distances(&self, row: &[f32]) -> Vec<f32> {
        self.rows.chunks_exact(self.compared.len().max(1)).map(|member| distance(member, row)).collect()
    }

    /// The archive behind it.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.archive.members().len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distances below this are near: 0 where nobody is near anybody.
    pub fn near_distance(&self) -> f32 {
        self.calibration().near_distance()
    }

    /// The scores of a face among the members, one a feature that may be told; 0 of what is not.
    pub fn scores(&self, features: &FeatureVector) -> Vec<f32> {
        let quantiles: &QuantileTable = &self.archive.quantiles;
        let mut scores = vec![0.0; TOLD];
        for group in Group::ALL.into_iter().filter(|group| group.is_told() && self.measures.tells(*group)) {
            group.range().for_each(|i| scores[i] = quantiles.score(i, features.values()[i]));
        }
        scores
    }

    /// The nearest members to somebody with these scores, each with their distance, the nearest first.
    pub fn nearest(&self, scores: &[f32]) -> Vec<(usize, f32)> {
        let mut all: Vec<(usize, f32)> =
            self.distances(&compare(&self.compared, scores)).into_iter().enumerate().collect();
        let count = NEAREST.min(all.len());
        if count < all.len() {
            all.select_nth_unstable_by(count, |a, b| a.1.total_cmp(&b.1));
        }
        all.truncate(count);
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all
    }

    /// Where somebody with these scores stands.
    pub fn locate(&self, scores: &[f32]) -> Standing {
        let calibration = self.calibration();
        let neighbour = |(member, distance): (usize, f32)| {
            let Member { source, year, ref name, .. } = self.archive.members()[member];
            let (nearness, near) = (calibration.nearness(distance), distance < calibration.near_distance());
            Neighbour { member, name: name.clone(), source, year, nearness, near }
        };
        Standing {
            nearest: self.nearest(scores).into_iter().map(neighbour).collect(),
            at: calibration.axes.place(&compare(&self.compared, scores)),
            ranks: self.ranked.iter().map(|(i, name)| (name.clone(), normal_cdf(scores[*i]))).collect(),
        }
    }

    /// The map of all members.
    pub fn points(&self) -> Points {
        let members = self.archive.members();
        let axes = &self.calibration().axes;
        let places: Vec<[f32; 2]> = (0..members.len()).map(|member| axes.place(self.row(member))).collect();
        let score = |member: usize, feature: usize| self.archive.scores(member).nth(feature).unwrap_or(0.0);
        let all = |group: Group| self.measures.tells(group).then_some(0..members.len());

        let age = Group::Age.range().start;
        let decade = |member| self.archive.quantiles.value(age, score(member, age)).clamp(0.0, 120.0) as u16 / 10 * 10;
        let light = Group::Skin.range().start;
        let band = |member| ((normal_cdf(score(member, light)) * SKIN_BANDS as f32) as usize).min(SKIN_BANDS - 1);
        Points {
            x: places.iter().map(|[x, _]| *x).collect(),
            y: places.iter().map(|[_, y]| *y).collect(),
            source: members.iter().map(|member| member.source).collect(),
            year: members.iter().map(|member| member.year).collect(),
            gender: members.iter().map(|member| member.gender).collect(),
            age: all(Group::Age).map(|members| members.map(decade).collect()),
            skin: all(Group::Skin).map(|members| members.map(band).collect()),
            name: self.has_names.then(|| members.iter().map(|member| member.name.clone()).collect()),
        }
    }
}

impl Calibration {
    fn near_distance(&self) -> f32 {
        self.distances.get(self.distances.len() / ONE_IN).map_or(0.0, |distance| NEAR_SHARE * distance)
    }

    /// The share of members to whom nobody else lies within a distance.
    fn nearness(&self, distance: f32) -> f32 {
        let nearer = self.distances.partition_point(|other| *other <= distance);
        1.0 - nearer as f32 / self.distances.len().max(1) as f32
    }
}

/// What is compared of these scores.
fn compare(compared: &[(usize, f32)], scores: &[f32]) -> Vec<f32> {
    compared.iter().map(|(i, counts)| counts * scores[*i]).collect()
}

/// The distance of two rows, summed sixteen at a time.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let (blocks, rest) = a.as_chunks::<16>();
    let (others, other_rest) = b.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for (a, b) in blocks.iter().zip(others) {
        for i in 0..16 {
            sums[i] += (a[i] - b[i]) * (a[i] - b[i]);
        }
    }
    let rest: f32 = rest.iter().zip(other_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    (sums.iter().sum::<f32>() + rest).sqrt()
}
