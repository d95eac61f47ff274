//! The generator laid out for drawing: no tape, no allocation for maps, colours straight from the last sums.

use super::accelerator::{Accelerator, RemotePicture};
use super::network::{Generator, LayerWeights, LevelWeights};
use super::picture::{Picture, image};
use crate::latent::Latent;
use frame::Image;
use kernels::{ConvFilter, ConvShape, Epilogue, Isa, Precision, ToRgb, UpsampleFilter};
use nn::{Layer, PixelNorm, Tensor};
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, OnceLock};

/// Draws at full resolution what [`Generator::forward`] draws, several times faster.
pub struct Painter {
    resolution: usize,
    latent_size: usize,
    dense: ConvFilter,
    /// Bias of the dense layer, one a map; nought where there is one a value.
    dense_bias: Vec<f32>,
    /// Bias of the dense layer, one a value; nought where there is one a map.
    pixel_bias: Vec<f32>,
    conv4: Stage<ConvFilter>,
    levels: Vec<Level>,
    /// Of each level, from 4x4 pixels on; the file may lack all but the last.
    to_rgb: Vec<Option<ToRgb>>,
    /// Maps that nobody draws with now.
    canvases: Mutex<Vec<Canvas>>,
    /// What draws in place of the CPU.
    accelerator: Option<Box<dyn Accelerator>>,
    /// Why it does so no longer.
    trouble: OnceLock<String>,
}

/// What a [`Painter`] draws with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The accelerator of this name.
    Accelerator(String),
    /// The CPU, since the accelerator could no longer.
    FellBack {
        /// Its name.
        name: String,
        /// What it said.
        why: String,
    },
}

impl Display for Device {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "the CPU"),
            Self::Accelerator(name) => write!(f, "{name}"),
            Self::FellBack { why, .. } => write!(f, "the CPU, since {why}"),
        }
    }
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

/// Both convolutions of a level from 8x8 pixels on: the one that enlarges, then the one of the same size.
type Level = (Stage<UpsampleFilter>, Stage<ConvFilter>);

/// Is told after each layer, or each band of one, which it was.
type Done<'a> = &'a mut dyn FnMut(&dyn Fn() -> String);

/// Maps of a picture on its way: those of a level, of the next, and between its two convolutions.
#[derive(Default)]
struct Canvas {
    maps: Vec<f32>,
    between: Vec<f32>,
    next: Vec<f32>,
}

/// Bytes of the rows that go from a level's first convolution to its second while they are in the last-level cache.
const BAND_BYTES: usize = 2 << 20;

impl Painter {
    /// Lays out the weights of a generator.
    pub fn new(generator: &Generator) -> Self {
        Self::with_precision(generator, Precision::F32)
    }

    /// The enlarging convolutions with factors of another precision. With bf16 one value of the pictures of a pack at 128 pixels in 120
    /// changes by more than 1/255, the worst of 64 pictures by 22/255. The others stay as they are: the factors of their domain
    /// make ten times as much of the rounding.
    pub fn with_precision(generator: &Generator, precision: Precision) -> Self {
        let isa = Isa::current();
        let config = generator.config();
        let maps = |level: usize| config.maps(level - 1);

        // The first level: its dense layer has one bias a map, or one a value.
        let first = generator.level_weights(2);
        let (mut dense_bias, mut pixel_bias) = (first.first.bias, vec![0.0; 16 * maps(2)]);
        if generator.pixel_biases() {
            pixel_bias = std::mem::replace(&mut dense_bias, vec![0.0; maps(2)]);
        }

        // The others, and the ways from their maps to colours.
        let colours =
            |w: Option<LayerWeights>| w.map(|w| ToRgb::new(&w.weight, w.bias.try_into().expect("three colours")));
        let mut to_rgb = vec![colours(first.to_rgb)];
        let mut levels = Vec::new();
        for level in 3..=config.levels() {
            let LevelWeights { first, second, to_rgb: rgb } = generator.level_weights(level);
            let up = UpsampleFilter::new(isa, (maps(level - 1), maps(level)), first.weight).with_precision(precision);
            let conv = ConvFilter::new(isa, second.weight);
            levels.push((Stage { filter: up, bias: first.bias }, Stage { filter: conv, bias: second.bias }));
            to_rgb.push(colours(rgb));
        }

        Self {
            resolution: config.resolution,
            latent_size: config.latent_size,
            dense: ConvFilter::new(isa, first.first.weight),
            dense_bias,
            pixel_bias,
            conv4: Stage { filter: ConvFilter::new(isa, first.second.weight), bias: first.second.bias },
            levels,
            to_rgb,
            canvases: Mutex::new(Vec::new()),
            accelerator: None,
            trouble: OnceLock::new(),
        }
    }

    /// The same, whose pictures an accelerator of the same generator draws, as long as it can. The CPU draws the others.
    #[must_use]
    pub fn with_accelerator(self, accelerator: Box<dyn Accelerator>) -> Self {
        Self { accelerator: Some(accelerator), trouble: OnceLock::new(), ..self }
    }

    /// What draws the next picture.
    pub fn device(&self) -> Device {
        match (&self.accelerator, self.trouble.get()) {
            (None, _) => Device::Cpu,
            (Some(accelerator), None) => Device::Accelerator(accelerator.name().to_owned()),
            (Some(accelerator), Some(why)) => {
                Device::FellBack { name: accelerator.name().to_owned(), why: why.clone() }
            }
        }
    }

    /// What the accelerator does, if there is one that still can.
    fn accelerated<T>(&self, paint: impl FnOnce(&dyn Accelerator) -> Result<T, String>) -> Option<T> {
        let accelerator = self.accelerator.as_ref().filter(|_| self.trouble.get().is_none())?;
        paint(accelerator.as_ref()).inspect_err(|why| self.go_on_without(why)).ok()
    }

    /// The accelerator can no longer.
    fn go_on_without(&self, why: &str) {
        // Several threads may find out at the same time.
        if self.trouble.set(why.to_owned()).is_ok() {
            tracing::warn!("{why}; the CPU draws from now on");
        }
    }

    /// Width and height of the pictures.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// Widths of the levels that it can draw, from 4 pixels to [`Painter::resolution`].
    pub fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.to_rgb.iter().enumerate().filter_map(|(i, to_rgb)| to_rgb.as_ref().map(|_| 4 << i))
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

    /// The largest of [`Painter::sizes`] that has at most `most` pixels a side; the smallest if all have more.
    pub fn side(&self, most: usize) -> usize {
        let size = self.sizes().take_while(|size| *size <= most).last();
        size.or_else(|| self.sizes().next()).unwrap_or(self.resolution)
    }

    /// The picture of one latent, of [`Painter::side`] pixels a side.
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn paint_at(&self, latent: &Latent, most: usize) -> Image {
        let side = self.side(most);
        let accelerated = self.accelerated(|accelerator| accelerator.paint(latent, side));
        accelerated.unwrap_or_else(|| self.paint_here(latent, side))
    }

    /// The same, left with the accelerator until somebody looks at its pixels.
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn paint_there(self: &Arc<Self>, latent: &Latent, most: usize) -> Picture {
        let side = self.side(most);
        match self.accelerated(|accelerator| accelerator.paint_there(latent, side)) {
            Some(there) => Picture::remote(there, self.clone(), latent.clone(), side),
            None => self.paint_here(latent, side).into(),
        }
    }

    /// The pixels of a picture that the accelerator has; if it has lost them, drawn again.
    pub(super) fn brought(&self, there: &dyn RemotePicture, latent: &Latent, side: usize) -> Image {
        let read = there.read().inspect_err(|why| self.go_on_without(why));
        read.unwrap_or_else(|_| self.paint_here(latent, side))
    }

    /// The picture of one latent at a level that has colours, drawn by the CPU.
    fn paint_here(&self, latent: &Latent, side: usize) -> Image {
        let paint = |canvas: &mut Canvas| {
            self.draw(&Latent::batch(std::slice::from_ref(latent)), side, canvas, &mut |_| {});
            image(&canvas.maps[..side * side * 3], side, side)
        };
        kernels::on_pool(|| self.with_canvas(paint))
    }

    /// The pictures of some latents, drawn as many at a time as [`Painter::batch`] says.
    ///
    /// # Panics
    /// If a latent has another size than the generator's.
    pub fn paint_all(&self, latents: &[Latent]) -> Vec<Image> {
        let side = self.resolution;
        let accelerated: Vec<Image> = latents
            .iter()
            .map_while(|latent| self.accelerated(|accelerator| accelerator.paint(latent, side)))
            .collect();
        let rest = &latents[accelerated.len()..];
        let paint = |latents: &[Latent]| {
            self.with_canvas(|canvas| {
                self.draw(&Latent::batch(latents), side, canvas, &mut |_| {});
                let pictures = canvas.maps[..latents.len() * side * side * 3].chunks_exact(side * side * 3);
                pictures.map(|x| image(x, side, side)).collect::<Vec<_>>()
            })
        };
        let painted = kernels::on_pool(|| rest.chunks(self.batch()).flat_map(paint).collect::<Vec<_>>());
        accelerated.into_iter().chain(painted).collect()
    }

    /// Pictures to draw at a time: enough to share the work out, few enough for the memory of a 1024-pixel net.
    pub fn batch(&self) -> usize {
        (256 / self.resolution).clamp(1, 16)
    }

    /// The pictures `[n, resolution, resolution, 3]` of latents `[n, 1, 1, latent_size]`, about -1 to 1, drawn by the CPU.
    ///
    /// # Panics
    /// If the latents have another size than the generator's.
    pub fn forward(&self, latents: &Tensor) -> Tensor {
        let shape = [latents.n(), self.resolution, self.resolution, 3];
        let paint = |canvas: &mut Canvas| {
            self.draw(latents, self.resolution, canvas, &mut |_| {});
            Tensor::new(shape, canvas.maps[..shape.iter().product()].to_vec())
        };
        kernels::on_pool(|| self.with_canvas(paint))
    }

    /// Draws one picture on the CPU and says after each layer, or each band of a large one, which it was, as the paper names it:
    /// `4x4/Dense`, `8x8/Conv0`, ...
    ///
    /// # Panics
    /// If the latent has another size than the generator's.
    pub fn layer_by_layer(&self, latent: &Latent, mut done: impl FnMut(&str)) {
        let latent = Latent::batch(std::slice::from_ref(latent));
        self.with_canvas(|canvas| self.draw(&latent, self.resolution, canvas, &mut |layer| done(&layer())));
    }

    fn with_canvas<R>(&self, f: impl FnOnce(&mut Canvas) -> R) -> R {
        let lock = || frame::lock(&self.canvases);
        let mut canvas = lock().pop().unwrap_or_default();
        let result = f(&mut canvas);
        lock().push(canvas);
        result
    }

    /// Draws `last`x`last` pixels, a level that has colours, into `canvas.maps`; says after each layer, or a band of it, which it was.
    fn draw(&self, latents: &Tensor, last: usize, canvas: &mut Canvas, done: Done) {
        let n = latents.n();
        assert_eq!(latents.row_len(), self.latent_size, "coordinates of a latent");
        self.prepare(canvas, n, last);
        self.draw_first(latents, last, canvas, done);

        let mut below = self.conv4.bias.len();
        for (i, level) in self.levels.iter().enumerate().take_while(|(i, _)| 8 << i <= last) {
            let (side, maps) = (8 << i, level.1.bias.len());
            let epilogue = level.1.epilogue(self.colours_at(side, last));
            let (x, y) = (n * side / 2 * side / 2 * below, n * side * side * epilogue.channels());
            let (x, y) = (&canvas.maps[..x], &mut canvas.next[..y]);

            // Maps of many pixels are drawn in bands, that what lies between the convolutions stays in the cache.
            let rows = band_rows(side, maps);
            if rows == side {
                draw_whole(level, (n, side), x, &mut canvas.between, (y, epilogue), done);
            } else {
                let outputs = y.chunks_exact_mut(side * side * epilogue.channels());
                for (x, y) in x.chunks_exact(side / 2 * side / 2 * below).zip(outputs) {
                    draw_in_bands(level, (side, rows), x, &mut canvas.between, (y, epilogue), done);
                }
            }
            std::mem::swap(&mut canvas.maps, &mut canvas.next);
            below = maps;
        }
    }

    /// Draws the level of 4x4 pixels into `canvas.maps`.
    fn draw_first(&self, latents: &Tensor, last: usize, canvas: &mut Canvas, done: Done) {
        let (n, maps) = (latents.n(), self.conv4.bias.len());
        let values = n * 16 * maps;
        let z = PixelNorm.forward(latents);

        // One pixel a picture with 16 maps of each map: the bias and the norm belong to 4x4 pixels, so they come after.
        let g = ConvShape::pointwise(n, self.latent_size, 16 * maps);
        let between = &mut canvas.between[..values];
        self.dense.forward(g, &z.data, between, Epilogue::bias(&self.pixel_bias));
        let steps = Epilogue { bias: &self.dense_bias, leaky: true, pixel_norm: true, to_rgb: None };
        kernels::finish_pixels(between, steps);
        done(&|| "4x4/Dense".into());

        let epilogue = self.conv4.epilogue(self.colours_at(4, last));
        let out = 16 * n * epilogue.channels();
        self.conv4.filter.forward(same(n, (4, 4), maps), between, &mut canvas.maps[..out], epilogue);
        done(&|| "4x4/Conv".into());
    }

    /// The way to colours, at the last level that is drawn.
    fn colours_at(&self, side: usize, last: usize) -> Option<&ToRgb> {
        self.to_rgb[side.ilog2() as usize - 2].as_ref().filter(|_| side == last)
    }

    /// Makes room for `n` pictures.
    fn prepare(&self, canvas: &mut Canvas, n: usize, last: usize) {
        let maps4 = self.conv4.bias.len();
        let (mut level, mut between) = (16 * maps4.max(3), 16 * maps4);
        for (i, (_, conv)) in self.levels.iter().enumerate().take_while(|(i, _)| 8 << i <= last) {
            let (side, maps) = (8 << i, conv.bias.len());
            level = level.max(side * side * self.colours_at(side, last).map_or(maps, |_| 3));
            let rows = band_rows(side, maps);
            between = between.max(if rows == side { side * side * maps } else { (rows + 3) * side * maps });
        }
        for (maps, len) in [(&mut canvas.maps, level), (&mut canvas.between, between), (&mut canvas.next, level)] {
            maps.resize(maps.len().max(n * len), 0.0);
        }
    }
}

/// Draws a level of `n` pictures of `side` pixels, one convolution after the other.
fn draw_whole(
    (up, conv): &Level,
    (n, side): (usize, usize),
    x: &[f32],
    between: &mut [f32],
    (y, epilogue): (&mut [f32], Epilogue),
    done: Done,
) {
    let maps = conv.bias.len();
    let between = &mut between[..n * side * side * maps];
    up.filter.forward((n, side / 2, side / 2), x, between, up.epilogue(None));
    done(&|| format!("{side}x{side}/Conv0"));
    conv.filter.forward(same(n, (side, side), maps), between, y, epilogue);
    done(&|| format!("{side}x{side}/Conv1"));
}

/// Draws a level of one picture of `side` pixels, `rows` of its rows at a time through both convolutions.
fn draw_in_bands(
    (up, conv): &Level,
    (side, rows): (usize, usize),
    x: &[f32],
    between: &mut [f32],
    (y, epilogue): (&mut [f32], Epilogue),
    done: Done,
) {
    // Rows above the band's first and below its last, which the second convolution looks at, too; one more, for the first
    // convolution makes two at a time.
    let (maps, half) = (conv.bias.len(), side / 2);
    let row = side * maps;
    let between = &mut between[..(rows + 3) * row];
    between[..row].fill(0.0);
    for top in (0..side).step_by(rows) {
        let end = (top + rows).min(side);

        // The first convolution, but for what the band before has made already.
        let made = if top == 0 { 0 } else { top + 2 };
        if top > 0 {
            between.copy_within(rows * row.., 0);
        }
        let until = (end + 2).min(side);
        let new = &mut between[(made + 1 - top) * row..(until + 1 - top) * row];
        up.filter.forward_rows((1, half, half), made / 2..until / 2, x, new, up.epilogue(None));
        if end == side {
            between[(side + 1 - top) * row..][..row].fill(0.0);
        }
        done(&|| format!("{side}x{side}/Conv0"));

        // The second, over the rows above and below.
        let g = ConvShape { h: end - top + 2, pad: (0, 1), ..same(1, (side, side), maps) };
        let y = &mut y[top * side * epilogue.channels()..end * side * epilogue.channels()];
        conv.filter.forward(g, &between[..g.h * row], y, epilogue);
        done(&|| format!("{side}x{side}/Conv1"));
    }
}

/// Rows of a level that are drawn at a time: all of them where they are few.
fn band_rows(side: usize, maps: usize) -> usize {
    // Winograd's tiles are four rows high; two of them and what is drawn twice are the least that is worth it.
    let rows = (BAND_BYTES / (side * maps * size_of::<f32>())).next_multiple_of(8).max(8);
    rows.min(side)
}

/// A 3x3 convolution from as many maps to as many.
fn same(n: usize, (h, w): (usize, usize), maps: usize) -> ConvShape {
    ConvShape { n, h, w, c_in: maps, c_out: maps, kernel: 3, stride: 1, pad: (1, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Config;
    use crate::pack::{Net, Pack};
    use nn::Rng;

    #[test]
    fn bf16_draws_nearly_the_same() {
        let Some(precision) = Precision::bf16() else {
            eprintln!("skipped: this CPU has no AVX512-BF16");
            return;
        };
        let pack = Pack::embedded().unwrap();
        let generator = pack.open(Net::Generator, Generator::from_bytes).unwrap();
        let (exact, rounded) = (Painter::new(&generator), Painter::with_precision(&generator, precision));
        let mut rng = Rng::new(3);
        let latents: Vec<Latent> = (0..8).map(|_| Latent::gaussian(exact.latent_size(), &mut rng)).collect();
        let differences: Vec<u8> = (exact.paint_all(&latents).iter().zip(rounded.paint_all(&latents)))
            .flat_map(|(a, b)| a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b)).collect::<Vec<_>>())
            .collect();
        let more = differences.iter().filter(|d| **d > 1).count();
        assert!(more > 0, "nothing was rounded");
        assert!(more * 20 < differences.len(), "{more} of {} moved by more than 1/255", differences.len());
        assert!(*differences.iter().max().unwrap() < 64);
    }

    /// Draws grey pictures until it breaks.
    struct Grey(std::sync::atomic::AtomicUsize);

    impl Accelerator for Grey {
        fn name(&self) -> &str {
            "grey"
        }

        fn paint(&self, _: &Latent, side: usize) -> Result<Image, String> {
            let left = self.0.load(std::sync::atomic::Ordering::Relaxed);
            let left = left.checked_sub(1).ok_or("grey: it burst")?;
            self.0.store(left, std::sync::atomic::Ordering::Relaxed);
            Ok(Image::flat(side, side, [128; 3]))
        }

        fn paint_there(&self, latent: &Latent, side: usize) -> Result<Arc<dyn RemotePicture>, String> {
            let picture = self.paint(latent, side)?;
            let looks = self.0.load(std::sync::atomic::Ordering::Relaxed) + 1;
            Ok(Arc::new(There(picture, looks.into())))
        }
    }

    /// Can be looked at so often.
    #[derive(Debug)]
    struct There(Image, std::sync::atomic::AtomicUsize);

    impl RemotePicture for There {
        fn read(&self) -> Result<Image, String> {
            let looks = self.1.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            if looks > 1 { Ok(self.0.clone()) } else { Err("grey: it forgot".into()) }
        }
    }

    #[test]
    fn a_picture_that_stays_there_is_brought_once_or_drawn_again() {
        let config = Config { resolution: 16, fmap_base: 64, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let g = Generator::new(config, &mut Rng::new(3));
        let latent = Latent::gaussian(4, &mut Rng::new(1));
        let painter = Arc::new(Painter::new(&g).with_accelerator(Box::new(Grey(2.into()))));
        let picture = painter.paint_there(&latent, 8);
        assert!(picture.there().is_some() && picture.size() == (8, 8));
        (0..3).for_each(|_| assert_eq!(*picture.pixels(), Image::flat(8, 8, [128; 3])));

        let picture = painter.paint_there(&latent, 16);
        assert_eq!(painter.device(), Device::Accelerator("grey".into()), "nobody has looked");
        assert_eq!(*picture.pixels(), Painter::new(&g).paint(&latent));
        assert_eq!(painter.device(), Device::FellBack { name: "grey".into(), why: "grey: it forgot".into() });
        assert!(painter.paint_there(&latent, 16).there().is_none());
    }

    #[test]
    fn the_cpu_goes_on_where_an_accelerator_breaks() {
        let config = Config { resolution: 16, fmap_base: 64, fmap_max: 8, fmap_min: 1, latent_size: 4 };
        let g = Generator::new(config, &mut Rng::new(3));
        let latents: Vec<Latent> = (0..5).map(|_| Latent::gaussian(4, &mut Rng::new(1))).collect();
        let cpu = Painter::new(&g).paint_all(&latents);
        assert_eq!(Painter::new(&g).device(), Device::Cpu);

        let painter = Painter::new(&g).with_accelerator(Box::new(Grey(3.into())));
        assert_eq!(painter.device().to_string(), "grey");
        assert_eq!(painter.paint_at(&latents[0], 8), Image::flat(8, 8, [128; 3]));
        let painted = painter.paint_all(&latents);
        assert_eq!(painted[..2], [Image::flat(16, 16, [128; 3]), Image::flat(16, 16, [128; 3])]);
        assert_eq!(painted[2..], cpu[2..]);
        assert_eq!(painter.device(), Device::FellBack { name: "grey".into(), why: "grey: it burst".into() });
        assert_eq!(painter.paint(&latents[0]), cpu[0]);
    }

    #[test]
    fn paints_what_the_generator_draws() {
        // The last is drawn in bands: of 32 rows at 256 pixels; of 56, 56 and 16 at 128.
        let shapes = [(4, 32, 6, 1), (8, 64, 17, 3), (64, 512, 40, 2), (32, 1024, 48, 1), (256, 16384, 72, 2)];
        for (resolution, fmap_base, fmap_max, n) in shapes {
            let config = Config { resolution, fmap_base, fmap_max, fmap_min: 1, latent_size: 9 };
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
            // A coarser level is what a generator without the finer ones draws.
            for size in painter.sizes() {
                let part = Painter::new(&g.up_to(size.ilog2() as usize));
                assert_eq!(painter.paint_at(&latents[0], size + 1), part.paint(&latents[0]), "{size} of {resolution}");
            }
            assert_eq!((painter.sizes().count(), painter.sizes().last()), (config.levels() - 1, Some(resolution)));
            // Canvases are used again: nothing of the last picture may be left.
            assert_eq!(painter.paint(&latents[0]), painter.paint(&latents[0]));
            let mut layers = Vec::new();
            painter.layer_by_layer(&latents[0], |layer| layers.push(layer.to_owned()));
            layers.sort();
            layers.dedup();
            assert_eq!(layers.len(), 2 * (config.levels() - 1));
        }
    }
}
