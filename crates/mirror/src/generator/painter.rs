//! The generator laid out for drawing: no tape, no allocation for maps, colours straight from the last sums.

use super::{Generator, image};
use crate::latent::Latent;
use frame::Image;
use kernels::{Conv2d, Epilogue, Filter, Isa, ToRgb, UpsampleFilter};
use nn::{Layer, PixelNorm, Tensor};
use std::sync::Mutex;

/// Draws at full resolution what [`Generator::forward`] draws, several times faster.
pub struct Painter {
    resolution: usize,
    latent_size: usize,
    dense: Filter,
    /// Bias of the dense layer, one a map.
    dense_bias: Vec<f32>,
    conv4: Stage<Filter>,
    /// From 8x8 pixels: enlarging, then same size.
    levels: Vec<(Stage<UpsampleFilter>, Stage<Filter>)>,
    to_rgb: ToRgb,
    /// Maps that nobody draws with now.
    canvases: Mutex<Vec<Canvas>>,
}

/// A convolution with its bias.
struct Stage<F> {
    filter: F,
    bias: Vec<f32>,
}

impl<F> Stage<F> {
    /// The steps after the sums: leaky ReLU and pixel norm, at last the colours.
    fn epilogue<'a>(&'a self, to_rgb: Option<&'a ToRgb>) -> Epilogue<'a> {
        Epilogue { bias: &self.bias, leaky: true, pixel_norm: true, to_rgb }
    }
}

/// Two sets of maps, drawn from one to the other.
#[derive(Default)]
struct Canvas {
    from: Vec<f32>,
    to: Vec<f32>,
}

impl Painter {
    /// Lays out the weights of a generator.
    pub fn new(generator: &Generator) -> Self {
        let isa = Isa::current();
        let config = generator.config();
        let maps = |level: usize| config.maps(level - 1);
        let weights = |block: usize| {
            let params = generator.blocks[block].params();
            let [w0, b0, w1, b1] = params[..] else { unreachable!("a block has two layers") };
            (w0.effective().into_owned(), b0.value.clone(), w1.effective().into_owned(), b1.value.clone())
        };
        let (dense, dense_bias, w, bias) = weights(0);
        let levels = (3..=config.levels()).map(|level| {
            let (w0, b0, w1, b1) = weights(level - 2);
            let up = UpsampleFilter::new(isa, (maps(level - 1), maps(level)), &w0);
            (Stage { filter: up, bias: b0 }, Stage { filter: Filter::new(isa, w1), bias: b1 })
        });
        let rgb = generator.to_rgb[config.levels() - 2].params();
        let bias_of_rgb = rgb[1].value[..].try_into().expect("three colours");
        Self {
            resolution: config.resolution,
            latent_size: config.latent_size,
            dense: Filter::new(isa, dense),
            dense_bias,
            conv4: Stage { filter: Filter::new(isa, w), bias },
            levels: levels.collect(),
            to_rgb: ToRgb::new(&rgb[0].effective(), bias_of_rgb),
            canvases: Mutex::new(Vec::new()),
        }
    }

    /// Width and height of the pictures.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// Coordinates of a latent.
    pub fn latent_size(&self) -> usize {
        self.latent_size
    }

    /// The picture of one latent.
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn paint(&self, latent: &Latent) -> Image {
        self.paint_all(std::slice::from_ref(latent)).swap_remove(0)
    }

    /// The pictures of some latents, drawn as many at a time as [`Painter::batch`] says.
    ///
    /// # Panics
    /// If a latent has another size than the generator's.
    pub fn paint_all(&self, latents: &[Latent]) -> Vec<Image> {
        let side = self.resolution;
        let paint = |latents: &[Latent]| {
            self.with_canvas(|canvas| {
                self.draw(&Latent::batch(latents), canvas, &mut |_| {});
                let pictures = canvas.to[..latents.len() * side * side * 3].chunks_exact(side * side * 3);
                pictures.map(|x| image(x, side, side)).collect::<Vec<_>>()
            })
        };
        kernels::on_pool(|| latents.chunks(self.batch()).flat_map(paint).collect())
    }

    /// Pictures to draw at a time: enough to share the work out, few enough for the memory of a 1024-pixel net.
    pub fn batch(&self) -> usize {
        (256 / self.resolution).clamp(1, 16)
    }

    /// The pictures `[n, resolution, resolution, 3]` of latents `[n, 1, 1, latent_size]`, about -1 to 1.
    ///
    /// # Panics
    /// If the latents have another size than the generator's.
    pub fn forward(&self, latents: &Tensor) -> Tensor {
        let shape = [latents.n(), self.resolution, self.resolution, 3];
        let paint = |canvas: &mut Canvas| {
            self.draw(latents, canvas, &mut |_| {});
            Tensor::new(shape, canvas.to[..shape.iter().product()].to_vec())
        };
        kernels::on_pool(|| self.with_canvas(paint))
    }

    /// Draws one picture and says after each layer which it was, as the paper names it: `4x4/Dense`, `8x8/Conv0`, ...
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn layer_by_layer(&self, latent: &Latent, mut done: impl FnMut(&str)) {
        let latent = Latent::batch(std::slice::from_ref(latent));
        self.with_canvas(|canvas| self.draw(&latent, canvas, &mut |layer| done(&layer())));
    }

    fn with_canvas<R>(&self, f: impl FnOnce(&mut Canvas) -> R) -> R {
        let lock = || self.canvases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut canvas = lock().pop().unwrap_or_default();
        let result = f(&mut canvas);
        lock().push(canvas);
        result
    }

    /// Draws into `canvas.to`; says after each layer which it was.
    fn draw(&self, latents: &Tensor, canvas: &mut Canvas, done: &mut dyn FnMut(&dyn Fn() -> String)) {
        let n = latents.n();
        assert_eq!(latents.row_len(), self.latent_size, "coordinates of a latent");
        let maps4 = self.conv4.bias.len();
        // Values of a picture in its largest layer; those of the last are colours.
        let sizes = self.levels.iter().enumerate().map(|(i, (up, _))| (8 << i) * (8 << i) * up.bias.len());
        let most = sizes.fold(3 * self.resolution.pow(2), usize::max).max(16 * maps4);
        for maps in [&mut canvas.from, &mut canvas.to] {
            maps.resize(maps.len().max(n * most), 0.0);
        }
        let Canvas { from, to } = canvas;

        let z = PixelNorm.forward(latents);
        // One pixel a picture with 16 maps of each map: the bias and the norm belong to 4x4 pixels, so they come after.
        let values = 16 * maps4;
        let g = Conv2d::pointwise(n, self.latent_size, values);
        let none = vec![0.0; values];
        self.dense.forward(g, &z.data, &mut from[..n * values], Epilogue::bias(&none));
        kernels::finish_pixels(
            &mut from[..n * values],
            Epilogue { bias: &self.dense_bias, leaky: true, pixel_norm: true, to_rgb: None },
        );
        done(&|| "4x4/Dense".into());
        let colours = |last: bool| last.then_some(&self.to_rgb);
        let last = self.levels.len();
        let g = same(n, 4, maps4);
        let out = 16 * n * if last == 0 { 3 } else { maps4 };
        self.conv4.filter.forward(g, &from[..n * values], &mut to[..out], self.conv4.epilogue(colours(last == 0)));
        done(&|| "4x4/Conv".into());
        let mut below = maps4;
        for (i, (up, conv)) in self.levels.iter().enumerate() {
            let (side, maps) = (8 << i, conv.bias.len());
            let (half, len) = (side / 2, n * side * side * maps);
            up.filter.forward((n, half, half), &to[..n * half * half * below], &mut from[..len], up.epilogue(None));
            done(&|| format!("{side}x{side}/Conv0"));
            let out = if i + 1 == last { n * side * side * 3 } else { len };
            let g = same(n, side, maps);
            conv.filter.forward(g, &from[..len], &mut to[..out], conv.epilogue(colours(i + 1 == last)));
            done(&|| format!("{side}x{side}/Conv1"));
            below = maps;
        }
    }
}

/// A 3x3 convolution from as many maps to as many.
fn same(n: usize, side: usize, maps: usize) -> Conv2d {
    Conv2d { n, h: side, w: side, c_in: maps, c_out: maps, kernel: 3, stride: 1, pad: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Config;
    use nn::Rng;

    #[test]
    fn paints_what_the_generator_draws() {
        for (resolution, fmap_base, fmap_max, n) in [(4, 32, 6, 1), (8, 64, 17, 3), (64, 512, 40, 2), (32, 1024, 48, 1)]
        {
            let config = Config { resolution, fmap_base, fmap_max, latent_size: 9 };
            let mut rng = Rng::new(resolution as u64);
            let mut g = Generator::new(config, &mut rng);
            for p in g.params_mut() {
                p.value.iter_mut().for_each(|v| *v += 0.1 * rng.normal());
            }
            let latents: Vec<Latent> = (0..n).map(|_| Latent::gaussian(9, &mut rng)).collect();
            let painter = Painter::new(&g);
            let (want, got) = (g.forward(&Latent::batch(&latents)), painter.forward(&Latent::batch(&latents)));
            assert_eq!(want.shape, got.shape);
            for (a, b) in want.data.iter().zip(&got.data) {
                assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{a} and {b} at {resolution}");
            }
            // Canvases are used again: nothing of the last picture may be left.
            assert_eq!(painter.paint(&latents[0]), painter.paint(&latents[0]));
            let mut layers = 0;
            painter.layer_by_layer(&latents[0], |_| layers += 1);
            assert_eq!(layers, 2 * (config.levels() - 1));
        }
    }
}
