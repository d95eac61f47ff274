//! Where a feature stands in its population.

use nn::Param;

/// The largest score: rarer than one in a hundred on either side is all the same.
pub const LIMIT: f32 = 2.4;
/// Entries of the table for each feature.
const LEVELS: usize = 33;
/// Scores between neighbouring entries.
const STEP: f32 = 2.0 * LIMIT / (LEVELS - 1) as f32;

/// The smallest spread of a feature that is divided by.
const LEAST_SPREAD: f32 = 1e-3;
/// The largest deviation: a feature that hardly varies in the archive says nothing sensible about how strange a stranger is.
const MOST_DEVIATION: f32 = 10.0;

/// For each of several numbers the values at evenly spaced normal scores from -[`LIMIT`] to [`LIMIT`].
#[derive(Clone, Debug)]
pub struct QuantileTable {
    width: usize,
    /// `[LEVELS, width]`, which the file holds as `[width, LEVELS]`.
    table: Param,
}

impl QuantileTable {
    /// A table of `width` numbers without knowledge: every score is 0.
    pub(crate) fn flat(name: &str, width: usize) -> Self {
        let table = Param {
            name: format!("quantiles/{name}"),
            shape: vec![LEVELS, width],
            value: vec![0.0; LEVELS * width],
            scale: 1.0,
        };
        Self { width, table }
    }

    pub(crate) fn param(&self) -> &Param {
        &self.table
    }

    pub(crate) fn param_mut(&mut self) -> &mut Param {
        &mut self.table
    }

    /// Learns the distribution of each number; a row a face.
    pub(crate) fn fit(&mut self, rows: &[Vec<f32>]) {
        if rows.is_empty() {
            return;
        }
        for i in 0..self.width {
            let mut values: Vec<f32> = rows.iter().map(|r| r[i]).collect();
            values.sort_by(f32::total_cmp);
            for level in 0..LEVELS {
                let rank = normal_cdf(level_score(level)) * (values.len() - 1) as f32;
                let below = (rank as usize).min(values.len() - 1);
                let above = (below + 1).min(values.len() - 1);
                let t = rank - below as f32;
                self.table.value[level * self.width + i] = values[below] * (1.0 - t) + values[above] * t;
            }
        }
    }

    /// Takes one number's distribution from that of another population, by a rising function of the scores and values there.
    pub(super) fn derive(&mut self, i: usize, other: &Self, value: impl Fn(f32, f32) -> f32) {
        for level in 0..LEVELS {
            self.table.value[level * self.width + i] = value(level_score(level), other.at(i, level));
        }
    }

    /// Takes one number's distribution from another of this table, but that whoever had a score `s + less(s)` there has `s` here.
    pub(super) fn lower(&mut self, i: usize, from: usize, less: impl Fn(f32) -> f32) {
        let values: Vec<f32> =
            (0..LEVELS).map(level_score).map(|score| self.value(from, score + less(score))).collect();
        values.into_iter().enumerate().for_each(|(level, v)| self.table.value[level * self.width + i] = v);
    }

    /// Makes a table from a file rise, whatever the file says.
    pub(crate) fn mend(&mut self) {
        for at in self.width..LEVELS * self.width {
            self.table.value[at] = self.table.value[at].max(self.table.value[at - self.width]);
        }
    }

    /// Forgets one number: it never differed.
    pub(super) fn flatten(&mut self, i: usize) {
        (0..LEVELS).for_each(|level| self.table.value[level * self.width + i] = 0.0);
    }

    fn at(&self, i: usize, level: usize) -> f32 {
        self.table.value[level * self.width + i]
    }

    /// The normal score of a value, within ±[`LIMIT`]; of a value that many share, the middle of their scores.
    pub fn score(&self, i: usize, value: f32) -> f32 {
        let below = partition(|level| self.at(i, level) < value);
        let not_above = partition(|level| self.at(i, level) <= value);
        if not_above > below {
            return (level_score(below) + level_score(not_above - 1)) / 2.0;
        }
        if below == 0 {
            return -LIMIT;
        }
        if below == LEVELS {
            return LIMIT;
        }
        let (low, high) = (self.at(i, below - 1), self.at(i, below));
        level_score(below - 1) + STEP * (value - low) / (high - low)
    }

    /// The value at a score: the way back.
    pub fn value(&self, i: usize, score: f32) -> f32 {
        let position = ((score.clamp(-LIMIT, LIMIT) + LIMIT) / STEP).min((LEVELS - 1) as f32);
        let below = (position as usize).min(LEVELS - 2);
        let t = position - below as f32;
        self.at(i, below) * (1.0 - t) + self.at(i, below + 1) * t
    }

    /// Whether a number ever differed in the population.
    pub fn varies(&self, i: usize) -> bool {
        self.at(i, 0) < self.at(i, LEVELS - 1)
    }

    /// Distance from the median in standard deviations, at most ten; 0 where the number never differed.
    pub fn deviation(&self, i: usize, value: f32) -> f32 {
        if !self.varies(i) {
            return 0.0;
        }
        // Half of the span between the scores -1.05 and 1.05, which are entries of the table.
        let seven = (LEVELS - 1) / 2 - 7;
        let spread = (self.at(i, LEVELS - 1 - seven) - self.at(i, seven)) / (2.0 * 7.0 * STEP);
        let deviation = (value - self.at(i, (LEVELS - 1) / 2)) / spread.max(LEAST_SPREAD);
        deviation.clamp(-MOST_DEVIATION, MOST_DEVIATION)
    }
}

fn level_score(level: usize) -> f32 {
    level as f32 * STEP - LIMIT
}

/// The number of levels for which `p` holds; it must hold for all below one that it holds for.
fn partition(p: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, LEVELS);
    while low < high {
        let middle = (low + high) / 2;
        if p(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// The share of a normal distribution below `x`, to 1e-7 (Abramowitz and Stegun 26.2.17).
pub fn normal_cdf(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let t = 1.0 / (1.0 + 0.231_641_9 * a);
    let poly =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-a * a / 2.0).exp() / std::f64::consts::TAU.sqrt() * poly;
    (if x < 0.0 { tail } else { 1.0 - tail }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn scores_of_a_population_are_normal_and_lead_back() {
        let mut rng = Rng::new(5);
        let rows: Vec<Vec<f32>> = (0..2000).map(|_| (0..9).map(|_| rng.normal().exp()).collect()).collect();
        let mut quantiles = QuantileTable::flat("test", 9);
        quantiles.fit(&rows);
        let scores: Vec<f32> = rows.iter().map(|r| quantiles.score(7, r[7])).collect();
        let mean = scores.iter().sum::<f32>() / 2000.0;
        let variance = scores.iter().map(|s| s * s).sum::<f32>() / 2000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
        for value in [0.3, 1.0, 2.5] {
            let back = quantiles.value(7, quantiles.score(7, value));
            assert!((back - value).abs() < 1e-3, "{value} came back as {back}");
        }
        assert_eq!((quantiles.score(7, -1.0), quantiles.score(7, 1e6)), (-LIMIT, LIMIT));
    }

    #[test]
    fn a_feature_that_never_varies_scores_0() {
        assert_eq!(QuantileTable::flat("test", 3).score(0, 0.0), 0.0);
        assert_eq!(QuantileTable::flat("test", 3).score(0, 1.0), LIMIT);
        assert_eq!(QuantileTable::flat("test", 3).deviation(0, 1.0), 0.0);
    }
}
