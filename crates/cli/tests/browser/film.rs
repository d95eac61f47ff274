//! Films for the browser's camera: faces that the generator dreamt, which come, move and go. A film is JPEG after JPEG, 30 a
//! second, and begins again when it ends.

use image::{Rgb, RgbImage, Rgba, RgbaImage, imageops};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Frames a second, which Chromium takes for granted.
pub const RATE: usize = 30;

static DREAMS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new(crate::narcissus())
        .args(["dream", "--count", "8", "--seed", "11", "--out"])
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    dir
});

/// The colour of the wall behind the visitors: that of the dreams' own backdrop.
const WALL: Rgb<u8> = Rgb([92, 134, 148]);
/// A dream's edge fades into the wall over this share of its side.
const FADE: f32 = 0.08;

/// One frame: `faces` are a dream's number, the middle of its picture, and its side.
fn frame(faces: &[(usize, [f32; 2], f32)]) -> Vec<u8> {
    jpeg(&scene(faces))
}

fn scene(faces: &[(usize, [f32; 2], f32)]) -> RgbImage {
    let mut scene = RgbImage::from_pixel(WIDTH, HEIGHT, WALL);
    for (dream, [x, y], side) in faces {
        let path = DREAMS.path().join(format!("dream-{:04}.png", dream + 1));
        let face = image::open(path).unwrap().to_rgb8();
        let face = imageops::resize(&face, *side as u32, *side as u32, imageops::FilterType::CatmullRom);
        let face = RgbaImage::from_fn(face.width(), face.height(), |px, py| {
            let from_edge = (px.min(face.width() - 1 - px)).min(py.min(face.height() - 1 - py)) as f32;
            let Rgb([r, g, b]) = *face.get_pixel(px, py);
            Rgba([r, g, b, (255.0 * (from_edge / (FADE * side)).min(1.0)) as u8])
        });
        let (left, top) = ((x - side / 2.0) as i64, (y - side / 2.0) as i64);
        let mut over = RgbaImage::new(WIDTH, HEIGHT);
        imageops::replace(&mut over, &face, left, top);
        for (below, above) in scene.pixels_mut().zip(over.pixels()) {
            let share = f32::from(above[3]) / 255.0;
            (0..3).for_each(|c| below[c] = (f32::from(below[c]) * (1.0 - share) + f32::from(above[c]) * share) as u8);
        }
    }
    scene
}

fn jpeg(scene: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder.encode(scene, WIDTH as u16, HEIGHT as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// Where somebody who sways is after `t` of a film, 0 to 1.
fn swaying(middle: [f32; 2], t: f32) -> [f32; 2] {
    let turn = std::f32::consts::TAU * t;
    [middle[0] + 24.0 * turn.sin(), middle[1] + 8.0 * (2.0 * turn).sin()]
}

fn save(dir: &Path, name: &str, frames: impl Iterator<Item = Vec<u8>>) -> PathBuf {
    let path = dir.join(format!("{name}.mjpeg"));
    std::fs::write(&path, frames.flatten().collect::<Vec<u8>>()).unwrap();
    path
}

/// One visitor, who sways, for so many seconds.
pub fn visitor(dir: &Path) -> PathBuf {
    let n = 3 * RATE;
    save(dir, "visitor", (0..n).map(|i| frame(&[(3, swaying([320.0, 260.0], i as f32 / n as f32), 300.0)])))
}

/// The same visitor before a camera that hangs on its side: turned a quarter anticlockwise.
pub fn visitor_on_their_side(dir: &Path) -> PathBuf {
    let n = 3 * RATE;
    let frames = (0..n).map(|i| {
        let upright = scene(&[(3, swaying([320.0, 260.0], i as f32 / n as f32), 300.0)]);
        let upright = imageops::crop_imm(&upright, 140, 0, 360, HEIGHT).to_image();
        let mut turned = RgbImage::from_pixel(WIDTH, HEIGHT, WALL);
        imageops::replace(&mut turned, &imageops::rotate270(&upright), 80, 60);
        jpeg(&turned)
    });
    save(dir, "sideways", frames)
}

/// Nobody.
pub fn nobody(dir: &Path) -> PathBuf {
    save(dir, "nobody", (0..RATE).map(|_| frame(&[])))
}

/// Two visitors beside each other.
pub fn two(dir: &Path) -> PathBuf {
    let n = 2 * RATE;
    let at = |i: usize, x: f32| swaying([x, 240.0], i as f32 / n as f32);
    save(dir, "two", (0..n).map(|i| frame(&[(0, at(i, 170.0), 230.0), (1, at(i, 470.0), 250.0)])))
}

/// A visitor who comes for three seconds and stays away for four.
pub fn coming_and_going(dir: &Path) -> PathBuf {
    let (there, n) = (3 * RATE, 7 * RATE);
    let at = |i: usize| swaying([320.0, 240.0], i as f32 / there as f32);
    let frames = (0..n).map(|i| if i < there { frame(&[(3, at(i), 260.0)]) } else { frame(&[]) });
    save(dir, "coming-and-going", frames)
}

/// A visitor who holds still and closes their eyes for five seconds of nine: nothing changes any more from side to side where they
/// were.
pub fn closing_eyes(dir: &Path) -> PathBuf {
    const SIDE: f32 = 300.0;
    let mut scene = scene(&[(3, [320.0, 260.0], SIDE)]);
    let open = jpeg(&scene);
    for y in (260.0 - 0.12 * SIDE) as u32..(260.0 + 0.02 * SIDE) as u32 {
        for (from, to) in [(0.28, 0.49), (0.51, 0.72)].map(|(a, b)| (a * SIDE + 170.0, b * SIDE + 170.0)) {
            let xs = from as u32..to as u32;
            let n = xs.len() as u32;
            let mean =
                [0, 1, 2].map(|c| (xs.clone().map(|x| u32::from(scene.get_pixel(x, y)[c])).sum::<u32>() / n) as u8);
            xs.for_each(|x| scene.put_pixel(x, y, Rgb(mean)));
        }
    }
    let closed = jpeg(&scene);
    save(dir, "closing-eyes", (0..9 * RATE).map(|i| if i < 4 * RATE { open.clone() } else { closed.clone() }))
}
