//! Finds faces: several a picture, from a dozen pixels to the whole width, each with a box, five points and a score.
//!
//! A small anchor-free net: blocks of 4x4 pixels become one vector each; a convolutional trunk goes on to strides 8, 16 and
//! 32, a top-down path brings context to the fine levels, and every cell of every level says a face logit, a box and the
//! points. The picture is looked at small for its large faces and larger for its small ones.

mod merge;
mod net;

pub use merge::{candidates, merge};
pub use net::{BLOCK, DetectorNet, DetectorTape, LEVEL_LIMITS, OUTPUTS, STRIDES, box_unit, input};

use super::geometry::{Face, Rect};
use frame::Image;
use nn::Unset;

/// The metadata key of the score from which on a face is a face.
pub const THRESHOLD_KEY: &str = "threshold";

/// The long side of the looks at a picture, pixels: each next one if the one before shrinks the picture to less than half. So
/// a face of 24 pixels is seen with 12 or more, and the time does not grow with the picture beyond the last look.
const LOOKS: [usize; 5] = [160, 320, 640, 1280, 2560];

/// Sizes of the faces that count in a look, net pixels: smaller ones are the next look's business, larger ones that of the look
/// before. The scenes that the net learns from are 160 to 192 pixels wide, so faces larger than 100 pixels are rare in them.
const FACES: std::ops::Range<f32> = 24.0..112.0;

/// A look may enlarge a picture so far: a face of a few pixels does not gain by more.
const MAX_ENLARGEMENT: f32 = 2.0;

/// A face of which less lies within the picture, by the area of its box, does not count: the net has seen few that are cut so far.
const LEAST_INSIDE: f32 = 0.3;

/// Finds the faces of a picture.
pub struct Detector {
    net: DetectorNet,
    threshold: f32,
}

impl Detector {
    /// From the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the bytes are no such file, a tensor is missing or has the wrong shape, or the threshold is no probability.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, nn::Error> {
        let mut net = DetectorNet::new(&mut Unset);
        let metadata = nn::io::load_into(bytes, net.params_mut())?;
        let text = metadata.get(THRESHOLD_KEY).map_or("", String::as_str);
        match text.parse::<f32>() {
            Ok(threshold) if (0.0..=1.0).contains(&threshold) => Ok(Self { net, threshold }),
            _ => {
                let message = format!("\"{THRESHOLD_KEY}\": expected a number from 0 to 1, found \"{text}\"");
                Err(nn::Error::Metadata(message))
            }
        }
    }

    /// A net in the making, as trainers hold it.
    pub fn from_net(net: DetectorNet, threshold: f32) -> Self {
        Self { net, threshold }
    }

    /// The same detector with another threshold.
    pub fn with_threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// The score from which on a face is a face.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The faces of a picture, the surest first.
    pub fn detect(&self, image: &Image) -> Vec<Face> {
        let long = image.width.max(image.height);
        if image.width.min(image.height) == 0 {
            return Vec::new();
        }
        let looks = 1 + LOOKS[..LOOKS.len() - 1].iter().filter(|l| long > 2 * **l).count();
        let mut found = Vec::new();
        for (i, look) in LOOKS[..looks].iter().enumerate() {
            // The first look has no other before it for the large faces, nor the last one after it for the small ones.
            let (first, last) = (i == 0, i + 1 == looks);
            let counts = |size: f32| (last || size >= FACES.start) && (first || size < FACES.end);
            self.look(image, (*look as f32 / long as f32).min(MAX_ENLARGEMENT), counts, &mut found);
        }
        merge(found)
    }

    /// Adds the faces of one look whose size `counts`, overlapping ones included.
    fn look(&self, image: &Image, scale: f32, counts: impl Fn(f32) -> bool, found: &mut Vec<Face>) {
        // The picture at the size of the look.
        let side = |s: usize| ((s as f32 * scale).round() as usize).max(1);
        let (w, h) = (side(image.width), side(image.height));
        let mut scaled = Image { width: w, height: h, data: vec![0; w * h * 3] };
        kernels::resize(&image.data, (image.width, image.height), &mut scaled.data, (w, h));

        // Its faces, but for those of other looks and those that lie mostly outside.
        let outputs = self.net.forward(&input([&scaled]));
        let mut faces = Vec::new();
        for (output, stride) in outputs.iter().zip(STRIDES) {
            candidates(&output.data, output.w(), stride, self.threshold, &mut faces);
        }
        let size = |f: &Face| (f.rect.w * f.rect.h).sqrt();
        faces.retain(|f| size(f).is_finite() && counts(size(f)) && overlap(&f.rect, w as f32, h as f32) > LEAST_INSIDE);

        // Back to the picture's own pixels.
        let (sx, sy) = (image.width as f32 / w as f32, image.height as f32 / h as f32);
        for Face { rect: r, points, .. } in &mut faces {
            *r = Rect { x: r.x * sx, y: r.y * sy, w: r.w * sx, h: r.h * sy };
            *points = points.map(|[x, y]| [x * sx, y * sy]);
        }
        found.append(&mut faces);
    }
}

/// Share of a box within a picture.
fn overlap(r: &Rect, w: f32, h: f32) -> f32 {
    let inside = Rect { x: 0.0, y: 0.0, w, h };
    r.intersection(&inside) / (r.w * r.h).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    #[test]
    fn any_picture_is_answered() {
        let detector = Detector::from_net(DetectorNet::new(&mut Rng::new(1)), 0.001);
        for (w, h) in [(0, 0), (1, 1), (1, 700), (20_000, 3), (33, 31), (700, 500)] {
            let image = Image { width: w, height: h, data: vec![90; w * h * 3] };
            let faces = detector.detect(&image);
            assert!(faces.is_sorted_by(|a, b| a.score >= b.score));
            assert!(faces.iter().all(|f| f.rect.w.is_finite() && f.rect.x.is_finite()));
        }
    }

    #[test]
    fn weights_need_a_threshold() {
        let net = DetectorNet::new(&mut Rng::new(1));
        let bytes = |threshold: &str| {
            let metadata = [(THRESHOLD_KEY.to_string(), threshold.to_string())].into();
            nn::io::write(&nn::io::collect(&net.params(), &metadata), nn::io::Dtype::F16)
        };
        assert_eq!(Detector::from_weights(&bytes("0.5")).unwrap().threshold(), 0.5);
        assert!(Detector::from_weights(&bytes("much")).is_err());
        assert!(bytes("0.5").len() < 1_000_000);
    }
}
