//! Hours of trouble before the mirror: see `--help`.

#[path = "../../crates/cli/tests/browser/chromium.rs"]
#[allow(dead_code)]
mod chromium;
mod evidence;
#[path = "../../crates/cli/tests/browser/film.rs"]
#[allow(dead_code)]
mod film;
mod flood;
mod installation;
mod trouble;
mod verdict;

use anyhow::Context;
use clap::Parser;
use evidence::Evidence;
use installation::Installation;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use trouble::{Plan, Trouble};
use verdict::{Returns, Sample, Verdict};

/// From one sample of memory to the next.
const SAMPLE: Duration = Duration::from_secs(5);
/// A process has taken what it needs after so long.
const WARM_UP: Duration = Duration::from_secs(600);

/// Runs `narcissus mirror --kiosk` with a film of generated faces before the browser's camera, at its full rate, and makes trouble at
/// random: ends browser and mirror with kill -9, ends the camera, stops the mirror for 20 s, floods it with pages, fills the disk of
/// its log. The part of systemd is played by this program: it ends what is left of a mirror and starts it again half a second later.
///
/// Browser and mirror are killed within the first quarter; the rest shows, from ten minutes after the last kill on, whether
/// memory grows. Needs Linux and Chromium; filling the disk needs the right to mount.
#[derive(Parser)]
#[command(after_help = "Example:\n    target/release/soak --minutes 180 --seed 1 --out soak")]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Decides which trouble comes when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program that is tried
    #[arg(long, default_value = "target/release/narcissus")]
    program: PathBuf,
    /// A folder for curve.csv and for what the mirror says (stderr.log)
    #[arg(long, default_value = "soak")]
    out: PathBuf,
}

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The program that is tried.
fn narcissus() -> &'static Path {
    PROGRAM.get().map_or(Path::new("narcissus"), PathBuf::as_path)
}

fn main() -> ExitCode {
    match soak(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it and prints what held; whether everything did.
fn soak(arguments: &Arguments) -> anyhow::Result<bool> {
    let program = std::fs::canonicalize(&arguments.program);
    let program = program.with_context(|| {
        let name = arguments.program.display();
        format!("{name}: no such program; hint: cargo build --release, or --program")
    })?;
    PROGRAM.get_or_init(|| program);
    let chromium = chromium::installed().context("hint: install Chromium")?;
    std::fs::create_dir_all(&arguments.out)?;

    let films = tempfile::tempdir()?;
    let film = film::visitor(films.path());
    let mut installation = Installation::start(&chromium, &film, &arguments.out.join("stderr.log"))?;
    let verdict = run(arguments, &mut installation, &film)?;
    drop(installation);
    print!("{verdict}");
    Ok(verdict.holds())
}

/// Makes trouble until the time is over.
fn run(arguments: &Arguments, installation: &mut Installation, film: &Path) -> anyhow::Result<Verdict> {
    let mut curve = Curve::create(&arguments.out.join("curve.csv"))?;
    let mut evidence = Evidence::new(installation.home(), installation.log());
    let (mut returns, mut samples) = (Returns::default(), Vec::new());
    let whole = Duration::from_secs(60 * arguments.minutes);
    let mut plan = Plan::new(arguments.seed, whole);
    installation.wait_for_picture(Duration::from_secs(60)).context("no picture at the beginning")?;

    let began = Instant::now();
    let mut killed = Duration::ZERO;
    let mut next = plan.next(began.elapsed());
    while began.elapsed() < whole {
        // Quiet until the next trouble.
        while began.elapsed() < next.at.min(whole) {
            std::thread::sleep(SAMPLE.min(next.at.saturating_sub(began.elapsed())));
            let at = began.elapsed();
            let calm = plan.is_calm(at) && at >= killed + WARM_UP;
            let sample = Sample { at, calm, ..installation.sample() };
            curve.add(&sample, "")?;
            samples.push(sample);
        }

        if began.elapsed() < whole {
            let taken = make(next.trouble, installation, film).unwrap_or_else(|error| {
                eprintln!("{:?}: {error:#}", next.trouble);
                None
            });
            let sample = Sample { at: began.elapsed(), ..installation.sample() };
            curve.add(
                &sample,
                &format!(
                    "{:?}: {}",
                    next.trouble,
                    taken.map_or("never".into(), |t| format!("{:.1} s", t.as_secs_f64()))
                ),
            )?;
            if next.trouble.is_kill() {
                killed = began.elapsed();
            }
            returns.add(next.trouble, taken);
            evidence.gather();
            next = plan.next(began.elapsed());
        }
    }
    evidence.gather();
    Ok(Verdict { returns, samples, evidence, died: installation.died(), can_fill: installation.can_fill() })
}

/// Makes one kind of trouble; how long the picture took to come back, `None` if it did not.
fn make(trouble: Trouble, installation: &mut Installation, film: &Path) -> anyhow::Result<Option<Duration>> {
    // Since when the picture may be missed: since a kill, and since the end of what lasts.
    let mut since = Instant::now();
    match trouble {
        Trouble::KillBrowser => installation.kill_browser()?,
        Trouble::KillMirror => installation.kill_mirror()?,
        Trouble::EndCamera => installation.end_camera()?,
        Trouble::FillDisk => {
            let full = installation.fill_disk()?;
            flood::visits(installation.port(), 60);
            let taken = installation.wait_for_picture(2 * trouble.bound()).ok();
            drop(full);
            flood::visits(installation.port(), 5);
            return Ok(taken);
        }
        Trouble::Hang => {
            installation.hang(Duration::from_secs(20))?;
            since = Instant::now();
        }
        Trouble::Flood => {
            flood::pages(installation.port(), film, Duration::from_secs(10))?;
            since = Instant::now();
        }
    }
    // Twice as long as it may take: how late it is says more than that it is late.
    let back = installation.wait_for_picture(2 * trouble.bound() + Duration::from_secs(15));
    Ok(back.ok().map(|_| since.elapsed()))
}

/// The file with the curve of memory and what happened when.
struct Curve(File);

impl Curve {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::create(path).with_context(|| path.display().to_string())?;
        writeln!(file, "seconds,mirror_process,mirror_mb,browser_mb,pictures_per_second,event")?;
        Ok(Self(file))
    }

    fn add(&mut self, sample: &Sample, event: &str) -> anyhow::Result<()> {
        let Sample { at, process, mirror_mb, browser_mb, rate, .. } = sample;
        writeln!(self.0, "{},{process},{mirror_mb:.2},{browser_mb:.1},{rate:.1},{event}", at.as_secs())?;
        eprintln!(
            "{:>6} s  mirror {mirror_mb:.1} MB, browser {browser_mb:.0} MB, {rate:.1} pictures/s  {event}",
            at.as_secs()
        );
        Ok(())
    }
}
