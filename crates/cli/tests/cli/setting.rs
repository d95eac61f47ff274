//! Runs the binary, and makes pictures for it to look at.

use image::{Rgb, RgbImage, imageops};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// What a run of the binary left.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Asserts that it failed with exit code 1 and says so in one line that holds all of `words`; gives back the line.
    #[track_caller]
    pub fn assert_one_error(&self, words: &[&str]) -> String {
        assert_eq!(self.code, 1, "{}", self.stderr);
        let lines: Vec<&str> = self.stderr.lines().filter(|l| l.starts_with("error: ")).collect();
        let first = *lines.first().expect("a line that begins with error:");
        for word in words {
            assert!(first.contains(word), "\"{word}\" is not in: {first}");
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        first.to_owned()
    }

    #[track_caller]
    pub fn assert_success(&self) -> &Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }
}

/// Runs `narcissus` with these arguments, away from the environment of whoever tests.
pub fn narcissus<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_narcissus"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NARCISSUS_")) {
        command.env_remove(name);
    }
    let output = command.args(arguments).output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The default pack as a folder.
pub fn pack_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/office")
}

/// A copy of the default pack that a test may damage.
pub fn pack_copy() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(pack_folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// How many dreams [`DREAMS`] has.
pub const DREAMT: usize = 12;

static DREAMS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    narcissus(&["dream", "--count", &DREAMT.to_string(), "--seed", "5", "--out", out]).assert_success();
    dir
});

/// A picture of 640x480 pixels with a dreamt face in its middle.
pub fn viewer(index: usize) -> RgbImage {
    scene(&DREAMS.path().join(format!("dream-{:04}.png", index + 1)))
}

/// A picture of 640x480 pixels with the face of a picture in its middle.
pub fn scene(dream: &Path) -> RgbImage {
    let dream = image::open(dream).unwrap().to_rgb8();
    let face = imageops::resize(&dream, 256, 256, imageops::FilterType::CatmullRom);
    // The colour of the corner goes on around it, so that the edge of the dream looks less like an edge.
    let mut scene = RgbImage::from_pixel(640, 480, *dream.get_pixel(0, 0));
    imageops::replace(&mut scene, &face, 192, 112);
    scene
}

/// A table for `select --pairs`: twelve people whose faces are alike but for a little noise. Whoever smiles moves the corners of the
/// mouth apart, whoever does not moves the brows up.
pub fn pairs_of_faces() -> String {
    let mut text = String::new();
    for i in 0..24 {
        let smiles = i % 2 == 0;
        let noise = |p: usize| ((i * 31 + p * 17) % 13) as f32 / 10.0;
        let neutral: Vec<f32> = (0..136).map(|c| (c * 7 % 100) as f32 + noise(c)).collect();
        let mut expressive: Vec<f32> = neutral.iter().enumerate().map(|(c, v)| v + noise(c + 5)).collect();
        if smiles {
            (expressive[48 * 2], expressive[54 * 2]) = (neutral[48 * 2] - 15.0, neutral[54 * 2] + 15.0);
        } else {
            (17..27).for_each(|p| expressive[p * 2 + 1] = neutral[p * 2 + 1] - 12.0);
        }
        let columns: Vec<String> = neutral.iter().chain(&expressive).map(f32::to_string).collect();
        text += &format!("{},{},{}\n", i / 2, if smiles { "smile" } else { "brows" }, columns.join(","));
    }
    text
}

/// A picture without anybody: a slope of grey.
pub fn nobody() -> RgbImage {
    RgbImage::from_fn(320, 240, |x, y| Rgb([(x / 2) as u8, (y / 2) as u8, 90]))
}

/// The bytes of a JPEG of `picture`.
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.encode(picture, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// Names of the files in a folder, sorted; none where there is no folder.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The lines of a JSON-lines text.
pub fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A folder of pictures, and where their reflections go.
pub struct Setting {
    dir: TempDir,
}

impl Setting {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        Self { dir }
    }

    pub fn input(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    pub fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Puts bytes into the folder of inputs.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.input().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Puts a picture into the folder of inputs; the ending says in which format.
    pub fn put_picture(&self, name: &str, picture: &RgbImage) -> PathBuf {
        if name.ends_with(".jpg") {
            return self.put(name, jpeg(picture));
        }
        let path = self.input().join(name);
        picture.save(&path).unwrap();
        path
    }

    /// `narcissus reflect` of one path.
    pub fn reflect(&self, path: &Path) -> Outcome {
        narcissus(&["reflect".as_ref(), path.as_os_str(), "--out".as_ref(), self.out().as_os_str()])
    }

    /// What `reflections.jsonl` says.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        json_lines(&std::fs::read_to_string(self.out().join("reflections.jsonl")).unwrap())
    }
}
