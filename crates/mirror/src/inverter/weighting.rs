//! How much each feature counts where faces are compared.

use crate::features::greedy::Number;
use crate::features::{FEATURES, Group};

/// What a group counts in comparisons: by what people notice, not by how many numbers it has.
fn group_weight(group: Group) -> f32 {
    match group {
        Group::Skin => 5.5,
        Group::Pose => 5.0,
        Group::Expression => 4.5,
        Group::Gender => 3.5,
        Group::Shape => 3.0,
        Group::Age => 1.5,
        Group::Hair => 1.0,
        Group::Likeness | Group::Background => 0.5,
    }
}

/// What a number counts beside the others of its group.
fn share(number: Number) -> f32 {
    /// How light a skin is, its L*, is seen before its hue.
    const SKIN_L: usize = Group::Skin.range().start;
    /// Whether a mouth is open is seen before all else that a face does.
    const MOUTH_OPEN: usize = Group::Expression.range().start;
    /// Portraits are upright, so that the roll hardly varies among samples.
    const ROLL: usize = Group::Pose.range().start + 2;
    match number {
        Number::Other(SKIN_L) => 2.5,
        Number::Other(MOUTH_OPEN) => 3.0,
        Number::Other(ROLL) => 0.1,
        _ => 1.0,
    }
}

/// The weights of groups, shared out among their members. They sum to 1.
fn shared_out(members: &[(Group, f32)]) -> Vec<f32> {
    let of_group = |group: Group| members.iter().filter(|m| m.0 == group).map(|m| m.1).sum::<f32>();
    let weights: Vec<f32> = members.iter().map(|(g, share)| group_weight(*g) * share / of_group(*g)).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The weight of each entry of a [`FeatureVector`](crate::features::FeatureVector) in every comparison; they sum to 1.
pub fn feature_weights() -> [f32; FEATURES] {
    let of_group = |group: Group| group.range().map(move |i| (group, share(Number::Other(i))));
    let weights = shared_out(&Group::ALL.into_iter().flat_map(of_group).collect::<Vec<_>>());
    std::array::from_fn(|i| weights[i])
}

/// The weight of each number of an order in every comparison; they sum to 1.
pub(super) fn number_weights(order: &[Number]) -> Vec<f32> {
    shared_out(&order.iter().map(|n| (n.group(), share(*n))).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::tests::order;

    #[test]
    fn the_weights_of_numbers_and_of_features_sum_to_1() {
        assert!((feature_weights().iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let weights = number_weights(&order());
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // Three numbers share the weight of shape, one has that of age alone.
        assert!((weights[1] / weights[3] - 3.0 / 3.0 / 1.5).abs() < 1e-4 && weights[8] < 0.2 * weights[2]);
    }
}
