//! The mirror in a real browser: Chromium, headless, a film of dreamt faces before its camera. Where it is not installed these say
//! that they skip.
//!
//! By hand, on a quiet computer: `cargo test --release -p narcissus --test browser -- --ignored --nocapture round_trip` prints how long
//! a picture takes there and back (`MIRROR_PACK` and `MIRROR_SIZE` name another pack and a lower level of its generator), and
//! `… five_minutes` watches the memory for as long, `… long_tasks` looks for jolts.

mod archive;
mod card;
#[allow(dead_code)]
mod chromium;
mod everybody;
mod film;
mod scenes;
mod screens;
mod server;
mod site;
mod view;

use chromium::{Eye, Page, installed};
use serde_json::json;
use server::{Server, resident_mb};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The program under test.
fn narcissus() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_narcissus"))
}

/// One browser at a time: they take what processors there are.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const REFLECTING: &str =
    "globalThis.narcissus?.report?.state === 'reflecting' && narcissus.report.views[0].progress === 1";
const DREAMING: &str = "globalThis.narcissus?.report?.state === 'dreaming' && narcissus.report.views[0].progress === 1";

/// Waits for a visitor's whole reflection, which moves with them, and for what is said of them.
#[track_caller]
fn assert_reflected(page: &mut Page) {
    page.wait(REFLECTING);
    page.wait("narcissus.report.faces.length");
    let (before, place) = (page.drawn(), page.value("narcissus.report.faces[0]?.box[0]").as_f64().unwrap());
    page.wait(&format!("Math.abs(narcissus.report.faces[0]?.box[0] - {place}) > 8"));
    assert_ne!(page.drawn(), before);
    page.wait("document.querySelector('.words').textContent.includes('It takes you for')");
}

#[test]
fn a_visitor_s_reflection_appears_and_moves() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus?.report?.state === 'dreaming'");
    assert_eq!(page.value("narcissus.report.faces.length"), 0, "nobody is measured who has not agreed");
    page.begin();
    let took = page.wait("narcissus.report?.state === 'reflecting'");
    eprintln!("the reflection begins {} ms after the button", took.as_millis());
    assert_reflected(&mut page);
    let own: Vec<String> = [&server.url, &server.url.replace("http", "ws")].map(|u| format!("{u}/")).into();
    assert!(page.requests.len() > 8, "{:?}", page.requests);
    for request in &page.requests {
        assert!(own.iter().any(|o| request.starts_with(o)), "a request to somebody else: {request}");
    }
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

#[test]
fn an_empty_room_leaves_the_mirror_to_its_dream() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::nobody(dir.path())), &server.url);
    page.begin();
    page.wait("narcissus.report?.state === 'dreaming' && narcissus.report.sizes.picture_bytes === 640 * 480 * 3");
    let before = page.drawn();
    std::thread::sleep(Duration::from_secs(1));
    assert_ne!(page.drawn(), before, "the dream drifts");
    page.wait("document.getElementById('notice').textContent.includes('Nobody')");
}

#[test]
fn a_visitor_who_comes_and_goes_is_reflected_and_forgotten() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::coming_and_going(dir.path())), &server.url);
    page.begin();
    page.wait(DREAMING);
    page.wait("narcissus.report.faces.length === 1");
    let arrived = page.wait(REFLECTING);
    page.wait("narcissus.report.faces.length === 0");
    let left = page.wait(DREAMING);
    eprintln!("changes to a visitor in {} ms, back in {} ms", arrived.as_millis(), left.as_millis());
    page.wait(REFLECTING);
}

#[test]
fn two_visitors_have_a_reflection_each() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--faces", "2"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::two(dir.path())), &server.url);
    page.begin();
    page.wait("narcissus.report?.views.every(v => v.viewer !== null && v.progress === 1)");
    assert_eq!(page.value("document.querySelectorAll('#views canvas').length"), 2);
    let viewers = page.value("narcissus.report.views.map(v => v.viewer)");
    assert_ne!(viewers[0], viewers[1]);
    page.wait("narcissus.report.faces.length === 2");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(page.value("narcissus.report.views.map(v => v.viewer)"), viewers, "they keep their slots");
}

#[test]
fn a_mirror_that_is_killed_and_started_again_is_found_again() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, mut server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    let port = server.port().to_owned();
    server.kill();
    page.wait("document.getElementById('notice').textContent.includes('comes back by itself')");
    page.wait("!document.getElementById('views').classList.contains('there')");
    let _again = Server::start(&["--port", &port]);
    page.wait("document.getElementById('notice').textContent === ''");
    page.wait("document.getElementById('views').classList.contains('there')");
    page.wait(REFLECTING);
}

#[test]
fn without_leave_to_use_the_camera_the_page_says_so_and_dreams_on() {
    let Some(chromium) = installed() else { return };
    let (_alone, server) = (alone(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Denied, &server.url);
    page.begin();
    page.wait("document.getElementById('notice').textContent.includes('may not use the camera')");
    page.wait("narcissus.report?.state === 'dreaming' && narcissus.report.sizes.picture_bytes === 0");
    let before = page.drawn();
    std::thread::sleep(Duration::from_secs(1));
    assert_ne!(page.drawn(), before);
}

#[test]
fn a_camera_that_goes_is_waited_for() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus");
    // Keeps hold of the camera that the page opens, to pull its plug.
    page.value(
        "(() => { const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
           navigator.mediaDevices.getUserMedia = async c => globalThis.stream = await open(c); })()",
    );
    page.begin();
    page.wait(REFLECTING);
    page.value("(() => { const [t] = stream.getTracks(); t.stop(); t.dispatchEvent(new Event('ended')); })()");
    page.wait("document.getElementById('notice').textContent.includes('The camera is gone')");
    page.wait(DREAMING);
    page.wait(REFLECTING);
    assert_eq!(page.value("document.getElementById('notice').textContent"), "");
    // It is there, but gives no pictures any more, as after a sleep.
    page.value("stream.getTracks()[0].stop()");
    page.wait("document.getElementById('notice').textContent.includes('gives no pictures')");
    page.wait(REFLECTING);
}

#[test]
fn browsers_whose_workers_cannot_read_a_camera_are_served_too() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus");
    page.value("delete globalThis.MediaStreamTrackProcessor");
    page.begin();
    page.wait(REFLECTING);
}

#[test]
fn other_names_and_other_pages_are_turned_away() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let film = film::nobody(dir.path());
    let mut page = Page::open(&chromium, &Eye::Film(&film), &format!("http://evil.example:{}/", server.port()));
    let text = page.value("document.body.textContent");
    assert!(text.as_str().unwrap().contains("only the mirror's own page"), "{text}");
    let refused = format!(
        "new Promise(done => {{ const s = new WebSocket('ws://127.0.0.1:{}/ws');
           s.onopen = () => done(false); s.onerror = () => done(true); }})",
        server.port()
    );
    assert_eq!(page.value(&refused), true, "a socket from a foreign page");
    page.go(&server.url);
    page.wait("globalThis.narcissus?.report");
}

#[test]
fn it_begins_and_stops_by_keys_and_the_camera_is_off_when_it_stops() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus && document.activeElement.id === 'begin'");
    page.press("Enter");
    page.wait(REFLECTING);
    page.press("p");
    let open = page.value("document.getElementById('panel').hidden");
    page.press("p");
    assert_ne!(page.value("document.getElementById('panel').hidden"), open);
    page.press("Escape");
    page.wait("narcissus.report.state === 'dreaming' && narcissus.report.sizes.picture_bytes === 0");
    page.wait("document.activeElement.id === 'begin'");
    page.press("Enter");
    page.wait(REFLECTING);
}

#[test]
fn closed_eyes_begin_and_stop() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--gesture"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::closing_eyes(dir.path())), &server.url);
    page.wait("globalThis.narcissus?.report?.eyes_closed_secs > 0");
    assert_eq!(page.value("narcissus.report.faces.length"), 0, "nobody has agreed to be measured");
    page.wait(REFLECTING);
    page.wait("narcissus.controls?.waiting === true");
    page.wait(DREAMING);
}

#[test]
fn the_page_speaks_every_language_and_names_every_part() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::nobody(dir.path())), &server.url);
    page.wait("globalThis.narcissus");
    let mut buttons = Vec::new();
    for language in ["en", "de", "es", "fr", "zh"] {
        page.value(&format!(
            "(() => {{ const s = document.querySelector('#welcome .language'); s.value = '{language}';
               s.dispatchEvent(new Event('change')); }})()"
        ));
        page.wait(&format!("document.documentElement.lang.startsWith('{language}')"));
        buttons.push(page.value("document.getElementById('begin').textContent").to_string());
        let blank = "[...document.querySelectorAll('[data-text]')].filter(e => !e.textContent.trim()).length";
        assert_eq!(page.value(blank), 0, "{language}");
    }
    buttons.sort();
    buttons.dedup();
    assert_eq!(buttons.len(), 5, "{buttons:?}");
    let nodes = page.call("Accessibility.getFullAXTree", json!({}))["nodes"].clone();
    for node in nodes.as_array().unwrap() {
        let (role, name) = (&node["role"]["value"], &node["name"]["value"]);
        let operable = ["button", "slider", "checkbox", "combobox", "image"].iter().any(|r| role == r);
        let shown = node["ignored"] == false;
        assert!(!(operable && shown) || name.as_str().is_some_and(|n| !n.is_empty()), "a {role} without a name");
    }
}

#[test]
fn the_panel_shows_what_is_seen_and_asks_for_something_else() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    page.wait("!document.getElementById('panel').hidden");
    page.wait("narcissus.report.views[0].kept && [...document.querySelectorAll('#survived meter')].every(m => m.checkVisibility())");
    page.wait("(({ width, clientWidth }) => clientWidth && width === Math.round(clientWidth * devicePixelRatio))(document.getElementById('seen'))");
    page.wait("document.getElementById('sizes').children.length === 4 && document.getElementById('speed').children.length === 5");
    let all = page.value("narcissus.report.sizes.features").as_u64().unwrap();
    let set = |id: &str, value: u64| {
        format!(
            "(() => {{ const e = document.getElementById('{id}'); e.value = {value}; e.dispatchEvent(new Event('input')); }})()"
        )
    };
    page.value(&set("features", 12));
    page.wait("narcissus.report.sizes.features === 12");
    page.value(&set("features", all));
    page.value("document.querySelector('#groups input[value=shape]').click()");
    page.wait(&format!("narcissus.report.sizes.features < {all} && narcissus.controls.without[0] === 'shape'"));
    page.value("document.querySelector('#groups input[value=shape]').click()");
    page.value(&set("age", 90));
    page.wait("narcissus.controls.overrides.age === 90 && narcissus.controls.hold === true");
    page.value("document.getElementById('reset').click()");
    page.wait("narcissus.controls.overrides.age === undefined && narcissus.controls.hold === false");
    page.press("p");
    page.wait("narcissus.controls.measure === false");
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

/// The page's dissolve under a clock of our own: pictures come every `interval` milliseconds, the screen refreshes 60 times a second.
/// How much of each picture was there after each of its steps.
fn dissolved(page: &mut Page, intervals: &str) -> Vec<Vec<f64>> {
    let run = format!(
        "import('/dissolve.js').then(({{ Dissolve }}) => {{
           let now = 0, next = null, open = 0;
           const shares = [], paint = (picture, opacity) => {{
             const before = shares[picture.i] ??= [];
             const share = before.length ? before.at(-1) : 0;
             before.push(share + (1 - share) * opacity);
           }};
           const dissolve = new Dissolve(paint, () => now, step => {{ next = step; }});
           const refresh = until => {{
             for (; now + 1000 / 60 <= until;) {{ now += 1000 / 60; const step = next; next = null; step?.(); }}
             now = until;
           }};
           {intervals}.forEach((interval, i) => {{
             open++;
             dissolve.show({{ i, close: () => {{ open--; }} }});
             refresh(now + interval);
           }});
           refresh(now + 2000);
           if (open) throw new Error(open + ' pictures were not closed');
           return shares;
         }})"
    );
    serde_json::from_value(page.value(&run)).unwrap()
}

#[test]
fn the_screen_stays_on_while_it_begins_and_again_after_the_page_was_hidden() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.wait("globalThis.narcissus");
    assert_eq!(page.value("narcissus.awake"), false);
    page.begin();
    page.wait("narcissus.awake");
    let other = page.open_tab();
    page.wait("document.hidden && !narcissus.awake");
    page.close_tab(&other);
    page.wait("!document.hidden && narcissus.awake");
    page.press("Escape");
    page.wait("!narcissus.awake");
    // A kiosk waits for visitors: its screen stays on.
    page.go(&format!("{}/#kiosk", server.url));
    page.value("location.reload()");
    page.wait("globalThis.narcissus?.awake");
}

#[test]
fn slow_pictures_dissolve_and_fast_ones_are_shown_at_once() {
    let Some(chromium) = installed() else { return };
    let (_alone, server) = (alone(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Denied, &server.url);
    page.wait("globalThis.narcissus");
    for fast in ["Array(10).fill(33)", "Array(10).fill(16)", "[40]"] {
        let shares = dissolved(&mut page, fast);
        assert!(shares.iter().all(|steps| steps == &[1.0]), "{fast}: {shares:?}");
    }
    for slow in ["Array(10).fill(150)", "Array(10).fill(400)"] {
        let shares = dissolved(&mut page, slow);
        assert_eq!(shares[0], [1.0], "there is nothing yet for the first to dissolve from");
        for steps in &shares[1..] {
            assert!(steps.len() >= 4 && steps.is_sorted(), "{slow}: {steps:?}");
            assert!(steps.windows(2).all(|w| w[1] - w[0] < 0.35), "{slow}: a jump in {steps:?}");
            assert!(*steps.last().unwrap() > 0.75, "{slow}: too little of a picture was there: {steps:?}");
        }
        assert!((shares[9].last().unwrap() - 1.0).abs() < 1e-9, "{slow}: the last is there whole");
    }
    // A single late picture among fast ones changes nothing; when the pace changes the dissolve does after two pictures.
    let shares = dissolved(&mut page, "[33, 33, 33, 33, 150, 33, 33, 33]");
    assert!(shares.iter().all(|steps| steps == &[1.0]), "{shares:?}");
    let shares = dissolved(&mut page, "[33, 33, 33, 150, 150, 150, 150, 33, 33, 33, 33]");
    assert!(shares.iter().all(|steps| steps.is_sorted() && !steps.is_empty()), "{shares:?}");
    assert!(shares[6].len() > 3 && shares[9] == [1.0], "{shares:?}");
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

#[test]
fn less_motion_is_respected() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::nobody(dir.path())), &server.url);
    let media = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    page.call("Emulation.setEmulatedMedia", media);
    page.begin();
    page.wait("narcissus.controls?.calm === true");
    let slow = "getComputedStyle(document.getElementById('views')).transitionDuration";
    assert!(page.value(slow).as_str().unwrap().split(',').all(|d| d.trim() == "0s"));
}

/// How far the head seems to lean, degrees; and the size of the frames that the mirror analyses.
fn lean_and_frame(page: &mut Page) -> (f64, [u64; 2]) {
    let lean = page.value("narcissus.report.faces[0].pose.roll").as_f64().unwrap();
    let seen = "document.getElementById('seen')";
    let side = |name: &str, page: &mut Page| page.value(&format!("{seen}.{name}")).as_u64().unwrap();
    (lean, [side("width", page), side("height", page)])
}

#[test]
fn a_camera_that_hangs_on_its_side_is_turned_and_the_page_remembers_how() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--rotate", "90"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor_on_their_side(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    page.wait("document.getElementById('seen').width > 4");
    let (lean, [width, height]) = lean_and_frame(&mut page);
    assert!(lean.abs() < 15.0 && width < height, "{lean} degrees, {width} x {height}");

    // Left and right change places: so does the face, which is not in the middle.
    let place = "narcissus.report.faces[0]?.box[0] + narcissus.report.faces[0]?.box[2] / 2";
    page.value("document.getElementById('mirror-camera').click()");
    page.wait("narcissus.report?.faces.length === 1");
    assert!(page.value(place).as_f64().is_some());
    // A quarter more, and nobody stands upright; the page comes anew and has not forgotten it.
    page.value("document.getElementById('turn-camera').click()");
    page.wait("document.getElementById('seen').width > document.getElementById('seen').height");
    let asked = r#"localStorage.getItem('narcissus-camera') === '{"rotate":180,"mirror":false}'"#;
    page.wait(asked);
    page.value("location.reload()");
    page.wait("globalThis.narcissus?.report && !document.getElementById('mirror-camera').checked");
    page.begin();
    page.wait("document.getElementById('seen').width > document.getElementById('seen').height");
    for _ in 0..3 {
        page.value("document.getElementById('turn-camera').click()");
    }
    page.wait(REFLECTING);
    let (lean, [width, height]) = lean_and_frame(&mut page);
    assert!(lean.abs() < 15.0 && width < height, "{lean} degrees, {width} x {height}");
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

#[test]
fn a_screen_on_its_side_has_the_panel_under_the_glass() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--faces", "2"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::two(dir.path())), &server.url);
    let screen = json!({"width": 1080, "height": 1920, "deviceScaleFactor": 1, "mobile": false});
    page.call("Emulation.setDeviceMetricsOverride", screen);
    page.begin();
    page.wait("narcissus.report?.views.every(v => v.viewer !== null && v.progress === 1)");
    let edge = |of: &str, edge: &str, page: &mut Page| {
        page.value(&format!("document.{of}.getBoundingClientRect().{edge}")).as_f64().unwrap()
    };
    let (first, last) = ("querySelector('#views div')", "querySelector('#views div:last-child')");
    assert!(edge(last, "top", &mut page) >= edge(first, "bottom", &mut page), "one above the other");
    assert!(edge(first, "height", &mut page) > edge(first, "width", &mut page), "tall glasses");
    page.value("document.getElementById('panel').hidden && document.getElementById('toggle-panel').click()");
    page.wait("!document.getElementById('panel').hidden");
    assert!(edge("getElementById('panel')", "top", &mut page) >= edge(last, "bottom", &mut page) - 1.0);
    if let Some(file) = std::env::var_os("NARCISSUS_SCREENSHOT") {
        std::fs::write(file, page.picture()).unwrap();
    }
}

#[test]
fn pictures_stand_in_for_the_camera() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let one = film::visitor(dir.path());
    // A JPEG reader stops at the end of the first.
    std::fs::rename(&one, dir.path().join("visitor.jpg")).unwrap();
    let server = Server::start(&["--source", dir.path().to_str().unwrap()]);
    let mut page = Page::open(&chromium, &Eye::Denied, &server.url);
    page.begin();
    page.wait(REFLECTING);
    page.wait("document.getElementById('seen').width > 4");
    assert_eq!(page.value("document.getElementById('notice').textContent"), "");
}

/// Holds a visitor before the mirror for a while; neither it nor the browser may take more and more memory.
fn memory_stays(chromium: &Path, warm: Duration, watched: Duration) {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(chromium, &Eye::Film(&film::coming_and_going(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    std::thread::sleep(warm);
    let mut memory = || {
        page.call("HeapProfiler.collectGarbage", json!({}));
        (server.memory_mb(), resident_mb(page.process()), page.value("narcissus.speed().rate").as_f64().unwrap())
    };
    let before = memory();
    let began = Instant::now();
    while began.elapsed() < watched {
        std::thread::sleep(Duration::from_secs(10).min(watched));
        let now = memory();
        eprintln!(
            "{:>4} s: mirror {:.0} MB, browser {:.0} MB, {:.1} pictures/s",
            began.elapsed().as_secs(),
            now.0,
            now.1,
            now.2
        );
    }
    let after = memory();
    assert!(after.0 < before.0 + 16.0, "the mirror grew from {:.0} to {:.0} MB", before.0, after.0);
    assert!(after.1 < before.1 + 120.0, "the browser grew from {:.0} to {:.0} MB", before.1, after.1);
}

#[test]
fn memory_does_not_grow() {
    let Some(chromium) = installed() else { return };
    let _alone = alone();
    memory_stays(&chromium, Duration::from_secs(8), Duration::from_secs(20));
}

#[test]
#[ignore = "takes five minutes"]
fn five_minutes_at_full_rate_without_growth() {
    let Some(chromium) = installed() else { return };
    let _alone = alone();
    memory_stays(&chromium, Duration::from_secs(15), Duration::from_secs(300));
}

#[test]
#[ignore = "a measurement"]
fn round_trip() {
    let Some(chromium) = installed() else { return };
    // Of another pack, or another size: as `narcissus mirror` takes them.
    let of = |name: &str, flag: &str| std::env::var(name).map_or(Vec::new(), |value| vec![flag.to_owned(), value]);
    let arguments = [of("MIRROR_PACK", "--pack"), of("MIRROR_SIZE", "--max-resolution")].concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&arguments));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    for panel in ["open", "closed"] {
        std::thread::sleep(Duration::from_secs(15));
        let speed = page.value("narcissus.speed()");
        let number = |key: &str| speed[key].as_f64().unwrap();
        println!(
            "panel {panel}: from the camera to the canvas p50 {:.1} ms, p95 {:.1} ms; {:.1} pictures/s; server p50 {:.1} ms",
            number("p50"),
            number("p95"),
            number("rate"),
            page.value("narcissus.performance.latency_p50_ms").as_f64().unwrap(),
        );
        println!(
            "  {:.1} looks/s; the last picture: {}",
            page.value("narcissus.performance.frames_per_second").as_f64().unwrap(),
            page.value("JSON.stringify(narcissus.times)").as_str().unwrap()
        );
        page.press("p");
    }
}

/// The picture in the README.
#[test]
#[ignore = "writes docs/mirror.png"]
fn picture_for_the_readme() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    let screen = json!({"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": false});
    page.call("Emulation.setDeviceMetricsOverride", screen);
    page.begin();
    page.wait(REFLECTING);
    std::thread::sleep(Duration::from_secs(12));
    let picture = page.picture();
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mirror.png"), picture).unwrap();
}
