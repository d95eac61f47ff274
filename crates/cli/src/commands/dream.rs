//! `narcissus dream`: faces of nobody.

use crate::options::{Drawing, Global, Size, build_painter};
use crate::output::OutputDir;
use display::{VideoWriter, scaled};
use mirror::generator::{Walk, grid, samples};
use std::path::PathBuf;
use train::runs::bar;

/// Draw faces of nobody.
///
/// Writes dream-0001.png and so on, and grid.png with the first hundred of them. The same seed gives the same faces.
/// With --video also walk.mp4, a walk through the space of faces that ends where it began; that needs ffmpeg.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus dream --out dreams
    narcissus dream --count 64 --seed 7 --out dreams
    narcissus dream --count 8 --video --out walk
    narcissus dream --pack celebahq.pack --max-resolution 256 --out small")]
pub struct DreamArgs {
    /// How many faces; with --video also how many stations the walk has
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// Which faces: any number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder for the results; made if need be
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Also a video of a walk from face to face
    #[arg(long)]
    pub video: bool,
    #[command(flatten)]
    pub drawing: Drawing,
    #[command(flatten)]
    pub size: Size,
}

/// Pictures in the grid at most.
const GRID: usize = 100;
/// Frames a second of the walk, and from station to station.
const RATE: &str = "25";
const STEPS: usize = 50;
/// Small pictures are enlarged to this side in the walk, pixels.
const WALK_SIDE: usize = 256;

/// Runs it.
pub fn run(options: &DreamArgs, global: &Global) -> anyhow::Result<()> {
    if options.video {
        // Before any work.
        host::ffmpeg()?;
    }
    let out = OutputDir::open(&options.out)?;
    let painter = build_painter(&global.open_pack()?, &options.drawing, &options.size)?;
    let count = options.count as usize;
    let progress = bar(count as u64, "faces");
    let mut shown = Vec::new();
    for (i, (_, picture)) in samples(&painter, count, options.seed).enumerate() {
        picture.save(&out.file(&format!("dream-{:04}.png", i + 1)))?;
        if i < GRID {
            shown.push(picture);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let columns = (shown.len() as f64).sqrt().ceil() as usize;
    grid(&shown, columns).save(&out.file("grid.png"))?;
    if options.video {
        let walk = Walk::new(painter.latent_size(), count, STEPS, options.seed);
        let progress = bar(walk.len() as u64, "frames");
        let side = WALK_SIDE.max(painter.resolution());
        let mut film = VideoWriter::create(&out.file("walk.mp4"), [side, side], RATE, None)?;
        for latent in walk {
            film.write(&scaled(&painter.paint(&latent), side, side))?;
            progress.inc(1);
        }
        film.finish()?;
        progress.finish_and_clear();
    }
    eprintln!("{count} faces of nobody in {}", options.out.display());
    Ok(())
}
