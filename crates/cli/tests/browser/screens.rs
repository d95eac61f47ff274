//! Every state of the page on every screen in every language: nothing is cut off, and nothing lies over anything else.

use crate::chromium::{Eye, Page, installed};
use crate::everybody::{edges, overlap, set_language, set_open};
use crate::server::Server;
use crate::{REFLECTING, alone, film};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub const LANGUAGES: [&str; 5] = ["en", "de", "es", "fr", "zh"];
/// Width, height and whether fingers touch it: phones, a tablet, a desk, a wall, a large wall.
pub const SCREENS: [(u32, u32, bool); 6] = [
    (360, 740, true),
    (740, 360, true),
    (768, 1024, true),
    (1440, 900, false),
    (1080, 1920, false),
    (3840, 2160, false),
];

pub fn set_screen(page: &mut Page, (width, height, touched): (u32, u32, bool)) {
    let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touched});
    page.call("Emulation.setDeviceMetricsOverride", screen);
    page.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": touched }));
}

/// What of the page does not fit into its place. Words may be wider than the reflection above them.
const CUT_OFF: &str = "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility({ visibilityProperty: true }) && e.clientWidth && !e.closest('.unseen') && !e.matches('.view')
    && getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1).map(e => `${e.tagName} ${e.id} ${e.className} ${e.scrollWidth} > ${e.clientWidth}: ${e.textContent.slice(0, 60)}`)";

/// What lies over something else, over a face from its eyes to its chin, or over the edge of the screen: keys, words, promise, notice,
/// panel and steps; and the camera's controls over its picture. Keys that have faded count: they come back. The steps cover the glass.
pub const LIES_OVER: &str = "(() => {
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
