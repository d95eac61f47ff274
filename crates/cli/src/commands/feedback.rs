//! `narcissus feedback`: generators that learn from generators.

use crate::options::Global;
use crate::output::{OutputDir, print_line};
use clap::Args;
use std::path::PathBuf;
use train::feedback::{FeedbackOptions, FeedbackReport};

const HELP: &str = "\
What it shows, and what not: docs/feedback.md. With the same --seed and --kimg the figures repeat; by
--minutes they depend on how fast the computer is. A run that was interrupted goes on with --resume
and the same options; more --generations, and --control, can be asked for later.

Examples:
    narcissus feedback --generations 5 --out loop
    narcissus feedback --generations 5 --minutes 60 --control --out loop
    narcissus feedback --generations 5 --minutes 60 --keep 0.25 --out fresh
    narcissus feedback --generations 8 --minutes 60 --control --out loop --resume";

/// Teach a generator with a generator's pictures, and the next with that one's: a feedback loop.
///
/// Generation 0 is the pack's generator. Its samples teach a small new generator, whose samples teach the next, and so on. The pack's eyes
/// say of each generation how far its faces spread, which groups they belong to, and in how many pictures there is a face at all.
/// Writes, anew after each generation: feedback.svg (the chart), feedback.csv, feedback.json, faces.png (what each generation draws from
/// the same latents) and the weights of each generation.
///
/// The new generators are small and learn for minutes: part of what is lost from generation 0 to 1 is what they cannot learn. --control
/// teaches, beside each generation, one from generation 0; how both differ is what the loop does.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub struct FeedbackArgs {
    /// Generations after the pack's generator
    #[arg(long, value_name = "N", default_value_t = FeedbackOptions::default().generations)]
    generations: usize,
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Training time of each generation
    #[arg(long, default_value_t = FeedbackOptions::default().minutes)]
    minutes: f64,
    /// Thousands of pictures that each is shown, in place of time
    #[arg(long, hide_short_help = true)]
    kimg: Option<f64>,
    /// Samples that each generation learns from
    #[arg(long, value_name = "K", default_value_t = FeedbackOptions::default().portraits)]
    portraits: usize,
    /// Width and height of the pictures, a power of two
    #[arg(long, default_value_t = FeedbackOptions::default().pixels)]
    pixels: usize,
    /// Share of them that is drawn anew from generation 0, at every generation
    #[arg(long, value_name = "SHARE", default_value_t = FeedbackOptions::default().keep)]
    keep: f32,
    /// Share of a generation's samples that teaches, the most typical ones
    #[arg(long, value_name = "SHARE", default_value_t = FeedbackOptions::default().typical)]
    typical: f32,
    /// Samples to measure each generation on
    #[arg(long, value_name = "N", default_value_t = FeedbackOptions::default().measured)]
    measured: usize,
    /// Also teach, beside each generation, one from generation 0
    #[arg(long)]
    control: bool,
    /// Seed of everything random
    #[arg(long, default_value_t = FeedbackOptions::default().seed)]
    seed: u64,
    /// Go on with the run in the folder
    #[arg(long)]
    resume: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &FeedbackArgs, global: &Global) -> anyhow::Result<()> {
    let options = args.options();
    let report = train::feedback::run(&global.open_pack()?, &options, |report| write(report, &args.out))?;
    eprintln!("chart, tables, faces and weights in {}", args.out.display());
    if args.json { print_line(&serde_json::to_string(&report)?) } else { print_line(&report) }
}

/// Writes what is known so far.
fn write(report: &FeedbackReport, folder: &std::path::Path) -> anyhow::Result<()> {
    let out = OutputDir::open(folder)?;
    out.write("feedback.csv", &report.csv()?)?;
    out.write("feedback.json", &serde_json::to_vec_pretty(report)?)?;
    out.write("feedback.svg", report.svg().as_bytes())?;
    out.write("faces.png", &report.faces().to_png())
}

impl FeedbackArgs {
    /// In the library's words.
    fn options(&self) -> FeedbackOptions {
        let Self {
            generations, minutes, kimg, portraits, pixels, keep, typical, measured, control, seed, resume, ..
        } = *self;
        FeedbackOptions {
            out: self.out.clone(),
            generations,
            minutes,
            kimg,
            portraits,
            pixels,
            keep,
            typical,
            measured,
            control,
            seed,
            resume,
        }
    }
}
