//! The mirror as a web site without a server of ours, from a plain file server. `NARCISSUS_MODULES` names the folder with the modules that
//! packaging/web/module.sh builds; without it these say that they skip.

use crate::chromium::{Eye, Page, installed};
use crate::everybody::edges;
use crate::screens::{LIES_OVER, set_screen};
use crate::{REFLECTING, alone, assert_reflected, film, narcissus};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A file server that knows nothing of mirrors: no headers but type and length. It ends when this is dropped.
pub struct Files {
    pub url: String,
    address: std::net::SocketAddr,
    /// What was asked for; `None` once it has ended.
    asked: Arc<Mutex<Option<Vec<String>>>>,
}

impl Files {
    pub fn serve(folder: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Some(Vec::new())));
        let (folder, list) = (folder.to_owned(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if list.lock().unwrap().is_none() {
                    return;
                }
                let (folder, list) = (folder.clone(), list.clone());
                std::thread::spawn(move || answer(stream, &folder, &list));
            }
        });
        Self { url: format!("http://localhost:{}/mirror/", address.port()), address, asked }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        *self.asked.lock().unwrap() = None;
        // So that the thread looks.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, folder: &Path, asked: &Mutex<Option<Vec<String>>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let target = request.split(' ').nth(1)?.to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    asked.lock().unwrap().as_mut()?.push(target.clone());
    // The site lies below the root, as on many hosts.
    let path = target.split('?').next()?.strip_prefix("/mirror/").unwrap_or("no such file");
    let file = folder.join(if path.is_empty() { "index.html" } else { path });
    let kind = match file.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let (status, body) = std::fs::read(file).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    // As over a network: what is large comes bit by bit.
    let (half, rest) = body.split_at(length / 2);
    stream.write_all(half).ok()?;
    if length > 1 << 20 {
        std::thread::sleep(Duration::from_millis(200));
    }
    stream.write_all(rest).ok()
}

/// The folder with the modules.
pub fn modules() -> Option<PathBuf> {
    let folder = std::env::var_os("NARCISSUS_MODULES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: NARCISSUS_MODULES is not set");
    }
    folder
}

/// A folder that has only the module without threads.
fn without_threads(modules: &Path, dir: &Path) -> PathBuf {
    let plain = dir.join("plain");
    std::fs::create_dir(&plain).unwrap();
    std::fs::copy(modules.join("narcissus.wasm"), plain.join("narcissus.wasm")).unwrap();
    plain
}

pub fn write_site(out: &Path, modules: &Path, more: &[&str]) {
    let site = ["site", "--out"].map(std::ffi::OsStr::new);
    let status = Command::new(narcissus()).args(site).arg(out).arg("--modules").arg(modules).args(more).status();
    assert!(status.unwrap().success());
}

/// The site of the default pack, served.
fn site_of(dir: &Path, modules: &Path) -> Files {
    let site = dir.join("site");
    write_site(&site, modules, &[]);
    Files::serve(&site)
}

/// A page that has come to rest, after it may have come anew once.
pub fn open(page: &mut Page, url: &str) {
    page.go("about:blank#again");
    page.go(url);
    page.wait("globalThis.narcissus && navigator.serviceWorker.controller");
}

#[test]
fn a_site_reflects_without_a_server_and_without_a_network() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let files = site_of(dir.path(), &modules);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), "about:blank#first");
    page.listen_to_workers();
    open(&mut page, &files.url);
    assert_eq!(page.value("globalThis.crossOriginIsolated"), true, "nobody else may look into it");
    page.begin();
    assert_reflected(&mut page);
    // Controls, steps and what survives are those of the mirror with a server.
    page.wait("narcissus.report.views[0].kept?.gender !== undefined");
    page.value("(() => { const age = document.getElementById('age'); age.value = 80; age.dispatchEvent(new Event('input')); })()");
    page.wait("narcissus.controls.overrides.age === 80");

    assert!(page.requests.len() > 20, "{:?}", page.requests);
    for request in &page.requests {
        let is_own = request.starts_with(&files.url) || request.starts_with("blob:") || request.starts_with("about:");
        assert!(is_own, "a request to somebody else: {request}");
    }
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
    let asked = files.asked.lock().unwrap().clone().unwrap();
    assert!(asked.iter().all(|target| target.starts_with("/mirror/")), "{asked:?}");
    assert_eq!(asked.iter().filter(|target| target.contains("generator")).count(), 1, "the pack comes once: {asked:?}");

    let url = files.url.clone();
    drop(files);
    open(&mut page, &url);
    page.begin();
    page.wait(REFLECTING);
}

#[test]
fn without_threads_a_site_reflects_too_and_a_newer_one_comes_by_itself() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let (site, plain) = (dir.path().join("site"), without_threads(&modules, dir.path()));
    write_site(&site, &plain, &["--faces", "2"]);
    let files = Files::serve(&site);
    let mut page = Page::open(&chromium, &Eye::Film(&film::two(dir.path())), &files.url);
    page.begin();
    page.wait("narcissus.report?.views.length === 2 && narcissus.report.views.every(v => v.viewer !== null && v.progress === 1)");
    let first = page.value("narcissus.report.sizes.reflection_bytes").as_u64().unwrap();

    write_site(&site, &plain, &["--max-resolution", "64"]);
    // A visit finds the newer one, and the next one at the latest has it.
    let mut now = first;
    for _ in 0..3 {
        open(&mut page, &files.url);
        page.wait("narcissus.report?.sizes.reflection_bytes");
        now = page.value("narcissus.report.sizes.reflection_bytes").as_u64().unwrap();
        if now < first {
            break;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!((now, page.value("narcissus.report.views.length").as_u64()), (64 * 64 * 3, Some(1)), "{first} at first");
}

#[test]
fn a_module_that_cannot_be_fetched_is_told_and_fetched_again() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let site = dir.path().join("site");
    write_site(&site, &modules, &[]);
    let (generator, hidden) = (site.join("pack/generator.safetensors"), dir.path().join("hidden"));
    std::fs::rename(&generator, &hidden).unwrap();
    let files = Files::serve(&site);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &files.url);
    let told = "document.getElementById('notice')?.textContent.includes('could not be fetched')";
    page.wait(told);
    // What still comes of the other files is not told over it.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(page.value(told), true);
    std::fs::rename(&hidden, &generator).unwrap();
    page.begin();
    page.wait(REFLECTING);
}

#[test]
fn a_browser_that_cannot_run_it_is_told_so() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let (site, film) = (dir.path().join("site"), film::visitor(dir.path()));
    let told = "document.getElementById('notice')?.textContent.includes('lacks WebAssembly with SIMD')";

    write_site(&site, &modules, &[]);
    let files = Files::serve(&site);
    let mut page = Page::open_with(&chromium, &Eye::Film(&film), &files.url, &["--js-flags=--jitless"]);
    assert_eq!(page.value("typeof WebAssembly"), "undefined");
    page.wait(told);

    // One that does not know all operations of the module.
    let strange = dir.path().join("strange");
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(strange.join("narcissus.wasm"), b"\0asm\x01\0\0\0\x63\x01\0").unwrap();
    write_site(&site, &strange, &[]);
    let mut page = Page::open(&chromium, &Eye::Film(&film), &files.url);
    page.wait(told);
}

#[test]
fn a_telephone_is_touched_and_turned() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let files = site_of(dir.path(), &modules);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), "about:blank#first");
    set_screen(&mut page, (360, 740, true));
    open(&mut page, &files.url);
    let [left, top, right, bottom] = edges(&mut page, "#begin");
    let touch = |kind: &str, points: Value| json!({ "type": kind, "touchPoints": points });
    let finger = json!([{ "x": (left + right) / 2.0, "y": (top + bottom) / 2.0 }]);
    page.call("Input.dispatchTouchEvent", touch("touchStart", finger));
    page.call("Input.dispatchTouchEvent", touch("touchEnd", json!([])));
    page.wait(REFLECTING);
    for screen in [(740, 360, true), (360, 740, true)] {
        set_screen(&mut page, screen);
        page.value("globalThis.before = narcissus.report");
        page.wait("before !== narcissus.report");
        page.wait(REFLECTING);
        assert_eq!(page.value(LIES_OVER), json!([]), "{screen:?}");
    }
}

#[test]
fn nothing_runs_in_a_hidden_page() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let files = site_of(dir.path(), &modules);
    let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), &files.url);
    page.begin();
    page.wait(REFLECTING);
    let viewer = page.value("narcissus.report.views[0].viewer");
    let hide = |hidden| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }}); document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    page.value(&hide(true));
    std::thread::sleep(Duration::from_millis(500));
    page.value("globalThis.before = narcissus.report");
    // Longer than it takes to be forgotten.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(page.value("before === narcissus.report"), true, "nothing is looked at");
    page.value(&hide(false));
    page.wait("before !== narcissus.report");
    page.wait(REFLECTING);
    // A mirror that has forgotten everybody counts from the beginning; one that has not takes who comes back for the next.
    assert_eq!(page.value("narcissus.report.views[0].viewer"), viewer);
    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
}

/// Prints how fast a site is; by hand, on a quiet computer. `SITE_FLAGS` are flags for `narcissus site`.
#[test]
#[ignore = "a measurement"]
fn site_speed() {
    let (Some(chromium), Some(modules)) = (installed(), modules()) else { return };
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let plain = without_threads(&modules, dir.path());
    let flags = std::env::var("SITE_FLAGS").unwrap_or_default();
    let more: Vec<&str> = flags.split_whitespace().collect();
    for (name, modules) in [("one thread a half", &plain), ("threads", &modules)] {
        let site = dir.path().join(name);
        write_site(&site, modules, &more);
        let files = Files::serve(&site);
        let mut page = Page::open(&chromium, &Eye::Film(&film::visitor(dir.path())), "about:blank#first");
        for load in ["cold", "warm"] {
            page.go("about:blank#again");
            let began = Instant::now();
            page.call("Page.navigate", json!({ "url": files.url }));
            page.wait("globalThis.narcissus && document.getElementById('begin')");
            page.value("document.getElementById('begin').click()");
            page.wait("narcissus?.report?.state === 'reflecting'");
            println!("{name}, {load}: the first reflection after {:.1} s", began.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_secs(20));
        println!(
            "  {:.1} pictures/s, p50 {:.0} ms from the camera to the canvas; {}",
            page.value("narcissus.speed().rate").as_f64().unwrap(),
            page.value("narcissus.speed().p50").as_f64().unwrap(),
            page.value("JSON.stringify(narcissus.times)").as_str().unwrap()
        );
    }
}
