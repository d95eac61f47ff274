//! The mirror's page without nets: gives back what it sees, as a coarse mosaic, and claims to have seen a face.
//!
//! For work on the page: `cargo run -p display --example echo`, then open the address that it prints.

use display::server::{Drawn, Glimpse, Look, Reflector, Session, Setup, serve};
use frame::Image;
use serde_json::{Value, json};

struct Mosaic;

impl Reflector for Mosaic {
    fn session(&self) -> Box<dyn Session> {
        Box::new(Self)
    }
}

impl Session for Mosaic {
    fn look(&mut self, glimpse: &Glimpse) -> Result<Look, String> {
        let Some(picture) = glimpse.picture.filter(|_| !glimpse.controls.waiting) else {
            return Ok(shown(Image::flat(64, 64, [40; 3]), false, &json!({"state": "dreaming"})));
        };
        let side = picture.width.min(picture.height);
        let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
        let middle = picture.crop(left, top, side, side);
        let (x, y, half) = (picture.width as f32 / 2.0, picture.height as f32 / 2.0, side as f32 / 3.0);
        let on_circle = |i: usize| {
            let (sin, cos) = (i as f32 / 68.0 * std::f32::consts::TAU).sin_cos();
            [x + cos * half * 0.7, y + sin * half * 0.9]
        };
        let face = json!({
            "id": 1, "still": false,
            "box": [x - half, y - half, 2.0 * half, 2.0 * half],
            "score": 0.9,
            "landmarks": (0..68).map(on_circle).collect::<Vec<_>>(),
            "pose": {"yaw": 4.0, "pitch": -2.0, "roll": 1.0},
            "age": {"mean": 41.0, "low": 33.0, "high": 52.0},
            "gender": {"label": "unsure", "female": 0.7, "male": 0.3},
        });
        let kept =
            json!({"shape": 0.4, "pose": 0.6, "age": 0.1, "gender": -0.2, "skin": 0.5, "hair": 0.7, "background": 0.2});
        let seen = json!({
            "state": "reflecting", "faces": [face], "eyes_closed_secs": 0.0, "pulse": glimpse.pulse,
            "glasses": [{"viewer": 1, "arrived": 1.0, "distance": 1.3, "kept": kept}],
            "sizes": {"picture_bytes": picture.data.len(), "numbers": 150, "of": 150, "latent": 256, "reflection_bytes": 12288},
        });
        Ok(shown(middle.resized(64, 64), true, &seen))
    }

    fn forget(&mut self) {}
}

fn shown(picture: Image, reflects: bool, seen: &Value) -> Look {
    let draw = move || Drawn { pictures: vec![picture.into()], reflects };
    Look { seen: seen.to_string(), draw: Box::new(draw) }
}

fn main() -> Result<(), display::server::ServerError> {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(7860);
    serve(Setup::at_home(port), Mosaic, |url| println!("the mirror is at {url}"))
}
