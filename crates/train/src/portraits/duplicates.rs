//! The same photograph twice.

use super::Portrait;
use super::report::{LeftOut, Rule};
use rayon::prelude::*;
use std::cmp::Reverse;

/// Removes all but the one with most pixels of each photograph: of portraits whose thumbnails correlate at least `same`. Of equals the first
/// stays.
pub(super) fn remove(portraits: &mut Vec<Portrait>, same: f32) -> Vec<LeftOut> {
    let mut order: Vec<usize> = (0..portraits.len()).collect();
    order.sort_by_key(|i| Reverse(portraits[*i].seen.source_pixels.round() as u64));
    let (mut kept, mut left_out): (Vec<usize>, Vec<Option<LeftOut>>) = Default::default();
    left_out.resize_with(portraits.len(), || None);
    for i in order {
        let alike = |k: &&usize| correlation(&portraits[**k].seen.thumbnail, &portraits[i].seen.thumbnail) >= same;
        match kept.par_iter().find_first(alike) {
            None => kept.push(i),
            Some(other) => {
                let path = portraits[i].file.path.clone();
                let why = format!("the same photograph as {}", portraits[*other].file.path.display());
                left_out[i] = Some(LeftOut { path, rule: Rule::Repeated, why });
            }
        }
    }
    let mut stays = left_out.iter().map(Option::is_none);
    portraits.retain(|_| stays.next().unwrap_or(true));
    left_out.into_iter().flatten().collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
