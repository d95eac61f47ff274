//! Whose faces the mirror takes for what, and whom it fails: audits, the exhibit's label, and what hangs together in a pack's eyes.
//!
//! An [`Audit`] looks at people, each of whom belongs to groups, and asks of every group how it fares beside everybody else: whether the mirror
//! finds a face, how it judges it, and what of it comes back in the reflection. A [`Counterfactual`] holds people as they are, changes one
//! verdict, and asks what changes with it. Both give data; [`page`], [`label`] and [`counterfactual`] make pages of it that need no script and can
//! be printed.

mod audits;
mod case;
mod chart;
mod columns;
pub mod counterfactual;
mod findings;
mod html;
pub mod label;
mod measure;
pub mod page;
mod significance;
mod subjects;
mod words;

pub use audits::{AUDIT_FILE, Audits};
pub use counterfactual::Counterfactual;
pub use findings::{Audit, Comparison, Figure, LEAST_PEOPLE, Overall};
pub use measure::Measure;
pub use subjects::Subjects;
pub use words::{LANGUAGES, Words};
