//! The mirror as a page in a browser: its camera's frames come in over a WebSocket, reflections go back.
//!
//! Listens on loopback only, answers its own page only ([`guard`]) and stores nothing. The messages are those of
//! [`wire`]; each frame is answered by a text message, the JSON of what was seen, and a binary one, the reflection. One
//! thread looks into the mirror for all pages ([`worker`]); of each page it takes the newest frame, and a frame that
//! was overtaken is answered at once, in words (`{"dropped":true}`) and without a reflection.

mod guard;
mod metrics;
mod socket;
mod wire;
mod worker;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use frame::Image;
use metrics::Metrics;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use worker::Desk;

const PAGE: &str = include_str!("../../../../web/index.html");
const STYLE: &str = include_str!("../../../../web/mirror.css");
const SCRIPT: &str = include_str!("../../../../web/mirror.js");

/// What answers a frame.
pub trait Reflector: Send + Sync + 'static {
    /// Looks at a picture. One thread does, one picture at a time.
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

struct Site {
    reflector: Arc<dyn Reflector>,
    desk: Desk,
    metrics: Arc<Metrics>,
    pages: AtomicUsize,
    port: u16,
}

/// Serves the mirror until the process is interrupted; port 0 takes any that is free. `ready` hears the address.
///
/// # Errors
/// If the port cannot be had or the server breaks off.
pub fn serve(port: u16, reflector: impl Reflector, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("server")
        .enable_all()
        .build()
        .map_err(ServerError::Broken)?;
    runtime.block_on(async {
        let bound = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = bound.map_err(|source| ServerError::Port { port, source })?;
        let address = listener.local_addr().map_err(ServerError::Broken)?;
        let (reflector, metrics): (Arc<dyn Reflector>, _) = (Arc::new(reflector), Arc::new(Metrics::default()));
        let desk = Desk::open(reflector.clone(), metrics.clone()).map_err(ServerError::Broken)?;
        ready(address);
        let site = Arc::new(Site { reflector, desk, metrics, pages: AtomicUsize::new(0), port: address.port() });
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
        .route("/", get(|| async { file("text/html; charset=utf-8", PAGE) }))
        .route("/mirror.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/mirror.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/healthz", get(health))
        .route("/metrics", get(|State(site): State<Arc<Site>>| async move { site.metrics.text() }))
        .route("/viewer.jpg", get(viewer))
        .route("/ws", get(socket::connect))
        .layer(middleware::from_fn_with_state(site.clone(), only_our_page))
        .with_state(site)
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// Turns other sites away, and tells the browser what the page may do: nothing but talk to this server.
async fn only_our_page(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if !guard::is_ours(request.headers(), site.port) {
        return (StatusCode::FORBIDDEN, "only the mirror's own page may look into it\n").into_response();
    }
    let mut response = next.run(request).await;
    let port = site.port;
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// "ok", unless the mirror has looked at one picture for so long that it must be stuck.
async fn health(State(site): State<Arc<Site>>) -> Response {
    match site.metrics.is_stuck() {
        false => "ok\n".into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the mirror does not answer\n").into_response(),
    }
}

/// The next picture that stands in for the camera; "no content" where the page uses the camera.
async fn viewer(State(site): State<Arc<Site>>) -> Response {
    match tokio::task::spawn_blocking(move || site.reflector.next_viewer()).await {
        Ok(Some(jpeg)) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    struct Nobody;

    impl Reflector for Nobody {
        fn reflect(&self, _: &Image) -> Result<Answer, String> {
            Ok(Answer { reflection: None, seen: "{}".into() })
        }
    }

    /// The server lives until the tests end.
    fn start() -> SocketAddr {
        let (tell, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || serve(0, Nobody, |address| tell.send(address).unwrap()));
        hear.recv().unwrap()
    }

    fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    #[test]
    fn the_page_may_talk_to_this_server_and_to_nobody_else() {
        let address = start();
        let host = format!("Host: {address}\r\n");
        for (path, word) in [
            ("/", "<title>Narcissus</title>"),
            ("/mirror.css", "#reflection"),
            ("/mirror.js", "getUserMedia"),
            ("/healthz", "ok"),
            ("/metrics", "narcissus_frames_total 0"),
        ] {
            let reply = ask(address, path, &host).to_ascii_lowercase();
            assert!(reply.starts_with("http/1.1 200") && reply.contains(&word.to_ascii_lowercase()), "{reply}");
            assert!(reply.contains("default-src 'none'") && !reply.contains("unsafe-inline"), "{reply}");
        }
        assert!(ask(address, "/viewer.jpg", &host).starts_with("HTTP/1.1 204"));
        for page in [PAGE, STYLE, SCRIPT] {
            assert!(!page.contains("https:") && !page.contains("http:"), "nothing comes from elsewhere");
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains("style="), "the policy would refuse it");
    }

    #[test]
    fn other_sites_are_turned_away() {
        let address = start();
        for headers in ["Host: evil.example\r\n".into(), format!("Host: {address}\r\nOrigin: http://evil.example\r\n")]
        {
            for path in ["/", "/ws", "/viewer.jpg"] {
                assert!(ask(address, path, &headers).starts_with("HTTP/1.1 403"), "{path} {headers}");
            }
        }
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_with_a_hint() {
        let error = serve(start().port(), Nobody, |_| panic!("it is taken")).unwrap_err().to_string();
        assert!(error.contains("port") && error.contains("hint:"), "{error}");
    }
}
