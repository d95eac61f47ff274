//! The page of the archive, `/archive`: a map of the members whom the mirror's faces are made of, and where those who stand before the first page's
//! mirror lie on it. A house that does not tell it has no such page.

use super::connection::PATIENCE;
use super::files::{self, File};
use super::site::Site;
use crate::explorers::Explorers;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

/// The page's files.
const FILES: [File; 4] = [
    ("/archive", "text/html; charset=utf-8", include_str!("../../../../web/archive.html")),
    ("/archive.css", "text/css; charset=utf-8", include_str!("../../../../web/archive.css")),
    ("/archive.js", "text/javascript; charset=utf-8", include_str!("../../../../web/archive.js")),
    ("/map.js", "text/javascript; charset=utf-8", include_str!("../../../../web/map.js")),
];

/// The routes; a mirror whose archive nobody may explore has none.
pub(super) fn routes(explorers: Option<&Arc<Explorers>>) -> Router<Arc<Site>> {
    if explorers.is_none() {
        return Router::new();
    }
    files::routes(FILES).route("/archive.json", get(points)).route("/archive/ws", get(connect))
}

/// The points of the map; none where the mirror's pack has no archive.
async fn points(State(site): State<Arc<Site>>) -> Response {
    let write = move || {
        let mirror = site.sessions.mirror()?;
        serde_json::to_string(&mirror.reader().atlas()?.points()).ok()
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        _ => (StatusCode::NOT_FOUND, "this mirror's pack has no archive\n").into_response(),
    }
}

/// Where viewers stand, as JSON, whenever that changes.
async fn connect(State(site): State<Arc<Site>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "a page has an origin\n").into_response();
    }
    let Some(explorers) = site.sessions.explorers() else {
        return (StatusCode::NOT_FOUND, "nobody can explore this archive\n").into_response();
    };
    match site.views.clone().try_acquire_owned() {
        Ok(place) => upgrade.max_message_size(1024).on_upgrade(move |socket| tell(socket, explorers.watch(), place)),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "too many watch the mirror\n").into_response(),
    }
}

async fn tell(mut socket: WebSocket, mut standings: watch::Receiver<Arc<str>>, _place: OwnedSemaphorePermit) {
    standings.mark_changed();
    loop {
        tokio::select! {
            changed = standings.changed() => {
                if changed.is_err() {
                    return;
                }
                let text = standings.borrow_and_update().to_string();
                if !matches!(timeout(PATIENCE, socket.send(Message::Text(text.into()))).await, Ok(Ok(()))) {
                    return;
                }
            }
            // The page says nothing; what it answers to pings is read by the way.
            heard = socket.recv() => match heard {
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Setup;
    use crate::server::files::text_keys;
    use crate::server::tests::{ask, start};
    use mirror::archive::Source;

    #[test]
    fn every_text_of_the_page_is_there_and_nothing_stands_inline_or_comes_from_elsewhere() {
        let keys = text_keys();
        let between = |text: &str, from: &str| -> Vec<String> {
            text.split(from).skip(1).filter_map(|t| t.split('"').next()).map(str::to_owned).collect()
        };
        let mut asked = Vec::new();
        for (path, _, text) in FILES {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("style="), "{path}");
            asked.extend(between(&text, "data-text=\""));
            asked.extend(between(&text, "data-label=\""));
            asked.extend(between(&text, "say(\""));
        }
        // Keys that the scripts put together.
        let ways = ["gender", "year", "skin", "age", "source"].map(|way| format!("colour_{way}"));
        let sources = Source::ALL.map(|source| serde_json::to_value(source).unwrap());
        asked.extend(sources.map(|source| format!("source_{}", source.as_str().unwrap())));
        for (of, parts) in [("years", ["before", "between", "from"]), ("ages", ["before", "between", "from"])] {
            asked.extend(parts.map(|part| format!("{of}_{part}")));
        }
        asked.extend(ways);
        assert!(asked.len() > 8, "{asked:?}");
        for key in asked {
            assert!(keys.contains(&key), "\"{key}\" has no text");
        }
    }

    #[test]
    fn a_mirror_whose_archive_is_not_told_has_no_page_of_it() {
        let address = start(Setup::local(0));
        for path in ["/archive", "/archive.json", "/archive/ws"] {
            let reply = ask(&address, path, &format!("Host: {address}\r\n"));
            assert!(reply.starts_with("HTTP/1.1 404"), "{path}: {reply}");
        }
    }
}
