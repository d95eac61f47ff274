//! The names that programs in PyTorch give to the layers of a progressive GAN.
//!
//! | program | first layer | others | to colours |
//! |---|---|---|---|
//! | pytorch_GAN_zoo | `formatLayer` | `groupScale0.0`, `scaleLayers.{level}.{0,1}` | `toRGBLayers.{level}` |
//! | gandissect, ganspace (`proggan`) | `layer1.conv` | `layer{n}.conv`, bias `layer{n}.wscale.b` | `output_{size}x{size}.conv` |
//! | the same, before | `features.0.conv` | `features.{n}.conv`, scale `features.{n}.wscale.scale` | `output.conv` |
//! | genforce | `layer0` | `layer{n}` | `output{level}` |
//! | our twin (`checkpoint.pt`) | `layers.4x4/Dense` | `layers.8x8/Conv0`, ... | `layers.ToRGB_lod{n}` |

use crate::array::Array;
use crate::blueprint::{Blueprint, LayerBlueprint};
use crate::byte_reader::ByteReader;
use crate::error::FormatError;
use crate::pickle::{Unexpected, Value, View};
use std::collections::{BTreeMap, HashMap};

const SQRT2: f64 = std::f64::consts::SQRT_2;

/// Tensors by name.
pub struct StateDict<'a> {
    tensors: HashMap<String, &'a Array>,
}

impl<'a> StateDict<'a> {
    /// The tensors of a dictionary; what else is in it does not matter.
    pub fn of(view: &View<'a>) -> Result<Self, Unexpected> {
        let mut tensors = HashMap::new();
        for (name, view) in view.entries()? {
            if let Value::Array(array) = view.value() {
                // Wrappers for several devices, and for a scale at run time, put a word in.
                let name = name.strip_prefix("module.").unwrap_or(name).replace(".module.", ".");
                tensors.insert(name, array);
            }
        }
        Ok(Self { tensors })
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn get(&self, name: &str) -> Result<Array, FormatError> {
        let missing = || Unexpected::Missing { place: "the state dict".into(), key: name.to_owned() };
        Ok(self.tensors.get(name).ok_or_else(missing)?.named(name))
    }

    /// How many of these names there are, from `first` on without a gap.
    fn count(&self, first: usize, name: impl Fn(usize) -> String) -> usize {
        (first..).take_while(|&i| self.has(&name(i))).count()
    }
}

/// The layers of whichever program's they are. `root` is the whole file, which may hold settings.
///
/// # Errors
/// If they are none's that we know, or a layer is missing.
pub fn generator(state: &StateDict, root: &View, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    if state.has("formatLayer.weight") {
        gan_zoo(state, root)
    } else if state.has("layer1.conv.weight") {
        proggan(state, source, |n| format!("layer{}", n + 1))
    } else if state.has("features.0.conv.weight") {
        proggan(state, source, |n| format!("features.{n}"))
    } else if state.has("layer0.weight") && state.has("output0.weight") {
        genforce(state, source)
    } else if state.has("layers.4x4/Dense.weight") {
        twin(state, root)
    } else {
        let mut names: Vec<String> = state.tensors.keys().map(|name| format!("{name:?}")).collect();
        names.sort_unstable();
        names.truncate(4);
        Err(FormatError::UnknownPort { names: if names.is_empty() { "nothing".into() } else { names.join(", ") } })
    }
}

fn from(program: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("imported_from".to_owned(), program.to_owned())])
}

/// gain/sqrt(fan-in) of a weight `[out, in, ...]`.
fn he(weight: &Array, gain: f64) -> f64 {
    let fan_in: f64 = weight.shape.iter().skip(1).map(|d| *d as f64).product();
    gain / fan_in.max(1.0).sqrt()
}

/// A 4x4 kernel `[maps, latent, 4, 4]` over one pixel amid zeros: a correlation writes it turned around.
fn kernel_of_a_pixel(weight: Array) -> Array {
    weight.flipped(&[2, 3]).permuted(&[0, 2, 3, 1])
}

/// `facebookresearch/pytorch_GAN_zoo`, PGAN. Its run-time scale multiplies the bias along, has the gain sqrt(2) everywhere, and its
/// first layer has a bias for every value.
fn gan_zoo(state: &StateDict, root: &View) -> Result<Blueprint, FormatError> {
    let (equalized, alpha) = match root.find("config")? {
        Some(config) => zoo_settings(&config)?,
        None => (true, 0.0),
    };
    let layer = |name: &str| -> Result<LayerBlueprint, FormatError> {
        let weight = state.get(&format!("{name}.weight"))?;
        let factor = if equalized { he(&weight, SQRT2) } else { 1.0 };
        Ok(LayerBlueprint { weight: weight.times(factor), bias: state.get(&format!("{name}.bias"))?.times(factor) })
    };
    let scales = state.count(0, |i| format!("scaleLayers.{i}.0.weight"));
    let mut convs = vec![layer("groupScale0.0")?];
    for i in 0..scales {
        convs.extend([layer(&format!("scaleLayers.{i}.0"))?, layer(&format!("scaleLayers.{i}.1"))?]);
    }
    let to_rgb = |i| layer(&format!("toRGBLayers.{i}")).map(Some);
    let to_rgb = (0..=scales).map(to_rgb).collect::<Result<_, _>>()?;
    let metadata = from("pytorch_GAN_zoo, PGAN");
    Ok(Blueprint { dense: layer("formatLayer")?, convs, to_rgb, lod: alpha, metadata })
}

/// Whether weights are scaled at run time, and how much of the last level is still to fade in.
fn zoo_settings(config: &View) -> Result<(bool, f64), FormatError> {
    let config = match config.value() {
        Value::Dict(_) => config.clone(),
        _ => config.object()?.1,
    };
    let number = |key: &str, default: f64| -> Result<f64, Unexpected> {
        match config.find(key)? {
            None => Ok(default),
            Some(view) => match view.value() {
                Value::Bool(value) => Ok(f64::from(u8::from(*value))),
                _ => view.number(),
            },
        }
    };
    let must = |key: &str, expected: f64, words: &'static str| -> Result<(), FormatError> {
        let found = number(key, expected)?;
        if (found - expected).abs() < 1e-6 {
            return Ok(());
        }
        Err(FormatError::Setting { name: key.to_owned(), expected: words, found: found.to_string() })
    };
    must("leakyReluLeak", 0.2, "0.2")?;
    must("perChannelNormalization", 1.0, "True")?;
    must("categoryVectorDim", 0.0, "0: a mirror has no labels to give")?;
    Ok((number("equalizedlR", 1.0)? != 0.0, number("alpha", 0.0)?))
}

/// `proggan` of gandissect and its heirs: pixel norm before each layer, which comes to the same, and one way to colours.
fn proggan(state: &StateDict, source: &mut ByteReader, name: fn(usize) -> String) -> Result<Blueprint, FormatError> {
    let count = state.count(0, |n| format!("{}.conv.weight", name(n)));
    let mut layer = |name: &str, gain: f64| -> Result<LayerBlueprint, FormatError> {
        let weight = state.get(&format!("{name}.conv.weight"))?;
        // Older files have the scale as a number of its own.
        let scale = format!("{name}.wscale.scale");
        let factor = if state.has(&scale) { state.get(&scale)?.scalar(source)? } else { he(&weight, gain) };
        Ok(LayerBlueprint { weight: weight.times(factor), bias: state.get(&format!("{name}.wscale.b"))? })
    };
    let LayerBlueprint { weight, bias } = layer(&name(0), SQRT2)?;
    let dense = LayerBlueprint { weight: kernel_of_a_pixel(weight), bias };
    let convs = (1..count).map(|n| layer(&name(n), SQRT2)).collect::<Result<Vec<_>, _>>()?;
    let levels = count / 2;
    let side = 2_usize.checked_shl(levels as u32).unwrap_or(0);
    let sized = format!("output_{side}x{side}");
    let output = if state.has(&format!("{sized}.conv.weight")) { sized } else { "output".to_owned() };
    let mut to_rgb: Vec<Option<LayerBlueprint>> = (1..levels).map(|_| None).collect();
    to_rgb.push(Some(layer(&output, 1.0)?));
    Ok(Blueprint { dense, convs, to_rgb, lod: 0.0, metadata: from("proggan (gandissect)") })
}

/// `PGGANGenerator` of genforce, unfused.
fn genforce(state: &StateDict, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    let layer = |name: String, gain: f64| -> Result<LayerBlueprint, FormatError> {
        let weight = state.get(&format!("{name}.weight"))?;
        let factor = he(&weight, gain);
        Ok(LayerBlueprint { weight: weight.times(factor), bias: state.get(&format!("{name}.bias"))? })
    };
    let LayerBlueprint { weight, bias } = layer("layer0".into(), SQRT2)?;
    let dense = LayerBlueprint { weight: kernel_of_a_pixel(weight), bias };
    let count = state.count(0, |n| format!("layer{n}.weight"));
    let convs = (1..count).map(|n| layer(format!("layer{n}"), SQRT2)).collect::<Result<Vec<_>, _>>()?;
    let to_rgb = (0..count / 2).map(|i| layer(format!("output{i}"), 1.0).map(Some)).collect::<Result<_, _>>()?;
    let lod = if state.has("lod") { state.get("lod")?.scalar(source)? } else { 0.0 };
    Ok(Blueprint { dense, convs, to_rgb, lod, metadata: from("genforce, PGGANGenerator") })
}

/// `checkpoint.pt` of the PyTorch twin of our trainer.
fn twin(state: &StateDict, root: &View) -> Result<Blueprint, FormatError> {
    let layer = |name: &str, gain: f64| -> Result<LayerBlueprint, FormatError> {
        let weight = state.get(&format!("layers.{name}.weight"))?;
        let factor = he(&weight, gain);
        Ok(LayerBlueprint { weight: weight.times(factor), bias: state.get(&format!("layers.{name}.bias"))? })
    };
    let levels = 1 + state.count(0, |lod| format!("layers.ToRGB_lod{lod}.weight"));
    let mut convs = vec![layer("4x4/Conv", SQRT2)?];
    for level in 3..=levels {
        let side = 1_usize.checked_shl(level as u32).unwrap_or(0);
        for i in 0..2 {
            convs.push(layer(&format!("{side}x{side}/Conv{i}"), SQRT2)?);
        }
    }
    let to_rgb = |level| layer(&format!("ToRGB_lod{}", levels - level), 1.0).map(Some);
    let to_rgb = (2..=levels).map(to_rgb).collect::<Result<_, _>>()?;

    // How far training was; older checkpoints say it in other words.
    let number = |name| root.find(name)?.map(|v| v.number()).transpose();
    let lod = match (number("lod")?, number("level")?, number("fade")?) {
        (Some(lod), ..) => lod,
        (None, Some(level), fade) => levels as f64 - level + fade.unwrap_or(0.0),
        (None, None, _) => return Err(FormatError::Untold),
    };
    Ok(Blueprint {
        dense: layer("4x4/Dense", SQRT2 / 4.0)?,
        convs,
        to_rgb,
        lod,
        metadata: from("train_pggan_torch.py"),
    })
}
