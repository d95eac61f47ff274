//! The whole command, on faces that the built-in generator dreams.

use super::*;
use crate::data::Table;
use mirror::face::align::Similarity;
use mirror::generator::Generator;
use mirror::generator::{Painter, samples};
use mirror::pack::{Net, Pack};
use std::path::Path;
use std::sync::LazyLock;

static EYES: LazyLock<Eyes> = LazyLock::new(|| Eyes::new(&Pack::embedded().unwrap()).unwrap());

/// Six faces of nobody.
static DREAMS: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let generator = Pack::embedded().unwrap().open(Net::Generator, Generator::from_bytes).unwrap();
    samples(&Painter::new(&generator), 6, 5).map(|(_, picture)| picture).collect()
});

/// A dream of so many pixels with a wide margin of the colour of its corner.
fn scene(dream: &Image, side: usize) -> Image {
    let mut face = Image::flat(side, side, [0; 3]);
    kernels::resize_smoothly(&dream.data, (dream.width, dream.height), &mut face.data, (side, side));
    let mut scene = Image::flat(2 * side, 2 * side, dream.pixel(0, 0));
    scene.paste(&face, side / 2, side / 2);
    scene
}

/// Every pixel through `paint`.
fn painted(image: &Image, paint: impl Fn([u8; 3]) -> [u8; 3]) -> Image {
    let data = image.data.as_chunks::<3>().0.iter().flat_map(|p| paint(*p)).collect();
    Image { data, ..*image }
}

fn sepia(rgb: [u8; 3]) -> [u8; 3] {
    [1.0, 0.82, 0.62].map(|tone| (frame::luma(rgb) * tone) as u8)
}

/// A folder of pictures, where their portraits go, and rules: dreams are soft.
struct Setting {
    dir: tempfile::TempDir,
    rules: Rules,
}

impl Setting {
    fn new(pictures: &[(&str, Image)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, picture) in pictures {
            let path = dir.path().join("in").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save(&path).unwrap();
        }
        Self { dir, rules: Rules { min_sharpness: 1.0, ..Rules::default() } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, out: &str, table: Option<&Path>) -> Result<PortraitReport> {
        let options = PortraitOptions {
            from: vec![self.path("in")],
            out: self.path(out),
            table: table.map(Path::to_owned),
            rules: self.rules,
            names_left_out: false,
        };
        run(&options, &EYES)
    }
}

/// All files below a folder with what is in them.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            found.extend(contents(&entry));
        } else {
            found.push((entry.clone(), std::fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn pictures_are_left_out_for_their_reasons() {
    let dreams = &DREAMS;
    let two = {
        let mut two = Image::flat(1024, 512, [90; 3]);
        two.paste(&scene(&dreams[1], 256), 0, 0);
        two.paste(&scene(&dreams[2], 256), 512, 0);
        two
    };
    let mut setting = Setting::new(&[
        ("0-good.png", scene(&dreams[0], 256)),
        ("1-again.png", scene(&dreams[0], 240)),
        ("2-grey.png", painted(&scene(&dreams[1], 256), |p| [frame::luma(p) as u8; 3])),
        ("3-sepia.png", painted(&scene(&dreams[2], 256), sepia)),
        ("4-blurred.png", scene(&dreams[3].resized(20, 20), 256)),
        ("5-small.png", scene(&dreams[4], 100)),
        ("6-several.png", two),
        ("7-nobody.png", Image::flat(300, 300, [90, 120, 150])),
    ]);
    std::fs::write(setting.path("in/8-unreadable.jpg"), "Dear diary").unwrap();
    setting.rules = Rules::default();
    let report = setting.run("out", None).unwrap();
    let rules: Vec<(String, Rule)> =
        report.left_out.iter().map(|l| (l.path.file_name().unwrap().to_string_lossy().into_owned(), l.rule)).collect();
    let expected = [
        ("1-again.png", Rule::Repeated),
        ("2-grey.png", Rule::Toned),
        ("3-sepia.png", Rule::Toned),
        ("4-blurred.png", Rule::Blurred),
        ("5-small.png", Rule::Small),
        ("6-several.png", Rule::SeveralFaces),
        ("7-nobody.png", Rule::NoFace),
        ("8-unreadable.jpg", Rule::Unreadable),
    ];
    assert_eq!(rules, expected.map(|(name, rule)| (name.to_owned(), rule)), "{:#?}", report.left_out);
    assert!(report.to_string().contains("8 of 9 pictures left out: 1 unreadable, 1 without a face"), "{report}");
}

#[test]
fn turned_and_cut_off_faces_are_left_out_by_their_flags() {
    let setting = |rules: Rules| Setting { rules, ..Setting::new(&[("a.png", scene(&DREAMS[0], 256))]) };
    let rules = Rules { min_sharpness: 1.0, ..Rules::default() };
    for (rules, word) in
        [(Rules { max_yaw: 0.0, ..rules }, "1 turned"), (Rules { min_inside: 1.1, ..rules }, "1 cut off")]
    {
        let setting = setting(rules);
        let error = setting.run("out", None).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        assert!(!setting.path("out").exists(), "nothing is left behind");
    }
}

#[test]
fn a_portrait_stands_in_the_sizes_that_its_photograph_has() {
    let sides = [150, 256, 560];
    let pictures: Vec<_> = ["a.png", "b.png", "c.png"].into_iter().zip(sides).zip(DREAMS.iter()).collect();
    let pictures: Vec<_> = pictures.into_iter().map(|((name, side), dream)| (name, scene(dream, side))).collect();
    let setting = Setting::new(&pictures);
    let report = setting.run("out", None).unwrap();
    assert_eq!(report.portraits, [(3, 192), (2, 320), (1, 512)], "{:?}", report.left_out);
    for (size, names) in [(192, &["a", "b", "c"][..]), (320, &["b", "c"]), (512, &["c"])] {
        let found = contents(&setting.path(&format!("out/aligned{size}")));
        let expected: Vec<_> = names.iter().map(|n| setting.path(&format!("out/aligned{size}/{n}.png"))).collect();
        assert_eq!(found.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), expected);
        let picture = Image::load(&found[0].0).unwrap();
        assert_eq!((picture.width, picture.height), (size, size));
    }
    let table = Table::read(&setting.path("out/faces.csv"), &["landmarks320"]).unwrap();
    let sizes: Vec<&str> = table.rows().map(|row| row.text("size")).collect();
    assert_eq!(sizes, ["192", "320", "512"]);
}

#[test]
fn a_table_of_the_users_says_whom_the_portraits_show() {
    let setting = Setting::new(&[("x/a.png", scene(&DREAMS[0], 256)), ("b.png", scene(&DREAMS[1], 256))]);
    let people = setting.path("people.csv");
    std::fs::write(&people, "file;person;gender;born;year\r\na.png;Zoë;f;1950;2001\r\nz.png;Nobody;;;\r\n").unwrap();
    let report = setting.run("out", Some(&people)).unwrap();
    assert_eq!(report.unused_rows, 1);
    let table = Table::read(&setting.path("out/faces.csv"), &["file"]).unwrap();
    let cells: Vec<Vec<&str>> = table
        .rows()
        .map(|row| ["file", "source", "path", "person", "gender", "age"].map(|c| row.text(c)).to_vec())
        .collect();
    let expected = [vec!["b.png", "in", "b.png", "", "", ""], vec!["x-a.png", "in", "x/a.png", "Zoë", "F", "51"]];
    assert_eq!(cells, expected);

    // A wrong table is found before anything is written.
    std::fs::write(&people, "file;gender\r\na.png;maybe\r\n").unwrap();
    assert!(format!("{:#}", setting.run("wrong", Some(&people)).unwrap_err()).contains("expected F or M"));
    assert!(!setting.path("wrong").exists());
}

#[test]
fn the_same_pictures_give_the_same_files_and_nothing_is_written_over() {
    let pictures: Vec<_> = ["a.png", "b.png", "c.png"].into_iter().zip(DREAMS.iter().map(|d| scene(d, 256))).collect();
    let setting = Setting::new(&pictures);
    setting.run("first", None).unwrap();
    setting.run("second", None).unwrap();
    let without_folder = |name: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let folder = setting.path(name);
        contents(&folder).into_iter().map(|(p, bytes)| (p.strip_prefix(&folder).unwrap().to_owned(), bytes)).collect()
    };
    let first = without_folder("first");
    assert_eq!(first.len(), 7, "{:?}", first.iter().map(|f| &f.0).collect::<Vec<_>>());
    assert!(first == without_folder("second"));
    let error = setting.run("first", None).unwrap_err().to_string();
    assert!(error.ends_with("first: not empty; choose another name or remove it first"), "{error}");
    assert!(first == without_folder("first"));
}

#[test]
fn our_crops_lie_where_those_of_the_archive_do() {
    let Some(root) = testing::data_root_or_skip("our_crops_lie_where_those_of_the_archive_do") else { return };
    let path = root.join("congress/faces.csv");
    let table = Table::read(&path, &["file", "landmarks_portrait", "landmarks_aligned"]).unwrap();
    let rules = Rules { min_pixels: 60.0, min_sharpness: 0.0, ..Rules::default() };
    let rows: Vec<_> = table.rows().filter(|row| !row.text("landmarks_aligned").is_empty()).step_by(12).collect();
    let mut errors = Vec::new();
    for row in rows {
        let image = Image::load(&root.join("congress/portraits").join(row.text("file"))).unwrap();
        let Ok(seen) = look::main_face(&image, &EYES, &rules) else { continue };
        if rules.check(&seen).is_err() {
            continue;
        }
        // The teacher's eyes by our crop, and by the archive's: both 0 to 1.
        let scale = row.needed_number("portrait_scale").unwrap();
        let points = |column, scale| mirror::face::Landmarks { points: row.points(column, scale).unwrap() };
        let unit = Similarity { a: 0.5, b: 0.0, tx: 0.5, ty: 0.5 };
        let ours = points("landmarks_portrait", scale).map(&seen.crop.inverse().then(&unit)).eye_centres();
        let theirs = points("landmarks_aligned", 1.0 / 160.0).eye_centres();
        let distance = |p: [f32; 2], q: [f32; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        let apart = distance(theirs[0], theirs[1]);
        errors.extend([0, 1].map(|i| distance(ours[i], theirs[i]) / apart));
    }
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    eprintln!("eyes of {} portraits: {:.2} % of their distance apart", errors.len() / 2, 100.0 * mean);
    assert!(errors.len() > 200 && mean < 0.021, "{mean} of {}", errors.len());
}
