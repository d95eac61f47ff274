//! Measures age and gender on 1,500 faces of all ages and origins (UTKFace), none of them in the archive.
//!
//! The labels are UTKFace's own: a binary gender, an age that was itself estimated for many, and five groups by
//! which that data set sorts people. The groups are here to show for whom the net works worse, nothing else. The
//! archive holds nobody under 25, so gender is judged from 20 years on, age from 30 on (and for all).

use super::interval::{interval, mean};
use crate::data::data_root;
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::align::{Similarity, portrait_crop};
use mirror::face::attributes::{AttributeNet, Attributes, GenderLabel};
use mirror::face::landmarks::{LandmarkNet, crop_of_box};
use mirror::face::{Landmarks, Rect};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `eval`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Weights of the net.
    #[arg(long, default_value = "packs/congress/attributes.safetensors")]
    weights: PathBuf,
    /// Weights of the landmark net that aligns the faces.
    #[arg(long, default_value = "packs/congress/landmarks.safetensors")]
    landmarks: PathBuf,
    /// Takes every face to lie in the middle of its picture instead.
    #[arg(long)]
    centre: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// The faces lie about here in the 200 x 200 crops of UTKFace.
const FACE: Rect = Rect { x: 32.0, y: 8.0, w: 136.0, h: 178.0 };
/// Eyes and mouth of such a face.
const ANCHORS: [[f32; 2]; 3] = [[65.0, 72.0], [135.0, 72.0], [100.0, 145.0]];
/// The names that UTKFace gives its groups 0 to 4.
const GROUPS: [&str; 5] = ["white", "black", "asian", "indian", "other"];

#[derive(Clone, Debug)]
struct Case {
    age: f32,
    female: bool,
    group: usize,
    guess: Attributes,
}

/// One figure of some cases.
struct Figure {
    name: String,
    cases: usize,
    value: f32,
    interval: (f32, f32),
}

impl Figure {
    fn of(name: String, cases: &[Case], wanted: impl Fn(&Case) -> bool, value: impl Fn(&Case) -> f32) -> Self {
        let values: Vec<f32> = cases.iter().filter(|c| wanted(c)).map(value).collect();
        Self { name, cases: values.len(), value: mean(&values), interval: interval(&values, mean) }
    }
}

/// Measures and prints.
///
/// # Errors
/// If weights or data cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let folder = data_root(options.data.as_deref())?.join("eval");
    let net =
        AttributeNet::from_weights(&read(&options.weights)?).with_context(|| options.weights.display().to_string())?;
    let landmarks = if options.centre {
        None
    } else {
        let path = &options.landmarks;
        Some(LandmarkNet::from_weights(&read(path)?).with_context(|| path.display().to_string())?)
    };
    let table = read_table(&folder.join("age-gender.csv"))?;
    let cases = table.par_iter().map(|row| {
        let image = Image::load(&folder.join("age-gender").join(&row.file))?;
        let crop = landmarks.as_ref().and_then(|net| portrait_crop(&found(net, &image)));
        let crop = crop.or_else(|| portrait_crop(&centred())).unwrap_or(Similarity::IDENTITY);
        let guess = net.estimate_in(&image, &crop);
        anyhow::Ok(Case { age: row.age, female: row.female, group: row.group, guess })
    });
    let cases = cases.collect::<Result<Vec<_>>>()?;
    anyhow::ensure!(!cases.is_empty(), "no faces to measure on");
    report(options, &figures(&cases));
    Ok(())
}

fn found(net: &LandmarkNet, image: &Image) -> Landmarks {
    net.locate_from(image, crop_of_box(&FACE)).landmarks
}

/// Landmarks with eyes and mouth where [`ANCHORS`] has them.
fn centred() -> Landmarks {
    let at = |i: usize| match i {
        36..42 => ANCHORS[0],
        42..48 => ANCHORS[1],
        _ => ANCHORS[2],
    };
    Landmarks { points: std::array::from_fn(at) }
}

fn right(c: &Case) -> f32 {
    f32::from(u8::from((c.guess.female > 0.5) == c.female))
}

fn confidence(c: &Case) -> f32 {
    c.guess.female.max(1.0 - c.guess.female)
}

/// Whether it is sure enough to name a gender.
fn named(c: &Case) -> bool {
    c.guess.gender() != GenderLabel::Unsure
}

fn off(c: &Case) -> f32 {
    (c.guess.age.mean - c.age).abs()
}

fn bias(c: &Case) -> f32 {
    c.guess.age.mean - c.age
}

fn inside(c: &Case) -> f32 {
    f32::from(u8::from((c.guess.age.low..=c.guess.age.high).contains(&c.age)))
}

fn figures(cases: &[Case]) -> Vec<Figure> {
    let adult = |c: &Case| c.age >= 20.0;
    let grown = |c: &Case| c.age >= 30.0;
    let mut all = vec![
        Figure::of("gender right, age >= 20".into(), cases, adult, right),
        Figure::of("gender confidence, age >= 20".into(), cases, adult, confidence),
        Figure::of("gender named, age >= 20".into(), cases, adult, |c| f32::from(u8::from(named(c)))),
        Figure::of("gender right where named, age >= 20".into(), cases, |c| adult(c) && named(c), right),
        Figure::of("age error, age >= 30".into(), cases, grown, off),
        Figure::of("age error, all".into(), cases, |_| true, off),
        Figure::of("age bias, age >= 30".into(), cases, grown, bias),
        Figure::of("age within its 80 % interval, age >= 30".into(), cases, grown, inside),
    ];
    for (name, female) in [("women", true), ("men", false)] {
        all.push(Figure::of(
            format!("gender right, age >= 20, {name}"),
            cases,
            |c| adult(c) && c.female == female,
            right,
        ));
        all.push(Figure::of(format!("age error, age >= 30, {name}"), cases, |c| grown(c) && c.female == female, off));
    }
    for (group, name) in GROUPS.iter().enumerate() {
        all.push(Figure::of(
            format!("gender right, age >= 20, group {name}"),
            cases,
            |c| adult(c) && c.group == group,
            right,
        ));
        all.push(Figure::of(
            format!("age error, age >= 30, group {name}"),
            cases,
            |c| grown(c) && c.group == group,
            off,
        ));
    }
    for decade in 0..10 {
        let within = |c: &Case| (c.age / 10.0) as usize == decade || (decade == 9 && c.age >= 90.0);
        let name =
            if decade == 9 { "90 and over".to_owned() } else { format!("{} to {}", 10 * decade, 10 * decade + 9) };
        all.push(Figure::of(format!("gender right, {name}"), cases, within, right));
        all.push(Figure::of(format!("age error, {name}"), cases, within, off));
        all.push(Figure::of(format!("age bias, {name}"), cases, within, bias));
    }
    all.retain(|f| f.cases > 0);
    all
}

fn report(options: &Options, figures: &[Figure]) {
    let alignment = if options.centre { "centre" } else { "landmarks" };
    if options.json {
        let by_name: BTreeMap<&str, _> = figures
            .iter()
            .map(|f| (f.name.as_str(), serde_json::json!({ "cases": f.cases, "value": f.value, "low": f.interval.0, "high": f.interval.1 })))
            .collect();
        println!("{}", serde_json::json!({ "alignment": alignment, "figures": by_name }));
    } else {
        println!("alignment: {alignment}");
        for f in figures {
            println!(
                "{:44} {:5} faces {:7.3}  (95 %: {:.3} to {:.3})",
                f.name, f.cases, f.value, f.interval.0, f.interval.1
            );
        }
    }
}

struct Row {
    file: String,
    age: f32,
    female: bool,
    group: usize,
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn read_table(path: &Path) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let rows = reader.deserialize::<(String, f32, String, usize)>().enumerate().map(|(i, row)| {
        let (file, age, gender, group) = row.with_context(|| format!("{}, row {}", path.display(), i + 2))?;
        Ok(Row { file, age, female: gender == "F", group })
    });
    rows.collect()
}
