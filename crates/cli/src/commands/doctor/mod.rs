//! `narcissus doctor`: what is missing on this computer, each with a hint.

#[cfg(target_os = "linux")]
mod linux;

use crate::options::Global;
use crate::{browser, output};
use mirror::engine::Mirror;
use mirror::generator::samples;
use serde::Serialize;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

/// Find out what is missing on this computer, and how to cure it.
///
/// Looks at the processor, the pack, the port, the browser, ffmpeg and, on Linux, at the graphics card and the cameras: whether
/// they may be opened, and which programs hold them. Each line begins with `ok`; with `warning` where something is missing that
/// the mirror can do without; or with `failure`. Ends with exit code 1 if anything failed.
///
/// The check `graphics` says what a browser may use, not what it uses: its page chrome://gpu says that. The check `gpu` names what
/// --device gpu could draw with.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus doctor
    narcissus doctor --pack my-pack --port 8000
    narcissus doctor --json | jq '.checks[] | select(.state != \"ok\")'")]
pub struct DoctorArgs {
    /// The port that the mirror will use
    #[arg(long, default_value_t = 7860)]
    pub port: u16,
    /// Print one line of JSON: `checks`, each with its `name`, `state` (ok, warning, failure), `found` and `hint`
    #[arg(long)]
    pub json: bool,
}

/// One thing that was looked at. Names stay as they are: scripts ask for them.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    #[serde(flatten)]
    finding: Finding,
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Finding {
    state: State,
    /// In words.
    found: String,
    /// What to do about it.
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// The mirror can do without.
    Warning,
    /// The mirror cannot work.
    Failure,
}

impl Finding {
    fn ok(found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), hint: None }
    }

    fn warning(found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Warning, found: found.into(), hint: Some(hint.into()) }
    }

    fn failure(found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { state: State::Failure, found: found.into(), hint: Some(hint.into()) }
    }
}

/// Runs it.
pub fn run(options: &DoctorArgs, global: &Global) -> anyhow::Result<()> {
    let checks = [
        ("processor", processor()),
        ("pack", pack(global)),
        ("port", port(options.port)),
        ("browser", browser()),
        ("ffmpeg", ffmpeg()),
        ("gpu", cards()),
    ];
    let checks: Vec<Check> =
        checks.into_iter().chain(devices()).map(|(name, finding)| Check { name, finding }).collect();

    if options.json {
        output::print_line(&serde_json::json!({ "checks": checks }))?;
    } else {
        checks.iter().try_for_each(print)?;
    }
    let failed: Vec<&str> = checks.iter().filter(|c| c.finding.state == State::Failure).map(|c| c.name).collect();
    anyhow::ensure!(failed.is_empty(), "the mirror cannot work: {}", failed.join(", "));
    Ok(())
}

fn print(Check { name, finding }: &Check) -> anyhow::Result<()> {
    let state = match finding.state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failure => "failure",
    };
    output::print_line(&format_args!("{state:<8} {name:<14} {}", finding.found))?;
    finding.hint.iter().try_for_each(|hint| output::print_line(&format_args!("{:<23} hint: {hint}", "")))
}

#[cfg(target_os = "linux")]
fn devices() -> impl IntoIterator<Item = (&'static str, Finding)> {
    linux::Computer::this().checks()
}

#[cfg(not(target_os = "linux"))]
fn devices() -> impl IntoIterator<Item = (&'static str, Finding)> {
    let found = "not looked for on this system: the browser finds it, and asks for leave to use it";
    [("camera", Finding::ok(found))]
}

fn processor() -> Finding {
    let cores = rayon::current_num_threads();
    match kernels::Isa::from_environment() {
        Err(error) => {
            Finding::warning(error.to_string(), "unset the variable: the best instruction set is found by itself")
        }
        Ok(isa) if isa.name() == "portable" => {
            let found = format!("{cores} threads, no instruction set that the kernels know");
            Finding::warning(found, "works, but slowly; x86 processors with AVX2 (since about 2015) are far faster")
        }
        Ok(isa) => Finding::ok(format!("{cores} threads, {}", isa.name())),
    }
}

fn pack(global: &Global) -> Finding {
    let drawn = || -> anyhow::Result<String> {
        let pack = global.open_pack()?;
        let mirror = Mirror::new(&pack)?;
        let began = Instant::now();
        let picture = samples(mirror.painter(), 1, 1).next().map(|s| s.1);
        let took = began.elapsed();
        let picture = picture.filter(|p| p.data.iter().any(|v| *v != p.data[0]));
        let picture = picture.ok_or_else(|| anyhow::anyhow!("{}: draws nothing", pack.origin()))?;
        let (name, width, height) = (&pack.manifest().name, picture.width, picture.height);
        Ok(format!("\"{name}\", draws {width}x{height} pixels in {:.1} ms", took.as_secs_f64() * 1e3))
    };
    let hint = "`narcissus pack verify` says more; without --pack the built-in pack is used";
    drawn().map_or_else(|e| Finding::failure(crate::failures::one_line(&e), hint), Finding::ok)
}

fn port(port: u16) -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Finding::ok(format!("{port} is free")),
        Err(e) => Finding::failure(
            format!("{port}: {e}"),
            "stop the program that uses it (another mirror?), or choose another --port",
        ),
    }
}

/// Which graphics cards `--device gpu` could draw with.
fn cards() -> Finding {
    match crate::device::cards() {
        None => Finding::ok("this program was built without graphics cards: the CPU draws"),
        Some(cards) if cards.is_empty() => Finding::warning(
            "no graphics card that Vulkan, Metal or DirectX 12 knows: the CPU draws",
            "install the card's driver, if there is one; on Debian also mesa-vulkan-drivers",
        ),
        Some(cards) => Finding::ok(format!("--device gpu draws with the first: {}", cards.join("; "))),
    }
}

fn browser() -> Finding {
    match browser::find() {
        Some(path) => Finding::ok(path.display().to_string()),
        None => Finding::warning(
            "none found where they usually are",
            "install Chromium, Chrome, Edge or Firefox; `mirror` prints an address that any browser can open",
        ),
    }
}

fn ffmpeg() -> Finding {
    match host::ffmpeg() {
        Ok(command) => Finding::ok(command.get_program().display().to_string()),
        Err(_) => {
            Finding::warning("not in PATH", "install it from your system's packages or ffmpeg.org; only videos need it")
        }
    }
}
