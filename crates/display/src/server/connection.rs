//! Accepts connections and bounds each: one that sends half a request, or never reads its answers, is closed after a few seconds.

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take, a request's head, the wait for the next request, and a write that makes no headway.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A connection serves files for so long; a page's WebSocket and a [`Stream`] are not bound by it. Browsers open another when they need one.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long the other side may take to read the last answer, once we have nothing more to say.
const LINGER: Duration = Duration::from_secs(2);
/// Between two tries when the system has no connection to give.
const RETRY: Duration = Duration::from_millis(50);
/// Connections at a time, far fewer than the files that a process may open.
const MAX_CONNECTIONS: usize = 256;
/// Longest head of a request. An address of more than 64 KiB is refused as too long before that.
const MAX_HEAD_BYTES: usize = 128 << 10;

/// Accepts and serves connections, over TLS where there is a certificate. Never ends.
pub(super) async fn accept_all(listener: &TcpListener, certificate: Option<TlsAcceptor>, router: &Router) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(RETRY).await;
                continue;
            }
        };
        // All places taken: it is closed at once.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };

        let stream = Connection::new(stream, place);
        let (certificate, router) = (certificate.clone(), router.clone());
        tokio::spawn(async move {
            match certificate {
                None => serve(stream, router).await,
                Some(certificate) => {
                    if let Ok(Ok(stream)) = timeout(PATIENCE, certificate.accept(stream)).await {
                        serve(stream, router).await;
                    }
                }
            }
        });
    }
}

/// Answers the requests of one connection, until it becomes a WebSocket or ends. What goes wrong with it is the other side's affair.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let stream_of_pictures = Stream::default();
    let router = router.layer(Extension(stream_of_pictures.clone()));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades()
    );
    if timeout(LIFETIME, connection.as_mut()).await.is_err() {
        if stream_of_pictures.has_begun() {
            drop(connection.await);
            return;
        }
        connection.as_mut().graceful_shutdown();
        drop(timeout(PATIENCE, connection).await);
    }
}

/// Whether a connection's answer is a stream that goes on for as long as it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream(Arc<AtomicBool>);

impl Stream {
    /// It is.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A TCP connection on which a write must make headway, and which lets the other side read the last answer before it closes.
struct Connection {
    /// `None` only while it is dropped.
    stream: Option<TcpStream>,
    /// Since a write waits: when it fails.
    deadline: Option<Pin<Box<Sleep>>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        // Words and picture of an answer are two messages: with Nagle's algorithm the second would wait 40 ms for the page's system to
        // acknowledge the first. A connection that refuses this is slower.
        let _ = stream.set_nodelay(true);
        Self { stream: Some(stream), deadline: None, place: Some(place) }
    }

    /// Does something with the stream; an error if it has not become ready for too long.
    fn within_patience<T>(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let done = self.polled(|stream| act(stream, cx));
        if done.is_ready() {
            self.deadline = None;
            return done;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        deadline.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()))
    }

    fn polled<T>(&mut self, act: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.polled(|stream| stream.poll_read(cx, into))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.within_patience(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.within_patience(cx, |stream, cx| stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled(|stream| stream.poll_shutdown(cx))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without a runtime the process is ending.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (Some(stream), place) = (self.stream.take(), self.place.take()) else { return };
        runtime.spawn(async move {
            drop(timeout(LINGER, linger(stream)).await);
            drop(place);
        });
    }
}

/// Ends our direction and reads on until the other side ends its own. A connection that is closed with bytes unread is reset, and the
/// other side may then lose the answer that says why.
async fn linger(mut stream: TcpStream) {
    let mut unread = [0; 4096];
    if stream.shutdown().await.is_ok() {
        while matches!(stream.read(&mut unread).await, Ok(n) if n > 0) {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::server::Setup;
    use crate::server::tests::{ask, start, start_tls};
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    use tungstenite::client::IntoClientRequest;
    use tungstenite::protocol::frame::coding::CloseCode;
    use tungstenite::{Message, WebSocket};

    /// What must come comes within this on the busiest of computers; otherwise the test fails.
    const TEST_PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

    fn open(address: &str, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TEST_PATIENCE)).unwrap();
        stream.set_write_timeout(Some(TEST_PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }

    pub fn page(address: &str) -> WebSocket<TcpStream> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("Origin", format!("http://{address}").parse().unwrap());
        tungstenite::client(request, open(address, b"")).unwrap().0
    }

    /// Reads until the other side closes: what it said. A reset is a way to close.
    fn read_to_end(stream: &mut TcpStream) -> String {
        let mut said = Vec::new();
        if let Err(error) = stream.read_to_end(&mut said) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it is not closed");
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// A frame without a picture.
    pub fn empty_frame(seq: u8) -> Message {
        Message::binary([b'M', b'F', mirror::live::protocol::VERSION, 0, seq, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec())
    }

    /// The next words of the server; its questions whether we live are answered on the way.
    pub fn words(page: &mut WebSocket<TcpStream>) -> String {
        loop {
            if let Message::Text(text) = page.read().expect("the page is still served") {
                return text.as_str().to_owned();
            }
        }
    }

    #[test]
    fn half_sent_requests_are_closed_and_meanwhile_the_page_is_served() {
        let address = start(Setup::local(0));
        let head = format!("GET / HTTP/1.1\r\nHost: {address}\r\n");
        let upgrade =
            format!("GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-We");
        let h2 = "PRI * HTTP/2.0\r\n\r\n";
        let half: Vec<&str> = ["", "G", &head, &upgrade, h2].into_iter().cycle().take(200).collect();
        let mut half: Vec<TcpStream> = half.iter().map(|bytes| open(&address, bytes.as_bytes())).collect();
        assert!(ask(&address, "/healthz", &format!("Host: {address}\r\n")).starts_with("HTTP/1.1 200"));
        for stream in &mut half {
            read_to_end(stream);
        }
    }

    #[test]
    fn a_head_that_comes_a_byte_at_a_time_is_closed() {
        let address = start(Setup::local(0));
        let mut stream = open(&address, b"GET / HTTP/1.1\r\nX: ");
        let began = std::time::Instant::now();
        while stream.write_all(b"x").is_ok() {
            assert!(began.elapsed() < TEST_PATIENCE, "it is not closed");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    #[test]
    fn a_connection_that_asks_for_nothing_more_is_closed() {
        let address = start(Setup::local(0));
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
        assert!(read_to_end(&mut open(&address, request.as_bytes())).ends_with("\r\n\r\nok\n"));
    }

    #[test]
    fn a_tls_handshake_that_does_not_end_is_closed() {
        let (address, _) = start_tls("0123456789abcdef");
        let port = address.rsplit(':').next().unwrap();
        // The beginning of a client's greeting.
        let mut half = [&b""[..], &[22, 3, 1, 2, 0, 1]].map(|bytes| open(&format!("127.0.0.1:{port}"), bytes));
        half.iter_mut().for_each(|stream| drop(read_to_end(stream)));
    }

    #[test]
    fn who_never_reads_the_answers_is_closed() {
        let address = start(Setup::local(0));
        let mut stream = open(&address, b"");
        let request = format!("GET /mirror.js HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(100);
        while let Ok(()) = stream.write_all(request.as_bytes()) {}

        let mut page = page(&address);
        page.get_mut().set_read_timeout(Some(TEST_PATIENCE)).unwrap();
        loop {
            match page.send(empty_frame(1)) {
                Ok(()) => {}
                Err(tungstenite::Error::Io(error)) => {
                    assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "it is not closed");
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn what_is_too_long_is_refused_in_words_before_it_is_closed() {
        let address = start(Setup::local(0));
        let host = format!("Host: {address}\r\n");
        let long = |n: usize| "x".repeat(n);
        for (request, status) in [
            (format!("GET /{} HTTP/1.1\r\n{host}\r\n", long(70_000)), "414"),
            (format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", long(200_000)), "431"),
            (format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(200)), "431"),
            (format!("GET / HTTP/1.1\r\n{host}Content-Length: 999999\r\n\r\n{}", long(999_999)), "413"),
            (format!("POST / HTTP/1.1\r\n{host}Content-Length: 999999\r\n\r\n{}", long(5)), "413"),
            (format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"), "413"),
            (format!("POST / HTTP/1.1\r\n{host}\r\n"), "405"),
        ] {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.set_read_timeout(Some(TEST_PATIENCE)).unwrap();
            // The server may have heard enough before the end.
            let _ = stream.write_all(request.as_bytes());
            let said = read_to_end(&mut stream);
            assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{status} was expected: {said}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_with_its_code_and_a_reason() {
        let address = start(Setup::local(0));
        for (message, code, word) in [
            (Message::binary(vec![0; 3 << 20]), CloseCode::Size, "1048576 bytes"),
            (Message::text("x".repeat(3 << 20)), CloseCode::Size, "1048576 bytes"),
        ] {
            let mut page = page(&address);
            let _ = page.send(message);
            match page.read() {
                Ok(Message::Close(Some(frame))) => {
                    assert_eq!(frame.code, code);
                    assert!(frame.reason.contains(word), "{}", frame.reason);
                }
                other => panic!("a close frame was expected, this came: {other:?}"),
            }
        }
    }

    #[test]
    fn a_message_of_which_the_rest_never_comes_is_closed_and_a_page_that_only_waits_is_not() {
        let address = start(Setup::local(0));
        let mut idle = page(&address);
        let idle = std::thread::spawn(move || {
            // Longer than any bound: it reads, so that it answers the server's questions, and says nothing itself.
            idle.get_mut().set_read_timeout(Some(4 * super::PATIENCE)).unwrap();
            let until = std::time::Instant::now() + 4 * super::PATIENCE;
            while std::time::Instant::now() < until {
                match idle.read() {
                    Ok(message) => assert!(message.is_ping(), "{message}"),
                    Err(error) => panic!("it was thrown out: {error}"),
                }
            }
            idle.send(empty_frame(7)).unwrap();
            words(&mut idle)
        });

        // Half a message: a masked binary one of 200 bytes, of which ten come.
        let mut page = page(&address);
        page.get_mut().write_all(&[0x82, 0xfe, 0, 200, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        read_to_end(page.get_mut());

        let answered = idle.join().unwrap();
        assert!(answered.contains("\"seq\":7"), "{answered}");
    }
}
