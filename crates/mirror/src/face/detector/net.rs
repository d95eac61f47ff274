//! The detector's layers: a trunk, a top-down path and a head for each of three strides.

use super::super::geometry::KEY_POINTS;
use frame::Image;
use nn::{Conv2d, Init, Initializer, Layer, LeakyRelu, Param, Sequential, Tape, Tensor, Upsample};

/// Distance between the cells of each level, net pixels.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Geometric mean of width and height, net pixels, above which a face belongs to the next coarser level.
pub const LEVEL_LIMITS: [f32; 2] = [36.0, 88.0];

/// A cell's outputs: face logit, offset of the box's centre from the cell's (strides), logarithms of the box's width
/// and height (in [`box_unit`]s), offsets of the points from the cell's centre (in [`box_unit`]s).
pub const OUTPUTS: usize = 5 + 2 * KEY_POINTS;

/// Width and height of the blocks of pixels that the net takes apart (space to depth).
pub const BLOCK: usize = 4;

/// The unit of box sizes at a level, net pixels.
pub fn box_unit(stride: usize) -> f32 {
    4.0 * stride as f32
}

/// The face logit with which a new net begins, a probability of 0.01: otherwise the first steps only teach that most cells hold no
/// face (Lin et al., "Focal Loss for Dense Object Detection" (2017), section 4.1).
const RARE: f32 = -4.6;

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

        // Each stage halves the picture of the one before.
        let trunk = [
            stage("stride8", &[(BLOCK * BLOCK * 3, 32, 1), (32, 32, 1), (32, 48, 2), (48, 48, 1)]),
            stage("stride16", &[(48, 64, 2), (64, 64, 1), (64, 64, 1)]),
            stage("stride32", &[(64, 96, 2), (96, 96, 1)]),
        ];

        // Maps of every stride, brought to one width.
        let mut lateral =
            |stride: usize, c_in| Conv2d::new(&format!("lateral{stride}"), c_in, 32, 1, 1, Init::Gain(1.0), rng);
        let lateral = [lateral(8, 48), lateral(16, 64), lateral(32, 96)];

        // A head a stride.
        let heads = STRIDES.map(|stride| {
            let hidden = Conv2d::new(&format!("head{stride}/hidden"), 32, 32, 3, 1, Init::He, rng);
            let mut out = Conv2d::new(&format!("head{stride}/out"), 32, OUTPUTS, 1, 1, Init::Gain(0.1), rng);
            out.params_mut()[1].value[0] = RARE;
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
        // Each part's own gradients.
        let count = |l: &dyn Layer| l.params().len();
        let mut parts = Vec::new();
        let mut rest = grads;
        let sizes = self.trunk.iter().map(|l| count(l)).chain(self.lateral.iter().map(|l| count(l)));
        for size in sizes.chain(self.heads.iter().map(|l| count(l))) {
            let (own, after) = rest.split_at_mut(size);
            parts.push(own);
            rest = after;
        }

        // Through the heads, then down the path on which each level was added, enlarged, to the next finer one.
        let mut d_level: [Tensor; 3] =
            std::array::from_fn(|i| self.heads[i].backward_tape(&tape.heads[i], &dy[i], Some(parts[6 + i])));
        for i in 1..3 {
            let coarse = &d_level[i];
            let up = Upsample.backward(coarse, &d_level[i - 1], &d_level[i - 1], None);
            d_level[i] = nn::add(coarse, &up);
        }

        // Through the trunk, from its end.
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

#[cfg(test)]
mod tests {
    use super::*;
    use nn::Rng;

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
}
