//! `narcissus site`: the mirror as files for any web server.

use crate::device::Device;
use crate::options::{Global, Size};
use crate::output::OutputDir;
use ::mirror::inverter::Inverter;
use ::mirror::live::protocol::{ModuleDevice, PageSettings};
use ::mirror::pack::Net;
use anyhow::Context;
use display::StaticSite;
use std::path::{Path, PathBuf};

/// The modules' files, as the releases have them beside the program.
const PLAIN: &str = "narcissus.wasm";
const THREADS: &str = "narcissus-threads.wasm";

/// Write the mirror as a web site that needs no server of ours: it runs in the visitor's browser.
///
/// OUT then holds a page, a WebAssembly module and the pack. Any web server may serve them, also from a folder below its root; browsers want
/// https for the camera, or localhost. No frame leaves the browser. After the first visit the page works without a network. Write into the same
/// folder again to renew it.
///
/// The modules, narcissus.wasm and narcissus-threads.wasm, lie beside the program in the archives of a release; packaging/web/module.sh builds them.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus site --out site
    narcissus site --pack my-pack --faces 2 --device auto --out site")]
pub struct SiteArgs {
    /// The folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many are reflected, side by side
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=6))]
    pub faces: u8,
    /// The folder of the modules [default: the program's own]
    #[arg(long, value_name = "DIR")]
    pub modules: Option<PathBuf>,
    /// What draws in the browser: the processor; the graphics card through WebGPU, or what the browser has in place of one; or a card once it has
    /// shown that it draws the same faster
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "cpu|gpu|auto")]
    pub device: Device,
    #[command(flatten)]
    pub size: Size,
}

/// Runs it.
pub fn run(options: &SiteArgs, global: &Global) -> anyhow::Result<()> {
    let pack = global.open_pack()?;
    // Also proves that what the page will open can be opened.
    let max_resolution = options.size.generator(&pack)?.config().resolution;
    let inverter = pack.open(Net::Inverter, Inverter::from_weights)?;

    let modules = match &options.modules {
        Some(folder) => folder.clone(),
        None => std::env::current_exe().context("where is this program?")?.with_file_name(""),
    };
    let plain = read(&modules, PLAIN)?.with_context(|| {
        format!("{}: no {PLAIN} in it; hint: a release has it beside the program, packaging/web/module.sh builds it; name its folder with --modules", modules.display())
    })?;
    let threads = read(&modules, THREADS)?;

    let site = StaticSite {
        pack: &pack,
        settings: PageSettings::of(&inverter),
        plain: &plain,
        threads: threads.as_deref(),
        views: options.faces.into(),
        max_resolution,
        device: match options.device {
            Device::Cpu => ModuleDevice::Cpu,
            Device::Gpu => ModuleDevice::Gpu,
            Device::Auto => ModuleDevice::Auto,
        },
    };
    let files = site.files().map_err(anyhow::Error::from_boxed)?;
    let out = OutputDir::open(&options.out)?;
    for (path, bytes) in &files {
        if let Some(folder) = Path::new(path).parent() {
            std::fs::create_dir_all(out.file(&folder.to_string_lossy()))?;
        }
        out.write(path, bytes)?;
    }

    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let count = files.len();
    eprintln!(
        "{}: {count} files, {:.1} MB; serve them, for example with `python3 -m http.server`",
        options.out.display(),
        total as f64 / 1e6
    );
    if threads.is_none() {
        eprintln!("no {THREADS} in {}: the mirror uses one thread a half", modules.display());
    }
    Ok(())
}

/// A file of a folder; `None` if there is none.
fn read(folder: &Path, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}
