//! Every algorithm of a convolution against its definition.

use super::*;
use crate::epilogue::ToRgb;
use crate::pictures::Pictures;
use crate::schemes::{Enlarged, EnlargedPixel};
use crate::upsample::UpsampleFilter;
use proptest::prelude::*;

fn fill(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 13 + seed * 5) % 7) as f32 - 3.0).collect()
}

/// Calls `f(x index, weight index, y index)` for every multiplication of the definition.
fn plain(g: ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (oh, ow) = g.out_size();
    for n in 0..g.n {
        for oy in 0..oh {
            for ox in 0..ow {
                for ky in 0..g.kernel {
                    for kx in 0..g.kernel {
                        let y = (oy * g.stride + ky) as isize - g.pad.0 as isize;
                        let x = (ox * g.stride + kx) as isize - g.pad.1 as isize;
                        if y < 0 || x < 0 || y >= g.h as isize || x >= g.w as isize {
                            continue;
                        }
                        for i in 0..g.c_in {
                            for o in 0..g.c_out {
                                f(
                                    ((n * g.h + y as usize) * g.w + x as usize) * g.c_in + i,
                                    ((ky * g.kernel + kx) * g.c_in + i) * g.c_out + o,
                                    ((n * oh + oy) * ow + ox) * g.c_out + o,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Pseudo-random values of about -1 to 1.
fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// What an epilogue means, pixel by pixel, in f64; and by how much the pixel norm magnifies errors at its darkest pixel.
fn finish(sums: &[f64], e: Epilogue, rgb: Option<(&[f32], [f32; 3])>) -> (Vec<f64>, f64) {
    let co = e.bias.len();
    let (mut out, mut magnified) = (Vec::new(), 1.0f64);
    let largest = sums.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    for pixel in sums.chunks_exact(co) {
        let mut v: Vec<f64> = pixel.iter().zip(e.bias).map(|(s, b)| s + f64::from(*b)).collect();
        if e.leaky {
            v.iter_mut().for_each(|v| *v = v.max(0.2 * *v));
        }
        if e.pixel_norm {
            let mean = v.iter().map(|v| v * v).sum::<f64>() / co as f64;
            v.iter_mut().for_each(|v| *v /= (mean + 1e-8).sqrt());
            magnified = magnified.max(largest / (mean + 1e-8).sqrt());
        }
        match rgb {
            Some((w, b)) => out.extend((0..3).map(|q| {
                f64::from(b[q]) + v.iter().enumerate().map(|(i, v)| v * f64::from(w[i * 3 + q])).sum::<f64>()
            })),
            None => out.extend(v),
        }
    }
    (out, magnified)
}

/// Errors of F(4x4, 3x3) in f32, relative to the largest value: the transforms multiply by up to 100.
const WINOGRAD: f64 = 2e-5;

fn near(got: &[f32], want: &[f64], magnified: f64, what: &str) -> Result<(), TestCaseError> {
    let largest = want.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
    prop_assert_eq!(got.len(), want.len());
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        prop_assert!(
            (f64::from(*g) - w).abs() <= WINOGRAD * magnified * largest,
            "{} at {}: {} against {} of {}",
            what,
            i,
            g,
            w,
            largest
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// All instruction sets and both algorithms, over odd sizes, margins and numbers of maps, with every epilogue.
    #[test]
    fn every_algorithm_equals_the_definition(
        n in 1usize..3, h in 1usize..15, w in 1usize..15, rows in 0usize..3, columns in 0usize..3, c_in in 1usize..36, c_out in 1usize..36,
        leaky: bool, pixel_norm: bool, coloured: bool, seed: u32,
    ) {
        let pad = (if h < 3 { 1 } else { rows }, if w < 3 { 1 } else { columns });
        let g = ConvShape { n, h, w, c_in, c_out, kernel: 3, stride: 1, pad };
        let (x, weight) = (noise(n * h * w * c_in, seed), noise(9 * c_in * c_out, seed ^ 1));
        let (bias, dy) = (noise(c_out, seed ^ 2), noise(g.pixels() * c_out, seed ^ 3));
        let (mut sums, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
        plain(g, |xi, wi, yi| {
            sums[yi] += f64::from(x[xi]) * f64::from(weight[wi]);
            dx[xi] += f64::from(dy[yi]) * f64::from(weight[wi]);
            dw[wi] += f64::from(dy[yi]) * f64::from(x[xi]);
        });
        let colours = noise(3 * c_out, seed ^ 4);
        let to_rgb = ToRgb::new(&colours, [0.1, -0.2, 0.3]);
        let e = Epilogue { bias: &bias, leaky, pixel_norm, to_rgb: coloured.then_some(&to_rgb) };
        let (want, magnified) = finish(&sums, e, coloured.then_some((&colours, [0.1, -0.2, 0.3])));
        let ((h, w), none) = (g.out_size(), vec![0.0; c_in]);
        let back = ConvShape { h, w, c_in: c_out, c_out: c_in, pad: (2 - pad.0, 2 - pad.1), ..g };
        let weights = ConvWeights { weight: &weight, c_in, c_out, turned: false };
        let turned = ConvWeights { weight: &weight, c_in: c_out, c_out: c_in, turned: true };
        for isa in Isa::available() {
            let mut y = vec![9.0; want.len()];
            direct::forward(isa, &direct::DirectKernels::new(weights), g, &x, &mut y, e);
            near(&y, &want, magnified, isa.name())?;
            y.fill(9.0);
            winograd::forward(isa, &WinogradKernels::<Same>::new(isa, weights, Precision::F32), g, &x, &mut y, e);
            near(&y, &want, magnified, isa.name())?;
            y.fill(9.0);
            winograd::forward(isa, &WinogradKernels::<SameSmall>::new(isa, weights, Precision::F32), g, &x, &mut y, e);
            near(&y, &want, magnified, isa.name())?;
            let mut got = vec![9.0; x.len()];
            winograd::forward(isa, &WinogradKernels::<Same>::new(isa, turned, Precision::F32), back, &dy, &mut got, Epilogue::bias(&none));
            near(&got, &dx, 1.0, isa.name())?;
            direct::forward(isa, &direct::DirectKernels::new(turned), back, &dy, &mut got, Epilogue::bias(&none));
            near(&got, &dx, 1.0, isa.name())?;
            let mut got = vec![0.0; weight.len()];
            winograd::backward_weight::<Same>(isa, g, &x, &dy, &mut got);
            near(&got, &dw, 1.0, isa.name())?;
            got.fill(0.0);
            winograd::backward_weight::<SameSmall>(isa, g, &x, &dy, &mut got);
            near(&got, &dw, 1.0, isa.name())?;
            got.fill(0.0);
            direct::backward_weight(isa, g, &x, &dy, &mut got);
            near(&got, &dw, 1.0, isa.name())?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn enlarging_convolution_equals_the_definition(
        n in 1usize..3, h in 1usize..12, w in 1usize..12, wide: bool, c_in in 1usize..36, c_out in 1usize..36,
        leaky: bool, pixel_norm: bool, coloured: bool, seed: u32,
    ) {
        // Wide pictures of few maps are worked on in strips.
        let (h, w, c_in, c_out) = if wide { (h, w * 30, c_in.min(4), c_out.min(4)) } else { (h, w, c_in, c_out) };
        let g = ConvShape { n, h: 2 * h, w: 2 * w, c_in, c_out, kernel: 3, stride: 1, pad: (1, 1) };
        let (x, weight, bias) = (noise(n * h * w * c_in, seed), noise(9 * c_in * c_out, seed ^ 1), noise(c_out, seed ^ 2));
        let dy = noise(4 * n * h * w * c_out, seed ^ 3);
        let weights = ConvWeights { weight: &weight, c_in, c_out, turned: false };
        let (mut sums, mut dw) = (vec![0.0; dy.len()], vec![0.0; weight.len()]);
        plain(g, |xi, wi, yi| {
            let (pixel, i) = (xi / c_in, xi % c_in);
            let (row, col) = (pixel / (2 * w), pixel % (2 * w));
            let small = (row / (2 * h) * h + row % (2 * h) / 2) * w + col / 2;
            sums[yi] += f64::from(x[small * c_in + i]) * f64::from(weight[wi]);
            dw[wi] += f64::from(x[small * c_in + i]) * f64::from(dy[yi]);
        });
        let colours = noise(3 * c_out, seed ^ 4);
        let to_rgb = ToRgb::new(&colours, [0.1, -0.2, 0.3]);
        let e = Epilogue { bias: &bias, leaky, pixel_norm, to_rgb: coloured.then_some(&to_rgb) };
        let (want, magnified) = finish(&sums, e, coloured.then_some((&colours, [0.1, -0.2, 0.3])));
        for isa in Isa::available() {
            let mut y = vec![9.0; want.len()];
            let pictures = Pictures { x: &x, h, w, c: c_in };
            let kernels = WinogradKernels::<Enlarged>::new(isa, weights, Precision::F32);
            winograd::forward_enlarged(isa, &kernels, n, pictures, 0..h, &mut y, e);
            near(&y, &want, magnified, isa.name())?;
            y.fill(9.0);
            let kernels = WinogradKernels::<EnlargedPixel>::new(isa, weights, Precision::F32);
            winograd::forward_enlarged(isa, &kernels, n, pictures, 0..h, &mut y, e);
            near(&y, &want, magnified, isa.name())?;
            let mut got = vec![0.0; weight.len()];
            winograd::backward_weight_enlarged::<Enlarged>(isa, n, pictures, &dy, &mut got);
            near(&got, &dw, 1.0, isa.name())?;
            got.fill(0.0);
            winograd::backward_weight_enlarged::<EnlargedPixel>(isa, n, pictures, &dy, &mut got);
            near(&got, &dw, 1.0, isa.name())?;
            // A band of each picture is the same rows of the whole.
            let (top, end, channels) = (h / 3, h - h / 4, want.len() / (4 * n * h * w));
            let row = 2 * w * channels;
            let mut band = vec![9.0; n * 2 * (end - top) * row];
            let filter = UpsampleFilter::new(isa, (c_in, c_out), weight.clone());
            filter.forward_rows((n, h, w), top..end, &x, &mut band, e);
            let rows = |i: usize| &want[(i * 2 * h + 2 * top) * row..(i * 2 * h + 2 * end) * row];
            near(&band, &(0..n).flat_map(rows).copied().collect::<Vec<f64>>(), magnified, isa.name())?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Small whole numbers, so that every sum is exact and the order of additions does not matter.
    #[test]
    fn convolution_and_its_gradients_equal_the_definition(
        n in 1usize..3, h in 1usize..12, w in 1usize..12, c_in in 1usize..6, c_out in 1usize..6,
        half in 0usize..3, stride in 1usize..3, same: bool,
    ) {
        let kernel = 2 * half + 1;
        let pad = if same || h.min(w) < kernel { (half, half) } else { (0, half) };
        let g = ConvShape { n, h, w, c_in, c_out, kernel, stride, pad };
        let (oh, ow) = g.out_size();
        let x = fill(n * h * w * c_in, 1);
        let weight = fill(kernel * kernel * c_in * c_out, 2);
        let bias = fill(c_out, 3);
        let dy = fill(n * oh * ow * c_out, 4);
        let mut y: Vec<f32> = (0..dy.len()).map(|i| bias[i % c_out]).collect();
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
        plain(g, |xi, wi, yi| {
            y[yi] += x[xi] * weight[wi];
            dx[xi] += dy[yi] * weight[wi];
            dw[wi] += dy[yi] * x[xi];
        });
        let mut got = vec![9.0; y.len()];
        let isa = Isa::current();
        ConvFilter::new(isa, weight.clone()).forward(g, &x, &mut got, Epilogue::bias(&bias));
        prop_assert_eq!(got, y);
        let mut got = vec![9.0; x.len()];
        conv2d_backward_data(g, &dy, &weight, &mut got);
        prop_assert_eq!(&got, &dx);
        if g.same() {
            got.fill(9.0);
            let back = ConvShape { c_in: c_out, c_out: c_in, ..g };
            ConvFilter::turned(isa, weight.clone()).forward(back, &dy, &mut got, Epilogue::bias(&vec![0.0; c_in]));
            prop_assert_eq!(&got, &dx);
        }
        let (mut got, mut db) = (vec![0.0; weight.len()], vec![0.0; c_out]);
        conv2d_backward_weight(g, &x, &dy, &mut got, &mut db);
        prop_assert_eq!(got, dw);
        let want: Vec<f32> = (0..c_out).map(|o| dy.iter().skip(o).step_by(c_out).sum()).collect();
        prop_assert_eq!(db, want);
    }
}
