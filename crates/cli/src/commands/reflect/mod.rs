//! `narcissus reflect`: the reflections of pictures and videos.

mod film;

use crate::options::{Drawing, Global, MountingArgs, SelectionArgs, Size, Switch, build_mirror};
use crate::output::OutputDir;
use camera::{Input, expand};
use display::{ContactSheet, VideoWriter, fitted, side_by_side};
use frame::{Image, Mounting};
use mirror::archive::Neighbour;
use mirror::engine::{Mirror, nearest};
use mirror::features::{Group, Measures};
use mirror::inverter::FeatureSelection;
use mirror::report::FaceReport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use train::runs::bar;

/// Draw the reflections of pictures and videos.
///
/// Per picture NAME.reflection.png; of all of them contact-sheet.png (viewer | reflection) and reflections.jsonl, a
/// line a picture: {"input", "faces", "reflection", "viewer", "survived", "kept", "distance", "latent", "nearest"}. "viewer" is what
/// the machine saw (as in `analyse`), "survived" what it sees in its own reflection, "kept" how much of each group of features that is:
/// 1 all, 0 as much as an average face keeps; "nearest" the three members of the pack's archive whose measured numbers lie nearest, and how near. A picture without a face has no
/// reflection, and the line says so. Of several people the nearest is reflected. A video, or a moving GIF, WebP
/// or PNG, becomes NAME.reflection.mp4, viewer and reflection side by side, with its sound; that needs ffmpeg. Pictures and videos are
/// turned as the camera was held. A file that cannot be used is named on stderr and counted, the others are still done, and the exit
/// code is 1.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus reflect me.jpg --out out
    narcissus reflect portraits/ --out out
    narcissus reflect dance.mp4 --out out
    narcissus reflect dance.mp4 --rotate 90 --out out      a camera that hung on its side
    narcissus reflect me.jpg --features 8 --out out        by the eight numbers that say most
    narcissus reflect portraits/ --video --out out     also all of them as a film, a second each")]
pub struct ReflectArgs {
    /// Pictures, videos, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The folder for the results; made if need be
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Also reflections.mp4: the pictures, a second each, viewer and reflection side by side
    #[arg(long)]
    pub video: bool,
    /// Whether the members of the archive are named whom somebody lies nearest to
    #[arg(long, value_name = "ON|OFF", default_value = "on", hide_possible_values = true)]
    pub names: Switch,
    #[command(flatten)]
    pub mounting: MountingArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub drawing: Drawing,
    #[command(flatten)]
    pub size: Size,
}

/// A line of reflections.jsonl.
#[derive(Default, Serialize)]
struct Line {
    /// The picture, as it was named.
    input: String,
    /// Faces in it.
    faces: usize,
    /// The file of the reflection, `null` without a face.
    reflection: Option<String>,
    /// What the machine saw of the viewer.
    viewer: Option<FaceReport>,
    /// What it sees in its own reflection of them.
    survived: Option<FaceReport>,
    /// Of each group of features, how much came back: 1 all, 0 what an average face keeps.
    kept: Option<BTreeMap<Group, f32>>,
    /// How far the viewer is from the faces that the generator knows.
    distance: Option<f32>,
    /// Where the mirror puts them in the space of faces.
    latent: Option<Vec<f32>>,
    /// The members of the archive whom the viewer lies nearest to, the nearest first; `null` where the pack has no archive.
    nearest: Option<Vec<Neighbour>>,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How everything is reflected.
struct Reflector {
    mirror: Arc<Mirror>,
    selection: FeatureSelection,
    mounting: Mounting,
}

/// Runs it.
pub fn run(options: &ReflectArgs, global: &Global) -> anyhow::Result<()> {
    let inputs = expand(&options.paths);
    if options.video {
        // Before any work.
        host::ffmpeg()?;
    }
    let mut out = OutputDir::open(&options.out)?;
    let reflector = Reflector {
        mirror: Arc::new(build_mirror(
            &global.open_pack()?,
            &options.drawing,
            &options.size,
            Measures::default(),
            Some(options.names == Switch::On),
        )?),
        selection: options.selection.selection(),
        mounting: options.mounting.mounting(false),
    };
    let progress = bar(inputs.len() as u64, "inputs");
    let (mut sheet, mut lines) = (ContactSheet::new(), String::new());
    // A square for the viewer, a square for the reflection.
    let side = film::height(&reflector.mirror);
    let film = options.video.then(|| VideoWriter::create(&out.file("reflections.mp4"), [2 * side, side], "1", None));
    let mut film = film.transpose()?;
    let (mut reflected, mut failures) = (0, crate::failures::Failures::default());
    for input in &inputs {
        let result = match input {
            Ok(Input::Picture(path)) => picture(&reflector, path, &mut out, &mut sheet, film.as_mut()),
            Ok(Input::Video(path)) => film::write(&reflector, path, &mut out, &progress).map(|name| Line {
                input: path.display().to_string(),
                reflection: Some(name),
                ..Line::default()
            }),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        let line = result.unwrap_or_else(|error| {
            let error = failures.add(error, inputs.len(), &progress);
            let input = input.as_ref().map_or(String::new(), |i| i.path().display().to_string());
            Line { input, error: Some(error), ..Line::default() }
        });
        if line.error.is_none() && line.reflection.is_none() {
            progress.say(format!("{}: no face", line.input));
        }
        reflected += usize::from(line.reflection.is_some());
        if global.verbose > 0
            && let Some(name) = &line.reflection
        {
            progress.say(format!("{} -> {name}", line.input));
        }
        lines += &serde_json::to_string(&line)?;
        lines.push('\n');
        progress.inc(1);
    }
    progress.finish_and_clear();
    if failures.count() < inputs.len() {
        out.write("reflections.jsonl", lines.as_bytes())?;
        if !sheet.is_empty() {
            sheet.draw().save(&out.file("contact-sheet.png"))?;
        }
        if let Some(film) = film {
            film.finish()?;
        }
        eprintln!("{reflected} of {} reflected, in {}", inputs.len(), options.out.display());
    }
    failures.into_result(inputs.len())
}

fn picture(
    Reflector { mirror, selection, mounting }: &Reflector,
    path: &Path,
    out: &mut OutputDir,
    sheet: &mut ContactSheet,
    film: Option<&mut VideoWriter>,
) -> anyhow::Result<Line> {
    let image = mounting.apply(Image::load(path)?);
    let input = path.display().to_string();
    let observations = mirror.eyes().analyse(&image)?;
    let faces = observations.len();
    let reflection = nearest(observations).map(|viewer| mirror.reflect_viewer(viewer, selection));
    let drawn = reflection.as_ref().map(|r| &r.image);
    if let Some(film) = film {
        film.write(&side_by_side(&fitted(&image, film::height(mirror)), drawn))?;
    }
    let Some(reflection) = reflection else {
        sheet.add(&image, None, &[]);
        return Ok(Line { input, ..Line::default() });
    };
    let name = out.name_for(path, "reflection.png");
    reflection.image.save(&out.file(&name))?;
    let survived = mirror.eyes().analyse_reflection(&reflection.image)?;
    let kept = survived.as_ref().map(|s| mirror.inverter().kept(&reflection.viewer.features, &s.features));
    let bars: Vec<(&str, f32)> = kept.iter().flatten().map(|(group, kept)| (group.name(), *kept)).collect();
    sheet.add(&image, Some(&reflection.image), &bars);
    Ok(Line {
        input,
        faces,
        reflection: Some(name),
        viewer: Some(FaceReport::from(&reflection.viewer)),
        kept,
        survived: survived.as_ref().map(FaceReport::from),
        distance: Some(mirror.inverter().distance_from_archive(&reflection.viewer.features)),
        latent: Some(reflection.latent.as_slice().to_vec()),
        nearest: mirror.reader().atlas().map(|atlas| atlas.locate(&atlas.scores(&reflection.viewer.features)).nearest),
        error: None,
    })
}
