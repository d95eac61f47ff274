//! The mirror and the rest of a show: OSC both ways, and the desk over HTTP.

use super::page::{Page, RunningMirror};
use super::setting::{jpeg, narcissus, pack_copy, viewer};
use mirror::features::TOLD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// After this long what was asked for must have happened on the busiest of computers.
const PATIENCE: Duration = Duration::from_secs(120);

/// Shows a picture until an answer satisfies; gives it back.
fn answer(page: &mut Page, picture: &[u8], is_it: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
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
    panic!("no answer is as it was asked for");
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
fn what_a_house_does_not_measure_is_in_no_page_packet_metric_or_log() {
    let folder = tempfile::tempdir().unwrap();
    let (house, log) = (folder.path().join("house.toml"), folder.path().join("mirror.log"));
    let text = "[measures]\nage = \"off\"\ngender = \"off\"\nskin = \"hidden\"\n[visitors]\nmay = [\"panel\", \"hold\"]\n\
                [notice]\nen = \"Here a machine looks.\"\n";
    std::fs::write(&house, text).unwrap();
    let peer = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (to, [house, log_path]) = (peer.local_addr().unwrap().to_string(), [&house, &log].map(|p| p.to_str().unwrap()));
    let mirror = RunningMirror::start(&["--policy", house, "--osc-out", &to, "--log", log_path, "-v"]);
    let mut page = Page::open(&mirror.address);

    // What it says of somebody, though the page asks for more than a visitor may.
    page.tell(r#"{"version":2,"features":5,"overrides":{"age":90},"hold":true,"measure":true,"steps":true}"#);
    let picture = jpeg(&viewer(0));
    let words = answer(&mut page, &picture, |words| {
        words["controls"]["hold"] == true && words["report"]["views"][0]["kept"].is_object()
    });
    let controls = &words["controls"];
    assert_eq!(
        (&controls["features"], &controls["overrides"], &controls["steps"]),
        (&json!(null), &json!({}), &json!(false))
    );
    let report = &words["report"];
    let (face, view) = (&report["faces"][0], &report["views"][0]);
    assert_eq!((&face["verdicts"], &view["judgement"], &view["verdicts"]), (&json!({}), &json!(null), &json!({})));
    assert_eq!(face["features"].as_array().unwrap().len(), TOLD - 1 - 1 - 3);
    let said = |text: &str, word: &str| text.contains(&format!("\"{word}\"")) || text.contains(&format!("/{word}"));
    for word in ["age", "gender", "female", "skin"] {
        assert!(!said(&report.to_string(), word), "{word}: {report}");
    }
    let mut heard = Vec::new();
    let mut packet = [0; 2048];
    let has = |heard: &[u8], word: &str| heard.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    while !has(&heard, "/narcissus/view/1/kept/shape") {
        let length = peer.recv(&mut packet).unwrap();
        heard.extend_from_slice(&packet[..length]);
    }
    for word in ["age", "gender", "label", "skin"] {
        assert!(!has(&heard, &format!("/{word}")), "{word} is in a packet");
    }
    // Nor is there a way to set it; what the desk may set is unchanged otherwise.
    let osc = mirror.ask("GET", "/osc").1;
    assert!(!said(&osc, "age") && !said(&osc, "gender") && osc.contains("/narcissus/set/without/skin"), "{osc}");
    assert_eq!(mirror.ask("POST", "/controls/override/age?value=80").0, 404);
    assert_eq!(mirror.ask("POST", "/controls/features?value=9").0, 204);
    answer(&mut page, &picture, |words| words["controls"]["features"] == 9);
    let settings: Value = serde_json::from_str(&mirror.ask("GET", "/settings.json").1).unwrap();
    let house = &settings["house"];
    assert_eq!((&house["measures"]["age"], &house["measures"]["skin"]), (&json!("off"), &json!("hidden")));
    assert_eq!(
        (&house["visitors"], &house["notice"]["de"]),
        (&json!(["panel", "hold"]), &json!("Here a machine looks."))
    );
    assert_eq!((&house["sends_numbers"], &settings["numbers"].to_string().contains("age")), (&json!(true), &false));
    assert!(mirror.ask("GET", "/policy").1.contains("policy.js"));
    let (metrics, log) = (mirror.ask("GET", "/metrics").1, std::fs::read_to_string(&log).unwrap());
    for word in ["age", "gender", "female", "skin"] {
        let is_word = |text: &str| text.split(|c: char| !c.is_ascii_alphabetic()).any(|found| found == word);
        assert!(!is_word(&metrics) && !is_word(&log), "{word}: {metrics}{log}");
    }
}

#[test]
fn outside_its_hours_nobody_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let house = folder.path().join("house.toml");
    std::fs::write(&house, "[hours]\nopen = []\n").unwrap();
    let mirror = RunningMirror::start(&["--policy", house.to_str().unwrap()]);
    let (mut page, picture) = (Page::open(&mirror.address), jpeg(&viewer(0)));
    answer(&mut page, &picture, |words| words["type"] == "look" && words["closed"] == json!({ "until": null }));
    for _ in 0..5 {
        let words = answer(&mut page, &picture, |words| words["type"] == "analysed");
        assert_eq!((&words["report"]["faces"], &words["report"]["state"]), (&json!([]), &json!("dreaming")));
    }
    let (status, body) = mirror.ask("GET", "/healthz");
    assert_eq!((status, body.as_str()), (200, "ok\n"));
}

#[test]
fn a_policy_with_a_mistake_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let house = folder.path().join("house.toml");
    let refused = |text: &str, words: &[&str]| {
        std::fs::write(&house, text).unwrap();
        narcissus(&["mirror", "--port", "0", "--policy", house.to_str().unwrap()]).assert_one_error(words)
    };
    refused("[measures]\nage = \"never\"\n", &["house.toml:2", "unknown variant `never`, expected one of `off`"]);
    refused("[visitors]\nminutes = -1\n", &["house.toml:2", "minutes: expected more than 0 and at most 600, found -1"]);
    refused("\u{feff}[hours]\nopen = [\"always\"]\n", &["house.toml:2", "expected hours such as \"10:00-18:00\""]);
    std::fs::remove_file(&house).unwrap();
    narcissus(&["mirror", "--policy", house.to_str().unwrap()]).assert_one_error(&["house.toml", "No such file"]);
    let scenes = folder.path().join("scenes");
    std::fs::create_dir(&scenes).unwrap();
    std::fs::write(scenes.join("old.toml"), "[controls]\n\"override/age\" = 80\n").unwrap();
    std::fs::write(&house, "[measures]\nage = \"off\"\n").unwrap();
    let [house, scenes] = [&house, &scenes].map(|path| path.to_str().unwrap());
    narcissus(&["mirror", "--port", "0", "--policy", house, "--scenes", scenes])
        .assert_one_error(&["old.toml:2", "\"override/age\" is no control of the mirror"]);
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
    answer(&mut page, &picture, |words| words["type"] == "look" && words["values"]["language"] == "fr");
    answer(&mut page, &picture, |words| words["controls"]["overrides"]["age"] == 80.0);
    assert_eq!(mirror.ask("DELETE", "/controls/override/age").0, 204);
    answer(&mut page, &picture, |words| words["controls"]["overrides"] == json!({}));
    assert_eq!(mirror.ask("DELETE", "/controls").0, 204);
    answer(&mut page, &picture, |words| words["type"] == "look" && words["values"] == json!({}));
}

#[test]
fn scenes_are_switched_edited_and_change_the_pack_while_the_mirror_runs() {
    let (folder, pack) = (tempfile::tempdir().unwrap(), pack_copy());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("day.toml", "ease = 0\n[controls]\nfeatures = 9\n[texts.en]\nbegin = \"Come\"\n");
    let other = pack.path().display().to_string();
    write("night.toml", &format!("ease = 0\nkey = \"n\"\npack = {other:?}\n[controls]\n\"override/age\" = 80\n"));
    let scenes = folder.path().display().to_string();
    let mirror = RunningMirror::start(&["--scenes", &scenes, "--scene", "day"]);
    let mut page = Page::open(&mirror.address);
    let picture = jpeg(&viewer(0));
    answer(&mut page, &picture, |words| words["type"] == "look" && words["style"]["texts"]["en"]["begin"] == "Come");
    let words = answer(&mut page, &picture, |words| {
        words["controls"]["features"] == 9 && words["report"]["views"][0]["viewer"].is_u64()
    });
    let viewer = words["report"]["views"][0]["viewer"].clone();

    assert_eq!(mirror.ask("POST", "/controls/scene?value=%6eight").0, 204);
    let look = answer(&mut page, &picture, |words| words["type"] == "look" && words["packs"] == 2);
    assert_eq!(look["scenes"], json!([{ "name": "day", "key": null }, { "name": "night", "key": "n" }]));
    let words = answer(&mut page, &picture, |words| words["controls"]["overrides"]["age"] == 80.0);
    assert_eq!(words["controls"]["features"], json!(null));
    // Whoever was there is there still.
    assert_eq!(words["report"]["views"][0]["viewer"], viewer);
    assert!(mirror.ask("GET", "/settings.json").1.contains("\"numbers\":[{"));

    write("night.toml", "ease = 0\n[controls]\n\"override/age\" = 800\n");
    let told = until(|| {
        Some(mirror.ask("GET", "/scenes").1).filter(|told| told.contains("night.toml:3: override/age: expected"))
    });
    assert!(told.contains("\"scene\": \"night\""), "{told}");
    write("night.toml", "ease = 0\n[controls]\n\"override/age\" = 20\n");
    answer(&mut page, &picture, |words| words["type"] == "look" && words["packs"] == 3);
    answer(&mut page, &picture, |words| words["controls"]["overrides"]["age"] == 20.0);
    let metrics = mirror.ask("GET", "/metrics").1;
    assert!(metrics.contains("narcissus_scenes_switched_total 2\nnarcissus_scenes_refused 0\n"), "{metrics}");
    let (status, body) = mirror.ask("POST", "/controls/scene?value=noon");
    assert!(status == 422 && body.contains("expected one of day, night"), "{body}");
}

/// What comes at last.
fn until<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Scenes are switched 1,000 times and the pack 50 times while frames come as fast as they are answered: prints the longest time without
/// a picture, and the memory after each quarter.
#[test]
#[ignore = "takes minutes"]
#[cfg(target_os = "linux")]
fn a_thousand_scenes_and_fifty_packs_at_full_rate() {
    const SCENES: usize = 1000;
    const PACKS: usize = 50;
    let (folder, pack) = (tempfile::tempdir().unwrap(), pack_copy());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("day.toml", "ease = 0.2\n[controls]\nfeatures = 9\ndim = 0.1\n");
    write("evening.toml", "ease = 0.2\n[controls]\n\"override/age\" = 80\n\"without/skin\" = true\n");
    write("other.toml", &format!("pack = {:?}\n", pack.path().display().to_string()));
    let mirror = RunningMirror::start(&["--scenes", folder.path().to_str().unwrap()]);
    let mut page = Page::open(&mirror.address);
    let picture = jpeg(&viewer(0));
    answer(&mut page, &picture, |words| words["report"]["state"] == "reflecting");

    // Shows frames until something is so; gives back the longest time from one picture to the next.
    let mut last = Instant::now();
    let mut frames_until = |page: &mut Page, is_so: &mut dyn FnMut(&Value) -> bool| {
        let mut longest = Duration::ZERO;
        page.show(&picture);
        loop {
            let Ok(text) = page.read().into_text() else {
                longest = longest.max(last.elapsed());
                last = Instant::now();
                continue;
            };
            let Ok(words) = serde_json::from_str::<Value>(&text) else {
                longest = longest.max(last.elapsed());
                last = Instant::now();
                continue;
            };
            if is_so(&words) {
                return longest;
            }
            if words["type"] == "analysed" {
                page.show(&picture);
            }
        }
    };
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", mirror.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1e3
    };
    let mut longest = Duration::ZERO;
    for i in 0..SCENES {
        let scene = ["day", "evening"][i % 2];
        assert_eq!(mirror.ask("POST", &format!("/controls/scene?value={scene}")).0, 204);
        longest = longest.max(frames_until(&mut page, &mut |words| words["values"]["scene"] == scene));
        if i % (SCENES / 4) == 0 {
            eprintln!("{i} scenes: {longest:?}, {:.1} MB", memory());
        }
    }
    eprintln!("{SCENES} scenes: the longest time without a picture {longest:?}, {:.1} MB", memory());
    let mut longest = Duration::ZERO;
    for i in 0..PACKS {
        let scene = ["other", "day"][i % 2];
        assert_eq!(mirror.ask("POST", &format!("/controls/scene?value={scene}")).0, 204);
        longest = longest.max(frames_until(&mut page, &mut |words| words["packs"] == i + 2));
        if i % 10 == 9 {
            eprintln!("{} packs: {longest:?}, {:.1} MB", i + 1, memory());
        }
    }
}

#[test]
fn scenes_that_cannot_be_read_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let scenes = folder.path().display().to_string();
    let start = |more: &[&str]| narcissus(&[&["mirror", "--port", "0", "--scenes", &scenes][..], more].concat());
    start(&[]).assert_one_error(&["there is no scene in it"]);
    std::fs::write(folder.path().join("day.toml"), "[controls]\ndim = 2\n").unwrap();
    start(&[]).assert_one_error(&["day.toml:2: dim: expected a number from 0 to 1, found 2"]);
    std::fs::write(folder.path().join("day.toml"), "[controls]\ndim = 0.2\n").unwrap();
    start(&["--scene", "noon"]).assert_one_error(&["scene: expected one of day, found noon"]);
    narcissus(&["mirror", "--port", "0", "--scenes", "nowhere"]).assert_one_error(&["nowhere: "]);
}

/// A stream of what a mirror draws.
struct Pictures {
    stream: BufReader<TcpStream>,
}

impl Pictures {
    fn open(mirror: &RunningMirror) -> Self {
        let mut stream = TcpStream::connect(&mirror.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /view.mjpeg HTTP/1.1\r\nHost: {}\r\n\r\n", mirror.address).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// The next picture: width and height.
    fn next(&mut self) -> (usize, usize) {
        let length = loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "the stream goes on");
            let value = line.trim().to_ascii_lowercase();
            if let Some(length) = value.strip_prefix("content-length: ") {
                break length.parse().unwrap();
            }
        };
        let mut blank = String::new();
        self.stream.read_line(&mut blank).unwrap();
        let mut jpeg = vec![0; length];
        self.stream.read_exact(&mut jpeg).unwrap();
        let picture = frame::Image::decode(&jpeg).unwrap();
        (picture.width, picture.height)
    }
}

#[test]
fn others_watch_what_the_first_page_draws() {
    let mirror = RunningMirror::start(&["--faces", "2"]);
    let mut page = Page::open(&mirror.address);
    let picture = jpeg(&viewer(0));
    let mut views = [Pictures::open(&mirror), Pictures::open(&mirror)];
    // They are there before the picture is drawn.
    until(|| {
        answer(&mut page, &picture, |words| words["type"] == "analysed");
        let buffered = |view: &Pictures| view.stream.get_ref().peek(&mut [0; 2000]).is_ok_and(|n| n > 1000);
        views.iter().all(buffered).then_some(())
    });
    for view in &mut views {
        let (width, height) = view.next();
        assert_eq!(width, 2 * height);
    }
    let (status, body) = mirror.ask("GET", "/view");
    assert!(status == 200 && body.contains("view.js"), "{body}");
    assert!(mirror.ask("GET", "/view.js").0 == 200 && mirror.ask("GET", "/view.css").0 == 200);
}

#[test]
fn a_mirror_with_a_camera_of_its_own_is_watched_and_recorded_without_a_page() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("somebody.jpg"), jpeg(&viewer(0))).unwrap();
    let (source, film) = (dir.path().display().to_string(), dir.path().join("today.mp4"));
    let mirror = RunningMirror::start(&["--source", &source]);
    let mut view = Pictures::open(&mirror);
    assert!((0..3).map(|_| view.next()).all(|(width, height)| width == height));
    drop((view, mirror));
    if host::ffmpeg().is_err() {
        eprintln!("skipped: ffmpeg is not in PATH");
        return;
    }
    let mut mirror = RunningMirror::start(&["--source", &source, "--record", film.to_str().unwrap()]);
    std::thread::sleep(Duration::from_secs(4));
    interrupt(&mut mirror);
    let mut film = camera::VideoReader::open(&film).unwrap();
    let frames = std::iter::from_fn(|| camera::FrameSource::next_frame(&mut film).unwrap()).count();
    assert!(frames > 3, "{frames} frames");
}

/// As Ctrl-C does.
fn interrupt(mirror: &mut RunningMirror) {
    #[cfg(unix)]
    std::process::Command::new("kill").args(["-INT", &mirror.process.id().to_string()]).status().unwrap();
    #[cfg(not(unix))]
    mirror.process.kill().unwrap();
    mirror.process.wait().unwrap();
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
