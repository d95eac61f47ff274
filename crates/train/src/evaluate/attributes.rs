//! Measures age and gender on 1,500 faces of all ages and origins (UTKFace), none of them in the archive.
//!
//! The labels are UTKFace's own: a binary gender, an age that was itself estimated for many, and five groups by
//! which that data set sorts people. The groups are here to show for whom the net works worse, nothing else. The
//! archive holds nobody under 25, so gender is judged from 20 years on, age from 30 on (and for all).

use super::open;
use crate::data::{Gender, Table, read_most};
use crate::runs::data_root;
use crate::statistics::{interval, mean};
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::align::{Similarity, portrait_crop};
use mirror::face::attributes::{AttributeNet, Attributes, GenderLabel};
use mirror::face::landmarks::{LandmarkNet, crop_of_box};
use mirror::face::{Landmarks, Rect};
use mirror::pack::{Net, Pack};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is measured, and how the faces are aligned.
#[derive(Clone, Debug)]
pub struct AttributeEvaluation {
    /// Folder with `eval`; `None`: see [`data_root`].
    pub data: Option<PathBuf>,
    /// Other weights than the pack's.
    pub weights: Option<PathBuf>,
    /// Other weights than the pack's for the landmark net that aligns the faces.
    pub landmarks: Option<PathBuf>,
    /// Takes every face to lie in the middle of its picture instead.
    pub centre: bool,
}

/// All figures of an age and gender net.
#[derive(Debug)]
pub struct AttributeReport {
    /// How the faces were aligned: `landmarks` or `centre`.
    pub alignment: &'static str,
    /// In the order in which people read them.
    pub figures: Vec<AttributeFigure>,
}

/// One figure of some faces.
#[derive(Debug)]
pub struct AttributeFigure {
    /// Such as `age error, 50 to 59`.
    pub name: String,
    /// Faces that it is of.
    pub cases: usize,
    /// The figure.
    pub value: f32,
    /// Its 95 % interval.
    pub interval: (f32, f32),
}

impl Serialize for AttributeReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let figure = |f: &AttributeFigure| {
            let AttributeFigure { name, cases, value, interval: (low, high) } = f;
            (name.clone(), serde_json::json!({ "cases": cases, "value": value, "low": low, "high": high }))
        };
        let by_name: BTreeMap<String, _> = self.figures.iter().map(figure).collect();
        serde_json::json!({ "alignment": self.alignment, "figures": by_name }).serialize(serializer)
    }
}

impl fmt::Display for AttributeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alignment: {}", self.alignment)?;
        for AttributeFigure { name, cases, value, interval: (low, high) } in &self.figures {
            write!(f, "\n{name:44} {cases:5} faces {value:7.3}  (95 %: {low:.3} to {high:.3})")?;
        }
        Ok(())
    }
}

/// The faces lie about here in the 200 x 200 crops of UTKFace.
const FACE: Rect = Rect { x: 32.0, y: 8.0, w: 136.0, h: 178.0 };
/// Eyes and mouth of such a face.
const ANCHORS: [[f32; 2]; 3] = [[65.0, 72.0], [135.0, 72.0], [100.0, 145.0]];
/// The names that UTKFace gives its groups 0 to 4.
const GROUPS: [&str; 5] = ["white", "black", "asian", "indian", "other"];

/// A face, what is known of it and what the net says.
#[derive(Clone, Debug)]
struct Case {
    age: f32,
    female: bool,
    group: usize,
    guess: Attributes,
}

impl AttributeFigure {
    fn of(name: String, cases: &[Case], wanted: impl Fn(&Case) -> bool, value: impl Fn(&Case) -> f32) -> Self {
        let values: Vec<f32> = cases.iter().filter(|c| wanted(c)).map(value).collect();
        Self { name, cases: values.len(), value: mean(&values), interval: interval(&values, mean) }
    }
}

/// Measures.
///
/// # Errors
/// If weights or data cannot be read.
pub fn run(pack: &Pack, options: &AttributeEvaluation) -> Result<AttributeReport> {
    let folder = data_root(options.data.as_deref())?.join("eval");
    let net = open(pack, Net::Attributes, options.weights.as_deref(), AttributeNet::from_weights)?;
    let landmarks = if options.centre {
        None
    } else {
        Some(open(pack, Net::Landmarks, options.landmarks.as_deref(), LandmarkNet::from_weights)?)
    };

    let table = read_table(&folder.join("age-gender.csv"))?;
    let cases = read_most("faces", table, |row| {
        let image = Image::load(&folder.join("age-gender").join(&row.file))?;
        let crop = landmarks.as_ref().and_then(|net| portrait_crop(&found(net, &image)));
        let crop = crop.or_else(|| portrait_crop(&centred())).unwrap_or(Similarity::IDENTITY);
        let guess = net.estimate_in(&image, &crop);
        Ok(Case { age: row.age, female: row.female, group: row.group, guess })
    })?;
    anyhow::ensure!(!cases.is_empty(), "no faces to measure on");
    let alignment = if options.centre { "centre" } else { "landmarks" };
    Ok(AttributeReport { alignment, figures: figures(&cases) })
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

fn figures(cases: &[Case]) -> Vec<AttributeFigure> {
    let adult = |c: &Case| c.age >= 20.0;
    let grown = |c: &Case| c.age >= 30.0;
    let mut all = vec![
        AttributeFigure::of("gender right, age >= 20".into(), cases, adult, right),
        AttributeFigure::of("gender confidence, age >= 20".into(), cases, adult, confidence),
        AttributeFigure::of("gender named, age >= 20".into(), cases, adult, |c| f32::from(u8::from(named(c)))),
        AttributeFigure::of("gender right where named, age >= 20".into(), cases, |c| adult(c) && named(c), right),
        AttributeFigure::of("age error, age >= 30".into(), cases, grown, off),
        AttributeFigure::of("age error, all".into(), cases, |_| true, off),
        AttributeFigure::of("age bias, age >= 30".into(), cases, grown, bias),
        AttributeFigure::of("age within its 80 % interval, age >= 30".into(), cases, grown, inside),
    ];

    // For whom it works worse.
    for (name, female) in [("women", true), ("men", false)] {
        all.push(AttributeFigure::of(
            format!("gender right, age >= 20, {name}"),
            cases,
            |c| adult(c) && c.female == female,
            right,
        ));
        all.push(AttributeFigure::of(
            format!("age error, age >= 30, {name}"),
            cases,
            |c| grown(c) && c.female == female,
            off,
        ));
    }
    for (group, name) in GROUPS.iter().enumerate() {
        all.push(AttributeFigure::of(
            format!("gender right, age >= 20, group {name}"),
            cases,
            |c| adult(c) && c.group == group,
            right,
        ));
        all.push(AttributeFigure::of(
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
        all.push(AttributeFigure::of(format!("gender right, {name}"), cases, within, right));
        all.push(AttributeFigure::of(format!("age error, {name}"), cases, within, off));
        all.push(AttributeFigure::of(format!("age bias, {name}"), cases, within, bias));
    }
    all.retain(|f| f.cases > 0);
    all
}

/// A row of the table of faces.
struct LabelledFace {
    file: String,
    age: f32,
    female: bool,
    group: usize,
}

fn read_table(path: &Path) -> Result<Vec<LabelledFace>> {
    let table = Table::read(path, &["file", "age", "gender", "utk_group"])?;
    let rows = table.rows().map(|row| {
        let gender = row.gender()?.with_context(|| format!("{}: column \"gender\" is empty", row.place()))?;
        Ok(LabelledFace {
            file: row.needed_text("file")?.to_owned(),
            age: row.needed_number("age")?,
            female: gender == Gender::Female,
            group: row.needed_number("utk_group")? as usize,
        })
    });
    rows.collect()
}
