//! What `narcissus portraits` writes, and what it refuses.

use crate::setting::{DREAMT, Setting, files, narcissus, nobody, viewer};
use std::path::Path;

fn portraits(setting: &Setting, more: &[&str]) -> crate::setting::Outcome {
    let (from, out) = (setting.input(), setting.out());
    let paths = ["portraits", "--from", from.to_str().unwrap(), "--out", out.to_str().unwrap()];
    narcissus(&[&paths, more].concat())
}

#[test]
fn a_gan_learns_from_the_portraits_of_any_photographs() {
    let setting = Setting::new();
    (0..DREAMT).for_each(|i| drop(setting.put_picture(&format!("{i:02}.png"), &viewer(i))));
    setting.put_picture("nobody.png", &nobody());
    setting.put("notes.jpg", "Dear diary");
    let outcome = portraits(&setting, &["-v"]);
    let stderr = &outcome.assert_success().stderr;
    for words in
        ["notes.jpg: unreadable: not a picture", "nobody.png: without a face", "of 14 pictures left out: 1 unreadable"]
    {
        assert!(stderr.contains(words), "\"{words}\" is not in: {stderr}");
    }
    assert_eq!(files(&setting.out()), ["aligned192", "aligned320", "faces.csv"]);

    let run = tempfile::tempdir().unwrap();
    let (out, run) = (setting.out(), run.path().join("run"));
    let paths = ["train", "gan", "--portraits", out.to_str().unwrap(), "--out", run.to_str().unwrap()];
    let small = ["--kimg", "0.02", "--resolution", "8", "--fmap-base", "16", "--batch", "4", "--stop-after", "0.05"];
    // So few may have no woman with a closed mouth.
    let shares = ["--women", "0", "--closed-mouths", "0"];
    narcissus(&[&paths[..], &small, &shares].concat()).assert_success();
    assert!(run.join("generator.safetensors").exists());
}

#[test]
fn nothing_is_written_into_a_folder_that_is_not_empty_nor_where_nobody_is_seen() {
    let setting = Setting::new();
    setting.put_picture("nobody.png", &nobody());
    portraits(&setting, &[]).assert_one_error(&["no portrait to learn from", "1 without a face", "hint: -v names"]);
    assert!(!setting.out().exists());
    std::fs::create_dir(setting.out()).unwrap();
    std::fs::write(setting.out().join("mine.txt"), "").unwrap();
    portraits(&setting, &[]).assert_one_error(&["out: not empty; choose another name"]);
    assert_eq!(files(&setting.out()), ["mine.txt"]);
}

#[test]
fn flags_can_stand_in_the_file() {
    let setting = Setting::new();
    setting.put_picture("a.png", &viewer(0));
    let config = setting.out().with_extension("toml");
    let text = format!("[portraits]\nfrom = [{:?}]\nout = {:?}\nmin-pixels = 5000.0\n", setting.input(), setting.out());
    std::fs::write(&config, text).unwrap();
    let config: &Path = &config;
    let error = narcissus(&["portraits", "--config", config.to_str().unwrap()]).assert_one_error(&["1 too small"]);
    assert!(!error.contains("without a face"), "{error}");
}
