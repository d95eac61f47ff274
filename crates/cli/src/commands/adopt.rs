//! `narcissus adopt`: from a generator that was trained elsewhere to a mirror, in one command.

use crate::device::DeviceArgs;
use crate::options::{Global, Part, VisitorsArgs};
use anyhow::{Context, ensure};
use clap::Args;
use import::Network;
use mirror::pack::Pack;
use std::path::{Path, PathBuf};
use train::evaluate::inverter::InverterEvaluation;
use train::inverter::InverterOptions;
use train::inverter::visitors::LEAST_PEOPLE;

/// Make a mirror of a generator that was trained elsewhere: import, pairs, inverter, card.
///
/// Imports it (as `narcissus import` does), draws pairs of latents and pictures, looks at the pictures, teaches an inverter on that,
/// measures it, and writes the pack with its card; the licence is left for you to fill in. What is half done lies in OUT.adopt, and
/// --resume goes on from the pairs there; the pack appears when it is whole. People whom the pack holds as numbers stand in for
/// visitors, or those in pictures of yours (--visitors): one that cannot be read is named and left out, and if more than a tenth of
/// them are bad, the command ends and lists them.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus adopt karras2018iclr-celebahq-1024x1024.pkl --out celebahq.pack --minutes 240
    narcissus adopt celebahq.pkl --max-resolution 64 --visitors portraits/ --out ours.pack
    narcissus mirror --pack celebahq.pack")]
pub struct AdoptArgs {
    /// The generator
    pub file: PathBuf,
    /// The pack's folder; must not exist yet
    #[arg(long, value_name = "PACK")]
    pub out: PathBuf,
    /// Which network: the generator G or its average Gs
    #[arg(long, default_value_t)]
    pub network: Network,
    #[command(flatten)]
    pub part: Part,
    /// Time for the pairs and the training; measuring comes after
    #[arg(long, default_value_t = 60.0)]
    pub minutes: f64,
    /// Pairs to draw, if the time allows
    #[arg(long, default_value_t = 20_000)]
    pub pairs: usize,
    #[command(flatten)]
    pub visitors: VisitorsArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Go on in OUT.adopt
    #[arg(long)]
    pub resume: bool,
}

/// Samples to measure by: at 1024 pixels, as many as fit the memory.
const SAMPLES: usize = 100;
/// One in so many of the user's pictures is measured on and not learned from.
const MEASURED: usize = 5;

/// Runs it.
pub fn run(options: &AdoptArgs, global: &Global) -> anyhow::Result<()> {
    ensure!(options.minutes > 0.0, "--minutes must be positive");
    ensure!(!options.out.exists(), "{}: already exists; choose another name or remove it first", options.out.display());
    let work = work_folder(&options.out)?;
    let folder = work.join("pack");

    // Whoever stands in for visitors is looked for before anything is written.
    let face_nets = global.open_pack().context("no pack to take the face nets from")?;
    let (measured, learned) = options.visitors.pictures()?.map(split).unzip();
    match &learned {
        None => drop(face_nets.visitors()?),
        Some(pictures) => ensure!(
            pictures.len() >= LEAST_PEOPLE,
            "--visitors: {} pictures to learn from, beside one in {MEASURED} to measure on: expected {LEAST_PEOPLE} or more\nhint: without --visitors, people of the pack's table stand in for visitors",
            pictures.len()
        ),
    }
    import_into(&folder, &work, options, &face_nets)?;
    let pack = Pack::load(&folder)?;

    eprintln!("2 of 4: pairs and inverter, {} minutes", options.minutes);
    let lesson = InverterOptions {
        visitors: learned,
        out: work.join("inverter"),
        minutes: options.minutes,
        pairs: options.pairs,
        resume: options.resume,
        ..InverterOptions::default()
    };
    let trained = train::inverter::train(&pack, &options.device.painter(&pack)?, &lesson)?;
    eprintln!("{trained}");

    eprintln!("3 of 4: measuring");
    let figures = measure(&pack, &trained.weights, measured);

    eprintln!("4 of 4: card and pack");
    let name = options.out.file_name().unwrap_or_default().to_string_lossy();
    import::complete(&folder, &name, &trained.weights, &figures)?;
    mirror::engine::Mirror::new(&Pack::load(&folder)?)?;
    std::fs::rename(&folder, &options.out).with_context(|| options.out.display().to_string())?;
    eprintln!("{}: reflects; the pairs and the log are in {}", options.out.display(), lesson.out.display());
    eprintln!("licence: not known; write it into {}", options.out.join(mirror::pack::MANIFEST_FILE).display());
    Ok(())
}

/// Makes the pack that has no inverter yet, unless an earlier run has made it.
fn import_into(pack: &Path, work: &Path, options: &AdoptArgs, face_nets: &Pack) -> anyhow::Result<()> {
    if options.resume && pack.is_dir() {
        eprintln!("1 of 4: {} is there already", pack.display());
        return Ok(());
    }
    ensure!(!work.exists(), "{}: already exists; --resume goes on there, or remove it", work.display());
    let imported =
        import::import(&options.file, options.part.of(options.network), face_nets, pack).inspect_err(|_| {
            // Made for the pack that was not; it is empty, and otherwise stays.
            let _ = std::fs::remove_dir(work);
        })?;
    let size = imported.generator.config().resolution;
    eprintln!("1 of 4: a generator of {size}x{size} pixels");
    Ok(())
}

/// Pictures to measure on, and the others, to learn from.
fn split(pictures: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let numbered = pictures.into_iter().enumerate();
    let (measured, learned): (Vec<_>, Vec<_>) = numbered.partition(|(i, _)| i % MEASURED == 0);
    let files = |all: Vec<(usize, PathBuf)>| all.into_iter().map(|(_, path)| path).collect();
    (files(measured), files(learned))
}

/// `OUT.adopt`, beside the pack that is to be.
fn work_folder(out: &Path) -> anyhow::Result<PathBuf> {
    let mut name = out.file_name().context("--out must end in a name")?.to_owned();
    name.push(".adopt");
    Ok(out.with_file_name(name))
}

/// The figures of the inverter, as the card shows them. That they cannot be measured is no reason to throw hours of training away.
fn measure(pack: &Pack, inverter: &Path, visitors: Option<Vec<PathBuf>>) -> String {
    let evaluation = InverterEvaluation {
        visitors,
        weights: Some(inverter.to_owned()),
        samples: SAMPLES,
        ..InverterEvaluation::default()
    };
    match train::evaluate::inverter::run(pack, &evaluation) {
        Ok(report) => format!("```\n{report}\n```\n"),
        Err(error) => {
            let why = crate::failures::one_line(&error);
            eprintln!("not measured: {why}");
            format!("Not measured: {why}.\n")
        }
    }
}
