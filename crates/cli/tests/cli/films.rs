//! Films and moving pictures. Without ffmpeg most of these say that they skip.

use crate::setting::{Setting, json_lines, narcissus, nobody, viewer};
use image::{Delay, Frame, codecs::gif::GifEncoder, imageops};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs ffmpeg; `None`, said, where there is none.
fn ffmpeg(arguments: &[&str]) -> Option<()> {
    let run = Command::new("ffmpeg").args(["-hide_banner", "-loglevel", "error", "-y"]).args(arguments).status();
    let Ok(status) = run else {
        eprintln!("skipped: ffmpeg is not in PATH");
        return None;
    };
    assert!(status.success(), "ffmpeg {arguments:?}");
    Some(())
}

/// What ffmpeg says of a file.
fn about(path: &Path) -> String {
    let said = Command::new("ffmpeg").args(["-hide_banner", "-i"]).arg(path).output().unwrap();
    String::from_utf8_lossy(&said.stderr).into_owned()
}

/// A moving GIF: nobody for a second, somebody for two.
fn moving(setting: &Setting) -> PathBuf {
    let path = setting.input().join("moving.gif");
    let mut encoder = GifEncoder::new(std::fs::File::create(&path).unwrap());
    for (picture, ms) in [(nobody(), 1000), (viewer(3), 2000)] {
        let picture = imageops::resize(&picture, 320, 240, imageops::FilterType::Triangle);
        let picture = image::DynamicImage::from(picture).into_rgba8();
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(ms, 1))).unwrap();
    }
    path
}

#[test]
fn a_moving_picture_gives_a_line_a_picture_and_a_film() {
    let setting = Setting::new();
    let path = moving(&setting);
    let outcome = narcissus(&["analyse".as_ref(), path.as_os_str(), "--json".as_ref()]);
    outcome.assert_success();
    let lines = json_lines(&outcome.stdout);
    let of = |i: usize, key: &str| lines[i][key].clone();
    assert_eq!(lines.len(), 2);
    assert_eq!((of(0, "frame"), of(0, "seconds"), of(1, "seconds")), (0.into(), 0.0.into(), 1.0.into()));
    assert_eq!([0, 1].map(|i| of(i, "faces").as_array().unwrap().len()), [0, 1]);

    if ffmpeg(&["-version"]).is_some() {
        setting.reflect(&path).assert_success();
        let film = setting.out().join("moving.reflection.mp4");
        assert!(about(&film).contains("Duration: 00:00:03.00"), "{}", about(&film));
    }
}

/// A film in which nobody is there for a second and somebody for one more, with a tone; the first at ten frames a second, the
/// others at thirty.
fn somebody_after_a_second(setting: &Setting, frames: &[&str]) -> Option<PathBuf> {
    let (nobody, somebody) =
        (setting.put_picture("nobody.png", &nobody()), setting.put_picture("somebody.png", &viewer(3)));
    let path = setting.input().join("film.mp4");
    let name = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (nobody, somebody, out) = (name(&nobody), name(&somebody), name(&path));
    let filter = "[0:v]scale=640:480,setsar=1[a];[1:v]scale=640:480,setsar=1[b];[a][b]concat=n=2,format=yuv420p";
    let sources = [
        &["-loop", "1", "-framerate", "10", "-t", "1", "-i", &nobody],
        &["-loop", "1", "-framerate", "30", "-t", "1", "-i", &somebody],
    ];
    let tone = ["-f", "lavfi", "-t", "2", "-i", "sine=frequency=440", "-filter_complex", filter, "-c:a", "aac"];
    ffmpeg(&[sources[0], sources[1], &tone[..], frames, &[&out]].concat())?;
    Some(path)
}

#[test]
fn a_film_keeps_its_sound_and_stays_in_time_with_it() {
    // A rate that is no whole number, and frames that come when they like.
    for frames in [["-r", "30000/1001"], ["-vsync", "vfr"]] {
        let setting = Setting::new();
        let Some(path) = somebody_after_a_second(&setting, &frames) else { return };
        let outcome = narcissus(&["analyse".as_ref(), path.as_os_str(), "--json".as_ref()]);
        outcome.assert_success();
        let lines = json_lines(&outcome.stdout);
        let first = lines.iter().find(|line| !line["faces"].as_array().unwrap().is_empty()).unwrap();
        let appears = first["seconds"].as_f64().unwrap();
        assert!((appears - 1.0).abs() < 0.11, "{frames:?}: somebody appears after {appears} s");

        setting.reflect(&path).assert_success();
        let said = about(&setting.out().join("film.reflection.mp4"));
        assert!(said.contains("Duration: 00:00:02") || said.contains("Duration: 00:00:01.9"), "{frames:?}: {said}");
        assert!(said.contains("Audio: aac"), "{frames:?}: {said}");
    }
}

#[test]
fn a_camera_that_hung_on_its_side_is_turned_back() {
    let setting = Setting::new();
    // The face is not in the middle.
    let upright = imageops::crop_imm(&viewer(3), 100, 0, 540, 480).to_image();
    let path = setting.put_picture("sideways.png", &imageops::rotate270(&upright));
    let faces = |more: &[&str]| {
        let mut arguments = vec!["analyse", path.to_str().unwrap(), "--json"];
        arguments.extend(more);
        let outcome = narcissus(&arguments);
        outcome.assert_success();
        json_lines(&outcome.stdout)[0]["faces"].as_array().unwrap().clone()
    };
    let turned = faces(&["--rotate", "90"]);
    assert_eq!(turned.len(), 1);
    let mirrored = faces(&["--rotate", "90", "--mirror", "on"]);
    let middle = |faces: &[serde_json::Value]| {
        let [x, w] = [0, 2].map(|i| faces[0]["box"][i].as_f64().unwrap());
        x + w / 2.0
    };
    let width = f64::from(upright.width());
    assert!((middle(&turned) + middle(&mirrored) - width).abs() < 0.03 * width, "left and right change places");
}

#[test]
fn a_film_cut_short_and_one_without_pictures_are_named() {
    let setting = Setting::new();
    let Some(path) = somebody_after_a_second(&setting, &["-r", "30"]) else { return };
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let outcome = setting.reflect(&path);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("film.mp4"), "{}", outcome.stderr);
    assert!(!setting.out().join("film.reflection.mp4").exists());

    let sound = setting.input().join("sound.mp4");
    ffmpeg(&["-f", "lavfi", "-t", "1", "-i", "sine", "-c:a", "aac", sound.to_str().unwrap()]);
    let outcome = setting.reflect(&sound);
    assert!(outcome.stderr.contains("sound.mp4: ffmpeg finds no video in it"), "{}", outcome.stderr);
}

#[test]
fn a_still_picture_of_any_format_is_a_viewer() {
    let setting = Setting::new();
    let picture = viewer(3);
    for name in ["a.tiff", "b.gif", "c.webp", "d.bmp"] {
        image::DynamicImage::from(picture.clone()).save(setting.input().join(name)).unwrap();
    }
    setting.reflect(&setting.input()).assert_success();
    let lines = setting.lines();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["faces"] == 1), "{lines:?}");
}
