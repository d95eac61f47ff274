//! Turns the heads of portraits that look straight ahead: the picture becomes a relief, the relief is turned and drawn again
//! (after Zhu et al., "Face Alignment Across Large Poses: A 3D Solution", CVPR 2016, section 4).
//!
//! The archive holds hardly a head turned by more than 20 degrees; visitors come in profile, and bend over their hats. The
//! depths are those of a mean head, hung on each portrait's own landmarks.

use crate::data::hash;
use crate::faces::deform::{self, Patch};
use frame::Image;
use mirror::face::align::Similarity;
use mirror::face::{LANDMARKS, Landmarks, Rect};
use mirror::features::Pose;
use nn::Rng;

/// Cells of the relief along each side of the square that it covers.
const CELLS: usize = 40;
/// Half the side of that square, in crop units: head and shoulders.
const REACH: f32 = 2.0;
/// Outer corner of one eye to that of the other, in inter-ocular distances (centre to centre).
const OUTER_EYES: f32 = 1.42;
/// The neck's joint, about which a head turns: below the eyes and behind them, inter-ocular distances.
const PIVOT: [f32; 2] = [0.6, 0.9];

/// Depths of the 68 landmarks behind the outer corners of the eyes, inter-ocular distances, from common head measures: jaw,
/// brows, nose, eyes, mouth.
const DEPTHS: [f32; LANDMARKS] = [
    0.95, 0.90, 0.82, 0.72, 0.58, 0.36, 0.10, -0.12, -0.20, -0.12, 0.10, 0.36, 0.58, 0.72, 0.82, 0.90,
    0.95, // jaw
    0.04, -0.12, -0.22, -0.28, -0.33, -0.33, -0.28, -0.22, -0.12, 0.04, // brows
    -0.28, -0.42, -0.57, -0.72, -0.38, -0.46, -0.50, -0.46, -0.38, // nose
    0.0, -0.11, -0.14, -0.12, -0.12, -0.08, -0.12, -0.14, -0.11, 0.0, -0.08, -0.12, // eyes
    -0.28, -0.40, -0.48, -0.50, -0.48, -0.40, -0.28, -0.40, -0.45, -0.47, -0.45, -0.40, // lips, outside
    -0.29, -0.42, -0.46, -0.42, -0.29, -0.41, -0.44, -0.41, // lips, inside
];

/// Where there are no landmarks: x and y from the middle between the eyes, and depth. The forehead, the hair, the cheeks,
/// the ears, the neck.
const REST_OF_HEAD: [[f32; 3]; 17] = [
    [0.0, -0.8, -0.36],
    [0.6, -0.8, -0.20],
    [-0.6, -0.8, -0.20],
    [0.0, -1.3, -0.15],
    [0.7, -1.2, 0.15],
    [-0.7, -1.2, 0.15],
    [0.0, -1.8, 0.45],
    [0.9, -1.5, 0.70],
    [-0.9, -1.5, 0.70],
    [1.15, -0.6, 0.75],
    [-1.15, -0.6, 0.75],
    [0.65, 0.55, -0.10],
    [-0.65, 0.55, -0.10],
    [1.25, 0.3, 1.10],
    [-1.25, 0.3, 1.10],
    [0.6, 2.3, 0.60],
    [-0.6, 2.3, 0.60],
];

/// Yaw up to which both sides of a face are seen well enough to turn it either way, radians.
const FRONTAL: f32 = 0.14;

/// Which way a head is turned from how it was photographed, radians; signs as in [`mirror::features::Pose`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Towards the right edge of the picture.
    pub yaw: f32,
    /// Chin up.
    pub pitch: f32,
}

impl Turn {
    /// Turns of the head with these landmarks, one after another, as in [`Turn::random`]; for the same name the same ones.
    pub fn of(landmarks: &Landmarks, name: &str) -> impl Iterator<Item = Self> + use<> {
        let (pose, mut rng) = (Pose::of(landmarks), Rng::new(hash(name)));
        std::iter::repeat_with(move || Self::random(pose, &mut rng))
    }

    /// For a head that was photographed in this pose: mostly up to 45 degrees to either side in all and 25 up and down; a sixth
    /// of them nearly in profile. Who looks to a side already looks further to that side: what the camera did not see of a
    /// head cannot be turned into view.
    pub fn random(photographed: Option<Pose>, rng: &mut Rng) -> Self {
        let yaw = if rng.chance(0.17) { rng.range(0.75, 1.25) } else { rng.range(0.1, 0.8) };
        let side = if rng.chance(0.5) { -1.0 } else { 1.0 };
        let pitch = rng.range(-0.5, 0.4);
        let already = photographed.map_or(0.0, |p| p.yaw.to_radians());
        if already.abs() < FRONTAL {
            return Self { yaw: yaw * side - already, pitch };
        }
        Self { yaw: (yaw - already.abs()).max(0.0) * already.signum(), pitch }
    }
}

/// The head with these landmarks (pixels) after each of some turns, with its landmarks, cut out as [`Patch::cut`] would cut it, `size` pixels wide. `upright` tells
/// the upright crop of a face with these landmarks (pixels); where there is none, there is no such head.
pub fn turned_heads(
    image: &Image,
    landmarks: &Landmarks,
    size: usize,
    upright: impl Fn(&Landmarks) -> Option<Similarity>,
    turns: impl Iterator<Item = Turn>,
) -> Vec<Patch> {
    let Some(image_from_crop) = upright(landmarks) else { return Vec::new() };
    // A head that is larger than it is kept would be drawn in detail for nothing.
    let image = Patch::cut(image, &image_from_crop, &[], size).image;
    let pixels = size as f32 / (2.0 * deform::REACH);
    let patch_from_crop = Similarity::new(pixels, 0.0, [deform::REACH * pixels; 2]);
    let landmarks = landmarks.map(&image_from_crop.inverse().then(&patch_from_crop));
    let relief = Relief::new(&image, &landmarks, patch_from_crop);
    let heads = turns.filter_map(|turn| {
        let Turned { image, landmarks } = relief.turn(turn);
        Some(Patch::cut(&image, &upright(&landmarks)?, &landmarks.points, size))
    });
    heads.collect()
}

/// A portrait as a relief.
pub struct Relief<'a> {
    image: &'a Image,
    /// The upright crop of the face, as it is in the picture.
    image_from_crop: Similarity,
    /// Middle between the eyes, crop units.
    eyes: [f32; 2],
    /// Crop units an inter-ocular distance.
    unit: f32,
    /// Points with known depth, the landmarks first: x and y in crop units, depth in inter-ocular distances.
    anchors: Vec<[f32; 3]>,
}

/// A head that was turned.
pub struct Turned {
    /// The picture, of the size of the one it was made from, the face about where it was.
    pub image: Image,
    /// Landmarks, pixels. The jaw's far half lies along what can be seen of it.
    pub landmarks: Landmarks,
}

impl<'a> Relief<'a> {
    /// The face with these landmarks (pixels), its upright crop known.
    pub fn new(image: &'a Image, landmarks: &Landmarks, image_from_crop: Similarity) -> Self {
        let crop_from_image = image_from_crop.inverse();
        let points: Vec<[f32; 2]> = landmarks.points.iter().map(|p| crop_from_image.apply(*p)).collect();
        let corners = [points[36], points[39], points[42], points[45]];
        let eyes = [0, 1].map(|k| corners.iter().map(|p| p[k]).sum::<f32>() / 4.0);
        let unit = ((points[45][0] - points[36][0]).hypot(points[45][1] - points[36][1]) / OUTER_EYES).max(1e-3);
        let own = points.iter().zip(DEPTHS).map(|(p, z)| [p[0], p[1], z]);
        let rest = REST_OF_HEAD.map(|[x, y, z]| [eyes[0] + unit * x, eyes[1] + unit * y, z]);
        let anchors = own.chain(rest).collect();
        Self { image, image_from_crop, eyes, unit, anchors }
    }

    /// The face with these landmarks and this box (pixels), whose upright crop is not known. `None` if the landmarks span no face.
    pub fn of_face(image: &'a Image, landmarks: &Landmarks, rect: &Rect) -> Option<Self> {
        let upright = Similarity::fit(&Landmarks::schematic().points, &landmarks.points)?;
        // Half a crop is about two thirds of a box's height.
        let middle = [rect.x + 0.5 * rect.w, rect.y + 0.5 * rect.h];
        Some(Self::new(image, landmarks, Similarity::new(0.7 * rect.h, upright.turn(), middle)))
    }

    /// Depth of the head at a place of the crop, inter-ocular distances: the anchors' mean, by the cube of their nearness.
    fn depth(&self, [x, y]: [f32; 2]) -> f32 {
        let (mut sum, mut weights) = (0.0, 1e-9);
        for [ax, ay, z] in &self.anchors {
            let square = ((x - ax).powi(2) + (y - ay).powi(2)) / (self.unit * self.unit) + 4e-3;
            let weight = 1.0 / (square * square.sqrt());
            sum += weight * z;
            weights += weight;
        }
        sum / weights
    }

    /// How much a place belongs to the head: 1 on it, 0 away from it, so that the room and the shoulders stay.
    fn belonging(&self, [x, y]: [f32; 2]) -> f32 {
        let [u, v] = [(x - self.eyes[0]) / self.unit, (y - self.eyes[1]) / self.unit];
        let r = (u / 1.5).hypot((v - 0.05) / 2.0);
        mirror::latent::smoothstep(((1.55 - r) / 0.5).clamp(0.0, 1.0))
    }

    /// Where a place of the crop goes, crop units, and how far behind it is, inter-ocular distances.
    fn place(&self, turn: Turn, p: [f32; 2]) -> [f32; 3] {
        self.place_at(turn, p, self.depth(p))
    }

    fn place_at(&self, turn: Turn, p: [f32; 2], depth: f32) -> [f32; 3] {
        let [x, y] = [(p[0] - self.eyes[0]) / self.unit, (p[1] - self.eyes[1]) / self.unit - PIVOT[0]];
        let z = depth - PIVOT[1];
        let ((ys, yc), (ps, pc)) = (turn.yaw.sin_cos(), turn.pitch.sin_cos());
        let (y1, z1) = (y * pc + z * ps, z * pc - y * ps);
        let (x2, z2) = (x * yc - z1 * ys, z1 * yc + x * ys);
        let weight = self.belonging(p);
        let mix = |from: f32, to: f32| from + weight * (to - from);
        [
            self.eyes[0] + self.unit * mix(x, x2),
            self.eyes[1] + self.unit * (mix(y, y1) + PIVOT[0]),
            // What stays lies behind what is turned over it.
            mix(z.max(1.0), z2),
        ]
    }

    /// The landmarks after the turn, crop units. The jaw's points march to the outline that can be seen: the outermost
    /// place between them and the middle of the face at their height.
    fn points(&self, turn: Turn) -> Vec<[f32; 2]> {
        let before = &self.anchors[..LANDMARKS];
        let middle = before[27..31].iter().map(|p| p[0]).sum::<f32>() / 4.0;
        let turned = before.iter().enumerate().map(|(i, p)| {
            let [x, y, _] = self.place_at(turn, [p[0], p[1]], p[2]);
            let side = match i {
                0..=7 => -1.0,
                9..=16 => 1.0,
                _ => return [x, y],
            };
            let steps = (0..24).map(|s| {
                let t = s as f32 / 24.0;
                let [x, y, _] = self.place(turn, [middle + t * (p[0] - middle), p[1]]);
                [x, y]
            });
            steps.fold([x, y], |best, p| if p[0] * side > best[0] * side { p } else { best })
        });
        turned.collect()
    }

    /// Draws the head turned.
    pub fn turn(&self, turn: Turn) -> Turned {
        let points = self.points(turn);
        let mut image = self.image.clone();
        let depths = vec![f32::INFINITY; image.width * image.height];
        let mut canvas = Canvas { image: &mut image, depths };
        let side = CELLS + 1;
        let vertices: Vec<Vertex> = (0..side * side)
            .map(|i| {
                let at = |k: usize| (k as f32 / CELLS as f32 * 2.0 - 1.0) * REACH;
                let p = [at(i % side), at(i / side)];
                let [x, y, depth] = self.place(turn, p);
                Vertex { to: self.image_from_crop.apply([x, y]), depth, from: self.image_from_crop.apply(p) }
            })
            .collect();
        for i in 0..CELLS * CELLS {
            let corner = i / CELLS * side + i % CELLS;
            let [a, b, c, d] = [corner, corner + 1, corner + side, corner + side + 1].map(|k| vertices[k]);
            canvas.triangle(self.image, [a, b, c]);
            canvas.triangle(self.image, [b, d, c]);
        }
        let landmarks = Landmarks { points: std::array::from_fn(|i| self.image_from_crop.apply(points[i])) };
        Turned { image, landmarks }
    }

    /// Where any points of the face (pixels) go.
    pub fn follow<const N: usize>(&self, turn: Turn, points: [[f32; 2]; N]) -> [[f32; 2]; N] {
        let crop_from_image = self.image_from_crop.inverse();
        points.map(|p| {
            let [x, y, _] = self.place(turn, crop_from_image.apply(p));
            self.image_from_crop.apply([x, y])
        })
    }
}

/// A corner of a triangle: where it is drawn and where its colour is from (pixels), and its depth.
#[derive(Clone, Copy)]
struct Vertex {
    to: [f32; 2],
    depth: f32,
    from: [f32; 2],
}

/// A picture being drawn, nearest surfaces first.
struct Canvas<'a> {
    image: &'a mut Image,
    depths: Vec<f32>,
}

impl Canvas<'_> {
    /// Draws a piece of `source`, wherever nothing nearer has been drawn.
    fn triangle(&mut self, source: &Image, [a, b, c]: [Vertex; 3]) {
        let area = edge(a.to, b.to, c.to);
        if area.abs() < 1e-6 || !area.is_finite() {
            return;
        }

        // The pixels that the triangle may touch.
        let (w, h) = (self.image.width, self.image.height);
        let range = |k: usize, end: usize| {
            let values = [a.to[k], b.to[k], c.to[k]];
            let low = values.iter().fold(f32::INFINITY, |m, v| m.min(*v));
            let high = values.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
            ((low - 0.5).max(0.0) as usize).min(end)..((high + 0.5).max(0.0).ceil() as usize).min(end)
        };

        // Those inside, where nothing nearer has been drawn.
        for y in range(1, h) {
            for x in range(0, w) {
                let p = [x as f32 + 0.5, y as f32 + 0.5];
                let share = [edge(b.to, c.to, p), edge(c.to, a.to, p), edge(a.to, b.to, p)].map(|e| e / area);
                if share.iter().any(|s| *s < -1e-4) {
                    continue;
                }
                let mix = |va: f32, vb: f32, vc: f32| share[0] * va + share[1] * vb + share[2] * vc;
                let depth = mix(a.depth, b.depth, c.depth);
                let nearest = &mut self.depths[y * w + x];
                if depth < *nearest {
                    *nearest = depth;
                    let from = [0, 1].map(|k| mix(a.from[k], b.from[k], c.from[k]) - 0.5);
                    let colour = deform::bilinear(source, from);
                    for (to, v) in self.image.data[(y * w + x) * 3..][..3].iter_mut().zip(colour) {
                        *to = v.round() as u8;
                    }
                }
            }
        }
    }
}

/// Twice the signed area of a triangle.
fn edge(a: [f32; 2], b: [f32; 2], c: [f32; 2]) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 200;
    const CROP: Similarity = Similarity { a: 50.0, b: 0.0, tx: 100.0, ty: 100.0 };

    /// A schematic face, as [`CROP`] has it.
    fn face() -> Landmarks {
        let to_image = Similarity::new(0.5, 0.0, [0.0, -0.25]).then(&CROP);
        Landmarks::schematic().map(&to_image)
    }

    fn picture() -> Image {
        Image { width: SIDE, height: SIDE, data: (0..SIDE * SIDE * 3).map(|i| (i / 3 % SIDE) as u8).collect() }
    }

    #[test]
    fn no_turn_changes_neither_picture_nor_points() {
        let (image, landmarks) = (picture(), face());
        let turned = Relief::new(&image, &landmarks, CROP).turn(Turn { yaw: 0.0, pitch: 0.0 });
        assert!(image.data.iter().zip(&turned.image.data).all(|(a, b)| a.abs_diff(*b) <= 1));
        let moved = landmarks.mean_distance(&turned.landmarks);
        assert!(moved < 1e-3, "{moved} pixels");
    }

    #[test]
    fn the_pose_of_a_turned_head_has_turned() {
        let (image, landmarks) = (picture(), face());
        let relief = Relief::new(&image, &landmarks, CROP);
        let before = Pose::of(&landmarks).unwrap();
        for degrees in [-30.0f32, -15.0, 15.0, 30.0] {
            let yawed = Pose::of(&relief.turn(Turn { yaw: degrees.to_radians(), pitch: 0.0 }).landmarks).unwrap();
            assert!((yawed.yaw - before.yaw - degrees).abs() < 5.0, "{degrees}: {yawed:?} from {before:?}");
            let nodded = Pose::of(&relief.turn(Turn { yaw: 0.0, pitch: degrees.to_radians() }).landmarks).unwrap();
            assert!((nodded.pitch - before.pitch - degrees).abs() < 7.0, "{degrees}: {nodded:?} from {before:?}");
        }
    }

    #[test]
    fn the_border_stays_and_a_mark_goes_where_its_point_goes() {
        let landmarks = face();
        let [x, y] = landmarks.points[30].map(|v| v as usize);
        let mut image = Image { width: SIDE, height: SIDE, data: vec![0; SIDE * SIDE * 3] };
        for (dx, dy) in (0..9).map(|i| (i % 3, i / 3)) {
            image.data[((y + dy - 1) * SIDE + x + dx - 1) * 3..][..3].fill(255);
        }
        image.data[..SIDE * 3].fill(77);
        for turn in [Turn { yaw: 0.5, pitch: 0.2 }, Turn { yaw: -0.4, pitch: -0.4 }] {
            let turned = Relief::new(&image, &landmarks, CROP).turn(turn);
            assert_eq!(turned.image.data[..SIDE * 3], image.data[..SIDE * 3]);
            let mut sum = [0.0f32; 3];
            for (i, p) in turned.image.data.chunks_exact(3).enumerate().skip(2 * SIDE) {
                let v = f32::from(p[0]);
                sum = [sum[0] + v, sum[1] + v * (i % SIDE) as f32, sum[2] + v * (i / SIDE) as f32];
            }
            let [wx, wy] = turned.landmarks.points[30];
            let off = (sum[1] / sum[0] + 0.5 - wx).hypot(sum[2] / sum[0] + 0.5 - wy);
            // The tip of the nose is steep: what is around it spreads unevenly.
            assert!(sum[0] > 0.0 && off < 3.0, "{off} pixels off");
        }
    }

    #[test]
    fn the_far_cheek_is_outlined_where_it_can_be_seen() {
        let (image, landmarks) = (picture(), face());
        let turned = Relief::new(&image, &landmarks, CROP).turn(Turn { yaw: 0.7, pitch: 0.0 }).landmarks.points;
        // To the right of the nose's bridge and in order, although the ear behind is not.
        assert!((9..16).all(|i| turned[i][0] > turned[27][0] - 1.0), "{:?}", &turned[9..17]);
    }

    #[test]
    fn who_looks_aside_is_turned_further_to_that_side() {
        let aside = Some(Pose { yaw: -20.0, pitch: 0.0, roll: 0.0 });
        let turns: Vec<f32> = (0..50).map(|seed| Turn::random(aside, &mut Rng::new(seed)).yaw).collect();
        assert!(turns.iter().all(|yaw| (-1.25..=0.0).contains(yaw)) && turns.iter().any(|yaw| *yaw < -0.3));
        let ahead: Vec<f32> = (0..50).map(|seed| Turn::random(None, &mut Rng::new(seed)).yaw).collect();
        assert!(ahead.iter().any(|yaw| *yaw > 0.3) && ahead.iter().any(|yaw| *yaw < -0.3));
    }
}
