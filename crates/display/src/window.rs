//! The mirror in a window of its own that fills a screen, without a browser.

use crate::dissolve::Dissolve;
use crate::layout::row_of;
use frame::{Image, Latest, lock};
use mirror::engine::MirrorError;
use mirror::generator::Picture;
use mirror::live::protocol::Controls;
use mirror::live::{Analysed, Client, Desk, Job, Look, Pipeline, Policy, RenderedView, SCENE, Session, Value};
use softbuffer::{Context, Surface};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use winit::application::ApplicationHandler;
use winit::event::{ElementState, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Fullscreen, Window, WindowId};

/// From one frame to the next.
const FRAME: Duration = Duration::from_millis(33);
/// From one picture on the screen to the next.
const REFRESH: Duration = Duration::from_micros(16_667);

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The system has no screen, or does not let us use it.
    #[error("no window can be opened: {0}")]
    Screen(String),
    /// There is no such monitor.
    #[error("there is no monitor {wanted}; there are {found}, counted from 1")]
    Monitor {
        /// The one that was asked for.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// The session failed.
    #[error("the mirror broke off: {0}")]
    Mirror(MirrorError),
    /// The system has no thread left.
    #[error("no thread can be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// Puts pictures on a window in place of the CPU: a graphics card.
pub trait Presenter {
    /// From now on what is there gives way to these pictures of one size in a row, which is to stand in the middle, as large as it fits. `share`: how
    /// much of the row before has come to be there, the rest being the one before that. At first all is black.
    fn show(&mut self, row: &[Arc<Picture>], share: f32);

    /// Shows so much of the newest row, and all so much darker, in a window of this size in pixels. Whether it did: a window that is hidden
    /// may have to be shown again.
    ///
    /// # Errors
    /// Why it cannot, in one line; it is not asked again.
    fn present(&mut self, size: (u32, u32), share: f32, dim: f32) -> Result<bool, String>;
}

/// Opens a presenter on a window, or says why not.
pub type OpenPresenter = Box<dyn FnOnce(Arc<Window>) -> Result<Box<dyn Presenter>, String>>;

/// Fills a monitor (counted from 1) with the mirror until Esc is pressed. The session has a camera of its own. `desk` darkens the window; the
/// keys of its scenes switch them. The CPU puts the pictures there, unless a presenter does.
///
/// # Errors
/// If no window can be opened there, or the mirror breaks off.
pub fn show(
    session: Box<dyn Session>,
    monitor: usize,
    desk: Option<Arc<Desk>>,
    presenter: Option<OpenPresenter>,
) -> Result<(), WindowError> {
    let screen = |e: &dyn std::fmt::Display| WindowError::Screen(e.to_string());
    let events = EventLoop::new().map_err(|e| screen(&e))?;
    let mirror = RunningMirror::start(session)?;
    let mut shown = App { mirror, monitor, desk, presenter, opened: None, failure: None };
    events.run_app(&mut shown).map_err(|e| screen(&e))?;
    shown.failure.map_or(Ok(()), Err)
}

/// What the pipeline does with the frames of a window. A frame is a moment: the session has the camera.
struct WindowJob {
    session: Mutex<Box<dyn Session>>,
    pictures: Latest<Vec<Arc<Picture>>>,
    /// Why no more frames are analysed.
    failure: OnceLock<MirrorError>,
}

impl Job for WindowJob {
    type Frame = ();
    type Request = Box<dyn FnMut() -> Vec<RenderedView> + Send>;
    type Picture = Vec<RenderedView>;

    fn analyse(&self, (): ()) -> Option<Self::Request> {
        let mut session = lock(&self.session);
        match session.analyse(None, &Controls::default()) {
            Ok(Analysed { draw, .. }) => Some(draw),
            Err(error) => {
                let _ = self.failure.set(error);
                None
            }
        }
    }

    fn draw(&self, draw: &mut Self::Request) -> Option<Vec<RenderedView>> {
        Some(draw())
    }

    fn deliver(&self, views: Vec<RenderedView>) {
        drop(self.pictures.put(views.into_iter().map(|view| view.picture).collect()));
    }
}

/// A mirror that is given a frame every 33 ms. Its threads end with it, after what they are doing.
struct RunningMirror {
    client: Arc<Client<WindowJob>>,
}

impl RunningMirror {
    fn start(session: Box<dyn Session>) -> std::io::Result<Self> {
        let pipeline = Pipeline::start(Policy::Newest)?;
        let job = WindowJob { session: Mutex::new(session), pictures: Latest::new(), failure: OnceLock::new() };
        let client = Client::new(job);
        let clocked = client.clone();
        thread::Builder::new().name("frame clock".into()).spawn(move || {
            while !clocked.job().pictures.is_closed() {
                pipeline.submit(&clocked, ());
                thread::sleep(FRAME);
            }
        })?;
        Ok(Self { client })
    }

    /// The newest reflections that were not shown yet.
    fn row(&self, timeout: Duration) -> Option<Vec<Arc<Picture>>> {
        self.client.job().pictures.take(timeout)
    }

    fn failure(&self) -> Option<MirrorError> {
        self.client.job().failure.get().copied()
    }
}

impl Drop for RunningMirror {
    fn drop(&mut self) {
        self.client.job().pictures.close();
    }
}

/// The window, and what puts pictures there.
struct OpenWindow {
    window: Arc<Window>,
    output: Output,
}

enum Output {
    Processor(Surface<Arc<Window>, Arc<Window>>, Screen),
    Presenter(Box<dyn Presenter>, Shown),
}

impl Output {
    fn processor(window: &Arc<Window>) -> Result<Self, WindowError> {
        let refused = |e: softbuffer::SoftBufferError| WindowError::Screen(e.to_string());
        let context = Context::new(window.clone()).map_err(refused)?;
        Ok(Self::Processor(Surface::new(&context, window.clone()).map_err(refused)?, Screen::default()))
    }
}

struct App {
    mirror: RunningMirror,
    monitor: usize,
    desk: Option<Arc<Desk>>,
    presenter: Option<OpenPresenter>,
    opened: Option<OpenWindow>,
    failure: Option<WindowError>,
}

impl App {
    fn open(&mut self, events: &ActiveEventLoop) -> Result<OpenWindow, WindowError> {
        let screen = |e: &dyn std::fmt::Display| WindowError::Screen(e.to_string());
        let found = events.available_monitors().count();
        let on = self.monitor.checked_sub(1).and_then(|n| events.available_monitors().nth(n));
        let on = on.ok_or(WindowError::Monitor { wanted: self.monitor, found })?;
        let attributes = Window::default_attributes()
            .with_title("Narcissus")
            // For screens without a window manager, who would do that for us.
            .with_position(on.position())
            .with_inner_size(on.size())
            .with_fullscreen(Some(Fullscreen::Borderless(Some(on))));
        let window = Arc::new(events.create_window(attributes).map_err(|e| screen(&e))?);
        window.set_cursor_visible(false);
        let output = match self.presenter.take().map(|open| open(window.clone())) {
            Some(Ok(presenter)) => Output::Presenter(presenter, Shown::default()),
            Some(Err(why)) => {
                tracing::warn!("{why}; the CPU fills the window");
                Output::processor(&window)?
            }
            None => Output::processor(&window)?,
        };
        Ok(OpenWindow { window, output })
    }

    fn draw(&mut self) -> Result<(), WindowError> {
        let Some(OpenWindow { window, output }) = &mut self.opened else { return Ok(()) };
        let size = window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        let (at, dim) = (Instant::now(), self.desk.as_ref().map_or(0.0, |desk| desk.dim()));
        if let Some(error) = self.mirror.failure() {
            return Err(WindowError::Mirror(error));
        }
        let row = self.mirror.row(Duration::ZERO);
        match output {
            Output::Processor(surface, screen) => {
                screen.resize(size.width as usize, size.height as usize);
                screen.darken(dim);
                if let Some(row) = row {
                    screen.show(&row_of(&row), at);
                }
                if !screen.step(at) {
                    return Ok(());
                }
                let refused = |e: softbuffer::SoftBufferError| WindowError::Screen(e.to_string());
                surface.resize(width, height).map_err(refused)?;
                let mut buffer = surface.buffer_mut().map_err(refused)?;
                screen.copy_to(&mut buffer);
                buffer.present().map_err(refused)
            }
            Output::Presenter(presenter, shown) => {
                if let Some(row) = row {
                    let share = shown.show(row, at);
                    presenter.show(&shown.row, share);
                }
                let size = (size.width, size.height);
                let Some(share) = shown.step(at, size, dim) else { return Ok(()) };
                let why = match presenter.present(size, share, dim) {
                    Ok(true) => return Ok(()),
                    Ok(false) => {
                        shown.presented = None;
                        return Ok(());
                    }
                    Err(why) => why,
                };

                // What was there stays there.
                tracing::warn!("{why}; the CPU fills the window from now on");
                let last = std::mem::take(&mut shown.row);
                *output = Output::processor(window)?;
                if let Output::Processor(_, screen) = output {
                    screen.resize(size.0 as usize, size.1 as usize);
                    screen.show(&row_of(&last), at);
                }
                Ok(())
            }
        }
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        match self.open(events) {
            Ok(opened) => {
                opened.window.request_redraw();
                self.opened = Some(opened);
            }
            Err(error) => {
                self.failure = Some(error);
                events.exit();
            }
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let escape = |key: &KeyEvent| key.logical_key == Key::Named(NamedKey::Escape);
        match event {
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::KeyboardInput { event, .. } if event.state == ElementState::Pressed && escape(&event) => {
                events.exit();
            }
            WindowEvent::KeyboardInput { event, .. } if event.state == ElementState::Pressed => {
                if let (Key::Character(key), Some(desk)) = (&event.logical_key, &self.desk) {
                    press(desk, key);
                }
            }
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw() {
                    self.failure = Some(error);
                    events.exit();
                }
            }
            _ => {}
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let now = Instant::now();
        let due = match events.control_flow() {
            ControlFlow::WaitUntil(due) if due > now => due,
            _ => {
                self.opened.iter().for_each(|opened| opened.window.request_redraw());
                now + REFRESH
            }
        };
        events.set_control_flow(ControlFlow::WaitUntil(due));
    }
}

/// Switches to the scene of a key, if one has it.
fn press(desk: &Desk, key: &str) {
    let Look { scenes, .. } = desk.look();
    let scene = scenes.into_iter().find(|scene| scene.key.is_some_and(|own| key.to_lowercase() == own.to_string()));
    if let Some(scene) = scene {
        // A scene that has gone meanwhile is not switched to.
        drop(desk.set(SCENE, Value::Word(scene.name)));
    }
}

/// What a presenter shows.
#[derive(Default)]
struct Shown {
    /// The newest.
    row: Vec<Arc<Picture>>,
    dissolve: Dissolve,
    /// When it was last presented: the window's size, the share of the second picture, and how dark.
    presented: Option<((u32, u32), f32, f32)>,
}

impl Shown {
    /// From `at` on, what is there gives way to a row; how much of the one before has come to be there.
    fn show(&mut self, row: Vec<Arc<Picture>>, at: Instant) -> f32 {
        let share = self.dissolve.share(at);
        self.row = row;
        self.dissolve.show(at);
        self.presented = None;
        share
    }

    /// How much of the newest row is there at `at`; `None` where nothing has changed since.
    fn step(&mut self, at: Instant, size: (u32, u32), dim: f32) -> Option<f32> {
        let share = self.dissolve.share(at);
        let now = Some((size, share, dim));
        (std::mem::replace(&mut self.presented, now) != now).then_some(share)
    }
}

/// What is on the screen, and what it dissolves into; a pixel is `0x00RRGGBB`.
#[derive(Default)]
struct Screen {
    width: usize,
    height: usize,
    before: Vec<u32>,
    after: Vec<u32>,
    now: Vec<u32>,
    dissolve: Dissolve,
    /// By how much all is darker, 0 to 1.
    dim: f32,
    /// Whether something is not on the screen yet.
    changes: bool,
}

impl Screen {
    /// Black, where it had another size.
    fn resize(&mut self, width: usize, height: usize) {
        if (self.width, self.height) != (width, height) {
            let black = || vec![0; width * height];
            (self.before, self.after, self.now) = (black(), black(), black());
            (self.width, self.height, self.changes) = (width, height, true);
        }
    }

    /// From now on all is so much darker.
    fn darken(&mut self, dim: f32) {
        self.changes |= dim != self.dim;
        self.dim = dim;
    }

    /// What is to be seen.
    fn copy_to(&self, seen: &mut [u32]) {
        seen.copy_from_slice(&self.now);
        if self.dim > 0.0 {
            let black = vec![0; self.now.len()];
            blend(&self.now, &black, self.dim, seen);
        }
    }

    /// From `at` on, what is there gives way to a picture.
    fn show(&mut self, picture: &Image, at: Instant) {
        std::mem::swap(&mut self.before, &mut self.now);
        place(picture, self.width, self.height, &mut self.after);
        self.dissolve.show(at);
        self.changes = true;
    }

    /// What is there at `at`; whether that is anything new.
    fn step(&mut self, at: Instant) -> bool {
        let changes = self.changes;
        if changes {
            let share = self.dissolve.share(at);
            self.changes = share < 1.0;
            blend(&self.before, &self.after, share, &mut self.now);
        }
        changes
    }
}

/// So much of the second picture over the first.
fn blend(before: &[u32], after: &[u32], share: f32, now: &mut [u32]) {
    let part = (share * 256.0).round() as u32;
    // Two channels at a time, eight bits apart.
    let mix = |a: u32, b: u32| ((a * (256 - part) + b * part) >> 8) & 0x00FF_00FF;
    for ((now, a), b) in now.iter_mut().zip(before).zip(after) {
        *now = mix(a & 0x00FF_00FF, b & 0x00FF_00FF) | mix((a >> 8) & 0xFF, (b >> 8) & 0xFF) << 8;
    }
}

/// Places a picture in the middle of a black screen, as large as it fits; a pixel of the screen is `0x00RRGGBB`.
fn place(picture: &Image, width: usize, height: usize, screen: &mut [u32]) {
    screen.fill(0);
    if picture.data.is_empty() {
        return;
    }
    let scale = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64);
    let side = |s: usize, most: usize| ((s as f64 * scale).round() as usize).clamp(1, most);
    let large = crate::scaled(picture, side(picture.width, width), side(picture.height, height));
    let (left, top) = ((width - large.width) / 2, (height - large.height) / 2);
    for (y, row) in large.data.chunks_exact(3 * large.width).enumerate() {
        let line = &mut screen[(top + y) * width + left..][..large.width];
        for (pixel, rgb) in line.iter_mut().zip(row.as_chunks::<3>().0) {
            *pixel = u32::from_be_bytes([0, rgb[0], rgb[1], rgb[2]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_screen_dissolves_into_what_comes() {
        let (black, white) = (vec![0x0010_2030; 3], vec![0x00FF_8001; 3]);
        let mut now = vec![0; 3];
        for (share, wanted) in [(0.0, 0x0010_2030), (0.5, 0x0087_5018), (1.0, 0x00FF_8001)] {
            blend(&black, &white, share, &mut now);
            assert_eq!(now, [wanted; 3], "{share}");
        }
        let (mut screen, start) = (Screen::default(), Instant::now());
        screen.resize(4, 4);
        assert!(screen.step(start) && !screen.step(start));
        let at = |ms: u64| start + Duration::from_millis(ms);
        for i in 0..4 {
            screen.show(&Image::flat(4, 4, [80 * i; 3]), at(200 * u64::from(i)));
        }
        let shades: Vec<u32> = [600, 650, 700, 750, 800]
            .map(|ms| {
                assert!(screen.step(at(ms)));
                screen.now[0] & 0xFF
            })
            .into();
        assert!(shades.is_sorted_by(|a, b| a < b) && shades[4] == 240, "{shades:?}");
        assert!(!screen.step(at(850)), "all of it is there");
    }

    #[test]
    fn a_presenter_is_told_what_dissolves_and_only_what_changes() {
        let (mut shown, start) = (Shown::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let row = |shade: u8| vec![Arc::new(Image::flat(2, 2, [shade; 3]).into())];
        assert_eq!(shown.step(start, (4, 4), 0.0), Some(1.0), "black");
        assert_eq!(shown.step(start, (4, 4), 0.0), None);
        // Slow pictures, each of which dissolves into the next for 200 ms.
        for i in 0..4 {
            assert_eq!(shown.show(row(80 * i), at(200 * u64::from(i))), 1.0);
        }
        let half = shown.step(at(700), (4, 4), 0.0).unwrap();
        assert!((half - 0.5).abs() < 0.05, "{half}");
        assert_eq!(shown.show(row(0), at(700)), half, "it goes on from what is there");
        assert_eq!(shown.row, row(0));
        assert_eq!(shown.step(at(2000), (4, 4), 0.0), Some(1.0));
        assert_eq!(shown.step(at(2100), (4, 4), 0.0), None);
        assert_eq!(shown.step(at(2100), (4, 4), 0.5), Some(1.0), "darker");
        assert_eq!(shown.step(at(2100), (8, 4), 0.5), Some(1.0), "larger");
    }

    #[test]
    fn the_desk_darkens_what_is_there_and_its_keys_switch_scenes() {
        use mirror::inverter::Inverter;
        use mirror::live::SceneName;
        use mirror::pack::{Net, Pack};
        let (mut screen, now) = (Screen::default(), Instant::now());
        screen.resize(2, 1);
        screen.show(&Image::flat(1, 1, [200; 3]), now);
        let later = now + Duration::from_secs(2);
        while screen.step(later) {}
        let mut seen = vec![7; 2];
        for (dim, shade, changes) in [(0.5, 100, true), (0.5, 100, false), (1.0, 0, true), (0.0, 200, true)] {
            screen.darken(dim);
            assert_eq!(screen.step(later), changes);
            screen.copy_to(&mut seen);
            assert_eq!(seen.iter().map(|pixel| pixel & 0xFF).max(), Some(shade));
        }

        let inverter = Pack::embedded().unwrap().open(Net::Inverter, Inverter::from_weights).unwrap();
        let desk = Desk::new(&inverter, &["en"]);
        desk.set_scenes(&[SceneName { name: "night".into(), key: Some('n') }]);
        press(&desk, "x");
        assert!(desk.values().is_empty());
        press(&desk, "N");
        assert_eq!(desk.values()[SCENE], Value::Word("night".into()));
    }

    /// Each drawing takes as long as it is let; the hundredth frame fails.
    struct Slow {
        may_draw: Arc<Mutex<std::sync::mpsc::Receiver<()>>>,
        frames: u8,
    }

    impl Session for Slow {
        fn analyse(&mut self, _: Option<&Image>, _: &Controls) -> Result<Analysed, MirrorError> {
            let (may_draw, frame) = (self.may_draw.clone(), self.frames);
            self.frames += 1;
            if frame == 100 {
                return Err(MirrorError::Picture { width: 1, height: 1, expected: 3, found: 0 });
            }
            let draw = move || {
                let _ = may_draw.lock().unwrap().recv();
                let picture = Arc::new(Image::flat(1, 1, [frame; 3]).into());
                vec![RenderedView { viewer: None, progress: 1.0, picture, at: 0.0 }]
            };
            Ok(Analysed { report: Default::default(), controls: Controls::default(), draw: Box::new(draw) })
        }

        fn forget(&mut self) {}
    }

    #[test]
    fn frames_are_analysed_while_a_picture_is_drawn_and_a_failure_is_told() {
        let (let_go, may_draw) = std::sync::mpsc::channel();
        let may_draw = Arc::new(Mutex::new(may_draw));
        let mirror = RunningMirror::start(Box::new(Slow { may_draw, frames: 0 })).unwrap();
        let mut frames = Vec::new();
        for _ in 0..3 {
            thread::sleep(5 * FRAME);
            let_go.send(()).unwrap();
            frames.push(mirror.row(Duration::from_secs(60)).expect("a picture")[0].pixels().data[0]);
        }
        assert!(frames.is_sorted_by(|a, b| a < b), "{frames:?}");
        // Nothing waits for the drawing any more.
        drop(let_go);
        while mirror.failure().is_none() {
            thread::yield_now();
        }
        assert!(mirror.failure().is_some_and(|e| e.to_string().contains("1 x 1")));
    }

    #[test]
    fn a_picture_stands_in_the_middle_as_large_as_it_fits() {
        let mut screen = vec![7; 40 * 20];
        place(&Image::flat(4, 4, [1, 2, 3]), 40, 20, &mut screen);
        assert_eq!(
            (screen[10 * 40 + 20], screen[9], screen[10], screen[29], screen[30]),
            (0x0001_0203, 0, 0x0001_0203, 0x0001_0203, 0)
        );
        place(&Image::flat(0, 0, [0; 3]), 40, 20, &mut screen);
        assert!(screen.iter().all(|p| *p == 0));
    }
}
