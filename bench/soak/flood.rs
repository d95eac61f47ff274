//! Floods the mirror with pages and half-sent requests.

use anyhow::Context;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// Pages, of which the mirror serves eight, and requests of which only the beginning comes.
const PAGES: usize = 24;
const HALF: usize = 200;

/// For so long each page sends the film's first frame as fast as it is answered; one that is turned away comes again.
pub fn pages(port: u16, film: &Path, long: Duration) -> anyhow::Result<()> {
    let film = std::fs::read(film)?;
    let end = film.windows(2).position(|two| two == [0xff, 0xd9]).context("the film has no frame")? + 2;
    let header = [b'M', b'F', mirror::live::protocol::VERSION, 0, 1, 0, 0, 0, 128, 2, 224, 1, 0, 0, 0, 0];
    let frame = [&header, &film[..end]].concat();
    let until = Instant::now() + long;
    std::thread::scope(|scope| {
        scope.spawn(|| half_requests(port, HALF, long));
        for _ in 0..PAGES {
            scope.spawn(|| {
                while Instant::now() < until {
                    // Turned away, or thrown out: that is what is tried.
                    let _ = page(port).and_then(|page| talk(page, &frame, until));
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
        }
    });
    Ok(())
}

/// Pages that come and go, one after the other: each is worth two lines of the log.
pub fn visits(port: u16, count: usize) {
    // One that is turned away is worth a line too.
    (0..count).for_each(|_| drop(page(port)));
}

/// Connections that send half a request, open for so long.
pub fn half_requests(port: u16, count: usize, long: Duration) {
    let open = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.write_all(format!("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgra").as_bytes()).ok()?;
        Some(stream)
    };
    let streams: Vec<Option<TcpStream>> = (0..count).map(open).collect();
    std::thread::sleep(long);
    drop(streams);
}

fn page(port: u16) -> anyhow::Result<WebSocket<TcpStream>> {
    let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request()?;
    request.headers_mut().insert("Origin", format!("http://127.0.0.1:{port}").parse()?);
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(tungstenite::client(request, stream)?.0)
}

fn talk(mut page: WebSocket<TcpStream>, frame: &[u8], until: Instant) -> anyhow::Result<()> {
    while Instant::now() < until {
        page.send(Message::binary(frame.to_vec()))?;
        page.read()?;
    }
    Ok(())
}
