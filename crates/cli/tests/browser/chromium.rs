//! A headless Chromium with a film in place of a camera, spoken to over its DevTools protocol.

use serde_json::{Value, json};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// As long as anything may take on a busy computer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Chromium is; `None`, and a line that says so, where it is not installed.
pub fn installed() -> Option<PathBuf> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(host::find_program);
    if found.is_none() {
        eprintln!("skipped: chromium is not in PATH");
    }
    found
}

/// Before what the browser's camera looks, and whether the page may use it.
pub enum Eye<'a> {
    Film(&'a Path),
    Denied,
}

/// A browser with one page.
pub struct Page {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    next_id: u64,
    /// Addresses that the page asked for, and what it complained about.
    pub requests: Vec<String>,
    pub complaints: Vec<String>,
    _profile: TempDir,
}

impl Page {
    /// Opens an address.
    pub fn open(chromium: &Path, eye: &Eye, url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(chromium);
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
            "--window-size=1440,1000",
            "--use-fake-device-for-media-stream",
            // Tests ask for the mirror by a name that is not its own.
            "--host-resolver-rules=MAP evil.example 127.0.0.1",
        ]);
        match eye {
            Eye::Film(film) => command
                .arg("--use-fake-ui-for-media-stream")
                .arg(format!("--use-file-for-fake-video-capture={}", film.display())),
            Eye::Denied => command.arg("--deny-permission-prompts"),
        };
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium starts");
        let port_file = profile.path().join("DevToolsActivePort");
        let (port, path) = eventually("the browser opens its port", || {
            let text = std::fs::read_to_string(&port_file).ok()?;
            let (port, path) = text.trim().split_once('\n')?;
            Some((port.parse::<u16>().ok()?, path.to_owned()))
        });
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream).unwrap();
        let (requests, complaints) = (Vec::new(), Vec::new());
        let session = String::new();
        let mut page = Self { process, socket, session, next_id: 0, requests, complaints, _profile: profile };
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = page.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        page.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.go(url);
        page
    }

    /// Goes to another address.
    pub fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The number of the browser's process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// A command of the protocol.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().expect("the browser answers") else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.take_note(&answer);
        }
    }

    fn take_note(&mut self, event: &Value) {
        let parameters = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.push(parameters["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            Some("Network.webSocketCreated") => {
                self.requests.push(parameters["url"].as_str().unwrap_or_default().to_owned());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                self.complaints.push(parameters["entry"].to_string());
            }
            _ => {}
        }
    }

    /// The value of an expression; a promise is awaited.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true; gives back for how long.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) -> Duration {
        let began = Instant::now();
        while self.value(&format!("Boolean({expression})")) != true {
            assert!(
                began.elapsed() < PATIENCE,
                "it never came to: {expression}\nreport: {}\nnotice: {}\ncomplaints: {:?}",
                self.value("JSON.stringify(globalThis.narcissus?.report ?? null)?.slice(0, 600)"),
                self.value("document.getElementById('notice')?.textContent"),
                self.complaints
            );
            std::thread::sleep(Duration::from_millis(25));
        }
        began.elapsed()
    }

    /// Waits until the page is up, and begins as a visitor does.
    #[track_caller]
    pub fn begin(&mut self) {
        self.wait("globalThis.narcissus");
        self.value("document.getElementById('begin').click()");
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        let text = if key == "Enter" {
            "\r"
        } else if key.len() == 1 {
            key
        } else {
            ""
        };
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            _ => 0,
        };
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code}),
        );
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// A number that tells reflections apart: all that is drawn, added up.
    pub fn drawn(&mut self) -> f64 {
        let sum = "[...document.querySelectorAll('#views canvas')].flatMap(c => [...c.getContext('2d')\
                   .getImageData(0, 0, c.width, c.height).data]).reduce((s, v, i) => s + v * (1 + i % 7), 0)";
        self.value(sum).as_f64().unwrap()
    }
}

impl Page {
    /// What is on the screen, as a PNG file.
    pub fn picture(&mut self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", json!({}));
        let text = answer["data"].as_str().unwrap();
        data_encoding::BASE64.decode(text.as_bytes()).unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended already, then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "it never came to it that {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}
