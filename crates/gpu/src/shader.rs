//! The text of a step's shader: constants, then the files that it is made of.

use crate::plan::Storage;
use std::fmt::Write;

/// What a step does with the sums of its convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Leaves them to be added up.
    Sums,
    /// Finishes maps.
    Maps,
    /// Finishes maps and turns them to colours.
    Picture(Pixels),
}

/// How colours are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// Red, green, blue and 255 as bytes.
    Bytes,
    /// Red, green, blue and nought as f32, for comparisons.
    Floats,
}

impl Pixels {
    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bytes => 4,
            Self::Floats => 16,
        }
    }
}

/// A shader of these constants and parts.
pub struct Shader(String);

impl Shader {
    pub fn new(storage: Storage) -> Self {
        let mut text = String::new();
        writeln!(text, "const LEAK = {:?}f;\nconst EPSILON = {:?}f;", LEAK, EPSILON).expect("written to memory");
        text.push_str(match storage {
            Storage::F32 => include_str!("shaders/storage_f32.wgsl"),
            Storage::F16 => include_str!("shaders/storage_f16.wgsl"),
        });
        Self(text)
    }

    /// With a constant.
    pub fn with(mut self, name: &str, value: usize) -> Self {
        writeln!(self.0, "const {name} = {value}u;").expect("written to memory");
        self
    }

    /// With what finishes so many maps: the constants and parts of `emit`.
    pub fn emitting(mut self, emit: Emit, maps: usize, pixel_biases: bool) -> Self {
        if emit != Emit::Sums {
            writeln!(self.0, "const MAPS = {maps}f;\nconst PIXEL_BIASES = {pixel_biases};").expect("written to memory");
            self.0.push_str(include_str!("shaders/activation.wgsl"));
        }
        self.0.push_str(match emit {
            Emit::Sums => include_str!("shaders/to_sums.wgsl"),
            Emit::Maps => include_str!("shaders/to_maps.wgsl"),
            Emit::Picture(Pixels::Bytes) => {
                concat!(include_str!("shaders/pixel_bytes.wgsl"), include_str!("shaders/to_picture.wgsl"))
            }
            Emit::Picture(Pixels::Floats) => {
                concat!(include_str!("shaders/pixel_floats.wgsl"), include_str!("shaders/to_picture.wgsl"))
            }
        });
        self
    }

    /// The whole text, which ends with this part.
    pub fn ending(mut self, part: &str) -> String {
        self.0.push_str(part);
        self.0
    }
}

/// Slope of the leaky ReLU below nought, and what pixel norm adds to the mean square, as everywhere in the generator.
const LEAK: f32 = mirror::generator::LEAK;
const EPSILON: f32 = mirror::generator::EPSILON;

pub const DENSE: &str = include_str!("shaders/dense.wgsl");
pub const GATHER: &str = include_str!("shaders/gather.wgsl");
pub const SAME: &str =
    concat!(include_str!("shaders/tile.wgsl"), include_str!("shaders/patch.wgsl"), include_str!("shaders/same.wgsl"));
pub const ENLARGE: &str = concat!(
    include_str!("shaders/tile.wgsl"),
    include_str!("shaders/patch.wgsl"),
    include_str!("shaders/enlarge.wgsl")
);
