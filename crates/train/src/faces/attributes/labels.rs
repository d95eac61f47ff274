//! What is known of a face's age and gender, and what is likely before one looks.

use crate::data::{Gender, Portrait};
use mirror::face::attributes::{AGE_BINS, bin_age};

/// The youngest member of Congress ever was 22 when first elected; the Constitution asks for 25.
const YOUNGEST: f32 = 25.0;
/// The year that the table gives for portraits of the Government Publishing Office, which are from its guides up to that year.
const GUIDES_UNTIL: i32 = 2013;
/// How much older than the last Congress served a photograph is: half of them about as many years as the first number says, half as
/// the second. An assumption, after a look at the portraits of those who served longest.
const SINCE_PORTRAIT: [f32; 2] = [4.0, 14.0];
/// Likewise, of the portraits in the guides.
const SINCE_GUIDE: [f32; 2] = [2.0, 8.0];
/// By how much a date may be too early, years.
const TOO_EARLY: f32 = 2.5;
/// Standard deviation of an age that is known as well as can be, years: people age differently.
const LEAST_SIGMA: f32 = 4.0;
/// Share of an age label that is spread over all bins.
const AGE_SMOOTHING: f32 = 0.02;
/// Share of the years since [`SMOOTH`] that twice the furrows add, or none take away. An assumption, not a measurement.
const FURROWS: f32 = 0.45;
/// Age of a skin that has no furrows yet, years.
const SMOOTH: f32 = 18.0;
/// People in the world by fives of years from birth on, millions: United Nations, World Population Prospects 2024, for 2023, rounded.
const WORLD: [f32; 20] = [
    650.0, 690.0, 670.0, 640.0, 610.0, 600.0, 610.0, 580.0, 510.0, 480.0, 450.0, 400.0, 340.0, 280.0, 220.0, 140.0,
    90.0, 50.0, 20.0, 5.0,
];
/// Ages may become so much likelier or less likely: logarithm. More would rest on ages of which the archive has nobody.
const MOST_SHIFT: f32 = 1.5;

/// What is known of a face, and how much it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub age: Option<AgeLabel>,
    /// 1 for a woman, weight.
    pub female: Option<(f32, f32)>,
}

impl Label {
    /// 1 for a woman, 0 for a man, a half where nothing is known.
    pub fn womanhood(&self) -> f32 {
        self.female.map_or(0.5, |(female, _)| female)
    }

    /// Of a face that is `share` of another: as much of each label (mixup: Zhang et al., ICLR 2018), ages by mean and spread.
    pub fn blended(&self, other: &Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + share * (b - a);
        let female = self.female.zip(other.female).map(|((a, v), (b, w))| (mix(a, b), v.min(w)));
        let age = self.age.zip(other.age).map(|(a, b)| {
            let variance = mix(a.sigma.powi(2), b.sigma.powi(2)) + share * (1.0 - share) * (a.years - b.years).powi(2);
            AgeLabel { years: mix(a.years, b.years), sigma: variance.sqrt() }
        });
        Self { age, female }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AgeLabel {
    /// Years.
    pub years: f32,
    /// What `years` is off by, standard deviation.
    pub sigma: f32,
}

impl AgeLabel {
    /// Of an age that is known.
    pub fn known(years: f32) -> Self {
        Self { years, sigma: LEAST_SIGMA }
    }

    /// Of a face whose furrows are so many times as deep.
    pub fn furrowed(self, factor: f32) -> Self {
        let change = FURROWS * (factor - 1.0);
        let years = self.years + change * (self.years - SMOOTH).max(0.0);
        Self { years: years.min(bin_age(AGE_BINS - 1)), sigma: self.sigma * (1.0 + change.abs()) }
    }

    /// The bins' share in the age: a bell, and a little everywhere.
    pub fn target(&self) -> [f32; AGE_BINS] {
        let bell: [f32; AGE_BINS] =
            std::array::from_fn(|i| (-0.5 * ((bin_age(i) - self.years) / self.sigma).powi(2)).exp().max(1e-12));
        let sum: f32 = bell.iter().sum();
        bell.map(|b| (1.0 - AGE_SMOOTHING) * b / sum + AGE_SMOOTHING / AGE_BINS as f32)
    }
}

/// All that the archive says of the date of a portrait: when it was taken at the latest.
///
/// The difference matters: of the members whose table says 80 or more, many look like 50, as their portrait hung through a career of
/// thirty years, and a net that believes the table learns these by heart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dated {
    /// The age then, years.
    latest: f32,
    /// How much earlier it was (see [`SINCE_PORTRAIT`]).
    since: [f32; 2],
}

impl Dated {
    /// `last_served`: the last Congress of that member, if another portrait is dated by it. `None` without an age.
    pub fn of(portrait: &Portrait, last_served: Option<i32>) -> Option<Self> {
        let age = portrait.age.filter(|age| (0.0..110.0).contains(age))?;
        Some(if portrait.is_from_guide() {
            let gone = GUIDES_UNTIL - last_served.map_or(GUIDES_UNTIL, |year| year.min(GUIDES_UNTIL));
            Self { latest: age - gone as f32, since: SINCE_GUIDE }
        } else {
            Self { latest: age, since: SINCE_PORTRAIT }
        })
    }

    /// A portrait of somebody who was so old in the last Congress served.
    #[cfg(test)]
    pub fn portrait_until(latest: f32) -> Self {
        Self { latest, since: SINCE_PORTRAIT }
    }

    /// How likely such a date is for somebody of this age, up to a factor.
    fn likelihood(&self, age: f32) -> f32 {
        if age < YOUNGEST {
            return 0.0;
        }
        let years = self.latest - age;
        let too_early = (-0.5 * (years.min(0.0) / TOO_EARLY).powi(2)).exp();
        too_early * self.since.map(|mean| (-years.max(0.0) / mean).exp() / mean).iter().sum::<f32>()
    }

    /// The age by the date and by the looks of the face: how likely the face is at each age, up to a factor (all alike where nobody
    /// has looked). One step of expectation-maximisation over dates that may be wrong (Dempster et al., J. R. Stat. Soc. B 39, 1977).
    pub fn label(&self, looks: &[f32; AGE_BINS]) -> AgeLabel {
        let p: [f32; AGE_BINS] = std::array::from_fn(|i| self.likelihood(bin_age(i)) * looks[i]);
        let sum = p.iter().sum::<f32>();
        if sum <= f32::MIN_POSITIVE {
            return AgeLabel::known(self.latest.max(YOUNGEST));
        }
        let mean_of = |f: &dyn Fn(f32) -> f32| p.iter().enumerate().map(|(i, p)| p * f(bin_age(i))).sum::<f32>() / sum;
        let years = mean_of(&|age| age);
        let sigma = mean_of(&|age| (age - years).powi(2)).sqrt();
        AgeLabel { years, sigma: sigma.max(LEAST_SIGMA) }
    }
}

/// See [`Label::womanhood`].
pub(super) fn womanhood_of(gender: Gender) -> f32 {
    f32::from(u8::from(gender == Gender::Female))
}

/// The gender as the archive has it: what was inferred from the era counts little.
pub(super) fn gender_label(portrait: &Portrait) -> Option<(f32, f32)> {
    let weight = if portrait.gender_source == "era" { 0.3 } else { 1.0 };
    portrait.gender.map(|gender| (womanhood_of(gender), weight))
}

/// What to add to the logits of the ages of people who come as often as some examples, so that without it the net expects
/// as many of each age as there are in the world: logit adjustment (Menon et al., "Long-tail learning via logit
/// adjustment", ICLR 2021, section 4). Of men and of women each: the archive has hardly a woman under 40.
#[derive(Clone, Debug)]
pub(super) struct PriorShift {
    men: [f32; AGE_BINS],
    women: [f32; AGE_BINS],
}

impl PriorShift {
    /// Of examples, and how often each comes.
    pub fn of(examples: impl Iterator<Item = (Label, f32)>) -> Self {
        let mut here = [[0.0f32; AGE_BINS]; 2];
        for (label, weight) in examples {
            let (Some(age), womanhood) = (label.age, label.womanhood()) else { continue };
            for (here, share) in here.iter_mut().zip([1.0 - womanhood, womanhood]) {
                here.iter_mut().zip(age.target()).for_each(|(h, t)| *h += share * weight * t);
            }
        }
        let [men, women] = here.map(|here| shift_of(&here));
        Self { men, women }
    }

    /// Of people of all ages alike.
    pub fn of_all_ages() -> Self {
        Self::of((0..AGE_BINS).map(|i| (Label { age: Some(AgeLabel::known(bin_age(i))), female: None }, 1.0)))
    }

    /// What to add for somebody who is so much of a woman (see [`Label::womanhood`]).
    pub fn for_gender(&self, womanhood: f32) -> [f32; AGE_BINS] {
        std::array::from_fn(|i| self.men[i] + womanhood * (self.women[i] - self.men[i]))
    }
}

/// Of an age pyramid, of any sum.
fn shift_of(here: &[f32; AGE_BINS]) -> [f32; AGE_BINS] {
    let world: [f32; AGE_BINS] = std::array::from_fn(|i| WORLD[(bin_age(i) / 5.0) as usize]);
    let (all, everybody) = (here.iter().sum::<f32>(), world.iter().sum::<f32>());
    if all <= 0.0 {
        return [0.0; AGE_BINS];
    }
    std::array::from_fn(|i| (here[i] / all * everybody / world[i]).max(1e-9).ln().clamp(-MOST_SHIFT, MOST_SHIFT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::face::attributes::AGE_STEP;

    fn aged(years: f32) -> Label {
        Label { age: Some(AgeLabel::known(years)), female: None }
    }

    #[test]
    fn age_labels_are_distributions_around_the_age() {
        for age in [18.0, 43.0, 99.0] {
            let p = AgeLabel::known(age).target();
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            let peak = (0..AGE_BINS).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap();
            assert!((bin_age(peak) - age.min(bin_age(AGE_BINS - 1))).abs() <= 0.5 * AGE_STEP);
        }
    }

    #[test]
    fn furrows_make_older_and_smoothness_younger() {
        let age = AgeLabel::known(48.0);
        let years = [0.0, 0.5, 1.0, 2.0].map(|factor| age.furrowed(factor).years);
        assert!(years.is_sorted() && years[0] > SMOOTH && years[2] == 48.0, "{years:?}");
        assert!(age.furrowed(2.0).sigma > LEAST_SIGMA && age.furrowed(1.0) == age);
        assert!(AgeLabel::known(90.0).furrowed(3.0).years <= bin_age(AGE_BINS - 1));
    }

    #[test]
    fn a_blend_of_a_woman_and_a_man_is_as_much_of_each_as_was_blended_in() {
        let of = |female: f32, weight: f32| Label { age: None, female: Some((female, weight)) };
        let nobody = Label { age: None, female: None };
        assert_eq!(of(1.0, 1.0).blended(&of(0.0, 0.3), 0.25).female, Some((0.75, 0.3)));
        assert_eq!(of(1.0, 1.0).blended(&nobody, 0.25).female, None);
        assert_eq!((of(1.0, 1.0).womanhood(), of(0.25, 0.3).womanhood(), nobody.womanhood()), (1.0, 0.25, 0.5));
        let age = aged(30.0).blended(&aged(70.0), 0.5).age.unwrap();
        assert!(age.years == 50.0 && (age.sigma - 416f32.sqrt()).abs() < 1e-3, "{age:?}");
    }

    #[test]
    fn a_late_date_yields_to_the_looks_of_a_young_face() {
        let dated = Dated::portrait_until(84.0);
        let looking = |years: f32| std::array::from_fn(|i| (-0.5 * ((bin_age(i) - years) / 6.0).powi(2)).exp());
        let blind = dated.label(&[1.0; AGE_BINS]);
        assert!((70.0..80.0).contains(&blind.years) && blind.sigma > LEAST_SIGMA, "{blind:?}");
        let [young, old] = [45.0, 82.0].map(|years| dated.label(&looking(years)));
        assert!((45.0..55.0).contains(&young.years) && (78.0..86.0).contains(&old.years), "{young:?}, {old:?}");
        // Nobody was photographed much after the date, whatever they look like, nor before they could be elected.
        let early = Dated { latest: 40.0, since: SINCE_GUIDE };
        assert!(early.label(&looking(75.0)).years < 50.0);
        assert!(early.label(&looking(10.0)).years >= YOUNGEST);
        let never = early.label(&[0.0; AGE_BINS]);
        assert_eq!(never, AgeLabel::known(40.0));
    }

    #[test]
    fn a_net_that_sees_nothing_expects_the_ages_of_the_world() {
        // Everybody here is about 60, half of the time; otherwise of any age.
        let labels: Vec<Label> =
            (0..400).map(|i| aged(if i % 2 == 0 { 60.0 } else { 94.0 * (i as f32 / 400.0) })).collect();
        let shift = PriorShift::of(labels.iter().map(|l| (*l, 1.0))).for_gender(0.5);
        // The best answer without looking is the mean of the targets; what the shift leaves of it is the world.
        let world = |i: usize| WORLD[(bin_age(i) / 5.0) as usize];
        let mean: Vec<f32> =
            (0..AGE_BINS).map(|i| labels.iter().map(|l| l.age.unwrap().target()[i]).sum::<f32>()).collect();
        let left = |i: usize| mean[i].ln() - shift[i];
        for i in (0..AGE_BINS).filter(|i| shift[*i].abs() < MOST_SHIFT && shift[3].abs() < MOST_SHIFT) {
            let (expected, found) = ((world(i) / world(3)).ln(), left(i) - left(3));
            assert!((expected - found).abs() < 1e-3, "{}: {found} instead of {expected}", bin_age(i));
        }
        assert!(shift.iter().any(|s| s.abs() < MOST_SHIFT) && shift[3].abs() < MOST_SHIFT);
        assert!(shift[14] > 0.5, "60 is commoner here than in the world: {shift:?}");
    }

    #[test]
    fn an_age_that_is_rare_among_women_only_is_made_likelier_for_women_only() {
        let person = |years: f32, female: f32| Label { female: Some((female, 1.0)), ..aged(years) };
        let ages = (0..60).map(|i| 30.0 + i as f32);
        let men = ages.clone().map(|years| (person(years, 0.0), 1.0));
        let women = ages.map(|years| (person(years, 1.0), if years < 45.0 { 0.2 } else { 1.0 }));
        let shift = PriorShift::of(men.chain(women));
        let young = 8;
        assert_eq!(bin_age(young), 34.0);
        let [men, either, women] = [0.0, 0.5, 1.0].map(|womanhood| shift.for_gender(womanhood)[young]);
        assert!(women < men - 0.5 && (either - 0.5 * (men + women)).abs() < 1e-6, "{women} against {men}");
    }
}
