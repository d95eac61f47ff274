//! What trainers say of bad pictures, of tables and of options that are not the run's.

use crate::setting::{Outcome, Setting, files, narcissus};
use image::RgbImage;
use std::path::Path;

/// Trains a GAN of 8 pixels for a moment.
fn train_gan(pictures: &Path, out: &Path, kimg: &str, more: &[&str]) -> Outcome {
    let (pictures, out) = (pictures.to_str().unwrap(), out.to_str().unwrap());
    let small = ["--kimg", kimg, "--resolution", "8", "--fmap-base", "16", "--batch", "4", "--stop-after", "0.05"];
    let paths = ["train", "gan", "--pictures", pictures, "--out", out];
    narcissus(&[&paths[..], &small, more].concat())
}

/// A folder of good pictures and of some that are none.
fn pictures(good: usize, bad: usize) -> Setting {
    let setting = Setting::new();
    (0..good).for_each(|i| drop(setting.put_picture(&format!("good-{i:02}.png"), &RgbImage::new(16, 16))));
    (0..bad).for_each(|i| drop(setting.put(&format!("bad-{i:02}.jpg"), "Dear diary")));
    setting
}

#[test]
fn a_few_bad_pictures_are_named_and_left_out() {
    let setting = pictures(18, 2);
    let outcome = train_gan(&setting.input(), &setting.out(), "0.02", &[]);
    let stderr = &outcome.assert_success().stderr;
    for words in ["left out: ", "bad-00.jpg: not a picture", "bad-01.jpg: not", "2 of 20 pictures left out"] {
        assert!(stderr.contains(words), "\"{words}\" is not in: {stderr}");
    }
}

#[test]
fn many_bad_pictures_are_an_error_that_names_each() {
    let setting = pictures(50, 10);
    let outcome = train_gan(&setting.input(), &setting.out(), "0.02", &[]);
    let names: Vec<String> = (0..10).map(|i| format!("bad-{i:02}.jpg")).collect();
    let mut words: Vec<&str> = names.iter().map(String::as_str).collect();
    words.extend(["10 of 60 pictures cannot be used", "hint: "]);
    outcome.assert_one_error(&words);
    assert!(!setting.out().exists(), "nothing is written");
}

#[test]
fn a_run_is_not_resumed_under_other_options() {
    let setting = pictures(2, 0);
    let train = |more: &[&str]| train_gan(&setting.input(), &setting.out(), "0.02", more);
    train(&["--latent", "8"]).assert_success();
    let error = train(&["--latent", "16", "--resume"]).assert_one_error(&[
        "checkpoint.safetensors: --resume: the run had --latent 8, this command asks for --latent 16",
        "hint",
    ]);
    assert!(!error.contains("--resolution"), "{error}");
    train(&["--latent", "8", "--fmap-max", "4", "--resume"]).assert_one_error(&["had --fmap-max 128", "--fmap-max 4"]);
    train(&["--latent", "8", "--loss", "wgan-gp", "--resume"]).assert_one_error(&["had --loss logistic-r1"]);
    train_gan(&setting.input(), &setting.out(), "0.04", &["--latent", "8", "--resume"]).assert_success();
}

#[test]
fn a_table_says_what_it_lacks() {
    let setting = Setting::new();
    setting.put("faces.csv", "\u{feff}datei;alter;gender\r\na.png;40;F\r\n");
    let folder = setting.input();
    let folder = folder.to_str().unwrap();
    let columns = ["faces.csv", "\"file\"", "separated by semicolons", "\"datei\", \"alter\", \"gender\""];
    narcissus(&["train", "attributes", "--data", folder]).assert_one_error(&columns);
    narcissus(&["train", "gan", "--portraits", folder]).assert_one_error(&columns);
    setting.put("faces.csv", "file;age;gender\r\na.png;40,5;F\r\n");
    narcissus(&["train", "attributes", "--data", folder]).assert_one_error(&[
        "1 of 1 faces",
        "a.png: ",
        "(os error 2)",
    ]);
    narcissus(&["train", "gan", "--portraits", folder]).assert_one_error(&["no column of landmarks", "--pictures"]);
}

/// Runs a feedback loop of children that are shown 64 pictures each.
fn feedback(out: &Path, more: &[&str]) -> Outcome {
    let tiny = ["--kimg", "0.064", "--portraits", "32", "--measured", "32", "--out", out.to_str().unwrap()];
    narcissus(&[&["feedback"], &tiny[..], more].concat())
}

#[test]
fn a_feedback_loop_leaves_a_chart_tables_faces_and_weights() {
    let setting = Setting::new();
    let out = setting.out();
    let outcome = feedback(&out, &["--generations", "1"]);
    let table = &outcome.assert_success().stdout;
    assert!(table.lines().any(|line| line.starts_with("women, % of the faces")), "{table}");
    let all = ["faces.png", "feedback.csv", "feedback.json", "feedback.svg", "generation-1.safetensors"];
    let written = files(&out);
    assert!(all.iter().all(|name| written.iter().any(|file| file == name)), "{written:?}");

    // It goes on with the same options only, and says which differ.
    feedback(&out, &["--generations", "2"]).assert_one_error(&["holds a run already", "--resume"]);
    let other = ["--generations", "2", "--resume", "--keep", "0.5"];
    feedback(&out, &other).assert_one_error(&["the run had --keep 0, this command asks for --keep 0.5"]);
    let outcome = feedback(&out, &["--generations", "2", "--resume", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&outcome.assert_success().stdout).unwrap();
    assert_eq!(report["generations"].as_array().unwrap().len(), 3);
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("feedback.json")).unwrap()).unwrap();
    assert_eq!(saved, report);
}

#[test]
fn a_feedback_loop_that_makes_no_sense_writes_nothing() {
    let setting = Setting::new();
    for (flag, value) in
        [("--generations", "0"), ("--minutes", "0"), ("--portraits", "3"), ("--pixels", "1024"), ("--keep", "2")]
    {
        let out = setting.out();
        narcissus(&["feedback", flag, value, "--out", out.to_str().unwrap()]).assert_one_error(&[flag]);
        assert!(!out.exists(), "{flag} {value}: nothing is written");
    }
}
