//! The page for everybody: who walks past, touches, teaches, or cannot see.

use crate::chromium::{Eye, Page, installed};
use crate::screens::{LANGUAGES, SCREENS, set_screen};
use crate::server::Server;
use crate::{DREAMING, REFLECTING, alone, film};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub fn set_language(page: &mut Page, language: &str) {
    page.value(&format!(
        "(() => {{ const s = document.querySelector('#keys .language'); s.value = '{language}'; s.dispatchEvent(new Event('change')); }})()"
    ));
    page.wait(&format!("document.documentElement.lang.startsWith('{language}')"));
    page.value("new Promise(done => setTimeout(done, 700))");
}

/// Opens or closes panel or steps.
pub fn set_open(page: &mut Page, what: &str, open: bool) {
    let button = format!("document.getElementById('toggle-{what}')");
    page.value(&format!("if ({button}.getAttribute('aria-expanded') !== '{open}') {button}.click()"));
    page.wait(&format!("document.getElementById('{what}').hidden === {}", !open));
}

pub fn set_slider(page: &mut Page, id: &str, value: u32) {
    page.value(&format!(
        "(() => {{ const e = document.getElementById('{id}'); e.value = {value}; e.dispatchEvent(new Event('input')); }})()"
    ));
}

/// Presses the mouse where something is, whatever lies above it.
fn click_at(page: &mut Page, selector: &str) {
    let place = page.value(&format!(
        "(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
    ));
    for kind in ["mousePressed", "mouseReleased"] {
        let at = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
        page.call("Input.dispatchMouseEvent", at);
    }
}

/// Left, top, right and bottom of something.
pub fn edges(page: &mut Page, selector: &str) -> [f64; 4] {
    let rect = format!(
        "(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }})()"
    );
    serde_json::from_value(page.value(&rect)).unwrap()
}

pub fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[test]
fn what_cannot_be_seen_cannot_be_pressed_and_a_kiosk_begins_again() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &format!("{}/#kiosk", server.url));
    page.wait(REFLECTING);
    page.wait("document.body.classList.contains('idle') && document.getElementById('keys').inert");
    click_at(&mut page, "#stop");
    click_at(&mut page, "#stop");
    assert_eq!(page.value("document.body.classList.contains('begun')"), true, "a touch in a corner ends nothing");
    // What it brought back can be pressed once it can be seen.
    page.wait("!document.body.classList.contains('idle') && !document.getElementById('keys').inert");
    click_at(&mut page, "#stop");
    page.wait("!document.body.classList.contains('begun') && document.getElementById('again').checkVisibility()");
    page.wait("document.body.classList.contains('begun')");
    page.wait(REFLECTING);
}

#[test]
fn a_new_visit_starts_clean_whoever_ended_the_last_one() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let film = film::coming_and_going(dir.path());
    let mut page = Page::open(&chromium, &Eye::Film(&film), &server.url);
    let experiment = |page: &mut Page| {
        page.wait(REFLECTING);
        set_open(page, "panel", true);
        set_slider(page, "features", 12);
        set_slider(page, "age", 90);
        page.value("document.querySelector('#groups input[value=skin]').click()");
        page.wait("narcissus.controls.overrides.age === 90 && narcissus.controls.hold && narcissus.controls.without[0] === 'skin'");
    };
    let is_clean = "Object.keys(narcissus.controls.overrides).length === 0 && !narcissus.controls.hold \
                    && narcissus.controls.without.length === 0 && narcissus.controls.features === null \
                    && document.getElementById('features').value === document.getElementById('features').max \
                    && !document.getElementById('hold').checked";
    page.begin();
    experiment(&mut page);
    page.wait(DREAMING);
    page.wait(is_clean);
    experiment(&mut page);
    page.press("Escape");
    page.begin();
    page.wait(REFLECTING);
    page.wait(is_clean);
    experiment(&mut page);
    page.value("document.getElementById('reset').click()");
    page.wait(is_clean);
}

#[test]
fn words_picture_and_slider_tell_one_age_and_what_was_told_is_told_apart() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    set_open(&mut page, "panel", true);
    page.wait("document.querySelector('.words').textContent.includes('years old')");
    for _ in 0..20 {
        let pair = page.value("[/about (\\d+)/.exec(document.querySelector('.words').textContent)?.[1], document.getElementById('age').value]");
        // A viewer may be lost for a moment on a busy computer.
        assert!(pair[0].is_null() || pair[0] == pair[1], "{pair}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        page.value("/\\d+ ?%/.test(document.querySelector('.words').textContent)"),
        false,
        "no percentage as a fact"
    );
    set_slider(&mut page, "age", 90);
    page.wait("/It was told: 90 years old\\nBy itself it had said: .*about \\d+/.test(document.querySelector('.words').textContent)");
}

#[test]
fn a_viewer_is_told_whose_face_it_is_and_then_no_more() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--faces", "2"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait("document.querySelectorAll('.whose.there').length === 1");
    // Each reflection has its own words; the one that shows nobody says so and is dimmed.
    page.wait("document.querySelectorAll('.view.dream').length === 1");
    page.wait("document.querySelector('.view.dream .words').textContent === 'Nobody: a dream'");
    page.wait("document.querySelector('.view:not(.dream) .words').textContent.includes('It takes you for')");
    page.wait("Number(getComputedStyle(document.querySelector('.view.dream canvas')).opacity) < 0.7");
    page.wait("document.querySelectorAll('.whose.there').length === 0");
}

#[test]
fn of_several_cameras_the_page_uses_the_one_that_is_named() {
    let Some(chromium) = installed() else { return };
    let _alone = alone();
    for (asked, used) in [("DEVICE_1", "fake_device_1"), ("device_0", "fake_device_0")] {
        let server = Server::start(&["--camera", asked]);
        let mut page = Page::open(&chromium, &Eye::Patterns, &server.url);
        page.begin();
        page.wait(&format!("narcissus.camera === '{used}' && narcissus.report?.sizes.picture_bytes > 0"));
    }
    let server = Server::start(&["--camera", "BRIO"]);
    let mut page = Page::open(&chromium, &Eye::Patterns, &server.url);
    page.begin();
    page.wait("document.getElementById('notice').textContent === 'No camera is called “BRIO”. There is: fake_device_0, fake_device_1'");
    assert_eq!(page.value("narcissus.camera"), "");
}

#[test]
fn there_is_no_verdict_on_nobody() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let film = film::nobody(dir.path());
    for (eye, said) in [(Eye::Denied, "may not use the camera"), (Eye::Film(&film), "Nobody is there")] {
        let server = Server::start(&[]);
        let mut page = Page::open(&chromium, &eye, &server.url);
        page.begin();
        page.wait(&format!("document.getElementById('notice').textContent.includes('{said}')"));
        set_open(&mut page, "panel", true);
        page.value("new Promise(done => setTimeout(done, 1000))");
        let shown = "[...document.querySelectorAll('.words, #sizes, #speed, #survived')].filter(e => e.checkVisibility() && e.textContent.trim()).map(e => e.id)";
        assert_eq!(page.value(shown), json!([]), "{said}");
        let (notice, glass, panel) =
            (edges(&mut page, "#notice"), edges(&mut page, "#glass"), edges(&mut page, "#panel"));
        assert!(!overlap(notice, panel), "{notice:?} {panel:?}");
        assert!(
            ((notice[0] + notice[2]) - (glass[0] + glass[2])).abs() < 4.0,
            "in the middle of the glass: {notice:?} {glass:?}"
        );
    }
}

#[test]
fn a_screen_reader_hears_who_comes_and_not_each_number() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus");
    page.value(
        "(() => { globalThis.heard = []; const all = [...document.querySelectorAll('[aria-live], [role=status], [role=alert], output')];
           new MutationObserver(() => heard.push(document.getElementById('status').textContent)).observe(document.getElementById('status'), { childList: true });
           globalThis.speakers = all.map(e => e.id); })()",
    );
    assert_eq!(page.value("speakers"), json!(["status"]), "one thing speaks");
    page.begin();
    page.wait(REFLECTING);
    page.wait("heard.some(text => text.includes('as the machine draws you') && text.includes('It takes you for'))");
    let seconds = std::env::var("NARCISSUS_LISTEN_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(15);
    std::thread::sleep(Duration::from_secs(seconds));
    let heard = page.value("heard");
    eprintln!("{heard}");
    assert!(heard.as_array().unwrap().len() <= 5, "{heard}");
}

#[test]
fn the_focus_is_where_the_visitor_is() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus && document.activeElement.id === 'begin'");
    page.press("Enter");
    page.wait("document.activeElement.id === 'toggle-panel'");
    set_open(&mut page, "panel", true);
    page.value("document.getElementById('hold').focus()");
    page.press("p");
    page.wait("document.getElementById('panel').hidden && document.activeElement.id === 'toggle-panel'");
    page.press("Escape");
    page.wait("document.activeElement.id === 'begin'");
}

#[test]
fn the_steps_explain_every_number_in_every_language() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    page.press("s");
    page.wait("narcissus.controls.steps && narcissus.report.views[0].steps");
    page.wait("document.getElementById('step-camera').width > 4 && document.getElementById('step-face').width > 4");
    let touched = "(async () => {
        const texts = [], pause = () => new Promise(done => setTimeout(done, 0));
        for (const button of document.querySelectorAll('#numbers button')) { button.click(); await pause(); texts.push(document.getElementById('explained').textContent); }
        const slider = document.getElementById('distance');
        for (let i = 0; i <= slider.max; i++) { slider.value = i; slider.dispatchEvent(new Event('input')); await pause(); texts.push(document.getElementById('explained').textContent); }
        return texts;
    })()";
    // Those that are never told have one text together.
    let told = "fetch('settings.json').then(answer => answer.json()).then(({ numbers }) => {
        const told = numbers.filter(({ unit }) => unit !== 'untold').length;
        return told + (told < numbers.length);
    })";
    let mut all = Vec::new();
    for language in LANGUAGES {
        set_language(&mut page, language);
        let texts: Vec<String> = serde_json::from_value(page.value(touched)).unwrap();
        assert_eq!(texts.len() as u64, page.value(told).as_u64().unwrap());
        for text in &texts {
            assert!(!text.is_empty() && !text.contains('_') && !text.contains('{'), "{language}: {text}");
        }
        // The second line is what it is now, as long as the viewer is seen.
        let measured = texts.iter().filter(|text| text.lines().count() >= 2).count();
        assert!(measured > 0, "{language}: {texts:?}");
        all.extend(texts.into_iter().map(|t| t.lines().next().unwrap().to_owned()));
    }
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "no two numbers are explained alike");
    // A colour's numbers stand in one order everywhere.
    set_language(&mut page, "en");
    let names =
        page.value("[...document.querySelectorAll('#numbers button span:first-child')].map(e => e.textContent).join()");
    for part in ["skin", "hair", "background"] {
        assert!(names.as_str().unwrap().contains(&format!("{part}: light,{part}: red,{part}: yellow")), "{names}");
    }
    // A number that the mirror may not use is shown so; one that was told otherwise, as it was told.
    set_open(&mut page, "panel", true);
    page.value("document.querySelector('#groups input[value=gender]').click()");
    page.wait("document.querySelectorAll('#numbers button.unused').length === 1");
    set_slider(&mut page, "age", 90);
    page.wait("[...document.querySelectorAll('#numbers button')].some(b => b.textContent.includes('90'))");
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

/// Prints the longest tasks of the page's main thread over a minute; by hand, on a quiet computer. Pictures are small, so that 30 a second come.
#[test]
#[ignore = "a measurement"]
fn long_tasks() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--max-resolution", "32"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    set_screen(&mut page, SCREENS[0]);
    page.begin();
    page.wait(REFLECTING);
    for (panel, steps) in [(false, false), (true, false), (false, true)] {
        set_open(&mut page, "panel", panel);
        set_open(&mut page, "steps", steps);
        page.value(
            "(() => { globalThis.tasks = []; globalThis.watcher?.disconnect();
               globalThis.watcher = new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => Math.round(e.duration))));
               watcher.observe({ type: 'longtask' }); })()",
        );
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_secs(1));
        }
        let (tasks, speed): (Value, Value) = (page.value("tasks"), page.value("narcissus.speed()"));
        println!("panel {panel}, steps {steps}: tasks over 50 ms in 20 s: {tasks}; {speed}");
    }
}
