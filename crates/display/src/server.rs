//! The mirror as a page in a browser: its camera's frames come in over a WebSocket, reflections go back.
//!
//! Listens on loopback only and stores nothing. A binary message is a frame: `"MF"`, version 1, format 0 (JPEG),
//! `seq: u32`, `width: u16`, `height: u16`, `t_us: u32`, all little endian, then the JPEG. Each is answered by a text
//! message, the JSON of what was seen, and a binary one: the reflection in the same envelope, with the `seq` of the
//! frame and the microseconds that it took, and without a payload when nobody stands there. A page has one frame under
//! way at a time, so that the newest wins without a queue.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use frame::Image;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const PAGE: &str = include_str!("../../../web/mirror.html");
const HEADER_BYTES: usize = 16;
const MAX_MESSAGE_BYTES: usize = 4 << 20;
const JPEG_QUALITY: u8 = 90;

/// What answers a frame.
pub trait Reflector: Send + Sync + 'static {
    /// Looks at a picture.
    ///
    /// # Errors
    /// In words, where the picture cannot be looked at.
    fn reflect(&self, picture: &Image) -> Result<Answer, String>;

    /// Where pictures stand in for the camera: the JPEG of the next one.
    fn next_viewer(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The answer to a frame.
pub struct Answer {
    /// The reflection; `None` when nobody stands there.
    pub reflection: Option<Image>,
    /// JSON of what was seen.
    pub seen: String,
}

/// Why the mirror does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The port cannot be had.
    #[error("port {port}: {source}\nhint: stop the program that uses it, or choose another port")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The server broke off.
    #[error("the server broke off: {0}")]
    Broken(#[source] std::io::Error),
}

#[derive(Default)]
struct Counters {
    frames: AtomicU64,
    reflections: AtomicU64,
    refused: AtomicU64,
    busy_us: AtomicU64,
}

struct Site {
    reflector: Box<dyn Reflector>,
    counters: Counters,
}

/// Serves the mirror until the process is interrupted; port 0 takes any that is free. `ready` hears the address.
///
/// # Errors
/// If the port cannot be had or the server breaks off.
pub fn serve(port: u16, reflector: impl Reflector, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(ServerError::Broken)?.block_on(async {
        let bound = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = bound.map_err(|source| ServerError::Port { port, source })?;
        ready(listener.local_addr().map_err(ServerError::Broken)?);
        let site = Arc::new(Site { reflector: Box::new(reflector), counters: Counters::default() });
        let stop = async {
            // Without a signal handler the process simply ends when it is interrupted.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ended = axum::serve(listener, pages(site)).into_future() => ended.map_err(ServerError::Broken),
            () = stop => Ok(()),
        }
    })
}

fn pages(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/mirror", get(connect))
        .route("/viewer.jpg", get(viewer))
        .with_state(site)
}

async fn page() -> impl IntoResponse {
    let policy = "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' blob:; \
                  connect-src 'self' ws://127.0.0.1:* ws://localhost:*";
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], Html(PAGE))
}

/// The next picture that stands in for the camera; "no content" where the page uses the camera.
async fn viewer(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if !is_our_page(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match tokio::task::spawn_blocking(move || site.reflector.next_viewer()).await {
        Ok(Some(jpeg)) => {
            ([(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")], jpeg).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn metrics(State(site): State<Arc<Site>>) -> String {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let c = &site.counters;
    format!(
        "narcissus_frames_total {}\nnarcissus_reflections_total {}\nnarcissus_refused_total {}\n\
         narcissus_busy_seconds_total {:.6}\n",
        read(&c.frames),
        read(&c.reflections),
        read(&c.refused),
        read(&c.busy_us) as f64 / 1e6
    )
}

async fn connect(State(site): State<Arc<Site>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !is_our_page(&headers) {
        return (StatusCode::FORBIDDEN, "only the mirror's own page may look into it\n").into_response();
    }
    upgrade.max_message_size(MAX_MESSAGE_BYTES).on_upgrade(|socket| talk(socket, site))
}

/// Whether the page that connects came from this server: any other site in the same browser could reach loopback too.
fn is_our_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|v: &header::HeaderValue| v.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host) && is_loopback(host),
        (Some(_), None) => false,
    }
}

/// Whether a host header names this computer, so that no foreign name was bent to point here.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1")
}

async fn talk(mut socket: WebSocket, site: Arc<Site>) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Binary(bytes) = message else { continue };
        let worker = site.clone();
        let answered = tokio::task::spawn_blocking(move || answer(&worker, &bytes)).await;
        let Ok((seen, reply)) = answered else { break };
        let sent = socket.send(Message::Text(seen.into())).await;
        if sent.is_err() || socket.send(Message::Binary(reply.into())).await.is_err() {
            break;
        }
    }
}

/// The JSON of what was seen, and the reflection in its envelope.
fn answer(site: &Site, message: &[u8]) -> (String, Vec<u8>) {
    let began = Instant::now();
    let seq = message.get(4..8).map_or([0; 4], |b| [b[0], b[1], b[2], b[3]]);
    let answered = open(message).and_then(|picture| site.reflector.reflect(&picture));
    let (seen, reflection) = match answered {
        Ok(answer) => (answer.seen, answer.reflection),
        Err(error) => {
            site.counters.refused.fetch_add(1, Ordering::Relaxed);
            (serde_json::json!({ "error": error }).to_string(), None)
        }
    };
    let jpeg = reflection.as_ref().and_then(|r| crate::to_jpeg(r, JPEG_QUALITY).ok()).unwrap_or_default();
    let took_us = began.elapsed().as_micros() as u64;
    site.counters.frames.fetch_add(1, Ordering::Relaxed);
    site.counters.reflections.fetch_add(u64::from(reflection.is_some()), Ordering::Relaxed);
    site.counters.busy_us.fetch_add(took_us, Ordering::Relaxed);
    let (width, height) = reflection.map_or((0, 0), |r| (r.width as u16, r.height as u16));
    let mut reply = Vec::with_capacity(HEADER_BYTES + 2 + jpeg.len());
    reply.extend_from_slice(b"MF\x01\x00");
    reply.extend_from_slice(&seq);
    reply.extend_from_slice(&width.to_le_bytes());
    reply.extend_from_slice(&height.to_le_bytes());
    reply.extend_from_slice(&(took_us as u32).to_le_bytes());
    reply.extend_from_slice(&jpeg);
    (seen, reply)
}

fn open(message: &[u8]) -> Result<Image, String> {
    match message.split_at_checked(HEADER_BYTES) {
        Some(([b'M', b'F', 1, 0, ..], jpeg)) => Image::decode(jpeg).map_err(|e| e.to_string()),
        Some(([b'M', b'F', version, format, ..], _)) => {
            Err(format!("version {version}, format {format}: expected version 1, format 0"))
        }
        _ => Err("not a frame of the mirror's protocol".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives back what it sees.
    struct Echo;

    impl Reflector for Echo {
        fn reflect(&self, picture: &Image) -> Result<Answer, String> {
            Ok(Answer { reflection: Some(picture.clone()), seen: "{}".into() })
        }
    }

    fn site() -> Site {
        Site { reflector: Box::new(Echo), counters: Counters::default() }
    }

    fn message(start: &[u8], jpeg: &[u8]) -> Vec<u8> {
        [start, &[0; 8], jpeg].concat()
    }

    #[test]
    fn a_frame_is_answered_with_its_number_and_a_picture() {
        let jpeg = crate::to_jpeg(&Image { width: 8, height: 6, data: vec![90; 144] }, 90).unwrap();
        let (seen, reply) = answer(&site(), &message(b"MF\x01\x00\x07\x00\x00\x00", &jpeg));
        assert_eq!(seen, "{}");
        assert_eq!(reply[..12], *b"MF\x01\x00\x07\x00\x00\x00\x08\x00\x06\x00");
        assert_eq!(Image::decode(&reply[HEADER_BYTES..]).unwrap().width, 8);
    }

    #[test]
    fn what_is_no_frame_is_answered_in_words() {
        let cut = &crate::to_jpeg(&Image { width: 8, height: 6, data: vec![90; 144] }, 90).unwrap()[..60];
        for (bytes, word) in [
            (message(b"MF\x01\x00\x07\x00\x00\x00", cut), "JPEG"),
            (message(b"MF\x02\x00\x07\x00\x00\x00", &[]), "version 2"),
            (b"MF".to_vec(), "protocol"),
            (Vec::new(), "protocol"),
        ] {
            let (seen, reply) = answer(&site(), &bytes);
            assert!(seen.contains("error") && seen.contains(word), "{seen}");
            assert_eq!(reply.len(), HEADER_BYTES);
        }
    }

    #[test]
    fn pages_of_other_sites_are_turned_away() {
        let headers = |origin: Option<&str>, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            origin.map(|o| headers.insert(header::ORIGIN, o.parse().unwrap()));
            headers
        };
        assert!(is_our_page(&headers(Some("http://127.0.0.1:7860"), "127.0.0.1:7860")));
        assert!(is_our_page(&headers(Some("http://localhost:7860"), "localhost:7860")));
        assert!(is_our_page(&headers(None, "127.0.0.1:7860")));
        assert!(!is_our_page(&headers(Some("http://evil.example"), "127.0.0.1:7860")));
        assert!(!is_our_page(&headers(Some("http://evil.example:7860"), "evil.example:7860")));
        assert!(!is_our_page(&headers(Some("null"), "127.0.0.1:7860")));
    }
}
