//! The mirror's page without nets: gives back what it sees, as a coarse mosaic, and claims to have seen a face.
//!
//! For work on the page: `cargo run -p display --example echo`, then open the address that it prints.

use display::server::{ServerError, SessionFactory, Setup, serve};
use frame::Image;
use mirror::engine::MirrorError;
use mirror::face::LANDMARKS;
use mirror::face::attributes::GenderLabel;
use mirror::features::{Group, Pose};
use mirror::inverter::Verdict;
use mirror::live::protocol::{Controls, DataSizes, FrameReport, Judgement, State, TrackedFaceReport, ViewReport};
use mirror::live::{Analysed, RenderedView, Session};
use mirror::report::{AgeReport, FaceReport, GenderReport};
use std::f32::consts::TAU;
use std::sync::Arc;

struct Mosaic;

impl SessionFactory for Mosaic {
    fn open(&self) -> Box<dyn Session> {
        Box::new(Self)
    }
}

impl Session for Mosaic {
    fn analyse(&mut self, picture: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError> {
        let Some(picture) = picture.filter(|_| !controls.waiting) else {
            return Ok(analysed(Image::flat(64, 64, [40; 3]), None, FrameReport::default(), controls));
        };
        let side = picture.width.min(picture.height);
        let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
        let mosaic = picture.crop(left, top, side, side).resized(64, 64);

        let kept = Group::ALL.into_iter().enumerate().map(|(i, group)| (group, 0.1 * i as f32)).collect();
        let face = face(picture);
        let view = ViewReport {
            viewer: Some(1),
            progress: 1.0,
            distance: Some(1.3),
            judgement: Some(Judgement { age: face.age, gender: face.gender }),
            kept: Some(kept),
            ..Default::default()
        };
        let report = FrameReport {
            state: State::Reflecting,
            faces: vec![TrackedFaceReport {
                id: Some(1),
                still: false,
                over: false,
                verdicts: [(Verdict::Age, 41.0), (Verdict::Female, 0.7)].into(),
                face,
            }],
            views: vec![view],
            sizes: DataSizes {
                picture_bytes: picture.data.len(),
                features: 150,
                of: 150,
                latent: 256,
                reflection_bytes: 12_288,
            },
            eyes_closed_secs: 0.0,
        };
        Ok(analysed(mosaic, Some(1), report, controls))
    }

    fn forget(&mut self) {}
}

/// A circle of landmarks in the middle of the picture.
fn face(picture: &Image) -> FaceReport {
    let (x, y) = (picture.width as f32 / 2.0, picture.height as f32 / 2.0);
    let half = picture.width.min(picture.height) as f32 / 3.0;
    let on_circle = |i: usize| {
        let (sin, cos) = (i as f32 / LANDMARKS as f32 * TAU).sin_cos();
        [x + cos * half * 0.7, y + sin * half * 0.9]
    };
    FaceReport {
        rect: [x - half, y - half, 2.0 * half, 2.0 * half],
        score: 0.9,
        confidence: 0.9,
        landmarks: std::array::from_fn(on_circle),
        pose: Pose { yaw: 4.0, pitch: -2.0, roll: 1.0 },
        age: Some(AgeReport { mean: 41.0, low: 33.0, high: 52.0 }),
        gender: Some(GenderReport { label: GenderLabel::Unsure, female: 0.7, male: 0.3 }),
        features: Vec::new(),
    }
}

fn analysed(image: Image, viewer: Option<u64>, report: FrameReport, controls: &Controls) -> Analysed {
    let view = RenderedView { viewer, progress: 1.0, picture: Arc::new(image.into()), at: 0.0 };
    Analysed { report, controls: controls.clone(), draw: Box::new(move || vec![view.clone()]) }
}

fn main() -> Result<(), ServerError> {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(7860);
    serve(Setup::local(port), Mosaic, |addresses| println!("the mirror is at {}", addresses.page)).map(drop)
}
