//! Who stands in for visitors while the inverter learns: people of the pack's table, or of somebody's own pictures.

use crate::data::{Gender, HELD_OUT_PEOPLE, Portrait, is_held_out, read_most, read_table};
use crate::gan::{Filter, read_aligned};
use anyhow::{Result, ensure};
use frame::Image;
use mirror::engine::{Eyes, Observation, nearest};
use mirror::features::{FeatureVector, Group};
use mirror::pack::{Pack, Visitors};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Least share of either gender: where a generator draws hardly any women, some must say what a woman is.
const LEAST_SHARE: f32 = 0.05;
/// Fewest people to learn from how people differ.
pub const LEAST_PEOPLE: usize = 20;
/// Most women, and most men, of a pack's table.
const MOST_PEOPLE: usize = 600;

/// People to learn from.
pub struct StandIns {
    women: Vec<FeatureVector>,
    men: Vec<FeatureVector>,
}

impl StandIns {
    /// Those in these pictures, women and men as the eyes judge; without pictures, those of the pack's table.
    ///
    /// # Errors
    /// If the pack has no table that its eyes measured, or too few of the pictures show a face.
    pub fn new(pack: &Pack, eyes: &Eyes, pictures: Option<&[PathBuf]>) -> Result<Self> {
        let Some(pictures) = pictures else {
            let Visitors { women, men, .. } = pack.visitors()?;
            return Ok(Self { women, men });
        };
        let people = faces_in(pictures, eyes, |_, features| features)?;
        ensure!(
            people.len() >= LEAST_PEOPLE,
            "a face in {} of {} pictures: expected {LEAST_PEOPLE} or more people to learn from\nhint: without --visitors, people of the pack's table stand in for visitors",
            people.len(),
            pictures.len()
        );
        let (women, men) = people.into_iter().partition(is_woman);
        Ok(Self { women, men })
    }

    /// As many as there can be if `share` of them shall be women. Where all are women, or all men, everybody.
    pub fn with_share_of_women(&self, share: f32) -> Vec<FeatureVector> {
        let [women, men] = counts([self.women.len(), self.men.len()], share);
        spread(&self.women, women).chain(spread(&self.men, men)).cloned().collect()
    }
}

/// Share of faces that look to the net more like a woman's than like a man's.
pub(super) fn share_of_women(faces: &[FeatureVector]) -> f32 {
    faces.iter().filter(|face| is_woman(face)).count() as f32 / faces.len().max(1) as f32
}

fn is_woman(features: &FeatureVector) -> bool {
    features.group(Group::Gender)[0] > 0.5
}

/// The most women and men, of so many each, among whom women have that share.
fn counts(most: [usize; 2], women: f32) -> [usize; 2] {
    if most.contains(&0) {
        return most;
    }
    let women = women.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
    let shares = [women, 1.0 - women];
    let all = (most[0] as f32 / shares[0]).min(most[1] as f32 / shares[1]);
    shares.map(|share| (share * all).round() as usize)
}

/// `count` of them, or all if there are fewer, evenly spread.
fn spread<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    let count = count.min(all.len());
    (0..count).map(move |i| &all[i * all.len() / count])
}

/// What `keep` makes of the nearest face in each picture, in their order. A picture without a face is left out.
///
/// # Errors
/// If more than a tenth of the pictures cannot be read.
pub fn faces_in<T: Send>(
    pictures: &[PathBuf],
    eyes: &Eyes,
    keep: impl Fn(&Image, FeatureVector) -> T + Sync + Send,
) -> Result<Vec<T>> {
    let seen = read_most("pictures", pictures.iter().collect(), |path: &PathBuf| {
        let image = Image::load(path)?;
        Ok(nearest(eyes.analyse(&image)?).map(|seen| keep(&image, seen.features)))
    })?;
    Ok(seen.into_iter().flatten().collect())
}

/// The people of the archive's colour portraits, those of `congress` and of `office`, for the table of the pack whose eyes these are.
///
/// # Errors
/// If the archive's tables cannot be read, or its portraits show too few people.
pub fn of_archive(root: &Path, eyes: &Eyes) -> Result<Visitors> {
    let portraits = read_table(root)?;
    let features = |files: Vec<&str>| {
        let pictures: Vec<PathBuf> = files.iter().map(|f| root.join("congress/portraits").join(f)).collect();
        faces_in(&pictures, eyes, |_, features| features)
    };
    let [women, men, measured] = groups(&portraits);
    let congress = Visitors { women: features(women)?, men: features(men)?, measured: features(measured)? };
    let office = of_office(&root.join("office"), eyes)?;

    let both = |a: Vec<FeatureVector>, b| [a, b].concat();
    let some = |people: Vec<FeatureVector>| spread(&people, MOST_PEOPLE).cloned().collect::<Vec<_>>();
    let women = some(both(congress.women, office.women));
    let men = some(both(congress.men, office.men));
    let people = women.len() + men.len();
    ensure!(
        people >= LEAST_PEOPLE,
        "{}: a face in {people} colour portraits: expected {LEAST_PEOPLE} or more",
        root.display()
    );
    Ok(Visitors { women, men, measured: both(congress.measured, office.measured) })
}

/// The people of a folder of aligned portraits, if there is one. Where no record says that somebody is a woman or a man, the eyes do.
fn of_office(folder: &Path, eyes: &Eyes) -> Result<Visitors> {
    let mut people = Visitors::default();
    if !folder.is_dir() {
        return Ok(people);
    }
    let portraits = read_aligned(&[folder.to_owned()], &Filter::EVERYBODY)?;
    let seen: Vec<_> = portraits.par_iter().map(|p| eyes.analyse_reflection(&p.image)).collect::<Result<_, _>>()?;
    for (portrait, seen) in portraits.iter().zip(seen) {
        let Some(Observation { features, .. }) = seen else { continue };
        let group = match portrait.gender {
            _ if is_held_out(&portrait.person, HELD_OUT_PEOPLE) => &mut people.measured,
            Some(Gender::Female) => &mut people.women,
            Some(Gender::Male) => &mut people.men,
            None if is_woman(&features) => &mut people.women,
            None => &mut people.men,
        };
        group.push(features);
    }
    Ok(people)
}

/// The files of women and of men to learn from, and of people to measure on: the members whom no net learns from.
fn groups(portraits: &[Portrait]) -> [Vec<&str>; 3] {
    let files = |wanted: &dyn Fn(&Portrait) -> bool| -> Vec<&str> {
        portraits.iter().filter(|p| p.colour && wanted(p)).map(|p| p.file.as_str()).collect()
    };
    let [women, men] = [Gender::Female, Gender::Male].map(|gender| {
        let all = files(&|p| p.gender == Some(gender) && !p.is_held_out());
        spread(&all, MOST_PEOPLE).copied().collect()
    });
    [women, men, files(&Portrait::is_held_out)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::{Landmarks, Rect};
    use std::collections::BTreeSet;

    #[test]
    fn women_have_the_share_that_is_asked_and_as_many_as_can_be_are_taken() {
        for (most, share, expected) in [
            ([300, 600], 0.5, [300, 300]),
            ([300, 600], 0.25, [200, 600]),
            ([300, 600], 0.0, [32, 600]),
            ([300, 600], 1.0, [300, 16]),
            ([0, 7], 0.5, [0, 7]),
        ] {
            assert_eq!(counts(most, share), expected, "{share}");
        }
    }

    #[test]
    fn whoever_is_chosen_is_spread_over_all_and_nobody_is_chosen_twice() {
        let all: Vec<usize> = (0..500).collect();
        let chosen: BTreeSet<&usize> = spread(&all, 120).collect();
        assert!(chosen.len() == 120 && **chosen.last().unwrap() > 490);
        assert_eq!(spread(&all[..3], 120).count(), 3);
    }

    #[test]
    fn nobody_is_learned_from_and_measured_on() {
        let portrait = |i: usize| Portrait {
            file: format!("{i}.jpg"),
            bioguide: format!("A{:06}", i / 2),
            age: None,
            gender: [Some(Gender::Female), Some(Gender::Male), Some(Gender::Male), None][i % 4],
            gender_source: String::new(),
            photo_year: 2000,
            colour: !i.is_multiple_of(5),
            rect: Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 },
            pts5: [[0.0; 2]; 5],
            landmarks: Landmarks::schematic(),
            aligned: None,
            sharpness: 0.0,
            upsampling: 1.0,
            inside: 1.0,
            yaw_cue: 0.0,
            image: Image { width: 0, height: 0, data: Vec::new() },
        };
        let all: Vec<Portrait> = (0..4000).map(portrait).collect();
        let groups = groups(&all);
        assert_eq!((groups[0].len(), groups[1].len()), (MOST_PEOPLE, MOST_PEOPLE));
        assert!((100..260).contains(&groups[2].len()), "{}", groups[2].len());
        let members = |group: &[&str]| -> BTreeSet<usize> {
            group.iter().map(|f| f.trim_end_matches(".jpg").parse::<usize>().unwrap() / 2).collect()
        };
        let learned = &members(&groups[0]) | &members(&groups[1]);
        assert!(learned.is_disjoint(&members(&groups[2])));
    }
}
