//! The module in Node draws what the same code draws natively. Skips, with a word, where there is no Node, or no module: `NARCISSUS_MODULES`
//! names the folder that packaging/web/module.sh wrote.

use mirror::latent::Latent;
use mirror::live::LiveSettings;
use mirror::pack::Pack;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm::{Eyes, Hand};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// More than a second: somebody has come, and the transition is over.
const FRAMES: usize = 40;

fn module() -> Option<PathBuf> {
    let folder = std::env::var_os("NARCISSUS_MODULES")?;
    let file = Path::new(&folder).join("narcissus.wasm");
    assert!(file.is_file(), "NARCISSUS_MODULES: no {}", file.display());
    host::find_program("node").is_some().then_some(file)
}

/// A dreamt face before a wall, four bytes a pixel.
fn frame(pack: &Pack) -> Vec<u8> {
    let painter = mirror::engine::Mirror::builder(pack).painter().unwrap();
    let face = painter.paint(&Latent::gaussian(painter.latent_size(), &mut nn::Rng::new(11))).resized(240, 240);
    let mut room = frame::Image::flat(WIDTH, HEIGHT, [92, 134, 148]);
    room.paste(&face, 200, 120);
    room.data.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
}

/// The last drawn picture, as a message.
fn natively(pack: &Pack, frame: &[u8]) -> Vec<u8> {
    let settings = LiveSettings::default();
    let (mut eyes, hand) = (Eyes::open(pack, settings).unwrap(), Hand::open(pack, &settings, None).unwrap());
    let mut drawn = Vec::new();
    for i in 0..FRAMES {
        let at = i as f64 / 30.0;
        let seen = eyes.look(frame, [WIDTH, HEIGHT], at).unwrap();
        drawn = hand.draw(&serde_json::to_string(&seen.request).unwrap(), at).unwrap();
        eyes.set_shown(&drawn).unwrap();
    }
    drawn
}

#[test]
fn the_module_draws_what_the_program_draws() {
    let Some(module) = module() else {
        eprintln!("skipped: no Node, or NARCISSUS_MODULES is not set");
        return;
    };
    let (pack, dir) = (Pack::embedded().unwrap(), tempfile::tempdir().unwrap());
    let (frame, path) = (frame(&pack), dir.path().join("frame"));
    std::fs::write(&path, &frame).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("node")
        .arg(tests.join("tests/play.mjs"))
        .args([&module, &tests.join("../../packs/office"), &path])
        .args([WIDTH, HEIGHT, FRAMES].map(|n| n.to_string()))
        .status();
    assert!(status.unwrap().success());

    let (ours, theirs) = (natively(&pack, &frame), std::fs::read(dir.path().join("frame.drawn")).unwrap());
    let picture =
        |message: &[u8]| message[4 + u32::from_le_bytes(message[..4].try_into().unwrap()) as usize..].to_vec();
    let (ours, theirs) = (picture(&ours), picture(&theirs));
    assert_eq!(ours.len(), theirs.len());
    let far = ours.iter().zip(&theirs).filter(|(a, b)| a.abs_diff(**b) > 2).count();
    let share = far as f64 / ours.len() as f64;
    eprintln!("{:.3} % of values differ by more than 2/255", 100.0 * share);
    assert!(share <= 0.01, "{far} of {} values differ by more than 2/255", ours.len());
}

#[test]
fn who_is_forgotten_is_not_drawn_any_more() {
    let pack = Pack::embedded().unwrap();
    let (frame, settings) = (frame(&pack), LiveSettings::default());
    let (mut eyes, hand) = (Eyes::open(&pack, settings).unwrap(), Hand::open(&pack, &settings, None).unwrap());
    let (mut request, mut first) = (String::new(), String::new());
    for i in 0..FRAMES {
        let at = i as f64 / 30.0;
        let seen = eyes.look(&frame, [WIDTH, HEIGHT], at).unwrap();
        request = serde_json::to_string(&seen.request).unwrap();
        if i == 0 {
            first = serde_json::to_string(&seen).unwrap();
        }
        eyes.set_shown(&hand.draw(&request, at).unwrap()).unwrap();
    }
    hand.forget(eyes.forget());
    assert!(hand.draw(&request, 2.0).unwrap().is_empty());
    // The eyes are as at the beginning: the same frame comes to the same, but for the epoch.
    let again = serde_json::to_string(&eyes.look(&frame, [WIDTH, HEIGHT], 0.0).unwrap()).unwrap();
    assert_ne!(again, first);
    assert_eq!(again.replace("\"epoch\":1", "\"epoch\":0"), first);
}
