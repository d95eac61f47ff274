//! The generator as an ONNX model of opset 17: `latent` `[batch, latent_size]` in, `picture` `[batch, 3, r, r]` out, red, green, blue, about -1
//! to 1. The pixel norm of the latents is part of it. Fields and numbers are those of `onnx.proto3`.

use super::protobuf::Message;
use mirror::generator::Generator;
use std::collections::BTreeMap;

/// The version of the operators' definitions.
pub const OPSET: i64 = 17;
/// The version of the format that came with them.
const IR_VERSION: i64 = 8;

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// The layer to colours at the full resolution.
const LAST: &str = "ToRGB_lod0";

/// The bytes of the model.
pub fn onnx(generator: &Generator, about: &BTreeMap<String, String>) -> Vec<u8> {
    let config = generator.config();
    let mut graph = Graph::default();
    // Of the layers to colours, the last is used.
    for p in generator.params().into_iter().filter(|p| !p.name.starts_with("ToRGB") || p.name.starts_with(LAST)) {
        let (shape, values) = generator.filed(p);
        graph.floats(&p.name, &shape, &values);
    }
    graph.floats("epsilon", &[], &[1e-8]);
    graph.floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let maps = config.maps(1) as i64;
    graph.ints("4x4", &[-1, maps, 4, 4]);
    graph.ints("pixels", &[-1, maps, 16]);
    graph.ints("biases", &[1, maps, -1]);

    let z = graph.pixel_norm("latent");
    let x = graph.node("Gemm", &[&z, "4x4/Dense/weight"], &[int("transB", 1)]);
    let x = graph.node("Reshape", &[&x, "pixels"], &[]);
    // One a map, or one a map and pixel.
    let bias = graph.node("Reshape", &["4x4/Dense/bias", "biases"], &[]);
    let x = graph.node("Add", &[&x, &bias], &[]);
    let x = graph.node("Reshape", &[&x, "4x4"], &[]);
    let x = graph.activation(&x);
    let x = graph.conv("4x4/Conv", &x, 3);
    let mut x = graph.activation(&x);
    for level in 3..=config.levels() {
        let size = 1 << level;
        let attributes = [
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        x = graph.node("Resize", &[&x, "", "twice"], &attributes);
        for i in 0..2 {
            x = graph.conv(&format!("{size}x{size}/Conv{i}"), &x, 3);
            x = graph.activation(&x);
        }
    }
    let picture = graph.conv(LAST, &x, 1);
    graph.nodes.push(node("Identity", &[&picture], "picture", &[]));

    let side = Dimension::Of(config.resolution);
    let graph = Message::default()
        .messages(1, graph.nodes)
        .text(2, "narcissus_generator")
        .messages(5, graph.initializers)
        .message(11, value("latent", &[Dimension::Batch, Dimension::Of(config.latent_size)]))
        .message(12, value("picture", &[Dimension::Batch, Dimension::Of(3), side, side]));
    let entries = about.iter().map(|(key, value)| Message::default().text(1, key).text(2, value));
    Message::default()
        .int(1, IR_VERSION)
        .text(2, "narcissus")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, graph)
        .message(8, Message::default().text(1, "").int(2, OPSET))
        .messages(14, entries)
        .into_bytes()
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
}

impl Graph {
    /// A constant of numbers.
    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(tensor(name, FLOAT, shape, &bytes));
    }

    /// A constant list of whole numbers.
    fn ints(&mut self, name: &str, values: &[i64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(tensor(name, INT64, &[values.len()], &bytes));
    }

    /// An operation; gives back the name of what it makes.
    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Message]) -> String {
        let output = format!("{operator}_{}", self.nodes.len());
        self.nodes.push(node(operator, inputs, &output, attributes));
        output
    }

    /// `x / sqrt(mean over maps of x^2 + 1e-8)`.
    fn pixel_norm(&mut self, x: &str) -> String {
        let square = self.node("Mul", &[x, x], &[]);
        let mean = self.node("ReduceMean", &[&square], &[ints("axes", &[1]), int("keepdims", 1)]);
        let sum = self.node("Add", &[&mean, "epsilon"], &[]);
        let root = self.node("Sqrt", &[&sum], &[]);
        self.node("Div", &[x, &root], &[])
    }

    /// Leaky ReLU, then pixel norm.
    fn activation(&mut self, x: &str) -> String {
        let slope = Message::default().text(1, "alpha").float(2, 0.2).int(20, 1);
        let x = self.node("LeakyRelu", &[x], &[slope]);
        self.pixel_norm(&x)
    }

    fn conv(&mut self, name: &str, x: &str, kernel: i64) -> String {
        let pad = kernel / 2;
        let attributes = [ints("kernel_shape", &[kernel; 2]), ints("pads", &[pad; 4])];
        self.node("Conv", &[x, &format!("{name}/weight"), &format!("{name}/bias")], &attributes)
    }
}

fn tensor(name: &str, data_type: i64, shape: &[usize], bytes: &[u8]) -> Message {
    let dims = shape.iter().fold(Message::default(), |message, &d| message.int(1, d as i64));
    dims.int(2, data_type).text(8, name).run(9, bytes)
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let message = inputs.iter().fold(Message::default(), |message, input| message.text(1, input));
    let message = message.text(2, output).text(3, output).text(4, operator);
    attributes.iter().fold(message, |message, attribute| message.run(5, attribute.as_bytes()))
}

fn int(name: &str, value: i64) -> Message {
    Message::default().text(1, name).int(3, value).int(20, 2)
}

fn ints(name: &str, values: &[i64]) -> Message {
    let message = Message::default().text(1, name);
    values.iter().fold(message, |message, &value| message.int(8, value)).int(20, 7)
}

fn text(name: &str, value: &str) -> Message {
    Message::default().text(1, name).text(4, value).int(20, 3)
}

#[derive(Clone, Copy)]
enum Dimension {
    Batch,
    Of(usize),
}

/// The type and shape of the model's input or output.
fn value(name: &str, shape: &[Dimension]) -> Message {
    let dims = shape.iter().map(|dimension| match dimension {
        Dimension::Batch => Message::default().text(2, "batch"),
        Dimension::Of(extent) => Message::default().int(1, *extent as i64),
    });
    let shape = Message::default().messages(1, dims);
    let tensor = Message::default().int(1, FLOAT).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}
