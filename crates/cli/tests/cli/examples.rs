//! Every example of the README and of every `--help` runs in an empty folder, with no data but what comes with the program.
//!
//! Files that an example names are put there first, others must come from nothing. An example that needs a new kind of file fails
//! here until somebody says what that file is.

use crate::setting::{jpeg, json_lines, narcissus, pack_folder, pairs_of_faces, scene};
use image::{RgbImage, imageops};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;
use tempfile::TempDir;

/// Lines of the README that are for a shell beside the sources.
const NOT_OURS: [&str; 3] =
    ["cargo run --release", "cargo test --workspace", "alias narcissus=target/release/narcissus"];

/// Examples that need labelled photographs, which nobody has but who made them; and how they say so.
const NEED_DATA: [(&str, &str); 5] = [
    ("narcissus train landmarks --data faces/", "faces/: no such folder; hint: --data or NARCISSUS_DATA names"),
    ("narcissus evaluate landmarks --data faces/", "faces/: no such folder; hint: --data or NARCISSUS_DATA names"),
    (
        "narcissus train detector --out runs/detector --minutes 25",
        "this needs labelled photographs, which do not come with narcissus; hint: name",
    ),
    ("narcissus pack archive my-pack", "this needs labelled photographs, which do not come with narcissus; hint: name"),
    (
        "narcissus pack visitors my-pack",
        "this needs labelled photographs, which do not come with narcissus; hint: name",
    ),
];

/// Flags that make long work short, or name what a release has beside the program: which commands get them, in place of their own.
const SHORTER: [(&str, &str, &str); 24] = [
    ("narcissus adopt", "--minutes", "0.03"),
    ("narcissus adopt", "--max-resolution", "64"),
    ("narcissus dream --count 8 --video", "--max-resolution", "32"),
    ("narcissus audit", "--people", "24"),
    ("narcissus audit", "--looks", "0"),
    ("narcissus bench", "--rounds", "2"),
    ("narcissus doctor", "--port", "0"),
    ("narcissus feedback", "--generations", "2"),
    ("narcissus feedback", "--kimg", "0.064"),
    ("narcissus feedback", "--portraits", "32"),
    ("narcissus feedback", "--measured", "32"),
    ("narcissus evaluate inverter", "--samples", "10"),
    ("narcissus evaluate inverter", "--looks", "0"),
    ("narcissus evaluate inverter --pairs", "--visitors", "portraits/"),
    ("narcissus evaluate inverter --features", "--visitors", "portraits/"),
    ("narcissus train gan", "--minutes", "0.05"),
    ("narcissus train attributes --data people/", "--minutes", "0.05"),
    ("narcissus train inverter", "--minutes", "0.03"),
    ("narcissus select --protocol paper", "--sample-pairs", "20"),
    ("narcissus select --protocol mirror --drawn", "--count", "8"),
    ("narcissus select --protocol mirror", "--count", "8"),
    ("narcissus select --protocol mirror", "--samples", "128"),
    ("narcissus mirror", "--port", "0"),
    ("narcissus site", "--modules", "modules/"),
];

#[test]
fn every_example_of_the_readme_runs_in_an_empty_folder() {
    let text = std::fs::read_to_string(pack_folder().join("../../README.md")).unwrap();
    let mut in_shell = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_shell = line == "```sh";
        } else if in_shell && !line.trim().is_empty() {
            lines.push(without_comment(line));
        }
    }
    assert!(lines.len() > 10, "{lines:?}");
    // Those of the help are run by the other test.
    let examples = examples_of_help(&[]);
    lines.retain(|line| !NOT_OURS.contains(&line.as_str()) && !examples.contains(line));
    assert_all_run(&lines);
}

#[test]
fn every_example_of_the_help_runs_in_an_empty_folder() {
    let examples = examples_of_help(&[]);
    assert!(examples.len() > 40, "{examples:?}");
    assert_all_run(&examples);
    for (line, _) in NEED_DATA {
        assert!(examples.iter().any(|e| e == line), "no help has the example `{line}`");
    }
}

/// The examples of a command and of all below it.
fn examples_of_help(command: &[&str]) -> Vec<String> {
    let text = narcissus(&[command, &["--help"]].concat()).assert_success().stdout.clone();
    let section = |title: &'static str| {
        let lines = text.lines().skip_while(move |line| *line != title).skip(1);
        lines.take_while(|line| line.starts_with(' '))
    };
    let mut examples: Vec<String> = section("Examples:").map(without_comment).collect();
    let commands = section("Commands:").filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        examples.extend(examples_of_help(&[command, &[name]].concat()));
    }
    examples
}

/// A line as far as it is a command: behind it stands, two spaces or a `#` away, what it does.
fn without_comment(line: &str) -> String {
    let line = line.trim().split("  ").next().unwrap_or_default();
    line.split(" # ").next().unwrap_or_default().to_owned()
}

/// Runs each example once; fails with all that fail.
#[track_caller]
fn assert_all_run(lines: &[String]) {
    let lines: BTreeSet<&String> = lines.iter().collect();
    let failures: Vec<String> = lines.into_iter().filter_map(|line| check(line).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs an example; it must do what it says, or say what it needs.
fn check(line: &str) -> Result<(), String> {
    if line != "narcissus" && !line.starts_with("narcissus ") {
        return Err(format!("no rule for `{line}`"));
    }
    let began = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let words = words_of(line);
    if words.iter().any(|w| w.ends_with(".mp4") || w == "--video") && host::ffmpeg().is_err() {
        eprintln!("skipped, there is no ffmpeg: {line}");
        return Ok(());
    }
    place_inputs(&words, &folder);

    let is_mirror = words.len() == 1 || words[1] == "mirror";
    if words.iter().any(|w| w == "--resume") {
        // There must be something to go on from.
        let first: Vec<String> = words.iter().filter(|w| *w != "--resume").cloned().collect();
        run(&first, &folder)?;
    }
    let outcome = if is_mirror { start_mirror(&words, &folder) } else { run(&words, &folder) };
    eprintln!("{:6.1} s  {line}", began.elapsed().as_secs_f64());
    let need = NEED_DATA.iter().find(|(needs, _)| *needs == line).map(|(_, why)| *why);
    match (outcome, need) {
        (Ok(()), None) => Ok(()),
        // Nor does it speak of a folder that only developers have.
        (Err(said), Some(why)) if said.contains(why) && !said.contains("shared") => Ok(()),
        (outcome, _) => Err(format!("`{line}`: {outcome:?}")),
    }
}

/// The words of a command line, with flags that make it short.
fn words_of(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let helps = line.ends_with("--help");
    for (command, flag, value) in SHORTER.into_iter().filter(|_| !helps) {
        let drawn = flag == "--samples" && line.contains("--drawn");
        if !line.starts_with(command) || drawn {
            continue;
        }
        match words.iter().position(|w| w == flag) {
            Some(at) => words[at + 1] = value.to_owned(),
            None => {
                // What follows a pipe is another program's.
                let end = words.iter().position(|w| w == "|" || w == ">").unwrap_or(words.len());
                words.splice(end..end, [flag.to_owned(), value.to_owned()]);
            }
        }
    }
    // Elsewhere a browser lies where the test cannot put another one.
    words.retain(|w| cfg!(target_os = "linux") || w != "--kiosk");
    words
}

/// Runs a command line to its end, by a shell where it needs one; an error is what it said.
fn run(words: &[String], folder: &Path) -> Result<(), String> {
    let ours = env!("CARGO_BIN_EXE_narcissus");
    let has = |program: &str| host::find_program(program).is_some();
    let shell_does = has("sh") && (has("jq") || words.iter().all(|w| w != "jq"));
    let output = match words.iter().position(|w| w == "|" || w == ">") {
        Some(_) if shell_does => command("sh", folder).arg("-c").arg(words.join(" ")).output(),
        end => command(ours, folder).args(&words[1..end.unwrap_or(words.len())]).output(),
    };
    let output = output.unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Starts the live mirror and ends it when it has said where it is.
fn start_mirror(words: &[String], folder: &Path) -> Result<(), String> {
    let mut child = command(env!("CARGO_BIN_EXE_narcissus"), folder)
        .args(&words[1..])
        .env("NARCISSUS_PORT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let runs = child.try_wait().unwrap().is_none();
    // Where it has ended there is nothing to end.
    let _ = child.kill();
    let stderr = child.wait_with_output().unwrap().stderr;
    if runs && said.contains("http://127.0.0.1:") {
        return Ok(());
    }
    Err(said + &String::from_utf8_lossy(&stderr))
}

/// A program in a folder, away from the environment of whoever tests; `narcissus` and a browser that does nothing are in its PATH.
fn command(program: &str, folder: &Path) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_narcissus")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [browser().to_owned(), bin.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NARCISSUS_")) {
        command.env_remove(name);
    }
    command.env("PATH", std::env::join_paths(path).unwrap()).current_dir(folder).stdin(Stdio::null());
    command
}

/// The folder of a browser that ends at once.
fn browser() -> &'static Path {
    static BROWSER: LazyLock<TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let program = dir.path().join("chromium");
            std::fs::write(&program, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    });
    BROWSER.path()
}

/// Puts there what the words name and do not write.
fn place_inputs(words: &[String], folder: &Path) {
    for (i, word) in words.iter().enumerate() {
        let written =
            i > 0 && ["--out", "--curve", "--sheet", "--log", "--record", ">"].contains(&words[i - 1].as_str());
        if !written {
            place(word, words, &folder.join(word));
        }
    }
}

/// Makes the file or folder that a command line reads under this name; nothing where the name is none of a file.
fn place(name: &str, words: &[String], path: &Path) {
    let fixture = |name: &str| pack_folder().join("../../testdata/foreign").join(name);
    match name {
        "me.jpg" => std::fs::write(path, jpeg(&PEOPLE[0])).unwrap(),
        "portraits/" => {
            std::fs::create_dir(path).unwrap();
            // As many as an inverter needs, where one learns from them, and as a table names.
            let learned =
                ["adopt", "audit"].contains(&words[1].as_str()) || words[2] == "inverter" && words[1] == "train";
            let people = if learned { PEOPLE.len() } else { 4 };
            for (i, person) in PEOPLE.iter().take(people).enumerate() {
                person.save(path.join(format!("{i:02}.png"))).unwrap();
            }
        }
        "house.toml" => {
            // The one of the documentation.
            let text = std::fs::read_to_string(pack_folder().join("../../docs/show.md")).unwrap();
            let policy = text.split("```toml\n").find(|block| block.starts_with("# house.toml")).unwrap();
            std::fs::write(path, policy.split("```").next().unwrap()).unwrap();
        }
        "holiday/" => {
            std::fs::create_dir(path).unwrap();
            save_people(path);
        }
        "people/" => {
            std::fs::create_dir(path).unwrap();
            let row = |(i, file): (usize, String)| format!("{file},{},{}\n", 30 + i, ["F", "M"][i % 2]);
            let rows: String = save_people(path).into_iter().enumerate().map(row).collect();
            std::fs::write(path.join("faces.csv"), format!("file,age,gender\n{rows}")).unwrap();
        }
        "people.csv" => {
            let row = |i: usize| format!("{i:02}.png;Person {i};{};{}\n", ["F", "M"][i % 2], 1950 + i);
            let rows: String = (0..PEOPLE.len()).map(row).collect();
            std::fs::write(path, format!("file;person;gender;birth\n{rows}")).unwrap();
        }
        "archive/" => archive(path),
        "scenes/" => {
            std::fs::create_dir(path).unwrap();
            // The one of the documentation, but for its pack, which is not here.
            let text = std::fs::read_to_string(pack_folder().join("../../docs/show.md")).unwrap();
            let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
            let scene: String =
                block.lines().filter(|line| !line.starts_with("pack")).flat_map(|l| [l, "\n"]).collect();
            std::fs::write(path.join("evening.toml"), scene).unwrap();
        }
        "modules/" => {
            std::fs::create_dir(path).unwrap();
            // Nothing here runs it.
            std::fs::write(path.join("narcissus.wasm"), b"\0asm").unwrap();
        }
        "dance.mp4" => film(path),
        "celebahq.pack" | "my-pack" => copy_pack(path),
        // No inverter can be trained for the pickles here, whose generators draw no faces; a file is known by its content.
        "karras2018iclr-celebahq-1024x1024.pkl" | "celebahq.pkl" if words[1] == "adopt" => {
            copy(&MADE.generator(), path)
        }
        "karras2018iclr-celebahq-1024x1024.pkl" => copy(&fixture("tensorflow-fused-p4.pkl"), path),
        "network-snapshot.pkl" | "network-final.pkl" => copy(&fixture("theano-p4.pkl"), path),
        "gs.safetensors" => copy(&MADE.generator(), path),
        "runs/inverter/pairs.safetensors" => copy(&MADE.pairs(), path),
        "faces.csv" => std::fs::write(path, pairs_of_faces()).unwrap(),
        "CK+" => sequences(path),
        _ => (),
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

fn copy_pack(to: &Path) {
    let files = std::fs::read_dir(pack_folder()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.is_file()).for_each(|file| copy(&file, &to.join(file.file_name().unwrap())));
}

/// Saves all people into a folder; gives back the names of the files.
fn save_people(folder: &Path) -> Vec<String> {
    let save = |(i, person): (usize, &RgbImage)| {
        let file = format!("{i:02}.png");
        person.save(folder.join(&file)).unwrap();
        file
    };
    PEOPLE.iter().enumerate().map(save).collect()
}

/// Aligned portraits of 160 pixels, and their table.
fn archive(folder: &Path) {
    let aligned = folder.join("aligned");
    std::fs::create_dir_all(&aligned).unwrap();
    for (i, person) in PEOPLE.iter().enumerate() {
        // The face is in the middle.
        let side = person.width().min(person.height());
        let middle = imageops::crop_imm(person, (person.width() - side) / 2, (person.height() - side) / 2, side, side);
        let square = imageops::thumbnail(&middle.to_image(), 160, 160);
        square.save(aligned.join(format!("{i:02}.png"))).unwrap();
    }
    let analysed = narcissus(&["analyse", aligned.to_str().unwrap(), "--json"]);
    let mut table = String::from("file,landmarks_aligned\n");
    for line in json_lines(&analysed.assert_success().stdout) {
        let Some(points) = line["faces"][0]["landmarks"].as_array() else { continue };
        let numbers: Vec<String> = points.iter().flat_map(|p| [p[0].to_string(), p[1].to_string()]).collect();
        let file = Path::new(line["input"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
        table += &format!("{file},{}\n", numbers.join(" "));
    }
    std::fs::write(folder.join("faces.csv"), table).unwrap();
}

/// A second of somebody who does not move.
fn film(path: &Path) {
    let picture = path.with_extension("frame.png");
    PEOPLE[0].save(&picture).unwrap();
    let mut ffmpeg = host::ffmpeg().unwrap();
    ffmpeg.args(["-v", "error", "-loop", "1", "-i"]).arg(&picture);
    assert!(ffmpeg.args(["-frames:v", "12", "-pix_fmt", "yuv420p"]).arg(path).status().unwrap().success());
    std::fs::remove_file(picture).unwrap();
}

/// A folder as CK+ is given out, of people whom nobody photographed: six who are happy, then surprised.
fn sequences(folder: &Path) {
    for (i, pair) in PEOPLE.chunks_exact(2).take(12).enumerate() {
        let sequence = format!("S{:03}/{:03}", i / 2, i % 2);
        let [pictures, emotions] = ["cohn-kanade-images", "Emotion"].map(|part| folder.join(part).join(&sequence));
        [&pictures, &emotions].into_iter().for_each(|part| std::fs::create_dir_all(part).unwrap());
        pair[0].save(pictures.join("1.png")).unwrap();
        pair[1].save(pictures.join("2.png")).unwrap();
        std::fs::write(emotions.join("emotion.txt"), ["   5.0000000e+00\n", "   7.0000000e+00\n"][i % 2]).unwrap();
    }
}

/// Pictures of people who do not exist; the mirror finds a face in each.
static PEOPLE: LazyLock<Vec<RgbImage>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let [dreams, scenes] = ["dreams", "scenes"].map(|name| dir.path().join(name));
    narcissus(&["dream", "--count", "48", "--seed", "11", "--out", dreams.to_str().unwrap()]).assert_success();
    std::fs::create_dir(&scenes).unwrap();
    for i in 1..=48 {
        scene(&dreams.join(format!("dream-{i:04}.png"))).save(scenes.join(format!("{i:04}.png"))).unwrap();
    }
    let analysed = narcissus(&["analyse", scenes.to_str().unwrap(), "--json"]);
    let lines = json_lines(&analysed.assert_success().stdout);
    let seen = lines.iter().filter(|line| !line["faces"].as_array().unwrap().is_empty());
    let people: Vec<RgbImage> =
        seen.map(|line| image::open(line["input"].as_str().unwrap()).unwrap().to_rgb8()).collect();
    assert!(people.len() >= 30, "a face in {} of 48 dreams", people.len());
    people
});

/// Files that the program itself makes.
struct Made {
    dir: TempDir,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let made = Made { dir: tempfile::tempdir().unwrap() };
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    narcissus(&["export", "--max-resolution", "64", "--out", &path(made.generator())]).assert_success();
    let run = path(made.dir.path().join("run"));
    narcissus(&["train", "inverter", "--minutes", "0.03", "--out", &run]).assert_success();
    made
});

impl Made {
    /// The pack's generator, up to 64 pixels.
    fn generator(&self) -> PathBuf {
        self.dir.path().join("generator.safetensors")
    }

    /// Pairs of the pack's generator.
    fn pairs(&self) -> PathBuf {
        self.dir.path().join("run/pairs.safetensors")
    }
}
