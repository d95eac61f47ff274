//! The desk of the staff: a page for a telephone in the same network, over TLS and with a token. It says how the mirror does and sets what the
//! [desk](super::desk) sets; no picture goes there.
//!
//! | request | does |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /status.json` | how the mirror does |
//! | `POST /restart` | starts the program again |
//! | `/controls`, `/scenes` | as on the mirror's own server |

use super::files::{self, File};
use super::routes::{self, Door};
use super::site::Site;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use mirror::live::protocol::Performance;
use mirror::live::{Look, Range};
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

/// The page's own files; it has the words and texts of the mirror's page.
const FILES: [File; 3] = [
    ("/", "text/html; charset=utf-8", include_str!("../../../../web/staff.html")),
    ("/staff.css", "text/css; charset=utf-8", include_str!("../../../../web/staff.css")),
    ("/staff.js", "text/javascript; charset=utf-8", include_str!("../../../../web/staff.js")),
];
const SHARED: [&str; 7] = [
    "/words.js",
    "/icon.svg",
    "/texts/en.json",
    "/texts/de.json",
    "/texts/es.json",
    "/texts/fr.json",
    "/texts/zh.json",
];

/// Where the staff's page is served, and how it is protected.
#[derive(Clone, Debug)]
pub struct StaffSetup {
    /// The address to listen at; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The name by which telephones call the server.
    pub name: String,
    /// Whoever knows it may use the page.
    pub token: String,
    /// The certificate for that name and its private key, PEM.
    pub certificate: super::Certificate,
}

/// Something that went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// When.
    #[serde(serialize_with = "seconds")]
    pub at: SystemTime,
    /// What, a line for people.
    pub text: String,
}

/// Seconds since 1970.
fn seconds<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
}

/// What the mirror does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Doing {
    /// Somebody is reflected.
    Reflecting,
    /// Nobody is: it dreams.
    Dreaming,
    /// No page is open, so that nothing is drawn.
    Unseen,
    /// It is outside its hours.
    Closed,
    /// It has worked at one picture for far too long.
    Stuck,
}

/// How the mirror does.
#[derive(Serialize)]
struct Status {
    state: Doing,
    performance: Performance,
    /// Pages that are connected.
    pages: usize,
    /// Since the program began.
    up_secs: u64,
    memory_bytes: Option<u64>,
    /// Degrees Celsius.
    temperature: Option<f32>,
    /// The newest last.
    troubles: Vec<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    look: Option<Look>,
    languages: Vec<String>,
}

pub(super) fn router(site: Arc<Site>, door: Arc<Door>) -> Router {
    let shared = files::FILES.into_iter().filter(|(path, ..)| SHARED.contains(path));
    let router = super::desk::routes(site.sessions.desk().is_some());
    let router = router.merge(files::routes(FILES.into_iter().chain(shared)));
    let router = router.route("/status.json", get(status)).route("/restart", post(restart));
    routes::behind(door, router).with_state(site)
}

async fn status(State(site): State<Arc<Site>>) -> Response {
    let desk = site.sessions.desk();
    let pages = site.pages.load(Ordering::Relaxed);
    let state = match () {
        () if site.metrics.is_stuck() => Doing::Stuck,
        () if desk.as_ref().is_some_and(|desk| desk.is_closed()) => Doing::Closed,
        () => match site.metrics.is_reflecting() {
            Some(true) => Doing::Reflecting,
            Some(false) => Doing::Dreaming,
            None => Doing::Unseen,
        },
    };
    let controls = desk.as_ref().map(|desk| desk.controls());
    let languages = controls.iter().flat_map(|all| all.iter()).find(|control| control.name == "language");
    let languages = languages.and_then(|control| match &control.range {
        Range::Word { words } => Some(words.clone()),
        _ => None,
    });
    let status = Status {
        state,
        performance: site.metrics.performance(),
        pages,
        up_secs: site.opened.elapsed().as_secs(),
        memory_bytes: host::memory(),
        temperature: host::temperature(),
        troubles: site.sessions.troubles(),
        look: desk.map(|desk| desk.look()),
        languages: languages.unwrap_or_default(),
    };
    match serde_json::to_string(&status) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn restart(State(site): State<Arc<Site>>) -> StatusCode {
    tracing::warn!("the staff starts the mirror again");
    site.restart.notify_one();
    StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_page_is_there() {
        let english = super::super::files::text_keys();
        let [(.., page), _, (.., script)] = FILES;
        let keys = |text: &'static str, before: &'static str| {
            text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned)
        };
        let states =
            ["reflecting", "dreaming", "unseen", "closed", "stuck", "gone"].map(|state| format!("staff_{state}"));
        let rows = keys(script, "[\"").filter(|key| key.starts_with("staff_") || key.starts_with("time_"));
        let all: Vec<String> =
            keys(page, "data-text=\"").chain(keys(script, "say(\"")).chain(rows).chain(states).collect();
        assert!(all.len() > 25, "{all:?}");
        assert!(all.iter().all(|key| english.contains(key)), "{all:?}");
        assert!(SHARED.iter().all(|shared| files::FILES.iter().any(|(path, ..)| path == shared)));
        assert!(!page.contains("style=") && !page.contains("http"));
    }
}
