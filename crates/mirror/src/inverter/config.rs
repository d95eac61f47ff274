//! Sizes and constants of an inverter, and how its file says them.

use super::quantiles::LIMIT;
use crate::features::greedy::Number;
use std::collections::BTreeMap;

/// The largest layer that a file may ask for.
const MAX_WIDTH: usize = 4096;
/// The most numbers that an order may have.
const MAX_NUMBERS: usize = 1024;

/// Sizes and constants of an inverter; they travel in the metadata of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct InverterConfig {
    /// The numbers that it takes of a face, the one that says most about it first.
    pub order: Vec<Number>,
    /// Coordinates of a latent.
    pub latent_size: usize,
    /// Width of g's two hidden layers.
    pub hidden: usize,
    /// Width of F's hidden layer.
    pub forward_hidden: usize,
    /// From 0, all people share one noise, to 1, everybody has their own; an angle in quarter turns.
    pub individuality: f32,
    /// Gradient steps on F after g.
    pub refine_steps: usize,
    /// Faces that the detector sees worse than this score, in F's opinion, are avoided.
    pub quality_target: f32,
}

impl InverterConfig {
    /// As the file's metadata holds them.
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let order: Vec<String> = self.order.iter().map(Number::to_string).collect();
        [
            ("order", order.join(" ")),
            ("latent_size", self.latent_size.to_string()),
            ("hidden", self.hidden.to_string()),
            ("forward_hidden", self.forward_hidden.to_string()),
            ("individuality", self.individuality.to_string()),
            ("refine_steps", self.refine_steps.to_string()),
            ("quality_target", self.quality_target.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// From the file's metadata.
    ///
    /// # Errors
    /// If an entry is missing or out of bounds.
    pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<Self, nn::Error> {
        let number = |key: &str, low: f32, high: f32| -> Result<f32, nn::Error> {
            let text = metadata.get(key).map_or("", String::as_str);
            let value = text.parse().ok().filter(|v: &f32| (low..=high).contains(v));
            value.ok_or_else(|| {
                nn::Error::Metadata(format!("\"{key}\": expected a number from {low} to {high}, found \"{text}\""))
            })
        };
        let width = |key: &str| Ok::<_, nn::Error>(number(key, 2.0, MAX_WIDTH as f32)? as usize);

        let names = metadata.get("order").map_or("", String::as_str);
        let order: Vec<Number> = names
            .split_whitespace()
            .map(|name| name.parse().map_err(|e| nn::Error::Metadata(format!("\"order\": {e}"))))
            .collect::<Result<_, _>>()?;
        if !(1..=MAX_NUMBERS).contains(&order.len()) {
            let message = format!("\"order\": expected 1 to {MAX_NUMBERS} numbers, found {}", order.len());
            return Err(nn::Error::Metadata(message));
        }

        Ok(Self {
            order,
            latent_size: width("latent_size")?,
            hidden: width("hidden")?,
            forward_hidden: width("forward_hidden")?,
            individuality: number("individuality", 0.0, 1.0)?,
            refine_steps: number("refine_steps", 0.0, 1000.0)? as usize,
            quality_target: number("quality_target", -LIMIT, LIMIT)?,
        })
    }
}
