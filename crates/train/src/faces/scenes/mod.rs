//! Made-up scenes for the detector: portraits in, on and among photographs without faces, boxes and points known.

mod placement;
mod subject;

use self::placement::{Mask, Placement};
use self::subject::{Pyramid, Subject};
use super::augment::{self, Photometric};
use crate::data::{Negative, Portrait};
use frame::Image;
use mirror::face::{Face, KEY_POINTS, Rect};
use nn::Rng;
use rayon::prelude::*;

/// Faces below this geometric mean of width and height are left open: neither found nor missed, pixels.
pub const SMALLEST: f32 = 10.0;

/// Share of a face that must lie inside the picture for it to be found.
const MOST_OF_A_FACE: f32 = 0.6;

/// Below this size faces are spared blur and coarse pixels: what is left of a dozen pixels after a blur is no face.
const DELICATE: f32 = 26.0;

/// Share of the scenes that show one large face.
const CLOSE_UPS: f32 = 0.34;

/// Share of the scenes that show anybody, one or several; the rest show nobody.
const PEOPLED: f32 = 0.72;

/// Share of the scenes that end in grey, as the net's input is filled up.
const LETTERBOXED: f32 = 0.12;

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
        // One person, several, or nobody.
        let kind = rng.uniform();
        let mut scene = if kind < CLOSE_UPS {
            self.close_up(side, rng)
        } else if kind < PEOPLED {
            self.group(side, rng)
        } else {
            self.empty(side, hardness, rng)
        };
        self.hide_parts(&mut scene, rng);

        // A camera's faults.
        let size = |f: &Face| (f.rect.w * f.rect.h).sqrt();
        let smallest = scene.faces.iter().map(size).fold(f32::INFINITY, f32::min);
        let mut changes = Photometric::default();
        if smallest < DELICATE {
            (changes.blur, changes.rescale, changes.jpeg) = (0.08, 0.0, 0.3);
        }
        changes.apply(&mut scene.image, rng);
        if rng.chance(LETTERBOXED) {
            letterbox(&mut scene, rng);
        }

        // Faces that are too small or mostly outside are nothing to be found, and nothing to be missed.
        let image = Rect { x: 0.0, y: 0.0, w: side as f32, h: side as f32 };
        let (clear, unclear): (Vec<Face>, Vec<Face>) = std::mem::take(&mut scene.faces)
            .into_iter()
            .partition(|f| size(f) >= SMALLEST && f.rect.intersection(&image) >= MOST_OF_A_FACE * f.rect.w * f.rect.h);
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

        // Of one size, or each of their own.
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
