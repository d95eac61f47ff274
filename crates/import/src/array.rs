//! An array that still lies in a foreign file: its shape is known, its values are read when a layer is filled.

use crate::byte_reader::{ByteReader, ReadError, Span};
use half::{bf16, f16};

/// How a file stores a number, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// IEEE half precision.
    F16,
    /// The upper half of a single precision number.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// A whole number of so many bytes, or a truth value: never a weight.
    Whole {
        /// 1, 2, 4 or 8.
        bytes: usize,
        /// Two's complement.
        signed: bool,
    },
}

impl ElementType {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Whole { bytes, .. } => bytes,
        }
    }
}

/// Where the bytes of an array are.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Here: they were few.
    Here(Vec<u8>),
    /// In the file.
    There(Span),
    /// In the file as UTF-8 text, a character a byte: how Python 3 writes bytes in protocol 2.
    Text(Span),
    /// In the storage of this name, which another part of the file holds.
    Storage(String),
}

/// A view of numbers in a file. Changing its shape costs nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// What to call it in errors.
    pub name: String,
    /// Where the bytes are.
    pub data: Data,
    /// How the numbers are stored.
    pub dtype: ElementType,
    /// Numbers before its first.
    pub offset: usize,
    /// Extents; the last varies fastest in what is read.
    pub shape: Vec<usize>,
    /// Numbers from one entry to the next along each axis.
    pub strides: Vec<isize>,
    /// Which axis in the file each axis is, so that errors speak of the file's layout.
    pub axes: Vec<usize>,
    /// All values are to be multiplied by this.
    pub factor: f64,
}

/// The most numbers of a layer: the published generators have up to 4.2 million (512 coordinates to 512 maps of 4x4).
const MAX_NUMBERS: usize = 1 << 24;

/// What is wrong with an array.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// It has another shape.
    #[error("tensor \"{name}\": expected {expected:?}, file has {found:?}")]
    Shape {
        /// Which.
        name: String,
        /// What the net needs, in the file's layout.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// It is not made of floating-point numbers.
    #[error("tensor \"{name}\": expected floating-point numbers, file has {found:?}")]
    Type {
        /// Which.
        name: String,
        /// What the file has.
        found: ElementType,
    },
    /// It claims more numbers than it has bytes for.
    #[error("tensor \"{name}\": shape {shape:?} needs {needed} bytes, file has {found}")]
    Bytes {
        /// Which.
        name: String,
        /// What it claims.
        shape: Vec<usize>,
        /// The bytes for that.
        needed: u64,
        /// The bytes there are.
        found: u64,
    },
    /// It has more numbers than any layer.
    #[error("tensor \"{name}\": shape {shape:?} is larger than any layer of a generator")]
    Huge {
        /// Which.
        name: String,
        /// What it claims.
        shape: Vec<usize>,
    },
    /// It holds NaN or infinity.
    #[error("tensor \"{name}\" holds a value that is not finite, at index {index}")]
    NotFinite {
        /// Which.
        name: String,
        /// Where in it, axes flattened.
        index: usize,
    },
    /// Its storage is not part of the file.
    #[error("tensor \"{name}\": storage \"{key}\" is not in the file")]
    NoStorage {
        /// Which.
        name: String,
        /// The storage.
        key: String,
    },
    /// Its bytes are no text of characters up to 255, as they should be.
    #[error("tensor \"{name}\": its bytes, written as text, are damaged")]
    Text {
        /// Which.
        name: String,
    },
    /// The file ends too early.
    #[error("tensor \"{name}\": {source}")]
    Source {
        /// Which.
        name: String,
        /// What is wrong.
        source: ReadError,
    },
}

impl Array {
    /// Numbers side by side, the last axis fastest, or the first for Fortran's order.
    pub fn packed(data: Data, dtype: ElementType, shape: Vec<usize>, fortran: bool) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut step = 1_isize;
        let axes: Vec<usize> = if fortran { (0..shape.len()).collect() } else { (0..shape.len()).rev().collect() };
        for axis in axes {
            strides[axis] = step;
            step = step.saturating_mul(isize::try_from(shape[axis]).unwrap_or(isize::MAX));
        }
        Self::strided(data, dtype, 0, shape, strides)
    }

    /// Numbers wherever strides lead.
    pub fn strided(data: Data, dtype: ElementType, offset: usize, shape: Vec<usize>, strides: Vec<isize>) -> Self {
        let axes = (0..shape.len()).collect();
        Self { name: String::new(), data, dtype, offset, shape, strides, axes, factor: 1.0 }
    }

    /// The same under a name.
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same with every value multiplied.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.factor *= factor;
        self
    }

    /// Refuses another shape.
    ///
    /// # Errors
    /// Names both shapes.
    pub fn expect(self, expected: &[usize]) -> Result<Self, ArrayError> {
        if self.shape == expected {
            return Ok(self);
        }
        let as_filed = |shape: &[usize]| {
            let mut filed: Vec<_> = self.axes.iter().zip(shape).collect();
            filed.sort();
            filed.into_iter().map(|(_, extent)| *extent).collect()
        };
        // Shapes of another rank were never permuted with the file's in mind.
        let expected = if expected.len() == self.shape.len() { as_filed(expected) } else { expected.to_vec() };
        Err(ArrayError::Shape { expected, found: as_filed(&self.shape), name: self.name })
    }

    /// Axis `i` of the result is axis `axes[i]` of this. One of another number of axes stays as it is, for
    /// [`Array::expect`] to refuse.
    #[must_use]
    pub fn permuted(mut self, axes: &[usize]) -> Self {
        if axes.len() == self.shape.len() {
            self.axes = axes.iter().map(|&a| self.axes[a]).collect();
            (self.shape, self.strides) = axes.iter().map(|&a| (self.shape[a], self.strides[a])).unzip();
        }
        self
    }

    /// The same with the order along some axes turned around.
    #[must_use]
    pub fn flipped(mut self, axes: &[usize]) -> Self {
        for &axis in axes.iter().filter(|&&axis| axis < self.shape.len()) {
            let last = self.shape[axis].saturating_sub(1) as isize;
            self.offset = self.offset.wrapping_add_signed(last.wrapping_mul(self.strides[axis]));
            self.strides[axis] = self.strides[axis].wrapping_neg();
        }
        self
    }

    /// The same with axes of one entry behind, until there are `count`.
    #[must_use]
    pub fn with_axes(mut self, count: usize) -> Self {
        while self.shape.len() < count {
            self.axes.push(self.shape.len());
            self.shape.push(1);
            self.strides.push(0);
        }
        self
    }

    /// How many numbers there are, if that is no more than a layer can have.
    fn numbers(&self) -> Result<usize, ArrayError> {
        let product = self.shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d)).filter(|n| *n <= MAX_NUMBERS);
        product.ok_or_else(|| ArrayError::Huge { name: self.name.clone(), shape: self.shape.clone() })
    }

    /// The values, the last axis fastest.
    ///
    /// # Errors
    /// If they are no floating-point numbers, not all there, or not finite.
    pub fn read(&self, source: &mut ByteReader) -> Result<Vec<f32>, ArrayError> {
        let numbers = self.numbers()?;
        if matches!(self.dtype, ElementType::Whole { .. }) {
            return Err(ArrayError::Type { name: self.name.clone(), found: self.dtype });
        }
        if numbers == 0 {
            return Ok(Vec::new());
        }

        // The bytes that the view touches.
        let (first, end) = self.range()?;
        let bytes = self.bytes(source, first, end)?;

        // One step a number, carried along the axes from the last.
        let mut values = Vec::with_capacity(numbers);
        let mut index = vec![0; self.shape.len()];
        // An axis of one entry is never stepped along, whatever its stride is said to be.
        let strides: Vec<isize> =
            self.shape.iter().zip(&self.strides).map(|(&d, &s)| if d == 1 { 0 } else { s }).collect();
        let mut at = self.offset as isize - first as isize;
        for i in 0..numbers {
            let value = (decode(&bytes, at as usize, self.dtype) * self.factor) as f32;
            if !value.is_finite() {
                return Err(ArrayError::NotFinite { name: self.name.clone(), index: i });
            }
            values.push(value);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= strides[axis] * index[axis] as isize;
                index[axis] = 0;
            }
        }
        Ok(values)
    }

    /// The number in an array of one.
    ///
    /// # Errors
    /// As [`Array::read`], or if there are more.
    pub fn scalar(&self, source: &mut ByteReader) -> Result<f64, ArrayError> {
        if self.shape.iter().any(|d| *d != 1) {
            return Err(ArrayError::Shape { name: self.name.clone(), expected: vec![], found: self.shape.clone() });
        }
        Ok(f64::from(self.read(source)?[0]))
    }

    /// The first number of the data that the view touches, and the one after its last.
    fn range(&self) -> Result<(usize, usize), ArrayError> {
        let reach = |sign: isize| -> Option<isize> {
            self.shape.iter().zip(&self.strides).try_fold(self.offset as isize, |at, (&d, &s)| {
                if s.signum() == sign { at.checked_add(s.checked_mul(d as isize - 1)?) } else { Some(at) }
            })
        };
        let range = reach(-1).zip(reach(1)).and_then(|(first, last)| {
            Some((usize::try_from(first).ok()?, usize::try_from(last).ok()?.checked_add(1)?))
        });
        range.ok_or_else(|| ArrayError::Huge { name: self.name.clone(), shape: self.shape.clone() })
    }

    /// The bytes of the numbers `first..end` of the data.
    fn bytes(&self, source: &mut ByteReader, first: usize, end: usize) -> Result<Vec<u8>, ArrayError> {
        let size = self.dtype.bytes() as u64;
        let short = |found: u64| {
            let needed = (end as u64).saturating_mul(size);
            ArrayError::Bytes { name: self.name.clone(), shape: self.shape.clone(), needed, found }
        };
        let io = |source| ArrayError::Source { name: self.name.clone(), source };

        // Strides that leave numbers out must not make a small tensor read a large file.
        if end - first > MAX_NUMBERS {
            return Err(ArrayError::Huge { name: self.name.clone(), shape: self.shape.clone() });
        }
        let (from, to) = ((first as u64).saturating_mul(size), (end as u64).saturating_mul(size));
        let len = to - from;

        match &self.data {
            Data::Here(bytes) => {
                let part = bytes.get(from as usize..to as usize);
                part.map(<[u8]>::to_vec).ok_or_else(|| short(bytes.len() as u64))
            }
            Data::There(span) => {
                if to > span.len {
                    return Err(short(span.len));
                }
                source.go_to(span.at + from).and_then(|()| source.take(len)).map_err(io)
            }
            Data::Text(span) => {
                // A character up to 255 has at most two bytes.
                let some = span.len.min(to.saturating_mul(2));
                let text = source.go_to(span.at).and_then(|()| source.take(some)).map_err(io)?;
                let damaged = || ArrayError::Text { name: self.name.clone() };
                let text = match std::str::from_utf8(&text) {
                    Ok(text) => text,
                    // Only the last character is cut, and by us.
                    Err(e) if e.error_len().is_none() && some < span.len => {
                        std::str::from_utf8(&text[..e.valid_up_to()]).map_err(|_| damaged())?
                    }
                    Err(_) => return Err(damaged()),
                };
                let characters = text.chars().skip(from as usize).take(len as usize);
                let bytes: Option<Vec<u8>> = characters.map(|c| u8::try_from(u32::from(c)).ok()).collect();
                let bytes = bytes.ok_or_else(damaged)?;
                if (bytes.len() as u64) < len { Err(short(from + bytes.len() as u64)) } else { Ok(bytes) }
            }
            Data::Storage(key) => Err(ArrayError::NoStorage { name: self.name.clone(), key: key.clone() }),
        }
    }
}

/// Number `i` of some bytes.
fn decode(bytes: &[u8], i: usize, dtype: ElementType) -> f64 {
    let at = i * dtype.bytes();
    let two = || [bytes[at], bytes[at + 1]];
    match dtype {
        ElementType::F16 => f16::from_le_bytes(two()).to_f64(),
        ElementType::Bf16 => bf16::from_le_bytes(two()).to_f64(),
        ElementType::F32 => f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))),
        ElementType::F64 => f64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")),
        ElementType::Whole { .. } => unreachable!("refused before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, 2, ... as f32.
    fn counting(numbers: u32) -> Data {
        Data::Here((0..numbers).flat_map(|v| (v as f32).to_le_bytes()).collect())
    }

    fn read(array: &Array) -> Result<Vec<f32>, String> {
        array.read(&mut ByteReader::of(vec![])).map_err(|e| e.to_string())
    }

    #[test]
    fn views_are_what_numpy_would_make() {
        let a = Array::packed(counting(6), ElementType::F32, vec![2, 3], false);
        assert_eq!(read(&a).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&a.clone().permuted(&[1, 0])).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&a.clone().flipped(&[1])).unwrap(), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert_eq!(read(&a.clone().flipped(&[0]).permuted(&[1, 0])).unwrap(), [3.0, 0.0, 4.0, 1.0, 5.0, 2.0]);
        assert_eq!(read(&a.times(-0.5)).unwrap()[5], -2.5);
        let fortran = Array::packed(counting(6), ElementType::F32, vec![2, 3], true);
        assert_eq!(read(&fortran).unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(read(&Array::packed(counting(1), ElementType::F32, vec![], false)).unwrap(), [0.0]);
    }

    #[test]
    fn every_type_of_number_is_read() {
        let of = |bytes: &[u8], dtype| read(&Array::packed(Data::Here(bytes.to_vec()), dtype, vec![1], false));
        assert_eq!(of(&1.5_f64.to_le_bytes(), ElementType::F64).unwrap(), [1.5]);
        assert_eq!(of(&f16::from_f32(1.5).to_le_bytes(), ElementType::F16).unwrap(), [1.5]);
        assert_eq!(of(&bf16::from_f32(1.5).to_le_bytes(), ElementType::Bf16).unwrap(), [1.5]);
        assert!(of(&[1], ElementType::Whole { bytes: 1, signed: true }).unwrap_err().contains("floating-point"));
    }

    #[test]
    fn bytes_written_as_text_are_decoded() {
        let numbers: Vec<u8> = [1.0_f32, -2.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let text: String = numbers.iter().map(|b| char::from(*b)).collect();
        let data = Data::Text(Span { at: 0, len: text.len() as u64 });
        let array = Array::packed(data, ElementType::F32, vec![2], false);
        assert_eq!(array.read(&mut ByteReader::of(text.clone().into_bytes())).unwrap(), [1.0, -2.5]);
        // Of a longer text no more is read than the numbers need.
        let longer = format!("{text}{}", "\u{e9}".repeat(50));
        let data = Data::Text(Span { at: 0, len: longer.len() as u64 });
        let first = Array::packed(data.clone(), ElementType::F32, vec![1], false);
        assert_eq!(first.read(&mut ByteReader::of(longer.clone().into_bytes())).unwrap(), [1.0]);
        let more = Array::packed(data, ElementType::F32, vec![50], false);
        assert!(
            more.read(&mut ByteReader::of(longer.into_bytes()))
                .unwrap_err()
                .to_string()
                .contains("needs 200 bytes, file has 58")
        );
    }

    #[test]
    fn lies_are_refused() {
        let of =
            |shape: &[usize]| read(&Array::packed(counting(4), ElementType::F32, shape.to_vec(), false)).unwrap_err();
        assert!(of(&[5]).contains("needs 20 bytes, file has 16"));
        assert!(of(&[usize::MAX, 2]).contains("larger than any layer"));
        assert!(of(&[1 << 40]).contains("larger than any layer"));
        let mut wide = Array::packed(counting(4), ElementType::F32, vec![2, 2], false);
        wide.strides = vec![isize::MAX, isize::MAX];
        assert!(read(&wide).is_err());
        wide.strides = vec![-3, 1];
        assert!(read(&wide).is_err());
        let infinite = Data::Here(f32::INFINITY.to_le_bytes().to_vec());
        let array = Array::packed(infinite, ElementType::F32, vec![1], false).named("x");
        assert_eq!(read(&array).unwrap_err(), "tensor \"x\" holds a value that is not finite, at index 0");
        let turned = Array::packed(counting(6), ElementType::F32, vec![2, 3], false).permuted(&[1, 0]);
        assert!(turned.expect(&[7, 2]).unwrap_err().to_string().contains("expected [2, 7], file has [2, 3]"));
        assert!(array.expect(&[2]).unwrap_err().to_string().contains("expected [2], file has [1]"));
    }
}
