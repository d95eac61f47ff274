//! Weights as the shaders read them: blocks of four input maps and four output maps.

use crate::plan::Storage;
use std::ops::Range;

/// Bindings begin at multiples of this many bytes on any card.
const ALIGNMENT: usize = 256;

/// Quads for so many maps; the last may be filled up with noughts.
pub fn quads(maps: usize) -> usize {
    maps.div_ceil(4)
}

/// All weights of a plan, one after the other.
pub struct Blob {
    pub bytes: Vec<u8>,
    storage: Storage,
}

impl Blob {
    pub fn new(storage: Storage) -> Self {
        Self { bytes: Vec::new(), storage }
    }

    /// Values that are always f32: biases and colours. Where they lie.
    pub fn add_floats(&mut self, values: impl IntoIterator<Item = f32>) -> Range<usize> {
        self.add(|bytes| values.into_iter().for_each(|v| bytes.extend(v.to_le_bytes())))
    }

    /// Weights, in the plan's storage. Where they lie.
    pub fn add_weights(&mut self, values: impl IntoIterator<Item = f32>) -> Range<usize> {
        match self.storage {
            Storage::F32 => self.add_floats(values),
            Storage::F16 => self.add(|bytes| {
                values.into_iter().for_each(|v| bytes.extend(half::f16::from_f32(v).to_le_bytes()));
            }),
        }
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let begin = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        self.bytes.resize(end.next_multiple_of(ALIGNMENT), 0);
        begin..end
    }
}

/// A weight `[products][inputs][outputs]` as `[quads of inputs][quads of outputs][products][input of 4][output of 4]`.
pub fn blocks(weight: &[f32], products: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    assert_eq!(weight.len(), products * inputs * outputs, "values of a weight");
    let mut blocks = vec![0.0; quads(inputs) * quads(outputs) * products * 16];
    for (row, values) in weight.chunks_exact(outputs).enumerate() {
        let (product, input) = (row / inputs, row % inputs);
        for (output, v) in values.iter().enumerate() {
            let block = (input / 4 * quads(outputs) + output / 4) * products + product;
            blocks[block * 16 + input % 4 * 4 + output % 4] = *v;
        }
    }
    blocks
}

/// The weight of a dense layer `[inputs][16 pixels][outputs]` as `[quads of inputs][quads of outputs][16 pixels][input of 4][output of 4]`.
pub fn dense_blocks(weight: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let row = 16 * outputs;
    let by_pixel = (0..16).flat_map(|pixel| {
        weight.chunks_exact(row).flat_map(move |values| &values[pixel * outputs..][..outputs]).copied()
    });
    blocks(&by_pixel.collect::<Vec<f32>>(), 16, inputs, outputs)
}

/// Values `[rows][outputs]` as `[quads of outputs][rows][output of 4]`.
pub fn by_quads(values: &[f32], outputs: usize) -> Vec<f32> {
    let rows = values.len() / outputs;
    let mut turned = vec![0.0; quads(outputs) * rows * 4];
    for (row, values) in values.chunks_exact(outputs).enumerate() {
        for (output, v) in values.iter().enumerate() {
            turned[(output / 4 * rows + row) * 4 + output % 4] = *v;
        }
    }
    turned
}

/// The nine weights of an enlarging convolution that is made of maps as they are, of a weight `[3][3][inputs][outputs]`: along each axis
/// the first, the sum of all three, the last.
pub fn enlarging(weight: &[f32]) -> Vec<f32> {
    let n = weight.len() / 9;
    let along = |k: usize| match k {
        0 => 0..1,
        1 => 0..3,
        _ => 2..3,
    };
    let mut nine = vec![0.0; weight.len()];
    for (product, sum) in nine.chunks_exact_mut(n).enumerate() {
        for (y, x) in along(product / 3).flat_map(|y| along(product % 3).map(move |x| (y, x))) {
            sum.iter_mut().zip(&weight[(y * 3 + x) * n..]).for_each(|(s, w)| *s += w);
        }
    }
    nine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_four_inputs_and_outputs() {
        // Products, inputs, outputs as digits of the value.
        let weight: Vec<f32> =
            (0..2).flat_map(|p| (0..5).flat_map(move |i| (0..3).map(move |o| (100 * p + 10 * i + o) as f32))).collect();
        let blocks = blocks(&weight, 2, 5, 3);
        assert_eq!(blocks.len(), 2 * 2 * 16);
        assert_eq!(blocks[..16], [0., 1., 2., 0., 10., 11., 12., 0., 20., 21., 22., 0., 30., 31., 32., 0.]);
        assert_eq!(blocks[48..52], [140., 141., 142., 0.], "the fifth input of the second product");
        assert!(blocks[52..].iter().all(|v| *v == 0.0));
    }

    #[test]
    fn weights_lie_where_a_binding_may_begin() {
        let mut blob = Blob::new(Storage::F16);
        assert_eq!(blob.add_weights([1.0, -2.0]), 0..4);
        assert_eq!(blob.add_floats([1.0, -2.0, 0.5]), 256..268);
        assert_eq!(blob.bytes.len(), 512);
        assert_eq!(blob.bytes[..4], [0x00, 0x3c, 0x00, 0xc0]);
    }

    #[test]
    fn nine_weights_of_an_enlarging_convolution() {
        let weight: Vec<f32> = (1..10).map(|v| v as f32).collect();
        assert_eq!(enlarging(&weight), [1., 6., 3., 12., 45., 18., 7., 24., 9.]);
    }
}
