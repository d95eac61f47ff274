//! Made-up scenes for the detector: portraits in, on and among photographs without faces, boxes and points known.

use crate::augment::{self, Photometric};
use crate::data::{Negative, Portrait};
use crate::turn::{Relief, Turn};
use frame::Image;
use mirror::face::{Face, KEY_POINTS, Rect};
use nn::Rng;
use rayon::prelude::*;

/// Faces below this geometric mean of width and height are left open: neither found nor missed, pixels.
pub const SMALLEST: f32 = 10.0;

/// Share of a group that is no people.
const DECOYS: f32 = 0.2;

/// Share of the people whose head is turned: the archive itself looks straight ahead.
const TURNED: f32 = 0.3;

/// Share of the others who looked aside when they were photographed: one in twenty did, up to full profile, where no relief can turn a head.
const ASIDE: f32 = 0.15;

/// Nose offset over eye distance beyond which somebody looks aside.
const LOOKS_ASIDE: f32 = 0.4;

/// Share of the people under a hat.
const HATS: f32 = 0.12;

/// A picture, its faces, and places about which nothing is claimed.
pub struct Scene {
    /// The picture, square.
    pub image: Image,
    /// What is to be found.
    pub faces: Vec<Face>,
    /// Boxes of faces that are too small, or hidden for the most part.
    pub unclear: Vec<Rect>,
    /// Which negative it shows and nothing else, if it does.
    pub negative: Option<usize>,
}

/// What scenes are made of.
pub struct Material {
    portraits: Vec<Subject>,
    /// Which of them look aside.
    aside: Vec<usize>,
    /// The same people with their heads turned.
    turned: Vec<Subject>,
    negatives: Vec<Pyramid>,
}

/// A portrait to show.
struct Subject {
    face: Face,
    pictures: Pyramid,
}

impl Subject {
    fn of(portrait: &Portrait) -> Self {
        let face = Face { rect: portrait.rect, points: portrait.pts5, score: 1.0 };
        Self { face, pictures: Pyramid::new(&portrait.image) }
    }

    /// With the head turned somewhere, the same way whenever asked. `None` if the landmarks span no face.
    fn turned(portrait: &Portrait) -> Option<Self> {
        let (image, face) = turn_head(portrait, Turn::of(portrait).next()?)?;
        Some(Self { face, pictures: Pyramid::new(&image) })
    }
}

/// A portrait's picture with the head turned, and the face in it. The box is that of the face's ellipse after the turn.
fn turn_head(portrait: &Portrait, turn: Turn) -> Option<(Image, Face)> {
    let Portrait { image, landmarks, rect, pts5, .. } = portrait;
    let relief = Relief::of_face(image, landmarks, rect)?;
    let middle = [rect.x + 0.5 * rect.w, rect.y + 0.5 * rect.h];
    let ellipse: [[f32; 2]; 48] = std::array::from_fn(|i| {
        let (angle, radius) = (std::f32::consts::TAU * (i % 16) as f32 / 16.0, 1.0 - 0.2 * (i / 16) as f32);
        let (sin, cos) = angle.sin_cos();
        [middle[0] + 0.5 * rect.w * radius * cos, middle[1] + 0.5 * rect.h * radius * sin]
    });
    let outline = relief.follow(turn, ellipse);
    let low = [0, 1].map(|k| outline.iter().map(|p| p[k]).fold(f32::INFINITY, f32::min));
    let high = [0, 1].map(|k| outline.iter().map(|p| p[k]).fold(f32::NEG_INFINITY, f32::max));
    let rect = Rect { x: low[0], y: low[1], w: high[0] - low[0], h: high[1] - low[1] };
    let face = Face { rect, points: relief.follow(turn, *pts5), score: 1.0 };
    Some((relief.turn(turn).image, face))
}

/// A picture and its halves, quarters and so on: a scene reads one sample a pixel from the smallest one that is
/// large enough, where the whole picture would need up to a hundred.
struct Pyramid {
    levels: Vec<Image>,
}

impl Pyramid {
    fn new(image: &Image) -> Self {
        let mut levels = vec![image.clone()];
        while let Some(last) = levels.last().filter(|l| l.width.min(l.height) >= 16 && levels.len() < 5) {
            levels.push(augment::resized(last, last.width / 2, last.height / 2));
        }
        Self { levels }
    }

    fn full(&self) -> &Image {
        &self.levels[0]
    }

    /// Draws the picture, `m` mapping pixels of the target to those of the whole picture.
    fn warp(&self, to: &mut Image, m: [[f32; 3]; 2]) {
        let step = m[0][0].hypot(m[1][0]).max(m[0][1].hypot(m[1][1]));
        // The kernel takes one sample up to a step of one pixel.
        let level = ((step - 1e-3).max(1.0).log2().ceil() as usize).min(self.levels.len() - 1);
        let image = &self.levels[level];
        let factors = [image.width as f32 / self.full().width as f32, image.height as f32 / self.full().height as f32];
        let m = [0, 1].map(|i| m[i].map(|v| v * factors[i]));
        let size = (to.width, to.height);
        kernels::warp_affine(&image.data, (image.width, image.height), &mut to.data, size, m);
    }
}

impl Material {
    /// Scenes with these portraits before and among these pictures without faces.
    pub fn new<'a>(
        portraits: impl IntoIterator<Item = &'a Portrait>,
        negatives: impl IntoIterator<Item = &'a Negative>,
    ) -> Self {
        let portraits: Vec<&Portrait> = portraits.into_iter().collect();
        let negatives: Vec<&Negative> = negatives.into_iter().collect();
        let looks_aside = |i: &usize| portraits[*i].yaw_cue.abs() > LOOKS_ASIDE;
        Self {
            aside: (0..portraits.len()).filter(looks_aside).collect(),
            portraits: portraits.par_iter().map(|p| Subject::of(p)).collect(),
            turned: portraits.par_iter().filter_map(|p| Subject::turned(p)).collect(),
            negatives: negatives.par_iter().map(|n| Pyramid::new(&n.image)).collect(),
        }
    }

    /// Pictures without faces.
    pub fn negatives(&self) -> usize {
        self.negatives.len()
    }

    /// A scene of `side` x `side` pixels; `hardness` says for each negative how sure the net was of a face there.
    pub fn scene(&self, side: usize, hardness: &[f32], rng: &mut Rng) -> Scene {
        let kind = rng.uniform();
        let mut scene = if kind < 0.34 {
            self.close_up(side, rng)
        } else if kind < 0.72 {
            self.group(side, rng)
        } else {
            self.empty(side, hardness, rng)
        };
        self.hide_parts(&mut scene, rng);
        let size = |f: &Face| (f.rect.w * f.rect.h).sqrt();
        let smallest = scene.faces.iter().map(size).fold(f32::INFINITY, f32::min);
        let mut changes = Photometric::default();
        if smallest < 26.0 {
            // What is left of a dozen pixels after a blur is no face.
            (changes.blur, changes.rescale, changes.jpeg) = (0.08, 0.0, 0.3);
        }
        changes.apply(&mut scene.image, rng);
        if rng.chance(0.12) {
            letterbox(&mut scene, rng);
        }
        let image = Rect { x: 0.0, y: 0.0, w: side as f32, h: side as f32 };
        let (clear, unclear): (Vec<Face>, Vec<Face>) = std::mem::take(&mut scene.faces)
            .into_iter()
            .partition(|f| size(f) >= SMALLEST && f.rect.intersection(&image) >= 0.6 * f.rect.w * f.rect.h);
        scene.faces = clear;
        scene.unclear.extend(unclear.into_iter().map(|f| f.rect).filter(|r| r.intersection(&image) > 0.0));
        scene
    }

    /// One portrait with all that it shows, the face from a quarter to nearly all of the picture.
    fn close_up(&self, side: usize, rng: &mut Rng) -> Scene {
        let portrait = self.subject(rng);
        let mut image = if rng.chance(0.4) { self.background(side, rng) } else { flat(side, rng) };
        let s = side as f32;
        let size = s * if rng.chance(0.7) { rng.range(0.22, 0.55) } else { rng.range(0.5, 0.9) };
        let spread = (s - size) * 0.5;
        let at = [s * 0.5 + spread * rng.range(-1.0, 1.0), s * 0.5 + spread * rng.range(-0.9, 0.9)];
        let place = Placement::random(&portrait.face, &portrait.pictures, size, at, rng);
        // The border of the photograph repeated, as in a studio; or seen as a print with edges.
        let mask = if rng.chance(0.5) { Mask::Everything } else { Mask::Print };
        place.paste(&mut image, &portrait.pictures, mask, rng);
        Scene { image, faces: vec![place.face_in_scene], unclear: Vec::new(), negative: None }
    }

    /// One to eight people before a photograph, and things cut out as if they were people.
    fn group(&self, side: usize, rng: &mut Rng) -> Scene {
        let mut image = self.background(side, rng);
        let s = side as f32;
        let count = 1 + rng.below(3) + if rng.chance(0.3) { rng.below(6) } else { 0 };
        let mut faces: Vec<Face> = Vec::new();
        let common = (rng.range(12f32.ln(), (0.5 * s).ln())).exp();
        let alike = rng.chance(0.5);
        for _ in 0..count {
            let size = if alike {
                (common * rng.range(0.75, 1.3)).clamp(11.0, 0.6 * s)
            } else {
                rng.range(11f32.ln(), (0.6 * s).ln()).exp()
            };
            let at = [rng.range(-0.02, 1.02) * s, rng.range(-0.02, 1.02) * s];
            let decoy = rng.chance(DECOYS) && !self.negatives.is_empty();
            let (face, pictures) = if decoy { self.thing(rng) } else { self.person(rng) };
            let place = Placement::random(&face, pictures, size, at, rng);
            // People stand beside one another: a later one may hide a shoulder, not a face.
            let room = grown(&place.face_in_scene.rect, 1.35);
            if faces.iter().any(|f| grown(&f.rect, 1.35).intersection(&room) > 0.0) {
                continue;
            }
            let mask = match rng.below(10) {
                0..4 => Mask::Head,
                4..8 => Mask::Bust,
                _ => Mask::Print,
            };
            let covered = place.paste(&mut image, pictures, mask, rng);
            // Whom the newcomer's body hides is gone.
            faces.retain(|f| f.rect.intersection(&covered) < 0.05 * f.rect.w * f.rect.h || mask == Mask::Head);
            if !decoy {
                faces.push(place.face_in_scene);
            }
        }
        Scene { image, faces, unclear: Vec::new(), negative: None }
    }

    fn person(&self, rng: &mut Rng) -> (Face, &Pyramid) {
        let portrait = self.subject(rng);
        (portrait.face, &portrait.pictures)
    }

    fn subject(&self, rng: &mut Rng) -> &Subject {
        if !self.turned.is_empty() && rng.chance(TURNED) {
            return &self.turned[rng.below(self.turned.len())];
        }
        let aside = !self.aside.is_empty() && rng.chance(ASIDE);
        let i = if aside { self.aside[rng.below(self.aside.len())] } else { rng.below(self.portraits.len()) };
        &self.portraits[i]
    }

    /// A piece of a picture without faces, where a face would be: so that a cut-out alone is no sign of one.
    fn thing(&self, rng: &mut Rng) -> (Face, &Pyramid) {
        let pictures = &self.negatives[rng.below(self.negatives.len())];
        let (w, h) = (pictures.full().width as f32, pictures.full().height as f32);
        let height = w.min(h) * rng.range(0.15, 0.6);
        let width = 0.74 * height;
        let rect = Rect { x: rng.uniform() * (w - width), y: rng.uniform() * (h - height), w: width, h: height };
        (Face { rect, points: [[rect.x, rect.y]; KEY_POINTS], score: 0.0 }, pictures)
    }

    /// Nobody: a photograph, rather one that was mistaken before; sometimes clothes and shoulders without a face.
    fn empty(&self, side: usize, hardness: &[f32], rng: &mut Rng) -> Scene {
        if self.negatives.is_empty() || rng.chance(0.12) {
            return self.headless(side, rng);
        }
        let mut index = rng.below(self.negatives.len());
        if rng.chance(0.6) {
            for _ in 0..4 {
                let other = rng.below(self.negatives.len());
                if hardness.get(other) > hardness.get(index) {
                    index = other;
                }
            }
        }
        let image = crop(&self.negatives[index], side, rng);
        Scene { image, faces: Vec::new(), unclear: Vec::new(), negative: Some(index) }
    }

    /// A portrait below the chin.
    fn headless(&self, side: usize, rng: &mut Rng) -> Scene {
        let portrait = &self.portraits[rng.below(self.portraits.len())];
        let (pw, ph) = (portrait.pictures.full().width as f32, portrait.pictures.full().height as f32);
        let chin = portrait.face.rect.y + portrait.face.rect.h * 1.12;
        let mut image = flat(side, rng);
        if ph - chin > 24.0 {
            let span = (ph - chin).min(pw);
            let scale = span / side as f32;
            let m = [[scale, 0.0, rng.uniform() * (pw - span)], [0.0, scale, chin]];
            portrait.pictures.warp(&mut image, m);
        }
        Scene { image, faces: Vec::new(), unclear: Vec::new(), negative: None }
    }

    fn background(&self, side: usize, rng: &mut Rng) -> Image {
        match self.negatives.len() {
            0 => flat(side, rng),
            n => crop(&self.negatives[rng.below(n)], side, rng),
        }
    }

    /// Hands, hair, cups: something before one face in four.
    fn hide_parts(&self, scene: &mut Scene, rng: &mut Rng) {
        for face in scene.faces.clone() {
            if rng.chance(0.25) {
                let texture = self.texture(rng);
                augment::occlude(&mut scene.image, &face.rect, 0.55, texture, rng);
            }
            if rng.chance(HATS) {
                let texture = self.texture(rng);
                augment::hat(&mut scene.image, &face.points, texture, rng);
            }
        }
        if rng.chance(0.2) {
            // Something before nothing, so that a patch is no sign of a face.
            let s = scene.image.width as f32;
            let area = Rect { x: rng.uniform() * s, y: rng.uniform() * s, w: 0.3 * s, h: 0.3 * s };
            if scene.faces.iter().all(|f| grown(&f.rect, 1.2).intersection(&grown(&area, 2.0)) == 0.0) {
                let texture = self.texture(rng);
                augment::occlude(&mut scene.image, &area, 0.6, texture, rng);
            }
        }
    }

    fn texture(&self, rng: &mut Rng) -> Option<&Image> {
        let n = self.negatives.len();
        (n > 0).then(|| self.negatives[rng.below(n)].full())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mask {
    Everything,
    /// An ellipse from hair to chin.
    Head,
    /// Head and shoulders.
    Bust,
    /// The whole photograph.
    Print,
}

/// Where a portrait's face goes.
struct Placement {
    portrait_from_scene: [[f32; 3]; 2],
    face: Rect,
    face_in_scene: Face,
    /// Of the photograph.
    corners_in_scene: Rect,
}

impl Placement {
    /// Face of this size (geometric mean of the box's sides) at this place, turned, stretched and perhaps mirrored.
    fn random(face: &Face, pictures: &Pyramid, size: f32, at: [f32; 2], rng: &mut Rng) -> Self {
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
    fn paste(&self, image: &mut Image, pictures: &Pyramid, mask: Mask, rng: &mut Rng) -> Rect {
        let f = &self.face_in_scene.rect;
        let reach = match mask {
            Mask::Everything => Rect { x: 0.0, y: 0.0, w: image.width as f32, h: image.height as f32 },
            Mask::Print => self.corners_in_scene,
            Mask::Head => grown(f, 2.2),
            Mask::Bust => Rect { x: f.x - f.w * 1.5, y: f.y - f.h * 0.8, w: f.w * 4.0, h: f.h * 4.0 },
        };
        let edge = |v: f32, end: usize| (v.max(0.0) as usize).min(end);
        let (x0, y0) = (edge(reach.x.floor(), image.width), edge(reach.y.floor(), image.height));
        let (x1, y1) = (edge((reach.x + reach.w).ceil(), image.width), edge((reach.y + reach.h).ceil(), image.height));
        let (w, h) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        if w * h == 0 {
            return reach;
        }
        let mut m = self.portrait_from_scene;
        for row in &mut m {
            row[2] += row[0] * x0 as f32 + row[1] * y0 as f32;
        }
        let mut patch = Image { width: w, height: h, data: vec![0; w * h * 3] };
        let (pw, ph) = (pictures.full().width, pictures.full().height);
        pictures.warp(&mut patch, m);
        if rng.chance(0.5) {
            augment::tone_and_cast(&mut patch, true, true, rng);
        }
        // Widths of the head's ellipse, and how soft its edge is, in halves of the box.
        let (ew, eh) = (rng.range(1.15, 1.7), rng.range(1.15, 1.45));
        let soft = rng.range(0.04, 0.3);
        let shoulders = rng.range(1.6, 2.6);
        let Rect { x: fx, y: fy, w: fw, h: fh } = self.face;
        for (i, (to, from)) in rows(image, x0, y0, w).zip(patch.data.chunks_exact(w * 3)).take(h).enumerate() {
            for (j, (to, from)) in to.chunks_exact_mut(3).zip(from.chunks_exact(3)).enumerate() {
                let (sx, sy) = (j as f32 + 0.5, i as f32 + 0.5);
                let px = m[0][0] * sx + m[0][1] * sy + m[0][2];
                let py = m[1][0] * sx + m[1][1] * sy + m[1][2];
                let (u, v) = ((px - fx) / fw * 2.0 - 1.0, (py - fy) / fh * 2.0 - 1.0);
                let inside = px >= 0.0 && py >= 0.0 && px <= pw as f32 && py <= ph as f32;
                // Hair is above the box: the ellipse's centre lies a little above the box's.
                let head = 1.0 - (u / ew).hypot((v + 0.15) / eh);
                let alpha = match mask {
                    Mask::Everything => 1.0,
                    Mask::Print => f32::from(u8::from(inside)),
                    Mask::Head if inside => (head / soft + 0.5).clamp(0.0, 1.0),
                    Mask::Bust if inside => {
                        let width = shoulders * ((v - 0.6) * 1.5).clamp(0.0, 1.0).sqrt();
                        let bust = if v > 0.6 { width - u.abs() } else { -1.0 };
                        ((head.max(bust)) / soft + 0.5).clamp(0.0, 1.0)
                    }
                    Mask::Head | Mask::Bust => 0.0,
                };
                if alpha > 0.0 {
                    to.iter_mut().zip(from).for_each(|(t, f)| {
                        *t = (f32::from(*t) + alpha * (f32::from(*f) - f32::from(*t)) + 0.5) as u8;
                    });
                }
            }
        }
        match mask {
            // Shoulders reach further down than a head, but not wider than that.
            Mask::Bust => Rect { x: f.x - f.w * 0.8, y: f.y - f.h * 0.3, w: f.w * 2.6, h: f.h * 3.3 },
            Mask::Head => grown(f, 1.5),
            Mask::Everything | Mask::Print => reach,
        }
    }
}

/// The parts of `width` pixels from column `x` of the rows from `y` on.
fn rows(image: &mut Image, x: usize, y: usize, width: usize) -> impl Iterator<Item = &mut [u8]> {
    let stride = image.width * 3;
    image.data.chunks_exact_mut(stride).skip(y).map(move |row| &mut row[x * 3..(x + width) * 3])
}

/// The same centre, `factor` times the size.
fn grown(r: &Rect, factor: f32) -> Rect {
    let (w, h) = (r.w * factor, r.h * factor);
    Rect { x: r.x + (r.w - w) / 2.0, y: r.y + (r.h - h) / 2.0, w, h }
}

/// A square piece of a photograph at a random scale, now and then turned or mirrored.
fn crop(picture: &Pyramid, side: usize, rng: &mut Rng) -> Image {
    let (w, h) = (picture.full().width as f32, picture.full().height as f32);
    // As close as a look at full size shows it, up to all of it.
    let span = w.min(h) * rng.range(0.3f32.ln(), 0.0).exp();
    let (cx, cy) = (rng.range(span / 2.0, w - span / 2.0 + 1e-3), rng.range(span / 2.0, h - span / 2.0 + 1e-3));
    let turn = if rng.chance(0.25) { rng.range(-0.5, 0.5) } else { 0.0 };
    let scale = span / side as f32;
    let flip = if rng.chance(0.5) { -1.0 } else { 1.0 };
    let (sin, cos) = (scale * turn.sin(), scale * turn.cos());
    let half = side as f32 / 2.0;
    let m = [[cos * flip, -sin, cx - half * (cos * flip - sin)], [sin * flip, cos, cy - half * (sin * flip + cos)]];
    let mut image = Image { width: side, height: side, data: vec![0; side * side * 3] };
    picture.warp(&mut image, m);
    image
}

/// One colour, or a gradient from one to another.
fn flat(side: usize, rng: &mut Rng) -> Image {
    let colours: [[f32; 3]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| rng.range(0.0, 255.0)));
    let bend = rng.uniform();
    let mut data = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        let t = bend * y as f32 / side as f32;
        let colour: [u8; 3] = std::array::from_fn(|c| (colours[0][c] + t * (colours[1][c] - colours[0][c])) as u8);
        (0..side).for_each(|_| data.extend(colour));
    }
    Image { width: side, height: side, data }
}

/// Fills the picture from a random row or column on with grey, as the net's input is filled up.
fn letterbox(scene: &mut Scene, rng: &mut Rng) {
    let side = scene.image.width;
    let from = (side as f32 * rng.range(0.6, 0.97)) as usize;
    let wide = rng.chance(0.5);
    for (i, p) in scene.image.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % side, i / side);
        if (if wide { y } else { x }) >= from {
            p.fill(127);
        }
    }
    let s = side as f32;
    let rest = if wide {
        Rect { x: -s, y: from as f32, w: 3.0 * s, h: 2.0 * s }
    } else {
        Rect { x: from as f32, y: -s, w: 2.0 * s, h: 3.0 * s }
    };
    let (hidden, clear): (Vec<Face>, Vec<Face>) = std::mem::take(&mut scene.faces)
        .into_iter()
        .partition(|f| f.rect.intersection(&rest) > 0.35 * f.rect.w * f.rect.h);
    scene.faces = clear;
    scene.unclear.extend(hidden.into_iter().map(|f| f.rect));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    #[test]
    fn scenes_repeat_for_a_seed_and_their_boxes_hold_faces() {
        let Some(root) = testing::data_root_or_skip("scenes") else { return };
        let portraits = data::load_portraits_where(&root, Portrait::is_held_out).unwrap();
        let negatives = data::load_negatives(&root).unwrap();
        let material = Material::new(&portraits, negatives.iter().take(50));
        let (mut faces, mut empty) = (0, 0);
        for seed in 0..60 {
            let a = material.scene(96, &[], &mut Rng::new(seed));
            let b = material.scene(96, &[], &mut Rng::new(seed));
            assert_eq!((&a.image, &a.faces), (&b.image, &b.faces));
            assert!(a.negative.is_none() || a.faces.is_empty());
            for Face { rect: f, points, .. } in &a.faces {
                assert!(
                    points
                        .iter()
                        .all(|[x, y]| (f.x - 0.6 * f.w..f.x + 1.6 * f.w).contains(x)
                            && (f.y..f.y + 1.1 * f.h).contains(y))
                );
                assert!(f.w * f.h >= SMALLEST * SMALLEST && f.w < 1.6 * f.h && f.h < 2.2 * f.w, "{f:?}");
            }
            faces += a.faces.len();
            empty += usize::from(a.faces.is_empty());
        }
        assert!(faces > 40 && (5..45).contains(&empty), "{faces} faces, {empty} empty");
    }
}
