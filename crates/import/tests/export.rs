//! Generators that go to other programs draw there what they draw here.

use import::export::{OPSET, export, onnx};
use import::{ImportOptions, read_generator};
use mirror::generator::{Config, Generator, Painter};
use nn::{Rng, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const TINY: Config = Config { resolution: 16, fmap_base: 64, fmap_max: 6, fmap_min: 1, latent_size: 5 };

fn generator() -> Generator {
    let mut rng = Rng::new(4);
    let mut generator = Generator::new(TINY, &mut rng);
    for p in generator.params_mut() {
        p.value.iter_mut().for_each(|v| *v += 0.1 * rng.normal());
    }
    generator
}

fn with_pixel_biases() -> Generator {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/foreign/gan-zoo.pth");
    read_generator(&file, ImportOptions::default()).unwrap()
}

/// A Python that has onnxruntime: `NARCISSUS_PYTHON`, or the system's.
fn python() -> Option<PathBuf> {
    let candidates =
        [std::env::var_os("NARCISSUS_PYTHON").map(PathBuf::from), Some("python3".into()), Some("python".into())];
    let has_it = |python: &PathBuf| {
        let asked = Command::new(python).args(["-c", "import numpy, onnxruntime"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    candidates.into_iter().flatten().find(has_it)
}

#[test]
fn onnx_runtime_draws_the_same() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with onnxruntime; NARCISSUS_PYTHON names one");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for (i, generator) in [generator(), with_pixel_biases(), generator().up_to(2)].iter().enumerate() {
        let path = |name: &str| dir.path().join(format!("{i}-{name}"));
        export(generator, &path("model.onnx"), false).unwrap();
        let size = generator.config().latent_size;
        let z = Tensor::new([3, 1, 1, size], Rng::new(9).normals(3 * size));
        std::fs::write(path("z"), z.data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_runtime.py");
        let run = Command::new(&python)
            .arg(script)
            .args([path("model.onnx"), path("z")])
            .arg("3")
            .arg(path("y"))
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let got: Vec<f32> = std::fs::read(path("y"))
            .unwrap()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let want = Painter::new(generator).forward(&z);
        let [n, h, w, c] = want.shape;
        assert_eq!(got.len(), n * h * w * c);
        for (i, want) in want.data.iter().enumerate() {
            let (picture, pixel, colour) = (i / (h * w * c), i / c % (h * w), i % c);
            let got = got[(picture * c + colour) * h * w + pixel];
            assert!((got - want).abs() < 1e-4, "value {i}: {got} there, {want} here");
        }
    }
}

/// The fields of a message: number, and the bytes or the number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    let mut fields = Vec::new();
    let varint = |bytes: &mut &[u8]| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        match tag & 7 {
            0 => fields.push((tag >> 3, vec![], varint(&mut bytes))),
            2 => {
                let len = varint(&mut bytes) as usize;
                fields.push((tag >> 3, bytes[..len].to_vec(), 0));
                bytes = &bytes[len..];
            }
            5 => {
                fields.push((tag >> 3, bytes[..4].to_vec(), 0));
                bytes = &bytes[4..];
            }
            wire => panic!("wire type {wire}"),
        }
    }
    fields
}

fn texts(message: &[u8], field: u64) -> Vec<String> {
    let of_field = fields(message).into_iter().filter(|f| f.0 == field);
    of_field.map(|f| String::from_utf8(f.1).unwrap()).collect()
}

#[test]
fn a_model_is_a_graph_in_which_every_input_is_known_before() {
    for generator in [generator(), with_pixel_biases()] {
        let about = BTreeMap::from([("dataset".to_owned(), "a test".to_owned())]);
        let model = fields(&onnx(&generator, &about));
        assert_eq!(model.iter().find(|f| f.0 == 1).unwrap().2, 8, "version of the format");
        let opset = fields(&model.iter().find(|f| f.0 == 8).unwrap().1);
        assert_eq!(opset.iter().find(|f| f.0 == 2).unwrap().2, OPSET as u64);
        let metadata = &model.iter().find(|f| f.0 == 14).unwrap().1;
        assert_eq!((texts(metadata, 1), texts(metadata, 2)), (vec!["dataset".into()], vec!["a test".into()]));

        let graph = fields(&model.iter().find(|f| f.0 == 7).unwrap().1);
        let (mut known, mut weights) = (vec!["latent".to_owned(), String::new()], 0);
        for (_, tensor, _) in graph.iter().filter(|f| f.0 == 5) {
            let parts = fields(tensor);
            let values: u64 = parts.iter().filter(|f| f.0 == 1).map(|f| f.2).product();
            let size = if parts.iter().any(|f| f.0 == 2 && f.2 == 7) { 8 } else { 4 };
            assert_eq!(parts.iter().find(|f| f.0 == 9).unwrap().1.len() as u64, size * values);
            weights += if size == 4 { values as usize } else { 0 };
            known.extend(texts(tensor, 8));
        }
        let lower: usize = generator
            .params()
            .iter()
            .filter(|p| p.name.starts_with("ToRGB_lod1") || p.name.starts_with("ToRGB_lod2"))
            .map(|p| p.value.len())
            .sum();
        let all: usize = generator.params().iter().map(|p| p.value.len()).sum();
        assert_eq!(
            weights,
            all - lower + 5,
            "all that is learned but for unused ways to colours, an epsilon and four scales"
        );
        let nodes: Vec<&Vec<u8>> = graph.iter().filter(|f| f.0 == 1).map(|f| &f.1).collect();
        for node in &nodes {
            for input in texts(node, 1) {
                assert!(known.contains(&input), "{input} is not known yet");
            }
            known.extend(texts(node, 2));
        }
        assert!(known.contains(&"picture".to_owned()));
        let count = |operator: &str| nodes.iter().filter(|n| texts(n, 4) == [operator]).count();
        assert_eq!((count("Conv"), count("Resize"), count("LeakyRelu"), count("Gemm")), (6, 2, 6, 1));
    }
}

#[test]
fn safetensors_come_back_as_they_went() {
    let dir = tempfile::tempdir().unwrap();
    let (exact, half) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
    export(&generator(), &exact, false).unwrap();
    export(&generator(), &half, true).unwrap();
    let z = Tensor::new([2, 1, 1, 5], Rng::new(9).normals(10));
    let want = generator().forward(&z);
    for (path, tolerance) in [(exact, 1e-5), (half, 1e-2)] {
        let got = read_generator(&path, ImportOptions::default()).unwrap().forward(&z);
        assert!(got.data.iter().zip(&want.data).all(|(a, b)| (a - b).abs() < tolerance), "{}", path.display());
        assert!(export(&generator(), &path, false).unwrap_err().to_string().contains("already exists"));
    }
}

#[test]
fn what_cannot_be_written_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        |generator: &Generator, name: &str| export(generator, &dir.path().join(name), false).unwrap_err().to_string();
    assert!(error(&generator(), "model.pth").contains("ends in .onnx or .safetensors"));
    assert!(error(&with_pixel_biases(), "model.safetensors").contains("hint: a name that ends in .onnx"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
