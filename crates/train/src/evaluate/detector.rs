//! Measures the detector, judged as the mirror's eyes judge: faces found in photographs of strangers, faces seen where there are
//! none, a crowd.
//!
//! A find counts as a face where the eyes would describe it: the landmark net confirms it, its landmarks make a pose, and
//! attributes and features can be taken of it. No photograph here was trained on. The true boxes of `eval/landmarks` are made from
//! the hand-checked points, by the proportions that the teacher's boxes have on the portraits; those of the crowd are a detector's
//! opinion.

use super::{open, skin};
use crate::data::{Table, load_negatives, pictures_of, read_most};
use crate::runs::data_root;
use crate::statistics::{Share, mean};
use anyhow::{Context, Result};
use frame::Image;
use mirror::engine::Eyes;
use mirror::face::attributes::AttributeNet;
use mirror::face::detector::Detector;
use mirror::face::landmarks::LandmarkNet;
use mirror::face::{Face, Landmarks, Rect};
use mirror::pack::{Net, Pack};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A face is found when a box overlaps the true one by this much (intersection over union).
const FOUND_IOU: f32 = 0.5;

/// Medians over 4,541 portraits of the teacher's boxes, in distances from between the eyes to the mouth: how far
/// the box's centre lies along that way, and the box's width and height.
const BOX_CENTRE: f32 = 0.286;
const BOX_SIZE: [f32; 2] = [2.04, 2.78];

/// What is measured, and on what.
#[derive(Clone, Debug)]
pub struct DetectorEvaluation {
    /// Folder with `eval` and `negatives`; `None`: see [`data_root`].
    pub data: Option<PathBuf>,
    /// Other weights than the pack's.
    pub weights: Option<PathBuf>,
    /// Other weights than the pack's for the landmark net, which confirms what the detector found.
    pub landmarks: Option<PathBuf>,
    /// Measures the detector alone: what it finds needs no confirmation.
    pub alone: bool,
    /// Another score than the weights' own from which on a find is a face.
    pub threshold: Option<f32>,
    /// Writes the photographs in which something went wrong into this folder: green true, yellow found, red false.
    pub failures: Option<PathBuf>,
}

/// All figures of a detector.
#[derive(Debug, Serialize)]
pub struct DetectorReport {
    /// The score from which on a find is a face.
    pub threshold: f32,
    /// Hand-checked faces whose box was found.
    pub landmarks_recall: Share,
    /// Hand-checked faces with the centre of a found box, of half to twice the size, within them.
    pub landmarks_recall_centre: Share,
    /// The same by the lightness of their skin in the picture.
    pub landmarks_recall_by_skin: BTreeMap<&'static str, Share>,
    /// Mean overlap of the found ones.
    pub landmarks_mean_iou: f32,
    /// Portraits of visitors in which a face was found.
    pub visitors_recall: Share,
    /// And more than one, though each shows one person.
    pub visitors_with_several: Share,
    /// Held-out photographs without faces in which one was found.
    pub negatives_with_faces: Share,
    /// Faces found in them, a photograph.
    pub false_faces_per_negative: f32,
    /// Faces of the crowd that were found.
    pub crowd_recall: Share,
    /// Found faces of the crowd that are faces.
    pub crowd_precision: Share,
}

impl fmt::Display for DetectorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "threshold                                {:.3}", self.threshold)?;
        writeln!(f, "hand-checked faces, box found            {}", self.landmarks_recall)?;
        writeln!(f, "hand-checked faces, centre found         {}", self.landmarks_recall_centre)?;
        for (name, _) in skin::BANDS {
            writeln!(f, "    {:36} {}", format!("{name} in the picture"), self.landmarks_recall_by_skin[name])?;
        }
        writeln!(f, "mean overlap of the found boxes          {:.3}", self.landmarks_mean_iou)?;
        writeln!(f, "visitors found                           {}", self.visitors_recall)?;
        writeln!(f, "visitors with several faces found        {}", self.visitors_with_several)?;
        writeln!(f, "photographs without faces, one found     {}", self.negatives_with_faces)?;
        writeln!(f, "false faces a photograph without faces   {:.3}", self.false_faces_per_negative)?;
        writeln!(f, "faces of the crowd found                 {}", self.crowd_recall)?;
        write!(f, "found in the crowd and right             {}", self.crowd_precision)
    }
}

/// Measures.
///
/// # Errors
/// If weights or data cannot be read.
pub fn run(pack: &Pack, options: &DetectorEvaluation) -> Result<DetectorReport> {
    let root = data_root(options.data.as_deref())?;
    let finder = Finder::open(pack, options)?;
    let cases = Cases::load(&root, &finder)?;
    if let Some(folder) = &options.failures {
        cases.draw_failures(folder)?;
    }
    Ok(cases.report(finder.threshold))
}

/// What finds faces.
struct Finder {
    threshold: f32,
    judge: Judge,
}

/// Who decides what is a face.
enum Judge {
    /// The detector alone.
    Detector(Box<Detector>),
    /// All nets of the mirror's eyes.
    Eyes(Box<Eyes>),
}

impl Finder {
    fn open(pack: &Pack, options: &DetectorEvaluation) -> Result<Self> {
        let mut detector = open(pack, Net::Detector, options.weights.as_deref(), Detector::from_weights)?;
        if let Some(threshold) = options.threshold {
            detector = detector.with_threshold(threshold);
        }
        let threshold = detector.threshold();
        if options.alone {
            return Ok(Self { threshold, judge: Judge::Detector(Box::new(detector)) });
        }

        // The eyes need age and gender of a face to describe it; which ones decides nothing here.
        let landmarks = open(pack, Net::Landmarks, options.landmarks.as_deref(), LandmarkNet::from_weights)?;
        let attributes = pack.open(Net::Attributes, AttributeNet::from_weights)?;
        let eyes = Eyes::from_nets(detector, landmarks, attributes, None);
        Ok(Self { threshold, judge: Judge::Eyes(Box::new(eyes)) })
    }

    fn find(&self, image: &Image) -> Result<Vec<Face>> {
        Ok(match &self.judge {
            Judge::Detector(detector) => detector.detect(image),
            Judge::Eyes(eyes) => eyes.analyse(image)?.into_iter().map(|seen| seen.face).collect(),
        })
    }

    fn case(&self, name: String, image: Image, truth: Vec<Rect>) -> Result<Case> {
        let found = self.find(&image).with_context(|| name.clone())?;
        Ok(Case { name, image, truth, found })
    }

    fn load(&self, path: &Path, truth: Vec<Rect>) -> Result<Case> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.case(name, Image::load(path)?, truth)
    }
}

/// One photograph, what is in it and what was found.
struct Case {
    name: String,
    image: Image,
    truth: Vec<Rect>,
    found: Vec<Face>,
}

impl Case {
    /// How well the best box lies on the only true one.
    fn overlap(&self) -> f32 {
        best_iou(&self.truth[0], &self.found)
    }

    /// Whether a box of about the right size lies about there.
    fn is_about_there(&self) -> bool {
        self.found.iter().any(|f| about_there(&self.truth[0], &f.rect))
    }

    /// True boxes that were found.
    fn hits(&self) -> usize {
        self.truth.iter().filter(|t| best_iou(t, &self.found) >= FOUND_IOU).count()
    }

    /// Whether a find lies on a true box.
    fn is_right(&self, face: &Face) -> bool {
        self.truth.iter().any(|t| t.iou(&face.rect) >= FOUND_IOU)
    }
}

/// All photographs.
struct Cases {
    landmarks: Vec<Case>,
    /// Of each of those, see [`skin::BANDS`].
    bands: Vec<Option<usize>>,
    visitors: Vec<Case>,
    negatives: Vec<Case>,
    crowd: Vec<Case>,
}

impl Cases {
    fn load(root: &Path, finder: &Finder) -> Result<Self> {
        let eval = root.join("eval");

        // One hand-checked face a photograph.
        let table = super::landmarks::read_table(&eval.join("landmarks.csv"))?;
        let landmarks = read_most("photographs", table, |(file, points)| {
            let case = finder.load(&eval.join("landmarks").join(file), vec![box_of_landmarks(&points)])?;
            let band = skin::band(&case.image, &points);
            Ok((case, band))
        })?;
        let (landmarks, bands) = landmarks.into_iter().unzip();

        // One person a photograph; nobody; very many.
        let visitors =
            read_most("visitors", pictures_of(&eval.join("visitors"))?, |path| finder.load(&path, Vec::new()))?;
        let negatives: Vec<_> = load_negatives(root)?.into_iter().filter(|n| n.is_held_out()).collect();
        let negatives = negatives.into_par_iter().map(|n| finder.case(n.file, n.image, Vec::new()));
        let negatives = negatives.collect::<Result<_>>()?;
        let crowd = read_most("crowds", pictures_of(&eval.join("crowd"))?, |path| {
            let truth = read_boxes(&path.with_extension("csv"))?;
            finder.load(&path, truth)
        })?;
        Ok(Self { landmarks, bands, visitors, negatives, crowd })
    }

    fn report(&self, threshold: f32) -> DetectorReport {
        let Self { landmarks, bands, visitors, negatives, crowd } = self;
        let count =
            |cases: &[Case], is: fn(&Case) -> bool| Share::new(cases.iter().filter(|c| is(c)).count(), cases.len());
        let sum = |cases: &[Case], of: fn(&Case) -> usize| cases.iter().map(of).sum::<usize>();
        let hits: Vec<f32> = landmarks.iter().map(Case::overlap).filter(|iou| *iou >= FOUND_IOU).collect();
        let of_band = |band: usize| {
            let cases = landmarks.iter().zip(bands).filter(|(_, b)| **b == Some(band)).map(|(c, _)| c);
            Share::new(cases.clone().filter(|c| c.is_about_there()).count(), cases.count())
        };
        let right = |c: &Case| c.found.iter().filter(|f| c.is_right(f)).count();
        DetectorReport {
            threshold,
            landmarks_recall: Share::new(hits.len(), landmarks.len()),
            landmarks_recall_centre: count(landmarks, Case::is_about_there),
            landmarks_recall_by_skin: skin::BANDS
                .iter()
                .enumerate()
                .map(|(i, (name, _))| (*name, of_band(i)))
                .collect(),
            landmarks_mean_iou: mean(&hits),
            visitors_recall: count(visitors, |c| !c.found.is_empty()),
            visitors_with_several: count(visitors, |c| c.found.len() > 1),
            negatives_with_faces: count(negatives, |c| !c.found.is_empty()),
            false_faces_per_negative: sum(negatives, |c| c.found.len()) as f32 / negatives.len().max(1) as f32,
            crowd_recall: Share::new(sum(crowd, Case::hits), sum(crowd, |c| c.truth.len())),
            crowd_precision: Share::new(sum(crowd, right), sum(crowd, |c| c.found.len())),
        }
    }

    fn draw_failures(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let missed = self.landmarks.iter().filter(|c| c.overlap() < FOUND_IOU).map(|c| ("landmarks", c));
        let visitors = self.visitors.iter().filter(|c| c.found.len() != 1).map(|c| ("visitors", c));
        let negatives = self.negatives.iter().filter(|c| !c.found.is_empty()).map(|c| ("negatives", c));
        for (set, case) in missed.chain(visitors).chain(negatives).chain(self.crowd.iter().map(|c| ("crowd", c))) {
            draw(case).save(&folder.join(format!("{set}-{}.png", case.name)))?;
        }
        Ok(())
    }
}

/// How well the best of some boxes lies on a true one.
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
    let table = Table::read(path, &["x", "y", "w", "h"])?;
    let rows = table.rows().map(|row| {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|column| row.needed_number(column));
        Ok(Rect { x: x?, y: y?, w: w?, h: h? })
    });
    rows.collect()
}

fn draw(case: &Case) -> Image {
    let mut image = case.image.clone();
    for truth in &case.truth {
        frame_box(&mut image, truth, [0, 220, 0]);
    }
    for face in &case.found {
        frame_box(&mut image, &face.rect, if case.is_right(face) { [255, 230, 0] } else { [255, 0, 0] });
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
    fn boxes_from_landmarks_are_the_teachers() {
        let Some(root) = testing::data_root_or_skip("boxes from landmarks") else { return };
        let table = crate::data::read_table(&root).unwrap();
        let good = table.iter().filter(|p| box_of_landmarks(&p.landmarks).iou(&p.rect) > 0.6).count();
        assert!(good as f32 > 0.95 * table.len() as f32, "{good} of {}", table.len());
    }
}
