//! What a pickle may hold, laid out flat: values name one another by number, so that a cycle is only a number and
//! nothing that follows references ever recurses.

use super::known::Known;
use crate::array::{Array, ElementType};
use crate::byte_reader::Span;

/// The number of a value in its [`Pickle`].
pub type Id = usize;

/// Bytes or text.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// Few enough to be kept.
    Here(Vec<u8>),
    /// Left in the file.
    There(Span),
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number.
    Float(f64),
    /// Text, in UTF-8.
    Text(Run),
    /// Bytes; text, too, in what Python 2 wrote.
    Bytes(Run),
    /// Bytes that were written as text, a character a byte.
    BytesAsText(Span),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, ordered or not, in the order of the file.
    Dict(Vec<(Id, Id)>),
    /// A name that the file imports.
    Global(Known),
    /// A NumPy dtype.
    Dtype(ElementType),
    /// A NumPy array before its shape and bytes are known.
    Unbuilt,
    /// A NumPy array or a PyTorch tensor.
    Array(Array),
    /// The bytes behind PyTorch tensors.
    Storage {
        /// Its name in the file.
        key: String,
        /// What it holds.
        dtype: ElementType,
    },
    /// An instance of a class, with its state once it is known.
    Object(Known, Option<Id>),
}

impl Value {
    /// What it is, for errors.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Text(_) => "text",
            Self::Bytes(_) | Self::BytesAsText(_) => "bytes",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(known) => known.name(),
            Self::Dtype(_) => "a dtype",
            Self::Unbuilt => "an array without its state",
            Self::Array(_) => "an array",
            Self::Storage { .. } => "a storage",
            Self::Object(known, _) => known.name(),
        }
    }
}

/// All values of a pickle.
#[derive(Debug)]
pub struct Pickle {
    pub(super) values: Vec<Value>,
    pub(super) root: Id,
}

/// A value where another was expected.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Unexpected {
    /// Of another kind.
    #[error("{place}: expected {expected}, found {found}")]
    Kind {
        /// Where.
        place: String,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A key is not in a dictionary.
    #[error("{place}: no \"{key}\" in it")]
    Missing {
        /// Where.
        place: String,
        /// What should be there.
        key: String,
    },
}

/// A value in its pickle, with the way that led to it.
#[derive(Clone)]
pub struct View<'a> {
    pickle: &'a Pickle,
    id: Id,
    place: String,
}

impl Pickle {
    /// The value that the pickle stands for.
    pub fn root(&self) -> View<'_> {
        View { pickle: self, id: self.root, place: "the pickle".into() }
    }

    /// Tells arrays where their storages are.
    pub fn place_storages(&mut self, find: impl Fn(&str) -> Option<Span>) {
        use crate::array::Data;
        for value in &mut self.values {
            if let Value::Array(array) = value
                && let Data::Storage(key) = &array.data
                && let Some(span) = find(key)
            {
                array.data = Data::There(span);
            }
        }
    }

    /// Every storage that the pickle speaks of: its name and what it holds.
    pub fn storages(&self) -> impl Iterator<Item = (&str, ElementType)> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage { key, dtype } => Some((key.as_str(), *dtype)),
            _ => None,
        })
    }
}

impl<'a> View<'a> {
    /// What it is.
    pub fn value(&self) -> &'a Value {
        &self.pickle.values[self.id]
    }

    /// Where it is, for errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Says that something else belongs here.
    pub fn unexpected(&self, expected: &'static str) -> Unexpected {
        Unexpected::Kind { place: self.place.clone(), expected, found: self.value().kind() }
    }

    fn at(&self, id: Id, step: &str) -> Self {
        Self { pickle: self.pickle, id, place: format!("{}, {step}", self.place) }
    }

    /// Text, also as Python 2 wrote it.
    ///
    /// # Errors
    /// If it is something else, or longer than any name.
    pub fn text(&self) -> Result<&'a str, Unexpected> {
        let (Value::Text(Run::Here(bytes)) | Value::Bytes(Run::Here(bytes))) = self.value() else {
            return Err(self.unexpected("short text"));
        };
        std::str::from_utf8(bytes).map_err(|_| self.unexpected("text in UTF-8"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// If it is something else.
    pub fn int(&self) -> Result<i128, Unexpected> {
        match self.value() {
            Value::Int(value) => Ok(*value),
            _ => Err(self.unexpected("an int")),
        }
    }

    /// A number, whole or not.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self) -> Result<f64, Unexpected> {
        match self.value() {
            Value::Int(value) => Ok(*value as f64),
            Value::Float(value) => Ok(*value),
            _ => Err(self.unexpected("a number")),
        }
    }

    /// An array.
    ///
    /// # Errors
    /// If it is something else.
    pub fn array(&self) -> Result<&'a Array, Unexpected> {
        match self.value() {
            Value::Array(array) => Ok(array),
            _ => Err(self.unexpected("an array")),
        }
    }

    /// The entries of a tuple or a list.
    ///
    /// # Errors
    /// If it is something else.
    pub fn items(&self) -> Result<Vec<Self>, Unexpected> {
        match self.value() {
            Value::Tuple(ids) | Value::List(ids) => {
                Ok(ids.iter().enumerate().map(|(i, &id)| self.at(id, &format!("entry {i}"))).collect())
            }
            _ => Err(self.unexpected("a tuple or a list")),
        }
    }

    /// The entries of a dictionary whose keys are text; others are left out.
    ///
    /// # Errors
    /// If it is something else.
    pub fn entries(&self) -> Result<Vec<(&'a str, Self)>, Unexpected> {
        let Value::Dict(pairs) = self.value() else { return Err(self.unexpected("a dict")) };
        let named = pairs.iter().filter_map(|&(key, value)| {
            let key = self.at(key, "a key").text().ok()?;
            Some((key, self.at(value, &format!("\"{key}\""))))
        });
        Ok(named.collect())
    }

    /// What a dictionary has under a key: the last, as in Python, if a file has it twice.
    ///
    /// # Errors
    /// If it is no dictionary.
    pub fn find(&self, key: &str) -> Result<Option<Self>, Unexpected> {
        Ok(self.entries()?.into_iter().rev().find(|(k, _)| *k == key).map(|(_, value)| value))
    }

    /// What a dictionary must have under a key.
    ///
    /// # Errors
    /// If it is no dictionary or does not have it.
    pub fn get(&self, key: &str) -> Result<Self, Unexpected> {
        let missing = || Unexpected::Missing { place: self.place.clone(), key: key.to_owned() };
        self.find(key)?.ok_or_else(missing)
    }

    /// The state of an instance of a class.
    ///
    /// # Errors
    /// If it is something else.
    pub fn object(&self) -> Result<(Known, Self), Unexpected> {
        match self.value() {
            Value::Object(known, Some(state)) => Ok((*known, self.at(*state, "its state"))),
            _ => Err(self.unexpected("an instance of a class")),
        }
    }
}
