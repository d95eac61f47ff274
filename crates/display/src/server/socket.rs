//! The conversation with one page.

use super::page::{IncomingFrame, PageJob};
use super::site::Site;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirror::live::Client;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Longest message of a page: a picture of 640x480 pixels takes a tenth of it.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Pages at a time; of each there wait a frame, a request and a picture at most.
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
    let Some(permit) = PagePermit::take(site) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages use the mirror\n").into_response();
    };
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(|socket| async move { converse(socket, &permit.0).await })
}

/// A page's place, free again when it goes, however it goes.
struct PagePermit(Arc<Site>);

impl PagePermit {
    fn take(site: Arc<Site>) -> Option<Self> {
        let taken = site.pages.fetch_add(1, Ordering::Relaxed);
        let permit = Self(site);
        if taken >= MAX_PAGES {
            tracing::warn!(pages = taken, "too many pages use the mirror");
            return None;
        }
        tracing::info!(pages = taken + 1, "a page came");
        Some(permit)
    }
}

impl Drop for PagePermit {
    fn drop(&mut self) {
        let pages = self.0.pages.fetch_sub(1, Ordering::Relaxed) - 1;
        tracing::info!(pages, "a page went");
    }
}

/// Serves one page until it goes.
async fn converse(mut socket: WebSocket, site: &Site) {
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let client = Client::new(PageJob::new(site.sessions.open(), answers, site.metrics.clone()));
    let mut silent = false;
    loop {
        tokio::select! {
            message = timeout(SILENCE, socket.recv()) => match message {
                Ok(Some(Ok(Message::Binary(message)))) => {
                    silent = false;
                    let frame = IncomingFrame { message, at: Instant::now() };
                    if let Some(overtaken) = site.pipeline.submit(&client, frame) {
                        client.job().skip(&overtaken);
                    }
                }
                Ok(Some(Ok(Message::Text(text)))) => client.job().set_controls(&text),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => break,
                Err(_) => {
                    if !std::mem::replace(&mut silent, true) {
                        site.pipeline.forget(&client);
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
