//! What the known names do here: each is a case in this file, none is code of the pickle's.

use super::fault::Fault;
use super::known::Known;
use super::value::{Run, Value};
use crate::array::{Array, Data, ElementType};

/// What `callable(*arguments)` gives.
pub fn call(callable: &Value, arguments: &[&Value], values: &[Value]) -> Result<Value, Fault> {
    let Value::Global(known) = callable else { return Err(wrong("a callable", callable)) };
    match (known, arguments) {
        (Known::NumpyReconstruct, [Value::Global(Known::NumpyArray), ..]) => Ok(Value::Unbuilt),
        (Known::NumpyDtype, [code, ..]) => Ok(Value::Dtype(numpy_dtype(code)?)),
        (Known::NumpyScalar, [Value::Dtype(dtype), bytes]) => numpy_scalar(*dtype, bytes),
        (Known::Encode, [Value::Text(text), Value::Text(Run::Here(how))]) if how == b"latin1" => match text {
            Run::There(span) => Ok(Value::BytesAsText(*span)),
            Run::Here(text) => latin1(text).map(|bytes| Value::Bytes(Run::Here(bytes))).ok_or(Fault::Latin1),
        },
        (Known::NumpyFromBuffer, [bytes, Value::Dtype(dtype), Value::Tuple(shape), Value::Text(Run::Here(order))]) => {
            let fortran = match order.as_slice() {
                b"C" => false,
                b"F" => true,
                _ => return Err(Fault::Call { callable: known.name() }),
            };
            Ok(Value::Array(Array::packed(array_data(bytes)?, *dtype, extents(shape, values)?, fortran)))
        }
        (Known::Reconstructor, [Value::Global(class), Value::Global(Known::ObjectClass), Value::None])
            if class.is_class() =>
        {
            Ok(Value::Object(*class, None))
        }
        (Known::OrderedDict, []) => Ok(Value::Dict(Vec::new())),
        // Python 2 gives the entries along.
        (Known::OrderedDict, [Value::List(entries)]) => {
            let pair = |id: &usize| match &values[*id] {
                Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
                other => Err(wrong("a key and its value", other)),
            };
            Ok(Value::Dict(entries.iter().map(pair).collect::<Result<_, _>>()?))
        }
        (Known::TorchTensor, [storage, offset, Value::Tuple(size), Value::Tuple(stride), ..]) => {
            torch_tensor(storage, offset, size, stride, values)
        }
        (Known::TorchParameter, [array @ Value::Array(_), ..]) => Ok((*array).clone()),
        (known, _) if known.is_class() => Ok(Value::Object(*known, None)),
        (known, _) => Err(Fault::Call { callable: known.name() }),
    }
}

/// What becomes of `object` when it gets its state; `None` if the state does not matter to us.
pub fn build(object: &Value, state: &Value, values: &[Value]) -> Result<Option<Value>, Fault> {
    match (object, state) {
        (Value::Dtype(_), Value::Tuple(parts)) => match parts.get(1).map(|id| &values[*id]) {
            Some(Value::Text(Run::Here(order)) | Value::Bytes(Run::Here(order))) if order == b"<" || order == b"|" => {
                Ok(None)
            }
            Some(Value::Text(Run::Here(order)) | Value::Bytes(Run::Here(order))) => {
                Err(Fault::ByteOrder(String::from_utf8_lossy(order).into_owned()))
            }
            _ => Err(wrong("a dtype's byte order", state)),
        },
        (Value::Unbuilt, Value::Tuple(parts)) => numpy_array(parts, values).map(Some),
        // `OrderedDict`s carry notes on modules here.
        (Value::Dict(_), _) => Ok(None),
        _ => Err(wrong("something that has a state", object)),
    }
}

/// A storage, from what PyTorch calls a persistent identifier.
pub fn storage(identifier: &[&Value]) -> Result<Value, Fault> {
    let [Value::Text(Run::Here(kind)) | Value::Bytes(Run::Here(kind)), rest @ ..] = identifier else {
        return Err(Fault::Storage);
    };
    // The device it was on and how many numbers it has matter to nobody here. Old files may say that it is part of another.
    match rest {
        [
            Value::Global(Known::TorchStorage(dtype)),
            Value::Text(Run::Here(key)) | Value::Bytes(Run::Here(key)),
            _,
            _,
        ]
        | [
            Value::Global(Known::TorchStorage(dtype)),
            Value::Text(Run::Here(key)) | Value::Bytes(Run::Here(key)),
            _,
            _,
            Value::None,
        ] if kind == b"storage" => Ok(Value::Storage { key: String::from_utf8_lossy(key).into_owned(), dtype: *dtype }),
        _ => Err(Fault::Storage),
    }
}

fn wrong(expected: &'static str, found: &Value) -> Fault {
    Fault::Wrong { expected, found: found.kind() }
}

fn latin1(text: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(text).ok()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

fn numpy_dtype(code: &Value) -> Result<ElementType, Fault> {
    let (Value::Text(Run::Here(code)) | Value::Bytes(Run::Here(code))) = code else {
        return Err(wrong("a dtype's code", code));
    };
    let whole = |bytes, signed| Ok(ElementType::Whole { bytes, signed });
    match &code[..] {
        b"f2" => Ok(ElementType::F16),
        b"f4" => Ok(ElementType::F32),
        b"f8" => Ok(ElementType::F64),
        b"i1" => whole(1, true),
        b"i2" => whole(2, true),
        b"i4" => whole(4, true),
        b"i8" => whole(8, true),
        b"b1" | b"u1" => whole(1, false),
        b"u2" => whole(2, false),
        b"u4" => whole(4, false),
        b"u8" => whole(8, false),
        other => Err(Fault::Dtype(String::from_utf8_lossy(other).into_owned())),
    }
}

fn numpy_scalar(dtype: ElementType, bytes: &Value) -> Result<Value, Fault> {
    let Value::Bytes(Run::Here(bytes)) = bytes else { return Err(wrong("a number's bytes", bytes)) };
    if bytes.len() != dtype.bytes() {
        return Err(Fault::Scalar { expected: dtype.bytes(), found: bytes.len() });
    }
    if let ElementType::Whole { signed, .. } = dtype {
        let fill = if signed && bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 16];
        wide[..bytes.len()].copy_from_slice(bytes);
        return Ok(Value::Int(i128::from_le_bytes(wide)));
    }
    let number = Array::packed(Data::Here(bytes.clone()), dtype, vec![], false);
    // NaN stays NaN: whoever uses the number says what is wrong with it.
    let value = number.scalar(&mut crate::byte_reader::ByteReader::of(vec![])).unwrap_or(f64::NAN);
    Ok(Value::Float(value))
}

fn extents(ids: &[usize], values: &[Value]) -> Result<Vec<usize>, Fault> {
    let extent = |id: &usize| match &values[*id] {
        Value::Int(n) => usize::try_from(*n).map_err(|_| Fault::Extent(*n)),
        other => Err(wrong("an extent", other)),
    };
    // NumPy knows no more axes than that.
    if ids.len() > 32 {
        return Err(Fault::Axes(ids.len()));
    }
    ids.iter().map(extent).collect()
}

fn numpy_array(parts: &[usize], values: &[Value]) -> Result<Value, Fault> {
    let parts: Vec<&Value> = parts.iter().map(|id| &values[*id]).collect();
    let [Value::Int(1), Value::Tuple(shape), Value::Dtype(dtype), fortran, bytes] = parts[..] else {
        return Err(Fault::ArrayState);
    };
    let fortran = match fortran {
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        other => return Err(wrong("an order of axes", other)),
    };
    Ok(Value::Array(Array::packed(array_data(bytes)?, *dtype, extents(shape, values)?, fortran)))
}

fn array_data(bytes: &Value) -> Result<Data, Fault> {
    match bytes {
        Value::Bytes(Run::Here(bytes)) => Ok(Data::Here(bytes.clone())),
        Value::Bytes(Run::There(span)) => Ok(Data::There(*span)),
        Value::BytesAsText(span) => Ok(Data::Text(*span)),
        other => Err(wrong("an array's bytes", other)),
    }
}

fn torch_tensor(
    storage: &Value,
    offset: &Value,
    size: &[usize],
    stride: &[usize],
    values: &[Value],
) -> Result<Value, Fault> {
    let (Value::Storage { key, dtype }, Value::Int(offset)) = (storage, offset) else {
        return Err(wrong("a storage", storage));
    };
    let (shape, strides) = (extents(size, values)?, extents(stride, values)?);
    let offset = usize::try_from(*offset).ok().filter(|o| *o < isize::MAX as usize);
    let strides: Result<Vec<isize>, _> = strides.into_iter().map(isize::try_from).collect();
    match (offset, strides) {
        (Some(offset), Ok(strides)) if strides.len() == shape.len() => {
            Ok(Value::Array(Array::strided(Data::Storage(key.clone()), *dtype, offset, shape, strides)))
        }
        _ => Err(Fault::Call { callable: Known::TorchTensor.name() }),
    }
}
