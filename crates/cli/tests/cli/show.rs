//! The mirror and the rest of a show: OSC both ways, and the desk over HTTP.

use super::page::{Page, RunningMirror};
use super::setting::{jpeg, narcissus, viewer};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::Duration;

/// Frames after which what was asked for must have happened.
const PATIENCE: usize = 60;

/// Shows a picture until an answer satisfies; gives it back.
fn answer(page: &mut Page, picture: &[u8], is_it: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..PATIENCE {
        page.show(picture);
        // A frame is answered in words; its picture, and how the page is to look, may come before or after.
        loop {
            let Ok(text) = page.read().into_text() else { continue };
            let Ok(words) = serde_json::from_str::<Value>(&text) else { continue };
            if is_it(&words) {
                return words;
            }
            if words["type"] == "analysed" {
                break;
            }
        }
    }
    panic!("no answer is as it was asked for in {PATIENCE} frames");
}

/// An OSC message with one whole number.
fn message(address: &str, value: i32) -> Vec<u8> {
    let padded = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len() / 4 * 4 + 4, 0);
        bytes
    };
    [padded(address), padded(",i"), value.to_be_bytes().to_vec()].concat()
}

#[test]
fn other_programs_hear_of_every_look_and_set_what_is_shown() {
    let peer = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let to = peer.local_addr().unwrap().to_string();
    let mirror = RunningMirror::start(&["--osc-out", &to, "--osc-in", "0"]);
    let mut page = Page::open(&mirror.address);
    let picture = jpeg(&viewer(0));
    answer(&mut page, &picture, |words| words["report"]["state"] == "reflecting");

    // What it says.
    let mut heard = Vec::new();
    let mut packet = [0; 2048];
    let has = |heard: &[u8], word: &str| heard.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    while !has(&heard, "reflecting") || !has(&heard, "/narcissus/view/1/age") {
        let length = peer.recv(&mut packet).unwrap();
        heard.extend_from_slice(&packet[..length]);
    }
    assert!(has(&heard, "/narcissus/arrive") && has(&heard, "/narcissus/face/1/features"));

    // What it is told, and where.
    let host: Value = serde_json::from_str(&mirror.ask("GET", "/osc?HOST_INFO").1).unwrap();
    let port = host["OSC_PORT"].as_u64().unwrap();
    for (address, value) in [("/narcissus/set/features", 3), ("/narcissus/set/dream", 1), ("/narcissus/set/shoes", 1)] {
        peer.send_to(&message(address, value), format!("127.0.0.1:{port}")).unwrap();
    }
    let words = answer(&mut page, &picture, |words| words["controls"]["dream"] == true);
    assert_eq!((&words["controls"]["features"], &words["report"]["state"]), (&json!(3), &json!("dreaming")));
    let metrics = mirror.ask("GET", "/metrics").1;
    assert!(metrics.contains("narcissus_osc_taken_total 2\nnarcissus_osc_refused_total 1\n"), "{metrics}");
    assert!(metrics.contains("narcissus_osc_failed_total 0\n") && !metrics.contains("narcissus_osc_sent_total 0\n"));
}

#[test]
fn the_desk_is_set_over_http() {
    let mirror = RunningMirror::start(&[]);
    let mut page = Page::open(&mirror.address);
    let picture = jpeg(&viewer(0));
    for (method, path, status, word) in [
        ("POST", "/controls/override/age?value=80", 204, ""),
        ("POST", "/controls/language?value=fr", 204, ""),
        ("POST", "/controls/override/age?value=800", 422, "expected a number from 1 to 100, found \"800\""),
        ("POST", "/controls/override/age", 422, "expected ?value=VALUE"),
        ("POST", "/controls/shoes?value=1", 404, "\"shoes\" is no control of the mirror"),
        ("DELETE", "/controls/shoes", 404, "no control"),
        ("GET", "/controls", 200, "\"value\": 80.0"),
        ("GET", "/osc", 200, "/narcissus/set/override/age"),
    ] {
        let (found, body) = mirror.ask(method, path);
        assert!(found == status && body.contains(word), "{method} {path}: {found} {body}");
    }
    answer(&mut page, &picture, |words| words["type"] == "look" && words["language"] == "fr");
    answer(&mut page, &picture, |words| words["controls"]["overrides"]["age"] == 80.0);
    assert_eq!(mirror.ask("DELETE", "/controls/override/age").0, 204);
    answer(&mut page, &picture, |words| words["controls"]["overrides"] == json!({}));
    assert_eq!(mirror.ask("DELETE", "/controls").0, 204);
    answer(&mut page, &picture, |words| words["type"] == "look" && words["language"].is_null());
}

#[test]
fn every_address_is_listed() {
    let list = narcissus(&["osc"]);
    list.assert_success();
    for line in ["/narcissus/face/N/features", "155 x f", "/narcissus/set/without/skin", "one of en, de, es, fr, zh"] {
        assert!(list.stdout.contains(line), "{line} in\n{}", list.stdout);
    }
    let tree: Value = serde_json::from_str(&narcissus(&["osc", "--json"]).stdout).unwrap();
    let set = &tree["CONTENTS"]["narcissus"]["CONTENTS"]["set"]["CONTENTS"];
    assert_eq!(set["dim"]["RANGE"], json!([{ "MIN": 0.0, "MAX": 1.0 }]));
}

#[test]
fn a_port_that_is_none_is_an_error() {
    for arguments in [["--osc-in", "here"], ["--osc-in", "70000"]] {
        let outcome = narcissus(&[&["mirror", "--port", "0"][..], &arguments].concat());
        assert!(outcome.stderr.contains("expected a port, such as 9000"), "{}", outcome.stderr);
    }
    let outcome = narcissus(&["mirror", "--port", "0", "--osc-out", "nowhere"]);
    outcome.assert_one_error(&["OSC to nowhere"]);
}
