//! Switches scenes.

use super::easing::Easing;
use super::file::{PageParts, Scene};
use super::folder::{Listing, Scenes};
use crate::file_error::FileError;
use crate::week::local_now;
use frame::lock;
use jiff::civil::DateTime;
use mirror::engine::Mirror;
use mirror::live::{Desk, SCENE, SceneName, SharedMirror, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// From one look at folder and clock to the next.
const LOOK: Duration = Duration::from_secs(1);
/// From one step of an easing to the next.
const STEP: Duration = Duration::from_millis(40);

/// Opens the pack in a folder; an error is a line for people.
pub type PackLoader = Box<dyn Fn(&Path) -> Result<Mirror, String> + Send>;

/// A scene, as it is told to whoever asks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SceneReport {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// The key that switches to it.
    pub key: Option<char>,
}

/// What there is to tell of scenes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScenesReport {
    /// All of them, by name.
    pub scenes: Vec<SceneReport>,
    /// The one that is on, if any.
    pub scene: Option<String>,
    /// The pack's folder, where it is not that which the mirror was started with.
    pub pack: Option<PathBuf>,
    /// Which files were refused, and why the last pack could not be opened.
    pub errors: Vec<String>,
    /// How often a scene was switched.
    pub switched: u64,
}

/// Switches the scenes of a folder, until this is dropped.
pub struct Director {
    report: Arc<Mutex<ScenesReport>>,
    ended: Arc<AtomicBool>,
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Director {
    /// Reads the folder and begins. Scenes with a pack replace `mirror`; the others bring back the one that it holds now.
    ///
    /// # Errors
    /// If the folder or one of its files cannot be read, or there is no scene in it.
    pub fn open(
        folder: PathBuf,
        desk: Arc<Desk>,
        parts: PageParts,
        mirror: Arc<SharedMirror>,
        load: PackLoader,
    ) -> Result<Self, FileError> {
        let wrong = |why: &str| FileError { file: folder.clone(), line: None, why: why.to_owned() };
        let listing = Listing::read(&folder)?;
        let (scenes, errors) = listing.scenes(&desk, &parts);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        if scenes.is_empty() {
            return Err(wrong("there is no scene in it: files of the name SCENE.toml"));
        }

        let report = Arc::<Mutex<ScenesReport>>::default();
        let thread = |e: std::io::Error| wrong(&e.to_string());
        let packs = Packs::start(mirror, load, desk.clone()).map_err(thread)?;
        let mut stage = Stage::new(folder.clone(), parts, desk.clone(), packs, report.clone(), listing);
        stage.take_scenes(scenes, Vec::new());
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = ended.clone();
        let run = move || {
            while !is_ended.load(Ordering::Relaxed) {
                let step = stage.desk.step();
                stage.advance(local_now());
                if stage.easings.is_empty() {
                    stage.desk.wait(step, LOOK);
                } else {
                    stage.desk.wait(stage.desk.step(), STEP);
                }
            }
        };
        let thread = std::thread::Builder::new().name("scenes".into()).spawn(run).map_err(thread)?;
        Ok(Self { report, ended, desk, thread: Some(thread) })
    }

    /// How things stand.
    pub fn report(&self) -> ScenesReport {
        lock(&self.report).clone()
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.desk.wake();
        self.thread.take().map(JoinHandle::join);
    }
}

/// The scene that is on.
#[derive(Clone, Debug, PartialEq)]
struct Current {
    name: String,
    scene: Scene,
}

/// All that the director's thread has.
struct Stage {
    folder: PathBuf,
    parts: PageParts,
    desk: Arc<Desk>,
    packs: Packs,
    report: Arc<Mutex<ScenesReport>>,
    listing: Listing,
    scenes: Scenes,
    errors: Vec<FileError>,
    pack_error: Option<String>,
    current: Option<Current>,
    /// What is on its way, by control.
    easings: BTreeMap<String, Easing>,
    began: Instant,
    ease: Duration,
    /// When the timetable switched last.
    due: Option<DateTime>,
}

impl Stage {
    fn new(
        folder: PathBuf,
        parts: PageParts,
        desk: Arc<Desk>,
        packs: Packs,
        report: Arc<Mutex<ScenesReport>>,
        listing: Listing,
    ) -> Self {
        Self {
            folder,
            parts,
            desk,
            packs,
            report,
            listing,
            scenes: Scenes::new(),
            errors: Vec::new(),
            pack_error: None,
            current: None,
            easings: BTreeMap::new(),
            began: Instant::now(),
            ease: Duration::ZERO,
            due: None,
        }
    }

    /// Does what is due: new files, a pack that came, a scene that was asked for, a step of the easings.
    fn advance(&mut self, now: DateTime) {
        self.read_again();
        self.keep_timetable(now);
        self.take_pack();
        self.switch();
        self.ease();
    }

    /// Reads the folder if a file has changed.
    fn read_again(&mut self) {
        // A folder that is gone for a moment changes nothing.
        let Ok(listing) = Listing::read(&self.folder) else { return };
        if listing == self.listing {
            return;
        }
        let (mut scenes, errors) = listing.scenes(&self.desk, &self.parts);
        self.listing = listing;
        for error in &errors {
            tracing::warn!(%error, "a scene was refused");
            // The one that was there stays.
            let name = error.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if let Some(scene) = self.scenes.get(name) {
                scenes.insert(name.to_owned(), scene.clone());
            }
        }
        self.take_scenes(scenes, errors);
    }

    fn take_scenes(&mut self, scenes: Scenes, errors: Vec<FileError>) {
        (self.scenes, self.errors) = (scenes, errors);
        let name = |(name, scene): (&String, &Scene)| SceneName { name: name.clone(), key: scene.key };
        self.desk.set_scenes(&self.scenes.iter().map(name).collect::<Vec<_>>());
        self.tell();
    }

    /// Asks for the scene whose time has come since the last one's.
    fn keep_timetable(&mut self, now: DateTime) {
        let times = |(name, scene): (&String, &Scene)| {
            let last = scene.at.iter().filter_map(|at| at.last(now)).max()?;
            Some((last, name.clone()))
        };
        let Some((last, name)) = self.scenes.iter().filter_map(times).max() else { return };
        if self.due.is_none_or(|due| due < last) {
            // At the start, whoever asked for a scene has it.
            let is_asked_for = self.due.is_none() && self.desk.values().contains_key(SCENE);
            self.due = Some(last);
            if !is_asked_for && self.desk.set(SCENE, Value::Word(name.clone())).is_ok() {
                tracing::info!(scene = name, "the timetable switches");
            }
        }
    }

    /// Takes over a pack that was opened.
    fn take_pack(&mut self) {
        let Some(opened) = self.packs.opened() else { return };
        self.pack_error = None;
        match opened {
            Ok(mirror) => {
                self.desk.take_over(mirror.inverter());
                self.packs.mirror.replace(mirror);
                // What only this pack knows is set now.
                if let Some(Current { mut scene, .. }) = self.current.clone() {
                    let values = self.desk.values();
                    scene.controls.retain(|name, _| !values.contains_key(name) && !self.easings.contains_key(name));
                    self.set_all(&scene, None);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a scene's pack cannot be opened; the mirror goes on with the one it has");
                self.pack_error = Some(error);
            }
        }
        self.tell();
    }

    /// Begins the scene that is asked for, if it is another, or has become another.
    fn switch(&mut self) {
        let wanted = match self.desk.values().remove(SCENE) {
            Some(Value::Word(name)) => self.scenes.get(&name).map(|scene| Current { name, scene: scene.clone() }),
            _ => None,
        };
        if wanted == self.current {
            return;
        }
        let before = std::mem::replace(&mut self.current, wanted.clone());
        let is_new = wanted.as_ref().map(|w| &w.name) != before.as_ref().map(|b| &b.name);
        let empty = Scene {
            about: String::new(),
            ease_secs: before.as_ref().map_or(0.0, |before| before.scene.ease_secs),
            key: None,
            at: Vec::new(),
            pack: None,
            controls: BTreeMap::new(),
            style: Default::default(),
        };
        let scene = wanted.map_or(empty, |wanted| wanted.scene);
        self.packs.want(scene.pack.as_deref());
        self.set_all(&scene, before.as_ref().map(|before| &before.scene));
        self.desk.set_style(scene.style);
        if is_new {
            lock(&self.report).switched += 1;
        }
        self.tell();
    }

    /// Sets what a scene names, over its time, and releases what the one before had set.
    fn set_all(&mut self, scene: &Scene, before: Option<&Scene>) {
        let (controls, values) = (self.desk.controls(), self.desk.values());
        (self.began, self.ease) = (Instant::now(), Duration::from_secs_f64(scene.ease_secs));
        let released = before.iter().flat_map(|before| before.controls.keys());
        let released = released.filter(|name| !scene.controls.contains_key(*name)).map(|name| (name, None));
        let set = scene.controls.iter().map(|(name, value)| (name, Some(value)));
        for (name, wanted) in released.chain(set) {
            self.easings.remove(name);
            let Some(control) = controls.iter().find(|control| control.name == *name) else {
                // Another pack's, which is not there yet.
                continue;
            };
            let easing = Easing::new(control, values.get(name), wanted).filter(|_| scene.ease_secs > 0.0);
            match (easing, wanted) {
                (Some(easing), _) => drop(self.easings.insert(name.clone(), easing)),
                (None, wanted) if wanted == values.get(name) => {}
                (None, Some(value)) => {
                    if let Err(error) = self.desk.set(name, value.clone()) {
                        tracing::warn!(%error, "a scene asks for what this pack does not know");
                    }
                }
                (None, None) => drop(self.desk.release(name)),
            }
        }
    }

    /// A step of all that is on its way.
    fn ease(&mut self) {
        if self.easings.is_empty() {
            return;
        }
        let values = self.desk.values();
        let share = self.began.elapsed().as_secs_f64() / self.ease.as_secs_f64().max(f64::MIN_POSITIVE);
        let desk = &self.desk;
        self.easings.retain(|name, easing| {
            if values.get(name) != easing.last.as_ref() {
                // Somebody else has set it.
                return false;
            }
            if share >= 1.0 && easing.releases {
                drop(desk.release(name));
                return false;
            }
            let value = easing.value(share);
            if desk.set(name, value.clone()).is_err() {
                return false;
            }
            easing.last = Some(value);
            share < 1.0
        });
    }

    fn tell(&self) {
        let report = |(name, scene): (&String, &Scene)| SceneReport {
            name: name.clone(),
            about: scene.about.clone(),
            key: scene.key,
        };
        let mut told = lock(&self.report);
        told.scenes = self.scenes.iter().map(report).collect();
        told.scene = self.current.as_ref().map(|current| current.name.clone());
        told.pack = self.packs.current.clone();
        told.errors = self.errors.iter().map(FileError::to_string).chain(self.pack_error.clone()).collect();
    }
}

/// Opens packs on a thread of its own, one at a time.
struct Packs {
    mirror: Arc<SharedMirror>,
    /// The mirror of before any scene.
    home: Arc<Mirror>,
    /// The folder of the pack that is wanted; `None`: home.
    current: Option<PathBuf>,
    /// Counts what was wanted: what comes for an older wish is dropped.
    wish: Arc<AtomicU64>,
    ask: Sender<(u64, PathBuf)>,
    come: Receiver<(u64, Result<Arc<Mirror>, String>)>,
    home_is_due: bool,
}

impl Packs {
    /// `desk` wakes whoever waits for a pack.
    fn start(mirror: Arc<SharedMirror>, load: PackLoader, desk: Arc<Desk>) -> std::io::Result<Self> {
        let (home, _) = mirror.current();
        let ((ask, asked), (bring, come)) = (channel::<(u64, PathBuf)>(), channel());
        let wish = Arc::new(AtomicU64::new(0));
        let newest = wish.clone();
        let open = move || {
            for (number, folder) in asked {
                if number == newest.load(Ordering::Relaxed) {
                    let _ = bring.send((number, load(&folder).map(Arc::new)));
                    desk.wake();
                }
            }
        };
        std::thread::Builder::new().name("packs".into()).spawn(open)?;
        Ok(Self { mirror, home, current: None, wish, ask, come, home_is_due: false })
    }

    /// This pack is wanted from now on; the one that is there stays until it has come.
    fn want(&mut self, folder: Option<&Path>) {
        if self.current.as_deref() == folder {
            return;
        }
        self.current = folder.map(Path::to_owned);
        let number = self.wish.fetch_add(1, Ordering::Relaxed) + 1;
        self.home_is_due = folder.is_none();
        if let Some(folder) = folder {
            let _ = self.ask.send((number, folder.to_owned()));
        }
    }

    /// What came since.
    fn opened(&mut self) -> Option<Result<Arc<Mirror>, String>> {
        if std::mem::take(&mut self.home_is_due) {
            return Some(Ok(self.home.clone()));
        }
        let newest = self.wish.load(Ordering::Relaxed);
        self.come.try_iter().filter(|(number, _)| *number == newest).last().map(|(_, opened)| opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;
    use mirror::pack::Pack;
    use tempfile::TempDir;

    /// How long what must come may take on the busiest of computers.
    const PATIENCE: Duration = Duration::from_secs(120);

    struct Setting {
        folder: TempDir,
        stage: Stage,
    }

    fn open(load: PackLoader, files: &[(&str, &str)]) -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Arc::new(Mirror::new(&Pack::embedded().unwrap()).unwrap());
        let desk = Arc::new(Desk::new(mirror.inverter(), &["en", "de"]));
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let parts = PageParts { languages: set(&["en", "de"]), texts: set(&["begin"]), colours: set(&["accent"]) };
        let packs = Packs::start(Arc::new(SharedMirror::new(mirror)), load, desk.clone()).unwrap();
        let report = Arc::default();
        let mut setting = Setting {
            stage: Stage::new(folder.path().to_owned(), parts, desk, packs, report, Listing::default()),
            folder,
        };
        files.iter().for_each(|(name, text)| setting.write(name, text));
        setting
    }

    fn no_pack() -> PackLoader {
        Box::new(|folder| Err(format!("{}: not here", folder.display())))
    }

    impl Setting {
        /// Writes a scene's file and lets it be read.
        fn write(&mut self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).unwrap();
            self.stage.advance(datetime(2026, 11, 25, 12, 0, 0, 0));
        }

        fn set(&mut self, name: &str, text: &str) {
            self.stage.desk.set_text(name, text).unwrap();
            self.stage.advance(datetime(2026, 11, 25, 12, 0, 0, 0));
        }

        fn value(&self, name: &str) -> Option<Value> {
            self.stage.desk.values().remove(name)
        }

        fn report(&self) -> ScenesReport {
            lock(&self.stage.report).clone()
        }

        /// As if so much of the time of what is on its way were over.
        fn pass(&mut self, share: f64) {
            self.stage.began = Instant::now().checked_sub(self.stage.ease.mul_f64(share)).unwrap();
            self.stage.ease();
        }
    }

    const DAY: &str = "ease = 0\nkey = \"1\"\n[controls]\ncalm = true\nfeatures = 9\n[texts.en]\nbegin = \"Look\"\n";
    const NIGHT: &str = "ease = 1000\n[controls]\ndim = 0.5\n\"override/age\" = 80\n[colours]\naccent = \"#ff0080\"\n";

    #[test]
    fn a_scene_sets_what_it_names_and_releases_what_the_one_before_had_set() {
        let mut setting = open(no_pack(), &[("day.toml", DAY), ("night.toml", NIGHT), ("notes.txt", "no scene")]);
        assert_eq!(setting.stage.desk.look().scenes[0], SceneName { name: "day".into(), key: Some('1') });
        setting.set("hold", "on");
        setting.set("scene", "day");
        assert_eq!(
            (setting.value("calm"), setting.value("features")),
            (Some(Value::Switch(true)), Some(Value::Number(9.0)))
        );
        assert_eq!(setting.stage.desk.look().style.texts["en"]["begin"], "Look");
        setting.set("scene", "night");
        assert_eq!((setting.value("calm"), setting.value("override/age")), (None, Some(Value::Number(80.0))));
        setting.pass(0.5);
        assert!((setting.stage.desk.dim() - 0.25).abs() < 1e-3);
        let style = setting.stage.desk.look().style;
        assert_eq!((style.texts.len(), style.colours["accent"].as_str()), (0, "#ff0080"));
        setting.pass(1.0);
        assert_eq!((setting.value("dim"), setting.stage.easings.len()), (Some(Value::Number(0.5)), 0));
        // What somebody set by hand was never a scene's.
        setting.stage.desk.release("scene").unwrap();
        setting.stage.advance(datetime(2026, 11, 25, 12, 0, 0, 0));
        setting.pass(1.0);
        assert_eq!(setting.stage.desk.values().into_keys().collect::<Vec<_>>(), ["hold"]);
        assert_eq!((setting.report().switched, setting.report().scene), (3, None));
    }

    #[test]
    fn who_sets_a_control_that_is_on_its_way_has_it() {
        let mut setting = open(no_pack(), &[("night.toml", NIGHT)]);
        setting.set("scene", "night");
        setting.pass(0.2);
        setting.set("dim", "0.9");
        setting.pass(0.5);
        assert_eq!((setting.value("dim"), setting.stage.easings.len()), (Some(Value::Number(0.9)), 0));
    }

    #[test]
    fn a_file_that_is_edited_is_read_again_and_a_broken_one_changes_nothing() {
        let mut setting = open(no_pack(), &[("day.toml", DAY)]);
        setting.set("scene", "day");
        setting.write("day.toml", &DAY.replace("features = 9", "features = 12"));
        assert_eq!(setting.value("features"), Some(Value::Number(12.0)));
        for (broken, line, word) in [
            ("[controls]\nfeatures = ", 2, ""),
            ("[controls]\nfeatures = \"many\"", 2, "expected a whole number"),
            ("\n\n[controls]\nfaetures = 1", 4, "is no control"),
            ("[controls]\nscene = \"day\"", 2, "switches to no other"),
            ("\nease = -1", 2, "expected 0 to 3600 seconds"),
            ("key = \"F1\"", 1, "one letter or digit"),
            ("at = [\"18:00\", \"later\"]", 1, "found \"later\""),
            ("pack = \"nowhere\"", 1, "is no folder of a pack"),
            ("[texts.en]\nbegn = \"x\"", 2, "the page has no text"),
            ("[texts.la]\nbegin = \"x\"", 2, "expected one of de, en"),
            ("[colours]\naccent = \"red\"", 2, "expected #rrggbb"),
            ("[colours]\nshoes = \"#000000\"", 2, "expected one of accent"),
            ("wind = 3", 1, "wind"),
        ] {
            setting.write("day.toml", broken);
            let errors = setting.report().errors;
            let place = format!("day.toml:{line}: ");
            assert!(
                errors.len() == 1 && errors[0].contains(&place) && errors[0].contains(word),
                "{broken}: {errors:?}"
            );
            assert_eq!((setting.report().scenes.len(), setting.value("features")), (1, Some(Value::Number(12.0))));
        }
        setting.write("day.toml", DAY);
        assert_eq!((setting.report().errors.len(), setting.value("features")), (0, Some(Value::Number(9.0))));
        setting.write("twin.toml", "key = \"1\"");
        assert!(setting.report().errors[0].contains("the key 1 is that of the scene day"));
        // A scene whose file is gone is over.
        std::fs::remove_file(setting.folder.path().join("day.toml")).unwrap();
        setting.stage.advance(datetime(2026, 11, 25, 12, 0, 0, 0));
        assert_eq!((setting.value("features"), setting.report().scene), (None, None));
    }

    #[test]
    fn the_timetable_switches_once_and_what_is_asked_for_meanwhile_stays() {
        let at = |hour, minute| datetime(2026, 11, 25, hour, minute, 0, 0);
        let mut setting = open(no_pack(), &[]);
        let write = |name: &str, text: &str| std::fs::write(setting.folder.path().join(name), text).unwrap();
        write("day.toml", "at = [\"10:00\"]");
        write("night.toml", "at = [\"18:00\"]");
        // Whoever starts it at noon finds the day.
        for (now, scene) in [(at(12, 0), "day"), (at(17, 59), "day"), (at(18, 0), "night")] {
            setting.stage.advance(now);
            assert_eq!(setting.value("scene"), Some(Value::Word(scene.into())));
        }
        setting.stage.desk.set_text("scene", "day").unwrap();
        for (now, scene) in [(at(23, 0), "day"), (datetime(2026, 11, 26, 18, 1, 0, 0), "night")] {
            setting.stage.advance(now);
            assert_eq!(setting.value("scene"), Some(Value::Word(scene.into())));
        }
    }

    #[test]
    fn another_pack_is_opened_beside_and_taken_over_when_it_is_there() {
        let pack = tempfile::tempdir().unwrap();
        std::fs::write(pack.path().join("pack.toml"), "").unwrap();
        let is_broken = Arc::new(AtomicBool::new(true));
        let (asked, folder) = (is_broken.clone(), pack.path().display().to_string());
        let load: PackLoader = Box::new(move |folder| match asked.load(Ordering::Relaxed) {
            true => Err(format!("{}: broken", folder.display())),
            false => Ok(Mirror::new(&Pack::embedded().unwrap()).unwrap()),
        });
        let other = format!("pack = {folder:?}\nease = 0\n[controls]\nfeatures = 3\n");
        let mut setting = open(load, &[("other.toml", &other), ("plain.toml", "ease = 0")]);
        let shared = setting.stage.packs.mirror.clone();
        let (home, _) = shared.current();
        let wait = |setting: &mut Setting, until: &dyn Fn(&Setting) -> bool| {
            let began = Instant::now();
            while !until(setting) {
                assert!(began.elapsed() < PATIENCE, "it does not come");
                let step = setting.stage.desk.step();
                setting.stage.advance(datetime(2026, 11, 25, 12, 0, 0, 0));
                setting.stage.desk.wait(step, Duration::from_millis(10));
            }
        };
        setting.set("scene", "other");
        wait(&mut setting, &|setting| !setting.report().errors.is_empty());
        assert!(setting.report().errors[0].ends_with(": broken") && Arc::ptr_eq(&shared.current().0, &home));
        assert_eq!(setting.value("features"), Some(Value::Number(3.0)), "the rest of the scene is on");

        is_broken.store(false, Ordering::Relaxed);
        setting.set("scene", "plain");
        for _ in 0..3 {
            setting.set("scene", "other");
            wait(&mut setting, &|_| !Arc::ptr_eq(&shared.current().0, &home));
            setting.set("scene", "plain");
            wait(&mut setting, &|_| Arc::ptr_eq(&shared.current().0, &home));
        }
        assert_eq!((setting.report().errors.len(), setting.report().pack), (0, None));
        // Home, what is shared, and this test: nobody else keeps it.
        assert_eq!(Arc::strong_count(&home), 3);
    }

    #[test]
    fn a_folder_without_scenes_and_a_broken_one_are_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Arc::new(Mirror::new(&Pack::embedded().unwrap()).unwrap());
        let desk = Arc::new(Desk::new(mirror.inverter(), &["en"]));
        let shared = Arc::new(SharedMirror::new(mirror));
        let open = || {
            let parts = PageParts::default();
            Director::open(folder.path().to_owned(), desk.clone(), parts, shared.clone(), no_pack())
        };
        assert!(open().err().unwrap().to_string().contains("there is no scene in it"));
        std::fs::write(folder.path().join("a.toml"), "key = 1").unwrap();
        assert!(open().err().unwrap().to_string().contains("a.toml:1: invalid type"));
        std::fs::write(folder.path().join("a.toml"), "ease = 0\n[controls]\nhold = true").unwrap();
        let director = open().unwrap();
        desk.set_text("scene", "a").unwrap();
        let began = Instant::now();
        while director.report().scene.is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not switch");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(desk.values().contains_key("hold"));
    }
}
