//! Python's pickles, read without Python: a pickle is a program, and this runs only the part of it that makes data.
//!
//! Nothing is ever imported or called: a name that a pickle imports is looked up in the list [`known`], and what it
//! would do there is done in `calls`. All else is refused and named.

mod calls;
mod fault;
mod known;
mod machine;
mod text_codes;
mod value;

pub use fault::{Fault, PickleError};
pub use known::{Foreign, Known};
pub use machine::load;
pub use value::{Pickle, Unexpected, Value, View};
