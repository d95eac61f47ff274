//! Differentiable augmentation (Zhao et al. 2020): the discriminator sees reals and fakes only through it, so that a
//! small archive does not get learned by heart, and the generator learns through its exact gradient.

use nn::{Rng, Tensor};

/// What happens to one picture: colour, then a shift, then a hole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    brightness: f32,
    saturation: f32,
    contrast: f32,
    /// The picture's pixel (y, x) comes from (y + shift.0, x + shift.1).
    shift: (isize, isize),
    /// The middle of a grey square, half the picture wide.
    hole: Option<(isize, isize)>,
}

/// What happens to each picture of a batch.
pub struct Augmentation {
    changes: Vec<Change>,
}

impl Augmentation {
    /// Draws changes for `n` pictures of `side` pixels, each part with probability `p`.
    pub fn random(n: usize, side: usize, p: f32, rng: &mut Rng) -> Self {
        let reach = side / 8;
        let change = |_| {
            let part = |value: f32, neutral: f32, rng: &mut Rng| if rng.chance(p) { value } else { neutral };
            let (b, s, c) = (rng.uniform() - 0.5, 2.0 * rng.uniform(), rng.uniform() + 0.5);
            let (brightness, saturation, contrast) = (part(b, 0.0, rng), part(s, 1.0, rng), part(c, 1.0, rng));
            let mut along = || {
                let by = rng.below(2 * reach + 1) as isize - reach as isize;
                if rng.chance(p) { by } else { 0 }
            };
            let shift = (along(), along());
            let middle = (rng.below(side + 1) as isize, rng.below(side + 1) as isize);
            let hole = rng.chance(p).then_some(middle);
            Change { brightness, saturation, contrast, shift, hole }
        };
        Self { changes: (0..n).map(change).collect() }
    }

    /// The pictures, changed.
    pub fn apply(&self, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        let (side, len) = (x.w(), x.row_len());
        for (c, picture) in self.changes.iter().zip(y.data.chunks_exact_mut(len)) {
            picture.iter_mut().for_each(|v| *v += c.brightness);
            c.saturate(picture);
            c.stretch(picture);
            shift(picture, side, c.shift);
            c.punch(picture, side);
        }
        y
    }

    /// The gradient with respect to the pictures, from that of the changed ones: every part but the brightness is
    /// linear, and the colour parts are symmetric matrices.
    pub fn backward(&self, dy: &Tensor) -> Tensor {
        let mut dx = dy.clone();
        let (side, len) = (dy.w(), dy.row_len());
        for (c, picture) in self.changes.iter().zip(dx.data.chunks_exact_mut(len)) {
            c.punch(picture, side);
            shift(picture, side, (-c.shift.0, -c.shift.1));
            c.stretch(picture);
            c.saturate(picture);
        }
        dx
    }
}

impl Change {
    fn saturate(&self, picture: &mut [f32]) {
        if self.saturation == 1.0 {
            return;
        }
        for pixel in picture.chunks_exact_mut(3) {
            let mean = (pixel[0] + pixel[1] + pixel[2]) / 3.0;
            pixel.iter_mut().for_each(|v| *v = mean + (*v - mean) * self.saturation);
        }
    }

    fn stretch(&self, picture: &mut [f32]) {
        if self.contrast == 1.0 {
            return;
        }
        let mean = picture.iter().sum::<f32>() / picture.len() as f32;
        picture.iter_mut().for_each(|v| *v = mean + (*v - mean) * self.contrast);
    }

    fn punch(&self, picture: &mut [f32], side: usize) {
        let Some((cy, cx)) = self.hole else { return };
        let half = (side / 4) as isize;
        let within =
            |c: isize| (c - half).clamp(0, side as isize) as usize..(c + half).clamp(0, side as isize) as usize;
        for y in within(cy) {
            let columns = within(cx);
            picture[(y * side + columns.start) * 3..(y * side + columns.end) * 3].fill(0.0);
        }
    }
}

/// Pixel (y, x) from (y + dy, x + dx); grey (0) from outside.
fn shift(picture: &mut [f32], side: usize, (dy, dx): (isize, isize)) {
    if (dy, dx) == (0, 0) {
        return;
    }
    let old = picture.to_vec();
    picture.fill(0.0);
    let to = (-dx).max(0) as usize;
    let from = dx.max(0) as usize;
    let width = side.saturating_sub(dx.unsigned_abs());
    for y in 0..side {
        let Some(source) = y.checked_add_signed(dy).filter(|s| *s < side) else { continue };
        picture[(y * side + to) * 3..][..width * 3].copy_from_slice(&old[(source * side + from) * 3..][..width * 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backward_is_the_transpose_of_the_linear_part() {
        let mut rng = Rng::new(5);
        let augmentation = Augmentation::random(40, 16, 0.6, &mut rng);
        let tensor = |rng: &mut Rng| Tensor::new([40, 16, 16, 3], rng.normals(40 * 16 * 16 * 3));
        let (x, dy) = (tensor(&mut rng), tensor(&mut rng));
        let (y, zero) = (augmentation.apply(&x), augmentation.apply(&Tensor::zeros(x.shape)));
        let dx = augmentation.backward(&dy);
        for i in 0..40 {
            let row = |t: &Tensor| t.rows().nth(i).unwrap().to_vec();
            let linear: f64 =
                row(&y).iter().zip(row(&zero)).zip(row(&dy)).map(|((y, z), d)| f64::from((y - z) * d)).sum();
            let back: f64 = row(&x).iter().zip(row(&dx)).map(|(x, d)| f64::from(x * d)).sum();
            assert!((linear - back).abs() < 1e-3 * linear.abs().max(10.0), "{linear} against {back}");
        }
    }

    #[test]
    fn probability_zero_changes_nothing() {
        let mut rng = Rng::new(5);
        let x = Tensor::new([3, 8, 8, 3], rng.normals(3 * 8 * 8 * 3));
        assert_eq!(Augmentation::random(3, 8, 0.0, &mut rng).apply(&x), x);
    }

    #[test]
    fn a_shift_moves_and_leaves_grey() {
        let mut picture: Vec<f32> = (0..4 * 4 * 3).map(|i| i as f32 + 1.0).collect();
        let old = picture.clone();
        shift(&mut picture, 4, (1, -2));
        assert_eq!(picture[(2 * 4 + 3) * 3], old[(3 * 4 + 1) * 3]);
        assert!(picture[..6].iter().all(|v| *v == 0.0) && picture[3 * 4 * 3..].iter().all(|v| *v == 0.0));
    }
}
