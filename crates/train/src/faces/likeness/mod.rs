//! Trains the net that tells faces apart.
//!
//! Two looks at a person belong together: other photographs of them where the archive has some, else the same photograph, each in another
//! light, crop, sharpness, turned as a relief, perhaps without colours. Everybody else in the batch is a stranger. Everybody is drawn equally
//! often.

mod loss;

use self::loss::contrastive;
use super::augment::{self, Photometric, occlude};
use super::deform::{Deformation, Jitter, Patch};
use super::turn::{Turn, turned_heads};
use crate::data::{self, Negative};
use crate::gan::{Filter, read_aligned};
use crate::runs::{self, Lesson, LessonOptions, TrainedNet, Validation, backpropagate, data_root, say};
use anyhow::Result;
use frame::Image;
use mirror::face::Landmarks;
use mirror::face::Rect;
use mirror::face::align::portrait_crop;
use mirror::face::likeness::{CROP, Likeness, alikeness, input, likeness_of, network};
use nn::{Initializer, Rng, Sequential};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Width of a stored face, pixels.
const PATCH: usize = 184;
/// Largest turn of a head to either side, radians.
const MOST_YAW: f32 = 0.6;
/// Share of the looks at a turned head.
const TURNED: f32 = 0.3;
/// Little that changes the proportions of a face: they are what tells it from others.
const JITTER: Jitter =
    Jitter { shift: 0.04, scale: 0.06, roll: 0.1, stretch: 0.02, shear: 0.02, keystone: 0.04, pull: 0.004 };
const PHOTOMETRIC: Photometric =
    Photometric { tone: 0.9, cast: 0.4, light: 0.5, grey: 0.25, blur: 0.3, rescale: 0.25, noise: 0.3, jpeg: 0.4 };
/// Looks at everybody held out in a validation, of which the first is found again among the others.
const LOOKS: usize = 2;

/// One photograph of a face.
struct Face {
    patch: Patch,
    turned: Option<Patch>,
}

/// The archive's people.
struct People {
    /// All photographs of each.
    learned: Vec<Vec<Face>>,
    held_out: Vec<Vec<Face>>,
    textures: Vec<Negative>,
}

impl People {
    /// The portraits of all eras of `congress`, and those of `office`; a tenth of the people is held out.
    fn load(root: &Path) -> Result<Self> {
        let mut people: BTreeMap<String, Vec<Face>> = BTreeMap::new();
        let portraits = data::load_portraits(root)?;
        let cut: Vec<_> = portraits
            .par_iter()
            .filter_map(|p| Some((p.bioguide.clone(), Face::cut(&p.image, &p.landmarks, &p.file)?)))
            .collect();
        drop(portraits);
        let office = root.join("office");
        let aligned = if office.is_dir() { read_aligned(&[office], &Filter::EVERYBODY)? } else { Vec::new() };
        let more: Vec<_> = aligned
            .par_iter()
            .filter_map(|p| Some((p.person.clone(), Face::cut(&p.image, &p.landmarks, &p.path.to_string_lossy())?)))
            .collect();
        for (person, face) in cut.into_iter().chain(more) {
            people.entry(person).or_default().push(face);
        }

        let (held_out, learned): (Vec<_>, Vec<_>) =
            people.into_iter().partition(|(person, _)| data::is_held_out(person, 10));
        let faces = |people: Vec<(String, Vec<Face>)>| people.into_iter().map(|(_, faces)| faces).collect::<Vec<_>>();
        let (held_out, learned) = (faces(held_out), faces(learned));
        anyhow::ensure!(learned.len() > 1 && held_out.len() > 1, "too few people to learn from");
        let several = learned.iter().filter(|faces| faces.len() > 1).count();
        say(format_args!(
            "{} people, {several} of them in several photographs, {} held out",
            learned.len(),
            held_out.len()
        ));
        Ok(Self { learned, held_out, textures: data::load_negatives(root)? })
    }

    /// A look at one of somebody's photographs.
    fn look(&self, face: &Face, rng: &mut Rng) -> Image {
        let patch = face.turned.as_ref().filter(|_| rng.chance(TURNED)).unwrap_or(&face.patch);
        let mut crop = Deformation::random(&JITTER, rng).sample(patch, CROP, rng.chance(0.5));
        if rng.chance(0.3) {
            let (factor, radius) = (rng.range(0.0, 2.0), 2 + rng.below(3));
            augment::detail(&mut crop, factor, radius);
        }
        if rng.chance(0.2) {
            let texture = (!self.textures.is_empty()).then(|| &self.textures[rng.below(self.textures.len())].image);
            let side = CROP as f32;
            occlude(&mut crop, &Rect { x: 0.0, y: 0.0, w: side, h: side }, 0.3, texture, rng);
        }
        PHOTOMETRIC.apply(&mut crop, rng);
        crop
    }

    /// Two looks at somebody, of different photographs where there are several.
    fn pair(&self, faces: &[Face], rng: &mut Rng) -> [Image; LOOKS] {
        let first = rng.below(faces.len());
        let second = if faces.len() > 1 { (first + 1 + rng.below(faces.len() - 1)) % faces.len() } else { first };
        [first, second].map(|i| self.look(&faces[i], rng))
    }
}

impl Face {
    fn cut(image: &Image, landmarks: &Landmarks, name: &str) -> Option<Self> {
        let crop = portrait_crop(landmarks)?;
        let turn = Turn::of(landmarks, name).next()?;
        let turn = Turn { yaw: turn.yaw.clamp(-MOST_YAW, MOST_YAW), ..turn };
        let turned = turned_heads(image, landmarks, PATCH, portrait_crop, std::iter::once(turn)).pop();
        Some(Self { patch: Patch::cut(image, &crop, &[], PATCH), turned })
    }
}

impl Lesson for People {
    const NET: &'static str = "likeness";
    const MINUTES: f64 = 30.0;
    const BATCH: u32 = 48;
    const DECAY: f32 = 0.1;
    const FIGURES: &'static [&'static str] = &["held_out_found", "held_out_rank", "held_out_rank_other_photograph"];
    type Net = Sequential;
    type Sample = (usize, [Image; LOOKS]);

    fn network(&self, values: &mut impl Initializer) -> Sequential {
        network(values)
    }

    fn draw(&self, rng: &mut Rng) -> (usize, [Image; LOOKS]) {
        let person = rng.below(self.learned.len());
        (person, self.pair(&self.learned[person], rng))
    }

    fn learn(&mut self, net: &Sequential, samples: &[Self::Sample], grads: &mut [Vec<f32>]) -> Vec<f32> {
        let people: Vec<usize> = samples.iter().flat_map(|(person, _)| [*person; LOOKS]).collect();
        let input = input(samples.iter().flat_map(|(_, looks)| looks));
        vec![backpropagate(net, &input, |output| contrastive(output, &people), grads)]
    }

    fn validate(&self, net: &Sequential) -> Validation {
        let looks: Vec<[Likeness; LOOKS]> = (self.held_out.par_iter().enumerate())
            .map(|(i, faces)| self.pair(faces, &mut Rng::new(i as u64)).map(|crop| likeness_of(net, &crop)))
            .collect();
        let ranks: Vec<f32> = (0..looks.len()).map(|i| rank(&looks, i)).collect();
        let mean = |ranks: &[f32]| ranks.iter().sum::<f32>() / ranks.len().max(1) as f32;
        let others: Vec<f32> =
            ranks.iter().zip(&self.held_out).filter(|(_, faces)| faces.len() > 1).map(|(rank, _)| *rank).collect();
        let found = ranks.iter().filter(|rank| **rank == 0.0).count() as f32 / ranks.len() as f32;
        let (all, other) = (mean(&ranks), mean(&others));
        let words = format!(
            "{:.0} % of {} found again by a second look; {:.1} % of all are nearer in the mean, {:.1} % of those by another photograph",
            100.0 * found,
            ranks.len(),
            100.0 * all,
            100.0 * other
        );
        Validation { figures: vec![found, all, other], words, metadata: BTreeMap::new() }
    }
}

/// The share of people whose second look is nearer to the first look at `i` than `i`'s own is.
fn rank(looks: &[[Likeness; LOOKS]], i: usize) -> f32 {
    let [first, second] = &looks[i];
    let own = alikeness(first, second);
    let nearer = looks.iter().enumerate().filter(|(j, [_, other])| *j != i && alikeness(first, other) > own).count();
    nearer as f32 / (looks.len() - 1) as f32
}

/// Trains until the budget is spent; leaves `likeness.safetensors`, `checkpoint.safetensors` and `log.csv`.
///
/// # Errors
/// If the data cannot be read or the run's folder not be written.
pub fn train(options: &LessonOptions) -> Result<TrainedNet> {
    runs::train(People::load(&data_root(options.data.as_deref())?)?, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_like_themselves_is_found_first() {
        let axis = |i: usize, tilt: f32| -> Likeness {
            std::array::from_fn(|j| {
                if j == i {
                    1.0
                } else if j == i + 1 {
                    tilt
                } else {
                    0.0
                }
            })
        };
        let looks = [[axis(0, 0.0), axis(0, 0.1)], [axis(1, 0.0), axis(1, 0.1)], [axis(2, 0.0), axis(0, 0.9)]];
        assert_eq!([0, 1, 2].map(|i| rank(&looks, i)), [0.0, 0.0, 0.5]);
    }

    #[test]
    fn people_in_several_photographs_are_seen_in_two_of_them() {
        let face = |value: u8| {
            let image = Image { width: PATCH, height: PATCH, data: vec![value; PATCH * PATCH * 3] };
            Face { patch: Patch { image, points: Vec::new() }, turned: None }
        };
        let people = People { learned: Vec::new(), held_out: Vec::new(), textures: Vec::new() };
        let faces = [face(40), face(120), face(220)];
        let mut rng = Rng::new(1);
        for _ in 0..20 {
            assert!(people.pair(&faces, &mut rng).iter().all(|crop| crop.width == CROP && crop.height == CROP));
        }
        assert_eq!(people.pair(&faces[..1], &mut rng).len(), LOOKS);
    }
}
