//! The mirror in a window of its own that fills a screen, without a browser.

use crate::dissolve::Dissolve;
use crate::server::{Controls, Drawn, Glimpse, Look, Pulse, Reflector, Session};
use frame::{Image, Latest};
use softbuffer::{Context, Surface};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use winit::application::ApplicationHandler;
use winit::event::{ElementState, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Fullscreen, Window, WindowId};

/// From one look through the source to the next.
const LOOK: Duration = Duration::from_millis(33);
/// From one picture on the screen to the next.
const REFRESH: Duration = Duration::from_micros(16_667);
/// From one look of the brush at whether it is still wanted to the next.
const WATCH: Duration = Duration::from_millis(500);

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
    /// The mirror cannot look.
    #[error("the mirror broke off: {0}")]
    Mirror(String),
    /// The system has no thread left.
    #[error("no thread can be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// Fills a monitor (counted from 1) with the mirror until Esc is pressed; the mirror looks through its own source.
///
/// # Errors
/// If no window can be opened there, or the mirror breaks off.
pub fn show(reflector: &dyn Reflector, monitor: usize) -> Result<(), WindowError> {
    let screen = |e: &dyn std::fmt::Display| WindowError::Screen(e.to_string());
    let events = EventLoop::new().map_err(|e| screen(&e))?;
    let mirror = Running::start(reflector.session())?;
    let mut shown = Shown { mirror, monitor, hung: None, failure: None };
    events.run_app(&mut shown).map_err(|e| screen(&e))?;
    shown.failure.map_or(Ok(()), Err)
}

/// A mirror that looks and draws on threads of its own, each at its own pace. They end with this, after what they are doing.
struct Running {
    scenes: Arc<Latest<Look>>,
    drawn: Arc<Latest<Drawn>>,
    /// Why it looks no more.
    failure: Arc<OnceLock<String>>,
}

impl Running {
    fn start(mut session: Box<dyn Session>) -> std::io::Result<Self> {
        let (scenes, drawn) = (Arc::new(Latest::<Look>::new()), Arc::new(Latest::new()));
        let failure = Arc::new(OnceLock::new());
        let (seen, failed) = (scenes.clone(), failure.clone());
        thread::Builder::new().name("eyes".into()).spawn(move || {
            while !seen.is_closed() {
                let began = Instant::now();
                let glimpse = Glimpse { picture: None, controls: &Controls::default(), pulse: Pulse::default() };
                match session.look(&glimpse) {
                    Ok(look) => drop(seen.put(look)),
                    Err(why) => {
                        let _ = failed.set(why);
                        return;
                    }
                }
                thread::sleep(LOOK.saturating_sub(began.elapsed()));
            }
        })?;
        let (wanted, shown) = (scenes.clone(), drawn.clone());
        thread::Builder::new().name("brush".into()).spawn(move || {
            while !wanted.is_closed() {
                if let Some(look) = wanted.take(WATCH) {
                    drop(shown.put((look.draw)()));
                }
            }
        })?;
        Ok(Self { scenes, drawn, failure })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.scenes.close();
    }
}

/// A window and what is drawn on in it.
struct Hung {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
    wall: Wall,
}

struct Shown {
    mirror: Running,
    monitor: usize,
    hung: Option<Hung>,
    failure: Option<WindowError>,
}

impl Shown {
    fn open(&self, events: &ActiveEventLoop) -> Result<Hung, WindowError> {
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
        let window = Rc::new(events.create_window(attributes).map_err(|e| screen(&e))?);
        window.set_cursor_visible(false);
        let context = Context::new(window.clone()).map_err(|e| screen(&e))?;
        let surface = Surface::new(&context, window.clone()).map_err(|e| screen(&e))?;
        Ok(Hung { window, surface, wall: Wall::default() })
    }

    fn draw(&mut self) -> Result<(), WindowError> {
        let Some(Hung { window, surface, wall }) = &mut self.hung else { return Ok(()) };
        let size = window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        let at = Instant::now();
        wall.resize(size.width as usize, size.height as usize);
        if let Some(why) = self.mirror.failure.get() {
            return Err(WindowError::Mirror(why.clone()));
        }
        if let Some(drawn) = self.mirror.drawn.take(Duration::ZERO) {
            wall.show(&crate::row(&drawn.pictures), at);
        }
        if !wall.step(at) {
            return Ok(());
        }
        let screen = |e: softbuffer::SoftBufferError| WindowError::Screen(e.to_string());
        surface.resize(width, height).map_err(screen)?;
        let mut buffer = surface.buffer_mut().map_err(screen)?;
        buffer.copy_from_slice(&wall.now);
        buffer.present().map_err(screen)
    }
}

impl ApplicationHandler for Shown {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        match self.open(events) {
            Ok(hung) => {
                hung.window.request_redraw();
                self.hung = Some(hung);
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
                self.hung.iter().for_each(|hung| hung.window.request_redraw());
                now + REFRESH
            }
        };
        events.set_control_flow(ControlFlow::WaitUntil(due));
    }
}

/// What is on the screen, and what it dissolves into; a pixel is `0x00RRGGBB`.
#[derive(Default)]
struct Wall {
    width: usize,
    height: usize,
    before: Vec<u32>,
    after: Vec<u32>,
    now: Vec<u32>,
    dissolve: Dissolve,
    /// Whether something is not on the screen yet.
    changes: bool,
}

impl Wall {
    /// Black, where it had another size.
    fn resize(&mut self, width: usize, height: usize) {
        if (self.width, self.height) != (width, height) {
            let black = || vec![0; width * height];
            (self.before, self.after, self.now) = (black(), black(), black());
            (self.width, self.height, self.changes) = (width, height, true);
        }
    }

    /// From `at` on, what is there gives way to a picture.
    fn show(&mut self, picture: &Image, at: Instant) {
        std::mem::swap(&mut self.before, &mut self.now);
        hang(picture, self.width, self.height, &mut self.after);
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

/// So much of the second wall over the first.
fn blend(before: &[u32], after: &[u32], share: f32, now: &mut [u32]) {
    let part = (share * 256.0).round() as u32;
    // Two channels at a time, eight bits apart.
    let mix = |a: u32, b: u32| ((a * (256 - part) + b * part) >> 8) & 0x00FF_00FF;
    for ((now, a), b) in now.iter_mut().zip(before).zip(after) {
        *now = mix(a & 0x00FF_00FF, b & 0x00FF_00FF) | mix((a >> 8) & 0xFF, (b >> 8) & 0xFF) << 8;
    }
}

/// Hangs a picture in the middle of a black wall, as large as it fits; a pixel of the wall is `0x00RRGGBB`.
fn hang(picture: &Image, width: usize, height: usize, wall: &mut [u32]) {
    wall.fill(0);
    if picture.data.is_empty() {
        return;
    }
    let scale = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64);
    let side = |s: usize, most: usize| ((s as f64 * scale).round() as usize).clamp(1, most);
    let large = picture.resized(side(picture.width, width), side(picture.height, height));
    let (left, top) = ((width - large.width) / 2, (height - large.height) / 2);
    for (y, row) in large.data.chunks_exact(3 * large.width).enumerate() {
        let line = &mut wall[(top + y) * width + left..][..large.width];
        for (pixel, rgb) in line.iter_mut().zip(row.as_chunks::<3>().0) {
            *pixel = u32::from_be_bytes([0, rgb[0], rgb[1], rgb[2]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_wall_dissolves_into_what_comes() {
        let (black, white) = (vec![0x0010_2030; 3], vec![0x00FF_8001; 3]);
        let mut now = vec![0; 3];
        for (share, wanted) in [(0.0, 0x0010_2030), (0.5, 0x0087_5018), (1.0, 0x00FF_8001)] {
            blend(&black, &white, share, &mut now);
            assert_eq!(now, [wanted; 3], "{share}");
        }
        let (mut wall, start) = (Wall::default(), Instant::now());
        wall.resize(4, 4);
        assert!(wall.step(start) && !wall.step(start));
        let at = |ms: u64| start + Duration::from_millis(ms);
        for i in 0..4 {
            wall.show(&Image::flat(4, 4, [80 * i; 3]), at(200 * u64::from(i)));
        }
        let shades: Vec<u32> = [600, 650, 700, 750, 800]
            .map(|ms| {
                assert!(wall.step(at(ms)));
                wall.now[0] & 0xFF
            })
            .into();
        assert!(shades.is_sorted_by(|a, b| a < b) && shades[4] == 240, "{shades:?}");
        assert!(!wall.step(at(850)), "all of it is there");
    }

    /// Each drawing takes as long as it is let.
    struct Held(Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>, u8);

    impl Session for Held {
        fn look(&mut self, _: &Glimpse) -> Result<Look, String> {
            let (held, look) = (self.0.clone(), self.1);
            self.1 += 1;
            if look == 100 {
                return Err("enough".into());
            }
            let draw = move || {
                let _ = held.lock().unwrap().recv();
                Drawn { pictures: vec![Arc::new(Image::flat(1, 1, [look; 3]))], reflects: true }
            };
            Ok(Look { seen: String::new(), draw: Box::new(draw) })
        }

        fn forget(&mut self) {}
    }

    #[test]
    fn the_eyes_go_on_while_a_picture_is_drawn_and_their_failure_is_told() {
        let (let_go, held) = std::sync::mpsc::channel();
        let mirror = Running::start(Box::new(Held(Arc::new(std::sync::Mutex::new(held)), 0))).unwrap();
        let mut looks = Vec::new();
        for _ in 0..3 {
            thread::sleep(5 * LOOK);
            let_go.send(()).unwrap();
            looks.push(mirror.drawn.take(Duration::from_secs(60)).expect("a picture").pictures[0].data[0]);
        }
        assert!(looks.is_sorted_by(|a, b| a < b), "{looks:?}");
        while mirror.failure.get().is_none() {
            thread::yield_now();
        }
        assert_eq!(mirror.failure.get().map(String::as_str), Some("enough"));
    }

    #[test]
    fn a_picture_hangs_in_the_middle_as_large_as_it_fits() {
        let mut wall = vec![7; 40 * 20];
        hang(&Image::flat(4, 4, [1, 2, 3]), 40, 20, &mut wall);
        assert_eq!(
            (wall[10 * 40 + 20], wall[9], wall[10], wall[29], wall[30]),
            (0x0001_0203, 0, 0x0001_0203, 0x0001_0203, 0)
        );
        hang(&Image::flat(0, 0, [0; 3]), 40, 20, &mut wall);
        assert!(wall.iter().all(|p| *p == 0));
    }
}
