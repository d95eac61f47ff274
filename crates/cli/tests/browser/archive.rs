//! The page of the archive beside a mirror: whoever stands before it moves over the map, and those nearest light up.

use crate::chromium::{Eye, Page, installed};
use crate::server::Server;
use crate::{REFLECTING, alone, film};
use serde_json::json;

/// Text and points are within the window, and something is drawn.
const FITS: &str = "document.documentElement.scrollWidth <= innerWidth
    && [...document.querySelectorAll('main, #map, aside')].every(e => e.getBoundingClientRect().right <= innerWidth + 1)
    && (({ width, height }) => width >= 200 && height >= 200)(document.getElementById('map').getBoundingClientRect())";
/// How many of the map's pixels are not empty.
const DRAWN: &str =
    "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v > 0).length)
    (document.getElementById('map'))";

#[test]
fn the_archive_shows_its_points_and_the_viewer_among_them() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&[]));
    let mut mirror = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &server.url);
    let mut page = Page::open(&chromium, &Eye::Denied, &format!("{}/archive", server.url));
    page.wait("globalThis.archive?.points.x.length > 1000");
    page.wait("document.getElementById('viewers').textContent.includes('Nobody stands')");
    for (width, height) in [(1440, 900), (390, 844), (360, 640), (3840, 2160)] {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        page.call("Emulation.setDeviceMetricsOverride", metrics);
        page.wait(FITS);
        page.wait(&format!("{DRAWN} > 2000"));
    }

    // A point says whose it is, by pointer and by key.
    page.value("document.getElementById('map').focus()");
    page.press("ArrowRight");
    page.wait("archive.chosen !== null && document.getElementById('named').textContent.length > 5");
    let first = page.value("archive.chosen");
    page.press("ArrowRight");
    page.wait(&format!("archive.chosen !== {first}"));
    let colours = page.value("[...document.getElementById('colour').options].map(o => o.value)");
    assert_eq!(colours, json!(["gender", "year", "skin", "age", "source"]));
    for colour in ["gender", "year", "skin", "age", "source"] {
        page.value(&format!(
            "(s => {{ s.value = '{colour}'; s.dispatchEvent(new Event('change')); }})(document.getElementById('colour'))"
        ));
        page.wait("document.getElementById('legend').children.length >= 2");
    }

    // Somebody comes before the mirror, and the panel says the same.
    mirror.begin();
    mirror.wait(REFLECTING);
    page.wait("archive.viewers.length === 1 && archive.viewers[0].standing.nearest.length === 3");
    page.wait("document.querySelectorAll('#viewers li').length === 3");
    mirror.wait("narcissus.report.views[0].standing?.nearest.length === 3");
    mirror.wait("document.getElementById('nearest').children.length === 3 && document.getElementById('nearest').checkVisibility()");
    mirror.wait("document.getElementById('ranks').children.length === 19");
    for page in [&mirror, &page] {
        assert!(page.complaints.is_empty(), "{:?}", page.complaints);
    }
}

#[test]
fn names_that_are_off_are_nowhere() {
    let Some(chromium) = installed() else { return };
    let (_alone, server) = (alone(), Server::start(&["--names", "off"]));
    let mut page = Page::open(&chromium, &Eye::Denied, &format!("{}/archive", server.url));
    page.wait("globalThis.archive?.points.x.length > 1000");
    assert_eq!(page.value("'name' in archive.points"), false);
    page.value("archive.choose(archive.points.source.indexOf('congress'))");
    page.wait("document.getElementById('named').textContent.startsWith('a member of')");
}
