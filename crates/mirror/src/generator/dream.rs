//! What the generator draws when nobody looks: samples, a sheet of them, a walk through the latents.

use super::painter::Painter;
use crate::latent::{Latent, smoothstep};
use frame::Image;
use nn::Rng;

/// `count` pictures of random latents, the same for the same seed, drawn as they are asked for.
pub fn samples(painter: &Painter, count: usize, seed: u64) -> impl Iterator<Item = (Latent, Image)> + '_ {
    let mut rng = Rng::new(seed);
    let size = painter.latent_size();
    let step = painter.batch();
    (0..count).step_by(step).flat_map(move |first| {
        let latents: Vec<Latent> = (first..count.min(first + step)).map(|_| Latent::gaussian(size, &mut rng)).collect();
        let pictures = painter.paint_all(&latents);
        latents.into_iter().zip(pictures)
    })
}

/// One sheet of pictures of one size, `columns` a row, black where the last row is not full.
///
/// # Panics
/// If the pictures differ in size.
pub fn grid(pictures: &[Image], columns: usize) -> Image {
    let columns = columns.clamp(1, pictures.len().max(1));
    let (w, h) = pictures.first().map_or((0, 0), |p| (p.width, p.height));
    let rows = pictures.len().div_ceil(columns);
    let mut sheet = Image::flat(columns * w, rows * h, [0; 3]);
    for (i, picture) in pictures.iter().enumerate() {
        assert_eq!((picture.width, picture.height), (w, h), "pictures of one size");
        sheet.paste(picture, i % columns * w, i / columns * h);
    }
    sheet
}

/// A closed walk on the sphere of latents: rests a little at every station, and ends where it began.
#[derive(Clone, Debug)]
pub struct Walk {
    stations: Vec<Latent>,
    steps: usize,
    next: usize,
}

impl Walk {
    /// A walk past `stations` random latents, `steps` frames from each to the next.
    pub fn new(latent_size: usize, stations: usize, steps: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let stations = (0..stations).map(|_| Latent::gaussian(latent_size, &mut rng)).collect();
        Self { stations, steps: steps.max(1), next: 0 }
    }
}

impl Iterator for Walk {
    type Item = Latent;

    fn next(&mut self) -> Option<Latent> {
        let (station, step) = (self.next / self.steps, self.next % self.steps);
        let from = self.stations.get(station)?;
        let to = &self.stations[(station + 1) % self.stations.len()];
        self.next += 1;
        let t = step as f32 / self.steps as f32;
        Some(from.slerp(to, smoothstep(t)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.stations.len() * self.steps - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Walk {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{Config, Generator};

    #[test]
    fn samples_repeat_with_their_seed() {
        let config = Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };
        let painter = Painter::new(&Generator::new(config, &mut Rng::new(1)));
        let a: Vec<Image> = samples(&painter, 19, 5).map(|s| s.1).collect();
        assert_eq!(a.len(), 19);
        let (latent, picture) = samples(&painter, 19, 5).last().unwrap();
        assert_eq!(picture, a[18]);
        let alone = painter.paint(&latent);
        assert!(alone.data.iter().zip(&picture.data).all(|(a, b)| a.abs_diff(*b) <= 1));
        let sheet = grid(&a, 5);
        assert_eq!((sheet.width, sheet.height), (40, 32));
        assert_eq!(sheet.data[(8 * 40 + 8) * 3..][..24], a[6].data[..24]);
        assert_eq!(grid(&[], 5).data.len(), 0);
    }

    #[test]
    fn a_walk_closes_without_a_jump() {
        let walk: Vec<Latent> = Walk::new(32, 3, 20, 9).collect();
        assert_eq!(walk.len(), 60);
        let mut ends = walk.iter().zip(walk.iter().cycle().skip(1));
        let distance = |(a, b): (&Latent, &Latent)| {
            a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
        };
        assert!(ends.all(|pair| distance(pair) < 1.5), "a step of more than a tenth of the way");
        assert_eq!(Walk::new(4, 0, 5, 1).count(), 0);
    }
}
