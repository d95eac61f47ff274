//! The people that scenes show, and their pictures at several sizes.

use crate::data::Portrait;
use crate::faces::augment;
use crate::faces::turn::{Relief, Turn};
use frame::Image;
use mirror::face::{Face, Rect};

/// A portrait to show.
pub(super) struct Subject {
    pub face: Face,
    pub pictures: Pyramid,
}

impl Subject {
    /// As it was photographed.
    pub fn of(portrait: &Portrait) -> Self {
        let face = Face { rect: portrait.rect, points: portrait.pts5, score: 1.0 };
        Self { face, pictures: Pyramid::new(&portrait.image) }
    }

    /// With the head turned somewhere, the same way whenever asked. `None` if the landmarks span no face.
    pub fn turned(portrait: &Portrait) -> Option<Self> {
        let (image, face) = turn_head(portrait, Turn::of(&portrait.landmarks, &portrait.file).next()?)?;
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
pub(super) struct Pyramid {
    levels: Vec<Image>,
}

impl Pyramid {
    pub fn new(image: &Image) -> Self {
        let mut levels = vec![image.clone()];
        while let Some(last) = levels.last().filter(|l| l.width.min(l.height) >= 16 && levels.len() < 5) {
            levels.push(augment::resampled(last, last.width / 2, last.height / 2));
        }
        Self { levels }
    }

    /// The whole picture.
    pub fn full(&self) -> &Image {
        &self.levels[0]
    }

    /// Draws the picture, `m` mapping pixels of the target to those of the whole picture.
    pub fn warp(&self, to: &mut Image, m: [[f32; 3]; 2]) {
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
