//! What a generation teaches the next: samples, all of them or the most typical.

use super::population::{Population, Scale};
use crate::runs::bar;
use frame::Image;
use mirror::engine::Eyes;
use mirror::generator::{Generator, Painter, samples};

/// A generator whose samples are all of one size, however large it draws.
pub(super) struct Teacher {
    painter: Painter,
    pixels: usize,
}

impl Teacher {
    /// Of a generator that draws `pixels` or more.
    pub fn new(generator: &Generator, pixels: usize) -> Self {
        Self { painter: Painter::new(generator), pixels }
    }

    /// `count` samples, the same for the same seed. Larger ones are shrunk by averaging: what a generator's own coarser levels draw has other
    /// colours, as training left them behind.
    pub fn draw(&self, count: usize, seed: u64) -> Vec<Image> {
        let bar = bar(count as u64, "samples");
        let drawn = samples(&self.painter, count, seed).inspect(|_| bar.inc(1)).map(|(_, picture)| {
            if picture.width == self.pixels { picture } else { picture.resized(self.pixels, self.pixels) }
        });
        let drawn = drawn.collect();
        bar.finish_and_clear();
        drawn
    }

    /// `count` samples: of more that were drawn this share, the most typical. Those in which the eyes find no face come last.
    pub fn draw_typical(&self, count: usize, share: f32, seed: u64, eyes: &Eyes) -> Vec<Image> {
        if share >= 1.0 {
            return self.draw(count, seed);
        }
        let all = (count as f32 / share).ceil() as usize;
        let Population { pictures, faces } = Population::of(self.draw(all, seed), eyes);
        let scale = Scale::of(&faces.iter().flatten().collect::<Vec<_>>());
        let oddness = |i: &usize| faces[*i].as_ref().map_or(f32::INFINITY, |face| scale.oddness(face));
        let mut order: Vec<usize> = (0..all).collect();
        order.sort_by(|a, b| oddness(a).total_cmp(&oddness(b)));
        order.into_iter().take(count).map(|i| pictures[i].clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::generator::Config;
    use nn::Rng;

    #[test]
    fn samples_have_the_size_that_was_asked_for_and_repeat_with_their_seed() {
        let config = Config { resolution: 32, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };
        let generator = Generator::new(config, &mut Rng::new(1));
        let [large, small] = [32, 16].map(|pixels| Teacher::new(&generator, pixels).draw(5, 7));
        assert_eq!((large.len(), small[4].width), (5, 16));
        assert_eq!(small, Teacher::new(&generator, 16).draw(5, 7));
        // A pixel is the mean of four.
        let mean = [0, 3, 32 * 3, 33 * 3].iter().map(|i| f32::from(large[2].data[*i])).sum::<f32>() / 4.0;
        assert!((mean - f32::from(small[2].data[0])).abs() <= 1.0);
    }
}
