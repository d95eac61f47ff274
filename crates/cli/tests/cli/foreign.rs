//! Generators from elsewhere, on the command line.

use crate::setting::{Setting, files, narcissus, pack_copy, viewer};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixture(name: &str) -> String {
    repository().join("testdata/foreign").join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_pickle_becomes_a_pack_that_dreams_at_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let imported = narcissus(&["import", &fixture("tensorflow-fused-p2.pkl"), "--out", &path("pack")]);
    assert!(imported.assert_success().stderr.contains("16x16 pixels, latents of 9 numbers"), "{}", imported.stderr);
    for (pixels, side) in [("4", 4), ("15", 8), ("500", 16)] {
        let out = path(pixels);
        narcissus(&["dream", "--count", "1", "--pack", &path("pack"), "--max-resolution", pixels, "--out", &out])
            .assert_success();
        assert_eq!(image::open(dir.path().join(pixels).join("dream-0001.png")).unwrap().width(), side);
    }
    let info = narcissus(&["pack", "info", &path("pack")]);
    assert!(
        info.assert_success().stdout.contains("imported_from = tfutil.Network version 2, G_paper"),
        "{}",
        info.stdout
    );
}

#[test]
fn the_discriminator_becomes_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("d.safetensors");
    let (file, out) = (fixture("theano-p4.pkl"), out.to_str().unwrap());
    narcissus(&["import", &file, "--network", "D", "--out", out]).assert_success();
    assert!(nn::io::read(&std::fs::read(out).unwrap()).unwrap().tensors.contains_key("4x4/Dense1/weight"));
    narcissus(&["import", &file, "--network", "D", "--out", out]).assert_one_error(&["already exists"]);
    assert_eq!(narcissus(&["import", &file, "--network", "H", "--out", "x"]).code, 2);
}

#[test]
fn a_foreign_generator_is_taught_further_beside_its_own_discriminator() {
    let setting = Setting::new();
    (0..2).for_each(|i| drop(setting.put_picture(&format!("{i}.png"), &viewer(i))));
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    narcissus(&["import", &fixture("theano-p4.pkl"), "--network", "D", "--out", &path("d.safetensors")])
        .assert_success();
    narcissus(&["import", &fixture("theano-p4.pkl"), "--network", "G", "--out", &path("pack")]).assert_success();
    let go_on = |g: &str, d: &str, out: &str| {
        let pictures = setting.input().to_str().unwrap().to_owned();
        let [g, d, out] = [g, d, out].map(path);
        let files = ["--init-generator", &g, "--init-discriminator", &d, "--out", &out];
        narcissus(&[&["train", "gan", "--kimg", "0.05", "--batch", "4", "--pictures", &pictures], &files[..]].concat())
    };
    go_on("pack/generator.safetensors", "d.safetensors", "first").assert_success();
    go_on("first/generator.safetensors", "first/discriminator.safetensors", "second").assert_success();
    assert!(dir.path().join("second/discriminator.safetensors").exists());
    let outcome = go_on("first/generator.safetensors", "second/generator.safetensors", "third");
    outcome.assert_one_error(&["second/generator.safetensors", "FromRGB"]);
    assert!(!dir.path().join("third").exists());
}

#[test]
fn a_refused_file_is_named_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("evil.pkl"), b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.").unwrap();
    narcissus(&["adopt", &path("evil.pkl"), "--out", &path("new")]).assert_one_error(&["\"os.system\""]);
    assert_eq!(files(dir.path()), ["evil.pkl"]);
    narcissus(&["adopt", &path("evil.pkl"), "--visitors", &path("nowhere"), "--out", &path("new")])
        .assert_one_error(&["--visitors", "expected 20 or more"]);
    let without = pack_copy();
    std::fs::remove_file(without.path().join("visitors.safetensors")).unwrap();
    let pack = without.path().to_str().unwrap();
    narcissus(&["pack", "seal", pack]).assert_success();
    narcissus(&["adopt", &path("evil.pkl"), "--pack", pack, "--out", &path("new")])
        .assert_one_error(&["no \"visitors.safetensors\"", "--visitors DIR"]);
    narcissus(&["import", &path("evil.pkl"), "--out", &path("new")]).assert_one_error(&[
        "evil.pkl",
        "byte 2",
        "\"os.system\"",
        "nothing was run",
    ]);
    narcissus(&["import", &fixture("proggan.pth"), "--max-resolution", "8", "--out", &path("new")])
        .assert_one_error(&["no layer from maps to colours at 8 pixels"]);
    narcissus(&["export", "--out", &path("model.pth")]).assert_one_error(&[".onnx or .safetensors"]);
}

#[test]
fn what_is_no_generator_is_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (bytes, words) in [
        (&b""[..], "the file is empty; hint: "),
        (b"<!DOCTYPE html><html><head><title>Virus scan warning</title>", "a web page (\"Virus scan warning\")"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 277\n",
            "a Git LFS pointer to a file of 277 bytes",
        ),
        (b"{\"error\":\"quota\"}", "an answer of a server"),
        (b"Entry not found", "a text (\"Entry not found\")"),
        (b"\x80\x02cdnnlib.tflib.network\nNetwork\n.", "a StyleGAN or StyleGAN2"),
        (b"cos\nsystem\n(S'ls'\ntR.", "global \"os.system\""),
    ] {
        std::fs::write(path("gan.pkl"), bytes).unwrap();
        let outcome = narcissus(&["import", &path("gan.pkl"), "--out", &path("new")]);
        outcome.assert_one_error(&["gan.pkl: ", words, "hint: "]);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
    let half = &std::fs::read(fixture("tensorflow-fused-p2.pkl")).unwrap()[..20_000];
    std::fs::write(path("gan.pkl"), half).unwrap();
    narcissus(&["import", &path("gan.pkl"), "--out", &path("new")]).assert_one_error(&["byte ", "fetch it again"]);
    assert_eq!(files(dir.path()), ["gan.pkl"]);
}

#[test]
fn what_was_exported_can_be_imported() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    narcissus(&["export", "--max-resolution", "32", "--out", &path("small.safetensors")]).assert_success();
    let imported = narcissus(&["import", &path("small.safetensors"), "--out", &path("small")]);
    assert!(imported.assert_success().stderr.contains("32x32 pixels"), "{}", imported.stderr);
    let told = narcissus(&["export", "--out", &path("model.onnx")]);
    assert!(told.assert_success().stderr.contains("256x256 pixels, licence"), "{}", told.stderr);
}

/// Runs the program; gives back the most memory that it had, in MB.
fn peak_megabytes(arguments: &[&str]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_narcissus"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kilobytes = text.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0_u64));
        if let Some(exit) = child.try_wait().unwrap() {
            break exit;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert!(exit.success(), "{arguments:?}");
    peak / 1024
}

#[test]
fn the_size_that_was_published_fits_into_700_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let script = repository().join("reference/foreign/make_fixtures.py");
    let made = ["python3", "python"].into_iter().any(|python| {
        let run = Command::new(python).arg(&script).args(["--full", &path("full.pkl")]).stderr(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    });
    if !made || !cfg!(target_os = "linux") {
        eprintln!("skipped: no Python with NumPy, or a system that does not tell how much memory a program had");
        return;
    }
    assert!(std::fs::metadata(path("full.pkl")).unwrap().len() > 270_000_000, "G, D and Gs of 1024x1024");
    let peak = peak_megabytes(&["import", &path("full.pkl"), "--out", &path("pack")]);
    assert!((90..700).contains(&peak), "importing took {peak} MB");
    let peak = peak_megabytes(&["dream", "--pack", &path("pack"), "--count", "1", "--out", &path("out")]);
    assert!((90..700).contains(&peak), "a picture took {peak} MB");
    assert_eq!(image::open(dir.path().join("out/dream-0001.png")).unwrap().height(), 1024);
}
