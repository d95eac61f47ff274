//! The conversation with one page.

use super::connection::PATIENCE;
use super::outbox::outbox;
use super::page::{IncomingFrame, PageJob};
use super::site::Site;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirror::live::Client;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::{timeout, timeout_at};
use tungstenite::error::ProtocolError;

/// Longest message of a page: a picture of 640x480 pixels takes a tenth of it.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// Pages at a time; of each there wait a frame, a request and a picture at most.
const MAX_PAGES: usize = 8;
/// A page that is silent for so long shows nobody anything: whoever stood there is forgotten. It may come back.
const SILENCE: Duration = Duration::from_secs(2);

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
        let one_more = |pages| (pages < MAX_PAGES).then_some(pages + 1);
        match site.pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(before) => {
                tracing::info!(pages = before + 1, "a page came");
                Some(Self(site))
            }
            Err(pages) => {
                // Once, however many come, until a place is free again.
                if !site.is_full.swap(true, Ordering::Relaxed) {
                    tracing::warn!(pages, "too many pages use the mirror");
                }
                None
            }
        }
    }
}

impl Drop for PagePermit {
    fn drop(&mut self) {
        let pages = self.0.pages.fetch_sub(1, Ordering::Relaxed) - 1;
        self.0.is_full.store(false, Ordering::Relaxed);
        tracing::info!(pages, "a page went");
    }
}

/// Serves one page until it goes.
///
/// A page may be silent as long as it answers the question whether it lives, which browsers do for hidden pages too.
async fn converse(mut socket: WebSocket, site: &Site) {
    let (outbox, mut outgoing) = outbox();
    let client = Client::new(PageJob::new(site.sessions.as_ref(), outbox, site.metrics.clone()));
    // Whether everybody is forgotten since the last frame, whether the question is open, and until when the page may be silent.
    let (mut forgotten, mut asked, mut deadline) = (false, false, Instant::now() + SILENCE);
    loop {
        tokio::select! {
            message = timeout_at(deadline.into(), socket.recv()) => {
                let message = match message {
                    Ok(Some(Ok(message))) => message,
                    Ok(Some(Err(error))) => {
                        if let Some(close) = reason(error) {
                            drop(timeout(PATIENCE, socket.send(Message::Close(Some(close)))).await);
                        }
                        break;
                    }
                    Ok(None) => break,
                    Err(_) if asked => break,
                    Err(_) => {
                        if !std::mem::replace(&mut forgotten, true) {
                            site.pipeline.forget(&client);
                        }
                        (asked, deadline) = (true, Instant::now() + PATIENCE);
                        if !matches!(timeout(PATIENCE, socket.send(Message::Ping(Bytes::new()))).await, Ok(Ok(()))) {
                            break;
                        }
                        continue;
                    }
                };

                (asked, deadline) = (false, Instant::now() + SILENCE);
                match message {
                    Message::Binary(message) => {
                        forgotten = false;
                        let frame = IncomingFrame { message, at: Instant::now() };
                        if let Some(overtaken) = site.pipeline.submit(&client, frame) {
                            client.job().skip(&overtaken);
                        }
                    }
                    Message::Text(text) => client.job().set_controls(&text),
                    _ => {}
                }
            }
            Some(answer) = outgoing.next() => {
                if !matches!(timeout(PATIENCE, socket.send(answer)).await, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }
}

/// What a page is told whose message cannot be read; nothing where it is gone.
fn reason(error: axum::Error) -> Option<CloseFrame> {
    use tungstenite::Error::{Capacity, Protocol, Utf8};
    let (code, reason) = match error.into_inner().downcast_ref() {
        Some(Capacity(_)) => (close_code::SIZE, format!("a message has at most {MAX_MESSAGE_BYTES} bytes")),
        Some(Utf8(_)) => (close_code::INVALID, "a text is UTF-8".into()),
        Some(Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return None,
        Some(Protocol(error)) => (close_code::PROTOCOL, error.to_string()),
        _ => return None,
    };
    Some(CloseFrame { code, reason: reason.into() })
}
