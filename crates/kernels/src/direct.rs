//! Convolution of any kernel size, stride and padding as one matrix product over gathered patches.

use crate::blocked::{Blocked, Line, WIDTH, add_outer, product};
use crate::conv_shape::ConvShape;
use crate::epilogue::{Bias, Epilogue, activate, colours, norm_factors, scale};
use crate::pictures::ConvWeights;
use crate::scratch::with_lines;
use crate::simd::{Isa, Lanes, Op, load, store};
use rayon::prelude::*;

/// Pixels of a task from which on a product is worth reading the kernels for.
const FEWEST_ROWS: usize = 24;

/// Bytes of patches and sums of one task: half the second-level cache.
const BLOCK_BYTES: usize = 256 << 10;

/// DirectKernels as the right factor of the product: `ceil(k k c_in / 16) * 16` x `ceil(c_out / 16) * 16`.
pub(crate) struct DirectKernels {
    lines: Vec<Line>,
    rows: usize,
}

impl DirectKernels {
    /// Lays them out.
    pub fn new(weights: ConvWeights) -> Self {
        let (patch, blocks) = (weights.taps() * weights.c_in, weights.c_out.div_ceil(WIDTH));
        let rows = patch.next_multiple_of(WIDTH);
        let mut lines = vec![Line::ZERO; rows * blocks];
        lines.par_chunks_mut(rows).enumerate().for_each(|(block, lines)| {
            for (row, line) in lines[..patch].iter_mut().enumerate() {
                *line = weights.line(row / weights.c_in, row % weights.c_in, block);
            }
        });
        Self { lines, rows }
    }
}

/// Gathers the patches of `count` output pixels from `first` on into a blocked matrix of a row a pixel.
fn gather(g: &ConvShape, x: &[f32], first: usize, count: usize, out: &mut [Line]) {
    let c = g.c_in;
    // A kernel of one pixel has its patch in the picture, where the maps are whole lines, too.
    let in_place = g.kernel == 1 && c.is_multiple_of(WIDTH);
    let mut row = if in_place { Vec::new() } else { vec![0.0; g.patch().next_multiple_of(WIDTH)] };
    for p in 0..count {
        let mut from = &row[..];
        if in_place {
            g.tap_rows(first + p, |_, _, at| from = &x[at..at + c]);
        } else {
            row.fill(0.0);
            g.tap_rows(first + p, |tap, taps, at| row[tap * c..][..taps * c].copy_from_slice(&x[at..at + taps * c]));
            from = &row;
        }
        for (b, from) in from.as_chunks::<WIDTH>().0.iter().enumerate() {
            out[b * count + p].0 = *from;
        }
    }
}

/// Sums of `count` pixels, finished and written to consecutive pixels of the output.
struct Finish<'a> {
    sums: &'a mut [Line],
    count: usize,
    maps: usize,
    epilogue: Epilogue<'a>,
    y: &'a mut [f32],
}

impl Op for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Lanes>(self, simd: S) {
        let (e, blocks, maps) = (self.epilogue, self.maps.div_ceil(WIDTH), self.maps);
        assert!(self.sums.len() == blocks * self.count && e.bias.len() == maps);
        assert_eq!(self.y.len(), self.count * e.channels());
        let sums = self.sums.as_mut_ptr();
        let bias = Bias::new(e.bias);
        // SAFETY of the unsafe blocks: `sums` holds `blocks` of `count` lines, block < blocks, p < count, lane + a register is
        // within a line; pixel p of the output holds as many values as the assertions say.
        let at = |block: usize, p: usize| unsafe { sums.add(block * self.count + p).cast::<f32>() };
        for first in (0..self.count).step_by(WIDTH) {
            let group = WIDTH.min(self.count - first);

            // Bias and leaky ReLU in place; what the pixel norm needs is summed up.
            let mut squares = [simd.splat_f32s(0.0); WIDTH];
            for (i, square) in squares.iter_mut().enumerate().take(group) {
                for block in 0..blocks {
                    let bias = bias.block(block);
                    let line = at(block, first + i);
                    for lane in (0..WIDTH).step_by(S::F32_LANES) {
                        unsafe {
                            let v = activate(simd, load::<S>(line.add(lane)), load::<S>(bias.add(lane)), e.leaky);
                            *square = simd.fma(v, v, *square);
                            store::<S>(line.add(lane), v);
                        }
                    }
                }
            }

            // Colours take the maps' place.
            if let Some(to_rgb) = e.to_rgb {
                // Behind the last pixel its colours are made again; nobody reads them.
                let at = |p: usize, block: usize| at(block, first + p.min(group - 1)).cast_const();
                let rgb = unsafe { colours(simd, at, maps, e.pixel_norm, to_rgb) };
                self.y[first * 3..][..group * 3].copy_from_slice(&rgb.as_flattened()[..group * 3]);
                continue;
            }

            // Pixel norm, then from blocks to pixels.
            let mut factors = [1.0; WIDTH];
            if e.pixel_norm {
                factors = simd.sums(squares);
                norm_factors(simd, &mut factors, maps);
            }
            for (i, factor) in factors.into_iter().enumerate().take(group) {
                let p = first + i;
                for block in 0..blocks {
                    if e.pixel_norm {
                        unsafe { scale(simd, at(block, p), 1, factor) };
                    }
                    let here = WIDTH.min(maps - block * WIDTH);
                    let to = &mut self.y[p * maps + block * WIDTH..][..here];
                    to.copy_from_slice(unsafe { std::slice::from_raw_parts(at(block, p), here) });
                }
            }
        }
    }
}

/// The steps of an epilogue that writes no colours, on pixels of as many maps as it has biases, in place.
///
/// # Panics
/// If it writes colours, or there is half a pixel.
pub fn finish_pixels(y: &mut [f32], epilogue: Epilogue) {
    assert!(epilogue.to_rgb.is_none() && y.len().is_multiple_of(epilogue.bias.len()));
    let (maps, count) = (epilogue.bias.len(), y.len() / epilogue.bias.len());
    with_lines(count * maps.div_ceil(WIDTH), |sums| {
        gather(&ConvShape::pointwise(count, maps, maps), y, 0, count, sums);
        Isa::current().run(Finish { sums, count, maps, epilogue, y });
    });
}

/// `y = epilogue(x * kernels)`
pub(crate) fn forward(isa: Isa, kernels: &DirectKernels, g: ConvShape, x: &[f32], y: &mut [f32], epilogue: Epilogue) {
    let (pixels, blocks, depth) = (g.pixels(), g.c_out.div_ceil(WIDTH), kernels.rows / WIDTH);
    assert_eq!(x.len(), g.n * g.h * g.w * g.c_in);
    assert_eq!(epilogue.bias.len(), g.c_out);
    assert_eq!(y.len(), pixels * epilogue.channels());
    let threads = rayon::current_num_threads();
    let finish = |sums: &mut [Line], count: usize, y: &mut [f32]| {
        isa.run(Finish { sums, count, maps: g.c_out, epilogue, y });
    };

    // Enough pixels for all threads: a task gathers, multiplies and finishes its own.
    let size = (BLOCK_BYTES / (size_of::<Line>() * (depth + blocks))).clamp(FEWEST_ROWS, 512);
    if pixels >= FEWEST_ROWS * threads || blocks == 1 {
        let size = size.min(pixels.div_ceil(threads));
        y.par_chunks_mut(size * epilogue.channels()).enumerate().for_each(|(task, y)| {
            let count = y.len() / epilogue.channels();
            with_lines(count * (depth + blocks), |scratch| {
                let (patches, sums) = scratch.split_at_mut(count * depth);
                gather(&g, x, task * size, count, patches);
                product(isa, Blocked::dense(patches, count), &kernels.lines, sums);
                finish(sums, count, y);
            });
        });
        return;
    }

    // Few pixels and many maps: the kernels are what costs, so the tasks share them out.
    with_lines(pixels * (depth + blocks), |scratch| {
        let (patches, sums) = scratch.split_at_mut(pixels * depth);
        gather(&g, x, 0, pixels, patches);
        let per_task = blocks.div_ceil(4 * threads);
        let kernels = kernels.lines.par_chunks(per_task * kernels.rows);
        sums.par_chunks_mut(per_task * pixels).zip(kernels).for_each(|(sums, kernels)| {
            product(isa, Blocked::dense(patches, pixels), kernels, sums);
        });
        finish(sums, pixels, y);
    });
}

/// Adds the gradient of kernels `[k, k, c_in, c_out]`. The sums do not depend on the number of threads.
pub(crate) fn backward_weight(isa: Isa, g: ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let patch = g.patch();
    let (pixels, blocks, depth) = (g.pixels(), g.c_out.div_ceil(WIDTH), patch.div_ceil(WIDTH));
    assert_eq!(dweight.len(), patch * g.c_out);
    let rows = depth * WIDTH;
    let block = (BLOCK_BYTES / (size_of::<Line>() * (depth + blocks))).clamp(64, 1024);

    // A fixed number of tasks, summed in order.
    const TASKS: usize = 4;
    let per_task = pixels.div_ceil(TASKS);
    with_lines(TASKS * rows * blocks, |sums| {
        sums.fill(Line::ZERO);
        sums.par_chunks_mut(rows * blocks).enumerate().for_each(|(task, sums)| {
            with_lines(block * (depth + blocks), |scratch| {
                let (patches, gradients) = scratch.split_at_mut(block * depth);
                let end = ((task + 1) * per_task).min(pixels);
                for first in (task * per_task..end).step_by(block) {
                    let count = block.min(end - first);
                    gather(&g, x, first, count, &mut patches[..count * depth]);
                    let own = ConvShape::pointwise(pixels, g.c_out, g.c_out);
                    gather(&own, dy, first, count, &mut gradients[..count * blocks]);
                    let patches = Blocked::dense(&patches[..count * depth], count);
                    add_outer(isa, patches, Blocked::dense(&gradients[..count * blocks], count), sums);
                }
            });
        });

        // From blocks to rows of the kernels.
        for sums in sums.chunks_exact(rows * blocks) {
            for (block, lines) in sums.chunks_exact(rows).enumerate() {
                let maps = WIDTH.min(g.c_out - block * WIDTH);
                for (line, dw) in lines.iter().zip(dweight.chunks_exact_mut(g.c_out)) {
                    dw[block * WIDTH..][..maps].iter_mut().zip(line.0).for_each(|(d, v)| *d += v);
                }
            }
        }
    });
}
