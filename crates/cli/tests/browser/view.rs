//! The reflection alone, on a second screen.

use crate::chromium::{Eye, Page, installed};
use crate::server::Server;
use crate::{REFLECTING, alone, film};
use serde_json::json;

#[test]
fn a_second_screen_shows_the_same_mirror_as_it_is_asked_to() {
    let Some(chromium) = installed() else { return };
    let (_alone, dir, mut server) = (alone(), tempfile::tempdir().unwrap(), Server::start(&["--faces", "2"]));
    let mut page = Page::open(&chromium, &Eye::Film(&film::two(dir.path())), &server.url);
    page.begin();
    page.wait(REFLECTING);
    let open = |query: &str| {
        let mut view = Page::open(&chromium, &Eye::Denied, &format!("{}/view{query}", server.url));
        view.wait("globalThis.view?.pictures > 3");
        view
    };
    let mut plain = open("");
    assert_eq!(plain.value("document.querySelectorAll('canvas').length"), 2);
    let background = "getComputedStyle(document.documentElement).backgroundColor";
    assert_eq!((plain.value(background), plain.value("view.wrong")), (json!("rgb(0, 0, 0)"), json!([])));

    let mut cut = open("?only=2&crop=10,0,80,100&shape=round&fit=cover&background=transparent");
    assert_eq!(cut.value("document.querySelectorAll('canvas').length"), 1);
    let canvas = cut.value("(({ width, height }) => [width, height])(document.querySelector('canvas'))");
    assert_eq!(canvas[0].as_f64().unwrap(), (0.8 * canvas[1].as_f64().unwrap()).round());
    assert_eq!((cut.value(background), cut.value("view.wrong")), (json!("rgba(0, 0, 0, 0)"), json!([])));
    assert_eq!(cut.value("getComputedStyle(document.querySelector('canvas')).borderRadius"), "50%");
    let covers = "(({ width, height }) => width >= innerWidth - 1 || height >= innerHeight - 1)(document.querySelector('canvas').getBoundingClientRect())";
    assert_eq!(cut.value(covers), true);

    let mut wrong = open("?crop=90,0,80,100&colour=red");
    assert_eq!(wrong.value("document.getElementById('wrong').checkVisibility() && view.wrong.length"), 2);

    // Darkness is the mirror's, and one that starts anew is not dark.
    let dim = |view: &mut Page, wanted: &str| {
        view.wait(&format!("document.documentElement.style.getPropertyValue('--dim') === '{wanted}'"))
    };
    let set = "fetch('/controls/dim?value=1', { method: 'POST' }).then(answer => answer.ok)";
    assert_eq!(page.value(set), true);
    dim(&mut plain, "1");
    let port = server.port().to_owned();
    server.kill();
    let _again = Server::start(&["--faces", "2", "--port", &port]);
    dim(&mut plain, "0");
}
