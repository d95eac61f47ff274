//! Tests of [`super`]: whole runs of children that learn next to nothing.

use super::*;
use std::path::Path;

/// A run of moments: each child is shown 64 pictures.
fn moments(out: &Path) -> FeedbackOptions {
    let tiny = FeedbackOptions { kimg: Some(0.064), portraits: 32, measured: 32, ..FeedbackOptions::default() };
    FeedbackOptions { out: out.to_owned(), generations: 2, ..tiny }
}

fn run_quietly(options: &FeedbackOptions) -> FeedbackReport {
    run(&Pack::embedded().unwrap(), options, |_| Ok(())).unwrap()
}

fn json(report: &FeedbackReport) -> String {
    serde_json::to_string(report).unwrap()
}

#[test]
fn a_run_that_goes_on_gives_what_a_whole_run_gives() {
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let whole = run_quietly(&moments(whole.path()));
    let begun = FeedbackOptions { generations: 1, ..moments(parts.path()) };
    run_quietly(&begun);
    let resumed = run_quietly(&FeedbackOptions { generations: 2, resume: true, ..begun });
    assert_eq!(json(&resumed), json(&whole));
    assert!(resumed.generations.iter().zip(&whole.generations).all(|(a, b)| a.pictures == b.pictures));
    assert_ne!(whole.generations[1].pictures, whole.generations[2].pictures);
}

#[test]
fn a_control_shares_the_first_child_and_learns_from_generation_0() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let options = FeedbackOptions { control: true, ..moments(dir.path()) };
    let report = run(&Pack::embedded().unwrap(), &options, |report| {
        told.push(report.generations.len());
        Ok(())
    });
    let report = report.unwrap();
    assert_eq!(told, [1, 2, 4], "after each generation");
    let arms = [Arm::Loop, Arm::Control].map(|arm| report.of_arm(arm));
    assert_eq!(arms.each_ref().map(Vec::len), [3, 3]);
    assert_eq!(arms[0][1].pictures, arms[1][1].pictures);
    assert_ne!(arms[0][2].pictures, arms[1][2].pictures);

    // Generation 0 is its own measure.
    let value = |name: &str| report.generations[0].figure(name).unwrap().estimate.value;
    assert!((value("spread") - 1.0).abs() < 1e-5 && value("faces") > 0.5, "{report}");
    assert!((value("women") + value("unsure") + value("men") - 1.0).abs() < 1e-9);

    // Every generation has its row, its column and its mark, known or not.
    let (csv, svg) = (String::from_utf8(report.csv().unwrap()).unwrap(), report.svg());
    assert!(csv.starts_with("arm,generation,figure,value,low,high\nloop,0,spread,1.000000,"), "{csv}");
    assert_eq!(csv.matches("control,2,").count(), report.generations[0].figures.len());
    assert!(!csv.contains("NaN") && !svg.contains("NaN") && !svg.contains("inf"));
    assert_eq!((svg.matches("<g ").count(), svg.matches("</g>").count()), (9, 9));
    assert_eq!(report.faces().height, 4 * 64);
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    let good = FeedbackOptions::default();
    assert!(good.check().is_ok());
    for (bad, word) in [
        (FeedbackOptions { generations: 0, ..good.clone() }, "--generations"),
        (FeedbackOptions { minutes: 0.0, ..good.clone() }, "--minutes"),
        (FeedbackOptions { minutes: f64::NAN, ..good.clone() }, "--minutes"),
        (FeedbackOptions { kimg: Some(-1.0), ..good.clone() }, "--kimg"),
        (FeedbackOptions { portraits: 5, ..good.clone() }, "--portraits"),
        (FeedbackOptions { measured: 1, ..good.clone() }, "--measured"),
        (FeedbackOptions { keep: 1.5, ..good.clone() }, "--keep"),
        (FeedbackOptions { typical: 0.0, ..good.clone() }, "--typical"),
        (FeedbackOptions { pixels: 48, ..good.clone() }, "--pixels"),
        (FeedbackOptions { pixels: 8, ..good.clone() }, "--pixels"),
    ] {
        let error = bad.check().unwrap_err().to_string();
        assert!(error.starts_with(word) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn larger_pictures_than_the_generators_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("loop");
    let options = FeedbackOptions { pixels: 1024, ..moments(&out) };
    let error = run(&Pack::embedded().unwrap(), &options, |_| Ok(())).err().unwrap().to_string();
    assert!(error.contains("--pixels 1024: the generator draws 256"), "{error}");
    assert!(!out.exists());
}
