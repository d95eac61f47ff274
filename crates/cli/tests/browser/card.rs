//! The generator on the graphics card of a browser (`web/card.js`), through WebGPU. Here that is SwiftShader, which runs on the CPU.

use crate::chromium::{Eye, Page, eventually, installed};
use crate::server::Server;
use crate::site::{Files, modules, open, write_site};
use crate::{alone, assert_reflected, film};
use data_encoding::BASE64;
use gpu::{Binding, Buffer, Pixels, Plan, Step, Storage};
use mirror::generator::{Config, Generator};
use mirror::latent::Latent;
use nn::{Rng, Tensor};
use serde_json::{Value, json};
use std::sync::MutexGuard;
use tempfile::TempDir;

/// Lets the browser use it.
const SWIFTSHADER: [&str; 2] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/// Of every value after each block, and of the picture.
const TOLERANCE: f32 = 1e-3;

/// The steps to a buffer's maps in place of the picture.
fn up_to(steps: &[Step], last: usize) -> Vec<Step> {
    let mut steps = steps[..=last].to_vec();
    let maps = steps[last].output;
    let step = &mut steps[last];
    step.output = Buffer::Picture;
    for (_, binding) in &mut step.bindings {
        if *binding == Binding::Buffer(maps) {
            *binding = Binding::Buffer(Buffer::Picture);
        }
    }
    steps
}

#[test]
fn every_block_in_the_browser_is_that_of_the_cpu() {
    let Some(chromium) = installed() else { return };
    let (_alone, server) = (alone(), Server::start(&[]));
    let mut page = Page::open_with(&chromium, &Eye::Denied, &server.url, &SWIFTSHADER);
    page.value("(async () => { globalThis.card = await (await import('/card.js')).Card.open(true); })()");
    page.wait("globalThis.card !== undefined");
    if page.value("card === null") == true {
        eprintln!("skipped: this browser has no WebGPU");
        return;
    }

    for (resolution, fmap_base, fmap_max) in [(64, 512, 40), (1024, 2048, 9)] {
        let config = Config { resolution, fmap_base, fmap_max, fmap_min: 1, latent_size: 9 };
        let mut rng = Rng::new(resolution as u64);
        let mut generator = Generator::new(config, &mut rng);
        for p in generator.params_mut() {
            p.value.iter_mut().for_each(|v| *v += 0.1 * rng.normal());
        }
        let latent = Latent::gaussian(9, &mut rng);
        let tape = generator.forward_tape(&Latent::batch(std::slice::from_ref(&latent)), 0.0);
        let plan = Plan::new(&generator, Storage::F32).unwrap();
        let steps = plan.steps(resolution, Pixels::Floats);
        let latent = plan.latent_bytes(&latent);

        // A program for each block, by its number in place of its size.
        let ends: Vec<usize> = (0..steps.len())
            .filter(|i| steps[*i].output != Buffer::Sums && !steps[*i].layer.ends_with("Dense"))
            .filter(|i| !steps[*i].layer.ends_with("Conv0"))
            .collect();
        let programs: Vec<Value> =
            (ends.iter()).map(|end| json!({"latent_bytes": latent.len(), "steps": up_to(&steps, *end)})).collect();
        let bytes = |base64: &str| format!("Uint8Array.from(atob('{base64}'), c => c.charCodeAt(0))");
        page.value(&format!(
            "(async () => {{
                globalThis.card = await (await import('/card.js')).Card.open(true);
                globalThis.latent = {latent};
                const programs = {programs};
                card.load({weights}, i => programs[i]);
            }})()",
            programs = Value::from(programs),
            weights = bytes(&BASE64.encode(plan.weights())),
            latent = bytes(&BASE64.encode(&latent)),
        ));
        assert_eq!(ends.len(), config.levels() - 1);
        for i in 0..ends.len() {
            let want: &Tensor = if i + 2 == config.levels() { tape.output() } else { tape.block(i) };
            let found = block(&mut page, i);
            let (maps, pixels) = (want.c(), want.h() * want.w());
            assert_eq!(found.len(), maps.div_ceil(4) * 4 * pixels);
            for (at, want) in want.data.iter().enumerate() {
                let (pixel, map) = (at / maps, at % maps);
                let found = found[(map / 4 * pixels + pixel) * 4 + map % 4];
                assert!((want - found).abs() < TOLERANCE, "block {i} of {resolution} pixels: {found}, not {want}");
            }
        }
        page.value("card.close()");
    }
}

/// What the card draws by the program of a block. Messages of the browser hold some megabytes at most.
fn block(page: &mut Page, i: usize) -> Vec<f32> {
    let len = page.value(&format!("card.draw(latent, {i}).then(drawn => (globalThis.drawn = drawn).length)"));
    let len = len.as_u64().unwrap_or_else(|| panic!("{len}")) as usize;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let piece = page.value(&format!(
            "((piece, text = []) => {{
                for (let at = 0; at < piece.length; at += 8192)
                    text.push(String.fromCharCode(...piece.subarray(at, at + 8192)));
                return btoa(text.join(''));
            }})(drawn.subarray({}, {}))",
            bytes.len(),
            bytes.len() + (4 << 20),
        ));
        bytes.extend(BASE64.decode(piece.as_str().unwrap().as_bytes()).unwrap());
    }
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// A site that draws so many pixels by a device has reflected a visitor.
fn reflected(device: &str, pixels: &str) -> Option<(MutexGuard<'static, ()>, TempDir, Files, Page)> {
    let (chromium, modules) = (installed()?, modules()?);
    let (alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let site = dir.path().join("site");
    write_site(&site, &modules, &["--device", device, "--max-resolution", pixels]);
    let (files, film) = (Files::serve(&site), film::visitor(dir.path()));
    let mut page = Page::open_with(&chromium, &Eye::Film(&film), "about:blank#first", &SWIFTSHADER);
    open(&mut page, &files.url);
    page.begin();
    assert_reflected(&mut page);
    Some((alone, dir, files, page))
}

#[test]
fn a_site_draws_on_the_card_what_the_processor_draws() {
    // SwiftShader takes more than the patience for a picture of 32 pixels.
    let Some((_alone, _dir, _files, mut page)) = reflected("gpu", "8") else { return };
    // It is named once a picture of it was compared with the processor's.
    page.wait("narcissus.performance.device");
    let before = page.drawn();
    eventually("the card draws another picture", || (page.drawn() != before).then_some(()));
    assert_ne!(page.value("narcissus.performance.device"), "");
}

#[test]
fn a_software_renderer_does_not_draw_where_the_faster_one_shall() {
    let Some((_alone, _dir, _files, mut page)) = reflected("auto", "32") else { return };
    assert_eq!(page.value("narcissus.performance.device"), "");
}
