//! Shape-changing augmentation: a stored face is sampled through a random smooth map, and its landmarks follow.

use frame::Image;
use mirror::face::align::{Similarity, crop_square};
use nn::Rng;

/// A face cut out with room around it, upright, with its points in the units of that face's upright crop.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The picture of the square [-REACH, REACH] x [-REACH, REACH] of crop units.
    pub image: Image,
    /// Landmarks, or whatever else shall follow, in crop units.
    pub points: Vec<[f32; 2]>,
}

/// How far a patch reaches beyond the middle of its face, crop units.
pub const REACH: f32 = 2.0;

impl Patch {
    /// Cuts a face out: `image_from_crop` is its upright crop, `points` are in pixels of the image.
    pub fn cut(image: &Image, image_from_crop: &Similarity, points: &[[f32; 2]], size: usize) -> Self {
        let wide = Similarity::new(REACH, 0.0, [0.0, 0.0]).then(image_from_crop);
        let crop_from_image = image_from_crop.inverse();
        let points = points.iter().map(|p| crop_from_image.apply(*p)).collect();
        Self { image: crop_square(image, &wide, size), points }
    }
}

/// A smooth pull on a neighbourhood.
#[derive(Clone, Copy, Debug)]
struct Pull {
    at: [f32; 2],
    /// 1 / (2 sigma^2), per axis.
    sharpness: [f32; 2],
    by: [f32; 2],
}

/// A slit that opens downwards from a line, as a mouth does.
#[derive(Clone, Copy, Debug)]
struct Opening {
    at: [f32; 2],
    half_width: f32,
    by: f32,
}

/// A map from points of the new crop to points of the patch: an affine map, then smooth pulls.
#[derive(Clone, Debug)]
pub struct Deformation {
    /// Columns of the affine map's matrix, then its shift.
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
    keystone: [f32; 2],
    pulls: Vec<Pull>,
    opening: Option<Opening>,
}

/// How strongly crops are jittered: standard deviations, or largest values where it says so.
#[derive(Clone, Copy, Debug)]
pub struct Jitter {
    /// Shift, crop units.
    pub shift: f32,
    /// Logarithm of the scale.
    pub scale: f32,
    /// Roll, radians, largest.
    pub roll: f32,
    /// Logarithm of the ratio of the axes.
    pub stretch: f32,
    /// Shear.
    pub shear: f32,
    /// Keystone, largest.
    pub keystone: f32,
    /// Random smooth pulls: crop units.
    pub pull: f32,
}

impl Deformation {
    /// Leaves the face as it is: the new crop is its upright crop.
    pub fn identity() -> Self {
        let matrix = [[1.0, 0.0], [0.0, 1.0]];
        Self { matrix, shift: [0.0; 2], keystone: [0.0; 2], pulls: Vec::new(), opening: None }
    }

    /// Draws one.
    pub fn random(jitter: &Jitter, rng: &mut Rng) -> Self {
        let scale = (jitter.scale * rng.normal().clamp(-2.0, 2.0)).exp();
        let roll = rng.range(-1.0, 1.0) * jitter.roll;
        let stretch = (0.5 * jitter.stretch * rng.normal().clamp(-2.0, 2.0)).exp();
        let shear = jitter.shear * rng.normal().clamp(-2.0, 2.0);
        let (s, c) = roll.sin_cos();
        let (sx, sy) = (scale * stretch, scale / stretch);
        let matrix = [[c * sx, s * sy], [-s * sx + shear * c * sx, c * sy + shear * s * sy]];
        let mut normal = || rng.normal().clamp(-2.0, 2.0);
        let shift = [jitter.shift * normal(), jitter.shift * normal()];
        let keystone = [rng.range(-1.0, 1.0) * jitter.keystone, rng.range(-1.0, 1.0) * jitter.keystone];
        let count = if jitter.pull > 0.0 { 1 + rng.below(4) } else { 0 };
        let pulls = (0..count)
            .map(|_| {
                let sigma = rng.range(0.15, 0.5);
                let by = jitter.pull * (sigma / 0.3).min(1.0);
                Pull {
                    at: [rng.range(-0.7, 0.7), rng.range(-0.8, 0.9)],
                    sharpness: [0.5 / (sigma * sigma); 2],
                    by: [by * rng.normal().clamp(-2.0, 2.0), by * rng.normal().clamp(-2.0, 2.0)],
                }
            })
            .collect();
        Self { matrix, shift, keystone, pulls, opening: None }
    }

    /// Moves a face's mouth as well, now and then: opens it, widens it, lifts or drops its corners. `points` are the
    /// 68 landmarks in crop units.
    pub fn with_expression(mut self, points: &[[f32; 2]], rng: &mut Rng) -> Self {
        let (Some(left), Some(right), Some(upper), Some(lower)) =
            (points.get(48), points.get(54), points.get(62), points.get(66))
        else {
            return self;
        };
        let half_width = 0.5 * (right[0] - left[0]).abs().max(0.1);
        if rng.uniform() < 0.35 {
            let at = [0.5 * (left[0] + right[0]), 0.5 * (upper[1] + lower[1])];
            self.opening = Some(Opening { at, half_width, by: rng.range(0.03, 0.26) });
        }
        if rng.uniform() < 0.4 {
            let (wider, lift) = (rng.range(-0.04, 0.09), rng.range(-0.06, 0.03));
            let sharpness = [0.5 / 0.14f32.powi(2), 0.5 / 0.16f32.powi(2)];
            self.pulls.push(Pull { at: *left, sharpness, by: [-wider, lift] });
            self.pulls.push(Pull { at: *right, sharpness, by: [wider, lift] });
        }
        if let (Some(l), Some(r), true) = (points.get(19), points.get(24), rng.uniform() < 0.3) {
            let by = [0.0, rng.range(-0.09, 0.05)];
            let sharpness = [0.5 / 0.25f32.powi(2), 0.5 / 0.12f32.powi(2)];
            self.pulls.push(Pull { at: *l, sharpness, by });
            self.pulls.push(Pull { at: *r, sharpness, by });
        }
        self
    }

    /// How far the smooth part moves what ends up at `w`.
    fn moved(&self, w: [f32; 2]) -> [f32; 2] {
        let k = self.keystone[0] * w[0] + self.keystone[1] * w[1];
        let mut d = [k * w[0], k * w[1]];
        for pull in &self.pulls {
            let (x, y) = (w[0] - pull.at[0], w[1] - pull.at[1]);
            let weight = (-(x * x * pull.sharpness[0] + y * y * pull.sharpness[1])).exp();
            d = [d[0] + weight * pull.by[0], d[1] + weight * pull.by[1]];
        }
        if let Some(o) = self.opening {
            let (x, y) = (w[0] - o.at[0], w[1] - o.at[1]);
            // Rises over twice the opening, so that the map never folds; fades below the chin and beside the mouth.
            let t = (y / (2.0 * o.by)).clamp(0.0, 1.0);
            let fade = (-(x / (1.6 * o.half_width)).powi(4)).exp() * (1.0 - ((y - 0.7) / 0.6).clamp(0.0, 1.0));
            d[1] += o.by * mirror::latent::smoothstep(t) * fade;
        }
        d
    }

    fn patch_from_crop(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let w = [
            self.matrix[0][0] * x + self.matrix[1][0] * y + self.shift[0],
            self.matrix[0][1] * x + self.matrix[1][1] * y + self.shift[1],
        ];
        let d = self.moved(w);
        [w[0] - d[0], w[1] - d[1]]
    }

    /// Where a point of the patch lies in the new crop: the inverse map, by fixed-point iteration.
    pub fn follow(&self, q: [f32; 2]) -> [f32; 2] {
        let mut w = q;
        for _ in 0..24 {
            let d = self.moved(w);
            // Half steps settle where the map is steep.
            w = [0.5 * (w[0] + q[0] + d[0]), 0.5 * (w[1] + q[1] + d[1])];
        }
        let (x, y) = (w[0] - self.shift[0], w[1] - self.shift[1]);
        let [[a, c], [b, d]] = self.matrix;
        let det = a * d - b * c;
        [(d * x - b * y) / det, (a * y - c * x) / det]
    }

    /// The new crop, `size` x `size`, mirrored if told (then `x` of every followed point changes its sign).
    pub fn sample(&self, patch: &Patch, size: usize, mirrored: bool) -> Image {
        let source = &patch.image;
        let side = source.width as f32;
        let step = 2.0 / size as f32;
        // Patch pixels an output pixel spans, about: more than 1.3 want averaging.
        let span = step * self.matrix[0][0].hypot(self.matrix[0][1]) * side / (2.0 * REACH);
        let n = if span > 1.3 { 2 } else { 1 };

        let grid = self.grid(size, mirrored);
        let cells = size.div_ceil(CELL);
        let mut data = Vec::with_capacity(size * size * 3);

        // Pixel by pixel, the map between the points of its grid.
        for i in 0..size * size {
            let mut sum = [0.0f32; 3];
            for sub in 0..n * n {
                let offset = |s: usize| (s as f32 + 0.5) / n as f32;
                let (x, y) = (i % size, i / size);
                let fx = ((x % CELL) as f32 + offset(sub % n)) / CELL as f32;
                let fy = ((y % CELL) as f32 + offset(sub / n)) / CELL as f32;
                let corner = &grid[y / CELL * (cells + 1) + x / CELL..];
                let p: [f32; 2] = std::array::from_fn(|c| {
                    let top = corner[0][c] * (1.0 - fx) + corner[1][c] * fx;
                    let bottom = corner[cells + 1][c] * (1.0 - fx) + corner[cells + 2][c] * fx;
                    top * (1.0 - fy) + bottom * fy
                });
                let at = p.map(|v| (v / REACH + 1.0) * 0.5 * side - 0.5);
                let color = bilinear(source, at);
                sum = [sum[0] + color[0], sum[1] + color[1], sum[2] + color[2]];
            }
            data.extend(sum.map(|v| (v / (n * n) as f32).round() as u8));
        }
        Image { width: size, height: size, data }
    }

    /// The map at every [`CELL`]th pixel corner: it is smooth, and dear to compute.
    fn grid(&self, size: usize, mirrored: bool) -> Vec<[f32; 2]> {
        let cells = size.div_ceil(CELL);
        let unit = |i: usize| (i * CELL) as f32 * 2.0 / size as f32 - 1.0;
        let sign = if mirrored { -1.0 } else { 1.0 };
        (0..(cells + 1).pow(2))
            .map(|i| self.patch_from_crop([sign * unit(i % (cells + 1)), unit(i / (cells + 1))]))
            .collect()
    }
}

/// Pixels between the points where a map is computed.
const CELL: usize = 4;

/// The colour between pixels; beyond the border the nearest pixel counts.
pub(crate) fn bilinear(image: &Image, [x, y]: [f32; 2]) -> [f32; 3] {
    let (w, h) = (image.width, image.height);
    let (x, y) = (x.clamp(0.0, (w - 1) as f32), y.clamp(0.0, (h - 1) as f32));
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let at = |x: usize, y: usize| -> &[u8] { &image.data[(y * w + x) * 3..][..3] };
    let corners = [at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1)];
    let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
    std::array::from_fn(|c| corners.iter().zip(weights).map(|(p, w)| f32::from(p[c]) * w).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: Jitter =
        Jitter { shift: 0.2, scale: 0.2, roll: 0.8, stretch: 0.2, shear: 0.1, keystone: 0.1, pull: 0.04 };

    #[test]
    fn followed_points_map_back_to_where_they_came_from() {
        let mut rng = Rng::new(1);
        let mut face = vec![[0.0f32, 0.0]; 68];
        (face[48], face[54], face[62], face[66]) = ([-0.25, 0.4], [0.25, 0.4], [0.0, 0.4], [0.0, 0.41]);
        for _ in 0..200 {
            let d = Deformation::random(&STRONG, &mut rng).with_expression(&face, &mut rng);
            let q = [rng.range(-0.6, 0.6), rng.range(-0.6, 0.7)];
            let back = d.patch_from_crop(d.follow(q));
            assert!((back[0] - q[0]).hypot(back[1] - q[1]) < 0.02, "{q:?} came back as {back:?}");
        }
    }

    #[test]
    fn a_bright_dot_is_where_its_point_went() {
        let mut rng = Rng::new(2);
        let size = 160;
        let mut image = Image { width: size, height: size, data: vec![0; size * size * 3] };
        let (x, y) = (90usize, 70usize);
        image.data[(y * size + x) * 3..][..3].fill(255);
        let unit = |v: usize| ((v as f32 + 0.5) / size as f32 * 2.0 - 1.0) * REACH;
        let patch = Patch { image, points: vec![[unit(x), unit(y)]] };
        for mirrored in [false, true] {
            let d = Deformation::random(&Jitter { shift: 0.1, ..STRONG }, &mut rng);
            let crop = d.sample(&patch, 80, mirrored);
            let (mut sum, mut cx, mut cy) = (0.0, 0.0, 0.0);
            for (i, p) in crop.data.chunks_exact(3).enumerate() {
                let v = f32::from(p[0]);
                sum += v;
                cx += v * ((i % 80) as f32 + 0.5);
                cy += v * ((i / 80) as f32 + 0.5);
            }
            let mut want = d.follow(patch.points[0]);
            if mirrored {
                want[0] = -want[0];
            }
            let found = [cx / sum / 40.0 - 1.0, cy / sum / 40.0 - 1.0];
            assert!(sum > 0.0 && (found[0] - want[0]).hypot(found[1] - want[1]) < 0.03, "{found:?} for {want:?}");
        }
    }
}
