//! `narcissus adopt`: from a generator that was trained elsewhere to a mirror, in one command.

use crate::options::Global;
use crate::options::Part;
use anyhow::{Context, ensure};
use clap::Args;
use import::Network;
use std::path::{Path, PathBuf};
use train::evaluate::inverter::InverterEvaluation;
use train::inverter::InverterOptions;

/// Make a mirror of a generator that was trained elsewhere.
///
/// Imports it (as `narcissus import` does), draws pairs of latents and pictures, looks at the pictures, teaches an inverter on that,
/// measures it, and writes the pack with its card; the licence is left for you to fill in. What is half done lies in OUT.adopt, and
/// --resume goes on from the pairs there; the pack appears when it is whole. Portraits of real people stand in for visitors: they are
/// looked for in --data, as `narcissus train inverter` does.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus adopt karras2018iclr-celebahq-1024x1024.pkl --out celebahq.pack --minutes 240
    narcissus adopt celebahq.pkl --max-resolution 256 --out celebahq-256.pack
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
    /// Folder with `congress` and `eval/visitors` [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Go on in OUT.adopt
    #[arg(long)]
    pub resume: bool,
}

/// Samples to measure by: at 1024 pixels, as many as fit the memory.
const SAMPLES: usize = 100;

/// Runs it.
pub fn run(options: &AdoptArgs, global: &Global) -> anyhow::Result<()> {
    ensure!(options.minutes > 0.0, "--minutes must be positive");
    ensure!(!options.out.exists(), "{}: already exists; choose another name or remove it first", options.out.display());
    // Before hours of drawing.
    let data = train::runs::data_root(options.data.as_deref())?;
    train::data::read_table(&data).context("no portraits to stand in for visitors")?;
    let work = work_folder(&options.out)?;
    let pack = work.join("pack");
    import_into(&pack, &work, options, global)?;

    eprintln!("2 of 4: pairs and inverter, {} minutes", options.minutes);
    let lesson = InverterOptions {
        data: Some(data.clone()),
        nets: pack.clone(),
        out: work.join("inverter"),
        minutes: options.minutes,
        pairs: options.pairs,
        resume: options.resume,
        ..InverterOptions::default()
    };
    let trained = train::inverter::train(&lesson)?;
    eprintln!("{trained}");

    eprintln!("3 of 4: measuring");
    let figures = measure(&pack, &trained.weights, &data);

    eprintln!("4 of 4: card and pack");
    let name = options.out.file_name().unwrap_or_default().to_string_lossy();
    import::complete(&pack, &name, &trained.weights, &figures)?;
    mirror::engine::Mirror::new(&mirror::pack::Pack::load(&pack)?)?;
    std::fs::rename(&pack, &options.out).with_context(|| options.out.display().to_string())?;
    eprintln!("{}: reflects; the pairs and the log are in {}", options.out.display(), lesson.out.display());
    eprintln!("licence: not known; write it into {}", options.out.join(mirror::pack::MANIFEST_FILE).display());
    Ok(())
}

/// Makes the pack that has no inverter yet, unless an earlier run has made it.
fn import_into(pack: &Path, work: &Path, options: &AdoptArgs, global: &Global) -> anyhow::Result<()> {
    if options.resume && pack.is_dir() {
        eprintln!("1 of 4: {} is there already", pack.display());
        return Ok(());
    }
    ensure!(!work.exists(), "{}: already exists; --resume goes on there, or remove it", work.display());
    let face_nets = global.open_pack().context("no pack to take the face nets from")?;
    let imported =
        import::import(&options.file, options.part.of(options.network), &face_nets, pack).inspect_err(|_| {
            // Made for the pack that was not; it is empty, and otherwise stays.
            let _ = std::fs::remove_dir(work);
        })?;
    let size = imported.generator.config().resolution;
    eprintln!("1 of 4: a generator of {size}x{size} pixels");
    Ok(())
}

/// `OUT.adopt`, beside the pack that is to be.
fn work_folder(out: &Path) -> anyhow::Result<PathBuf> {
    let mut name = out.file_name().context("--out must end in a name")?.to_owned();
    name.push(".adopt");
    Ok(out.with_file_name(name))
}

/// The figures of the inverter, as the card shows them. That they cannot be measured is no reason to throw hours of training away.
fn measure(pack: &Path, inverter: &Path, data: &Path) -> String {
    let evaluation = InverterEvaluation {
        data: Some(data.to_owned()),
        nets: pack.to_owned(),
        weights: Some(inverter.to_owned()),
        samples: SAMPLES,
        ..InverterEvaluation::default()
    };
    match train::evaluate::inverter::run(&evaluation) {
        Ok(report) => format!("```\n{report}\n```\n"),
        Err(error) => {
            let why = crate::failures::one_line(&error);
            eprintln!("not measured: {why}");
            format!("Not measured: {why}.\n")
        }
    }
}
