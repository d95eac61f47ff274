//! The conversation with one page.

use super::Site;
use super::wire::Reply;
use super::worker::{Counter, Letter};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Longest message of a page.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// Pages at a time; each holds two messages at most.
const MAX_PAGES: usize = 8;

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
        (taken < MAX_PAGES).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn talk(mut socket: WebSocket, site: &Site) {
    let (replies, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let counter = Arc::new(Counter::new(replies));
    loop {
        let (letter, reply) = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let letter = Letter { bytes, at: Instant::now() };
                    let Some(overtaken) = site.desk.hand_in(&counter, letter) else { continue };
                    (overtaken, Reply::dropped())
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => break,
            },
            Some(answer) = answered.recv() => answer,
        };
        let bytes = reply.to_bytes(&letter.bytes);
        let sent = socket.send(Message::Text(reply.seen.into())).await;
        if sent.is_err() || socket.send(Message::Binary(bytes.into())).await.is_err() {
            break;
        }
    }
}
