//! How much each feature counts where faces are compared.

use crate::features::greedy::Number;
use crate::features::{FEATURES, Group};

/// What a group counts in comparisons: by what people notice, not by how many numbers it has.
fn group_weight(group: Group) -> f32 {
    match group {
        Group::Pose => 5.0,
        Group::Skin => 4.0,
        Group::Shape | Group::Expression | Group::Gender => 3.0,
        Group::Age | Group::Likeness => 1.5,
        Group::Hair => 1.0,
        Group::Background => 0.5,
    }
}

/// What the roll counts, of what another angle does: portraits are upright, so that it hardly varies among samples.
const ROLL_SHARE: f32 = 0.1;

/// Shares of each group's weight among its members. They sum to 1.
fn shared_out(members: &[(Group, bool)]) -> Vec<f32> {
    let size = |group: Group| members.iter().filter(|m| m.0 == group).count().max(1) as f32;
    let each = |(group, is_roll): &(Group, bool)| {
        group_weight(*group) / size(*group) * if *is_roll { ROLL_SHARE } else { 1.0 }
    };
    let weights: Vec<f32> = members.iter().map(each).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// The weight of each entry of a [`FeatureVector`] in every comparison; they sum to 1.
pub fn feature_weights() -> [f32; FEATURES] {
    let roll = Group::Pose.range().start + 2;
    let members: Vec<(Group, bool)> =
        Group::ALL.into_iter().flat_map(|g| g.range().map(move |i| (g, i == roll))).collect();
    let weights = shared_out(&members);
    std::array::from_fn(|i| weights[i])
}

/// The weight of each number of an order in every comparison; they sum to 1.
pub(super) fn number_weights(order: &[Number]) -> Vec<f32> {
    let roll = Number::Other(Group::Pose.range().start + 2);
    shared_out(&order.iter().map(|n| (n.group(), *n == roll)).collect::<Vec<_>>())
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
