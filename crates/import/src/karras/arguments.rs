//! The arguments that a network was built with. They say what the weights mean; shapes come from the weights.

use crate::error::FormatError;
use crate::pickle::{Unexpected, Value, View};
use std::collections::BTreeMap;

/// The keyword arguments of a network's building function, with the defaults of `networks.py`.
pub struct BuildArguments<'a> {
    entries: Vec<(&'a str, View<'a>)>,
}

impl<'a> BuildArguments<'a> {
    /// Of a dictionary.
    pub fn of(view: &View<'a>) -> Result<Self, Unexpected> {
        Ok(Self { entries: view.entries()? })
    }

    fn find(&self, key: &str) -> Option<&View<'a>> {
        self.entries.iter().rev().find(|(k, _)| *k == key).map(|(_, view)| view)
    }

    /// A truth value.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, Unexpected> {
        match self.find(key).map(|view| (view, view.value())) {
            None => Ok(default),
            Some((_, Value::Bool(value))) => Ok(*value),
            Some((_, Value::Int(value))) => Ok(*value != 0),
            Some((view, _)) => Err(view.unexpected("a bool")),
        }
    }

    /// The level of the full resolution, log2 of pixels.
    pub fn levels(&self) -> Result<usize, FormatError> {
        let resolution = self.find("resolution").map_or(Ok(32), View::int)?;
        match (2..=10).find(|level| resolution == 1 << level) {
            Some(level) => Ok(level),
            None => Err(refused("resolution", "a power of two from 4 to 1024", resolution.to_string())),
        }
    }

    /// Refuses what neither generator nor discriminator of ours can do.
    pub fn check(&self) -> Result<(), FormatError> {
        for (key, needed) in [
            ("normalize_latents", true),
            ("use_pixelnorm", true),
            ("use_leakyrelu", true),
            ("use_batchnorm", false),
            ("use_layernorm", false),
        ] {
            if self.flag(key, needed)? != needed {
                return Err(refused(key, if needed { "True" } else { "False" }, (!needed).to_string()));
            }
        }
        let labels = self.find("label_size").map_or(Ok(0), View::int)?;
        if labels != 0 {
            return Err(refused("label_size", "0: a mirror has no labels to give", labels.to_string()));
        }
        let epsilon = self.find("pixelnorm_epsilon").map_or(Ok(1e-8), View::number)?;
        if (epsilon - 1e-8).abs() > 1e-12 {
            return Err(refused("pixelnorm_epsilon", "1e-8", epsilon.to_string()));
        }
        for key in ["tanh_at_end", "mbdisc_kernels"] {
            if let Some(view) = self.find(key).filter(|view| *view.value() != Value::None) {
                return Err(refused(key, "None", view.value().kind().to_owned()));
            }
        }
        Ok(())
    }

    /// Those that are numbers, truth values or short texts, for people to read.
    pub fn describe(&self) -> BTreeMap<String, String> {
        let text = |view: &View| match view.value() {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            _ => view.text().ok().map(|t| t.escape_debug().to_string()),
        };
        let described = self.entries.iter().filter_map(|(key, view)| Some((key, text(view)?)));
        described.take(64).map(|(key, text)| (format!("setting_{}", key.escape_debug()), text)).collect()
    }
}

fn refused(name: &str, expected: &'static str, found: String) -> FormatError {
    FormatError::Setting { name: name.to_owned(), expected, found }
}

/// Refuses a function that builds something else than what was asked for: `kind` is "G" or "D".
pub fn expect_kind(function: &str, kind: &'static str, known: &[&str]) -> Result<(), FormatError> {
    if known.contains(&function) && function.starts_with(kind) {
        return Ok(());
    }
    Err(FormatError::OtherNetwork { function: function.to_owned(), kind })
}
