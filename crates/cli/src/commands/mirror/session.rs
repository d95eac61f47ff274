//! The sessions behind the page and the window.

use super::source::FrameInput;
use crate::journal::Troubles;
use crate::watchdog::Watchdog;
use display::server::{SessionFactory, Trouble};
use display::{Explorers, Pictures};
use frame::Image;
use mirror::engine::{Mirror, MirrorError};
use mirror::live::protocol::Controls;
use mirror::live::{Analysed, Desk, LiveSession, LiveSettings, OpenSession, OpenSessions, Session, SharedMirror};
use show::midi::Midi;
use show::osc::{OscInput, OscOutput};
use show::scenes::{Director, ScenesReport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Opens live mirrors of one pack before one source of frames.
pub struct LiveSessions {
    /// The nets.
    pub mirror: Arc<SharedMirror>,
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
    /// The sessions that are open.
    pub open: Arc<OpenSessions>,
    /// What the first of them draws.
    pub pictures: Arc<Pictures>,
    /// Who hears where the viewers of the first stand in the archive, where that is told.
    pub explorers: Option<Arc<Explorers>>,
    /// What switches scenes.
    pub scenes: Option<Director>,
    /// What went wrong lately.
    pub troubles: Arc<Troubles>,
    /// Whose knobs set controls.
    pub midi: Option<Controller>,
}

/// A MIDI controller.
pub struct Controller {
    /// What comes of its knobs.
    pub midi: Arc<Midi>,
    /// Where it is heard.
    #[cfg(feature = "midi")]
    pub _port: show::midi::MidiPort,
}

/// The mirror's OSC, both ways: every look of the first session goes to `output`; `input` sets the desk.
pub struct Osc {
    /// Where looks are told.
    pub output: Option<Arc<OscOutput>>,
    /// Where the desk is set.
    pub input: Option<OscInput>,
}

impl Osc {
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

/// A session that looks into the archive for those who explore it, though its page does not ask.
struct ExploredSession {
    session: LiveSession,
    open: Arc<OpenSession>,
    explorers: Arc<Explorers>,
}

impl Session for ExploredSession {
    fn analyse(&mut self, picture: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError> {
        let is_explored = self.explorers.are_there() && self.open.is_first();
        let controls = Controls { nearest: controls.nearest || is_explored, ..controls.clone() };
        self.session.analyse(picture, &controls)
    }

    fn forget(&mut self) {
        self.session.forget();
    }
}

impl SessionFactory for LiveSessions {
    fn open(&self) -> Box<dyn Session> {
        let watchdog = self.watchdog.clone();
        let session = LiveSession::of(self.mirror.clone(), self.settings);
        let session = session.with_heartbeat(Arc::new(move || watchdog.ping())).with_desk(self.desk.clone());
        let open = Arc::new(self.open.open());
        let (output, told, heard) = (self.osc.output.clone(), open.clone(), self.explorers.clone());
        let session = session.with_observer(Arc::new(move |report| {
            if !told.is_first() {
                return;
            }
            if let Some(output) = &output {
                output.send(report);
            }
            if let Some(explorers) = &heard {
                explorers.put(report);
            }
        }));
        let (pictures, watched) = (self.pictures.clone(), open.clone());
        let session = session.with_audience(Arc::new(move |views| {
            if watched.is_first() {
                pictures.put(views);
            }
        }));
        let session = match self.source.stream {
            None => session,
            Some(_) => {
                let source = self.source.clone();
                session.with_feed(Arc::new(move || source.newest()))
            }
        };
        match &self.explorers {
            None => Box::new(session),
            Some(explorers) => Box::new(ExploredSession { session, open, explorers: explorers.clone() }),
        }
    }

    fn explorers(&self) -> Option<Arc<Explorers>> {
        self.explorers.clone()
    }

    fn desk(&self) -> Option<Arc<Desk>> {
        Some(self.desk.clone())
    }

    fn mirror(&self) -> Option<Arc<Mirror>> {
        Some(self.mirror.current().0)
    }

    fn pictures(&self) -> Option<Arc<Pictures>> {
        Some(self.pictures.clone())
    }

    fn scenes(&self) -> Option<ScenesReport> {
        self.scenes.as_ref().map(Director::report)
    }

    fn metrics(&self) -> String {
        let mut text = self.osc.metrics();
        if let Some(scenes) = &self.scenes {
            let ScenesReport { switched, errors, .. } = scenes.report();
            text += &format!("narcissus_scenes_switched_total {switched}\nnarcissus_scenes_refused {}\n", errors.len());
        }
        text
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.troubles.all()
    }

    fn midi(&self) -> Option<Arc<Midi>> {
        self.midi.as_ref().map(|controller| controller.midi.clone())
    }

    fn osc_input(&self) -> Option<SocketAddr> {
        self.osc.input.as_ref().map(OscInput::address)
    }

    fn camera_frame(&self) -> Option<Arc<Image>> {
        (!self.desk.is_closed()).then(|| self.source.newest())?
    }
}
