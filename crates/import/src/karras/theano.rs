//! `network.Network`, the older files: parameters in the order in which Lasagne's layers have them, without names.

use super::arguments::{BuildArguments, expect_kind};
use crate::array::{Array, Data, ElementType};
use crate::blueprint::{Blueprint, LayerBlueprint};
use crate::byte_reader::ByteReader;
use crate::discriminator::DiscriminatorBlueprint;
use crate::error::FormatError;
use crate::pickle::{Unexpected, Value, View};
use std::collections::BTreeMap;

const FUNCTIONS: [&str; 4] = ["G_paper", "G_progressive_8", "D_paper", "D_progressive_8"];

/// The parameters that are left, in their order.
struct Parameters<'a, 's> {
    left: std::vec::IntoIter<View<'a>>,
    /// How many have been taken.
    taken: usize,
    /// Each weight is followed by the number that it is multiplied by.
    use_wscale: bool,
    source: &'s mut ByteReader,
}

/// The generator of a state.
pub fn generator(state: &View, source: &mut ByteReader) -> Result<Blueprint, FormatError> {
    let (settings, lod, metadata) = read(state, "G")?;
    let levels = settings.levels()?;
    let mut parameters = Parameters::of(state, &settings, source)?;
    // A convolution of one pixel with a 4x4 kernel writes the kernel: nothing to flip.
    let dense = parameters.layer("4x4/Dense", |w| w.permuted(&[0, 2, 3, 1]))?;
    let mut convs = vec![parameters.layer("4x4/Conv", convolution)?];
    for level in 3..=levels {
        for i in 0..2 {
            convs.push(parameters.layer(&format!("{side}x{side}/Conv{i}", side = 1 << level), convolution)?);
        }
    }
    // From the finest.
    let to_rgb = |lod| parameters.layer(&format!("ToRGB_lod{lod}"), one_by_one).map(Some);
    let mut to_rgb: Vec<_> = (0..levels - 1).map(to_rgb).collect::<Result<_, _>>()?;
    to_rgb.reverse();
    Ok(Blueprint { dense, convs, to_rgb, lod, metadata })
}

/// The discriminator of a state.
pub fn discriminator(state: &View, source: &mut ByteReader) -> Result<DiscriminatorBlueprint, FormatError> {
    let (settings, lod, mut metadata) = read(state, "D")?;
    let levels = settings.levels()?;
    let mut parameters = Parameters::of(state, &settings, source)?;
    let mut layers = Vec::new();
    let mut add = |name: String, turn: Turn| -> Result<(), FormatError> {
        let layer = parameters.layer(&name, turn)?;
        layers.push((name, layer));
        Ok(())
    };
    add("FromRGB_lod0".into(), one_by_one)?;
    for level in (3..=levels).rev() {
        add(format!("{side}x{side}/Conv0", side = 1 << level), convolution)?;
        add(format!("{side}x{side}/Conv1", side = 1 << level), convolution)?;
        add(format!("FromRGB_lod{}", levels - level + 1), one_by_one)?;
    }
    add("4x4/Conv".into(), convolution)?;
    // A convolution that leaves one pixel of 4x4: the kernel lies flipped.
    add("4x4/Dense0".into(), |w| w.flipped(&[2, 3]))?;
    add("4x4/Dense1".into(), |w| w.permuted(&[1, 0]))?;
    metadata.insert("lod".into(), lod.to_string());
    // These files have groups of 16 where the later have 4.
    metadata.insert("setting_mbstd_group_size".into(), "16".into());
    Ok(DiscriminatorBlueprint { layers, metadata })
}

type Described = BTreeMap<String, String>;

fn read<'a>(state: &View<'a>, kind: &'static str) -> Result<(BuildArguments<'a>, f64, Described), FormatError> {
    let spec = state.get("build_func_spec")?;
    let function = spec.get("func")?.text()?;
    expect_kind(function, kind, &FUNCTIONS)?;
    let settings = BuildArguments::of(&spec)?;
    settings.check()?;
    let lod = match state.find("toplevel_params")? {
        Some(parameters) => parameters.find("cur_lod")?.map_or(Ok(0.0), |lod| lod.number())?,
        None => 0.0,
    };
    let mut metadata = settings.describe();
    metadata.insert("imported_from".into(), format!("network.Network (Theano), {function}"));
    Ok((settings, lod, metadata))
}

/// Brings a weight from Lasagne's layout to PyTorch's.
type Turn = fn(Array) -> Array;

impl<'a, 's> Parameters<'a, 's> {
    fn of(state: &View<'a>, settings: &BuildArguments, source: &'s mut ByteReader) -> Result<Self, FormatError> {
        let left = state.get("param_values")?.items()?.into_iter();
        Ok(Self { left, taken: 0, use_wscale: settings.flag("use_wscale", true)?, source })
    }

    /// The next parameter, which should be `what`.
    fn next(&mut self, what: &str) -> Result<Array, FormatError> {
        let name = format!("param_values[{}], {what}", self.taken);
        self.taken += 1;
        let missing = || Unexpected::Missing { place: "param_values".into(), key: what.to_owned() };
        let view = self.left.next().ok_or_else(missing)?;
        Ok(match view.value() {
            Value::Float(number) => {
                Array::packed(Data::Here(number.to_le_bytes().to_vec()), ElementType::F64, vec![], false).named(&name)
            }
            _ => view.array()?.named(&name),
        })
    }

    fn layer(&mut self, name: &str, turn: Turn) -> Result<LayerBlueprint, FormatError> {
        let weight = turn(self.next(&format!("{name}/weight"))?);
        let scale = if self.use_wscale { self.next(&format!("{name}/wscale"))?.scalar(self.source)? } else { 1.0 };
        Ok(LayerBlueprint { weight: weight.times(scale), bias: self.next(&format!("{name}/bias"))? })
    }
}

/// `[out, in, k, k]`, for a true convolution, which turns the kernel around.
fn convolution(weight: Array) -> Array {
    weight.flipped(&[2, 3])
}

/// `[in, out]`.
fn one_by_one(weight: Array) -> Array {
    weight.permuted(&[1, 0]).with_axes(4)
}
