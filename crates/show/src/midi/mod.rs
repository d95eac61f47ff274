//! MIDI in: knobs and keys of a controller set the controls of a desk. Which does what is learned by touching it.
//!
//! Messages are those of MIDI 1.0 (The MIDI Association, "MIDI 1.0 Detailed Specification"): control changes and notes of any channel. Everything
//! else is left alone.

mod knob;
#[cfg(feature = "midi")]
mod port;

pub use knob::{Knob, Touch};
#[cfg(feature = "midi")]
pub use port::{MidiPort, port_names};

use crate::file_error::{FileError, parse_toml, read_text};
use frame::lock;
use mirror::live::{Desk, Range, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use toml::Spanned;

/// What comes of the knobs of a controller.
#[derive(Debug)]
pub struct Midi {
    desk: Arc<Desk>,
    /// Where the knobs are remembered, if anywhere.
    file: Option<PathBuf>,
    state: Mutex<State>,
    taken: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// By what each does, see [`Target`].
    knobs: BTreeMap<String, Knob>,
    /// What the next knob that is touched will do.
    learning: Option<String>,
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MidiReport {
    /// What each knob does: a control, `CONTROL=VALUE`, or `release`.
    pub knobs: BTreeMap<String, Knob>,
    /// What the next knob that is touched will do.
    pub learning: Option<String>,
    /// Touches that did something.
    pub taken: u64,
}

/// What a knob does.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    /// It sets a control to where it stands.
    Control(String),
    /// It sets a control to a value, whenever it is pressed.
    Preset(String, String),
    /// It leaves all controls to the pages again.
    Release,
}

impl Target {
    /// Reads it: `dim`, `scene=night`, `release`.
    fn parse(text: &str) -> Self {
        match text.split_once('=') {
            _ if text == "release" => Self::Release,
            Some((name, value)) => Self::Preset(name.to_owned(), value.to_owned()),
            None => Self::Control(text.to_owned()),
        }
    }
}

impl Midi {
    /// With the knobs that a file tells of; one that is not there yet tells of none, and is written when a knob is learned.
    ///
    /// # Errors
    /// If the file cannot be read, or says something else.
    pub fn open(desk: Arc<Desk>, file: Option<PathBuf>) -> Result<Self, FileError> {
        let knobs = match &file {
            Some(path) if path.exists() => read(path)?,
            _ => BTreeMap::new(),
        };
        let state = Mutex::new(State { knobs, learning: None });
        Ok(Self { desk, file, state, taken: AtomicU64::new(0) })
    }

    /// How things stand.
    pub fn report(&self) -> MidiReport {
        let State { knobs, learning } = &*lock(&self.state);
        MidiReport { knobs: knobs.clone(), learning: learning.clone(), taken: self.taken.load(Ordering::Relaxed) }
    }

    /// The next knob that is touched will do this: set a control (`dim`), set it to a value (`scene=night`), or leave all to the pages (`release`).
    /// With nothing, none is learned any more.
    ///
    /// # Errors
    /// If there is no such control, or it does not take that value.
    pub fn learn(&self, what: Option<&str>) -> Result<(), String> {
        if let Some(text) = what {
            self.check(&Target::parse(text))?;
        }
        lock(&self.state).learning = what.map(str::to_owned);
        Ok(())
    }

    fn check(&self, target: &Target) -> Result<(), String> {
        let controls = self.desk.controls();
        let control = |name: &str| {
            controls.iter().find(|c| c.name == name).ok_or_else(|| format!("\"{name}\" is no control of the mirror"))
        };
        match target {
            Target::Control(name) => control(name).map(drop),
            Target::Preset(name, value) => {
                let control = control(name)?;
                let parsed = control.range.parse(value);
                parsed.map(drop).ok_or_else(|| format!("{name}: expected {}, found \"{value}\"", control.range))
            }
            Target::Release => Ok(()),
        }
    }

    /// Takes a message of a controller. What is no touch of a knob does nothing.
    pub fn take(&self, message: &[u8]) {
        let Some(touch) = Touch::parse(message) else { return };
        if self.learned(touch.knob) {
            return;
        }
        let does: Vec<String> = lock(&self.state)
            .knobs
            .iter()
            .filter(|(_, knob)| **knob == touch.knob)
            .map(|(what, _)| what.clone())
            .collect();
        for what in does {
            if self.obey(&Target::parse(&what), &touch) {
                self.taken.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether this knob was waited for; it is remembered.
    fn learned(&self, knob: Knob) -> bool {
        let mut state = lock(&self.state);
        let Some(what) = state.learning.take() else { return false };
        tracing::info!(%knob, what, "a knob was learned");
        state.knobs.insert(what, knob);
        let knobs = state.knobs.clone();
        drop(state);
        self.remember(&knobs);
        true
    }

    /// Forgets what a knob does.
    pub fn forget(&self, what: &str) -> bool {
        let mut state = lock(&self.state);
        let was = state.knobs.remove(what).is_some();
        let knobs = state.knobs.clone();
        drop(state);
        if was {
            self.remember(&knobs);
        }
        was
    }

    fn remember(&self, knobs: &BTreeMap<String, Knob>) {
        let Some(file) = &self.file else { return };
        let text: String = knobs.iter().map(|(what, knob)| format!("{what:?} = \"{knob}\"\n")).collect();
        if let Err(error) = host::write_atomically(file, text.as_bytes()) {
            tracing::warn!(%error, "the knobs cannot be written");
        }
    }

    /// Does what a knob does; whether that was anything.
    fn obey(&self, target: &Target, touch: &Touch) -> bool {
        let done = match target {
            Target::Release if touch.is_pressed() => {
                self.desk.release_all();
                return true;
            }
            Target::Preset(name, value) if touch.is_pressed() => self.desk.set_text(name, value),
            Target::Control(name) => {
                let controls = self.desk.controls();
                let Some(control) = controls.iter().find(|control| control.name == *name) else { return false };
                let Some(value) = value(&control.range, touch, self.desk.values().get(name)) else { return false };
                self.desk.set(name, value)
            }
            _ => return false,
        };
        done.is_ok()
    }
}

/// Where a control stands when a knob was touched. A key turns a switch over, and goes on to the next of several words.
fn value(range: &Range, touch: &Touch, now: Option<&Value>) -> Option<Value> {
    let share = touch.share();
    let is_key = matches!(touch.knob, Knob::Note { .. });
    if is_key && !touch.is_pressed() {
        return None;
    }
    match range {
        Range::Switch if is_key => Some(Value::Switch(now != Some(&Value::Switch(true)))),
        Range::Switch => Some(Value::Switch(touch.is_pressed())),
        Range::Whole { from, to } => {
            let (from, to) = (f64::from(*from), f64::from(*to));
            Some(Value::Number((from + share * (to - from)).round()))
        }
        Range::Number { from, to } => {
            let (from, to) = (f64::from(*from), f64::from(*to));
            Some(Value::Number((from + share * (to - from)).clamp(from, to)))
        }
        Range::Word { words } => {
            let place = words.iter().position(|word| now == Some(&Value::Word(word.clone())));
            let place = match is_key {
                true => place.map_or(0, |place| (place + 1) % words.len().max(1)),
                false => ((share * words.len() as f64) as usize).min(words.len().saturating_sub(1)),
            };
            words.get(place).cloned().map(Value::Word)
        }
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Knob>, FileError> {
    let text = read_text(path)?;
    let file: BTreeMap<String, Spanned<String>> = parse_toml(path, &text)?;
    let knob = |(what, knob): (String, Spanned<String>)| {
        let wrong = || {
            let why = format!("expected \"cc CHANNEL NUMBER\" or \"note CHANNEL NUMBER\", found {:?}", knob.get_ref());
            FileError::at(path, &text, Some(knob.span().start), why)
        };
        let parsed = knob.get_ref().parse().map_err(|()| wrong())?;
        Ok((what, parsed))
    };
    file.into_iter().map(knob).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::inverter::Inverter;
    use mirror::live::SceneName;
    use mirror::pack::{Net, Pack};
    use proptest::prelude::*;

    fn desk() -> Arc<Desk> {
        let pack = Pack::embedded().unwrap();
        let desk = Desk::new(&pack.open(Net::Inverter, Inverter::from_weights).unwrap(), &["en", "de", "fr"]);
        desk.set_scenes(&["day", "night"].map(|name| SceneName { name: name.into(), key: None }));
        Arc::new(desk)
    }

    /// A knob of channel 1.
    fn turn(number: u8, value: u8) -> [u8; 3] {
        [0xB0, number, value]
    }

    /// A key of channel 10.
    fn press(number: u8) -> [u8; 3] {
        [0x99, number, 90]
    }

    #[test]
    fn a_knob_is_learned_by_touching_it_and_remembered() {
        let (dir, desk) = (tempfile::tempdir().unwrap(), desk());
        let file = dir.path().join("midi.toml");
        let midi = Midi::open(desk.clone(), Some(file.clone())).unwrap();
        for (what, message) in [
            ("dim", turn(21, 0)),
            ("override/age", turn(22, 9)),
            ("blackout", press(36)),
            ("scene=night", press(37)),
            ("release", press(38)),
        ] {
            midi.learn(Some(what)).unwrap();
            midi.take(&[0xF8]);
            assert_eq!(midi.report().learning.as_deref(), Some(what), "a clock is no knob");
            midi.take(&message);
            assert_eq!(midi.report().learning, None);
        }
        assert!(desk.values().is_empty(), "what is learned is not done");

        // Another mirror knows them from the file.
        let midi = Midi::open(desk.clone(), Some(file.clone())).unwrap();
        assert_eq!(midi.report().knobs.len(), 5);
        midi.take(&turn(21, 127));
        midi.take(&turn(22, 64));
        assert_eq!(desk.values()["dim"], Value::Number(1.0));
        let Value::Number(age) = desk.values()["override/age"] else { panic!("a number") };
        assert!((50.0..52.0).contains(&age), "{age}");
        // A key turns over; letting it go does nothing.
        for on in [true, false, true] {
            midi.take(&press(36));
            midi.take(&[0x89, 36, 0]);
            midi.take(&[0x99, 36, 0]);
            assert_eq!(desk.values()["blackout"], Value::Switch(on));
        }
        midi.take(&press(37));
        assert_eq!(desk.values()["scene"], Value::Word("night".into()));
        midi.take(&press(38));
        assert!(desk.values().is_empty());
        assert_eq!(midi.report().taken, 7);
        assert!(midi.forget("dim") && !midi.forget("dim"));
        assert!(!std::fs::read_to_string(&file).unwrap().contains("dim"));
    }

    #[test]
    fn every_control_has_its_whole_range_on_a_knob_and_on_a_key() {
        let desk = desk();
        let midi = Midi::open(desk.clone(), None).unwrap();
        for control in desk.controls().iter() {
            midi.learn(Some(&control.name)).unwrap();
            midi.take(&turn(1, 0));
            let mut stood = [0, 127].map(|value| {
                midi.take(&turn(1, value));
                desk.values()[&control.name].clone()
            });
            let ends = match &control.range {
                Range::Switch => [Value::Switch(false), Value::Switch(true)],
                Range::Whole { from, to } => [from, to].map(|v| Value::Number(f64::from(*v))),
                Range::Number { from, to } => [from, to].map(|v| Value::Number(f64::from(*v))),
                Range::Word { words } => [&words[0], words.last().unwrap()].map(|w| Value::Word(w.clone())),
            };
            assert_eq!(stood, ends, "{}", control.name);
            midi.forget(&control.name);
            midi.learn(Some(&control.name)).unwrap();
            midi.take(&press(1));
            stood = [(); 2].map(|()| {
                midi.take(&press(1));
                desk.values()[&control.name].clone()
            });
            let is_number = matches!(stood[0], Value::Number(_));
            assert!((stood[0] == stood[1]) == is_number, "{}: {stood:?}", control.name);
            midi.forget(&control.name);
        }
    }

    #[test]
    fn what_cannot_be_learned_or_read_is_said() {
        let (dir, desk) = (tempfile::tempdir().unwrap(), desk());
        let midi = Midi::open(desk.clone(), None).unwrap();
        assert_eq!(midi.learn(Some("shoes")).unwrap_err(), "\"shoes\" is no control of the mirror");
        assert_eq!(midi.learn(Some("scene=noon")).unwrap_err(), "scene: expected one of day, night, found \"noon\"");
        let file = dir.path().join("midi.toml");
        for (text, line) in [
            ("dim = \"cc 0 21\"", ":1: expected"),
            ("\ndim = \"knob\"", ":2: expected"),
            ("dim = 3", ":1: "),
            ("=", ":1: "),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Midi::open(desk.clone(), Some(file.clone())).unwrap_err().to_string();
            assert!(error.contains(&format!("midi.toml{line}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_the_desk_holds_only_what_it_takes(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..60)) {
            let desk = desk();
            let midi = Midi::open(desk.clone(), None).unwrap();
            for (i, control) in desk.controls().iter().enumerate() {
                midi.learn(Some(&control.name)).unwrap();
                midi.take(&turn(i as u8 % 4, 5));
            }
            messages.iter().for_each(|message| midi.take(message));
            for (name, value) in desk.values() {
                prop_assert!(desk.check(&name, &value).is_ok());
            }
        }
    }
}
