//! Measures the detector, together with the landmark net that confirms what it finds: faces found in photographs of
//! strangers, faces seen where there are none, a crowd.
//!
//! No photograph here was trained on. The true boxes of `eval/landmarks` are made from the hand-checked points, by
//! the proportions that the teacher's boxes have on the portraits; those of the crowd are a detector's opinion.

use super::skin;
use crate::data::{data_root, load_negatives, numbers};
use anyhow::{Context, Result};
use frame::Image;
use mirror::engine::is_face;
use mirror::face::detector::Detector;
use mirror::face::landmarks::LandmarkNet;
use mirror::face::{Face, Landmarks, Rect};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A face is found when a box overlaps the true one by this much (intersection over union).
const FOUND_IOU: f32 = 0.5;

/// Medians over 4,541 portraits of the teacher's boxes, in distances from between the eyes to the mouth: how far
/// the box's centre lies along that way, and the box's width and height.
const BOX_CENTRE: f32 = 0.286;
const BOX_SIZE: [f32; 2] = [2.04, 2.78];

/// Command-line options.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folder with `eval` and `negatives` [default: $NARCISSUS_DATA or ../shared/data]
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Weights of the net
    #[arg(long, default_value = "packs/congress/detector.safetensors")]
    pub weights: PathBuf,
    /// Weights of the landmark net, which confirms what the detector found
    #[arg(long, default_value = "packs/congress/landmarks.safetensors")]
    pub landmarks: PathBuf,
    /// Measures the detector alone: what it finds needs no confirmation
    #[arg(long)]
    pub alone: bool,
    /// Another score than the weights' own from which on a face is a face
    #[arg(long)]
    pub threshold: Option<f32>,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
    /// Writes the photographs in which something went wrong into this folder: green true, yellow found, red false
    #[arg(long, value_name = "DIR")]
    pub failures: Option<PathBuf>,
}

/// A share of cases, with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Share {
    /// Cases for which it holds.
    pub count: usize,
    /// Cases in all.
    pub of: usize,
    /// `count / of`.
    pub share: f64,
    /// Lower end of the interval (Wilson).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Share {
    /// Wilson's score interval at 95 %; the whole of [0, 1] without cases.
    pub fn new(count: usize, of: usize) -> Self {
        let (k, n, z) = (count as f64, of as f64, 1.96f64);
        if of == 0 {
            return Self { count, of, share: 0.0, low: 0.0, high: 1.0 };
        }
        let p = k / n;
        let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        Self { count, of, share: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [share, low, high] = [self.share, self.low, self.high].map(|v| 100.0 * v);
        write!(f, "{share:.1} % [{low:.1}, {high:.1}] ({} of {})", self.count, self.of)
    }
}

/// All figures.
#[derive(Debug, Serialize)]
struct Figures {
    threshold: f32,
    /// Hand-checked faces whose box was found.
    landmarks_recall: Share,
    /// Hand-checked faces with the centre of a found box, of half to twice the size, within them.
    landmarks_recall_centre: Share,
    /// The same by the lightness of their skin in the picture.
    landmarks_recall_by_skin: BTreeMap<&'static str, Share>,
    /// Mean overlap of the found ones.
    landmarks_mean_iou: f32,
    /// Portraits of visitors in which a face was found.
    visitors_recall: Share,
    /// And more than one, though each shows one person.
    visitors_with_several: Share,
    /// Held-out photographs without faces in which one was found.
    negatives_with_faces: Share,
    /// Faces found in them, a photograph.
    false_faces_per_negative: f32,
    /// Faces of the crowd that were found.
    crowd_recall: Share,
    /// Found faces of the crowd that are faces.
    crowd_precision: Share,
}

/// One photograph, what is in it and what was found.
struct Case {
    name: String,
    image: Image,
    truth: Vec<Rect>,
    found: Vec<Face>,
}

/// Measures and prints.
///
/// # Errors
/// If weights or data cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let root = data_root(options.data.as_deref())?;
    let eval = root.join("eval");
    let bytes = std::fs::read(&options.weights).with_context(|| options.weights.display().to_string())?;
    let mut detector = Detector::from_weights(&bytes).with_context(|| options.weights.display().to_string())?;
    if let Some(threshold) = options.threshold {
        detector = detector.with_threshold(threshold);
    }
    let confirm = match options.alone {
        true => None,
        false => {
            let name = || options.landmarks.display().to_string();
            let bytes = std::fs::read(&options.landmarks).with_context(name)?;
            Some(LandmarkNet::from_weights(&bytes).with_context(name)?)
        }
    };
    let see = |name: String, image: Image, truth: Vec<Rect>| {
        let mut found = detector.detect(&image);
        if let Some(net) = &confirm {
            let confirmed = |face: &Face| is_face(face.score, net.locate(&image, face).confidence);
            found.retain(confirmed);
        }
        Case { name, image, truth, found }
    };
    let load = |path: PathBuf, truth: Vec<Rect>| -> Result<Case> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(see(name, Image::load(&path)?, truth))
    };

    let table = super::landmarks::read_table(&eval.join("landmarks.csv"))?;
    let landmarks = table.par_iter().map(|(file, points)| {
        let case = load(eval.join("landmarks").join(file), vec![box_of_landmarks(points)])?;
        let band = skin::band(&case.image, points);
        anyhow::Ok((case, band))
    });
    let (landmarks, bands): (Vec<Case>, Vec<_>) = landmarks.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let visitors = pictures(&eval.join("visitors"))?.into_par_iter().map(|path| load(path, Vec::new()));
    let visitors = visitors.collect::<Result<Vec<Case>>>()?;
    let negatives: Vec<_> = load_negatives(&root)?.into_iter().filter(|n| n.is_held_out()).collect();
    let negatives: Vec<Case> = negatives.into_par_iter().map(|n| see(n.file, n.image, Vec::new())).collect();
    let crowd = pictures(&eval.join("crowd"))?.into_par_iter().map(|path| {
        let truth = read_boxes(&path.with_extension("csv"))?;
        load(path, truth)
    });
    let crowd = crowd.collect::<Result<Vec<Case>>>()?;

    let ious: Vec<f32> = landmarks.iter().map(|c| best_iou(&c.truth[0], &c.found)).collect();
    let hits: Vec<f32> = ious.iter().copied().filter(|iou| *iou >= FOUND_IOU).collect();
    let count =
        |cases: &[Case], f: &dyn Fn(&Case) -> bool| Share::new(cases.iter().filter(|c| f(c)).count(), cases.len());
    let hit = |truth: &Rect, found: &[Face]| best_iou(truth, found) >= FOUND_IOU;
    let crowd_truth: usize = crowd.iter().map(|c| c.truth.len()).sum();
    let crowd_found: usize = crowd.iter().map(|c| c.found.len()).sum();
    let crowd_hits: usize = crowd.iter().map(|c| c.truth.iter().filter(|t| hit(t, &c.found)).count()).sum();
    let right = |c: &Case| c.found.iter().filter(|f| c.truth.iter().any(|t| t.iou(&f.rect) >= FOUND_IOU)).count();
    let there = |c: &Case| c.found.iter().any(|f| about_there(&c.truth[0], &f.rect));
    let of_band = |band: usize| {
        let chosen: Vec<&Case> =
            landmarks.iter().zip(&bands).filter(|(_, b)| **b == Some(band)).map(|(c, _)| c).collect();
        Share::new(chosen.iter().filter(|c| there(c)).count(), chosen.len())
    };
    let figures = Figures {
        threshold: detector.threshold(),
        landmarks_recall: Share::new(hits.len(), landmarks.len()),
        landmarks_recall_centre: count(&landmarks, &there),
        landmarks_recall_by_skin: skin::BANDS.iter().enumerate().map(|(i, (name, _))| (*name, of_band(i))).collect(),
        landmarks_mean_iou: super::interval::mean(&hits),
        visitors_recall: count(&visitors, &|c| !c.found.is_empty()),
        visitors_with_several: count(&visitors, &|c| c.found.len() > 1),
        negatives_with_faces: count(&negatives, &|c| !c.found.is_empty()),
        false_faces_per_negative: negatives.iter().map(|c| c.found.len()).sum::<usize>() as f32
            / negatives.len().max(1) as f32,
        crowd_recall: Share::new(crowd_hits, crowd_truth),
        crowd_precision: Share::new(crowd.iter().map(right).sum(), crowd_found),
    };
    if let Some(folder) = &options.failures {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let missed = landmarks.iter().zip(&ious).filter(|(_, iou)| **iou < FOUND_IOU).map(|(c, _)| ("landmarks", c));
        let visitors = visitors.iter().filter(|c| c.found.len() != 1).map(|c| ("visitors", c));
        let negatives = negatives.iter().filter(|c| !c.found.is_empty()).map(|c| ("negatives", c));
        for (set, case) in missed.chain(visitors).chain(negatives).chain(crowd.iter().map(|c| ("crowd", c))) {
            draw(case).save(&folder.join(format!("{set}-{}.png", case.name)))?;
        }
    }
    if options.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print(&figures);
    }
    Ok(())
}

fn print(f: &Figures) {
    println!("threshold                                {:.3}", f.threshold);
    println!("hand-checked faces, box found            {}", f.landmarks_recall);
    println!("hand-checked faces, centre found         {}", f.landmarks_recall_centre);
    for (name, _) in skin::BANDS {
        println!("    {:36} {}", format!("{name} in the picture"), f.landmarks_recall_by_skin[name]);
    }
    println!("mean overlap of the found boxes          {:.3}", f.landmarks_mean_iou);
    println!("visitors found                           {}", f.visitors_recall);
    println!("visitors with several faces found        {}", f.visitors_with_several);
    println!("photographs without faces, one found     {}", f.negatives_with_faces);
    println!("false faces a photograph without faces   {:.3}", f.false_faces_per_negative);
    println!("faces of the crowd found                 {}", f.crowd_recall);
    println!("found in the crowd and right             {}", f.crowd_precision);
}

fn best_iou(truth: &Rect, found: &[Face]) -> f32 {
    found.iter().map(|f| f.rect.iou(truth)).fold(0.0, f32::max)
}

/// Whether the centre of the found box lies within the true one, and its size is half to twice as large.
fn about_there(truth: &Rect, found: &Rect) -> bool {
    let (dx, dy) = (found.x + found.w / 2.0 - truth.x, found.y + found.h / 2.0 - truth.y);
    let ratio = ((found.w * found.h) / (truth.w * truth.h).max(1e-9)).sqrt();
    (0.0..=truth.w).contains(&dx) && (0.0..=truth.h).contains(&dy) && (0.5..=2.0).contains(&ratio)
}

/// The box that the teacher would draw around these points.
fn box_of_landmarks(landmarks: &Landmarks) -> Rect {
    let [left, right] = landmarks.eye_centres();
    let eyes = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
    let mouth = landmarks.mouth_centre();
    let way = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
    let length = way[0].hypot(way[1]);
    let [w, h] = BOX_SIZE.map(|s| s * length);
    Rect { x: eyes[0] + BOX_CENTRE * way[0] - w / 2.0, y: eyes[1] + BOX_CENTRE * way[1] - h / 2.0, w, h }
}

fn read_boxes(path: &Path) -> Result<Vec<Rect>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let rows = reader.records().map(|record| {
        let v = numbers(&record?.iter().collect::<Vec<_>>().join(" "))?;
        let [x, y, w, h, ..] = v[..] else { anyhow::bail!("expected at least 4 numbers, found {}", v.len()) };
        Ok(Rect { x, y, w, h })
    });
    rows.collect::<Result<_>>().with_context(|| path.display().to_string())
}

/// The JPEG and PNG files of a folder, by name.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jpg" || e == "png"));
    files.sort();
    Ok(files)
}

fn draw(case: &Case) -> Image {
    let mut image = case.image.clone();
    for truth in &case.truth {
        frame_box(&mut image, truth, [0, 220, 0]);
    }
    for face in &case.found {
        let right = case.truth.iter().any(|t| t.iou(&face.rect) >= FOUND_IOU);
        frame_box(&mut image, &face.rect, if right { [255, 230, 0] } else { [255, 0, 0] });
    }
    image
}

/// Draws the outline of a box, two pixels wide.
fn frame_box(image: &mut Image, r: &Rect, colour: [u8; 3]) {
    let (x0, y0, x1, y1) = (r.x as i64, r.y as i64, (r.x + r.w) as i64, (r.y + r.h) as i64);
    let across = (x0..=x1).flat_map(|x| [(x, y0), (x, y0 + 1), (x, y1), (x, y1 - 1)]);
    let down = (y0..=y1).flat_map(|y| [(x0, y), (x0 + 1, y), (x1, y), (x1 - 1, y)]);
    let points: Vec<(i64, i64)> = across.chain(down).collect();
    for (x, y) in points {
        if x >= 0 && y >= 0 && x < image.width as i64 && y < image.height as i64 {
            let at = (y as usize * image.width + x as usize) * 3;
            image.data[at..at + 3].copy_from_slice(&colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_interval_is_the_published_one() {
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
        let share = Share::new(81, 263);
        assert!((share.low - 0.2553).abs() < 1e-4 && (share.high - 0.3662).abs() < 1e-4, "{share:?}");
        assert!(Share::new(0, 20).low == 0.0 && Share::new(20, 20).high > 0.999);
        assert!(Share::new(0, 0).high == 1.0);
    }

    #[test]
    fn boxes_from_landmarks_are_the_teachers() {
        let Some(root) = testing::data_root_or_skip("boxes from landmarks") else { return };
        let table = crate::data::read_table(&root).unwrap();
        let good = table.iter().filter(|p| box_of_landmarks(&p.landmarks).iou(&p.rect) > 0.6).count();
        assert!(good as f32 > 0.95 * table.len() as f32, "{good} of {}", table.len());
    }
}
