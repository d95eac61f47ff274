//! Finds faces: several a picture, from a dozen pixels to the whole width, each with a box, five points and a score.
//!
//! A small anchor-free net: blocks of 4x4 pixels become one vector each; a convolutional trunk goes on to strides 8, 16 and
//! 32, a top-down path brings context to the fine levels, and every cell of every level says a face logit, a box and the
//! points. The picture is looked at small for its large faces and larger for its small ones.

use super::{Face, KEY_POINTS, Rect};
use frame::Image;
use nn::{Conv2d, Init, Initializer, Layer, LeakyRelu, Param, Sequential, Tape, Tensor, Unset, Upsample};

/// Distance between the cells of each level, net pixels.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Geometric mean of width and height, net pixels, above which a face belongs to the next coarser level.
pub const LEVEL_LIMITS: [f32; 2] = [36.0, 88.0];

/// A cell's outputs: face logit, offset of the box's centre from the cell's (strides), logarithms of the box's width
/// and height (in [`box_unit`]s), offsets of the points from the cell's centre (in [`box_unit`]s).
pub const OUTPUTS: usize = 5 + 2 * KEY_POINTS;

/// Width and height of the blocks of pixels that the net takes apart (space to depth).
pub const BLOCK: usize = 4;

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

/// Boxes that overlap by more (intersection over union) are one face.
const NMS_IOU: f32 = 0.35;

/// So are boxes of which one covers this share of the other.
const NMS_COVER: f32 = 0.7;

/// Candidates kept before overlapping ones are merged: bounds the time in a hall of mirrors.
const MAX_CANDIDATES: usize = 2000;

/// The unit of box sizes at a level, net pixels.
pub fn box_unit(stride: usize) -> f32 {
    4.0 * stride as f32
}

/// The layers: 200 million multiply-adds for the two looks at 640 x 480 pixels, 0.28 million weights.
pub struct DetectorNet {
    /// To strides 8, 16 and 32, each from the one before.
    trunk: [Sequential; 3],
    /// From the trunk's maps to those of the top-down path.
    lateral: [Conv2d; 3],
    heads: [Sequential; 3],
}

/// The activations of one forward pass, for [`DetectorNet::backward`].
pub struct DetectorTape {
    trunk: [Tape; 3],
    heads: [Tape; 3],
}

impl DetectorTape {
    /// `[n, h / stride, w / stride, OUTPUTS]`, a tensor a level.
    pub fn outputs(&self) -> [&Tensor; 3] {
        self.heads.each_ref().map(Tape::output)
    }
}

impl DetectorNet {
    /// A net that has learned nothing, but that faces are rare.
    pub fn new(rng: &mut impl Initializer) -> Self {
        let mut stage = |name: &str, widths: &[(usize, usize, usize)]| {
            let mut layers: Vec<Box<dyn Layer>> = Vec::new();
            for (i, &(c_in, c_out, stride)) in widths.iter().enumerate() {
                // A block of pixels holds its own surroundings.
                let kernel = if c_in == BLOCK * BLOCK * 3 { 1 } else { 3 };
                layers.push(Box::new(Conv2d::new(
                    &format!("{name}/conv{i}"),
                    c_in,
                    c_out,
                    kernel,
                    stride,
                    Init::He,
                    rng,
                )));
                layers.push(Box::new(LeakyRelu));
            }
            Sequential::new(layers)
        };
        let trunk = [
            stage("stride8", &[(BLOCK * BLOCK * 3, 32, 1), (32, 32, 1), (32, 48, 2), (48, 48, 1)]),
            stage("stride16", &[(48, 64, 2), (64, 64, 1), (64, 64, 1)]),
            stage("stride32", &[(64, 96, 2), (96, 96, 1)]),
        ];
        let mut lateral =
            |stride: usize, c_in| Conv2d::new(&format!("lateral{stride}"), c_in, 32, 1, 1, Init::Gain(1.0), rng);
        let lateral = [lateral(8, 48), lateral(16, 64), lateral(32, 96)];
        let heads = STRIDES.map(|stride| {
            let hidden = Conv2d::new(&format!("head{stride}/hidden"), 32, 32, 3, 1, Init::He, rng);
            let mut out = Conv2d::new(&format!("head{stride}/out"), 32, OUTPUTS, 1, 1, Init::Gain(0.1), rng);
            // A probability of 0.01: otherwise the first steps only teach that most cells hold no face.
            out.params_mut()[1].value[0] = -4.6;
            let layers: Vec<Box<dyn Layer>> =
                vec![Box::new(LeakyRelu), Box::new(hidden), Box::new(LeakyRelu), Box::new(out)];
            Sequential::new(layers)
        });
        Self { trunk, lateral, heads }
    }

    /// The heads' outputs for the blocks of pictures whose sides are multiples of 32; see [`input`].
    ///
    /// # Panics
    /// If a side is no multiple of 32 pixels.
    pub fn forward(&self, x: &Tensor) -> [Tensor; 3] {
        check_sides(x);
        let c8 = self.trunk[0].forward(x);
        let c16 = self.trunk[1].forward(&c8);
        let c32 = self.trunk[2].forward(&c16);
        let levels = self.top_down([&c8, &c16, &c32]);
        std::array::from_fn(|i| self.heads[i].forward(&levels[i]))
    }

    /// A forward pass that keeps every activation.
    ///
    /// # Panics
    /// If a side is no multiple of 32 pixels.
    pub fn forward_tape(&self, x: &Tensor) -> DetectorTape {
        check_sides(x);
        let t8 = self.trunk[0].forward_tape(x);
        let t16 = self.trunk[1].forward_tape(t8.output());
        let t32 = self.trunk[2].forward_tape(t16.output());
        let levels = self.top_down([t8.output(), t16.output(), t32.output()]);
        let heads = std::array::from_fn(|i| self.heads[i].forward_tape(&levels[i]));
        DetectorTape { trunk: [t8, t16, t32], heads }
    }

    /// Adds the gradients of the parameters, in the order of [`DetectorNet::params`], given those of the outputs.
    pub fn backward(&self, tape: &DetectorTape, dy: &[Tensor; 3], grads: &mut [Vec<f32>]) {
        let count = |l: &dyn Layer| l.params().len();
        let mut parts = Vec::new();
        let mut rest = grads;
        let sizes = self.trunk.iter().map(|l| count(l)).chain(self.lateral.iter().map(|l| count(l)));
        for size in sizes.chain(self.heads.iter().map(|l| count(l))) {
            let (own, after) = rest.split_at_mut(size);
            parts.push(own);
            rest = after;
        }
        let mut d_level: [Tensor; 3] =
            std::array::from_fn(|i| self.heads[i].backward_tape(&tape.heads[i], &dy[i], Some(parts[6 + i])));
        // Each level was added, enlarged, to the next finer one.
        for i in 1..3 {
            let coarse = &d_level[i];
            let up = Upsample.backward(coarse, &d_level[i - 1], &d_level[i - 1], None);
            d_level[i] = nn::add(coarse, &up);
        }
        let mut from_above: Option<Tensor> = None;
        for i in (0..3).rev() {
            let c = tape.trunk[i].output();
            let mut d = self.lateral[i].backward(c, &d_level[i], &d_level[i], Some(parts[3 + i]));
            if let Some(above) = from_above {
                d = nn::add(&d, &above);
            }
            from_above = Some(self.trunk[i].backward_tape(&tape.trunk[i], &d, Some(parts[i])));
        }
    }

    /// Lateral maps, each plus the enlarged coarser one.
    fn top_down(&self, trunk: [&Tensor; 3]) -> [Tensor; 3] {
        let p32 = self.lateral[2].forward(trunk[2]);
        let p16 = nn::add(&self.lateral[1].forward(trunk[1]), &Upsample.forward(&p32));
        let p8 = nn::add(&self.lateral[0].forward(trunk[0]), &Upsample.forward(&p16));
        [p8, p16, p32]
    }

    /// What is learned.
    pub fn params(&self) -> Vec<&Param> {
        let trunk = self.trunk.iter().flat_map(|l| l.params());
        let lateral = self.lateral.iter().flat_map(|l| l.params());
        trunk.chain(lateral).chain(self.heads.iter().flat_map(|l| l.params())).collect()
    }

    /// What is learned, to change it.
    pub fn params_mut(&mut self) -> Vec<&mut Param> {
        let trunk = self.trunk.iter_mut().flat_map(|l| l.params_mut());
        let lateral = self.lateral.iter_mut().flat_map(|l| l.params_mut());
        trunk.chain(lateral).chain(self.heads.iter_mut().flat_map(|l| l.params_mut())).collect()
    }
}

fn check_sides(x: &Tensor) {
    let whole = |side: usize| (side * BLOCK).is_multiple_of(32);
    assert!(whole(x.h()) && whole(x.w()), "sides must be multiples of 32 pixels, got blocks {:?}", x.shape);
}

/// What the net sees of pictures of one size: `[n, h / 4, w / 4, 48]`, the 16 pixels of a block row by row, -1 to 1, the sides
/// filled up to multiples of 32 pixels with 0.
///
/// # Panics
/// If the sizes differ.
pub fn input<'a>(images: impl IntoIterator<Item = &'a Image>) -> Tensor {
    let images: Vec<&Image> = images.into_iter().collect();
    let (w, h) = images.first().map_or((0, 0), |i| (i.width, i.height));
    let blocks = |side: usize| side.next_multiple_of(32) / BLOCK;
    let mut x = Tensor::zeros([images.len(), blocks(h), blocks(w), BLOCK * BLOCK * 3]);
    let (width, row_len, len) = (x.w(), x.w() * x.c(), x.row_len());
    for (image, x) in images.into_iter().zip(x.data.chunks_exact_mut(len.max(1))) {
        assert_eq!((image.width, image.height), (w, h), "pictures of one batch have one size");
        for (y, line) in image.data.chunks_exact(w * 3).enumerate() {
            let row = &mut x[y / BLOCK * row_len..][..width * BLOCK * BLOCK * 3];
            for (block, pixels) in row.chunks_exact_mut(BLOCK * BLOCK * 3).zip(line.chunks(BLOCK * 3)) {
                let to = &mut block[y % BLOCK * BLOCK * 3..];
                to.iter_mut().zip(pixels).for_each(|(t, f)| *t = f32::from(*f) / 127.5 - 1.0);
            }
        }
    }
    x
}

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
            let low = if i + 1 < looks { FACES.start } else { 0.0 };
            let high = if i > 0 { FACES.end } else { f32::INFINITY };
            self.look(image, (*look as f32 / long as f32).min(MAX_ENLARGEMENT), low..high, &mut found);
        }
        merge(found)
    }

    /// Adds the faces of one look, overlapping ones included.
    fn look(&self, image: &Image, scale: f32, sizes: std::ops::Range<f32>, found: &mut Vec<Face>) {
        let side = |s: usize| ((s as f32 * scale).round() as usize).max(1);
        let (w, h) = (side(image.width), side(image.height));
        let mut scaled = Image { width: w, height: h, data: vec![0; w * h * 3] };
        kernels::resize(&image.data, (image.width, image.height), &mut scaled.data, (w, h));
        let outputs = self.net.forward(&input([&scaled]));
        let mut faces = Vec::new();
        for (output, stride) in outputs.iter().zip(STRIDES) {
            candidates(&output.data, output.w(), stride, self.threshold, &mut faces);
        }
        let size = |f: &Face| (f.rect.w * f.rect.h).sqrt();
        faces.retain(|f| sizes.contains(&size(f)) && overlap(&f.rect, w as f32, h as f32) > 0.3);
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

/// Adds the cells of one level's output whose score reaches the threshold, as faces in net pixels.
pub fn candidates(output: &[f32], columns: usize, stride: usize, threshold: f32, faces: &mut Vec<Face>) {
    let (s, unit) = (stride as f32, box_unit(stride));
    let least = nn::loss::logit(threshold);
    for (i, cell) in output.chunks_exact(OUTPUTS).enumerate() {
        if cell[0].is_nan() || cell[0] < least {
            continue;
        }
        let score = nn::loss::sigmoid(cell[0]);
        let (x, y) = (((i % columns) as f32 + 0.5) * s, ((i / columns) as f32 + 0.5) * s);
        let (cx, cy) = (x + cell[1] * s, y + cell[2] * s);
        let [w, h] = [cell[3], cell[4]].map(|l| l.clamp(-4.0, 3.0).exp() * unit);
        let points = std::array::from_fn(|k| [x + cell[5 + 2 * k] * unit, y + cell[6 + 2 * k] * unit]);
        faces.push(Face { rect: Rect { x: cx - w / 2.0, y: cy - h / 2.0, w, h }, points, score });
    }
}

/// Overlapping boxes become one: the best score, and the mean box and points weighted by the squared scores. Sorted by
/// score.
pub fn merge(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(MAX_CANDIDATES);
    // The surest, the weighted sum of all (box, then points), and the weight.
    let mut groups: Vec<(Face, [f32; OUTPUTS], f32)> = Vec::new();
    for face in faces {
        let same = groups.iter().position(|(best, ..)| same_face(&best.rect, &face.rect));
        let group = same.unwrap_or_else(|| {
            groups.push((face, [0.0; OUTPUTS], 0.0));
            groups.len() - 1
        });
        let (best, sum, weight) = &mut groups[group];
        // A box that is merely covered, of quite another size, says nothing about the edges.
        if best.rect.iou(&face.rect) >= 0.5 {
            let Rect { x, y, w, h } = face.rect;
            let share = face.score * face.score;
            let values = [x, y, w, h].into_iter().chain(face.points.into_iter().flatten());
            sum.iter_mut().zip(values).for_each(|(s, v)| *s += share * v);
            *weight += share;
        }
    }
    let mean = |(best, sum, weight): (Face, [f32; OUTPUTS], f32)| {
        if weight <= 0.0 {
            return best;
        }
        let v = sum.map(|s| s / weight);
        let points = std::array::from_fn(|k| [v[4 + 2 * k], v[5 + 2 * k]]);
        Face { rect: Rect { x: v[0], y: v[1], w: v[2], h: v[3] }, points, ..best }
    };
    groups.into_iter().map(mean).collect()
}

fn same_face(a: &Rect, b: &Rect) -> bool {
    let smaller = (a.w * a.h).min(b.w * b.h).max(1e-9);
    a.iou(b) > NMS_IOU || a.intersection(b) / smaller > NMS_COVER
}

impl Rect {
    /// Area that two boxes share.
    pub fn intersection(&self, other: &Self) -> f32 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.intersection(other);
        shared / (self.w * self.h + other.w * other.h - shared).max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

    fn face(x: f32, y: f32, s: f32, score: f32) -> Face {
        Face { rect: Rect { x, y, w: s, h: s }, points: [[x, y]; KEY_POINTS], score }
    }

    #[test]
    fn overlapping_boxes_become_one_and_the_surest_comes_first() {
        let merged = merge(vec![
            face(0.0, 0.0, 10.0, 0.5),
            face(50.0, 0.0, 10.0, 0.8),
            face(1.0, 0.0, 10.0, 0.5),
            face(3.0, 3.0, 4.0, 0.4),
        ]);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].rect.x - 50.0).abs() < 1e-3);
        assert!((merged[1].rect.x - 0.5).abs() < 1e-3 && (merged[1].rect.w - 10.0).abs() < 1e-3);
        assert!((merged[1].points[4][0] - 0.5).abs() < 1e-3 && merged[1].points[4][1].abs() < 1e-3);
    }

    #[test]
    fn blocks_hold_their_pixels_row_by_row() {
        let image = Image { width: 33, height: 5, data: (0..33 * 5 * 3).map(|i| (i % 251) as u8).collect() };
        let x = input([&image, &image]);
        assert_eq!(x.shape, [2, 8, 16, 48]);
        let at = |x_px: usize, y_px: usize, c: usize| {
            x.data[((8 + y_px / 4) * 16 + x_px / 4) * 48 + (y_px % 4 * 4 + x_px % 4) * 3 + c]
        };
        for (px, py, c) in [(0, 0, 0), (5, 2, 1), (32, 4, 2)] {
            let want = f32::from(image.data[(py * 33 + px) * 3 + c]) / 127.5 - 1.0;
            assert_eq!(at(px, py, c), want, "pixel {px}, {py}");
        }
        assert_eq!([at(33, 0, 0), at(0, 5, 0), at(63, 31, 2)], [0.0; 3]);
    }

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
    fn gradient_equals_finite_differences() {
        let mut rng = Rng::new(5);
        let mut net = DetectorNet::new(&mut rng);
        let x = Tensor::new([2, 8, 16, 48], rng.normals(2 * 32 * 64 * 3));
        let tape = net.forward_tape(&x);
        let dy = tape.outputs().map(|y| Tensor::new(y.shape, rng.normals(y.len())));
        let plain = net.forward(&x);
        assert!(tape.outputs().iter().zip(&plain).all(|(a, b)| **a == *b));
        let mut grads = nn::grads_like(&net.params());
        net.backward(&tape, &dy, &mut grads);
        let value = |net: &DetectorNet| -> f64 {
            let y = net.forward(&x);
            y.iter().zip(&dy).flat_map(|(y, d)| y.data.iter().zip(&d.data)).map(|(y, d)| f64::from(y * d)).sum()
        };
        for (p, grad) in grads.iter().enumerate() {
            let i = rng.below(grad.len());
            let old = net.params()[p].value[i];
            let mut at = |v: f32| {
                net.params_mut()[p].value[i] = v;
                value(&net)
            };
            let slope = (at(old + 1e-3) - at(old - 1e-3)) / 2e-3;
            at(old);
            let found = f64::from(grad[i]);
            assert!((slope - found).abs() < 2e-2 * (1.0 + slope.abs()), "parameter {p}: {slope} against {found}");
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
