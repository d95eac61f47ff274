//! The mirror in a window of its own that fills a screen, without a browser.

use crate::server::{Controls, Glimpse, Pulse, Reflector, Session};
use frame::Image;
use softbuffer::{Context, Surface};
use std::num::NonZeroU32;
use std::rc::Rc;
use winit::application::ApplicationHandler;
use winit::event::{ElementState, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Fullscreen, Window, WindowId};

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
}

/// Fills a monitor (counted from 1) with the mirror until Esc is pressed; the mirror looks through its own source.
///
/// # Errors
/// If no window can be opened there, or the mirror breaks off.
pub fn show(reflector: &dyn Reflector, monitor: usize) -> Result<(), WindowError> {
    let screen = |e: &dyn std::fmt::Display| WindowError::Screen(e.to_string());
    let events = EventLoop::new().map_err(|e| screen(&e))?;
    events.set_control_flow(ControlFlow::Poll);
    let mut shown = Shown { session: reflector.session(), monitor, hung: None, failure: None };
    events.run_app(&mut shown).map_err(|e| screen(&e))?;
    shown.failure.map_or(Ok(()), Err)
}

/// A window and what is drawn on in it.
struct Hung {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
}

struct Shown {
    session: Box<dyn Session>,
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
        Ok(Hung { window, surface })
    }

    fn draw(&mut self) -> Result<(), WindowError> {
        let Some(Hung { window, surface }) = &mut self.hung else { return Ok(()) };
        let size = window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        let glimpse = Glimpse { picture: None, controls: &Controls::default(), pulse: Pulse::default() };
        let answer = self.session.reflect(&glimpse).map_err(WindowError::Mirror)?;
        let screen = |e: softbuffer::SoftBufferError| WindowError::Screen(e.to_string());
        surface.resize(width, height).map_err(screen)?;
        let mut buffer = surface.buffer_mut().map_err(screen)?;
        hang(&crate::row(&answer.pictures), size.width as usize, size.height as usize, &mut buffer);
        buffer.present().map_err(screen)?;
        window.request_redraw();
        Ok(())
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
