//! The mirror as a page in a browser: its camera's frames come in over a WebSocket, reflections go back.
//!
//! The server listens on loopback unless it is given a certificate and a token, answers its own page only ([`guard`]) and stores nothing. The
//! messages are those of [`mirror::live::protocol`]. One [`Pipeline`] serves all pages in turn; [`page`] says what it does with a page's
//! frames.

mod archive;
mod connection;
mod desk;
pub(crate) mod files;
mod guard;
mod metrics;
mod outbox;
mod page;
mod routes;
mod setup;
mod site;
mod socket;
mod staff;
mod tls;
mod view;

pub use files::{COLOURS, LANGUAGES, text_keys};
pub use setup::{RemoteAccess, ServerError, Setup};
pub use site::SessionFactory;
pub use staff::{StaffSetup, Trouble};
pub use tls::{Certificate, TlsError};

use guard::Guard;
use mirror::live::{Pipeline, Policy};
use routes::Door;
use site::Site;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;

/// Letters of the shortest token: with 64 letters to choose from, 96 bits.
const MIN_TOKEN_LENGTH: usize = 16;

/// Where the pages are.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The mirror's.
    pub page: String,
    /// The staff's, if they have one.
    pub staff: Option<String>,
    /// Where a browser of this computer finds the mirror's page.
    pub kiosk: String,
}

/// Why a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The process was interrupted.
    Interrupted,
    /// The staff wants it to start again.
    Restart,
}

/// Serves the mirror until the process is interrupted, or is to start again. `ready` hears the addresses of the pages.
///
/// # Errors
/// If the address cannot be had, or may be reached by others and is not protected, or the server breaks off.
pub fn serve(
    setup: Setup,
    sessions: impl SessionFactory,
    ready: impl FnOnce(&Addresses),
) -> Result<Ended, ServerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("server")
        .enable_all()
        .build()
        .map_err(ServerError::Broken)?;
    runtime.block_on(async {
        tokio::select! {
            ended = listen(setup, Arc::new(sessions), ready) => ended,
            () = interrupted() => Ok(Ended::Interrupted),
            () = terminated() => Ok(Ended::Interrupted),
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

/// A console whose window is closed, a computer that is shut down, and Ctrl-Break end it too. Otherwise nothing would end the browser.
#[cfg(windows)]
async fn terminated() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_shutdown};
    let (Ok(mut broken), Ok(mut closed), Ok(mut shut_down)) = (ctrl_break(), ctrl_close(), ctrl_shutdown()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = broken.recv() => (),
        _ = closed.recv() => (),
        _ = shut_down.recv() => (),
    }
}

async fn listen(
    setup: Setup,
    sessions: Arc<dyn SessionFactory>,
    ready: impl FnOnce(&Addresses),
) -> Result<Ended, ServerError> {
    let Setup { listen, remote, kiosk, settings, staff } = setup;
    check_protection(listen, remote.as_ref().map(|remote| remote.token.as_str()))?;

    // The addresses are taken before anything is started.
    let (listener, address) = bind(listen).await?;

    // The kiosk's browser knows no token, and its new profile vouches for no certificate: it has a door of its own, on loopback.
    let kiosk = match kiosk && remote.is_some() {
        true => Some(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?),
        false => None,
    };
    let kiosk = kiosk.map(|(listener, address)| (listener, Arc::new(Door::new(Guard::local(address)))));

    let (guard, certificate) = match remote {
        None => (Guard::local(address), None),
        Some(RemoteAccess { name, certificate, key, token }) => {
            let loaded = Certificate::read(&certificate, &key).map_err(|why| why.to_string());
            let loaded = loaded.and_then(|loaded| loaded.config().map_err(|why| why.to_string()));
            let loaded = loaded.map_err(|why| ServerError::Certificate { certificate, key, why })?;
            (Guard::remote(&name, address.port(), token), Some(TlsAcceptor::from(Arc::new(loaded))))
        }
    };
    let staff = match staff {
        None => None,
        Some(StaffSetup { listen, name, token, certificate }) => {
            check_protection(listen, Some(&token))?;
            let config = certificate.config().map_err(|why| ServerError::StaffCertificate(why.to_string()))?;
            let (listener, address) = bind(listen).await?;
            let door = Arc::new(Door::new(Guard::staff(&name, address.port(), token)));
            Some((listener, TlsAcceptor::from(Arc::new(config)), door))
        }
    };

    let door = Arc::new(Door::new(guard));
    let addresses = Addresses {
        page: door.url(),
        staff: staff.as_ref().map(|(.., door)| door.url()),
        kiosk: kiosk.as_ref().map_or_else(|| door.url(), |(_, door)| door.url()),
    };
    let site = Arc::new(Site {
        sessions,
        pipeline: Pipeline::start(Policy::Newest).map_err(ServerError::Broken)?,
        metrics: Arc::default(),
        views: Arc::new(Semaphore::new(view::MAX_VIEWS)),
        pages: AtomicUsize::new(0),
        is_full: AtomicBool::new(false),
        settings,
        opened: Instant::now(),
        restart: Notify::new(),
    });
    let house = view::look_for_views(site.clone());
    let router = routes::router(site.clone(), door);
    let for_staff = async {
        match staff {
            Some((listener, certificate, door)) => {
                connection::accept_all(&listener, Some(certificate), &staff::router(site.clone(), door)).await;
            }
            None => std::future::pending().await,
        }
    };
    let for_kiosk = async {
        match kiosk {
            Some((listener, door)) => {
                connection::accept_all(&listener, None, &routes::router(site.clone(), door)).await;
            }
            None => std::future::pending().await,
        }
    };
    tracing::info!(url = addresses.page, "the mirror is open");
    ready(&addresses);
    tokio::select! {
        () = connection::accept_all(&listener, certificate, &router) => (),
        () = for_staff => (),
        () = for_kiosk => (),
        () = house => (),
        () = site.restart.notified() => return Ok(Ended::Restart),
    }
    Ok(Ended::Interrupted)
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let port = |source| ServerError::Port { port: listen.port(), source };
    let listener = TcpListener::bind(listen).await.map_err(port)?;
    let address = listener.local_addr().map_err(ServerError::Broken)?;
    Ok((listener, address))
}

/// Whether an address that others can reach is protected well enough, by a token.
fn check_protection(listen: SocketAddr, token: Option<&str>) -> Result<(), ServerError> {
    if !listen.ip().is_loopback() && token.is_none() {
        return Err(ServerError::Unprotected(listen));
    }
    let in_url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if token.is_some_and(|token| token.len() < MIN_TOKEN_LENGTH || !token.chars().all(in_url)) {
        return Err(ServerError::Token);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::connection::tests::{empty_frame, page, words};
    use super::*;
    use frame::Image;
    use mirror::engine::MirrorError;
    use mirror::live::protocol::{Controls, FrameReport};
    use mirror::live::{Analysed, Session};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::path::Path;
    use tungstenite::Message;

    struct Nobody;

    impl SessionFactory for Nobody {
        fn open(&self) -> Box<dyn Session> {
            Box::new(Self)
        }

        fn camera_frame(&self) -> Option<Arc<Image>> {
            Some(Arc::new(Image::flat(8, 8, [90; 3])))
        }
    }

    impl Session for Nobody {
        fn analyse(&mut self, _: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError> {
            let controls = controls.clone();
            Ok(Analysed { report: FrameReport::default(), controls, draw: Box::new(Vec::new) })
        }

        fn forget(&mut self) {}
    }

    /// The server lives until the tests end; gives back `host:port`.
    pub(super) fn start(setup: Setup) -> String {
        let (tell, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || serve(setup, Nobody, |addresses| tell.send(addresses.page.clone()).unwrap()));
        let url: String = hear.recv().unwrap();
        url.split_once("://").unwrap().1.to_owned()
    }

    pub(super) fn ask(address: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8_lossy(&reply).into_owned()
    }

    #[test]
    fn the_page_may_talk_to_this_server_and_to_nobody_else() {
        let address = start(Setup::local(0));
        let host = format!("Host: {address}\r\n");
        for (path, word) in [
            ("/", "<title>narcissus</title>"),
            ("/camera.js", "getusermedia"),
            ("/texts/zh.json", "{"),
            ("/policy", "policy.js"),
            (
                "/settings.json",
                r#""has_camera":false,"camera":"","gesture":false,"rotate":0,"mirror":true,"module":null,"house":{"measures":{"#,
            ),
            ("/healthz", "ok"),
            ("/metrics", "narcissus_frames_total 0"),
        ] {
            let reply = ask(&address, path, &host).to_ascii_lowercase();
            assert!(reply.starts_with("http/1.1 200") && reply.contains(word), "{reply}");
            assert!(reply.contains("default-src 'none'") && !reply.contains("unsafe-inline"), "{reply}");
        }
    }

    #[test]
    fn what_the_server_s_own_camera_sees_is_shown_while_somebody_has_agreed() {
        let address = start(Setup::local(0));
        let camera = || ask(&address, "/camera.jpg", &format!("Host: {address}\r\n"))[9..12].to_owned();
        assert_eq!(camera(), "204");
        let mut page = page(&address);
        for (seq, waiting, answer) in [(1, true, "204"), (2, false, "200")] {
            let controls = Controls { waiting, ..Controls::default() };
            page.send(Message::Text(serde_json::to_string(&controls).unwrap().into())).unwrap();
            page.send(empty_frame(seq)).unwrap();
            assert!(words(&mut page).contains("analysed"));
            assert_eq!(camera(), answer);
        }
    }

    #[test]
    fn a_kiosk_needs_no_token_where_others_do() {
        let dir = tempfile::tempdir().unwrap();
        let (remote, _) = remote(dir.path(), "0123456789abcdef");
        let listen = SocketAddr::from(([0, 0, 0, 0], 0));
        let of = |setup: Setup| {
            let (tell, hear) = std::sync::mpsc::channel();
            std::thread::spawn(move || serve(setup, Nobody, |addresses| tell.send(addresses.clone()).unwrap()));
            hear.recv().unwrap()
        };
        let addresses: Addresses = of(Setup { listen, remote: Some(remote), kiosk: true, ..Setup::local(0) });
        assert!(addresses.page.starts_with("https://localhost:"), "{addresses:?}");
        let address = addresses.kiosk.strip_prefix("http://").unwrap();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        assert!(ask(address, "/", &format!("Host: {address}\r\n")).contains("<title>Narcissus</title>"));
        assert!(ask(address, "/", "Host: evil.example\r\n").starts_with("HTTP/1.1 403"));
        let alone = of(Setup { kiosk: true, ..Setup::local(0) });
        assert_eq!(alone.kiosk, alone.page);
    }

    #[test]
    fn other_sites_are_turned_away() {
        let address = start(Setup::local(0));
        for headers in ["Host: evil.example\r\n".into(), format!("Host: {address}\r\nOrigin: http://evil.example\r\n")]
        {
            for path in ["/", "/ws", "/camera.jpg", "/healthz", "/nowhere"] {
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
        let everywhere = Setup { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..Setup::local(0) };
        assert!(matches!(serve(everywhere.clone(), Nobody, |_| ()), Err(ServerError::Unprotected(_))));
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let remote = |token: &str| RemoteAccess {
            name: "localhost".into(),
            certificate: certificate.clone(),
            key: key.clone(),
            token: token.into(),
        };
        for weak in ["", "short", "with spaces and more", "0123456789abcdef;"] {
            let setup = Setup { remote: Some(remote(weak)), ..everywhere.clone() };
            assert!(matches!(serve(setup, Nobody, |_| ()), Err(ServerError::Token)), "{weak}");
        }
        let setup = Setup { remote: Some(remote("0123456789abcdef")), ..everywhere };
        assert!(matches!(serve(setup, Nobody, |_| ()), Err(ServerError::Certificate { .. })));
    }

    /// How others reach a server with a certificate of its own for `localhost`, which lies in `folder`, and whom they trust.
    fn remote(folder: &Path, token: &str) -> (RemoteAccess, rustls::RootCertStore) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        (RemoteAccess { name: "localhost".into(), certificate, key, token: token.into() }, roots)
    }

    /// A server that others reach so: its `host:port`, and whom its clients trust.
    pub(super) fn start_tls(token: &str) -> (String, rustls::RootCertStore) {
        let dir = tempfile::tempdir().unwrap();
        let (remote, roots) = remote(dir.path(), token);
        let listen = SocketAddr::from(([0, 0, 0, 0], 0));
        (start(Setup { listen, remote: Some(remote), ..Setup::local(0) }), roots)
    }

    /// The reply of a server that speaks TLS to a request.
    fn ask_tls(address: &str, roots: &rustls::RootCertStore, request: &str, header: &str) -> String {
        let port = address.rsplit(':').next().unwrap();
        let mut client = rustls::ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
        // As browsers do.
        client.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        let session = rustls::ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        let request = format!("{request} HTTP/1.1\r\nHost: {address}\r\n{header}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        // The server may close without the farewell of TLS.
        let _ = stream.read_to_string(&mut reply);
        reply
    }

    #[test]
    fn who_knows_the_token_may_look_from_another_computer() {
        let (address, roots) = start_tls("0123456789abcdef");
        let ask = |path: &str, header: &str| ask_tls(&address, &roots, &format!("GET {path}"), header);
        for path in ["/", "/ws", "/healthz", "/?token=0123456789abcdeX"] {
            assert!(ask(path, "").starts_with("HTTP/1.1 403"), "{path}");
        }
        let opened = ask("/?token=0123456789abcdef", "");
        assert!(opened.starts_with("HTTP/1.1 303") && opened.contains("HttpOnly; Secure; SameSite=Strict"), "{opened}");
        assert!(ask("/", "Cookie: narcissus=0123456789abcdef\r\n").contains("<title>"));
        assert!(ask("/metrics", "Authorization: Bearer 0123456789abcdef\r\n").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn the_staff_sees_how_the_mirror_does_and_starts_it_again_and_nobody_else_does() {
        let certificate = Certificate::self_signed("localhost").unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(certificate.chain.as_bytes()).unwrap()).unwrap();
        let fingerprint = certificate.fingerprint().unwrap();
        assert_eq!((fingerprint.len(), fingerprint.matches(':').count()), (95, 31));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let (name, token) = ("localhost".to_owned(), "staff-0123456789".to_owned());
        let staff = StaffSetup { listen, name, token, certificate };
        let setup = Setup { staff: Some(staff.clone()), ..Setup::local(0) };
        let (tell, hear) = std::sync::mpsc::channel();
        let server =
            std::thread::spawn(move || serve(setup, Nobody, |addresses| tell.send(addresses.clone()).unwrap()));
        let addresses: Addresses = hear.recv().unwrap();
        let address = addresses.staff.unwrap().strip_prefix("https://").unwrap().to_owned();
        let ask = |request: &str, header: &str| ask_tls(&address, &roots, request, header);

        for request in ["GET /", "GET /status.json", "POST /restart", "GET /?token=staff-012345678X"] {
            assert!(ask(request, "").starts_with("HTTP/1.1 403"), "{request}");
        }
        let opened = ask("GET /?token=staff-0123456789", "");
        assert!(opened.contains("narcissus-staff=staff-0123456789; Path=/; HttpOnly; Secure"), "{opened}");
        let knows = "Cookie: narcissus-staff=staff-0123456789\r\n";
        assert!(ask("GET /", knows).contains("staff.js"));
        let status = ask("GET /status.json", knows);
        assert!(status.contains("\"state\":\"unseen\"") && status.contains("\"troubles\":[]"), "{status}");
        // No picture, no page of the mirror.
        for path in ["/camera.jpg", "/view.mjpeg", "/ws", "/mirror.js"] {
            assert!(ask(&format!("GET {path}"), knows).starts_with("HTTP/1.1 404"), "{path}");
        }
        assert!(ask("POST /restart", knows).starts_with("HTTP/1.1 202"));
        assert_eq!(server.join().unwrap().unwrap(), Ended::Restart);

        let weak = Setup { staff: Some(StaffSetup { token: "short".into(), ..staff.clone() }), ..Setup::local(0) };
        assert!(matches!(serve(weak, Nobody, |_| ()), Err(ServerError::Token)));
        let none = Certificate { chain: "none".into(), key: "none".into() };
        let wrong = Setup { staff: Some(StaffSetup { certificate: none, ..staff }), ..Setup::local(0) };
        assert!(matches!(serve(wrong, Nobody, |_| ()), Err(ServerError::StaffCertificate(_))));
    }
}
