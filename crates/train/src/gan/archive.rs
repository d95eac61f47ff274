//! Folders of aligned portraits with a table each.
//!
//! A folder holds `faces.csv` and the pictures: `aligned/` (160 pixels), or `alignedN/` for every width `N` that a portrait has the
//! pixels for. A portrait that stands in several of them is read from the widest. Of the table, `file` and either `landmarks_aligned` (in `aligned/`) or
//! `landmarksN` (in pixels of a crop of width `N`) are needed; all other columns may be missing or empty. A row without landmarks is passed
//! over; a row with landmarks whose picture is missing counts as a bad picture.

use super::complexion::Complexion;
use crate::data::{Gender, Table, read_most};
use crate::statistics::correlation;
use anyhow::{Context, Result};
use frame::Image;
use mirror::face::Landmarks;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Whose inner lips are nearer to each other than this share of the eyes' distance has a closed mouth.
pub(crate) const CLOSED_MOUTH: f32 = 0.06;

/// Two portraits of one person whose thumbnails correlate at least this much are one photograph: 642 of the 743 pairs of the archive's
/// two tables that do lie above 0.99; different photographs of one person lie below 0.9.
const SAME_PHOTOGRAPH: f32 = 0.9;

/// Width of the thumbnails that are compared.
const THUMBNAIL: usize = 32;

/// Which portraits are good enough to learn from. Toned prints and drawings never are: of their blue cheeks a GAN makes blue shadows for eyes.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Softest portraits of 160 pixels: aligned pixels a source pixel.
    pub max_upsampling: f32,
    /// Most turned portraits: nose offset over eye distance.
    pub max_yaw: f32,
    /// Least share of the crop inside the photograph.
    pub min_inside: f32,
    /// First year, where the table knows it: before about 1975 what has colours are toned prints and paintings, of which a GAN makes
    /// brown and blue ruins.
    pub since: i32,
}

impl Default for Filter {
    fn default() -> Self {
        Self { max_upsampling: 1.35, max_yaw: 0.4, min_inside: 0.9, since: 1975 }
    }
}

impl Filter {
    /// Everybody of whom most is there, however soft, old or turned.
    pub(crate) const EVERYBODY: Self =
        Self { max_upsampling: f32::INFINITY, max_yaw: f32::INFINITY, min_inside: 0.8, since: 0 };
}

/// A portrait, and what is known of it.
pub(crate) struct AlignedPortrait {
    pub path: PathBuf,
    pub image: Image,
    /// Whom it shows; the file where nobody knows.
    pub person: String,
    /// By record or, in older tables, by the first name.
    pub gender: Option<Gender>,
    /// In pixels of the image.
    pub landmarks: Landmarks,
    pub complexion: Complexion,
}

impl AlignedPortrait {
    /// Whether the lips touch.
    pub fn mouth_is_closed(&self) -> bool {
        let p = &self.landmarks.points;
        let [left, right] = self.landmarks.eye_centres();
        let gap = [(61, 67), (62, 66), (63, 65)].map(|(a, b)| distance(p[a], p[b])).iter().sum::<f32>() / 3.0;
        gap < CLOSED_MOUTH * distance(left, right)
    }
}

/// A row of a table, and where its picture is.
struct TableRow {
    /// The first of these that is there.
    paths: Vec<(PathBuf, usize)>,
    person: String,
    gender: Option<Gender>,
    /// In pixels of a crop of this width.
    landmarks: Landmarks,
    landmarks_width: usize,
}

/// The portraits of all folders that pass the filter, each photograph once, the widest pictures first.
///
/// # Errors
/// If a table cannot be read, or more than a tenth of the pictures.
pub(crate) fn read(folders: &[PathBuf], filter: &Filter) -> Result<Vec<AlignedPortrait>> {
    let mut rows = Vec::new();
    for folder in folders {
        rows.extend(rows_of(folder, filter)?);
    }
    let mut portraits = read_most("portraits", rows, TableRow::load)?;
    portraits.retain(|p| p.complexion.is_of_skin());
    portraits.sort_by_key(|p| std::cmp::Reverse(p.image.width));
    Ok(each_photograph_once(portraits))
}

/// The rows of one folder that pass the filter and have landmarks.
fn rows_of(folder: &Path, filter: &Filter) -> Result<Vec<TableRow>> {
    let path = folder.join("faces.csv");
    let table = Table::read(&path, &["file"])?;
    let points =
        table.columns().iter().find_map(|c| Some((c.as_str(), crop_width(c, "landmarks", "landmarks_aligned")?)));
    let (points, points_width) = points.with_context(|| {
        format!(
            "{}: no column of landmarks: expected landmarks_aligned or landmarksN, 68 points in pixels of a crop of width N\n{OWN_PICTURES}",
            path.display()
        )
    })?;
    let sizes = aligned_folders(folder)?;
    anyhow::ensure!(
        !sizes.is_empty(),
        "{}: expected a folder aligned or alignedN beside faces.csv\n{OWN_PICTURES}",
        folder.display()
    );

    let mut rows = Vec::new();
    for row in table.rows() {
        let good = row.number("upsampling")?.is_none_or(|u| u <= filter.max_upsampling)
            && row.number("yaw_cue")?.is_none_or(|y| y.abs() <= filter.max_yaw)
            && row.number("inside")?.is_none_or(|share| share >= filter.min_inside)
            && row.number("photo_year")?.is_none_or(|year| year as i32 >= filter.since);
        if !good || row.text(points).is_empty() {
            continue;
        }
        let file = row.needed_text("file")?;
        let person = [row.text("person"), row.text("bioguide"), file].into_iter().find(|p| !p.is_empty());
        rows.push(TableRow {
            paths: sizes.iter().map(|(folder, width)| (folder.join(file), *width)).collect(),
            person: person.unwrap_or(file).to_owned(),
            gender: row.gender()?,
            landmarks: Landmarks { points: row.points(points, 1.0)? },
            landmarks_width: points_width,
        });
    }
    Ok(rows)
}

/// For whom tables are not made.
const OWN_PICTURES: &str = "hint: --pictures learns from any pictures, without a table";

/// The folders of aligned pictures with their widths, the widest first.
pub(crate) fn aligned_folders(folder: &Path) -> Result<Vec<(PathBuf, usize)>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut sizes: Vec<(PathBuf, usize)> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let width = crop_width(&name, "aligned", "aligned")?;
            Some((folder.join(name), width))
        })
        .collect();
    sizes.sort_by_key(|s| std::cmp::Reverse(s.1));
    Ok(sizes)
}

/// The width of the crops that a name speaks of: 160 without a number.
fn crop_width(name: &str, prefix: &str, without_number: &str) -> Option<usize> {
    if name == without_number { Some(160) } else { name.strip_prefix(prefix)?.parse().ok().filter(|w| *w > 0) }
}

impl TableRow {
    fn load(self) -> Result<AlignedPortrait> {
        let Self { paths, person, gender, mut landmarks, landmarks_width } = self;
        let found = paths.iter().find(|(path, _)| path.exists());
        // Where none is there, the widest is named.
        let (path, width) = found.or(paths.first()).context("no folder of pictures")?.clone();
        let image = Image::load(&path)?;
        anyhow::ensure!(
            image.width == width && image.height == width,
            "{}: expected {width} x {width} pixels, found {} x {}",
            path.display(),
            image.width,
            image.height
        );
        let scale = width as f32 / landmarks_width as f32;
        landmarks.points.iter_mut().flatten().for_each(|v| *v *= scale);
        let complexion = Complexion::of(&image, &landmarks);
        Ok(AlignedPortrait { path, image, person, gender, landmarks, complexion })
    }
}

/// Leaves out what repeats a photograph that stands before it.
fn each_photograph_once(mut portraits: Vec<AlignedPortrait>) -> Vec<AlignedPortrait> {
    let mut seen: HashMap<String, Vec<Vec<f32>>> = HashMap::new();
    portraits.retain(|p| {
        let thumbnail = thumbnail(&p.image);
        let before = seen.entry(p.person.clone()).or_default();
        let known = before.iter().any(|other| is_alike(other, &thumbnail));
        if !known {
            before.push(thumbnail);
        }
        !known
    });
    portraits
}

/// The brightness of a picture, small.
fn thumbnail(image: &Image) -> Vec<f32> {
    let mut small = vec![0; THUMBNAIL * THUMBNAIL * 3];
    kernels::resize(&image.data, (image.width, image.height), &mut small, (THUMBNAIL, THUMBNAIL));
    small.as_chunks::<3>().0.iter().map(|p| frame::luma(*p)).collect()
}

fn is_alike(a: &[f32], b: &[f32]) -> bool {
    let pairs: Vec<(f32, f32)> = a.iter().copied().zip(b.iter().copied()).collect();
    correlation(&pairs).is_some_and(|r| r >= SAME_PHOTOGRAPH)
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Filter = Filter { max_upsampling: 2.0, max_yaw: 1.0, min_inside: 0.0, since: 0 };

    /// A face of two colours whose landmarks are the schematic ones, `stripe` its own.
    fn picture(side: usize, stripe: usize) -> Image {
        let value = |i: usize| {
            let (x, y) = (i % side * 32 / side, i / side * 32 / side);
            if (x * 7 + y * stripe) % 5 < 3 { [225, 175, 150] } else { [200, 150, 130] }
        };
        Image { width: side, height: side, data: (0..side * side).flat_map(value).collect() }
    }

    fn landmarks(side: f32, gap: f32) -> String {
        let mut points = Landmarks::schematic().points;
        [60, 61, 62, 63, 64, 65, 66, 67].iter().for_each(|i| points[*i][1] = points[66][1].min(points[62][1]));
        [65, 66, 67].iter().for_each(|i| points[*i][1] += gap);
        let text = |p: &[f32; 2]| format!("{} {}", (0.5 + p[0] * 0.2) * side, (0.4 + p[1] * 0.2) * side);
        points.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    /// A folder with the rows `(file, width, person, gender, stripe, gap of the lips)`.
    fn folder(rows: &[(&str, usize, &str, &str, usize, f32)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut table = "file,person,gender,yaw_cue,inside,landmarks320\n".to_owned();
        for (file, width, person, gender, stripe, gap) in rows {
            let folder = dir.path().join(format!("aligned{width}"));
            std::fs::create_dir_all(&folder).unwrap();
            picture(*width, *stripe).save(&folder.join(file)).unwrap();
            table += &format!("{file},{person},{gender},0.1,1.0,{}\n", landmarks(320.0, *gap));
        }
        std::fs::write(dir.path().join("faces.csv"), table).unwrap();
        dir
    }

    #[test]
    fn portraits_come_from_several_folders_the_widest_first() {
        let a = folder(&[("a.png", 192, "A", "F", 1, 0.0), ("b.png", 320, "B", "", 2, 0.5)]);
        let b = folder(&[("c.png", 192, "C", "M", 3, 0.0)]);
        let portraits = read(&[a.path().into(), b.path().into()], &ALL).unwrap();
        let found: Vec<_> = portraits.iter().map(|p| (p.person.as_str(), p.image.width, p.gender)).collect();
        let expected = [("B", 320, None), ("A", 192, Some(Gender::Female)), ("C", 192, Some(Gender::Male))];
        assert_eq!(found, expected);
        assert_eq!(portraits.iter().map(AlignedPortrait::mouth_is_closed).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_photograph_in_two_folders_is_read_once_and_from_the_widest() {
        let small = folder(&[("a.png", 192, "A", "F", 1, 0.0), ("other.png", 192, "A", "F", 3, 0.0)]);
        let large = folder(&[("b.png", 320, "A", "F", 1, 0.0)]);
        let portraits = read(&[small.path().into(), large.path().into()], &ALL).unwrap();
        assert_eq!(portraits.iter().map(|p| p.image.width).collect::<Vec<_>>(), [320, 192]);
    }

    #[test]
    fn a_missing_picture_and_one_of_another_size_are_left_out_while_they_are_few() {
        let names: Vec<String> = (0..20).map(|i| format!("{i}.png")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 192, name.as_str(), "F", 1, 0.0)).collect();
        let dir = folder(&rows);
        std::fs::remove_file(dir.path().join("aligned192/3.png")).unwrap();
        picture(100, 1).save(&dir.path().join("aligned192/5.png")).unwrap();
        assert_eq!(read(&[dir.path().into()], &ALL).unwrap().len(), 18);
        std::fs::write(dir.path().join("aligned192/7.png"), "Dear diary").unwrap();
        let error = format!("{:#}", read(&[dir.path().into()], &ALL).err().unwrap());
        let words = ["3 of 20 portraits", "3.png: ", "5.png: expected 192 x 192 pixels, found 100 x 100", "7.png: "];
        assert!(words.iter().all(|w| error.contains(w)), "{error}");
    }

    #[test]
    fn a_table_without_landmarks_or_pictures_of_another_size_are_refused() {
        let dir = folder(&[("a.png", 192, "A", "F", 1, 0.0)]);
        picture(100, 1).save(&dir.path().join("aligned192/a.png")).unwrap();
        let error = format!("{:#}", read(&[dir.path().into()], &ALL).err().unwrap());
        assert!(error.contains("expected 192 x 192 pixels, found 100 x 100"), "{error}");
        std::fs::write(dir.path().join("faces.csv"), "file,person\na.png,A\n").unwrap();
        let error = format!("{:#}", read(&[dir.path().into()], &ALL).err().unwrap());
        assert!(error.contains("no column of landmarks"), "{error}");
        std::fs::remove_dir_all(dir.path().join("aligned192")).unwrap();
        assert!(read(&[dir.path().into()], &ALL).is_err());
    }

    #[test]
    fn turned_and_cut_off_portraits_are_left_out() {
        let dir = folder(&[("a.png", 192, "A", "F", 1, 0.0)]);
        assert!(read(&[dir.path().into()], &Filter { max_yaw: 0.05, ..ALL }).unwrap().is_empty());
        assert!(read(&[dir.path().into()], &Filter { min_inside: 1.1, ..ALL }).unwrap().is_empty());
        assert_eq!(read(&[dir.path().into()], &Filter { since: 3000, ..ALL }).unwrap().len(), 1, "no year on record");
    }
}
