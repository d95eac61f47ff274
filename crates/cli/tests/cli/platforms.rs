//! What systems do differently: names of files, ends of lines, pipes, programs that are missing.

use crate::setting::{Setting, files, json_lines, narcissus, viewer};
use std::process::{Command, Stdio};

#[test]
fn folders_may_have_spaces_and_letters_of_any_language_and_be_spelled_in_full() {
    let setting = Setting::new();
    let folder = setting.input().join("Jürgens Bilder (2) 写真");
    std::fs::create_dir(&folder).unwrap();
    setting.put_picture("Jürgens Bilder (2) 写真/schöne Grüße.png", &viewer(0));
    // On Windows such a name begins with `\\?\`.
    let folder = std::fs::canonicalize(folder).unwrap();
    let out = folder.join("Ergebnis für alle");
    narcissus(&["reflect".as_ref(), folder.as_os_str(), "--out".as_ref(), out.as_os_str()]).assert_success();
    let written = files(&out);
    for name in ["contact-sheet.png", "reflections.jsonl", "schöne Grüße.reflection.png"] {
        assert!(written.iter().any(|file| file == name), "no {name} among {written:?}");
    }
    let lines = json_lines(&std::fs::read_to_string(out.join("reflections.jsonl")).unwrap());
    assert!(lines[0]["input"].as_str().unwrap().ends_with("schöne Grüße.png"), "{}", lines[0]["input"]);
}

#[test]
fn a_configuration_file_may_come_from_any_editor() {
    let setting = Setting::new();
    for (name, text) in [
        ("unix.toml", "[dream]\ncount = 2\nseed = 3\n"),
        ("windows.toml", "[dream]\r\ncount = 2\r\nseed = 3\r\n"),
        ("notepad.toml", "\u{feff}[dream]\r\ncount = 2\r\nseed = 3\r\n"),
    ] {
        let (config, out) = (setting.put(name, text), setting.out().join(name));
        let arguments = ["dream".as_ref(), "--config".as_ref(), config.as_os_str(), "--out".as_ref(), out.as_os_str()];
        narcissus(&arguments).assert_success();
        assert_eq!(files(&out).len(), 3, "two pictures and a sheet, by {name}");
    }
}

#[test]
fn who_stops_reading_ends_the_program_without_a_word() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_narcissus"))
        .args(["pack", "info"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_film_without_ffmpeg_says_what_is_missing() {
    let setting = Setting::new();
    let film = setting.put("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom");
    let output = Command::new(env!("CARGO_BIN_EXE_narcissus"))
        .args(["reflect".as_ref(), film.as_os_str(), "--out".as_ref(), setting.out().as_os_str()])
        .env("PATH", setting.input())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("ffmpeg is not in PATH; hint: install it"), "{said}");
}
