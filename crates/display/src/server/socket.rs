//! The conversation with one page.

use super::Site;
use super::controls::Controls;
use super::pipeline::{Counter, Letter};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Longest message of a page: a picture of 640x480 pixels takes a tenth of it.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Pages at a time; of each there wait a frame, a scene and a picture at most.
const MAX_PAGES: usize = 8;
/// A page that is silent for so long shows nobody anything: whoever stood there is forgotten. It may come back.
const SILENCE: Duration = Duration::from_secs(2);
/// A page that takes no answer for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the conversation. A browser says which page it opens it for, and [`super::guard`] has judged that.
pub async fn connect(State(site): State<Arc<Site>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "a page has an origin\n").into_response();
    }
    let seat = Seat::take(site);
    let Some(seat) = seat else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages look into the mirror\n").into_response();
    };
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(|socket| async move { talk(socket, &seat.0).await })
}

/// A page's place, free again when it goes, however it goes.
struct Seat(Arc<Site>);

impl Seat {
    fn take(site: Arc<Site>) -> Option<Self> {
        let taken = site.pages.fetch_add(1, Ordering::Relaxed);
        let seat = Self(site);
        if taken >= MAX_PAGES {
            tracing::warn!(pages = taken, "too many pages look into the mirror");
            return None;
        }
        tracing::info!(pages = taken + 1, "a page came");
        Some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let pages = self.0.pages.fetch_sub(1, Ordering::Relaxed) - 1;
        tracing::info!(pages, "a page went");
    }
}

async fn talk(mut socket: WebSocket, site: &Site) {
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let counter = Arc::new(Counter::new(site.reflector.session(), answers));
    let mut silent = false;
    loop {
        tokio::select! {
            message = timeout(SILENCE, socket.recv()) => match message {
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    silent = false;
                    site.desk.hand_in(&counter, Letter { bytes, at: Instant::now() });
                }
                Ok(Some(Ok(Message::Text(text)))) => match Controls::read(&text) {
                    Some(controls) => counter.set_controls(controls),
                    None => tracing::debug!("a page said something that is no wish"),
                },
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => break,
                Err(_) => {
                    if !std::mem::replace(&mut silent, true) {
                        site.desk.forget(&counter);
                    }
                }
            },
            Some(answer) = answered.recv() => {
                if !matches!(timeout(PATIENCE, socket.send(answer)).await, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }
}
