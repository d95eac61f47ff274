//! Bad input: a clear error in one line, a non-zero exit, nothing half-written.

use crate::setting::{Setting, files, jpeg, narcissus, nobody, pack_copy, viewer};
use image::RgbImage;
use std::path::Path;

/// Asserts that `reflect` and `analyse` refuse a file in one line that names it and holds `words`.
#[track_caller]
fn assert_refused(setting: &Setting, path: &Path, words: &[&str]) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let words = [&[name], words].concat();
    let reflected = setting.reflect(path);
    reflected.assert_one_error(&words);
    assert_eq!(reflected.stderr.lines().count(), 1, "{}", reflected.stderr);
    assert_eq!(files(&setting.out()), [""; 0], "nothing is written");
    let analysed = narcissus(&["analyse".as_ref(), path.as_os_str(), "--json".as_ref()]);
    analysed.assert_one_error(&words);
    assert_eq!(analysed.stdout, "");
}

#[test]
fn a_file_that_is_not_there() {
    let setting = Setting::new();
    assert_refused(&setting, &setting.input().join("nowhere.jpg"), &[]);
}

#[test]
fn a_file_that_is_no_picture() {
    let setting = Setting::new();
    assert_refused(&setting, &setting.put("notes.txt", "Dear diary"), &[]);
    assert_refused(&setting, &setting.put("liar.jpg", "Dear diary"), &[]);
    assert_refused(&setting, &setting.put("empty.png", ""), &[]);
}

#[test]
fn a_truncated_jpeg() {
    let setting = Setting::new();
    let whole = jpeg(&viewer(0));
    for share in [10, 2] {
        let cut = &whole[..whole.len() - whole.len() / share];
        assert_refused(&setting, &setting.put("cut.jpg", cut), &[]);
    }
}

#[test]
fn a_picture_of_one_pixel() {
    let setting = Setting::new();
    let path = setting.put_picture("dot.png", &RgbImage::new(1, 1));
    let outcome = setting.reflect(&path);
    assert!(outcome.stderr.contains("dot.png"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no face") || outcome.code == 1, "{}", outcome.stderr);
    assert!(!setting.out().join("dot.reflection.png").exists());
}

#[test]
fn a_picture_of_twenty_thousand_columns() {
    let setting = Setting::new();
    assert_refused(&setting, &setting.put_picture("wide.png", &RgbImage::new(20_000, 12)), &["20000"]);
}

#[test]
fn a_folder_without_pictures() {
    let setting = Setting::new();
    setting.put("notes.txt", "Dear diary");
    setting.reflect(&setting.input()).assert_one_error(&["no picture"]);
}

#[test]
fn no_face_is_no_error_and_is_said() {
    let setting = Setting::new();
    let path = setting.put_picture("nobody.png", &nobody());
    let outcome = setting.reflect(&path);
    assert!(outcome.assert_success().stderr.contains("nobody.png: no face"), "{}", outcome.stderr);
    assert_eq!(files(&setting.out()), ["contact-sheet.png", "reflections.jsonl"]);
    let lines = setting.lines();
    assert_eq!((lines[0]["faces"].as_u64(), &lines[0]["reflection"]), (Some(0), &serde_json::Value::Null));
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let setting = Setting::new();
    setting.put("a.jpg", "Dear diary");
    setting.put_picture("b.png", &viewer(0));
    setting.put_picture("c.png", &nobody());
    let outcome = setting.reflect(&setting.input());
    outcome.assert_one_error(&["a.jpg"]);
    assert!(outcome.stderr.contains("1 of 3 inputs could not be used"), "{}", outcome.stderr);
    assert_eq!(files(&setting.out()), ["b.reflection.png", "contact-sheet.png", "reflections.jsonl"]);
    let lines = setting.lines();
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["error"].is_string() && lines[1]["error"].is_null() && lines[2]["reflection"].is_null());
}

#[test]
fn an_unwritable_output_is_refused_before_any_work() {
    let setting = Setting::new();
    let file = setting.put("file", "");
    let out = file.join("out");
    let path = setting.put_picture("a.png", &nobody());
    let reflect = narcissus(&["reflect".as_ref(), path.as_os_str(), "--out".as_ref(), out.as_os_str()]);
    let dream = narcissus(&["dream".as_ref(), "--out".as_ref(), out.as_os_str()]);
    for outcome in [reflect, dream] {
        outcome.assert_one_error(&["cannot write to", "file"]);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
}

#[test]
fn a_corrupt_pack() {
    let pack = pack_copy();
    let file = pack.path().join("generator.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&file, &bytes).unwrap();
    assert_pack_refused(pack.path(), &["generator.safetensors", "corrupt"]);
    std::fs::write(&file, &bytes[..middle]).unwrap();
    assert_pack_refused(pack.path(), &["generator.safetensors"]);
    std::fs::remove_file(&file).unwrap();
    assert_pack_refused(pack.path(), &["generator.safetensors", "missing"]);
}

#[test]
fn a_pack_of_a_newer_version() {
    let pack = pack_copy();
    let manifest = pack.path().join("pack.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("format = 1\n"));
    std::fs::write(&manifest, text.replace("format = 1\n", "format = 2\n")).unwrap();
    assert_pack_refused(pack.path(), &["pack format 2", "hint"]);
}

#[test]
fn a_folder_that_is_no_pack() {
    let folder = tempfile::tempdir().unwrap();
    assert_pack_refused(folder.path(), &["pack.toml"]);
    assert_pack_refused(&folder.path().join("nowhere"), &["nowhere"]);
}

/// Asserts that no command works with a pack, each saying why in one line, before anything is written.
#[track_caller]
fn assert_pack_refused(pack: &Path, words: &[&str]) {
    let setting = Setting::new();
    let picture = setting.put_picture("a.png", &nobody());
    let (pack, out, picture) = (pack.to_str().unwrap(), setting.out(), picture.to_str().unwrap().to_owned());
    let out = out.to_str().unwrap();
    for arguments in [
        &["pack", "verify", pack] as &[&str],
        &["pack", "info", "--pack", pack],
        &["reflect", &picture, "--pack", pack, "--out", out],
        &["analyse", &picture, "--pack", pack],
        &["dream", "--pack", pack, "--out", out],
        &["mirror", "--pack", pack, "--port", "0"],
    ] {
        let outcome = narcissus(arguments);
        outcome.assert_one_error(words);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
    }
    assert_eq!(files(&setting.out()), [""; 0]);
}

#[test]
#[cfg(not(feature = "gpu"))]
fn a_card_that_the_program_cannot_use() {
    let setting = Setting::new();
    let out = setting.out();
    for command in ["dream", "bench"] {
        let mut words = vec![command.as_ref(), "--device".as_ref(), "gpu".as_ref()];
        if command == "dream" {
            words.extend(["--out".as_ref(), out.as_os_str()]);
        }
        narcissus(&words).assert_one_error(&[
            "--device gpu",
            "built without graphics cards",
            "hint:",
            "--features gpu",
        ]);
    }
    let words = ["dream", "--device", "auto", "--count", "1", "--max-resolution", "8", "--out"].map(AsRef::as_ref);
    narcissus(&[&words[..], &[out.as_os_str()]].concat()).assert_success();
}

#[test]
fn wrong_usage_has_exit_code_2() {
    for arguments in [
        &["reflect"] as &[&str],
        &["reflect", "a.jpg"],
        &["dream", "--out", "x", "--count", "0"],
        &["mirror", "--port", "100000"],
        &["no-such-command"],
        &["doctor", "--threads", "0"],
        &["doctor", "--config", "nowhere.toml"],
    ] {
        let outcome = narcissus(arguments);
        assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty() && outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
    }
}

#[test]
fn a_table_that_holds_no_pairs_of_faces() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("pairs.csv");
    std::fs::write(&table, "S1,happy,1,2,3\n").unwrap();
    let (table, nowhere) = (table.to_str().unwrap(), folder.path().join("nowhere/out.json"));
    let nowhere = nowhere.to_str().unwrap();
    narcissus(&["select", "--pairs", table]).assert_one_error(&["pairs.csv", "row 1", "expected 274 columns, found 5"]);
    narcissus(&["select", "--pairs", nowhere]).assert_one_error(&["nowhere"]);
    narcissus(&["select", "--ck-plus", folder.path().to_str().unwrap()]).assert_one_error(&["Emotion"]);
    narcissus(&["select", "--nu", "0.5"]).assert_one_error(&["nu = 0.5", "at most"]);
    narcissus(&["select", "--out", nowhere]).assert_one_error(&["nowhere", "folder"]);
}

#[test]
fn a_mirror_that_cannot_be_as_it_is_asked_says_so_with_a_cure() {
    let setting = Setting::new();
    let source = setting.put_picture("somebody.png", &viewer(0));
    let source = source.to_str().unwrap();
    let protected = ["--certificate", "c.pem", "--key", "k.pem", "--token", "0123456789abcdef"];
    for (arguments, words) in [
        (vec!["--camera", "BRIO", "--source", source], ["--camera chooses among the browser's cameras", "hint: "]),
        ([&["--listen", "0.0.0.0"], &protected[..]].concat(), ["--listen 0.0.0.0", "hint: --name NAME"]),
        (vec!["--token", "0123456789abcdef"], ["--certificate, --key and --token", "go together"]),
    ] {
        let outcome = narcissus(&[&["mirror", "--port", "0"], &arguments[..]].concat());
        outcome.assert_one_error(&words);
    }
}
