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

#[test]
fn the_page_offers_what_the_house_allows_and_says_what_is_in_force() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let house = dir.path().join("house.toml");
    let text = "[measures]\nage = \"off\"\ngender = \"off\"\nlikeness = \"off\"\n[visitors]\nmay = [\"panel\", \"without\"]\n\
                minutes = 0.2\n[notice]\nen = \"Here a machine looks at you.\"\n";
    std::fs::write(&house, text).unwrap();
    let server = Server::start(&["--policy", house.to_str().unwrap()]);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    let seen = |id: &str| format!("document.getElementById('{id}').checkVisibility()");
    let text = |id: &str| format!("document.getElementById('{id}').textContent");
    page.wait(&format!("{}.includes('the colour of your skin')", text("measured")));
    assert!(!page.value(&text("measured")).as_str().unwrap().contains("an age"));
    assert_eq!(page.value(&text("house-notice")), "Here a machine looks at you.");
    assert_eq!((page.value(&seen("house-notice")), page.value(&seen("guesses"))), (json!(true), json!(false)));
    let rules = page.value(&text("house")).as_str().unwrap().to_owned();
    assert!(rules.contains("not measured: an age, a gender, and what your face is like."), "{rules}");
    assert!(rules.contains("leave out groups of numbers") && rules.contains("0.2 minutes at most"), "{rules}");

    page.begin();
    page.wait(REFLECTING);
    set_open(&mut page, "panel", true);
    page.wait(&seen("groups"));
    for id in ["features", "age", "female", "hold", "what-if", "toggle-steps", "toggle-words"] {
        assert_eq!(page.value(&seen(id)), false, "{id}");
    }
    let groups = page.value("[...document.querySelectorAll('#groups input')].map(box => box.value)");
    assert!(!groups.to_string().contains("age") && groups.to_string().contains("skin"), "{groups}");
    page.press("s");
    page.press("h");
    assert_eq!(
        (page.value(&seen("steps")), page.value("document.body.classList.contains('plain')")),
        (json!(false), json!(false))
    );
    page.wait("document.querySelector('.words').textContent.includes('numbers are left of you')");
    let words = page.value("document.querySelector('.words').textContent").as_str().unwrap().to_owned();
    assert!(!words.contains("takes you for"), "{words}");
    // Twelve seconds are soon over.
    page.wait(&format!("{} && {}.includes('visit is over')", "narcissus.report.state === 'dreaming'", text("notice")));
}

#[test]
fn outside_its_hours_the_page_is_dark_the_camera_off_and_nothing_begins() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let house = dir.path().join("house.toml");
    std::fs::write(&house, "[hours]\nopen = []\n").unwrap();
    let server = Server::start(&["--policy", house.to_str().unwrap()]);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), "about:blank#first");
    let count = "const { mediaDevices } = navigator, open = mediaDevices?.getUserMedia.bind(mediaDevices); globalThis.opened = 0;
        if (open) mediaDevices.getUserMedia = wanted => { globalThis.opened++; return open(wanted); };";
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": count }));
    page.go(&format!("{}/#kiosk", server.url));
    page.wait("document.getElementById('closed').checkVisibility()");
    assert_eq!(page.value("document.getElementById('closed').textContent"), "The mirror is closed.");
    page.wait("narcissus.report?.sizes.picture_bytes === 0");
    page.value("document.getElementById('begin').click()");
    assert_eq!(page.value("document.body.classList.contains('begun')"), false);
    assert_eq!(page.value("opened"), 0, "the camera's lamp does not even flash");
    // Others may read what is in force.
    page.go(&format!("{}/policy", server.url));
    page.wait("document.getElementById('house')?.textContent.includes('When it is open')");
}

#[test]
fn who_records_what_is_drawn_says_so_wherever_it_is_said_what_becomes_of_pictures() {
    let Some(chromium) = installed() else { return };
    if host::ffmpeg().is_err() {
        eprintln!("skipped: ffmpeg is not in PATH");
        return;
    }
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let film = dir.path().join("day.mp4");
    let server = Server::start(&["--record", film.to_str().unwrap()]);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("document.getElementById('recorded').checkVisibility()");
    let says = |page: &mut Page, id: &str| {
        let text = page.value(&format!("document.getElementById('{id}').textContent")).as_str().unwrap().to_owned();
        assert!(text.contains("kept as a film") && !text.contains("Nothing is stored"), "{id}: {text}");
    };
    for id in ["stored", "promise", "house"] {
        says(&mut page, id);
    }
    page.go(&format!("{}/policy", server.url));
    page.wait("document.getElementById('house')?.textContent.length > 100");
    says(&mut page, "house");
}
