//! `narcissus mirror`: the live mirror.

use crate::arguments::{Drawing, Global};
use crate::{browser, output};
use anyhow::Context;
use camera::{Input, expand};
use display::server::{Answer, Reflector, serve};
use frame::Image;
use mirror::engine::{Mirror, nearest};
use mirror::inverter::Dial;
use mirror::motion::Motion;
use mirror::report::Analysis;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// The live mirror: a page for the browser, camera in, reflection out.
///
/// Prints the address and serves until it is interrupted, to this computer only. The browser asks for leave to use
/// the camera. No frame is stored or sent anywhere. GET /healthz says whether it lives, /metrics what it has done.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus mirror                          then open http://127.0.0.1:7860
    narcissus mirror --kiosk                  fills the screen with it
    narcissus mirror --source portraits/      pictures stand in for the camera, a few seconds each")]
pub struct Options {
    /// Who stands before the mirror: `browser` (its camera), or a picture or a folder of them
    #[arg(long, default_value = "browser", value_name = "browser|PATH")]
    pub source: String,
    /// The port of the page; 0 takes any that is free
    #[arg(long, default_value_t = 7860)]
    pub port: u16,
    /// Also start a browser that fills the screen with the page
    #[arg(long)]
    pub kiosk: bool,
    #[command(flatten)]
    pub drawing: Drawing,
}

/// Runs it.
pub fn run(options: &Options, global: &Global) -> anyhow::Result<()> {
    let pictures = stand_ins(&options.source)?;
    let kiosk = options.kiosk.then(|| {
        browser::find().context("no browser found to fill the screen; hint: `narcissus doctor` names those that do")
    });
    let kiosk = kiosk.transpose()?;
    let mirror = Mirror::with_precision(&super::open_pack(global)?, options.drawing.precision()?)?;
    let live = Live { mirror, pictures, next: Mutex::new(0), motion: Mutex::default(), began: Instant::now() };
    let mut announced = Ok(());
    serve(options.port, live, |address| {
        announced = output::print_line(&format_args!("the mirror is at http://{address}"));
        if let Some(browser) = kiosk {
            // The page then begins by itself: nobody is there to press its button.
            fill_screen(&browser, &format!("http://{address}/#kiosk"));
        }
    })?;
    announced
}

/// The pictures of `--source PATH`; none for the browser's camera.
fn stand_ins(source: &str) -> anyhow::Result<Vec<PathBuf>> {
    if source == "browser" {
        return Ok(Vec::new());
    }
    anyhow::ensure!(
        !source.starts_with("camera:"),
        "{source}: this build reads no camera itself; hint: `--source browser` uses the browser's"
    );
    let path = PathBuf::from(source);
    anyhow::ensure!(path.exists(), "{source}: no such file or folder");
    let found = expand(&[path]).into_iter().collect::<Result<Vec<Input>, _>>()?;
    let pictures = found.into_iter().filter_map(|input| match input {
        Input::Picture(path) => Some(path),
        Input::Video(_) => None,
    });
    let pictures: Vec<PathBuf> = pictures.collect();
    anyhow::ensure!(!pictures.is_empty(), "{source}: only videos; hint: `reflect` takes videos");
    Ok(pictures)
}

/// Starts the browser. That it ends says nothing: where one runs already, it only hands the address over.
fn fill_screen(browser: &std::path::Path, address: &str) {
    if let Err(error) = std::process::Command::new(browser).arg("--kiosk").arg(address).spawn() {
        eprintln!("warning: {}: {error}; the mirror goes on without a window", browser.display());
    }
}

struct Live {
    mirror: Mirror,
    pictures: Vec<PathBuf>,
    next: Mutex<usize>,
    motion: Mutex<Motion>,
    began: Instant,
}

impl Reflector for Live {
    fn reflect(&self, picture: &Image) -> Result<Answer, String> {
        let seen = self.mirror.look(picture).map_err(|e| e.to_string())?;
        let words = serde_json::to_string(&Analysis::new("live", &seen)).map_err(|e| e.to_string())?;
        let mut motion = self.motion.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let reflection =
            self.mirror.follow_viewer(nearest(seen), &mut motion, &Dial::default(), self.began.elapsed().as_secs_f64());
        let reflection = reflection.map(|r| r.image);
        Ok(Answer { reflection, seen: words })
    }

    /// The next picture that can be read; others are passed over, so that one bad file does not stop the show.
    fn next_viewer(&self) -> Option<Vec<u8>> {
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (0..self.pictures.len()).find_map(|_| {
            let path = &self.pictures[*next % self.pictures.len()];
            *next = (*next + 1) % self.pictures.len();
            match Image::load(path).map(|picture| display::to_jpeg(&picture, 92)) {
                Ok(Ok(jpeg)) => Some(jpeg),
                Ok(Err(error)) => {
                    eprintln!("error: {}: {error}", path.display());
                    None
                }
                Err(error) => {
                    eprintln!("error: {error}");
                    None
                }
            }
        })
    }
}
