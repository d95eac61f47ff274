//! The live mirror as a process, and a page of it without a browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// A mirror that runs until this is dropped.
pub struct RunningMirror {
    pub process: Child,
    /// `host:port`.
    pub address: String,
}

impl RunningMirror {
    /// With these arguments, at any port that is free.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narcissus"));
        command.args(["mirror", "--port", "0"]).args(arguments);
        Self::of(command)
    }

    /// What a command starts.
    pub fn of(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("the mirror is at http://").unwrap().to_owned();
        Self { process, address }
    }

    /// The status and the body of the answer to a request without a body.
    pub fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for RunningMirror {
    fn drop(&mut self) {
        // It ends with the test, however that ends.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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

    /// Asks for controls.
    pub fn tell(&mut self, controls: &str) {
        self.socket.send(Message::text(controls)).unwrap();
    }

    /// What the mirror says next: an answer is text (JSON), a picture is binary.
    pub fn read(&mut self) -> Message {
        self.socket.read().unwrap()
    }
}
