//! The kernels at the shapes of our nets' layers. "Elements" are floating-point operations of the definition (two a
//! multiply-add), whatever the algorithm saves: Gelem/s is comparable with other programs' GFLOP/s.
//!
//! Names are `pictures x size, maps in-maps out`; the size is that of the convolution's input.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use kernels::{ConvFilter, ConvShape, Epilogue, Isa, MatRef, UpsampleFilter, matmul};
use std::time::Duration;

/// Pictures, size, maps in, maps out of 3x3 convolutions that keep the size.
const SAME: [(usize, usize, usize, usize); 15] = [
    // Training at 64x64 pixels.
    (16, 64, 16, 16),
    (16, 64, 32, 32),
    (16, 64, 64, 64),
    (16, 32, 128, 128),
    (16, 16, 128, 128),
    (16, 8, 128, 128),
    (16, 4, 128, 128),
    // The published generator.
    (1, 4, 512, 512),
    (1, 8, 512, 512),
    (1, 16, 512, 512),
    (1, 32, 512, 512),
    (1, 64, 256, 256),
    (1, 128, 128, 128),
    (1, 256, 64, 64),
    (1, 1024, 16, 16),
];

/// The same with the size before it doubles.
const UPSAMPLE: [(usize, usize, usize, usize); 9] = [
    (16, 4, 128, 128),
    (16, 16, 128, 128),
    (16, 32, 128, 64),
    (1, 4, 512, 512),
    (1, 16, 512, 512),
    (1, 32, 512, 256),
    (1, 64, 256, 128),
    (1, 128, 128, 64),
    (1, 512, 32, 16),
];

/// From and to colours, in training and as published.
const POINTWISE: [(usize, usize, usize, usize); 4] =
    [(16, 64, 3, 64), (16, 64, 64, 3), (1, 32, 512, 512), (1, 1024, 16, 3)];

/// As the face nets begin.
const STRIDE_2: [(usize, usize, usize, usize); 3] = [(1, 256, 3, 16), (1, 128, 16, 32), (16, 64, 32, 64)];

/// Rows, inner dimension, columns: a latent into the published generator, a block of patches, a square.
const MATMUL: [(usize, usize, usize); 3] = [(1, 512, 8192), (256, 1152, 128), (512, 512, 512)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    convolutions(&mut criterion);
    upsample(&mut criterion);
    products(&mut criterion);
    criterion.final_summary();
}

fn convolutions(c: &mut Criterion) {
    let all = [("3x3", &SAME[..], 3, 1), ("1x1", &POINTWISE, 1, 1), ("3x3 stride 2", &STRIDE_2, 3, 2)];
    for (name, shapes, kernel, stride) in all {
        let geometry = |&(n, size, c_in, c_out): &(usize, usize, usize, usize)| ConvShape {
            n,
            h: size,
            w: size,
            c_in,
            c_out,
            kernel,
            stride,
            pad: (kernel / 2, kernel / 2),
        };
        let geometries: Vec<ConvShape> = shapes.iter().map(geometry).collect();
        forward(&mut group(c, &format!("{name} forward")), &geometries);
        backward_data(&mut group(c, &format!("{name} gradient of the input")), &geometries);
        backward_weight(&mut group(c, &format!("{name} gradient of the weight")), &geometries);
    }
}

fn forward(group: &mut BenchmarkGroup<WallTime>, geometries: &[ConvShape]) {
    for &g in geometries {
        let (x, weight, mut y) = tensors(g);
        let (filter, bias) = (ConvFilter::new(Isa::current(), weight), values(g.c_out));
        let epilogue = Epilogue { leaky: true, pixel_norm: g.kernel == 3, ..Epilogue::bias(&bias) };
        group.throughput(operations(g));
        group.bench_function(label(g), |b| b.iter(|| filter.forward(g, &x, &mut y, epilogue)));
    }
}

fn backward_data(group: &mut BenchmarkGroup<WallTime>, geometries: &[ConvShape]) {
    for &g in geometries {
        let (mut dx, weight, dy) = tensors(g);
        group.throughput(operations(g));
        if g.same() {
            let back = ConvShape { c_in: g.c_out, c_out: g.c_in, ..g };
            let (filter, none) = (ConvFilter::turned(Isa::current(), weight), vec![0.0; g.c_in]);
            group.bench_function(label(g), |b| b.iter(|| filter.forward(back, &dy, &mut dx, Epilogue::bias(&none))));
        } else {
            group.bench_function(label(g), |b| b.iter(|| kernels::conv2d_backward_data(g, &dy, &weight, &mut dx)));
        }
    }
}

fn backward_weight(group: &mut BenchmarkGroup<WallTime>, geometries: &[ConvShape]) {
    for &g in geometries {
        let (x, weight, dy) = tensors(g);
        let (mut dw, mut db) = (vec![0.0; weight.len()], vec![0.0; g.c_out]);
        group.throughput(operations(g));
        group.bench_function(label(g), |b| b.iter(|| kernels::conv2d_backward_weight(g, &x, &dy, &mut dw, &mut db)));
    }
}

fn upsample(c: &mut Criterion) {
    let mut group = group(c, "doubled, then 3x3, forward");
    for (n, size, c_in, c_out) in UPSAMPLE {
        let (x, weight, bias) = (values(n * size * size * c_in), values(9 * c_in * c_out), values(c_out));
        let mut y = vec![0.0; 4 * n * size * size * c_out];
        let filter = UpsampleFilter::new(Isa::current(), (c_in, c_out), weight.clone());
        let epilogue = Epilogue { leaky: true, pixel_norm: true, ..Epilogue::bias(&bias) };
        group.throughput(Throughput::Elements((2 * 9 * c_in * y.len()) as u64));
        group.bench_function(format!("{n} x {size}, {c_in}-{c_out}"), |b| {
            b.iter(|| filter.forward((n, size, size), &x, &mut y, epilogue));
        });
    }
}

fn products(c: &mut Criterion) {
    let mut group = group(c, "matrix product");
    for (rows, inner, cols) in MATMUL {
        let (a, b, mut y) = (values(rows * inner), values(inner * cols), vec![0.0; rows * cols]);
        group.throughput(Throughput::Elements((2 * rows * inner * cols) as u64));
        group.bench_function(format!("{rows} x {inner} x {cols}"), |bencher| {
            bencher.iter(|| matmul(&mut y, MatRef::new(&a, rows, inner), MatRef::new(&b, inner, cols), false));
        });
    }
}

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group
}

fn label(g: ConvShape) -> String {
    format!("{} x {}, {}-{}", g.n, g.h, g.c_in, g.c_out)
}

fn operations(g: ConvShape) -> Throughput {
    let (h, w) = g.out_size();
    Throughput::Elements((2 * g.n * h * w * g.c_out * g.kernel * g.kernel * g.c_in) as u64)
}

/// Input, weight and output of a convolution.
fn tensors(g: ConvShape) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (h, w) = g.out_size();
    (values(g.n * g.h * g.w * g.c_in), values(g.kernel * g.kernel * g.c_in * g.c_out), values(g.n * h * w * g.c_out))
}

/// From -0.75 to 0.75.
fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 13 % 7) as f32 / 4.0 - 0.75).collect()
}
