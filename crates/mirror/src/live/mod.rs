//! The live mirror: frames in, reflections out, viewers who come and go.
//!
//! [`LiveMirror`] analyses frames and says in a [`DrawRequest`] what the reflections are to show; a [`Renderer`] draws the newest request.
//! So the next frame is analysed while a picture is drawn. Both are told the seconds, as [`crate::motion`] is. Of a viewer they keep numbers
//! and the last reflection only, and forget them [`LEAVE_SECS`] plus [`TRANSITION_SECS`] after the viewer was seen last.
//!
//! [`Session`] is the live mirror of one client (a page, a window); [`Pipeline`] runs the sessions of all clients on three threads;
//! [`protocol`] holds the messages that pages exchange with it.

mod assignment;
mod desk;
mod idle_dream;
mod judgement;
mod live_mirror;
mod pipeline;
pub mod protocol;
mod renderer;
mod report;
mod rules;
mod session;
mod settings;
mod shared_mirror;
mod slot;
mod standing;
mod steps;
mod value;

pub use desk::{Closed, ControlDescription, Desk, DeskError, Look, PageStyle, SCENE, SceneName};
pub use live_mirror::{FrameResult, LiveMirror, TrackedFace};
pub use pipeline::{Client, Job, Pipeline, Policy};
pub use renderer::{DrawRequest, DueView, DueViews, RenderedView, Renderer};
pub use report::frame_report;
pub use rules::{ArchiveRules, Nearness, Permission, Rules};
pub use session::{Analysed, Audience, FrameFeed, LiveSession, Observer, OpenSession, OpenSessions, Session};
pub use settings::{ARRIVE_SECS, LEAVE_SECS, LiveSettings, TRANSITION_SECS};
pub use shared_mirror::SharedMirror;
pub use slot::{SlotState, Survival};
pub use value::{Range, Value};
