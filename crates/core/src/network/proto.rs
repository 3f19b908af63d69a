//! The part of `onnx.proto` (IR version 8) that a convolutional network needs; field numbers are the official ones.
//!
//! Field meanings are those of the ONNX specification.
#![allow(missing_docs)]

use prost::{Message, Oneof};
use tract_core::prelude::f16;

/// `TensorProto.DataType` of 32-bit floats.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType` of 32-bit integers.
pub const INT32: i32 = 6;
/// `TensorProto.DataType` of 64-bit integers.
pub const INT64: i32 = 7;
/// `TensorProto.DataType` of 16-bit floats.
pub const FLOAT16: i32 = 10;
/// `TensorProto.DataType` of 64-bit floats.
pub const DOUBLE: i32 = 11;

/// `AttributeProto.AttributeType` of a float.
pub const ATTRIBUTE_FLOAT: i32 = 1;
/// `AttributeProto.AttributeType` of an integer.
pub const ATTRIBUTE_INT: i32 = 2;
/// `AttributeProto.AttributeType` of a string.
pub const ATTRIBUTE_STRING: i32 = 3;
/// `AttributeProto.AttributeType` of a tensor.
pub const ATTRIBUTE_TENSOR: i32 = 4;
/// `AttributeProto.AttributeType` of a list of floats.
pub const ATTRIBUTE_FLOATS: i32 = 6;
/// `AttributeProto.AttributeType` of a list of integers.
pub const ATTRIBUTE_INTS: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(oneof = "DimensionValue", tags = "1")]
    pub value: Option<DimensionValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum DimensionValue {
    #[prost(int64, tag = "1")]
    Value(i64),
}

impl AttributeProto {
    #[must_use]
    pub fn int(name: &str, i: i64) -> Self {
        Self { name: name.to_owned(), i, r#type: ATTRIBUTE_INT, ..Self::default() }
    }

    #[must_use]
    pub fn float(name: &str, f: f32) -> Self {
        Self { name: name.to_owned(), f, r#type: ATTRIBUTE_FLOAT, ..Self::default() }
    }

    #[must_use]
    pub fn ints(name: &str, ints: &[i64]) -> Self {
        Self { name: name.to_owned(), ints: ints.to_vec(), r#type: ATTRIBUTE_INTS, ..Self::default() }
    }

    #[must_use]
    pub fn text(name: &str, s: &str) -> Self {
        Self { name: name.to_owned(), s: s.as_bytes().to_vec(), r#type: ATTRIBUTE_STRING, ..Self::default() }
    }
}

impl TensorProto {
    /// 32-bit floats.
    #[must_use]
    pub fn new(name: &str, dims: &[usize], values: &[f32]) -> Self {
        Self {
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Self::default()
        }
    }

    /// The same, each rounded to the nearest 16-bit float; `None` if one is out of range.
    #[must_use]
    pub fn narrowed(name: &str, dims: &[usize], values: &[f32]) -> Option<Self> {
        let values: Vec<f16> = values.iter().copied().map(f16::from_f32).collect();
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let narrowed = Self { data_type: FLOAT16, raw_data, ..Self::new(name, dims, &[]) };
        values.iter().all(|v| v.is_finite()).then_some(narrowed)
    }

    /// Its floats of 32 or 16 bits; empty if it holds other numbers, or holds them outside `raw_data`.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        match self.data_type {
            FLOAT => self.raw_data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            FLOAT16 => self.raw_data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            _ => Vec::new(),
        }
    }
}

impl ValueInfoProto {
    /// An image, or a batch of maps, of 32-bit floats.
    #[must_use]
    pub fn new(name: &str, dims: &[usize]) -> Self {
        let dim = |&d: &usize| Dimension { value: Some(DimensionValue::Value(d as i64)) };
        let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
        let tensor_type = TensorTypeProto { elem_type: FLOAT, shape: Some(shape) };
        Self { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
    }
}
