//! A headless Chromium with a film in place of a camera, spoken to over its DevTools protocol.

use anyhow::{Context, ensure};
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
    /// Chromium's test patterns: cameras named fake_device_0 and fake_device_1.
    Patterns,
    Denied,
}

/// A page of a browser.
pub struct Page {
    /// The browser, where it belongs to the page.
    browser: Option<Browser>,
    socket: WebSocket<TcpStream>,
    session: String,
    next_id: u64,
    /// Addresses that the page asked for, and what it complained about.
    pub requests: Vec<String>,
    pub complaints: Vec<String>,
}

/// A browser's process; it ends when this is dropped.
struct Browser {
    process: Child,
    _profile: TempDir,
}

/// Workers wait until they are listened to.
fn auto_attach() -> Value {
    json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true})
}

impl Page {
    /// Opens an address.
    pub fn open(chromium: &Path, eye: &Eye, url: &str) -> Self {
        Self::open_with(chromium, eye, url, &[])
    }

    /// Likewise, with more switches of the browser.
    pub fn open_with(chromium: &Path, eye: &Eye, url: &str, switches: &[&str]) -> Self {
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
        command.args(switches);
        match eye {
            Eye::Film(film) => command
                .arg("--use-fake-ui-for-media-stream")
                .arg(format!("--use-file-for-fake-video-capture={}", film.display())),
            Eye::Patterns => {
                command.arg("--use-fake-ui-for-media-stream").arg("--use-fake-device-for-media-stream=device-count=2")
            }
            Eye::Denied => command.arg("--deny-permission-prompts"),
        };
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium starts");
        eventually("the browser opens its port", || port(profile.path()));
        let mut page = Self::connect(profile.path(), PATIENCE).unwrap();
        page.browser = Some(Browser { process, _profile: profile });
        let target = page.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        page.attach(&target).unwrap();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.go(url);
        page
    }

    /// The first page of the browser that runs with this profile; `patience` is how long each answer may take.
    pub fn of_profile(profile: &Path, patience: Duration) -> anyhow::Result<Self> {
        let mut page = Self::connect(profile, patience)?;
        let targets = page.ask("Target.getTargets", json!({}))?["targetInfos"].clone();
        let target = targets.as_array().into_iter().flatten().find(|target| target["type"] == "page");
        page.attach(&target.context("the browser has no page")?["targetId"])?;
        Ok(page)
    }

    fn connect(profile: &Path, patience: Duration) -> anyhow::Result<Self> {
        let (port, path) = port(profile).context("the browser has no port")?;
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(patience))?;
        let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream)?;
        let (requests, complaints, session) = (Vec::new(), Vec::new(), String::new());
        Ok(Self { browser: None, socket, session, next_id: 0, requests, complaints })
    }

    fn attach(&mut self, target: &Value) -> anyhow::Result<()> {
        let attached = self.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}))?;
        self.session = attached["sessionId"].as_str().context("no session")?.to_owned();
        Ok(())
    }

    /// From now on `requests` has those of the page's workers, too.
    pub fn listen_to_workers(&mut self) {
        let session = self.session.clone();
        self.tell(&session, "Target.setAutoAttach", auto_attach());
    }

    /// A command whose answer nobody waits for.
    fn tell(&mut self, session: &str, method: &str, parameters: Value) {
        self.next_id += 1;
        let message = json!({"id": self.next_id, "sessionId": session, "method": method, "params": parameters});
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// Goes to another address.
    pub fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The number of the browser's process.
    pub fn process(&self) -> u32 {
        self.browser.as_ref().expect("a page with a browser of its own").process.id()
    }

    /// A command of the protocol, which must succeed.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.ask(method, parameters).unwrap()
    }

    /// A command of the protocol.
    pub fn ask(&mut self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string()))?;
        loop {
            let Message::Text(text) = self.socket.read().context("the browser does not answer")? else { continue };
            let answer: Value = serde_json::from_str(&text)?;
            if answer["id"] == id {
                ensure!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return Ok(answer["result"].clone());
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
            Some("Target.attachedToTarget") => {
                let worker = parameters["sessionId"].as_str().unwrap_or_default().to_owned();
                self.tell(&worker, "Network.enable", json!({}));
                self.tell(&worker, "Target.setAutoAttach", auto_attach());
                self.tell(&worker, "Runtime.runIfWaitingForDebugger", json!({}));
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

    /// The value of an expression, which must have one; a promise is awaited.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        self.evaluate(expression).unwrap()
    }

    /// The value of an expression; a promise is awaited.
    pub fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", parameters)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        Ok(answer["result"]["value"].clone())
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

    /// Opens another tab before this one; gives back its name.
    pub fn open_tab(&mut self) -> String {
        self.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].as_str().unwrap().to_owned()
    }

    /// Closes a tab.
    pub fn close_tab(&mut self, tab: &str) {
        self.call("Target.closeTarget", json!({ "targetId": tab }));
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

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already, then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port and the path at which the browser that runs with this profile hears commands, once it does.
fn port(profile: &Path) -> Option<(u16, String)> {
    let text = std::fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
    let (port, path) = text.trim().split_once('\n')?;
    Some((port.parse().ok()?, path.to_owned()))
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
