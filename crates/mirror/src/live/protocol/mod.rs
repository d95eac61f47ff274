//! The messages that a page and the mirror exchange, version [`VERSION`].
//!
//! | from | message | when |
//! |---|---|---|
//! | page | text, [`Controls`] as JSON | whenever a control changes |
//! | page | binary, [`FrameHeader`] and a JPEG | for each frame of the camera |
//! | mirror | text, [`Answer`] as JSON | for each frame: analysed, skipped or refused |
//! | mirror | text, [`Answer::Look`] as JSON | when the desk wants pages to look otherwise |
//! | mirror | binary, [`PictureHeader`] and a JPEG | for each picture that was drawn |
//!
//! A page first reads [`PageSettings`] as `settings.json`, and again when [`Look::packs`] says that the mirror has another pack.
//!
//! [`Answer::Analysed`] and [`Answer::Refused`] acknowledge every older frame, too;
//! [`Answer::Skipped`], which says that a newer frame overtook this one, acknowledges its own only. A frame is refused if it cannot be read or
//! if the mirror fails on it; that can also happen after it was analysed, when its picture cannot be drawn. Unreadable controls are refused
//! with `seq` 0, and the previous ones stay in force. Pictures come when they are drawn, which is less often than answers where drawing is
//! slower than the camera.
//!
//! Words about a viewer are those of [`ViewReport::judgement`], which is smoothed; the verdicts of a face are those of its frame alone. Where
//! [`Controls::steps`] is on, [`ViewReport::steps`] tells what the inverter takes and what it gives; where [`Controls::nearest`] is,
//! [`ViewReport::standing`] tells whom of the archive the viewer lies nearest to.
//!
//! [`VERSION`] rises when a message changes so that an older page or mirror would misread it; a new control or verdict needs no new version.

mod controls;
mod header;
mod numbers;
mod report;

pub use controls::Controls;
pub use header::{FRAME_HEADER_BYTES, FrameHeader, PICTURE_HEADER_BYTES, PictureHeader};
pub use numbers::{NumberDescription, Unit};
pub use report::{DataSizes, FrameReport, Judgement, State, Steps, TrackedFaceReport, ViewReport};

use crate::engine::Reader;
use crate::features::{Group, Measures};
use crate::inverter::Inverter;
use crate::live::{ArchiveRules, Look, Permission};
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of all messages. A page of another version is refused.
pub const VERSION: u8 = 2;

/// Why a message cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// Another program, or nothing that belongs here.
    #[error("not a frame of the mirror's protocol")]
    NotAFrame,
    /// A page of another version.
    #[error("version {found}: expected version {VERSION}\nhint: reload the page")]
    Version {
        /// What the message says.
        found: u8,
    },
    /// A payload that is no JPEG.
    #[error("format {found}: expected format 0, a JPEG")]
    Format {
        /// What the message says.
        found: u8,
    },
    /// Controls of more bytes than all controls together take.
    #[error("controls of {found} bytes: at most {most} are read")]
    TooLong {
        /// How many.
        found: usize,
        /// How many at most.
        most: usize,
    },
    /// The message is not valid controls.
    #[error("controls: {0}")]
    Controls(#[from] serde_json::Error),
}

/// What a page is told before the first message.
#[derive(Clone, Debug, Serialize)]
pub struct PageSettings {
    /// [`VERSION`].
    pub version: u8,
    /// The groups of features that the inverter knows, in the order in which they are shown.
    pub groups: Vec<Group>,
    /// The inverter's order, the number that says most first; empty where the mirror has no inverter.
    pub numbers: Vec<NumberDescription>,
    /// Whether the mirror has a camera of its own, so that the page needs none.
    pub has_camera: bool,
    /// A part of the name of the camera that the page uses; empty: the one that the browser takes.
    pub camera: String,
    /// Whether eyes that stay closed for three seconds begin and end a visit.
    pub gesture: bool,
    /// By how many degrees the page turns its camera's pictures clockwise, unless somebody chose otherwise there: 0, 90, 180 or 270.
    pub rotate: u16,
    /// Whether the page then exchanges left and right.
    pub mirror: bool,
    /// What the page runs the mirror with, where it has no server.
    pub module: Option<ModuleSettings>,
    /// What is in force in this house.
    pub house: House,
    /// What the people who run the mirror ask of the page's look; `null` where nobody can.
    pub look: Option<Look>,
}

/// What is in force in a house, for visitors to read and pages to obey.
#[derive(Clone, Debug, Serialize)]
pub struct House {
    /// What is measured of visitors, and what is told.
    pub measures: Measures,
    /// What visitors may do.
    pub visitors: Vec<Permission>,
    /// Seconds that a visit may last; as long as one likes without it.
    pub visit_secs: Option<f64>,
    /// When the mirror is open, as it is written for people; always, where it is empty.
    pub hours: Vec<String>,
    /// The notice of the house, by language; none of its own, where it is empty.
    pub notice: BTreeMap<String, String>,
    /// Whether numbers are sent to other programs.
    pub sends_numbers: bool,
    /// What is told of the archive; `null` where the mirror has none.
    pub archive: Option<ArchiveRules>,
}

impl Default for House {
    /// All is measured and told that can be, and everything allowed.
    fn default() -> Self {
        Self {
            measures: Measures::default(),
            visitors: Permission::ALL.to_vec(),
            visit_secs: None,
            hours: Vec::new(),
            notice: BTreeMap::new(),
            sends_numbers: false,
            archive: None,
        }
    }
}

/// A mirror that runs in the page, as crate `wasm` has it.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleSettings {
    /// The module.
    pub plain: SiteFile,
    /// The one with threads, for pages that may have some.
    pub threads: Option<SiteFile>,
    /// The pack's manifest and nets.
    pub files: Vec<SiteFile>,
    /// How many viewers are reflected, side by side.
    pub views: usize,
    /// Pixels a side that are drawn at most.
    pub max_resolution: usize,
    /// What draws, see [`ModuleDevice`].
    pub device: ModuleDevice,
}

/// What draws where the mirror runs in the browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleDevice {
    /// The processor.
    #[default]
    Cpu,
    /// The graphics card through WebGPU, or what the browser has in place of one.
    Gpu,
    /// A graphics card, once it has shown that it draws the same faster.
    Auto,
}

/// A file that the page fetches.
#[derive(Clone, Debug, Serialize)]
pub struct SiteFile {
    /// Its name.
    pub name: String,
    /// Where it lies, seen from the page. It changes with what is in the file.
    pub url: String,
    /// Its size.
    pub bytes: usize,
}

impl Default for PageSettings {
    /// For the camera of the page, which hangs upright.
    fn default() -> Self {
        Self {
            version: VERSION,
            groups: Group::ALL.to_vec(),
            numbers: Vec::new(),
            has_camera: false,
            camera: String::new(),
            gesture: false,
            rotate: 0,
            mirror: true,
            module: None,
            house: House::default(),
            look: None,
        }
    }
}

impl PageSettings {
    /// For the camera of the page, and a mirror with this inverter.
    pub fn of(inverter: &Inverter) -> Self {
        Self::default().with_inverter(inverter)
    }

    /// The same for a mirror with these nets, which may know no archive.
    pub fn with_reader(self, reader: &Reader) -> Self {
        let mut settings = self.with_inverter(reader.inverter());
        settings.house.archive = settings.house.archive.filter(|_| reader.atlas().is_some());
        settings
    }

    /// The same for a mirror with another inverter.
    pub fn with_inverter(self, inverter: &Inverter) -> Self {
        let numbers = inverter.order().iter().copied().map(NumberDescription::from).collect();
        Self { groups: inverter.groups(), numbers, ..self }
    }
}

/// The answer to a frame.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer<'a> {
    /// It was analysed.
    Analysed {
        /// The number of the frame.
        seq: u32,
        /// What was found in it.
        report: &'a FrameReport,
        /// The controls that were in force.
        controls: &'a Controls,
        /// How fast the mirror is.
        performance: Performance,
    },
    /// A newer frame overtook it.
    Skipped {
        /// The number of the frame.
        seq: u32,
    },
    /// No answer to a frame: how the desk wants pages to look. It comes whenever that may have changed.
    Look(&'a Look),
    /// It cannot be read, or the mirror failed on it.
    Refused {
        /// The number of the frame; 0 for controls.
        seq: u32,
        /// Why, for people to read.
        error: &'a str,
    },
}

/// How fast the mirror has been over the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Performance {
    /// Frames analysed a second.
    pub frames_per_second: f64,
    /// Pictures drawn a second.
    pub pictures_per_second: f64,
    /// From a frame's arrival to its encoded picture, median, milliseconds.
    pub latency_p50_ms: f64,
    /// The same, 95th percentile, milliseconds.
    pub latency_p95_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_say_what_became_of_their_frame() {
        let json = |answer: Answer| serde_json::to_value(answer).unwrap();
        assert_eq!(json(Answer::Skipped { seq: 7 }), json!({"type": "skipped", "seq": 7}));
        let refused = json(Answer::Refused { seq: 0, error: "a \"word\"" });
        assert_eq!(refused, json!({"type": "refused", "seq": 0, "error": "a \"word\""}));
        let (report, controls) = (FrameReport::default(), Controls::default());
        let performance = Performance::default();
        let analysed = json(Answer::Analysed { seq: 1, report: &report, controls: &controls, performance });
        assert_eq!(analysed["report"]["state"], "dreaming");
        assert_eq!(analysed["controls"]["features"], json!(null));
    }

    #[test]
    fn the_page_is_told_every_number_of_the_order() {
        let order = crate::inverter::tests::order();
        let settings = serde_json::to_value(PageSettings::of(&crate::inverter::tests::inverter())).unwrap();
        let told = settings["numbers"].as_array().unwrap();
        assert_eq!(told.len(), order.len());
        assert!(order.iter().zip(told).all(|(number, told)| told["name"] == number.to_string()));
        assert_eq!(told[1], json!({"name": "0-16/x", "group": "shape", "unit": "eye_distance"}));
    }

    #[test]
    fn the_page_is_told_every_group() {
        let settings = serde_json::to_value(PageSettings { has_camera: true, ..PageSettings::default() }).unwrap();
        assert_eq!(settings["groups"].as_array().unwrap().len(), Group::ALL.len());
        let expression = Group::ALL.iter().position(|g| *g == Group::Expression).unwrap();
        assert_eq!(settings["groups"][expression], "expression");
        assert_eq!(settings["numbers"], json!([]));
        assert_eq!((&settings["version"], &settings["has_camera"]), (&json!(VERSION), &json!(true)));
    }
}
