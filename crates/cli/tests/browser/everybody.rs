//! The page for everybody: who walks past, touches, teaches, or cannot see.

use crate::chromium::{Eye, Page, installed};
use crate::server::Server;
use crate::{DREAMING, REFLECTING, alone, film};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LANGUAGES: [&str; 5] = ["en", "de", "es", "fr", "zh"];
/// Width, height and whether fingers touch it: phones, a tablet, a desk, a wall, a large wall.
const SCREENS: [(u32, u32, bool); 6] = [
    (360, 740, true),
    (740, 360, true),
    (768, 1024, true),
    (1440, 900, false),
    (1080, 1920, false),
    (3840, 2160, false),
];

fn set_screen(page: &mut Page, (width, height, touched): (u32, u32, bool)) {
    let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touched});
    page.call("Emulation.setDeviceMetricsOverride", screen);
    page.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": touched }));
}

fn set_language(page: &mut Page, language: &str) {
    page.value(&format!(
        "(() => {{ const s = document.querySelector('#keys .language'); s.value = '{language}'; s.dispatchEvent(new Event('change')); }})()"
    ));
    page.wait(&format!("document.documentElement.lang.startsWith('{language}')"));
    page.value("new Promise(done => setTimeout(done, 700))");
}

/// Opens or closes panel or steps.
fn set_open(page: &mut Page, what: &str, open: bool) {
    let button = format!("document.getElementById('toggle-{what}')");
    page.value(&format!("if ({button}.getAttribute('aria-expanded') !== '{open}') {button}.click()"));
    page.wait(&format!("document.getElementById('{what}').hidden === {}", !open));
}

fn set_slider(page: &mut Page, id: &str, value: u32) {
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
fn edges(page: &mut Page, selector: &str) -> [f64; 4] {
    let rect = format!(
        "(() => {{ const r = document.querySelector('{selector}').getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }})()"
    );
    serde_json::from_value(page.value(&rect)).unwrap()
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
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
    let mut all = Vec::new();
    for language in LANGUAGES {
        set_language(&mut page, language);
        let texts: Vec<String> = serde_json::from_value(page.value(touched)).unwrap();
        assert_eq!(texts.len() as u64, page.value("narcissus.report.sizes.of").as_u64().unwrap());
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

/// What of the page does not fit into its place. Words may be wider than the reflection above them.
const CUT_OFF: &str = "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility({ visibilityProperty: true }) && e.clientWidth && !e.closest('.unseen') && !e.matches('.view')
    && getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1).map(e => `${e.tagName} ${e.id} ${e.className} ${e.scrollWidth} > ${e.clientWidth}: ${e.textContent.slice(0, 60)}`)";

/// What lies over something else, over a face from its eyes to its chin, or over the edge of the screen: keys, words, promise, notice,
/// panel and steps; and the camera's controls over its picture. Keys that have faded count: they come back. The steps cover the glass.
const LIES_OVER: &str = "(() => {
    const shown = selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility({ visibilityProperty: true }));
    const part = e => { const r = e.getBoundingClientRect(); return { name: e.id || e.className, at: [r.left, r.top, r.right, r.bottom].map(Math.round) }; };
    const parts = shown('#keys > *, #promise, #notice, #panel, #steps').map(part);
    const stepsAreOpen = !document.getElementById('steps').hidden;
    if (!stepsAreOpen) for (const view of shown('.view')) {
        const { at: [left, top, right, bottom] } = part(view), [width, height] = [right - left, bottom - top];
        parts.push({ name: 'face', at: [left + 0.25 * width, top + 0.35 * height, right - 0.25 * width, top + 0.94 * height] });
        parts.push(...shown('.words').map(part));
    }
    const over = (a, b) => a[0] < b[2] - 1 && b[0] < a[2] - 1 && a[1] < b[3] - 1 && b[1] < a[3] - 1;
    const found = parts.filter(({ at }) => Math.min(at[0], at[1]) < -1 || at[2] > innerWidth + 1 || at[3] > innerHeight + 1)
        .map(({ name, at }) => `${name} ${at} is not on the screen`);
    parts.forEach((a, i) => parts.slice(i + 1).filter(b => over(a.at, b.at)).forEach(b => found.push(`${a.name} ${a.at} over ${b.name} ${b.at}`)));
    if (shown('#mounting').length && over(...['mounting', 'seen'].map(id => part(document.getElementById(id)).at))) found.push('mounting over seen');
    return found;
})()";

#[test]
fn every_screen_has_room_for_every_language() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    for screen in SCREENS {
        set_screen(&mut page, screen);
        page.go("about:blank#again");
        page.go(&server.url);
        page.wait("globalThis.narcissus");
        let (width, height) = (f64::from(screen.0), f64::from(screen.1));
        let fits = |page: &mut Page, what: &str| {
            for language in LANGUAGES {
                set_language(page, language);
                assert_eq!(page.value(CUT_OFF), json!([]), "{screen:?} {what} {language}");
                if what != "start" {
                    assert_eq!(page.value(LIES_OVER), json!([]), "{screen:?} {what} {language}");
                }
            }
        };
        fits(&mut page, "start");
        set_language(&mut page, "de");
        let begin = edges(&mut page, "#begin");
        assert!(begin[0] >= 0.0 && begin[1] >= 0.0 && begin[2] <= width && begin[3] <= height, "{screen:?}: {begin:?}");
        page.begin();
        page.wait(REFLECTING);
        set_open(&mut page, "panel", false);
        page.wait("document.querySelector('.words').textContent");
        fits(&mut page, "live");
        set_open(&mut page, "panel", true);
        fits(&mut page, "panel");
        // Glass and panel lie side by side, or the panel takes the lower half at most.
        let (glass, panel) = (edges(&mut page, "#glass"), edges(&mut page, "#panel"));
        assert!(!overlap(glass, panel), "{screen:?}: {glass:?} {panel:?}");
        let beside = panel[0] >= glass[2] - 1.0;
        assert!(beside || panel[1] >= height / 2.0 - 1.0, "{screen:?}: {panel:?}");
        assert!((glass[2] - glass[0]).min(glass[3] - glass[1]) > 0.38 * width.min(height), "{screen:?}: {glass:?}");
        set_open(&mut page, "panel", false);
        set_open(&mut page, "steps", true);
        page.wait("narcissus.report.views[0].steps");
        fits(&mut page, "steps");
        set_open(&mut page, "steps", false);
        if screen.2 {
            let small =
                "[...document.querySelectorAll('#keys button, #keys select, #panel button, #panel input[type=range]')]
                .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.id)";
            set_open(&mut page, "panel", true);
            assert_eq!(page.value(small), json!([]), "{screen:?}: targets for fingers");
        }
        page.go("about:blank#again");
        page.go(&format!("{}/#kiosk", server.url));
        page.wait(REFLECTING);
        page.wait("document.querySelector('.words').textContent");
        fits(&mut page, "kiosk");
        set_open(&mut page, "panel", true);
        fits(&mut page, "kiosk with panel");
    }
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

#[test]
fn no_line_begins_with_a_french_sign() {
    let texts: Value = serde_json::from_str(include_str!("../../../../web/texts/fr.json")).unwrap();
    for (key, text) in texts.as_object().unwrap() {
        let text = text.as_str().unwrap();
        for sign in [" :", " ;", " ?", " !", " »", "« "] {
            assert!(!text.contains(sign), "{key}: a space that may break: {text}");
        }
    }
}

#[test]
fn on_a_wall_the_words_are_large() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let film = film::visitor(dir.path());
    let mut page = Page::open(&chromium, &Eye::Film(&film), &format!("{}/#kiosk", server.url));
    for screen @ (width, height, _) in [(1080, 1920, false), (3840, 2160, false)] {
        set_screen(&mut page, screen);
        page.wait("document.querySelector('.words')?.textContent");
        let size =
            page.value("parseFloat(getComputedStyle(document.querySelector('.words')).fontSize)").as_f64().unwrap();
        assert!(size >= 0.03 * f64::from(width.min(height)), "{screen:?}: {size} px");
    }
}

/// axe-core, from the registry of npm.
fn axe() -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let packed = Command::new("npm").args(["pack", "--silent", "axe-core@4.10.3"]).current_dir(dir.path()).output();
    let Ok(packed) = packed.inspect_err(|error| eprintln!("skipped: npm: {error}")) else { return None };
    let name = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    let unpacked = Command::new("tar").args(["xzf", &name]).current_dir(dir.path()).status();
    let script = std::fs::read_to_string(dir.path().join("package/axe.min.js"));
    if !packed.status.success() || !unpacked.is_ok_and(|s| s.success()) || script.is_err() {
        eprintln!("skipped: axe-core does not come from npm's registry");
        return None;
    }
    script.ok()
}

#[test]
fn axe_core_finds_nothing_wrong_at_any_size() {
    let (Some(chromium), Some(axe)) = (installed(), axe()) else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let film = film::visitor(dir.path());
    let mut page = Page::open(&chromium, &Eye::Film(&film), &server.url);
    let check = |page: &mut Page, what: &str| {
        // Whatever fades in is there.
        std::thread::sleep(Duration::from_millis(1000));
        page.value(&format!("(() => {{ if (!globalThis.axe) {{ {axe} }} }})()"));
        let found = page.value(
            "axe.run(document, { rules: { 'target-size': { enabled: true } } }).then(r => r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary)]))",
        );
        assert_eq!(found, json!([]), "{what}");
    };
    for (width, height) in [(360, 740), (768, 1024), (1440, 900), (3840, 2160)] {
        set_screen(&mut page, (width, height, width < 1000));
        page.go("about:blank#again");
        page.go(&server.url);
        page.wait("globalThis.narcissus");
        check(&mut page, &format!("start at {width}"));
        page.begin();
        page.wait(REFLECTING);
        set_open(&mut page, "panel", false);
        check(&mut page, &format!("live at {width}"));
        set_open(&mut page, "panel", true);
        page.wait("document.querySelector('#survived meter')?.checkVisibility()");
        check(&mut page, &format!("panel at {width}"));
        set_open(&mut page, "panel", false);
        set_open(&mut page, "steps", true);
        page.wait("narcissus.report.views[0].steps");
        check(&mut page, &format!("steps at {width}"));
        page.go("about:blank#again");
        page.go(&format!("{}/#kiosk", server.url));
        page.wait(REFLECTING);
        check(&mut page, &format!("kiosk at {width}"));
    }
}

/// Draws every state of the page on every screen in every language, to be looked at one by one.
#[test]
#[ignore = "writes target/tmp/screens"]
fn pictures_of_every_screen() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
    std::fs::create_dir_all(&folder).unwrap();
    for screen @ (width, height, _) in SCREENS {
        let draw = |page: &mut Page, what: &str| {
            for language in LANGUAGES {
                set_language(page, language);
                std::fs::write(folder.join(format!("{width}x{height}-{what}-{language}.png")), page.picture()).unwrap();
            }
        };
        set_screen(&mut page, screen);
        page.go("about:blank#again");
        page.go(&server.url);
        page.wait("globalThis.narcissus");
        draw(&mut page, "start");
        page.begin();
        page.wait(REFLECTING);
        for (panel, steps, what) in [(false, false, "live"), (true, false, "panel"), (false, true, "steps")] {
            set_open(&mut page, "panel", panel);
            set_open(&mut page, "steps", steps);
            std::thread::sleep(Duration::from_secs(2));
            draw(&mut page, what);
        }
        page.go("about:blank#again");
        page.go(&format!("{}/#kiosk", server.url));
        page.wait(REFLECTING);
        draw(&mut page, "kiosk");
    }
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
