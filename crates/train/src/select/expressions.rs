//! Sequences of faces that change from neutral to an expression.

use crate::data::{Table, number, read_most};
use anyhow::{Context, Result, bail, ensure};
use frame::Image;
use mirror::engine::{Eyes, nearest};
use mirror::face::{LANDMARKS, Landmarks};
use mirror::features::spatial::Spatial;
use nn::Rng;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The expressions of CK+, by the number in its files, from 1 on; and how many sequences have each.
const CK_PLUS: [(&str, usize); 7] =
    [("anger", 45), ("contempt", 18), ("disgust", 59), ("fear", 25), ("happy", 69), ("sadness", 28), ("surprise", 83)];

/// Subjects of CK+ that have a labelled sequence.
const SUBJECTS: usize = 118;

/// One person's face, first neutral, then at the height of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// Who.
    pub subject: String,
    /// Which expression.
    pub label: String,
    /// Landmarks of the neutral face, pixels.
    pub neutral: Landmarks,
    /// Landmarks of the expressive face, pixels.
    pub expressive: Landmarks,
}

/// A set of such sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Expressions {
    /// In any order.
    pub sequences: Vec<Sequence>,
}

impl Expressions {
    /// The labels that occur, sorted.
    pub fn classes(&self) -> Vec<&str> {
        let set: BTreeSet<&str> = self.sequences.iter().map(|s| s.label.as_str()).collect();
        set.into_iter().collect()
    }

    /// Of each sequence the place of its label among the classes.
    pub fn labels(&self) -> Vec<usize> {
        let classes = self.classes();
        let place = |s: &Sequence| classes.binary_search(&s.label.as_str()).expect("a label that occurs");
        self.sequences.iter().map(place).collect()
    }

    /// `[feature][sequence]`: how much each of these candidates is larger in the neutral face, pixels.
    ///
    /// # Panics
    /// If there is no such candidate.
    pub fn values(&self, candidates: &[usize]) -> Vec<Vec<f32>> {
        let of = |candidate: &usize| {
            let spatial = Spatial::at(*candidate).expect("a candidate");
            self.sequences.iter().map(|s| spatial.of(&s.neutral) - spatial.of(&s.expressive)).collect()
        };
        candidates.iter().map(of).collect()
    }

    /// From a table without header: subject, label, then x and y of the 68 points of the neutral face, then of the expressive one.
    ///
    /// # Errors
    /// If it cannot be read, or a row is not of this form: says which.
    pub fn load_csv(path: &Path) -> Result<Self> {
        let table = Table::read_without_header(path)?;
        let mut sequences = Vec::new();
        for row in table.rows() {
            let cells: Vec<&str> = row.cells().collect();
            let expected = 2 + 4 * LANDMARKS;
            ensure!(cells.len() == expected, "{}: expected {expected} columns, found {}", row.place(), cells.len());
            let numbers: Vec<f32> =
                cells[2..].iter().map(|cell| number(cell)).collect::<Result<_>>().with_context(|| row.place())?;
            let points = numbers.as_chunks::<2>().0;
            let face = |half: usize| Landmarks { points: std::array::from_fn(|p| points[half * LANDMARKS + p]) };
            let (subject, label) = (cells[0].to_owned(), cells[1].to_owned());
            sequences.push(Sequence { subject, label, neutral: face(0), expressive: face(1) });
        }
        let all = Self { sequences };
        ensure!(all.classes().len() > 1, "{}: fewer than two labels", path.display());
        Ok(all)
    }

    /// From a copy of CK+ as it is given out (folders `cohn-kanade-images` and `Emotion`): the first picture of each labelled
    /// sequence is the neutral face, the last the expressive one. `relabelled` names sequences whose label is another:
    /// (`S001_002`, `fear`).
    ///
    /// # Errors
    /// If the folders are not there, or in more than a tenth of the sequences a picture cannot be read or no face is found.
    pub fn load_ck_plus(folder: &Path, eyes: &Eyes, relabelled: &[(String, String)]) -> Result<Self> {
        let mut labelled = Vec::new();
        let pictures = folder.join("cohn-kanade-images");
        for file in files_below(&folder.join("Emotion"), "txt")? {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let number = text.trim().parse::<f32>().ok().filter(|n| (0.0..=7.0).contains(n));
            let number =
                number.with_context(|| format!("{}: expected 0 to 7, found {:?}", file.display(), text.trim()))?;

            // Whose sequence it is, and what it shows.
            let (session, subject) = (file.parent(), file.parent().and_then(Path::parent));
            let name =
                |folder: Option<&Path>| folder.and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
            let (Some(session), Some(subject)) = (name(session), name(subject)) else { continue };
            let sequence = format!("{subject}_{session}");
            let given = relabelled.iter().find(|(s, _)| *s == sequence).map(|(_, label)| label.clone());
            let label = match (given, number as usize) {
                (Some(label), _) => label,
                (None, 0) => continue,
                (None, n) => CK_PLUS[n - 1].0.to_owned(),
            };

            // Its first and its last picture.
            let frames = files_below(&pictures.join(&subject).join(&session), "png")?;
            let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
                bail!("{}: no pictures", pictures.join(&subject).join(&session).display())
            };
            labelled.push((subject, label, first.clone(), last.clone()));
        }
        let sequences = read_most("sequences", labelled, |(subject, label, first, last)| {
            let (neutral, expressive) = (landmarks(&first, eyes)?, landmarks(&last, eyes)?);
            Ok(Sequence { subject, label, neutral, expressive })
        })?;
        let all = Self { sequences };
        ensure!(all.classes().len() > 1, "{}: fewer than two expressions", folder.display());
        Ok(all)
    }

    /// Sequences of nobody, as many of each expression as CK+ has, of as many subjects: a schematic face with a subject's own
    /// proportions, moved as the expression moves it, more or less strongly, on both sides nearly alike; then the camera's
    /// shift, tilt and scale, and noise as a landmark net has it.
    pub fn synthetic(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let subjects: Vec<Landmarks> = (0..SUBJECTS).map(|_| person(&mut rng)).collect();
        let mut ring: Vec<usize> = (0..SUBJECTS).collect();
        rng.shuffle(&mut ring);
        let (mut sequences, mut next) = (Vec::new(), 0);
        for (label, count) in CK_PLUS {
            for _ in 0..count {
                let subject = ring[next % SUBJECTS];
                next += 1;
                let (mut neutral, mut expressive) = (subjects[subject].clone(), subjects[subject].clone());
                express(&mut expressive, label, &mut rng);
                for face in [&mut neutral, &mut expressive] {
                    photograph(face, &mut rng);
                }
                sequences.push(Sequence { subject: format!("{subject:03}"), label: label.into(), neutral, expressive });
            }
        }
        Self { sequences }
    }
}

/// Files with this ending in a folder and all below it, sorted.
fn files_below(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry.with_context(|| folder.display().to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn landmarks(picture: &Path, eyes: &Eyes) -> Result<Landmarks> {
    let seen = nearest(eyes.analyse(&Image::load(picture)?)?);
    Ok(seen.with_context(|| format!("{}: no face found", picture.display()))?.landmarks)
}

/// A face of somebody's own proportions.
fn person(rng: &mut Rng) -> Landmarks {
    let mut face = Landmarks::schematic();
    let [wide, long, jaw, mouth, brow, nose] = std::array::from_fn(|_| 0.06 * rng.normal());
    for (i, p) in face.points.iter_mut().enumerate() {
        let (x, y) = match i {
            0..17 => (jaw, jaw / 2.0),
            17..27 => (0.0, brow),
            27..36 => (nose, nose),
            48.. => (mouth, 0.0),
            _ => (0.0, 0.0),
        };
        *p = [p[0] * (1.0 + wide + x) + 0.01 * rng.normal(), p[1] * (1.0 + long + y) + 0.01 * rng.normal()];
    }
    face
}

/// Moves a face as an expression does; units of the inter-ocular distance.
fn express(face: &mut Landmarks, label: &str, rng: &mut Rng) {
    // Inner and outer brow up, brows together, lids apart, nose up, corners of the mouth out and up, upper lip up, lower lip down, jaw down.
    let mut moves: [f32; 9] = match label {
        "anger" => [-0.12, -0.04, 0.06, -0.03, 0.0, -0.04, -0.02, -0.02, 0.0],
        "contempt" => [0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.04, 0.0, 0.0],
        "disgust" => [-0.08, -0.05, 0.03, -0.05, 0.08, -0.01, -0.01, 0.07, 0.02],
        "fear" => [0.09, 0.03, 0.05, 0.04, 0.0, 0.09, -0.04, 0.0, 0.07],
        "happy" => [0.0, 0.0, 0.0, -0.03, 0.02, 0.15, 0.12, 0.04, 0.02],
        "sadness" => [0.07, -0.02, 0.04, -0.02, 0.0, -0.01, -0.09, 0.02, 0.0],
        _ => [0.15, 0.12, 0.0, 0.05, 0.0, -0.06, 0.0, 0.04, 0.32],
    };

    let strength = rng.range(0.4, 1.4);
    moves.iter_mut().for_each(|m| *m = strength * *m + 0.02 * rng.normal());
    let [inner, outer, together, lids, nose, out, up, upper, down] = moves;

    // Contempt lifts one corner.
    let one_sided = label == "contempt";
    for (i, p) in face.points.iter_mut().enumerate() {
        let side = if p[0] < 0.0 { -1.0 } else { 1.0 };
        let [dx, dy] = match i {
            0..17 => [0.0, down * (1.0 - (i as f32 - 8.0).abs() / 8.0)],
            17..27 => {
                let share = if i < 22 { (i - 17) as f32 / 4.0 } else { (26 - i) as f32 / 4.0 };
                [-side * together * share, -(inner * share + outer * (1.0 - share))]
            }
            31..=35 => [0.0, -nose],
            37 | 38 | 43 | 44 => [0.0, -lids],
            40 | 41 | 46 | 47 => [0.0, lids],
            48 | 54 | 60 | 64 if one_sided && side < 0.0 => [0.0, 0.0],
            48 | 54 | 60 | 64 => [side * out, -up],
            49..=53 | 61..=63 => [side * out * 0.3 * f32::from(i != 51 && i != 62), -upper],
            55..=59 | 65..=67 => [side * out * 0.3 * f32::from(i != 57 && i != 66), down],
            _ => [0.0, 0.0],
        };
        *p = [p[0] + dx, p[1] + dy];
    }
}

/// As a camera and a landmark net see it: pixels, the eyes about 90 of them apart.
fn photograph(face: &mut Landmarks, rng: &mut Rng) {
    let (scale, tilt) = (90.0 * (1.0 + 0.015 * rng.normal()), 0.02 * rng.normal());
    let (x, y) = (320.0 + 4.0 * rng.normal(), 220.0 + 4.0 * rng.normal());
    let (sin, cos) = tilt.sin_cos();
    for p in &mut face.points {
        let [a, b] = *p;
        *p = [
            x + scale * (cos * a - sin * b) + 1.2 * rng.normal(),
            y + scale * (sin * a + cos * b) + 1.2 * rng.normal(),
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_sequences_are_as_many_and_as_unbalanced_as_those_of_ck_plus() {
        let all = Expressions::synthetic(7);
        let subjects: BTreeSet<_> = all.sequences.iter().map(|s| &s.subject).collect();
        assert_eq!((all.sequences.len(), subjects.len(), all.classes().len()), (327, 118, 7));
        assert_eq!(all, Expressions::synthetic(7));
        assert_ne!(all, Expressions::synthetic(8));
        let twice: BTreeSet<_> = all.sequences.iter().map(|s| (&s.subject, &s.label)).collect();
        assert_eq!(twice.len(), 327);
    }

    #[test]
    fn a_table_is_read_and_its_faults_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pairs.csv");
        let row =
            |label: &str| format!("S1,{label},{}\n", (0..272).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
        std::fs::write(&path, row("happy") + &row("fear")).unwrap();
        let all = Expressions::load_csv(&path).unwrap();
        assert_eq!((all.classes(), all.labels()), (vec!["fear", "happy"], vec![1, 0]));
        assert_eq!(
            (all.sequences[0].neutral.points[1], all.sequences[0].expressive.points[0]),
            ([2.0, 3.0], [136.0, 137.0])
        );
        // All landmarks move by the same: no difference between two of them does.
        assert!(all.values(&[0, 4555]).iter().flatten().all(|v| *v == 0.0));
        let faults = [("S1,happy,1\n", "row 1: expected 274 columns, found 3"), ("", "fewer than two labels")];
        for (text, why) in faults {
            std::fs::write(&path, text).unwrap();
            let error = Expressions::load_csv(&path).unwrap_err();
            assert!(format!("{error:#}").contains(why), "{error:#}");
        }
        std::fs::write(&path, row("happy") + &row("fear").replace(",271", ",inf")).unwrap();
        let error = format!("{:#}", Expressions::load_csv(&path).unwrap_err());
        assert!(error.contains("row 2: \"inf\" is no number"), "{error}");
        // As a German spreadsheet saves it.
        std::fs::write(&path, (row("happy") + &row("fear")).replace(',', ";").replace(";271", ";271,5")).unwrap();
        assert_eq!(Expressions::load_csv(&path).unwrap().sequences[0].expressive.points[67], [270.0, 271.5]);
    }
}
