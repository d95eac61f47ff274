//! The mirror as a page in a browser: its camera's frames come in over a WebSocket, reflections go back.
//!
//! Listens on loopback unless it is given a certificate and a token, answers its own page only ([`guard`]) and stores nothing.
//! The messages are those of [`wire`]. Some threads serve all pages in turn ([`pipeline`]): each frame is answered in words when it
//! was looked at, a page's newest first; pictures come as fast as they can be drawn, of whatever was seen last.

mod controls;
mod files;
mod guard;
mod metrics;
mod pipeline;
mod socket;
mod tls;
mod wire;

pub use controls::Controls;
pub use metrics::Pulse;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use files::FILES;
use frame::Image;
use guard::{Guard, Verdict};
use metrics::Metrics;
use pipeline::Desk;
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What answers frames.
pub trait Reflector: Send + Sync + 'static {
    /// The mirror for one page: nobody has stood before it yet.
    fn session(&self) -> Box<dyn Session>;

    /// Where the server has its own camera, or pictures that stand in for one: the JPEG of what it sees.
    fn viewer(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The mirror for one page. It is dropped with the page.
pub trait Session: Send {
    /// Looks at a frame. One thread does, one frame at a time, while another draws what an earlier look came to.
    ///
    /// # Errors
    /// In words, where the picture cannot be looked at.
    fn look(&mut self, glimpse: &Glimpse) -> Result<Look, String>;

    /// Forgets everybody.
    fn forget(&mut self);
}

/// A frame, and how to look at it.
pub struct Glimpse<'a> {
    /// What the page's camera saw; `None` where it has none.
    pub picture: Option<&'a Image>,
    /// What the page wishes.
    pub controls: &'a Controls,
    /// How the mirror does.
    pub pulse: Pulse,
}

/// What a look came to.
pub struct Look {
    /// JSON of what was seen.
    pub seen: String,
    /// Draws it. That is done for the newest look only whenever the one before is drawn; the others' are dropped.
    pub draw: Box<dyn FnOnce() -> Drawn + Send>,
}

/// What is shown.
pub struct Drawn {
    /// The reflections, squares of one size from left to right.
    pub pictures: Vec<Arc<Image>>,
    /// Whether one of them is somebody's.
    pub reflects: bool,
}

/// Where the page is served, and what it is told of the place.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The address to listen at; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Needed where others than this computer can reach that address.
    pub abroad: Option<Abroad>,
    /// What the page is told.
    pub place: Place,
}

impl Setup {
    /// On this computer only.
    pub fn at_home(port: u16) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { listen, abroad: None, place: Place::default() }
    }
}

/// How the page is protected where others can reach it.
#[derive(Clone, Debug)]
pub struct Abroad {
    /// The name by which browsers call it; the certificate is for that name.
    pub name: String,
    /// The certificate and those above it, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who knows it may look.
    pub token: String,
}

/// What the page is told, as `settings.json`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Place {
    /// Whether the server has the camera, so that the page needs none.
    pub has_camera: bool,
    /// Whether eyes closed for three seconds begin and end.
    pub gesture: bool,
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
    /// Others could look without being asked.
    #[error(
        "{0} can be reached by others: that needs a certificate, its key and a token\nhint: leave --listen out to serve this computer only"
    )]
    Unprotected(SocketAddr),
    /// The token is easy to guess, or no browser could say it.
    #[error("a token has at least 16 letters, digits, - or _")]
    Token,
    /// The certificate or its key are not what they should be.
    #[error("{}, {}: {why}", certificate.display(), key.display())]
    Certificate {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        why: String,
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
    guard: Guard,
    policy: HeaderValue,
    place: Place,
}

/// Serves the mirror until the process is interrupted. `ready` hears the address of the page.
///
/// # Errors
/// If the address cannot be had, or may be reached by others and is not protected, or the server breaks off.
pub fn serve(setup: Setup, reflector: impl Reflector, ready: impl FnOnce(&str)) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("server")
        .enable_all()
        .build()
        .map_err(ServerError::Broken)?;
    runtime.block_on(async {
        tokio::select! {
            ended = listen(setup, Arc::new(reflector), ready) => ended,
            () = interrupted() => Ok(()),
            () = terminated() => Ok(()),
        }
    })
}

/// Without a signal handler the process simply ends when it is interrupted.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How an operating system's services end.
#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

async fn listen(setup: Setup, reflector: Arc<dyn Reflector>, ready: impl FnOnce(&str)) -> Result<(), ServerError> {
    let Setup { listen, abroad, place } = setup;
    if !listen.ip().is_loopback() && abroad.is_none() {
        return Err(ServerError::Unprotected(listen));
    }
    let in_url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if abroad.as_ref().is_some_and(|a| a.token.len() < 16 || !a.token.chars().all(in_url)) {
        return Err(ServerError::Token);
    }
    let port = |source| ServerError::Port { port: listen.port(), source };
    let listener = std::net::TcpListener::bind(listen).map_err(port)?;
    listener.set_nonblocking(true).map_err(ServerError::Broken)?;
    let address = listener.local_addr().map_err(ServerError::Broken)?;
    let metrics = Arc::new(Metrics::default());
    let desk = Desk::open(metrics.clone()).map_err(ServerError::Broken)?;
    let (guard, certificate) = match abroad {
        None => (Guard::at_home(address), None),
        Some(Abroad { name, certificate, key, token }) => {
            let loaded = tls::config(&certificate, &key);
            let loaded = loaded.map_err(|why| ServerError::Certificate { certificate, key, why })?;
            (Guard::abroad(&name, address.port(), token), Some(RustlsConfig::from_config(Arc::new(loaded))))
        }
    };
    let url = guard.url();
    let policy = policy(&guard);
    let site = Arc::new(Site { reflector, desk, metrics, pages: AtomicUsize::new(0), guard, policy, place });
    let pages = pages(site).into_make_service();
    tracing::info!(%url, "the mirror is open");
    ready(&url);
    // Words and picture of an answer are two messages: without this the second would wait for the page's system to acknowledge the
    // first, which takes it 40 ms.
    let at_once = NoDelayAcceptor::new();
    let server = axum_server::from_tcp(listener).map_err(ServerError::Broken)?;
    match certificate {
        None => server.acceptor(at_once).serve(pages).await,
        Some(certificate) => server.acceptor(RustlsAcceptor::new(certificate).acceptor(at_once)).serve(pages).await,
    }
    .map_err(ServerError::Broken)
}

/// What the browser lets the page do: nothing but talk to this server.
fn policy(guard: &Guard) -> HeaderValue {
    let text = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        guard.sockets()
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

fn pages(site: Arc<Site>) -> Router {
    let mut pages = Router::new();
    for (path, kind, text) in FILES {
        pages = pages.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }));
    }
    pages
        .route("/settings.json", get(settings))
        .route("/healthz", get(health))
        .route("/metrics", get(|State(site): State<Arc<Site>>| async move { site.metrics.text() }))
        .route("/viewer.jpg", get(viewer))
        .route("/ws", get(socket::connect))
        .layer(middleware::from_fn_with_state(site.clone(), only_our_page))
        .with_state(site)
}

/// Turns other sites and strangers away, and tells the browser what the page may do.
async fn only_our_page(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match site.guard.judge(request.headers()) {
        Verdict::Ours => {}
        Verdict::Foreign => {
            return (StatusCode::FORBIDDEN, "only the mirror's own page may look into it\n").into_response();
        }
        Verdict::Unknown => {
            let cookie = request.uri().query().and_then(|query| site.guard.cookie_for(query));
            return match cookie {
                // The token leaves the address bar at once.
                Some(cookie) => (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, "/".into())])
                    .into_response(),
                None => (StatusCode::FORBIDDEN, "the mirror's token is missing or wrong\n").into_response(),
            };
        }
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, site.policy.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn settings(State(site): State<Arc<Site>>) -> Response {
    match serde_json::to_string(&site.place) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// "ok", unless the mirror has looked at one picture for so long that it must be stuck.
async fn health(State(site): State<Arc<Site>>) -> Response {
    match site.metrics.is_stuck() {
        false => "ok\n".into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the mirror does not answer\n").into_response(),
    }
}

/// What the server's own camera sees; "no content" where the page uses its own.
async fn viewer(State(site): State<Arc<Site>>) -> Response {
    match tokio::task::spawn_blocking(move || site.reflector.viewer()).await {
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
        fn session(&self) -> Box<dyn Session> {
            Box::new(Self)
        }
    }

    impl Session for Nobody {
        fn look(&mut self, _: &Glimpse) -> Result<Look, String> {
            Ok(Look { seen: "{}".into(), draw: Box::new(|| Drawn { pictures: Vec::new(), reflects: false }) })
        }

        fn forget(&mut self) {}
    }

    /// The server lives until the tests end; gives back `host:port`.
    fn start(setup: Setup) -> String {
        let (tell, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || serve(setup, Nobody, |url| tell.send(url.to_owned()).unwrap()));
        let url: String = hear.recv().unwrap();
        url.split_once("://").unwrap().1.to_owned()
    }

    fn ask(address: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    #[test]
    fn the_page_may_talk_to_this_server_and_to_nobody_else() {
        let address = start(Setup::at_home(0));
        let host = format!("Host: {address}\r\n");
        for (path, word) in [
            ("/", "<title>narcissus</title>"),
            ("/camera.js", "getusermedia"),
            ("/texts/zh.json", "{"),
            ("/settings.json", r#"{"has_camera":false,"gesture":false}"#),
            ("/healthz", "ok"),
            ("/metrics", "narcissus_frames_total 0"),
        ] {
            let reply = ask(&address, path, &host).to_ascii_lowercase();
            assert!(reply.starts_with("http/1.1 200") && reply.contains(word), "{reply}");
            assert!(reply.contains("default-src 'none'") && !reply.contains("unsafe-inline"), "{reply}");
        }
        assert!(ask(&address, "/viewer.jpg", &host).starts_with("HTTP/1.1 204"));
    }

    #[test]
    fn other_sites_are_turned_away() {
        let address = start(Setup::at_home(0));
        for headers in ["Host: evil.example\r\n".into(), format!("Host: {address}\r\nOrigin: http://evil.example\r\n")]
        {
            for path in ["/", "/ws", "/viewer.jpg", "/healthz", "/nowhere"] {
                assert!(ask(&address, path, &headers).starts_with("HTTP/1.1 403"), "{path} {headers}");
            }
        }
        let upgrade = format!(
            "Host: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        assert!(ask(&address, "/ws", &upgrade).starts_with("HTTP/1.1 403"), "a page has an origin");
    }

    #[test]
    fn beyond_this_computer_a_certificate_and_a_good_token_are_needed() {
        let everywhere = Setup { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..Setup::at_home(0) };
        assert!(matches!(serve(everywhere.clone(), Nobody, |_| ()), Err(ServerError::Unprotected(_))));
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let abroad = |token: &str| Abroad {
            name: "localhost".into(),
            certificate: certificate.clone(),
            key: key.clone(),
            token: token.into(),
        };
        for weak in ["", "short", "with spaces and more", "0123456789abcdef;"] {
            let setup = Setup { abroad: Some(abroad(weak)), ..everywhere.clone() };
            assert!(matches!(serve(setup, Nobody, |_| ()), Err(ServerError::Token)), "{weak}");
        }
        let setup = Setup { abroad: Some(abroad("0123456789abcdef")), ..everywhere };
        assert!(matches!(serve(setup.clone(), Nobody, |_| ()), Err(ServerError::Certificate { .. })));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let address = start(setup);
        let port = address.rsplit(':').next().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let mut client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        // As browsers do.
        client.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        let client = Arc::new(client);
        let ask = |path: &str, header: &str| {
            let session = rustls::ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
            let socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
            let mut stream = rustls::StreamOwned::new(session, socket);
            let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}Connection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut reply = String::new();
            // The server may close without the farewell of TLS.
            let _ = stream.read_to_string(&mut reply);
            reply
        };
        for path in ["/", "/ws", "/healthz", "/?token=0123456789abcdeX"] {
            assert!(ask(path, "").starts_with("HTTP/1.1 403"), "{path}");
        }
        let opened = ask("/?token=0123456789abcdef", "");
        assert!(opened.starts_with("HTTP/1.1 303") && opened.contains("HttpOnly; Secure; SameSite=Strict"), "{opened}");
        assert!(ask("/", "Cookie: narcissus=0123456789abcdef\r\n").contains("<title>"));
        assert!(ask("/metrics", "Authorization: Bearer 0123456789abcdef\r\n").starts_with("HTTP/1.1 200"));
    }
}
