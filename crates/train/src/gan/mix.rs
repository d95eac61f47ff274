//! How often each picture is drawn.

use super::complexion::{self, Complexion};
use anyhow::Result;
use nn::Rng;

/// How often portraits of some kinds are drawn, whatever their number.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Share of the portraits drawn that show women, from 0 to 1. The archive's own is about one in four, and a generator that learns
    /// that makes a man of nearly everybody.
    pub women: f32,
    /// Share of the portraits drawn whose lips touch, from 0 to 1. The archive's own is about one in three, most of them men.
    pub closed_mouths: f32,
}

impl Default for Shares {
    fn default() -> Self {
        Self { women: 0.5, closed_mouths: 0.5 }
    }
}

/// What is known of a portrait that decides how often it is drawn.
pub(super) struct Traits {
    pub is_woman: bool,
    pub mouth_is_closed: bool,
    pub complexion: Complexion,
}

/// Groups of pictures, and what share of the drawn ones is of each.
#[derive(Clone)]
pub struct Mix(pub(super) Vec<Group>);

/// Pictures of one kind.
#[derive(Clone)]
pub(super) struct Group {
    share: f32,
    pub members: Vec<usize>,
    /// How often each is drawn, above 0.
    pub weights: Vec<f32>,
    /// The largest of them.
    most: f32,
}

impl Group {
    fn new(share: f32, members: Vec<usize>, weights: Vec<f32>) -> Self {
        let most = weights.iter().copied().fold(0.0, f32::max);
        Self { share, members, weights, most }
    }

    fn even(share: f32, members: Vec<usize>) -> Self {
        let weights = vec![1.0; members.len()];
        Self::new(share, members, weights)
    }

    fn pick(&self, rng: &mut Rng) -> usize {
        loop {
            let i = rng.below(self.members.len());
            if rng.uniform() * self.most < self.weights[i] {
                return self.members[i];
            }
        }
    }

    /// How many different ones can be drawn while those that weigh most are drawn as often as they should be.
    fn different(&self) -> f32 {
        self.weights.iter().sum::<f32>() / self.most
    }

    /// Different ones, by weight (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
    fn draw(&self, count: usize, rng: &mut Rng) -> impl Iterator<Item = usize> {
        let mut drawn: Vec<(f32, usize)> =
            self.weights.iter().zip(&self.members).map(|(w, i)| (rng.uniform().powf(self.most / w), *i)).collect();
        drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
        drawn.into_iter().take(count).map(|d| d.1)
    }
}

impl Mix {
    /// Each of `n` pictures as often as any other.
    pub fn even(n: usize) -> Self {
        Self(vec![Group::even(1.0, (0..n).collect())])
    }

    /// Groups of which none that has a share may be empty.
    fn of(mut groups: Vec<Group>) -> Self {
        groups.retain(|g| g.share > 0.0);
        Self(groups)
    }

    /// A random one.
    pub(super) fn pick(&self, rng: &mut Rng) -> usize {
        let mut at = if self.0.len() > 1 { rng.uniform() } else { 0.0 };
        let last = self.0.len() - 1;
        let group = self.0[..last].iter().find(|g| {
            let within = at < g.share;
            at -= g.share;
            within
        });
        group.unwrap_or(&self.0[last]).pick(rng)
    }

    /// The probability with which each of the first `n` pictures is drawn.
    pub(super) fn probabilities(&self, n: usize) -> Vec<f32> {
        let mut probabilities = vec![0.0; n];
        for group in &self.0 {
            let sum = group.weights.iter().sum::<f32>();
            group.members.iter().zip(&group.weights).for_each(|(i, w)| probabilities[*i] += group.share * w / sum);
        }
        probabilities
    }

    /// As many different ones as there are of every group in its share, in random order. Where some weigh more, as many fewer of the others.
    pub fn without_repeats(&self, rng: &mut Rng) -> Vec<usize> {
        let most = self.0.iter().map(|g| g.different() / g.share).fold(f32::INFINITY, f32::min);
        let mut drawn: Vec<usize> = Vec::new();
        for group in &self.0 {
            drawn.extend(group.draw((group.share * most).round() as usize, rng));
        }
        rng.shuffle(&mut drawn);
        drawn
    }
}

/// Women and others with closed and open mouths, each in its share.
pub(super) fn mix(traits: &[Traits], shares: &Shares, dark: f32) -> Result<Mix> {
    let mut groups = Vec::new();
    for (is_woman, of_gender) in [(true, shares.women), (false, 1.0 - shares.women)] {
        for (is_closed, of_mouths) in [(true, shares.closed_mouths), (false, 1.0 - shares.closed_mouths)] {
            let members: Vec<usize> = (0..traits.len())
                .filter(|i| traits[*i].is_woman == is_woman && traits[*i].mouth_is_closed == is_closed)
                .collect();
            anyhow::ensure!(
                of_gender * of_mouths == 0.0 || !members.is_empty(),
                "no portrait of {} with {} mouth passes\nhint: --women and --closed-mouths choose the shares, 0 and 1 leave a kind out",
                if is_woman { "a woman" } else { "a man" },
                if is_closed { "a closed" } else { "an open" }
            );
            let complexions: Vec<Complexion> = members.iter().map(|i| traits[*i].complexion).collect();
            groups.push(Group::new(of_gender * of_mouths, members, complexion::weights(&complexions, dark)));
        }
    }
    Ok(Mix::of(groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Image;
    use mirror::face::Landmarks;

    #[test]
    fn women_are_drawn_as_often_as_was_asked_for() {
        let rng = &mut Rng::new(3);
        for share in [0.0, 0.25, 0.5, 1.0] {
            let mix =
                Mix::of(vec![Group::even(share, (0..20).collect()), Group::even(1.0 - share, (20..120).collect())]);
            let women = (0..4000).filter(|_| mix.pick(rng) < 20).count() as f32 / 4000.0;
            assert!((women - share).abs() < 0.03, "{women} of {share}");
            let mut once = mix.without_repeats(rng);
            let women = once.iter().filter(|i| **i < 20).count() as f32 / once.len() as f32;
            assert!((women - share).abs() < 0.01, "{women} of {share}");
            once.sort_unstable();
            assert!(once.windows(2).all(|w| w[0] < w[1]));
        }
    }

    #[test]
    fn what_weighs_more_is_drawn_more_often() {
        let (rng, mix) = (&mut Rng::new(4), Mix::of(vec![Group::new(1.0, vec![5, 6, 7], vec![1.0, 3.0, 1.0])]));
        let sixes = (0..5000).filter(|_| mix.pick(rng) == 6).count();
        assert!((2850..3150).contains(&sixes), "{sixes}");
        let pairs: Vec<Vec<usize>> = (0..300).map(|_| mix.without_repeats(rng)).collect();
        // Five thirds of a picture: two different ones, hardly ever without the one that weighs most.
        assert!(pairs.iter().all(|p| p.len() == 2 && p[0] != p[1]));
        assert!(pairs.iter().filter(|p| p.contains(&6)).count() > 240);
    }

    /// How often those of a kind are drawn.
    fn share(mix: &Mix, traits: &[Traits], is: fn(&Traits) -> bool) -> f32 {
        traits.iter().zip(mix.probabilities(traits.len())).filter(|(t, _)| is(t)).map(|(_, p)| p).sum()
    }

    #[test]
    fn kinds_are_drawn_in_their_shares_and_kinds_that_are_missing_are_named() {
        let of = |is_woman, mouth_is_closed| Traits {
            is_woman,
            mouth_is_closed,
            complexion: Complexion::of(&Image { width: 4, height: 4, data: vec![200; 48] }, &Landmarks::schematic()),
        };
        let traits: Vec<Traits> = (0..200).map(|i| of(i % 10 == 0, i % 4 == 0)).collect();
        let shares = Shares { women: 0.4, closed_mouths: 0.7 };
        let drawn = mix(&traits, &shares, 1.0).unwrap();
        assert!((share(&drawn, &traits, |t| t.is_woman) - 0.4).abs() < 1e-4);
        assert!((share(&drawn, &traits, |t| t.mouth_is_closed) - 0.7).abs() < 1e-4);
        let men: Vec<Traits> = (0..20).map(|i| of(false, i % 2 == 0)).collect();
        let error = mix(&men, &shares, 1.0).err().unwrap().to_string();
        assert!(error.contains("no portrait of a woman with a closed mouth"), "{error}");
        assert!(mix(&men, &Shares { women: 0.0, ..shares }, 1.0).is_ok());
    }
}
