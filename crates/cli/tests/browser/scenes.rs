//! What the desk and its scenes do to a page.

use crate::chromium::{Eye, Page, installed};
use crate::everybody::{set_open, set_slider};
use crate::server::Server;
use crate::{REFLECTING, alone, film};
use serde_json::json;

#[test]
fn a_scene_changes_words_colours_and_controls_and_gives_them_back() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let scenes = dir.path().join("scenes");
    std::fs::create_dir(&scenes).unwrap();
    let write = |name: &str, text: &str| std::fs::write(scenes.join(name), text).unwrap();
    write("day.toml", "key = \"1\"\nease = 0\n");
    write(
        "late night.toml",
        "key = \"2\"\nease = 0\n[controls]\nfeatures = 7\n\"override/age\" = 71\n\"without/skin\" = true\ndim = 0.25\n\
         [texts.en]\nstop = \"leave\"\n[colours]\naccent = \"#ff0080\"\n",
    );
    let server = Server::start(&["--scenes", scenes.to_str().unwrap()]);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    set_open(&mut page, "panel", true);
    page.wait(
        "document.getElementById('scene').checkVisibility() && document.getElementById('scene').options.length === 3",
    );
    let stop = "document.querySelector('#stop span').textContent";
    let words = page.value(stop);
    set_slider(&mut page, "features", 20);

    page.press("2");
    page.wait("narcissus.controls.features === 7 && narcissus.controls.overrides.age === 71 && narcissus.controls.without[0] === 'skin'");
    page.wait("document.getElementById('features').disabled && document.getElementById('features').value === '7'");
    page.wait(
        "document.getElementById('age').value === '71' && !document.querySelector('#groups input[value=skin]').checked",
    );
    page.wait("document.getElementById('scene').value === 'late night'");
    assert_eq!(page.value(stop), "leave");
    let style = |name: &str| format!("getComputedStyle(document.documentElement).getPropertyValue('{name}').trim()");
    assert_eq!((page.value(&style("--gold")), page.value(&style("--dim"))), (json!("#ff0080"), json!("0.25")));

    page.value("document.getElementById('scene').value = 'day'; document.getElementById('scene').dispatchEvent(new Event('change'))");
    page.wait("narcissus.controls.features === null && narcissus.controls.without.length === 0");
    page.wait("!document.getElementById('features').disabled && document.getElementById('features').value === document.getElementById('features').max");
    assert_eq!((page.value(stop), page.value(&style("--gold"))), (words, json!("#c9a96a")));
    assert_eq!(page.value("document.getElementById('scene').value"), "day");
}
