//! Reads and checks numbers and attributes of an ONNX file.

use tract_core::{
    internal::{TractErrorContext, bail, ensure},
    prelude::*,
};

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_FLOATS, ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_STRING, ATTRIBUTE_TENSOR,
    AttributeProto, DOUBLE, FLOAT, FLOAT16, INT32, INT64, NodeProto, TensorProto,
};

/// `TensorProto.DataLocation` of numbers in another file.
const EXTERNAL: i32 = 1;

/// The number type for ONNX's code `kind`.
pub(super) fn datum_type(kind: i64) -> TractResult<DatumType> {
    Ok(match i32::try_from(kind)? {
        FLOAT => DatumType::F32,
        FLOAT16 => DatumType::F16,
        DOUBLE => DatumType::F64,
        INT32 => DatumType::I32,
        INT64 => DatumType::I64,
        other => bail!("numbers of type {other} are not supported"),
    })
}

/// Converts a tensor of the file to tract's.
pub(super) fn tensor(proto: &TensorProto) -> TractResult<Tensor> {
    let read = || {
        ensure!(proto.data_location != EXTERNAL, "its numbers are in another file");
        match datum_type(proto.data_type.into())? {
            DatumType::F16 => {
                // In a list of 32-bit integers, each holds the bits of one float.
                let listed = proto.int32_data.iter().map(|&bits| f16::from_bits(bits as u16)).collect();
                shaped(proto, f16::from_le_bytes, listed)
            }
            DatumType::F64 => shaped(proto, f64::from_le_bytes, proto.double_data.clone()),
            DatumType::I32 => shaped(proto, i32::from_le_bytes, proto.int32_data.clone()),
            DatumType::I64 => shaped(proto, i64::from_le_bytes, proto.int64_data.clone()),
            _ => shaped(proto, f32::from_le_bytes, proto.float_data.clone()),
        }
    };
    read().with_context(|| format!("tensor {}", proto.name))
}

/// The numbers of `proto` in its shape, from its bytes or else from `listed`.
fn shaped<T: Datum + Copy, const N: usize>(
    proto: &TensorProto,
    number: fn([u8; N]) -> T,
    listed: Vec<T>,
) -> TractResult<Tensor> {
    let values = if proto.raw_data.is_empty() {
        listed
    } else {
        let (numbers, rest) = proto.raw_data.as_chunks::<N>();
        ensure!(rest.is_empty(), "its {} bytes do not fit its type", proto.raw_data.len());
        numbers.iter().copied().map(number).collect()
    };
    let shape: Vec<usize> = proto.dims.iter().map(|&d| usize::try_from(d)).collect::<Result<_, _>>()?;
    let count = shape.iter().try_fold(1_usize, |count, &side| count.checked_mul(side));
    ensure!(count == Some(values.len()), "its {} numbers do not fit the shape {shape:?}", values.len());
    Tensor::from_shape(&shape, &values)
}

/// Attributes by name; `None` if absent, an error if of another type.
impl NodeProto {
    fn attribute(&self, name: &str, kind: i32) -> TractResult<Option<&AttributeProto>> {
        let Some(attribute) = self.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        // The first versions of ONNX stated no type.
        ensure!([0, kind].contains(&attribute.r#type), "its attribute {name} is of type {}", attribute.r#type);
        Ok(Some(attribute))
    }

    pub(super) fn float(&self, name: &str) -> TractResult<Option<f32>> {
        Ok(self.attribute(name, ATTRIBUTE_FLOAT)?.map(|a| a.f))
    }

    pub(super) fn floats(&self, name: &str) -> TractResult<Option<&[f32]>> {
        Ok(self.attribute(name, ATTRIBUTE_FLOATS)?.map(|a| a.floats.as_slice()))
    }

    pub(super) fn int(&self, name: &str) -> TractResult<Option<i64>> {
        Ok(self.attribute(name, ATTRIBUTE_INT)?.map(|a| a.i))
    }

    pub(super) fn flag(&self, name: &str) -> TractResult<bool> {
        Ok(self.int(name)?.is_some_and(|value| value != 0))
    }

    pub(super) fn ints(&self, name: &str) -> TractResult<Option<&[i64]>> {
        Ok(self.attribute(name, ATTRIBUTE_INTS)?.map(|a| a.ints.as_slice()))
    }

    /// Integers that must not be negative.
    pub(super) fn sizes(&self, name: &str) -> TractResult<Option<TVec<usize>>> {
        let Some(values) = self.ints(name)? else { return Ok(None) };
        let sizes = values.iter().map(|&value| usize::try_from(value)).collect::<Result<_, _>>();
        Ok(Some(sizes.with_context(|| format!("its attribute {name} is {values:?}"))?))
    }

    pub(super) fn text<'a>(&'a self, name: &str, default: &'a str) -> TractResult<&'a str> {
        self.attribute(name, ATTRIBUTE_STRING)?.map_or(Ok(default), |a| Ok(std::str::from_utf8(&a.s)?))
    }

    pub(super) fn tensor(&self, name: &str) -> TractResult<Option<&TensorProto>> {
        Ok(self.attribute(name, ATTRIBUTE_TENSOR)?.and_then(|a| a.t.as_ref()))
    }
}
