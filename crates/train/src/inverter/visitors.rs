//! Who stands in for visitors while the inverter learns: portraits of the archive.

use super::InverterOptions;
use crate::data::{self, Gender};
use crate::runs::{bar, data_root, say};
use anyhow::{Context, Result};
use mirror::engine::{Eyes, nearest};
use mirror::features::{FeatureVector, Group};
use rayon::prelude::*;

/// Least share of either gender: where a generator draws hardly any women, some must say what a woman is.
const LEAST_SHARE: f32 = 0.05;

/// Share of faces that look to the net more like a woman's than like a man's.
pub(super) fn share_of_women(faces: &[FeatureVector]) -> f32 {
    let women = faces.iter().filter(|f| f.group(Group::Gender)[0] > 0.5).count();
    women as f32 / faces.len().max(1) as f32
}

/// Which of the portraits of people of these genders, about `count`, `share` of them women, or fewer where there are not enough; evenly
/// spread over the table.
fn stand_ins(genders: &[Option<Gender>], count: usize, share: f32) -> Vec<usize> {
    let share = share.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
    let of = |gender| -> Vec<usize> { (0..genders.len()).filter(|i| genders[*i] == Some(gender)).collect() };
    let groups = [(of(Gender::Female), share), (of(Gender::Male), 1.0 - share)];
    let most = groups.iter().map(|(all, share)| all.len() as f32 / share).fold(count as f32, f32::min);
    let chosen = groups.iter().flat_map(|(all, share)| {
        let wanted = (share * most).round() as usize;
        (0..wanted).map(move |i| all[i * all.len() / wanted])
    });
    chosen.collect()
}

/// Features of the archive's colour portraits: what people in front of the mirror may look like to it. As many of them are women as
/// of the samples: were women rarer here, men would come back as women, and women as men where they are commoner.
pub(super) fn visitors(eyes: &Eyes, women: f32, options: &InverterOptions) -> Result<Vec<FeatureVector>> {
    let root = data_root(options.data.as_deref())?;
    let usable: Vec<_> = data::read_table(&root)?.into_iter().filter(|p| p.colour).collect();
    let genders: Vec<Option<Gender>> = usable.iter().map(|p| p.gender).collect();
    let chosen = stand_ins(&genders, options.portraits, women);

    let bar = bar(chosen.len() as u64, "portraits");
    let seen: Vec<Option<FeatureVector>> = chosen
        .par_iter()
        .map(|i| {
            bar.inc(1);
            let path = root.join("congress/portraits").join(&usable[*i].file);
            let image = frame::Image::load(&path).with_context(|| path.display().to_string())?;
            Ok(nearest(eyes.analyse(&image)?).map(|s| s.features))
        })
        .collect::<Result<_>>()?;
    bar.finish_and_clear();

    let found: Vec<FeatureVector> = seen.into_iter().flatten().collect();
    let share = 100.0 * women;
    say(format_args!(
        "{} of {} portraits with a face; {share:.0} % women, as of the samples",
        found.len(),
        chosen.len()
    ));
    anyhow::ensure!(!found.is_empty(), "no face in any portrait");
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_women_as_often_as_asked_and_all_different() {
        let genders: Vec<Option<Gender>> = (0..500)
            .map(|i| match i % 10 {
                0 => None,
                1 | 2 => Some(Gender::Female),
                _ => Some(Gender::Male),
            })
            .collect();
        for (count, share, expected) in [(100, 0.5, 100), (100, 0.12, 100), (400, 0.5, 200), (100, 0.0, 100)] {
            let chosen = stand_ins(&genders, count, share);
            let women = chosen.iter().filter(|i| genders[**i] == Some(Gender::Female)).count();
            let different: std::collections::BTreeSet<usize> = chosen.iter().copied().collect();
            assert_eq!((chosen.len(), different.len()), (expected, expected));
            assert_eq!(women, (share.max(0.05) * expected as f32).round() as usize);
            assert!(chosen.iter().all(|i| genders[*i].is_some()) && *different.last().unwrap() > 400);
        }
        assert!(stand_ins(&genders[..1], 100, 0.5).is_empty());
    }
}
