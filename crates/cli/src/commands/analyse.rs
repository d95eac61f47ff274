//! `narcissus analyse`: what the machine sees in pictures and videos, in numbers.

use crate::options::{Global, MountingArgs};
use crate::output;
use camera::{Input, TimedFrames, expand};
use frame::{Image, Mounting};
use mirror::engine::Eyes;
use mirror::face::attributes::GenderLabel;
use mirror::report::{Analysis, FaceReport};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use train::runs::Progress;

/// Say what the machine sees in pictures and videos, in numbers.
///
/// With --json one line a picture: {"input", "faces": [{"box": [x,y,w,h], "score", "confidence", "landmarks":
/// [[x,y] * 68], "pose": {"yaw","pitch","roll"}, "age": {"mean","low","high"}, "gender": {"label","female","male"},
/// "features": [...]}]}, in pixels of the picture; the label is female, male or unsure. A picture without a face has an
/// empty list. A video, or a moving GIF, WebP or PNG, gives a line a frame, with "frame" (from 0) and "seconds"; a video's frames are
/// shrunk until their shorter side has 480 pixels. Pictures and videos are turned as the camera was held. A file that cannot be used is named
/// on stderr and counted, the others are still done, and the exit code is 1.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus analyse me.jpg
    narcissus analyse portraits/ --json > portraits.jsonl
    narcissus analyse portraits/ --json | jq '.faces[0].age.mean'
    narcissus analyse dance.mp4 --every 25            one frame a second")]
pub struct AnalyseArgs {
    /// Pictures, videos, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// One line of JSON a picture, for other programs
    #[arg(long)]
    pub json: bool,
    /// Of a video, every Nth frame only
    #[arg(long, value_name = "N", default_value_t = NonZero::<usize>::MIN)]
    pub every: NonZero<usize>,
    #[command(flatten)]
    pub mounting: MountingArgs,
}

/// Runs it.
pub fn run(options: &AnalyseArgs, global: &Global) -> anyhow::Result<()> {
    let inputs = expand(&options.paths);
    let eyes = Eyes::new(&global.open_pack()?)?;
    let mounting = options.mounting.mounting(false);
    let progress = train::runs::bar(inputs.len() as u64, "inputs");
    let mut failures = crate::failures::Failures::default();
    for input in &inputs {
        let print = |analysis: &Analysis| match options.json {
            true => output::print_line(&serde_json::to_string(analysis)?),
            false => output::print_line(&in_words(analysis)),
        };
        let done = match input {
            Ok(Input::Picture(path)) => picture(&eyes, mounting, path).and_then(|analysis| print(&analysis)),
            Ok(Input::Video(path)) => video(&eyes, mounting, path, options.every, &progress, print),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        if let Err(error) = done {
            if error.is::<output::ReaderGone>() {
                return Err(error);
            }
            failures.add(error, inputs.len(), &progress);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    failures.into_result(inputs.len())
}

fn picture(eyes: &Eyes, mounting: Mounting, path: &Path) -> anyhow::Result<Analysis> {
    let image = mounting.apply(Image::load(path)?);
    Ok(Analysis::new(path.display().to_string(), &eyes.analyse(&image)?))
}

/// Prints every Nth frame. The frames are steps of the bar.
fn video(
    eyes: &Eyes,
    mounting: Mounting,
    path: &Path,
    every: NonZero<usize>,
    progress: &Progress,
    print: impl Fn(&Analysis) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut frames = TimedFrames::open(path)?;
    let info = frames.info();
    progress.inc_length(info.and_then(|info| info.frames).unwrap_or(0) as u64);
    if let Some(caveat) = info.and_then(|info| info.caveat) {
        progress.say(format!("{}: {caveat}", path.display()));
    }
    let mut frame = 0;
    while let Some((image, seconds)) = frames.next_frame()? {
        if frame % every.get() == 0 {
            let seen = eyes.analyse(&mounting.apply(image))?;
            print(&Analysis::new(path.display().to_string(), &seen).of_frame(frame, seconds))?;
        }
        frame += 1;
        progress.inc(1);
    }
    Ok(())
}

fn in_words(analysis: &Analysis) -> String {
    let face = |f: &FaceReport| {
        let [x, y, w, h] = f.rect;
        let age = f.age.map(|age| format!("age {:.0} ({:.0} to {:.0}), ", age.mean, age.low, age.high));
        let gender = f.gender.map(|gender| match gender.label {
            GenderLabel::Female => format!("female {:.0} %, ", gender.female * 100.0),
            GenderLabel::Male => format!("male {:.0} %, ", gender.male * 100.0),
            GenderLabel::Unsure => format!("gender unsure (female {:.0} %), ", gender.female * 100.0),
        });
        format!(
            "\n    face of {w:.0}x{h:.0} pixels at ({x:.0}, {y:.0}), score {:.2}: {}{}yaw {:.0}, pitch {:.0}, roll {:.0} degrees",
            f.score,
            age.unwrap_or_default(),
            gender.unwrap_or_default(),
            f.pose.yaw,
            f.pose.pitch,
            f.pose.roll
        )
    };
    let found = match analysis.faces.len() {
        0 => "no face".to_owned(),
        1 => "1 face".to_owned(),
        n => format!("{n} faces"),
    };
    let at = analysis.seconds.map_or(String::new(), |seconds| format!(", {seconds:.2} s"));
    format!("{}{at}: {found}{}", analysis.input, analysis.faces.iter().map(face).collect::<String>())
}
