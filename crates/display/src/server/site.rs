//! All that the server's handlers share.

use super::metrics::Metrics;
use super::page::PageJob;
use super::staff::Trouble;
use crate::explorers::Explorers;
use crate::pictures::Pictures;
use frame::Image;
use mirror::engine::Mirror;
use mirror::live::protocol::PageSettings;
use mirror::live::{Desk, Pipeline, Session};
use show::midi::Midi;
use show::scenes::ScenesReport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

/// Opens a session for each page.
pub trait SessionFactory: Send + Sync + 'static {
    /// The mirror for one page, before which nobody has stood yet. It is dropped with the page.
    fn open(&self) -> Box<dyn Session>;

    /// What the people who run the mirror ask of it; the sessions obey it.
    fn desk(&self) -> Option<Arc<Desk>> {
        None
    }

    /// The nets that sessions use now; `None`: the settings say all that a page must know of them.
    fn mirror(&self) -> Option<Arc<Mirror>> {
        None
    }

    /// What the first session draws, if others may watch that.
    fn pictures(&self) -> Option<Arc<Pictures>> {
        None
    }

    /// Where the viewers of the first session stand in the archive, if others may hear of that.
    fn explorers(&self) -> Option<Arc<Explorers>> {
        None
    }

    /// How things stand with the scenes, if there are any.
    fn scenes(&self) -> Option<ScenesReport> {
        None
    }

    /// More lines for `/metrics`.
    fn metrics(&self) -> String {
        String::new()
    }

    /// What went wrong lately, the newest last.
    fn troubles(&self) -> Vec<Trouble> {
        Vec::new()
    }

    /// What comes of the knobs of a MIDI controller, if there is one.
    fn midi(&self) -> Option<Arc<Midi>> {
        None
    }

    /// Where OSC is taken, if it is.
    fn osc_input(&self) -> Option<SocketAddr> {
        None
    }

    /// The newest frame where the server has its own camera, or pictures that stand in for one; `None` outside the opening hours.
    fn camera_frame(&self) -> Option<Arc<Image>> {
        None
    }
}

/// A server that runs.
pub(super) struct Site {
    pub sessions: Arc<dyn SessionFactory>,
    pub pipeline: Pipeline<PageJob>,
    pub metrics: Arc<Metrics>,
    /// Places of those who watch beside the pages.
    pub views: Arc<Semaphore>,
    /// Pages that are connected now.
    pub pages: AtomicUsize,
    /// Whether a page was turned away since one last went.
    pub is_full: AtomicBool,
    pub settings: PageSettings,
    /// When the server began.
    pub opened: Instant,
    /// Is told that the program is to start again.
    pub restart: Notify,
}
