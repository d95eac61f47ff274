//! The live mirror of one client, with its clock and its source of frames.

use super::desk::Desk;
use super::live_mirror::LiveMirror;
use super::protocol::{Controls, FrameReport};
use super::renderer::{RenderedView, Renderer};
use super::report::frame_report;
use super::settings::LiveSettings;
use super::shared_mirror::SharedMirror;
use crate::engine::{Mirror, MirrorError};
use frame::{Image, lock};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What a display drives: the live mirror of one page or window. It ends with its client.
pub trait Session: Send {
    /// Analyses a frame; `None` where the client has no picture. One thread does, one frame at a time, while another draws the
    /// result of an earlier one.
    ///
    /// # Errors
    /// If the picture is not well formed.
    fn analyse(&mut self, picture: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError>;

    /// Forgets everybody.
    fn forget(&mut self);
}

/// The result of analysing a frame.
pub struct Analysed {
    /// What was found.
    pub report: FrameReport,
    /// The controls that were in force.
    pub controls: Controls,
    /// Draws the reflections as they are at that moment, from left to right; none of a frame from before everybody was forgotten. A display
    /// runs it for the newest frame only, once the picture before is drawn, and again where there is time: they move by themselves.
    pub draw: Box<dyn FnMut() -> Vec<RenderedView> + Send>,
}

/// Gives the newest frame of a camera, if there is one.
pub type FrameFeed = Arc<dyn Fn() -> Option<Arc<Image>> + Send + Sync>;

/// Is told what every frame came to, before anything is drawn of it.
pub type Observer = Arc<dyn Fn(&FrameReport) + Send + Sync>;

/// Is shown every picture that was drawn: the reflections from left to right.
pub type Audience = Arc<dyn Fn(&[RenderedView]) + Send + Sync>;

/// The sessions that are open. The first of them is the mirror that others hear of and see.
#[derive(Debug, Default)]
pub struct OpenSessions {
    open: Mutex<BTreeSet<u64>>,
    opened: AtomicU64,
}

/// A session that is open, until this is dropped.
#[derive(Debug)]
pub struct OpenSession {
    number: u64,
    sessions: Arc<OpenSessions>,
}

impl OpenSessions {
    /// One more.
    pub fn open(self: &Arc<Self>) -> OpenSession {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number);
        OpenSession { number, sessions: self.clone() }
    }
}

impl OpenSession {
    /// Whether it was opened before all others that are open.
    pub fn is_first(&self) -> bool {
        lock(&self.sessions.open).first() == Some(&self.number)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        lock(&self.sessions.open).remove(&self.number);
    }
}

/// A [`LiveMirror`] told the time by the computer's clock.
pub struct LiveSession {
    live: LiveMirror,
    renderer: Arc<Renderer>,
    settings: LiveSettings,
    /// Where other nets come from, and how often they had been replaced when these came.
    shared: Option<(Arc<SharedMirror>, u64)>,
    feed: Option<FrameFeed>,
    heartbeat: Arc<dyn Fn() + Send + Sync>,
    desk: Option<Arc<Desk>>,
    observer: Option<Observer>,
    audience: Option<Audience>,
    began: Instant,
}

impl LiveSession {
    /// A session before which nobody has stood yet.
    pub fn new(mirror: &Mirror, settings: LiveSettings) -> Self {
        let live = LiveMirror::new(mirror.reader().clone(), settings);
        let renderer = Arc::new(Renderer::new(mirror.painter().clone(), &settings));
        Self {
            live,
            renderer,
            settings,
            shared: None,
            feed: None,
            heartbeat: Arc::new(|| {}),
            desk: None,
            observer: None,
            audience: None,
            began: Instant::now(),
        }
    }

    /// A session that goes on with other nets whenever they are replaced.
    pub fn of(shared: Arc<SharedMirror>, settings: LiveSettings) -> Self {
        let (mirror, replaced) = shared.current();
        Self { shared: Some((shared, replaced)), ..Self::new(&mirror, settings) }
    }

    /// Takes its frames from a camera of its own, in place of the client's.
    pub fn with_feed(self, feed: FrameFeed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Calls `heartbeat` after each picture that was drawn.
    pub fn with_heartbeat(self, heartbeat: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { heartbeat, ..self }
    }

    /// Does what a desk asks, whatever the client asks.
    pub fn with_desk(self, desk: Arc<Desk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// Shows an audience every picture.
    pub fn with_audience(self, audience: Audience) -> Self {
        Self { audience: Some(audience), ..self }
    }

    /// Goes on with other nets if they were replaced.
    fn follow(&mut self) {
        let Some((shared, replaced)) = &mut self.shared else { return };
        let Some((mirror, now)) = shared.newer_than(*replaced) else { return };
        *replaced = now;
        let epoch = self.live.take_over(mirror.reader().clone());
        let renderer = Renderer::replacing(&self.renderer, mirror.painter().clone(), &self.settings, epoch);
        self.renderer = Arc::new(renderer);
    }

    /// Tells an observer what every frame comes to.
    pub fn with_observer(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }
}

impl Session for LiveSession {
    fn analyse(&mut self, picture: Option<&Image>, controls: &Controls) -> Result<Analysed, MirrorError> {
        self.follow();
        let is_closed = self.desk.as_ref().is_some_and(|desk| desk.is_closed());
        let own = self.feed.as_ref().filter(|_| !is_closed).and_then(|newest| newest());
        let picture = own.as_deref().or(picture).filter(|_| !is_closed);
        let rendered = self.renderer.rendered();
        let controls = match &self.desk {
            Some(desk) => desk.in_force(controls.clone()),
            None => controls.clone(),
        };
        let result = self.live.process(picture, &rendered, &controls, self.began.elapsed().as_secs_f64())?;

        let report = frame_report(
            &result,
            picture,
            &rendered,
            &controls,
            self.live.reader().inverter(),
            &self.settings.measures,
        );
        if let Some(observer) = &self.observer {
            observer(&report);
        }
        let (renderer, heartbeat, audience) = (self.renderer.clone(), self.heartbeat.clone(), self.audience.clone());
        let began = self.began;
        let draw = move || {
            let rendered = renderer.render(&result.request, began.elapsed().as_secs_f64());
            heartbeat();
            if let Some(audience) = &audience {
                audience(&rendered);
            }
            rendered
        };
        Ok(Analysed { report, controls, draw: Box::new(draw) })
    }

    fn forget(&mut self) {
        self.renderer.forget(self.live.forget());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::untaught;
    use crate::features::tests::smooth_picture;
    use crate::live::Closed;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_session_sees_its_own_camera_and_tells_nothing_before_anybody_agreed() {
        let (beats, shown) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, seen) = (beats.clone(), shown.clone());
        let frame = Arc::new(smooth_picture(96));
        let mut session = LiveSession::new(&untaught(0.0), LiveSettings::default())
            .with_feed(Arc::new(move || Some(frame.clone())))
            .with_heartbeat(Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            }))
            .with_audience(Arc::new(move |views| {
                seen.fetch_add(views.len(), Ordering::SeqCst);
            }));
        let mut analysed = session.analyse(None, &Controls::default()).unwrap();
        assert!(!analysed.report.faces.is_empty());
        assert_eq!(analysed.report.sizes.picture_bytes, 96 * 96 * 3);
        assert_eq!((analysed.draw)().len(), 1);
        assert_eq!((beats.load(Ordering::SeqCst), shown.load(Ordering::SeqCst)), (1, 1));
        let waiting = Controls { waiting: true, ..Controls::default() };
        assert!(session.analyse(None, &waiting).unwrap().report.faces.is_empty());
    }

    #[test]
    fn other_nets_take_over_without_a_picture_that_is_missing_black_or_a_jump() {
        let shared = Arc::new(SharedMirror::new(Arc::new(untaught(0.0))));
        let settings = LiveSettings { arrive_secs: 0.0, transition_secs: 0.2, ..LiveSettings::default() };
        let mut session = LiveSession::of(shared.clone(), settings);
        let picture = smooth_picture(96);
        let mut look = || (session.analyse(Some(&picture), &Controls::default()).unwrap().draw)().remove(0).picture;
        let (_, mut before) = (look(), look());
        for _ in 0..3 {
            shared.replace(Arc::new(untaught(0.0)));
            let first = look();
            assert_eq!(first, before, "it begins with the last picture of the nets before");
            before = look();
        }
        // Nobody keeps the nets from before.
        let (current, replaced) = shared.current();
        assert_eq!((replaced, Arc::strong_count(&current)), (3, 2));
    }

    #[test]
    fn the_session_that_was_opened_first_is_the_one_that_others_see() {
        let sessions = Arc::new(OpenSessions::default());
        let (first, second) = (sessions.open(), sessions.open());
        assert!(first.is_first() && !second.is_first());
        drop(first);
        let third = sessions.open();
        assert!(second.is_first() && !third.is_first());
    }

    #[test]
    fn a_desk_overrules_the_client_and_an_observer_hears_what_came_of_it() {
        let (mirror, heard) = (untaught(0.0), Arc::new(AtomicUsize::new(0)));
        let desk = Arc::new(Desk::new(mirror.inverter(), &["en"]));
        let counted = heard.clone();
        let mut session = LiveSession::new(&mirror, LiveSettings { arrive_secs: 0.0, ..LiveSettings::default() })
            .with_desk(desk.clone())
            .with_observer(Arc::new(move |report| {
                counted.fetch_add(report.sizes.features, Ordering::SeqCst);
            }));
        let page = Controls { features: Some(5), ..Controls::default() };
        let picture = smooth_picture(96);
        let mut analyse = || session.analyse(Some(&picture), &page).unwrap();
        assert_eq!((analyse().controls, heard.load(Ordering::SeqCst)), (page.clone(), 5));
        desk.set_text("features", "2").unwrap();
        desk.set_text("dream", "on").unwrap();
        let Analysed { report, controls, .. } = analyse();
        assert_eq!((controls.features, heard.load(Ordering::SeqCst)), (Some(2), 7));
        assert!(report.views.iter().all(|view| view.viewer.is_none()) && !report.faces.is_empty());
    }

    #[test]
    fn a_mirror_that_is_closed_does_not_even_ask_its_camera() {
        let (mirror, asked) = (untaught(0.0), Arc::new(AtomicUsize::new(0)));
        let (desk, counted, frame) =
            (Arc::new(Desk::new(mirror.inverter(), &["en"])), asked.clone(), Arc::new(smooth_picture(96)));
        let mut session =
            LiveSession::new(&mirror, LiveSettings::default()).with_desk(desk.clone()).with_feed(Arc::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                Some(frame.clone())
            }));
        let mut faces = || session.analyse(None, &Controls::default()).unwrap().report.faces.len();
        assert!(faces() > 0);
        desk.set_closed(Some(Closed { until: None }));
        assert_eq!((faces(), asked.load(Ordering::SeqCst)), (0, 1));
        desk.set_closed(None);
        assert!(faces() > 0);
    }
}
