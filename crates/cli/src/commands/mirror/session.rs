//! The sessions behind the page and the window.

use super::source::FrameInput;
use crate::watchdog::Watchdog;
use display::server::SessionFactory;
use frame::Image;
use mirror::engine::Mirror;
use mirror::live::{LiveSession, LiveSettings, Session};
use std::sync::Arc;

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
}

impl SessionFactory for LiveSessions {
    fn open(&self) -> Box<dyn Session> {
        let watchdog = self.watchdog.clone();
        let session = LiveSession::new(&self.mirror, self.settings);
        let session = session.with_heartbeat(Arc::new(move || watchdog.ping()));
        if self.source.stream.is_none() {
            return Box::new(session);
        }
        let source = self.source.clone();
        Box::new(session.with_feed(Arc::new(move || source.newest())))
    }

    fn camera_frame(&self) -> Option<Arc<Image>> {
        self.source.newest()
    }
}
