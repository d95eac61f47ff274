//! The sessions behind the page and the window.

use super::source::FrameInput;
use crate::watchdog::Watchdog;
use display::server::SessionFactory;
use frame::{Image, lock};
use mirror::engine::Mirror;
use mirror::live::{Desk, LiveSession, LiveSettings, Observer, Session};
use show::osc::{OscInput, OscOutput};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Opens live mirrors of one pack before one source of frames.
pub struct LiveSessions {
    /// The nets.
    pub mirror: Arc<Mirror>,
    /// How each mirror is set up.
    pub settings: LiveSettings,
    /// Where frames come from that the page does not bring.
    pub source: Arc<FrameInput>,
    /// Is told of every picture.
    pub watchdog: Arc<Watchdog>,
    /// What the people who run the mirror ask of it.
    pub desk: Arc<Desk>,
    /// How it talks to other programs.
    pub osc: Osc,
}

/// The mirror's OSC, both ways.
pub struct Osc {
    output: Option<Arc<OscOutput>>,
    input: Option<OscInput>,
    /// The sessions that are open, by their numbers. The first of them is the mirror that other programs hear of.
    sessions: Arc<Mutex<BTreeSet<u64>>>,
    opened: AtomicU64,
}

impl Osc {
    /// Every look goes to `output`; `input` sets the desk.
    pub fn new(output: Option<Arc<OscOutput>>, input: Option<OscInput>) -> Self {
        Self { output, input, sessions: Arc::default(), opened: AtomicU64::new(0) }
    }

    /// Tells other programs what a new session sees, as long as no older one is open.
    fn observer(&self) -> Option<Observer> {
        let output = self.output.clone()?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        lock(&self.sessions).insert(number);
        let open = OpenSession { number, sessions: self.sessions.clone() };
        Some(Arc::new(move |report| {
            if open.is_first() {
                output.send(report);
            }
        }))
    }

    /// What it did, as `/metrics` has it.
    fn metrics(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, count: &AtomicU64| {
            text += &format!("narcissus_osc_{name}_total {}\n", count.load(Ordering::Relaxed));
        };
        if let Some(output) = &self.output {
            line("sent", &output.counts().sent);
            line("failed", &output.counts().failed);
        }
        if let Some(input) = &self.input {
            line("taken", &input.counts().taken);
            line("refused", &input.counts().refused);
        }
        text
    }
}

/// A session that is open, until this is dropped.
struct OpenSession {
    number: u64,
    sessions: Arc<Mutex<BTreeSet<u64>>>,
}

impl OpenSession {
    fn is_first(&self) -> bool {
        lock(&self.sessions).first() == Some(&self.number)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        lock(&self.sessions).remove(&self.number);
    }
}

impl SessionFactory for LiveSessions {
    fn open(&self) -> Box<dyn Session> {
        let watchdog = self.watchdog.clone();
        let session = LiveSession::new(&self.mirror, self.settings);
        let session = session.with_heartbeat(Arc::new(move || watchdog.ping())).with_desk(self.desk.clone());
        let session = match self.osc.observer() {
            Some(observer) => session.with_observer(observer),
            None => session,
        };
        if self.source.stream.is_none() {
            return Box::new(session);
        }
        let source = self.source.clone();
        Box::new(session.with_feed(Arc::new(move || source.newest())))
    }

    fn desk(&self) -> Option<Arc<Desk>> {
        Some(self.desk.clone())
    }

    fn metrics(&self) -> String {
        self.osc.metrics()
    }

    fn osc_input(&self) -> Option<SocketAddr> {
        self.osc.input.as_ref().map(OscInput::address)
    }

    fn camera_frame(&self) -> Option<Arc<Image>> {
        self.source.newest()
    }
}
