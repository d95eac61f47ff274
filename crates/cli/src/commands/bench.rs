//! `narcissus bench`: how long every stage takes on this computer.

use crate::options::{Drawing, Global};
use crate::output;
use frame::Image;
use mirror::engine::{Mirror, nearest};
use mirror::face::Rect;
use mirror::face::attributes::{AttributeNet, Judged};
use mirror::face::detector::Detector;
use mirror::face::landmarks::LandmarkNet;
use mirror::face::likeness::{LikenessNet, UNKNOWN};
use mirror::features;
use mirror::generator::{Painter, samples};
use mirror::inverter::FeatureSelection;
use mirror::latent::Latent;
use mirror::pack::Net;
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Time every stage, from a picture to its reflection.
///
/// The viewer is a face that the generator dreams, in a picture of 640x480 pixels. Each stage runs --rounds times after a warm-up; reported are the
/// median and the 95th percentile of the milliseconds, the peak memory of the process and the instruction set
/// (NARCISSUS_SIMD forces a lower one); with -v also the layers of the generator.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n    narcissus bench\n    narcissus bench --json --threads 1 --rounds 200")]
pub struct BenchArgs {
    /// One JSON object, for other programs
    #[arg(long)]
    pub json: bool,
    /// How often each stage runs
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,
    #[command(flatten)]
    pub drawing: Drawing,
}

#[derive(Serialize)]
struct Report {
    pack: String,
    instruction_set: &'static str,
    /// What draws.
    device: String,
    threads: usize,
    load_ms: f64,
    stages: Vec<Stage>,
    /// The generator's layers on the CPU, medians.
    generator_layers: Vec<Layer>,
    /// Where the system tells.
    peak_memory_mb: Option<f64>,
}

#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    median_ms: f64,
    p95_ms: f64,
}

#[derive(Serialize)]
struct Layer {
    layer: String,
    median_ms: f64,
}

/// Runs it.
pub fn run(options: &BenchArgs, global: &Global) -> anyhow::Result<()> {
    let began = Instant::now();
    let pack = global.open_pack()?;
    let accelerate = options.drawing.accelerate()?;
    let builder = Mirror::builder(&pack).precision(options.drawing.precision()?);
    let mirror = builder.accelerate(accelerate.as_deref()).build()?;
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let detector = pack.open(Net::Detector, Detector::from_weights)?;
    let landmark_net = pack.open(Net::Landmarks, LandmarkNet::from_weights)?;
    let attribute_net = pack.open(Net::Attributes, AttributeNet::from_weights)?;

    let (frame, placed) = viewer(&mirror);
    let png = frame.to_png();
    let seen = nearest(mirror.eyes().analyse(&frame)?);
    // A pack whose eyes do not see its own dreams can still be timed: the face is where it was put.
    let face = seen.map_or_else(|| landmark_net.face_of_box(placed), |s| s.face);
    let landmarks = landmark_net.locate(&frame, &face).landmarks;
    let attributes = attribute_net.estimate(&frame, &landmarks);
    let attributes = attributes.ok_or_else(|| anyhow::anyhow!("the landmark net finds no face in a dream"))?;
    let judged = Judged::from(attributes);
    let likeness_net = pack.open_if_there(Net::Likeness, LikenessNet::from_weights)?;
    let embed = || likeness_net.as_ref().and_then(|net| net.embed(&frame, &landmarks));
    let likeness = embed().unwrap_or(UNKNOWN);
    let features = features::extract(&frame, &landmarks, &judged, &likeness)?;
    let latent = mirror.inverter().invert(&features, &FeatureSelection::default());

    let mut stages = vec![
        time("decode PNG", options.rounds, || Image::decode(&png)),
        time("detect", options.rounds, || detector.detect(&frame)),
        time("landmarks", options.rounds, || landmark_net.locate(&frame, &face)),
        time("attributes", options.rounds, || attribute_net.estimate(&frame, &landmarks)),
        time("features", options.rounds, || features::extract(&frame, &landmarks, &judged, &likeness)),
        time("invert", options.rounds, || mirror.inverter().invert(&features, &FeatureSelection::default())),
        time("generate", options.rounds, || mirror.painter().paint(&latent)),
        time("reflect", options.rounds, || mirror.reflect(&frame)),
    ];
    if likeness_net.is_some() {
        let after_attributes = 4;
        stages.insert(after_attributes, time("likeness", options.rounds, embed));
    }
    let wanted = options.json || global.verbose > 0;
    let generator_layers = if wanted { layers(mirror.painter(), &latent, options.rounds) } else { Vec::new() };
    let report = Report {
        pack: pack.manifest().name.clone(),
        instruction_set: kernels::Isa::current().name(),
        device: mirror.painter().device().to_string(),
        threads: rayon::current_num_threads(),
        load_ms,
        stages,
        generator_layers,
        peak_memory_mb: host::peak_memory().map(|bytes| bytes as f64 / f64::from(1 << 20)),
    };
    if options.json {
        return output::print_line(&serde_json::to_string(&report)?);
    }
    let memory = report.peak_memory_mb.map_or(String::new(), |mb| format!(", peak memory {mb:.0} MB"));
    let (name, threads, set, device) = (&report.pack, report.threads, report.instruction_set, &report.device);
    output::print_line(&format_args!(
        "pack \"{name}\" loaded in {load_ms:.1} ms; {threads} threads, {set}, drawn by {device}{memory}"
    ))?;
    output::print_line(&format_args!("{:<12} {:>10} {:>10}", "stage", "median ms", "p95 ms"))?;
    for s in &report.stages {
        output::print_line(&format_args!("{:<12} {:>10.2} {:>10.2}", s.stage, s.median_ms, s.p95_ms))?;
    }
    if wanted {
        output::print_line(&format_args!("{:<12} {:>10}", "layer", "median ms"))?;
    }
    for l in &report.generator_layers {
        output::print_line(&format_args!("{:<12} {:>10.3}", l.layer, l.median_ms))?;
    }
    Ok(())
}

/// A dream of the generator, 240 pixels wide, in the middle of a grey picture of 640x480.
fn viewer(mirror: &Mirror) -> (Image, Rect) {
    const SIDE: usize = 240;
    let (width, height) = (640, 480);
    let mut frame = Image { width, height, data: vec![110; width * height * 3] };
    let (left, top) = ((width - SIDE) / 2, (height - SIDE) / 2);
    let dream = samples(mirror.painter(), 1, 1).next().expect("one was asked for").1;
    for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
        let from = (y * dream.height / SIDE * dream.width + x * dream.width / SIDE) * 3;
        let to = ((top + y) * width + left + x) * 3;
        frame.data[to..to + 3].copy_from_slice(&dream.data[from..from + 3]);
    }
    let (left, top, side) = (left as f32, top as f32, SIDE as f32);
    (frame, Rect { x: left + 0.2 * side, y: top + 0.15 * side, w: 0.6 * side, h: 0.75 * side })
}

/// The median time of every layer of the generator.
fn layers(painter: &Painter, latent: &Latent, rounds: u32) -> Vec<Layer> {
    let mut layers: Vec<(String, Vec<f64>)> = Vec::new();
    for round in 0..rounds as usize {
        let mut began = Instant::now();
        painter.layer_by_layer(latent, |layer| {
            let milliseconds = began.elapsed().as_secs_f64() * 1e3;
            let at = layers.iter().position(|(name, _)| name == layer).unwrap_or(layers.len());
            if at == layers.len() {
                layers.push((layer.to_owned(), Vec::new()));
            }
            // A layer may be drawn in several bands.
            let times = &mut layers[at].1;
            times.resize(round + 1, 0.0);
            times[round] += milliseconds;
            began = Instant::now();
        });
    }
    let median = |(layer, times)| Layer { layer, median_ms: quantiles(times, [0.5])[0] };
    layers.into_iter().map(median).collect()
}

fn time<T>(stage: &'static str, rounds: u32, run: impl Fn() -> T) -> Stage {
    (0..3).for_each(|_| drop(black_box(run())));
    let milliseconds = (0..rounds).map(|_| {
        let began = Instant::now();
        black_box(run());
        began.elapsed().as_secs_f64() * 1e3
    });
    let [median_ms, p95_ms] = quantiles(milliseconds.collect(), [0.5, 0.95]);
    Stage { stage, median_ms, p95_ms }
}

fn quantiles<const N: usize>(mut values: Vec<f64>, at: [f64; N]) -> [f64; N] {
    values.sort_by(f64::total_cmp);
    at.map(|q| values[((values.len() - 1) as f64 * q).round() as usize])
}
