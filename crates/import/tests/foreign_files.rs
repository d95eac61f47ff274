//! Files of other programs draw what those programs would: the fixtures and the pictures are by `reference/foreign`.

use import::{ImportOptions, Network, read_discriminator, read_generator};
use mirror::generator::{Generator, Painter};
use nn::Tensor;
use nn::io::Weights;
use std::path::{Path, PathBuf};

/// What the issue of importing asks for: pictures, about -1 to 1, equal to a NumPy pass of the original definition.
const PICTURE_TOLERANCE: f32 = 1e-3;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/foreign").join(name)
}

fn goldens() -> Weights {
    nn::io::read(&std::fs::read(fixture("golden.safetensors")).unwrap()).unwrap()
}

/// Compares pictures `[n, h, w, 3]` with `[n, c, h, w]`, where one colour stands for three.
fn assert_drawn(name: &str, got: &Tensor, (shape, want): &(Vec<usize>, Vec<f32>)) {
    let [n, h, w, _] = got.shape;
    let colours = shape[1];
    assert_eq!((shape[0], shape[2], shape[3]), (n, h, w), "{name}");
    let (mut worst, mut largest) = (0.0_f32, 0.0_f32);
    for (i, got) in got.data.iter().enumerate() {
        let (picture, pixel, colour) = (i / (h * w * 3), i / 3 % (h * w), i % 3 % colours);
        let want = want[(picture * colours + colour) * h * w + pixel];
        (worst, largest) = (worst.max((got - want).abs()), largest.max(want.abs()));
    }
    assert!(largest > 0.5, "{name}: a picture of nothing proves nothing");
    assert!(worst <= PICTURE_TOLERANCE, "{name}: largest difference {worst}");
}

fn latents((shape, z): &(Vec<usize>, Vec<f32>)) -> Tensor {
    Tensor::new([shape[0], 1, 1, shape[1]], z.clone())
}

fn read(file: &str, network: Network) -> Generator {
    let options = ImportOptions { network, ..ImportOptions::default() };
    read_generator(&fixture(file), options).unwrap_or_else(|e| panic!("{e}"))
}

const KARRAS: [&str; 5] =
    ["tensorflow-fused-p2", "tensorflow-unfused-p3", "tensorflow-fused-p4", "theano-python2", "theano-p4"];

#[test]
fn karras_pickles_draw_what_the_paper_defines() {
    let golden = goldens();
    for name in KARRAS {
        let z = latents(&golden.tensors[&format!("{name}/z")]);
        for network in [Network::G, Network::Gs] {
            let generator = read(&format!("{name}.pkl"), network);
            assert_eq!(generator.metadata()["network"], network.to_string());
            let want = &golden.tensors[&format!("{name}/{network}/16")];
            assert_drawn(&format!("{name}, {network}"), &Painter::new(&generator).forward(&z), want);
            for (lod, side) in [(0.0, 16), (1.0, 8), (2.0, 4)] {
                let want = &golden.tensors[&format!("{name}/{network}/{side}")];
                assert_drawn(&format!("{name}, {network} at {side}"), &generator.forward_lod(&z, lod), want);
            }
        }
    }
}

#[test]
fn protocols_that_nobody_chooses_draw_the_same() {
    let golden = goldens();
    for name in ["tensorflow-p0", "tensorflow-p1", "tensorflow-p5"] {
        let z = latents(&golden.tensors[&format!("{name}/z")]);
        for network in [Network::G, Network::Gs] {
            let drawn = read(&format!("{name}.pkl"), network).forward(&z);
            assert_drawn(&format!("{name}, {network}"), &drawn, &golden.tensors[&format!("{name}/{network}/8")]);
        }
        assert!(read_discriminator(&fixture(&format!("{name}.pkl"))).is_ok());
    }
}

#[test]
fn safetensors_of_something_else_are_named() {
    let error = read_generator(&fixture("golden.safetensors"), ImportOptions::default()).err().unwrap().to_string();
    assert!(error.contains("golden.safetensors: safetensors of another model: it begins with \""), "{error}");
}

#[test]
fn pytorch_checkpoints_draw_what_their_programs_define() {
    let golden = goldens();
    for name in ["gan-zoo", "gan-zoo-legacy", "proggan", "proggan-old", "genforce", "twin-checkpoint", "twin-old"] {
        let key = if name.starts_with("twin") { "twin" } else { name };
        let z = latents(&golden.tensors[&format!("{key}/z")]);
        let generator = read(&format!("{name}.pth"), Network::Gs);
        assert!(generator.metadata().contains_key("imported_from"), "{name}");
        let want = &golden.tensors[&format!("{key}/Gs/16")];
        assert_drawn(name, &generator.forward(&z), want);
        assert_drawn(&format!("{name}, painted"), &Painter::new(&generator).forward(&z), want);
    }
}

#[test]
fn a_checkpoint_says_what_it_lacks() {
    let options = |network, max_resolution| ImportOptions { network, max_resolution, half: false };
    let refusal = |file: &str, options| read_generator(&fixture(file), options).err().unwrap().to_string();
    let error = refusal("genforce.pth", options(Network::G, None));
    assert!(error.contains("no network G in the checkpoint") && error.contains("--network"), "{error}");
    let error = refusal("proggan.pth", options(Network::Gs, Some(8)));
    assert!(error.contains("no layer from maps to colours at 8 pixels, only at 16"), "{error}");
    assert!(read_generator(&fixture("gan-zoo.pth"), options(Network::G, Some(8))).is_ok());
    let error = refusal("twin-untold.pth", ImportOptions::default());
    assert!(error.contains("does not say how far its training was") && error.contains("hint: "), "{error}");
    let error = refusal("twin-fading.pth", ImportOptions::default());
    assert!(error.contains("--max-resolution"), "{error}");
    assert!(read_generator(&fixture("twin-fading.pth"), options(Network::Gs, Some(8))).is_ok());
    for file in ["gan-zoo.pth", "golden.safetensors"] {
        let error = read_discriminator(&fixture(file)).err().unwrap().to_string();
        assert!(error.contains("Karras' programs only"), "{error}");
    }
}

#[test]
fn a_lower_level_of_a_file_can_be_taken() {
    let golden = goldens();
    for name in KARRAS {
        let options = ImportOptions { max_resolution: Some(8), ..ImportOptions::default() };
        let generator = read_generator(&fixture(&format!("{name}.pkl")), options).unwrap();
        assert_eq!(generator.config().resolution, 8);
        let z = latents(&golden.tensors[&format!("{name}/z")]);
        assert_drawn(name, &generator.forward(&z), &golden.tensors[&format!("{name}/Gs/8")]);
    }
}

/// The scores of pictures `[n, r, r, 3]` by our own discriminator with the weights of a file.
fn scores(weights: &Weights, pictures: &Tensor, levels: usize) -> Vec<f32> {
    let maps = |level: usize| weights.tensors[&format!("FromRGB_lod{}/bias", levels - level)].1.len();
    let latent = weights.tensors["4x4/Dense0/bias"].1.len();
    let most = (2..=levels).map(maps).max().unwrap().max(latent);
    let base = (2..=levels).map(|level| maps(level) << (level - 1)).max().unwrap();
    let config = mirror::generator::Config {
        resolution: 1 << levels,
        fmap_base: base,
        fmap_max: most,
        fmap_min: 1,
        latent_size: 1,
    };
    let mut judge = train::gan::Discriminator::new(config, &mut nn::Rng::new(1));
    nn::io::fill_all(weights.clone(), judge.params_mut()).unwrap();
    // Files have the last maps as (map, pixel), memory as (pixel, map).
    for p in judge.params_mut().into_iter().filter(|p| p.name == "4x4/Dense0/weight") {
        let (inputs, outputs) = (p.shape[0], p.shape[1]);
        let maps = inputs / 16;
        let old = p.value.clone();
        for (i, o) in (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o))) {
            p.value[i * outputs + o] = old[(i % maps * 16 + i / maps) * outputs + o];
        }
    }
    judge.forward_tape(pictures, 0.0).scores().to_vec()
}

#[test]
fn discriminators_judge_as_the_paper_defines() {
    let golden = goldens();
    for name in ["theano-python2", "theano-p4"] {
        let weights = read_discriminator(&fixture(&format!("{name}.pkl"))).unwrap_or_else(|e| panic!("{e}"));
        let (shape, x) = &golden.tensors[&format!("{name}/x")];
        let [n, c, h, w] = shape[..] else { panic!("pictures") };
        let nhwc = (0..n * h * w * c).map(|i| x[(i / (h * w * c) * c + i % c) * h * w + i / c % (h * w)]).collect();
        let got = scores(&weights, &Tensor::new([n, h, w, c], nhwc), 4);
        let want = &golden.tensors[&format!("{name}/D")].1;
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() <= PICTURE_TOLERANCE, "{name}: {got} against {want}");
        }
    }
}

#[test]
fn a_fused_discriminator_keeps_its_names() {
    let weights = read_discriminator(&fixture("tensorflow-fused-p2.pkl")).unwrap();
    assert_eq!(weights.tensors["16x16/Conv1_down/weight"].0, [6, 5, 3, 3]);
    assert_eq!(weights.tensors["4x4/Dense1/weight"].0, [1, 6]);
    assert!(!weights.tensors.contains_key("16x16/Conv1/weight"));
}

#[test]
fn a_network_is_not_taken_for_another() {
    let options = ImportOptions { network: Network::D, ..ImportOptions::default() };
    let error = read_generator(&fixture("tensorflow-fused-p2.pkl"), options).err().unwrap().to_string();
    assert!(error.contains("discriminator"), "{error}");
}
