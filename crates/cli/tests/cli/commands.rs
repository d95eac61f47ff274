//! What the commands do when all is well.

use crate::page::Page;
use crate::setting::{DREAMT, Setting, files, jpeg, json_lines, narcissus, pack_copy, pairs_of_faces, viewer};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Puts the first dreamt viewers into the folder of inputs; all of them take minutes on a slow instruction set.
fn with_viewers(count: usize) -> Setting {
    let setting = Setting::new();
    for i in 0..count {
        setting.put_picture(&format!("{i:02}.png"), &viewer(i));
    }
    setting
}

#[test]
fn dreamt_viewers_get_reflections_that_are_faces_and_differ() {
    let setting = with_viewers(DREAMT);
    setting.reflect(&setting.input()).assert_success();
    let lines = setting.lines();
    assert_eq!(lines.len(), DREAMT);
    let reflected: Vec<_> = lines.iter().filter(|l| l["reflection"].is_string()).collect();
    assert!(reflected.len() * 4 >= DREAMT * 3, "{} of {DREAMT} dreams are seen", reflected.len());
    let survived = reflected.iter().filter(|l| l["survived"]["score"].is_number()).count();
    assert!(survived * 4 >= reflected.len() * 3, "{survived} of {} reflections are faces", reflected.len());
    let kept = |l: &serde_json::Value| l["kept"]["hair"].as_f64().unwrap_or(-9.0);
    let mean = reflected.iter().map(|l| kept(l)).filter(|k| *k > -9.0).sum::<f64>() / survived as f64;
    assert!(mean > 0.0, "less of their hair comes back than in an average face: {mean}");
    let mut pictures = HashSet::new();
    for line in &reflected {
        let name = line["reflection"].as_str().unwrap();
        assert_eq!(line["viewer"]["landmarks"].as_array().unwrap().len(), 68);
        assert!(pictures.insert(std::fs::read(setting.out().join(name)).unwrap()), "{name} repeats another");
    }
    let sheet = image::open(setting.out().join("contact-sheet.png")).unwrap();
    assert!(sheet.width() > 100 && sheet.height() > 100);
}

#[test]
fn a_reflection_repeats_byte_for_byte() {
    let setting = with_viewers(4);
    let again = tempfile::tempdir().unwrap();
    setting.reflect(&setting.input()).assert_success();
    let (input, out) = (setting.input(), again.path());
    narcissus(&["reflect".as_ref(), input.as_os_str(), "--out".as_ref(), out.as_os_str()]).assert_success();
    for name in files(out) {
        let read = |folder: &std::path::Path| std::fs::read(folder.join(&name)).unwrap();
        assert!(read(out) == read(&setting.out()), "{name} differs");
    }
}

#[test]
fn each_line_tells_the_nearest_members_of_the_archive_and_without_names_it_names_nobody() {
    let setting = with_viewers(4);
    for (names, tells) in [("on", true), ("off", false)] {
        let folder = tempfile::tempdir().unwrap();
        let (input, folder) = (setting.input(), folder.path());
        let [reflect, flag, out] = ["reflect", "--names", "--out"].map(OsStr::new);
        let arguments = [reflect, input.as_os_str(), flag, OsStr::new(names), out, folder.as_os_str()];
        narcissus(&arguments).assert_success();
        let lines = std::fs::read_to_string(folder.join("reflections.jsonl")).unwrap();
        assert_eq!(lines.contains("\"name\""), tells, "{names}");
        for line in lines.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let Some(nearest) = line["nearest"].as_array() else { continue };
            assert_eq!(nearest.len(), 3);
            // The viewers are dreams.
            assert!(nearest.iter().all(|member| member["near"] == false && member["nearness"].is_number()), "{line}");
        }
    }
}

#[test]
fn the_same_picture_has_the_same_reflection_on_another_instruction_set() {
    let setting = with_viewers(4);
    setting.reflect(&setting.input()).assert_success();
    let portable = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_narcissus"));
    command.arg("reflect").arg(setting.input()).arg("--out").arg(portable.path());
    assert!(command.env("NARCISSUS_SIMD", "portable").output().unwrap().status.success());
    let reflections: Vec<String> =
        files(portable.path()).into_iter().filter(|f| f.ends_with("reflection.png")).collect();
    assert!(reflections.len() >= 3, "{reflections:?}");
    for name in reflections {
        let read = |folder: &std::path::Path| image::open(folder.join(&name)).unwrap().to_rgb8().into_raw();
        let (one, other) = (read(&setting.out()), read(portable.path()));
        // Sums in another order differ by a few millionths; eyes and inverter must not make a difference of them.
        let far = one.iter().zip(&other).filter(|(a, b)| a.abs_diff(**b) > 4).count();
        assert!(far * 100 <= one.len(), "{name}: {far} of {} values differ", one.len());
    }
}

#[test]
fn pictures_of_one_name_do_not_overwrite_each_other() {
    let setting = Setting::new();
    // The first dream that is seen.
    let seen = (0..DREAMT).find(|&i| {
        let path = setting.put_picture("try.png", &viewer(i));
        let outcome = narcissus(&["analyse".as_ref(), path.as_os_str(), "--json".as_ref()]);
        !json_lines(&outcome.stdout)[0]["faces"].as_array().unwrap().is_empty()
    });
    std::fs::remove_file(setting.input().join("try.png")).unwrap();
    let seen = seen.expect("one of the dreams is seen");
    setting.put_picture("a.jpg", &viewer(seen));
    setting.put_picture("a.png", &viewer(seen));
    setting.reflect(&setting.input()).assert_success();
    let names: Vec<_> = setting.lines().iter().map(|l| l["reflection"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["a.reflection.png", "a.png.reflection.png"]);
    assert!(names.iter().all(|n| setting.out().join(n).exists()));
}

#[test]
fn analyse_keeps_to_its_contract() {
    let setting = with_viewers(DREAMT);
    let outcome = narcissus(&["analyse".as_ref(), setting.input().as_os_str(), "--json".as_ref()]);
    let lines = json_lines(&outcome.assert_success().stdout);
    assert_eq!(lines.len(), DREAMT);
    let mut faces = 0;
    for (i, line) in lines.iter().enumerate() {
        assert!(line["input"].as_str().unwrap().ends_with(&format!("{i:02}.png")));
        for face in line["faces"].as_array().unwrap() {
            faces += 1;
            let numbers = |value: &serde_json::Value| -> Vec<f64> {
                value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
            };
            let rect = numbers(&face["box"]);
            assert!(rect.len() == 4 && rect[2] > 0.0 && rect[3] > 0.0, "{rect:?}");
            assert!((0.0..=1.0).contains(&face["score"].as_f64().unwrap()));
            let landmarks = face["landmarks"].as_array().unwrap();
            assert!(landmarks.len() == 68 && landmarks.iter().all(|p| numbers(p).len() == 2));
            assert!(["yaw", "pitch", "roll"].iter().all(|k| face["pose"][k].is_number()));
            let age = ["low", "mean", "high"].map(|k| face["age"][k].as_f64().unwrap());
            assert!(age[0] <= age[1] && age[1] <= age[2], "{age:?}");
            let gender = ["female", "male"].map(|k| face["gender"][k].as_f64().unwrap());
            assert!((gender[0] + gender[1] - 1.0).abs() < 1e-5, "{gender:?}");
            let label = face["gender"]["label"].as_str().unwrap();
            assert_eq!(label == "unsure", gender.iter().all(|p| *p < 0.75), "{label}: {gender:?}");
            assert!(!numbers(&face["features"]).is_empty());
        }
    }
    assert!(faces * 4 >= DREAMT * 3, "{faces} faces in {DREAMT} pictures");
}

#[test]
fn analyse_speaks_to_people_too() {
    let setting = with_viewers(DREAMT);
    let outcome = narcissus(&["analyse".as_ref(), setting.input().as_os_str()]);
    assert!(outcome.assert_success().stdout.contains("face"), "{}", outcome.stdout);
}

#[test]
fn the_same_seed_dreams_the_same_and_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let dream = |name: &str, seed: &str, threads: &str| {
        let out = dir.path().join(name);
        let text = out.to_str().unwrap();
        narcissus(&["dream", "--count", "3", "--seed", seed, "--threads", threads, "--out", text]).assert_success();
        assert_eq!(files(&out), ["dream-0001.png", "dream-0002.png", "dream-0003.png", "grid.png"]);
        std::fs::read(out.join("grid.png")).unwrap()
    };
    let first = dream("a", "7", "1");
    assert!(first == dream("b", "7", "2"), "the number of threads changes the picture");
    assert!(first != dream("c", "8", "1"));
}

#[test]
fn the_built_in_pack_is_whole_and_is_the_one_in_the_repository() {
    let built_in = narcissus(&["pack", "verify"]);
    assert!(built_in.assert_success().stdout.contains("every net fits"), "{}", built_in.stdout);
    let copy = pack_copy();
    narcissus(&["pack", "verify", copy.path().to_str().unwrap()]).assert_success();
    narcissus(&["pack", "verify", copy.path().join("pack.toml").to_str().unwrap()]).assert_success();
    let hashes = |arguments: &[&str]| -> Vec<String> {
        let outcome = narcissus(arguments);
        let lines = outcome.assert_success().stdout.lines();
        lines.filter_map(|l| l.split("sha256 ").nth(1)).map(str::to_owned).collect()
    };
    let known = hashes(&["pack", "info"]);
    assert_eq!(known.len(), 9, "six nets, two tables of people, the audits");
    assert_eq!(known, hashes(&["pack", "info", copy.path().to_str().unwrap()]));
}

#[test]
fn a_resealed_pack_is_accepted_again() {
    let copy = pack_copy();
    let path = copy.path().to_str().unwrap();
    let manifest = copy.path().join("pack.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("sha256 = \"", "sha256 = \"0")).unwrap();
    assert_eq!(narcissus(&["pack", "verify", path]).code, 1);
    narcissus(&["pack", "seal", path]).assert_success();
    narcissus(&["pack", "verify", path]).assert_success();
}

#[test]
fn people_whom_other_face_nets_measured_are_not_learned_from() {
    let copy = pack_copy();
    let path = copy.path().to_str().unwrap();
    let out = tempfile::tempdir().unwrap();
    let train = ["train", "inverter", "--pack", path, "--out", out.path().to_str().unwrap(), "--minutes", "0.01"];
    // The same net, trained by somebody else.
    let net = copy.path().join("landmarks.safetensors");
    let mut weights = nn::io::read(&std::fs::read(&net).unwrap()).unwrap();
    weights.metadata.insert("seed".to_owned(), "99".to_owned());
    std::fs::write(&net, nn::io::write(&weights, nn::io::Dtype::F16)).unwrap();
    let sealed = narcissus(&["pack", "seal", path]);
    assert!(sealed.assert_success().stderr.contains("note: ") && sealed.stderr.contains("pack visitors FOLDER"));
    narcissus(&["pack", "verify", path]).assert_one_error(&["other face nets", "visitors.safetensors"]);
    narcissus(&train).assert_one_error(&["other face nets", "--visitors DIR"]);

    for table in ["visitors.safetensors", "archive.safetensors"] {
        std::fs::remove_file(copy.path().join(table)).unwrap();
    }
    assert_eq!(narcissus(&["pack", "seal", path]).assert_success().stderr, "");
    narcissus(&["pack", "verify", path]).assert_success();
    narcissus(&train).assert_one_error(&["no \"visitors.safetensors\"", "--visitors DIR"]);
    narcissus(&["evaluate", "inverter", "--pack", path]).assert_one_error(&["no \"visitors.safetensors\""]);
    narcissus(&["evaluate", "inverter", "--sheet", "s.png"]).assert_one_error(&["--sheet", "--visitors DIR"]);
    assert!(files(out.path()).is_empty(), "nothing is begun");
}

#[test]
fn an_imported_generator_dreams_and_says_that_it_cannot_reflect() {
    let dir = tempfile::tempdir().unwrap();
    let pack = pack_copy();
    let (file, out) = (pack.path().join("generator.safetensors"), dir.path().join("new"));
    let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let imported = narcissus(&["import", file, "--out", out]);
    assert!(
        imported.assert_success().stderr.contains("missing before it can reflect: inverter"),
        "{}",
        imported.stderr
    );
    let dreams = dir.path().join("dreams");
    narcissus(&["dream", "--count", "1", "--pack", out, "--out", dreams.to_str().unwrap()]).assert_success();
    narcissus(&["pack", "verify", out]).assert_one_error(&["inverter.safetensors"]);
    narcissus(&["import", file, "--out", out]).assert_one_error(&["already exists"]);
}

#[test]
fn bench_reports_every_stage() {
    let outcome = narcissus(&["bench", "--json", "--rounds", "2"]);
    let report = &json_lines(&outcome.assert_success().stdout)[0];
    let stages: Vec<_> = report["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert!(["detect", "landmarks", "attributes", "features", "invert", "generate"].iter().all(|s| stages.contains(s)));
    assert!(report["stages"].as_array().unwrap().iter().all(|s| s["median_ms"].as_f64().unwrap() >= 0.0));
}

#[test]
fn doctor_has_a_hint_for_everything_that_is_not_well() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = narcissus(&["doctor", "--port", &port]);
    outcome.assert_one_error(&["port"]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines.iter().any(|l| l.starts_with("ok       pack")), "{}", outcome.stdout);
    assert!(lines.iter().any(|l| l.starts_with("failure  port")), "{}", outcome.stdout);
    for (i, _) in lines.iter().enumerate().filter(|(_, l)| l.starts_with("failure") || l.starts_with("warning")) {
        assert!(lines[i + 1].trim_start().starts_with("hint: "), "{}", outcome.stdout);
    }
}

#[test]
fn doctor_says_the_same_as_json_and_ends_with_the_same_code() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (port, works) in [(port.as_str(), false), ("0", true)] {
        let outcome = narcissus(&["doctor", "--json", "--port", port]);
        assert_eq!(outcome.code, i32::from(!works), "{}", outcome.stderr);
        let checks = json_lines(&outcome.stdout)[0]["checks"].as_array().unwrap().clone();
        let state =
            |name: &str| checks.iter().find(|c| c["name"] == name).map(|c| c["state"].as_str().unwrap().to_owned());
        assert_eq!(state("port").unwrap(), if works { "ok" } else { "failure" });
        assert!(["processor", "pack", "browser", "ffmpeg", "camera"].iter().all(|name| state(name).is_some()));
        for check in &checks {
            assert!(["ok", "warning", "failure"].iter().any(|state| check["state"] == *state), "{check}");
            assert!(check["found"].as_str().is_some_and(|words| !words.is_empty()), "{check}");
            assert_eq!(check["hint"].is_string(), check["state"] != "ok", "{check}");
        }
    }
}

#[test]
fn the_environment_and_the_file_give_what_flags_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("narcissus.toml");
    std::fs::write(&config, "[dream]\ncount = 2\nseed = 3\n").unwrap();
    let run = |environment: Option<&str>, flags: &[&str]| {
        let out = tempfile::tempdir_in(dir.path()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_narcissus"));
        command.args(["dream", "--config"]).arg(&config).arg("--out").arg(out.path()).args(flags);
        if let Some(count) = environment {
            command.env("NARCISSUS_COUNT", count);
        }
        assert!(command.output().unwrap().status.success());
        files(out.path()).len() - 1
    };
    assert_eq!(run(None, &[]), 2);
    assert_eq!(run(Some("3"), &[]), 3);
    assert_eq!(run(Some("3"), &["--count", "4"]), 4);
}

/// A live mirror, which ends when the test ends, however it ends.
struct LiveMirror {
    process: Child,
    /// `host:port`.
    address: String,
}

impl LiveMirror {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_narcissus"))
            .args(["mirror", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).expect("an address").trim().trim_end_matches('/').to_owned();
        Self { process, address }
    }
}

impl Drop for LiveMirror {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_mirror_prints_its_address_and_is_healthy() {
    let mirror = LiveMirror::start();
    let mut stream = TcpStream::connect(&mirror.address).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", mirror.address).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[test]
fn somebody_before_the_mirror_gets_answers_and_pictures() {
    let mirror = LiveMirror::start();
    let mut page = Page::open(&mirror.address);
    let frame = jpeg(&viewer(0));
    // The mirror waits a moment until somebody is there to stay, and on a slow computer not every frame has its picture.
    let (mut reflecting, mut pictures) = (0, 0);
    for _ in 0..200 {
        page.show(&frame);
        let mut said = page.read();
        while said.is_binary() {
            pictures += 1;
            said = page.read();
        }
        reflecting += usize::from(said.to_text().unwrap().contains("\"reflecting\""));
        if reflecting > 1 && pictures > 1 {
            return;
        }
    }
    panic!("{reflecting} answers of 200 tell of a reflection, and {pictures} pictures came");
}

#[test]
fn select_finds_the_landmarks_that_move() {
    let folder = tempfile::tempdir().unwrap();
    let (table, out) = (folder.path().join("pairs.csv"), folder.path().join("selection.json"));
    std::fs::write(&table, pairs_of_faces()).unwrap();
    let (table, file) = (table.to_str().unwrap(), out.to_str().unwrap());
    let outcome = narcissus(&["select", "--pairs", table, "--sample-pairs", "400", "--out", file, "--json"]);
    let report = json_lines(&outcome.assert_success().stdout).swap_remove(0);
    assert_eq!(report, json_lines(&std::fs::read_to_string(&out).unwrap())[0]);
    assert_eq!(report["classes"], serde_json::json!(["brows", "smile"]));
    let features = report["selection"]["features"].as_array().unwrap();
    assert!(features.len() >= 2 && features.len() == report["names"].as_array().unwrap().len());
    assert_eq!(report["selection"]["pairs_left_out"], 4556 * 4555 / 2 - 400);
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let told = narcissus(&["select", "--pairs", table, "--sample-pairs", "400"]);
    assert!(told.assert_success().stdout.contains("NOT exact: 10375890 pairs were not tried"), "{}", told.stdout);
}
