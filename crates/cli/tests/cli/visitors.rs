//! The visitors of the evaluation data, where they are at hand.

use crate::setting::{files, json_lines, narcissus};

#[test]
fn visitors_with_a_visible_face_have_reflections_that_differ() {
    let Some(data) = testing::data_root_or_skip("visitors_with_a_visible_face_have_reflections_that_differ") else {
        return;
    };
    let visitors = data.join("eval/visitors");
    if !visitors.is_dir() {
        eprintln!("visitors_with_a_visible_face_have_reflections_that_differ: skipped, no eval/visitors in the data");
        return;
    }
    let out = tempfile::tempdir().unwrap();
    narcissus(&["reflect".as_ref(), visitors.as_os_str(), "--out".as_ref(), out.path().as_os_str()]).assert_success();
    let lines = json_lines(&std::fs::read_to_string(out.path().join("reflections.jsonl")).unwrap());
    let reflected = lines.iter().filter(|l| l["reflection"].is_string()).count();
    // Some of them turn away or hide behind a camera.
    assert!(reflected * 10 >= lines.len() * 8, "{reflected} of {} visitors are reflected", lines.len());
    let pictures: std::collections::HashSet<Vec<u8>> = files(out.path())
        .into_iter()
        .filter(|name| name.ends_with(".reflection.png"))
        .map(|name| std::fs::read(out.path().join(name)).unwrap())
        .collect();
    assert_eq!(pictures.len(), reflected, "two visitors have one reflection");
}
