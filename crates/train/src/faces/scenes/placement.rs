//! Puts a portrait's face at a place of a scene: size, turn, outline, and what it hides.

use super::grown;
use super::subject::Pyramid;
use crate::faces::augment;
use frame::Image;
use mirror::face::{Face, Rect};
use nn::Rng;

/// Which part of a portrait is shown.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mask {
    /// All of it, its border repeated.
    Everything,
    /// An ellipse from hair to chin.
    Head,
    /// Head and shoulders.
    Bust,
    /// The whole photograph.
    Print,
}

/// Where a portrait's face goes.
pub(super) struct Placement {
    portrait_from_scene: [[f32; 3]; 2],
    face: Rect,
    pub face_in_scene: Face,
    /// Of the photograph.
    corners_in_scene: Rect,
}

impl Placement {
    /// Face of this size (geometric mean of the box's sides) at this place, turned, stretched and perhaps mirrored.
    pub fn random(face: &Face, pictures: &Pyramid, size: f32, at: [f32; 2], rng: &mut Rng) -> Self {
        let Rect { x, y, w, h } = face.rect;
        let turn = if rng.chance(0.8) { 0.16 * rng.normal() } else { rng.range(-0.79, 0.79) };
        let turn = turn.clamp(-0.79, 0.79);
        let stretch = rng.range(-0.13, 0.13).exp();
        let scale = size / (w * h).sqrt();
        let (sx, sy) = (scale * stretch * if rng.chance(0.5) { -1.0 } else { 1.0 }, scale / stretch);
        let (sin, cos) = turn.sin_cos();

        // scene = turn * stretch * (portrait - centre) + at, and back.
        let forward = [[cos * sx, -sin * sy], [sin * sx, cos * sy]];
        let back = [[cos / sx, sin / sx], [-sin / sy, cos / sy]];
        let centre = [x + w / 2.0, y + h / 2.0];
        let row = |i: usize| {
            let [a, b] = back[i];
            [a, b, centre[i] - a * at[0] - b * at[1]]
        };

        // The box of the turned ellipse in the teacher's box: a teacher's box hardly grows when a head is tilted.
        let half = |i: usize| (forward[i][0] * w / 2.0).hypot(forward[i][1] * h / 2.0);
        let (hw, hh) = (half(0), half(1));
        let rect = Rect { x: at[0] - hw, y: at[1] - hh, w: 2.0 * hw, h: 2.0 * hh };

        let to_scene = |[px, py]: [f32; 2]| {
            let (dx, dy) = (px - centre[0], py - centre[1]);
            [0, 1].map(|i| forward[i][0] * dx + forward[i][1] * dy + at[i])
        };
        let [a, b, nose, c, d] = face.points.map(to_scene);
        // In a mirror the left eye is the right one.
        let points = if sx < 0.0 { [b, a, nose, d, c] } else { [a, b, nose, c, d] };
        let face_in_scene = Face { rect, points, ..*face };

        let (pw, ph) = (pictures.full().width as f32, pictures.full().height as f32);
        let corners = [[0.0, 0.0], [pw, 0.0], [0.0, ph], [pw, ph]].map(to_scene);
        let low = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f32::INFINITY, f32::min));
        let high = [0, 1].map(|i| corners.iter().map(|c| c[i]).fold(f32::NEG_INFINITY, f32::max));
        let corners_in_scene = Rect { x: low[0], y: low[1], w: high[0] - low[0], h: high[1] - low[1] };
        Self { portrait_from_scene: [row(0), row(1)], face: face.rect, face_in_scene, corners_in_scene }
    }

    /// Draws the portrait into the scene; gives back where it covers what was there.
    pub fn paste(&self, image: &mut Image, pictures: &Pyramid, mask: Mask, rng: &mut Rng) -> Rect {
        // The rectangle of the scene in which anything may change.
        let reach = self.reach(image, mask);
        let edge = |v: f32, end: usize| (v.max(0.0) as usize).min(end);
        let (x0, y0) = (edge(reach.x.floor(), image.width), edge(reach.y.floor(), image.height));
        let (x1, y1) = (edge((reach.x + reach.w).ceil(), image.width), edge((reach.y + reach.h).ceil(), image.height));
        let (w, h) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        if w * h == 0 {
            return reach;
        }

        // The portrait as it looks there, now and then in another light than the scene.
        let mut m = self.portrait_from_scene;
        for row in &mut m {
            row[2] += row[0] * x0 as f32 + row[1] * y0 as f32;
        }
        let mut patch = Image { width: w, height: h, data: vec![0; w * h * 3] };
        pictures.warp(&mut patch, m);
        if rng.chance(0.5) {
            augment::tone_and_cast(&mut patch, true, true, rng);
        }

        // Blended in, pixel by pixel.
        let outline = Outline::random(self.face, pictures, rng);
        for (i, (to, from)) in rows(image, x0, y0, w).zip(patch.data.chunks_exact(w * 3)).take(h).enumerate() {
            for (j, (to, from)) in to.chunks_exact_mut(3).zip(from.chunks_exact(3)).enumerate() {
                let (sx, sy) = (j as f32 + 0.5, i as f32 + 0.5);
                let in_portrait = [0, 1].map(|k| m[k][0] * sx + m[k][1] * sy + m[k][2]);
                let alpha = outline.alpha(mask, in_portrait);
                if alpha > 0.0 {
                    to.iter_mut().zip(from).for_each(|(t, f)| {
                        *t = (f32::from(*t) + alpha * (f32::from(*f) - f32::from(*t)) + 0.5) as u8;
                    });
                }
            }
        }
        self.covered(mask, reach)
    }

    /// Where in the scene a pixel may change.
    fn reach(&self, image: &Image, mask: Mask) -> Rect {
        let f = &self.face_in_scene.rect;
        match mask {
            Mask::Everything => Rect { x: 0.0, y: 0.0, w: image.width as f32, h: image.height as f32 },
            Mask::Print => self.corners_in_scene,
            Mask::Head => grown(f, 2.2),
            Mask::Bust => Rect { x: f.x - f.w * 1.5, y: f.y - f.h * 0.8, w: f.w * 4.0, h: f.h * 4.0 },
        }
    }

    /// Where the portrait hides what was there before.
    fn covered(&self, mask: Mask, reach: Rect) -> Rect {
        let f = &self.face_in_scene.rect;
        match mask {
            // Shoulders reach further down than a head, but not wider than that.
            Mask::Bust => Rect { x: f.x - f.w * 0.8, y: f.y - f.h * 0.3, w: f.w * 2.6, h: f.h * 3.3 },
            Mask::Head => grown(f, 1.5),
            Mask::Everything | Mask::Print => reach,
        }
    }
}

/// The outline along which a person is cut out of a portrait.
struct Outline {
    /// The face's box, portrait pixels.
    face: Rect,
    /// Width and height of the photograph.
    size: [f32; 2],
    /// Half-axes of the head's ellipse, in halves of the box.
    head: [f32; 2],
    /// How soft the edge is, in halves of the box.
    soft: f32,
    /// Half the width of the shoulders, in halves of the box.
    shoulders: f32,
}

impl Outline {
    /// Around this face, with room for hair, wide or narrow, soft or hard.
    fn random(face: Rect, pictures: &Pyramid, rng: &mut Rng) -> Self {
        let size = [pictures.full().width as f32, pictures.full().height as f32];
        let head = [rng.range(1.15, 1.7), rng.range(1.15, 1.45)];
        let soft = rng.range(0.04, 0.3);
        let shoulders = rng.range(1.6, 2.6);
        Self { face, size, head, soft, shoulders }
    }

    /// How much of the portrait there is at one of its places, from 0 to 1.
    fn alpha(&self, mask: Mask, [px, py]: [f32; 2]) -> f32 {
        let Rect { x, y, w, h } = self.face;
        let (u, v) = ((px - x) / w * 2.0 - 1.0, (py - y) / h * 2.0 - 1.0);
        let inside = px >= 0.0 && py >= 0.0 && px <= self.size[0] && py <= self.size[1];
        // Hair is above the box: the ellipse's centre lies a little above the box's.
        let head = 1.0 - (u / self.head[0]).hypot((v + 0.15) / self.head[1]);
        match mask {
            Mask::Everything => 1.0,
            Mask::Print => f32::from(u8::from(inside)),
            Mask::Head if inside => (head / self.soft + 0.5).clamp(0.0, 1.0),
            Mask::Bust if inside => {
                let width = self.shoulders * ((v - 0.6) * 1.5).clamp(0.0, 1.0).sqrt();
                let bust = if v > 0.6 { width - u.abs() } else { -1.0 };
                ((head.max(bust)) / self.soft + 0.5).clamp(0.0, 1.0)
            }
            Mask::Head | Mask::Bust => 0.0,
        }
    }
}

/// The parts of `width` pixels from column `x` of the rows from `y` on.
fn rows(image: &mut Image, x: usize, y: usize, width: usize) -> impl Iterator<Item = &mut [u8]> {
    let stride = image.width * 3;
    image.data.chunks_exact_mut(stride).skip(y).map(move |row| &mut row[x * 3..(x + width) * 3])
}
