//! Puts a face upright in a square: similarity transforms, least-squares fits, aligned crops.
//!
//! Image coordinates are pixels with pixel centres at half-integers. Crop coordinates are the unit square
//! [-1, 1] x [-1, 1], (-1, -1) the top left corner, whatever number of pixels the crop is sampled with.

use super::geometry::{LANDMARKS, Landmarks};
use frame::Image;

/// A rotation, uniform scale and shift: `x' = a x - b y + tx`, `y' = b x + a y + ty`. Never mirrors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Scale times the cosine of the turn.
    pub a: f32,
    /// Scale times the sine of the turn.
    pub b: f32,
    /// Shift to the right.
    pub tx: f32,
    /// Shift downwards.
    pub ty: f32,
}

impl Similarity {
    /// Leaves every point where it is.
    pub const IDENTITY: Self = Self { a: 1.0, b: 0.0, tx: 0.0, ty: 0.0 };

    /// Scales and turns (radians, clockwise as seen on the screen) about the origin, then moves the origin to `to`.
    pub fn new(scale: f32, turn: f32, to: [f32; 2]) -> Self {
        Self { a: scale * turn.cos(), b: scale * turn.sin(), tx: to[0], ty: to[1] }
    }

    /// The transform that brings `from` closest to `to`, least squares. `None` if `from` has no extent or a number is not finite.
    pub fn fit(from: &[[f32; 2]], to: &[[f32; 2]]) -> Option<Self> {
        let n = from.len().min(to.len());
        if n < 2 {
            return None;
        }
        let (from, to) = (&from[..n], &to[..n]);
        let (cf, ct) = (mean(from), mean(to));
        let (mut dot, mut cross, mut norm) = (0.0f64, 0.0f64, 0.0f64);
        for (f, t) in from.iter().zip(to) {
            let (fx, fy) = (f64::from(f[0] - cf[0]), f64::from(f[1] - cf[1]));
            let (x, y) = (f64::from(t[0] - ct[0]), f64::from(t[1] - ct[1]));
            dot += fx * x + fy * y;
            cross += fx * y - fy * x;
            norm += fx * fx + fy * fy;
        }
        let (a, b) = ((dot / norm) as f32, (cross / norm) as f32);
        let turn = Self { a, b, tx: 0.0, ty: 0.0 };
        let moved = turn.apply(cf);
        let fitted = Self { tx: ct[0] - moved[0], ty: ct[1] - moved[1], ..turn };
        let finite = [fitted.a, fitted.b, fitted.tx, fitted.ty].iter().all(|v| v.is_finite());
        (finite && fitted.scale() > 0.0).then_some(fitted)
    }

    /// Where a point goes.
    pub fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y + self.tx, self.b * x + self.a * y + self.ty]
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let [tx, ty] = next.apply([self.tx, self.ty]);
        Self { a: next.a * self.a - next.b * self.b, b: next.b * self.a + next.a * self.b, tx, ty }
    }

    /// The way back. The scale must not be zero.
    pub fn inverse(&self) -> Self {
        let norm = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / norm, -self.b / norm);
        Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) }
    }

    /// The factor by which lengths grow.
    pub fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }

    /// The turn, radians, clockwise as seen on the screen.
    pub fn turn(&self) -> f32 {
        self.b.atan2(self.a)
    }

    /// As the matrix that [`kernels::warp_affine`] takes.
    pub fn matrix(&self) -> [[f32; 3]; 2] {
        [[self.a, -self.b, self.tx], [self.b, self.a, self.ty]]
    }
}

fn mean(points: &[[f32; 2]]) -> [f32; 2] {
    let sum = points.iter().fold([0.0; 2], |s, p| [s[0] + p[0], s[1] + p[1]]);
    sum.map(|v| v / points.len().max(1) as f32)
}

/// The picture inside a crop, `size` x `size` pixels; beyond the border the nearest pixel counts.
pub fn crop_square(image: &Image, image_from_crop: &Similarity, size: usize) -> Image {
    Image { width: size, height: size, data: crop_values(image, image_from_crop, size) }
}

/// The same as numbers, which are not rounded if they are `f32`.
pub fn crop_values<T: kernels::Channel + Default>(image: &Image, image_from_crop: &Similarity, size: usize) -> Vec<T> {
    let mut data = vec![T::default(); size * size * 3];
    let crop_from_pixels = Similarity { a: 2.0 / size as f32, b: 0.0, tx: -1.0, ty: -1.0 };
    let m = crop_from_pixels.then(image_from_crop).matrix();
    kernels::warp_affine(&image.data, (image.width, image.height), &mut data, (size, size), m);
    data
}

/// Where the anchors of [`portrait_crop`] lie: centre of the eye on the picture's left, on its right, centre of the mouth.
const PORTRAIT_ANCHORS: [[f32; 2]; 3] = [[-0.36, -0.16], [0.36, -0.16], [0.0, 0.52]];

/// The crop from hairline to chin, eyes level: what the age and gender net looks at.
///
/// `None` if the points do not span a face.
pub fn portrait_crop(landmarks: &Landmarks) -> Option<Similarity> {
    let [left, right] = landmarks.eye_centres();
    Similarity::fit(&PORTRAIT_ANCHORS, &[left, right, landmarks.mouth_centre()])
}

/// How much tighter than FFHQ's the crops of [`archive_crop`] are.
const TIGHTER: f32 = 0.86;

/// The crop that generators learn from: aligned on eyes and mouth as in FFHQ (Karras, Laine and Aila 2019, its `dataset_tool`), a little
/// tighter. The portraits of `congress/aligned` and `office` are such crops.
///
/// `None` if the points do not span a face.
pub fn archive_crop(landmarks: &Landmarks) -> Option<Similarity> {
    let [left, right] = landmarks.eye_centres();
    let eyes = mean(&[left, right]);
    let mouth = mean(&[landmarks.points[48], landmarks.points[54]]);
    let between = [right[0] - left[0], right[1] - left[1]];
    let down = [mouth[0] - eyes[0], mouth[1] - eyes[1]];

    // To the right as the eyes and the mouth, turned by a quarter, have it together; half a side long.
    let along = [between[0] + down[1], between[1] - down[0]];
    let half = TIGHTER * (2.0 * between[0].hypot(between[1])).max(1.8 * down[0].hypot(down[1]));
    let centre = [eyes[0] + 0.1 * down[0], eyes[1] + 0.1 * down[1]];
    let crop = Similarity::new(half, along[1].atan2(along[0]), centre);
    let finite = [crop.a, crop.b, crop.tx, crop.ty].iter().all(|v| v.is_finite());
    (finite && half > 0.0).then_some(crop)
}

impl Landmarks {
    /// Centres of the eye on the picture's left and on its right.
    pub fn eye_centres(&self) -> [[f32; 2]; 2] {
        [mean(&self.points[36..42]), mean(&self.points[42..48])]
    }

    /// Centre of the mouth, from its outer contour.
    pub fn mouth_centre(&self) -> [f32; 2] {
        mean(&self.points[48..60])
    }

    /// Distance between the outer corners of the eyes: the usual yardstick of landmark errors.
    pub fn outer_eye_distance(&self) -> f32 {
        let (p, q) = (self.points[36], self.points[45]);
        (p[0] - q[0]).hypot(p[1] - q[1])
    }

    /// Mean distance of the points from those of another opinion.
    pub fn mean_distance(&self, other: &Self) -> f32 {
        let distances = self.points.iter().zip(other.points).map(|(p, q)| (p[0] - q[0]).hypot(p[1] - q[1]));
        distances.sum::<f32>() / LANDMARKS as f32
    }

    /// Every point moved by `map`.
    pub fn map(&self, map: &Similarity) -> Self {
        Self { points: self.points.map(|p| map.apply(p)) }
    }

    /// The points of the mirrored picture of the given width, in their proper order again.
    pub fn mirrored(&self, width: f32) -> Self {
        Self { points: std::array::from_fn(|i| [width - self.points[MIRROR[i]][0], self.points[MIRROR[i]][1]]) }
    }
}

/// Which point lies opposite, by the symmetry of the face.
pub const MIRROR: [usize; LANDMARKS] = [
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, // jaw
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17, // brows
    27, 28, 29, 30, 35, 34, 33, 32, 31, // nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, // eyes
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, // mouth, outer
    64, 63, 62, 61, 60, 67, 66, 65, // mouth, inner
];

#[cfg(test)]
mod tests {
    use super::*;

    fn close(p: [f32; 2], q: [f32; 2]) -> bool {
        (p[0] - q[0]).hypot(p[1] - q[1]) < 1e-3
    }

    #[test]
    fn fit_recovers_a_similarity_and_inverse_undoes_it() {
        let truth = Similarity::new(2.5, 0.7, [30.0, -12.0]);
        let from = [[0.0, 0.0], [1.0, 0.0], [3.0, 5.0], [-2.0, 4.0]];
        let fitted = Similarity::fit(&from, &from.map(|p| truth.apply(p))).unwrap();
        assert!((fitted.scale() - 2.5).abs() < 1e-4 && (fitted.turn() - 0.7).abs() < 1e-4);
        for p in from {
            assert!(close(fitted.apply(p), truth.apply(p)));
            assert!(close(fitted.inverse().apply(truth.apply(p)), p));
            assert!(close(truth.then(&fitted.inverse()).apply(p), p));
        }
    }

    #[test]
    fn points_without_extent_have_no_fit() {
        assert_eq!(Similarity::fit(&[[1.0, 1.0]; 3], &[[0.0, 0.0]; 3]), None);
        assert_eq!(Similarity::fit(&[[0.0, 0.0], [1.0, 1.0]], &[[f32::NAN, 0.0], [1.0, 1.0]]), None);
    }

    #[test]
    fn crop_of_the_whole_picture_is_the_picture() {
        let image = Image { width: 8, height: 8, data: (0..192).collect() };
        let whole = Similarity::new(4.0, 0.0, [4.0, 4.0]);
        assert_eq!(crop_square(&image, &whole, 8), image);
    }

    #[test]
    fn the_archives_crop_follows_the_face() {
        let face = Landmarks::schematic();
        let crop = archive_crop(&face).unwrap();
        assert!(crop.turn().abs() < 1e-4 && (crop.scale() - 2.0 * TIGHTER).abs() < 0.2, "{crop:?}");
        let moved = Similarity::new(30.0, 0.4, [200.0, 150.0]);
        let expected = crop.then(&moved);
        let found = archive_crop(&face.map(&moved)).unwrap();
        assert!([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].iter().all(|p| {
            let (p, q) = (found.apply(*p), expected.apply(*p));
            (p[0] - q[0]).hypot(p[1] - q[1]) < 0.01
        }));
        assert_eq!(archive_crop(&Landmarks { points: [[5.0, 5.0]; LANDMARKS] }), None);
    }

    #[test]
    fn mirroring_twice_changes_nothing() {
        let landmarks = Landmarks { points: std::array::from_fn(|i| [i as f32, (i * i) as f32]) };
        assert_eq!(landmarks.mirrored(100.0).mirrored(100.0), landmarks);
        assert!((0..LANDMARKS).all(|i| MIRROR[MIRROR[i]] == i));
    }
}
