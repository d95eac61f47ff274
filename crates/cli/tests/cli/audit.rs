//! What `narcissus audit` and `narcissus label` write, and what they refuse.

use crate::setting::{DREAMT, Outcome, Setting, files, narcissus, nobody, pack_copy, viewer};
use serde_json::Value;
use std::path::Path;

/// Twelve dreams and a picture of nobody, half of them of one house.
fn people() -> Setting {
    let setting = Setting::new();
    let mut table = "file;house;gender;age\r\nnobody.png;upper;F;40\r\n".to_owned();
    setting.put_picture("nobody.png", &nobody());
    for i in 0..DREAMT {
        setting.put_picture(&format!("{i}.png"), &viewer(i));
        table += &format!("{i}.png;{};{};{}\r\n", ["upper", "lower"][i % 2], ["F", "M"][i % 2], 30 + i);
    }
    setting.put("people.csv", table);
    setting
}

fn audit(setting: &Setting, more: &[&str]) -> Outcome {
    let (pictures, out) = (setting.input(), setting.out());
    let paths = ["audit", "--looks", "0", "--pictures", pictures.to_str().unwrap(), "--out", out.to_str().unwrap()];
    narcissus(&[&paths, more].concat())
}

fn table(setting: &Setting) -> String {
    setting.input().join("people.csv").to_str().unwrap().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_audit_counts_everybody_and_speaks_five_languages() {
    let setting = people();
    let outcome = audit(&setting, &["--table", &table(&setting)]);
    assert!(outcome.assert_success().stdout.contains("13 people (in) looked into the mirror"), "{}", outcome.stdout);
    let names = [
        "audit.csv",
        "audit.de.html",
        "audit.en.html",
        "audit.es.html",
        "audit.fr.html",
        "audit.json",
        "audit.zh.html",
    ];
    assert_eq!(files(&setting.out()), names);

    let audit = json(&setting.out().join("audit.json"));
    let found = audit["overall"].as_array().unwrap().iter().find(|o| o["measure"] == "found").unwrap();
    assert_eq!(found["figure"]["people"], 13);
    assert!((found["figure"]["value"].as_f64().unwrap() - 12.0 / 13.0).abs() < 1e-4, "{found}");
    let columns: Vec<&str> = audit["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["house", "gender", "age", "skin", "hue"]);
    // So few are in every group that nothing stands out.
    assert!(audit["comparisons"].as_array().unwrap().iter().all(|c| c["q"].is_null() && c["stands_out"] == false));
}

#[test]
fn an_audit_that_cannot_be_says_why_in_one_line() {
    let setting = people();
    audit(&setting, &["--table", &table(&setting), "--by", "hause"])
        .assert_one_error(&["column \"hause\" does not sort people"]);
    audit(&setting, &["--keep", "people"]).assert_one_error(&["only in a pack's folder", "--pack DIR"]);
    audit(&setting, &["--counterfactual"]).assert_one_error(&["a face of 12 people: expected 20 or more"]);
    setting.put("people.csv", "file\nmissing.png\n");
    audit(&setting, &["--table", &table(&setting)]).assert_one_error(&["1 of 1 people cannot be used", "missing.png"]);
    assert!(files(&setting.out()).is_empty());
}

#[test]
fn a_kept_audit_is_in_the_card_and_on_the_label() {
    let (setting, pack) = (people(), pack_copy());
    let folder = pack.path().to_str().unwrap();
    let keep = ["--table", &table(&setting), "--pack", folder, "--keep", "twelve dreams"];
    audit(&setting, &keep).assert_success();
    narcissus(&["pack", "verify", folder]).assert_success();
    let card = std::fs::read_to_string(pack.path().join("CARD.md")).unwrap();
    assert_eq!(card.matches("**twelve dreams**: 13 people.").count(), 1, "{card}");
    // Kept again, it takes the place of the first.
    audit(&setting, &keep).assert_success();
    assert_eq!(std::fs::read_to_string(pack.path().join("CARD.md")).unwrap(), card);

    let out = setting.out().join("label");
    let label =
        ["label", "--pack", folder, "--language", "de", "--answers", "Haus <A>", "--out", out.to_str().unwrap()];
    let outcome = narcissus(&label);
    let page = std::fs::read_to_string(out.join("label.de.html")).unwrap();
    assert!(page.contains("Gemessen an 13 Menschen (twelve dreams)") && page.contains("Haus &lt;A&gt;"), "{page}");
    assert!(!out.join("label.en.html").exists());
    // A computer without a browser says so.
    let pdf = std::fs::read(out.join("label.de.pdf"));
    assert!(pdf.is_ok_and(|pdf| pdf.starts_with(b"%PDF")) || outcome.assert_success().stderr.contains("note: no"));
}
