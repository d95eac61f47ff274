//! A discriminator as its layers lie in a foreign file.

use crate::array::{Array, ArrayError};
use crate::blueprint::{BlueprintError, LayerBlueprint, MAX_VALUES};
use crate::byte_reader::ByteReader;
use nn::io::Weights;
use std::collections::BTreeMap;

/// The layers of a discriminator by the paper's names, run-time scale included.
pub struct DiscriminatorBlueprint {
    /// In the order of the flow: weights `[out, in, k, k]`, of dense layers `[out, in]` or `[out, maps, 4, 4]`.
    pub layers: Vec<(String, LayerBlueprint)>,
    /// What the file says of itself.
    pub metadata: BTreeMap<String, String>,
}

impl DiscriminatorBlueprint {
    /// Reads the weights, as our files have them: the paper's names, PyTorch's layouts.
    ///
    /// # Errors
    /// If the layers do not fit one another, are too large, or a weight cannot be read or is not finite.
    pub fn build(self, source: &mut ByteReader) -> Result<Weights, BlueprintError> {
        self.check()?;
        let mut weights = Weights { metadata: self.metadata, ..Weights::default() };
        for (name, layer) in self.layers {
            let dense = name.contains("Dense");
            for (part, array) in [("weight", &layer.weight), ("bias", &layer.bias)] {
                let shape = match array.shape[..] {
                    [out, ..] if dense && part == "weight" => vec![out, array.shape[1..].iter().product()],
                    _ => array.shape.clone(),
                };
                weights.tensors.insert(format!("{name}/{part}"), (shape, array.read(source)?));
            }
        }
        Ok(weights)
    }

    /// Follows the maps from the finest layer to the score.
    fn check(&self) -> Result<(), ArrayError> {
        // Colours, which may be one for grey, at every level; and what comes out of the layer before.
        let (mut colours, mut maps, mut values) = (None, 0, 0_usize);
        for (name, LayerBlueprint { weight, bias }) in &self.layers {
            let out = weight.shape.first().copied().unwrap_or(0);
            let inputs = weight.shape.get(1).copied().unwrap_or(0);
            let expected = if name.starts_with("FromRGB") {
                vec![out, *colours.get_or_insert(inputs), 1, 1]
            } else if name.ends_with("Dense0") {
                if weight.shape.len() == 4 { vec![out, maps, 4, 4] } else { vec![out, 16 * maps] }
            } else if name.ends_with("Dense1") {
                vec![1, maps]
            } else if name == "4x4/Conv" && inputs == maps + 1 {
                // How varied a batch is comes in as one more map.
                vec![out, maps + 1, 3, 3]
            } else {
                vec![out, maps, 3, 3]
            };

            // The layer has that shape, and all of them are not too large.
            weight.clone().expect(&expected)?;
            bias.clone().expect(&[out])?;
            values = values.saturating_add(expected.iter().fold(1, |n: usize, d| n.saturating_mul(*d)));
            if values > MAX_VALUES {
                return Err(too_large(weight));
            }

            // Every layer from colours but the first belongs to a picture that fades in: the maps go on from the layer before.
            if !name.starts_with("FromRGB") || name == "FromRGB_lod0" {
                maps = out;
            } else if out != maps {
                weight.clone().expect(&[maps, inputs, 1, 1])?;
            }
        }
        Ok(())
    }
}

fn too_large(weight: &Array) -> ArrayError {
    ArrayError::Huge { name: weight.name.clone(), shape: weight.shape.clone() }
}
