//! Sheets of pictures that show how a GAN's run gets on.

use super::{Dataset, Trainer};
use anyhow::Result;
use frame::Image;
use mirror::generator::{grid, images};
use nn::{Layer, Rng, Tensor, Upsample};
use std::path::Path;

/// Pictures of a sheet.
const SHEET: usize = 64;

/// The averaged generator's pictures of fixed latents, at the size of full resolution.
pub(super) fn fakes(trainer: &Trainer, seed: u64, path: &Path) -> Result<()> {
    let size = trainer.g.config().latent_size;
    let mut rng = Rng::new(seed.wrapping_add(1));
    let mut pictures = Vec::new();
    for _ in 0..SHEET / 16 {
        let z = Tensor::new([16, 1, 1, size], rng.normals(16 * size));
        let mut x = trainer.averaged.forward_lod(&z, trainer.lod());
        while x.w() < trainer.g.config().resolution {
            x = Upsample.forward(&x);
        }
        pictures.extend(images(&x));
    }
    sheet(path, &pictures)
}

/// Pictures as they are drawn.
pub(super) fn reals(data: &Dataset, level: usize, seed: u64, path: &Path) -> Result<()> {
    let mut rng = Rng::new(seed);
    sheet(path, &images(&data.draw(SHEET, level, 0.0, &mut rng)))
}

fn sheet(path: &Path, pictures: &[Image]) -> Result<()> {
    Ok(host::write_atomically(path, &grid(pictures, 8).to_png())?)
}
