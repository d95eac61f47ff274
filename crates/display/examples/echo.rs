//! The mirror's page without nets: gives back what it sees, as a coarse mosaic, and claims to have seen a face.
//!
//! For work on the page: `cargo run -p display --example echo`, then open the address that it prints.

use display::server::{Answer, Reflector, serve};
use frame::Image;

struct Mosaic;

impl Reflector for Mosaic {
    fn reflect(&self, picture: &Image) -> Result<Answer, String> {
        let side = picture.width.min(picture.height);
        let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
        let middle = picture.crop(left, top, side, side);
        let (x, y, half) = (picture.width as f32 / 2.0, picture.height as f32 / 2.0, side as f32 / 3.0);
        let on_circle = |i: usize| {
            let (sin, cos) = (i as f32 / 68.0 * std::f32::consts::TAU).sin_cos();
            [x + cos * half * 0.7, y + sin * half * 0.9]
        };
        let seen = serde_json::json!({"input": "live", "faces": [{
            "box": [x - half, y - half, 2.0 * half, 2.0 * half],
            "score": 0.9,
            "landmarks": (0..68).map(on_circle).collect::<Vec<_>>(),
            "pose": {"yaw": 4.0, "pitch": -2.0, "roll": 1.0},
            "age": {"mean": 41.0, "low": 33.0, "high": 52.0},
            "gender": {"label": "unsure", "female": 0.7, "male": 0.3},
            "features": vec![0.0; 80],
        }]});
        Ok(Answer { reflection: Some(middle.resized(64, 64)), seen: seen.to_string() })
    }
}

fn main() -> Result<(), display::server::ServerError> {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(7860);
    serve(port, Mosaic, |address| println!("the mirror is at http://{address}"))
}
