//! The colours of the coarser levels.
//!
//! A growing generator learns the way from maps to colours of a level while that level is its finest. Then it goes on with the levels
//! above; the maps change, and the coarser ways to colours stay as they were. A mirror that draws smaller pictures than its
//! generator's largest uses them. So they are fitted to the finest picture, shrunk: linear least squares from maps to colours. The
//! finest level, and so the largest picture, stays as it is.

use crate::cholesky;
use anyhow::{Context, Result};
use mirror::generator::Generator;
use nn::io::{self, Dtype};
use nn::{AvgPool, Layer, Rng, Tensor};

/// Pictures that the colours are fitted to.
const PICTURES: usize = 128;
/// Other pictures that the fit is measured on.
const MEASURED: usize = 32;
/// At most so many pixels along a side are fitted of a picture; the others are much like their neighbours.
const SIDE: usize = 32;
/// Of the maps' mean square: keeps the equations soluble where maps are always nought, or alike.
const PENALTY: f64 = 1e-6;

/// How far pictures of a level are from the finest, shrunk to its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Width and height of the level.
    pub pixels: usize,
    /// Mean absolute difference of a colour, of 255.
    pub mean: f32,
}

/// The weight file of a generator whose coarser levels have the colours of the finest, and how far each level is from it before and
/// after. Every other tensor is as the file has it. The same file gives the same weights.
///
/// # Errors
/// If it is not a generator's weight file, or the equations of a level cannot be solved.
pub fn of_file(bytes: &[u8]) -> Result<(Vec<u8>, Vec<[Difference; 2]>)> {
    let mut generator = Generator::from_bytes(bytes)?;
    let before = differences(&generator);
    fit(&mut generator)?;
    let after = differences(&generator);

    let mut file = io::read(bytes)?;
    // As narrow as loses nothing of what was there.
    let is_half = file.tensors.values().flat_map(|(_, values)| values).all(|v| half::f16::from_f32(*v).to_f32() == *v);
    let coarser = 2 * (generator.config().levels() - 2);
    let params = generator.params();
    let ways = &params[params.len() - 2 - coarser..params.len() - 2];
    file.tensors.extend(ways.iter().map(|p| (p.name.clone(), generator.filed(p))));
    let bytes = io::write(&file, if is_half { Dtype::F16 } else { Dtype::F32 });
    Ok((bytes, before.into_iter().zip(after).map(Into::into).collect()))
}

/// Gives the coarser levels the colours of the finest.
///
/// # Errors
/// If the equations of a level cannot be solved.
pub fn fit(generator: &mut Generator) -> Result<()> {
    let config = generator.config();
    let mut equations: Vec<Equations> =
        (2..config.levels()).map(|level| Equations::new(config.maps(level - 1))).collect();
    for_each_picture(generator, 1, PICTURES, |level, maps, picture| {
        let side = maps.w();
        let step = side.div_ceil(SIDE);
        let rows = (0..side).step_by(step).flat_map(|y| (0..side).step_by(step).map(move |x| y * side + x));
        let pixels = |i: usize| (&maps.data[i * maps.c()..][..maps.c()], &picture.data[3 * i..][..3]);
        rows.for_each(|i| {
            let (maps, colours) = pixels(i);
            equations[level - 2].add(maps, colours);
        });
    });
    for (level, equations) in (2..).zip(equations) {
        let pixels = 1 << level;
        let solution = equations.solve().with_context(|| format!("no colours can be fitted at {pixels} pixels"))?;
        let (weight, bias) = solution.split_at(solution.len() - 3);
        generator.set_colours(level, weight, bias);
    }
    Ok(())
}

/// How far each level but the finest is from it, on pictures that none was fitted to.
pub fn differences(generator: &Generator) -> Vec<Difference> {
    let mut sums = vec![(0.0f64, 0usize); generator.config().levels() - 2];
    for_each_picture(generator, 2, MEASURED, |level, maps, picture| {
        let drawn = generator.colours(level, maps);
        let (sum, n) = &mut sums[level - 2];
        *sum +=
            drawn.data.iter().zip(&picture.data).map(|(a, b)| f64::from((a.clamp(-1.0, 1.0) - b).abs())).sum::<f64>();
        *n += picture.len();
    });
    let mean = |(sum, n): (f64, usize)| (127.5 * sum / n as f64) as f32;
    (2..).zip(sums).map(|(level, sum)| Difference { pixels: 1 << level, mean: mean(sum) }).collect()
}

/// Of each level but the finest: the maps of a random picture, and the finest picture shrunk to the level's size.
fn for_each_picture(generator: &Generator, seed: u64, pictures: usize, mut then: impl FnMut(usize, &Tensor, &Tensor)) {
    let size = generator.config().latent_size;
    let mut rng = Rng::new(seed);
    for _ in 0..pictures {
        let tape = generator.forward_tape(&Tensor::new([1, 1, 1, size], rng.normals(size)), 0.0);
        let mut picture = tape.output().clone();
        picture.data.iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0));
        for level in (2..generator.config().levels()).rev() {
            picture = AvgPool.forward(&picture);
            then(level, tape.block(level - 2), &picture);
        }
    }
}

/// The normal equations of the colours of a level.
struct Equations {
    /// Maps of a pixel, and 1.
    row: Vec<f64>,
    /// Products of the maps with each other; their lower half is filled in at the end.
    gram: Vec<f64>,
    /// Products of maps and colours.
    mixed: Vec<f64>,
}

impl Equations {
    fn new(maps: usize) -> Self {
        let n = maps + 1;
        Self { row: vec![1.0; n], gram: vec![0.0; n * n], mixed: vec![0.0; 3 * n] }
    }

    /// After one more pixel.
    fn add(&mut self, maps: &[f32], colours: &[f32]) {
        let n = self.row.len();
        self.row.iter_mut().zip(maps).for_each(|(r, m)| *r = f64::from(*m));
        for (i, value) in self.row.iter().enumerate() {
            let others = self.gram[i * n + i..(i + 1) * n].iter_mut().zip(&self.row[i..]);
            others.for_each(|(g, r)| *g += value * r);
            self.mixed[3 * i..][..3].iter_mut().zip(colours).for_each(|(m, c)| *m += value * f64::from(*c));
        }
    }

    /// `[maps, 3]`, and the three biases.
    fn solve(mut self) -> Option<Vec<f32>> {
        let n = self.row.len();
        let trace: f64 = (0..n).map(|i| self.gram[i * n + i]).sum();
        for i in 0..n {
            (0..i).for_each(|j| self.gram[i * n + j] = self.gram[j * n + i]);
            self.gram[i * n + i] += PENALTY * trace / n as f64;
        }
        let solution = cholesky::solve(self.gram, self.mixed, n, 3)?;
        Some(solution.into_iter().map(|v| v as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use std::collections::BTreeMap;

    const TINY: Config = Config { resolution: 32, fmap_base: 64, fmap_max: 8, fmap_min: 1, latent_size: 6 };

    #[test]
    fn coarser_levels_get_the_colours_of_the_finest_which_stays_as_it_is() {
        let mut generator = Generator::new(TINY, &mut Rng::new(3));
        let z = Tensor::new([2, 1, 1, 6], Rng::new(4).normals(12));
        let (finest, before) = (generator.forward(&z), differences(&generator));
        fit(&mut generator).unwrap();
        assert_eq!(generator.forward(&z), finest);
        let after = differences(&generator);
        assert_eq!(after.iter().map(|d| d.pixels).collect::<Vec<_>>(), [4, 8, 16]);
        assert!(before.iter().zip(&after).all(|(b, a)| a.mean < 0.5 * b.mean), "{before:?} {after:?}");
    }

    #[test]
    fn no_other_colours_are_nearer() {
        let mut generator = Generator::new(TINY, &mut Rng::new(5));
        fit(&mut generator).unwrap();
        let error = |generator: &Generator| {
            let mut sum = 0.0;
            for_each_picture(generator, 1, PICTURES, |level, maps, picture| {
                let drawn = generator.colours(level, maps);
                sum += drawn.data.iter().zip(&picture.data).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            });
            sum
        };
        let least = error(&generator);
        let coarser = generator.params().len() - 2 * (TINY.levels() - 1)..generator.params().len() - 2;
        for i in coarser {
            for by in [-0.01, 0.01] {
                let change = |generator: &mut Generator, by: f32| generator.params_mut()[i].value[0] += by;
                change(&mut generator, by);
                assert!(error(&generator) > least, "{}", generator.params()[i].name);
                change(&mut generator, -by);
            }
        }
    }

    #[test]
    fn nothing_else_of_a_file_changes() {
        let about = BTreeMap::from([("dataset".to_owned(), "none".to_owned())]);
        for dtype in [Dtype::F16, Dtype::F32] {
            let bytes = Generator::new(TINY, &mut Rng::new(6)).to_bytes(&about, dtype);
            // A file may lack the colours of a level.
            let mut old = io::read(&bytes).unwrap();
            old.tensors.retain(|name, _| !name.starts_with("ToRGB_lod2/"));
            let (bytes, changes) = of_file(&io::write(&old, dtype)).unwrap();
            assert_eq!(changes.len(), 3);
            let new = io::read(&bytes).unwrap();
            assert_eq!(new.metadata, old.metadata);
            let is_coarser = |name: &str| name.starts_with("ToRGB_lod") && !name.starts_with("ToRGB_lod0/");
            for (name, (shape, values)) in &new.tensors {
                match old.tensors.get(name) {
                    Some(was) if is_coarser(name) => assert!(was.0 == *shape && was.1 != *values, "{name}"),
                    Some(was) => assert!(was.0 == *shape && was.1 == *values, "{name}"),
                    None => assert!(name.starts_with("ToRGB_lod2/"), "{name}"),
                }
            }
            assert!(io::read(&of_file(&bytes).unwrap().0).unwrap().tensors == new.tensors, "fitted again");
        }
        assert!(of_file(b"nothing").is_err());
    }

    #[test]
    fn the_packs_generator_has_the_same_colours_at_every_level() {
        let pack = mirror::pack::Pack::embedded().unwrap();
        let generator = pack.open(mirror::pack::Net::Generator, Generator::from_bytes).unwrap();
        let differences = differences(&generator);
        assert!(differences.iter().all(|d| d.mean < if d.pixels < 64 { 25.0 } else { 11.0 }), "{differences:?}");
    }
}
