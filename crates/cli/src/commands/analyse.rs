//! `narcissus analyse`: what the machine sees in pictures, in numbers.

use crate::options::Global;
use crate::output;
use camera::{Input, expand};
use frame::Image;
use mirror::engine::Eyes;
use mirror::face::attributes::GenderLabel;
use mirror::report::{Analysis, FaceReport};
use std::path::PathBuf;

/// Say what the machine sees in pictures, in numbers.
///
/// With --json one line a picture: {"input", "faces": [{"box": [x,y,w,h], "score", "confidence", "landmarks":
/// [[x,y] * 68], "pose": {"yaw","pitch","roll"}, "age": {"mean","low","high"}, "gender": {"label","female","male"},
/// "features": [...]}]}, in pixels of the picture; the label is female, male or unsure. A picture without a face has an
/// empty list. A file that is no picture is named on stderr, the others are still done, and the exit code is 1.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
    narcissus analyse me.jpg
    narcissus analyse portraits/ --json > portraits.jsonl
    narcissus analyse portraits/ --json | jq '.faces[0].age.mean'")]
pub struct AnalyseArgs {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// One line of JSON a picture, for other programs
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(options: &AnalyseArgs, global: &Global) -> anyhow::Result<()> {
    let inputs = expand(&options.paths);
    let eyes = Eyes::new(&global.open_pack()?)?;
    let progress = train::runs::bar(inputs.len() as u64, "inputs");
    let mut failures = crate::failures::Failures::default();
    for input in &inputs {
        let analysis = match input {
            Ok(Input::Picture(path)) => look(&eyes, path),
            Ok(Input::Video(path)) => Err(anyhow::anyhow!("{}: a video; hint: `reflect` takes videos", path.display())),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        match analysis {
            Ok(analysis) if options.json => output::print_line(&serde_json::to_string(&analysis)?)?,
            Ok(analysis) => output::print_line(&in_words(&analysis))?,
            Err(error) => drop(failures.add(error, inputs.len(), &progress)),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    failures.into_result(inputs.len())
}

fn look(eyes: &Eyes, path: &std::path::Path) -> anyhow::Result<Analysis> {
    let image = Image::load(path)?;
    Ok(Analysis::new(path.display().to_string(), &eyes.analyse(&image)?))
}

fn in_words(analysis: &Analysis) -> String {
    let face = |f: &FaceReport| {
        let [x, y, w, h] = f.rect;
        let gender = match f.gender.label {
            GenderLabel::Female => format!("female {:.0} %", f.gender.female * 100.0),
            GenderLabel::Male => format!("male {:.0} %", f.gender.male * 100.0),
            GenderLabel::Unsure => format!("gender unsure (female {:.0} %)", f.gender.female * 100.0),
        };
        format!(
            "\n    face of {w:.0}x{h:.0} pixels at ({x:.0}, {y:.0}), score {:.2}: age {:.0} ({:.0} to {:.0}), {gender}, \
             yaw {:.0}, pitch {:.0}, roll {:.0} degrees",
            f.score, f.age.mean, f.age.low, f.age.high, f.pose.yaw, f.pose.pitch, f.pose.roll
        )
    };
    let found = match analysis.faces.len() {
        0 => "no face".to_owned(),
        1 => "1 face".to_owned(),
        n => format!("{n} faces"),
    };
    format!("{}: {found}{}", analysis.input, analysis.faces.iter().map(face).collect::<String>())
}
