//! The controllers of this computer.

use super::Midi;
use midir::{Ignore, MidiInput, MidiInputConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// From one look for a controller that is gone to the next.
const LOOK: Duration = Duration::from_secs(2);
/// Looks without a word from a controller after which it is connected anew: one that was away for a moment only has its name again, but what was
/// connected to it hears nothing any more.
const SILENT_LOOKS: u32 = 5;
/// How this program calls itself there.
const NAME: &str = "narcissus";

/// The names of the controllers that are there.
///
/// # Errors
/// If the system has no MIDI.
pub fn port_names() -> Result<Vec<String>, String> {
    let input = MidiInput::new(NAME).map_err(|e| e.to_string())?;
    Ok(input.ports().iter().filter_map(|port| input.port_name(port).ok()).collect())
}

/// A controller whose knobs are heard, until this is dropped. One that is pulled out and put back is found again.
#[derive(Debug)]
pub struct MidiPort {
    go: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MidiPort {
    /// Listens to the first controller in whose name this occurs, whichever case it is in.
    ///
    /// # Errors
    /// If the system has no MIDI, or no controller is called so.
    pub fn open(name: &str, midi: Arc<Midi>) -> Result<Self, String> {
        let heard = Arc::new(AtomicBool::new(false));
        let (found, connected) = connect(name, &midi, &heard)?;
        tracing::info!(name = found, "a MIDI controller is heard");
        let (go, gone) = channel();
        let name = name.to_owned();
        let (mut connection, mut silent) = (Some(connected), 0);
        let watch = move || {
            while gone.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let is_there = port_names().is_ok_and(|names| names.iter().any(|found| is_called(found, &name)));
                match (is_there, connection.is_some()) {
                    (false, true) => {
                        tracing::warn!(name, "the MIDI controller is gone");
                        connection = None;
                    }
                    (true, false) => {
                        connection = connect(&name, &midi, &heard).ok().map(|(_, connected)| connected);
                        tracing::info!(name, is_heard = connection.is_some(), "the MIDI controller is there again");
                    }
                    (true, true) if silent >= SILENT_LOOKS => {
                        silent = 0;
                        drop(connection.take());
                        connection = connect(&name, &midi, &heard).ok().map(|(_, connected)| connected);
                    }
                    _ => {}
                }
                silent = if heard.swap(false, Ordering::Relaxed) { 0 } else { silent + 1 };
            }
        };
        let thread = std::thread::Builder::new().name("midi".into()).spawn(watch).map_err(|e| e.to_string())?;
        Ok(Self { go: Some(go), thread: Some(thread) })
    }
}

impl Drop for MidiPort {
    fn drop(&mut self) {
        self.go.take();
        self.thread.take().map(JoinHandle::join);
    }
}

fn is_called(found: &str, name: &str) -> bool {
    found.to_lowercase().contains(&name.to_lowercase())
}

/// The controller's whole name, and the way to hear it; each message says so.
fn connect(name: &str, midi: &Arc<Midi>, heard: &Arc<AtomicBool>) -> Result<(String, MidiInputConnection<()>), String> {
    let mut input = MidiInput::new(NAME).map_err(|e| e.to_string())?;
    input.ignore(Ignore::All);
    let ports = input.ports();
    let named: Vec<(String, _)> =
        ports.into_iter().filter_map(|port| Some((input.port_name(&port).ok()?, port))).collect();
    let Some((found, port)) = named.iter().find(|(found, _)| is_called(found, name)) else {
        let all: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        let all = if all.is_empty() { "there is none".to_owned() } else { format!("there are {}", all.join(", ")) };
        return Err(format!("no MIDI controller is called \"{name}\": {all}"));
    };
    let (midi, heard) = (midi.clone(), heard.clone());
    let take = move |_, message: &[u8], (): &mut ()| {
        heard.store(true, Ordering::Relaxed);
        midi.take(message);
    };
    let connection = input.connect(port, NAME, take, ()).map_err(|e| e.to_string())?;
    Ok((found.clone(), connection))
}
