//! `narcissus doctor`: what is missing on this computer, each with a cure.

use crate::options::Global;
use crate::{browser, output};
use mirror::engine::Mirror;
use mirror::generator::samples;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

/// Find out what is missing on this computer, and how to cure it.
///
/// Looks at the processor, the pack, the port, the browser, ffmpeg and the cameras. Each line begins with `ok`;
/// with `lack` where something is missing that the mirror can do without; or with `FAIL`. Ends with exit code 1
/// if anything failed.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n    narcissus doctor\n    narcissus doctor --pack my-pack --port 8000")]
pub struct DoctorArgs {
    /// The port that the mirror will use
    #[arg(long, default_value_t = 7860)]
    pub port: u16,
}

enum Finding {
    Fine(String),
    Lack { found: String, cure: &'static str },
    Fail { found: String, cure: &'static str },
}
use Finding::{Fail, Fine, Lack};

/// Runs it.
pub fn run(options: &DoctorArgs, global: &Global) -> anyhow::Result<()> {
    let findings = [
        ("processor", processor()),
        ("pack", pack(global)),
        ("port", port(options.port)),
        ("browser", browser()),
        ("ffmpeg", ffmpeg()),
        ("camera", camera()),
    ];
    let mut failed = Vec::new();
    for (name, finding) in findings {
        let (mark, found, cure) = match finding {
            Fine(found) => ("ok", found, None),
            Lack { found, cure } => ("lack", found, Some(cure)),
            Fail { found, cure } => {
                failed.push(name);
                ("FAIL", found, Some(cure))
            }
        };
        output::print_line(&format_args!("{mark:<5} {name:<10} {found}"))?;
        if let Some(cure) = cure {
            output::print_line(&format_args!("{:<16} cure: {cure}", ""))?;
        }
    }
    anyhow::ensure!(failed.is_empty(), "the mirror cannot work: {}", failed.join(", "));
    Ok(())
}

fn processor() -> Finding {
    let cores = rayon::current_num_threads();
    match kernels::Isa::from_environment() {
        Err(error) => {
            Lack { found: error.to_string(), cure: "unset the variable: the best instruction set is found by itself" }
        }
        Ok(isa) if isa.name() == "portable" => {
            let found = format!("{cores} threads, no instruction set that the kernels know");
            Lack { found, cure: "works, but slowly; x86 processors with AVX2 (since about 2015) are far faster" }
        }
        Ok(isa) => Fine(format!("{cores} threads, {}", isa.name())),
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
    drawn().map_or_else(
        |e| Fail {
            found: crate::failures::one_line(&e),
            cure: "`narcissus pack verify` says more; without --pack the built-in pack is used",
        },
        Fine,
    )
}

fn port(port: u16) -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Fine(format!("{port} is free")),
        Err(e) => Fail {
            found: format!("{port}: {e}"),
            cure: "stop the program that uses it (another mirror?), or choose another --port",
        },
    }
}

fn browser() -> Finding {
    match browser::find() {
        Some(path) => Fine(path.display().to_string()),
        None => Lack {
            found: "none found where they usually are".into(),
            cure: "install Chromium, Chrome, Edge or Firefox; `mirror` prints an address that any browser can open",
        },
    }
}

fn ffmpeg() -> Finding {
    match host::ffmpeg() {
        Ok(path) => Fine(path.display().to_string()),
        Err(_) => Lack {
            found: "not in PATH".into(),
            cure: "install it from your system's packages or ffmpeg.org; only videos need it",
        },
    }
}

#[cfg(target_os = "linux")]
fn camera() -> Finding {
    let names = std::fs::read_dir("/dev").into_iter().flatten().flatten().map(|e| e.path());
    let mut cameras: Vec<_> = names.filter(|p| p.to_string_lossy().starts_with("/dev/video")).collect();
    cameras.sort();
    let readable = cameras.iter().find(|p| std::fs::File::open(p).is_ok());
    match (readable, cameras.first()) {
        (Some(path), _) => Fine(path.display().to_string()),
        (None, Some(path)) => Lack {
            found: format!("{} may not be opened", path.display()),
            cure: "add yourself to the group `video` and log in again",
        },
        (None, None) => Lack {
            found: "none".into(),
            cure: "plug one in; pictures and videos (`mirror --source PATH`, `reflect`) work without one",
        },
    }
}

#[cfg(not(target_os = "linux"))]
fn camera() -> Finding {
    Fine("not looked for on this system: the browser finds it, and asks for leave to use it".into())
}
