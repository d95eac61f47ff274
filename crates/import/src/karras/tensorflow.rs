//! `tfutil.Network`, version 2: variables by name, weights as TensorFlow has them.

use super::arguments::{BuildArguments, expect_kind};
use crate::array::Array;
use crate::blueprint::{Blueprint, LayerBlueprint};
use crate::byte_reader::ByteReader;
use crate::discriminator::DiscriminatorBlueprint;
use crate::error::FormatError;
use crate::pickle::{Unexpected, Value, View};
use std::collections::{BTreeMap, HashMap};

const FUNCTIONS: [&str; 2] = ["G_paper", "D_paper"];

/// The state of a network, understood.
struct State<'a> {
    settings: BuildArguments<'a>,
    variables: HashMap<&'a str, &'a Array>,
    lod: f64,
    /// Weights are multiplied by gain/sqrt(fan-in) when they are used.
    use_wscale: bool,
    metadata: BTreeMap<String, String>,
}

/// The generator of a state.
pub fn generator(state: &View, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    let state = read(state, "G", source)?;
    let levels = state.settings.levels()?;
    let fused = state.settings.flag("fused_scale", true)?;
    let dense = state.layer("4x4/Dense", 2f64.sqrt() / 4.0, dense)?;
    let mut convs = vec![state.layer("4x4/Conv", 2f64.sqrt(), convolution)?];
    for level in 3..=levels {
        let side = 1 << level;
        convs.push(if fused {
            state.layer(&format!("{side}x{side}/Conv0_up"), 2f64.sqrt(), enlarging)?
        } else {
            state.layer(&format!("{side}x{side}/Conv0"), 2f64.sqrt(), convolution)?
        });
        convs.push(state.layer(&format!("{side}x{side}/Conv1"), 2f64.sqrt(), convolution)?);
    }
    let to_rgb = |level| state.layer(&format!("ToRGB_lod{}", levels - level), 1.0, convolution).map(Some);
    let to_rgb = (2..=levels).map(to_rgb).collect::<Result<_, _>>()?;
    Ok(Blueprint { dense, convs, to_rgb, lod: state.lod, metadata: state.metadata })
}

/// The discriminator of a state. Fused layers keep their name, `Conv1_down`: the activation comes after the mean over 2x2 pixels there,
/// and before it in `Conv1`.
pub fn discriminator(state: &View, source: &mut ByteReader) -> Result<DiscriminatorBlueprint, FormatError> {
    let mut state = read(state, "D", source)?;
    let levels = state.settings.levels()?;
    let fused = state.settings.flag("fused_scale", true)?;
    let gain = 2f64.sqrt();
    let mut layers = Vec::new();
    let mut add = |name: String, gain, turn: Turn| -> Result<(), FormatError> {
        let layer = state.layer(&name, gain, turn)?;
        layers.push((name, layer));
        Ok(())
    };
    for level in (2..=levels).rev() {
        add(format!("FromRGB_lod{}", levels - level), gain, convolution)?;
        if level > 2 {
            let side = 1 << level;
            add(format!("{side}x{side}/Conv0"), gain, convolution)?;
            add(format!("{side}x{side}/Conv1{}", if fused { "_down" } else { "" }), gain, convolution)?;
        }
    }
    add("4x4/Conv".into(), gain, convolution)?;
    add("4x4/Dense0".into(), gain, dense)?;
    add("4x4/Dense1".into(), 1.0, dense)?;
    state.metadata.insert("lod".into(), state.lod.to_string());
    Ok(DiscriminatorBlueprint { layers, metadata: state.metadata })
}

fn read<'a>(state: &View<'a>, kind: &'static str, source: &mut ByteReader) -> Result<State<'a>, FormatError> {
    let version = state.get("version")?.int()?;
    if version != 2 {
        return Err(FormatError::Setting { name: "version".into(), expected: "2", found: version.to_string() });
    }
    let function = state.get("build_func_name")?.text()?;
    expect_kind(function, kind, &FUNCTIONS)?;
    let settings = BuildArguments::of(&state.get("static_kwargs")?)?;
    settings.check()?;
    let (mut variables, mut lod) = (HashMap::new(), 0.0);
    for variable in state.get("variables")?.items()? {
        let pair = variable.items()?;
        let [name, value] = &pair[..] else { return Err(variable.unexpected("a name and an array").into()) };
        let name = name.text()?;
        match value.value() {
            Value::Array(array) if name == "lod" => lod = array.named(name).scalar(source)?,
            Value::Array(array) => drop(variables.insert(name, array)),
            Value::Float(_) | Value::Int(_) if name == "lod" => lod = value.number()?,
            _ => return Err(value.unexpected("an array").into()),
        }
    }
    let mut metadata = settings.describe();
    metadata.insert("imported_from".into(), format!("tfutil.Network version 2, {function}"));
    let use_wscale = settings.flag("use_wscale", true)?;
    Ok(State { settings, variables, lod, use_wscale, metadata })
}

/// Brings a weight from TensorFlow's layout to PyTorch's.
type Turn = fn(Array) -> Array;

impl State<'_> {
    fn variable(&self, name: &str) -> Result<Array, FormatError> {
        let missing = || Unexpected::Missing { place: "variables".into(), key: name.to_owned() };
        Ok(self.variables.get(name).ok_or_else(missing)?.named(name))
    }

    fn layer(&self, name: &str, gain: f64, turn: Turn) -> Result<LayerBlueprint, FormatError> {
        let weight = turn(self.variable(&format!("{name}/weight"))?);
        // All extents but that of the outputs.
        let fan_in: f64 = weight.shape.iter().skip(1).map(|d| *d as f64).product();
        let factor = if self.use_wscale { gain / fan_in.max(1.0).sqrt() } else { 1.0 };
        Ok(LayerBlueprint { weight: weight.times(factor), bias: self.variable(&format!("{name}/bias"))? })
    }
}

/// `[in, out]`.
fn dense(weight: Array) -> Array {
    weight.permuted(&[1, 0])
}

/// `[k, k, in, out]`.
fn convolution(weight: Array) -> Array {
    weight.permuted(&[3, 2, 0, 1])
}

/// `[k, k, out, in]`, for a transposed convolution of stride 2 by the kernel summed over its four shifts by a pixel.
///
/// In one dimension the sum is `[w0, w0 + w1, w1 + w2, w2]`, and so `y[2i] = (w0 + w1) x[i] + w2 x[i-1]`, `y[2i+1] = w0 x[i+1] +
/// (w1 + w2) x[i]`: the nearest-neighbour enlargement of x, convolved with `[w2, w1, w0]`.
fn enlarging(weight: Array) -> Array {
    weight.permuted(&[2, 3, 0, 1]).flipped(&[2, 3])
}
