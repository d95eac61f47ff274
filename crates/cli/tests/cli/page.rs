//! A page of the live mirror, without a browser.

use std::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// The page's socket.
pub struct Page {
    socket: WebSocket<TcpStream>,
    frames: u32,
}

impl Page {
    /// Opens the socket of the mirror at `host:port`.
    pub fn open(address: &str) -> Self {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("Origin", format!("http://{address}").parse().unwrap());
        let stream = TcpStream::connect(address).unwrap();
        Self { socket: tungstenite::client(request, stream).unwrap().0, frames: 0 }
    }

    /// Shows a JPEG of 640x480 pixels to the mirror.
    pub fn show(&mut self, jpeg: &[u8]) {
        let header = [
            &[b'M', b'F', mirror::live::protocol::VERSION, 0][..],
            &self.frames.to_le_bytes(),
            &640u16.to_le_bytes(),
            &480u16.to_le_bytes(),
            &[0; 4],
        ]
        .concat();
        self.frames += 1;
        self.socket.send(Message::binary([&header, jpeg].concat())).unwrap();
    }

    /// What the mirror says next: an answer is text (JSON), a picture is binary.
    pub fn read(&mut self) -> Message {
        self.socket.read().unwrap()
    }
}
