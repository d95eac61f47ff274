//! The desk: what the people who run a mirror ask of it, whichever page or window shows it.
//!
//! One list says which controls there are, of which type and range ([`Desk::controls`]). Whatever talks to the rest of a show (OSC, HTTP,
//! scenes, MIDI) goes by that list. What is set here is in force in place of what a page asks, until it is released.

use super::protocol::Controls;
use super::rules::Rules;
use super::value::{Range, Value};
use crate::features::Group;
use crate::inverter::{Inverter, Verdict};
use frame::lock;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// One control.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlDescription {
    /// Its name, such as `override/age`.
    pub name: String,
    /// Its values.
    pub range: Range,
    /// What it does, a sentence.
    pub about: &'static str,
}

/// Why nothing was set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeskError {
    /// There is no such control.
    #[error("\"{0}\" is no control of the mirror")]
    Unknown(String),
    /// The control takes other values.
    #[error("{name}: expected {range}, found {found}")]
    Value {
        /// Which control.
        name: String,
        /// What it takes.
        range: Range,
        /// What came.
        found: String,
    },
}

/// How the pages look, whatever they show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Look {
    /// What is set: what a page has of its own does not count there.
    pub values: BTreeMap<String, Value>,
    /// Texts and colours in place of the page's own.
    pub style: PageStyle,
    /// The scenes that there are.
    pub scenes: Vec<SceneName>,
    /// How many packs the mirror has had: a page that finds another number reads its settings anew.
    pub packs: u64,
    /// Whether reflections are written into a file.
    pub recording: bool,
    /// Why and for how long nobody is looked at, outside the opening hours.
    pub closed: Option<Closed>,
}

/// Outside the opening hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// When it opens again, on the clock of the house: `2026-11-30T10:00`. `None`: nobody knows.
    pub until: Option<String>,
}

/// Texts and colours of a page in place of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PageStyle {
    /// By language, then by the text's key.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
    /// `#rrggbb`, by what has the colour.
    pub colours: BTreeMap<String, String>,
}

/// A scene as pages offer it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SceneName {
    /// Its name, a value of the control `scene`.
    pub name: String,
    /// The key that switches to it.
    pub key: Option<char>,
}

/// What is set, and by which step: every change is a step.
#[derive(Debug)]
struct State {
    controls: Arc<[ControlDescription]>,
    values: BTreeMap<String, Value>,
    style: PageStyle,
    scenes: Vec<SceneName>,
    packs: u64,
    recording: bool,
    closed: Option<Closed>,
    step: u64,
}

/// What is asked of a mirror beside its pages.
#[derive(Debug)]
pub struct Desk {
    languages: Vec<String>,
    rules: Rules,
    state: Mutex<State>,
    changed: Condvar,
}

/// Names of controls of which there is one for each group, or each verdict.
const WITHOUT: &str = "without/";
const OVERRIDE: &str = "override/";
/// The name of the control that switches scenes.
pub const SCENE: &str = "scene";

impl Desk {
    /// For a mirror with this inverter, whose pages speak these languages. Nothing is set, and there are no scenes.
    pub fn new(inverter: &Inverter, languages: &[&str]) -> Self {
        let languages: Vec<String> = languages.iter().map(|language| (*language).to_owned()).collect();
        let state = State {
            controls: controls(inverter, &languages, &[]),
            values: BTreeMap::new(),
            style: PageStyle::default(),
            scenes: Vec::new(),
            packs: 1,
            recording: false,
            closed: None,
            step: 0,
        };
        Self { languages, rules: Rules::default(), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// By these rules of the house.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The rules of the house.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// All controls.
    pub fn controls(&self) -> Arc<[ControlDescription]> {
        lock(&self.state).controls.clone()
    }

    /// The mirror has another pack now. What is set and what that pack does not know is released.
    pub fn take_over(&self, inverter: &Inverter) {
        self.change(|state| {
            state.controls = controls(inverter, &self.languages, &state.scenes);
            state.packs += 1;
            state.release_unknown();
        });
    }

    /// These are the scenes from now on.
    pub fn set_scenes(&self, scenes: &[SceneName]) {
        self.change(|state| {
            state.scenes = scenes.to_vec();
            let words = scenes.iter().map(|scene| scene.name.clone()).collect();
            let with = |control: &ControlDescription| match control.name == SCENE {
                true => ControlDescription { range: Range::Word { words: Vec::clone(&words) }, ..control.clone() },
                false => control.clone(),
            };
            state.controls = state.controls.iter().map(with).collect();
            state.release_unknown();
        });
    }

    /// Pages have these texts and colours from now on.
    pub fn set_style(&self, style: PageStyle) {
        self.change(|state| state.style = style);
    }

    /// Whether reflections are written into a file, which pages tell.
    pub fn set_recording(&self, recording: bool) {
        self.change(|state| state.recording = recording);
    }

    /// Nobody is looked at and nothing is shown as long as it is closed.
    pub fn set_closed(&self, closed: Option<Closed>) {
        self.change(|state| state.closed = closed);
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        lock(&self.state).closed.is_some()
    }

    /// What a control would be set to by a value.
    ///
    /// # Errors
    /// If there is no such control, or it does not take this value.
    pub fn check(&self, name: &str, value: &Value) -> Result<Value, DeskError> {
        lock(&self.state).control(name)?.accept(value.clone(), &value.to_string())
    }

    /// Sets a control, whatever a page asks of it.
    ///
    /// # Errors
    /// If there is no such control, or it does not take this value; then all stays as it was.
    pub fn set(&self, name: &str, value: Value) -> Result<(), DeskError> {
        let value = self.check(name, &value)?;
        self.change(|state| drop(state.values.insert(name.to_owned(), value)));
        Ok(())
    }

    /// The same, of a value as text.
    ///
    /// # Errors
    /// As [`Desk::set`].
    pub fn set_text(&self, name: &str, text: &str) -> Result<(), DeskError> {
        let control = lock(&self.state).control(name)?.clone();
        let value = control.range.parse(text).ok_or_else(|| control.refuse(&format!("\"{text}\"")))?;
        self.set(name, value)
    }

    /// Leaves a control to the pages again.
    ///
    /// # Errors
    /// If there is no such control.
    pub fn release(&self, name: &str) -> Result<(), DeskError> {
        lock(&self.state).control(name)?;
        self.change(|state| drop(state.values.remove(name)));
        Ok(())
    }

    /// Leaves all of them to the pages.
    pub fn release_all(&self) {
        self.change(|state| state.values.clear());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        state.step += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// What is set.
    pub fn values(&self) -> BTreeMap<String, Value> {
        lock(&self.state).values.clone()
    }

    /// How often something was set or released: who remembers it knows whether [`Desk::look`] may be another.
    pub fn step(&self) -> u64 {
        lock(&self.state).step
    }

    /// Whoever waits goes on at once.
    pub fn wake(&self) {
        self.change(|_| {});
    }

    /// Waits until something is set or released after this step, but no longer than `timeout`. Returns the step.
    pub fn wait(&self, step: u64, timeout: Duration) -> u64 {
        let same = |state: &mut State| state.step == step;
        let waited = self.changed.wait_timeout_while(lock(&self.state), timeout, same);
        let (state, _): (MutexGuard<State>, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        state.step
    }

    /// How pages are to look.
    pub fn look(&self) -> Look {
        let State { values, style, scenes, packs, recording, closed, .. } = &*lock(&self.state);
        let (values, mut style, scenes, closed) = (values.clone(), style.clone(), scenes.clone(), closed.clone());
        for (language, texts) in &self.rules.texts {
            style.texts.entry(language.clone()).or_default().extend(texts.clone());
        }
        Look { values, style, scenes, packs: *packs, recording: *recording, closed }
    }

    /// By how much everything shown is darker, 0 to 1. Whoever draws asks for every picture: nothing is copied.
    pub fn dim(&self) -> f32 {
        let State { values, closed, .. } = &*lock(&self.state);
        match (values.get("blackout"), values.get("dim")) {
            _ if closed.is_some() => 1.0,
            (Some(Value::Switch(true)), _) => 1.0,
            (_, Some(Value::Number(dim))) => *dim as f32,
            _ => 0.0,
        }
    }

    /// What is in force where a page asks for this: as far as visitors may ask for it, and the desk does not ask for something else.
    pub fn in_force(&self, controls: Controls) -> Controls {
        let mut controls = self.rules.permitted(controls);
        for (name, value) in &lock(&self.state).values {
            match (name.as_str(), value) {
                ("features", Value::Number(features)) => controls.features = Some(*features as usize),
                ("resolution", Value::Number(pixels)) => controls.resolution = Some(*pixels as usize),
                ("hold", Value::Switch(on)) => controls.hold = *on,
                ("dream", Value::Switch(on)) => controls.dream = *on,
                ("calm", Value::Switch(on)) => controls.calm = *on,
                ("measure", Value::Switch(on)) => controls.measure = *on,
                (name, Value::Switch(without)) => {
                    let of = |group: &Group| name.strip_prefix(WITHOUT) == Some(group.name());
                    if let Some(group) = Group::ALL.into_iter().find(of) {
                        controls.without.retain(|other| *other != group);
                        controls.without.extend(without.then_some(group));
                    }
                }
                (name, Value::Number(value)) => {
                    let of = |verdict: &Verdict| name.strip_prefix(OVERRIDE) == Some(verdict.name());
                    if let Some(verdict) = Verdict::ALL.into_iter().find(of) {
                        controls.overrides.insert(verdict, *value as f32);
                    }
                }
                _ => {}
            }
        }
        controls
    }
}

impl State {
    fn control(&self, name: &str) -> Result<&ControlDescription, DeskError> {
        self.controls.iter().find(|c| c.name == name).ok_or_else(|| DeskError::Unknown(name.to_owned()))
    }

    /// Releases what no control takes any more.
    fn release_unknown(&mut self) {
        let is_known = |name: &String, value: &mut Value| {
            self.controls.iter().any(|c| c.name == *name && c.range.accept(value.clone()).is_some())
        };
        self.values.retain(is_known);
    }
}

impl ControlDescription {
    fn accept(&self, value: Value, found: &str) -> Result<Value, DeskError> {
        self.range.accept(value).ok_or_else(|| self.refuse(found))
    }

    fn refuse(&self, found: &str) -> DeskError {
        DeskError::Value { name: self.name.clone(), range: self.range.clone(), found: found.to_owned() }
    }
}

/// The controls of a mirror with this inverter, these languages and these scenes.
fn controls(inverter: &Inverter, languages: &[String], scenes: &[SceneName]) -> Arc<[ControlDescription]> {
    let control = |name: &str, range, about| ControlDescription { name: name.to_owned(), range, about };
    let whole = |from, to: usize| Range::Whole { from, to: u32::try_from(to).unwrap_or(u32::MAX) };
    let mut controls = vec![control(
        "features",
        whole(0, inverter.order().len()),
        "How many numbers of a face the mirror may use, those that say most first.",
    )];
    for group in inverter.groups() {
        let about = "Whether the mirror does without this group of numbers.";
        controls.push(control(&format!("{WITHOUT}{}", group.name()), Range::Switch, about));
    }
    for verdict in Verdict::ALL.into_iter().filter(|verdict| inverter.groups().contains(&verdict.group())) {
        let (from, to) = verdict.range();
        let about = match verdict {
            Verdict::Age => "The age, in years, that the mirror is to take everybody for.",
            Verdict::Female => "The probability of \"female\" that the mirror is to take everybody for.",
        };
        controls.push(control(&format!("{OVERRIDE}{}", verdict.name()), Range::Number { from, to }, about));
    }
    let scenes = scenes.iter().map(|scene| scene.name.clone()).collect();
    controls.extend([
        control("hold", Range::Switch, "Whether viewers stay as they were when this began."),
        control("dream", Range::Switch, "Whether the mirror dreams, whoever stands before it."),
        control("resolution", Range::Whole { from: 4, to: 1024 }, "How many pixels a side are drawn at most."),
        control("calm", Range::Switch, "Whether there is less motion."),
        control("measure", Range::Switch, "Whether it is measured what survives in the reflections."),
        control("words", Range::Switch, "Whether it is said what the machine takes its viewers for."),
        control("language", Range::Word { words: languages.to_vec() }, "The language of all texts."),
        control("dim", Range::Number { from: 0.0, to: 1.0 }, "By how much everything is darker: 1 is black."),
        control("blackout", Range::Switch, "Whether nothing is shown."),
        control(SCENE, Range::Word { words: scenes }, "The scene, one of those that mirror --scenes reads."),
    ]);
    controls.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inverter::tests::{inverter, order};

    fn desk() -> Desk {
        Desk::new(&inverter(), &["en", "de"])
    }

    #[test]
    fn what_is_set_is_in_force_whatever_a_page_asks_until_it_is_released() {
        let desk = desk();
        let page = Controls { features: Some(9), without: vec![Group::Hair], calm: true, ..Controls::default() };
        assert_eq!(desk.in_force(page.clone()), page);
        for (name, value) in [
            ("features", Value::Number(4.0)),
            ("without/hair", Value::Switch(false)),
            ("without/skin", Value::Number(1.0)),
            ("override/age", Value::Number(70.0)),
            ("hold", Value::Switch(true)),
            ("dream", Value::Switch(true)),
        ] {
            desk.set(name, value).unwrap();
        }
        let expected = Controls {
            features: Some(4),
            without: vec![Group::Skin],
            overrides: BTreeMap::from([(Verdict::Age, 70.0)]),
            hold: true,
            dream: true,
            ..page.clone()
        };
        assert_eq!(desk.in_force(page.clone()), expected);
        desk.release("without/skin").unwrap();
        assert!(desk.in_force(page.clone()).without.is_empty());
        desk.release_all();
        assert_eq!((desk.in_force(page.clone()), desk.values().len()), (page, 0));
    }

    #[test]
    fn every_control_of_a_page_is_on_the_list_and_obeyed() {
        let (desk, mut controls) = (desk(), Controls::default());
        desk.set_scenes(&["day", "night"].map(|name| SceneName { name: name.into(), key: None }));
        for control in desk.controls().iter() {
            let value = match &control.range {
                Range::Switch => Value::Switch(true),
                Range::Whole { to, .. } => Value::Number(f64::from(*to)),
                Range::Number { to, .. } => Value::Number(f64::from(*to)),
                Range::Word { words } => Value::Word(words[1].clone()),
            };
            let (before, look) = (desk.in_force(controls.clone()), desk.look());
            desk.set(&control.name, value).unwrap();
            controls = desk.in_force(Controls::default());
            assert!(controls != before || desk.look() != look, "{} does nothing", control.name);
        }
        // All but what is the page's own business: its version, the steps and members that it shows, whether somebody has agreed.
        let all = serde_json::to_value(&controls).unwrap();
        let default = serde_json::to_value(Controls::default()).unwrap();
        let same: Vec<&String> = all.as_object().unwrap().keys().filter(|key| all[*key] == default[*key]).collect();
        assert_eq!(same, ["nearest", "steps", "version", "waiting"]);
    }

    #[test]
    fn what_no_control_takes_changes_nothing() {
        let desk = desk();
        let most = order().len();
        for (name, value, word) in [
            ("given", Value::Switch(true), "\"given\" is no control"),
            ("without/shoes", Value::Switch(true), "is no control"),
            ("features", Value::Number(1.5), "expected a whole number from 0 to"),
            ("features", Value::Number(most as f64 + 1.0), "found 11"),
            ("override/age", Value::Number(f64::NAN), "found NaN"),
            ("override/female", Value::Number(1.01), "expected a number from 0 to 1"),
            ("hold", Value::Number(2.0), "expected on or off, found 2"),
            ("hold", Value::Word("yes".into()), "found yes"),
            ("language", Value::Word("la".into()), "expected one of en, de"),
        ] {
            let error = desk.set(name, value).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(desk.release("nothing").is_err());
        assert!(desk.set_text("dim", "much").is_err() && desk.set_text("dim", "").is_err());
        assert_eq!((desk.step(), desk.values().len()), (0, 0));
    }

    #[test]
    fn another_pack_and_other_scenes_release_what_they_do_not_know() {
        let desk = desk();
        let scene = |name: &str| SceneName { name: name.into(), key: Some('1') };
        desk.set_scenes(&[scene("day"), scene("night")]);
        for (name, text) in [("scene", "night"), ("features", "9"), ("dim", "0.5")] {
            desk.set_text(name, text).unwrap();
        }
        let before = desk.step();
        desk.set_scenes(&[scene("day")]);
        assert_eq!((desk.look().values.contains_key("scene"), desk.look().scenes.len()), (false, 1));
        assert_eq!(desk.step(), before + 1);
        assert!(desk.set_text("scene", "night").unwrap_err().to_string().contains("expected one of day"));
        let (features, packs) = (desk.controls().len(), desk.look().packs);
        desk.take_over(&inverter());
        assert_eq!((desk.controls().len(), desk.look().packs, desk.values().len()), (features, packs + 1, 2));
    }

    #[test]
    fn whoever_waits_for_a_change_is_told_of_it() {
        let desk = desk();
        assert_eq!(desk.wait(0, Duration::ZERO), 0);
        let step = std::thread::scope(|threads| {
            let waits = threads.spawn(|| desk.wait(0, Duration::from_secs(120)));
            desk.set_text("hold", "on").unwrap();
            waits.join().unwrap()
        });
        assert_eq!(step, 1);
    }

    #[test]
    fn texts_stand_for_values() {
        let desk = desk();
        for (name, text, value) in [
            ("hold", "on", Value::Switch(true)),
            ("calm", "0", Value::Switch(false)),
            ("features", "3", Value::Number(3.0)),
            ("dim", "0.25", Value::Number(0.25)),
            ("language", "de", Value::Word("de".into())),
        ] {
            desk.set_text(name, text).unwrap();
            assert_eq!(desk.values()[name], value);
        }
        assert_eq!(desk.dim(), 0.25);
        let json = serde_json::to_string(&desk.values()).unwrap();
        assert_eq!(json, r#"{"calm":false,"dim":0.25,"features":3.0,"hold":true,"language":"de"}"#);
    }
}
