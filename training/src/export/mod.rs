//! Export to ONNX: opset 17, IR version 8, a fixed input size, logits as output, and the metadata that the runtime
//! reads back.

mod fold;
mod graph;
pub(crate) mod proto;
mod trace;

use octrls::{
    layer::CLASSES,
    network::{Calibration, InputSize, ModelMetadata, Preprocessing},
};
use prost::Message;

use crate::model::{STRIDE, UNet};
use proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use trace::Trace;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// What a model file says of itself, beside what follows from the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Model name, as in `unet-640`.
    pub name: String,
    /// Model version.
    pub version: String,
    /// What makes its probabilities and intervals hold what they promise.
    pub calibration: Calibration,
    /// By how much the conventions move the score of the ellipsoid zone against that of the RPE.
    pub ez_shift: f32,
    /// The data it was trained on, in words.
    pub training_data: String,
    /// Size of the input.
    pub input: InputSize,
}

/// Why a network could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The input size does not fit the network.
    #[error("the input is {width} x {height}; both must be multiples of {STRIDE}")]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The forward pass could not be recorded.
    #[error("the forward pass cannot be recorded: {0}")]
    Trace(String),
    /// The network does something that this exporter cannot write.
    #[error("no ONNX operator for {0}")]
    Operation(String),
    /// A batch normalisation does not follow a convolution of its own.
    #[error("{0} cannot be folded into a convolution")]
    Fold(String),
}

/// The ONNX file of `model`.
///
/// # Errors
/// [`ExportError`] when the input size does not fit or the network holds an operation without translation.
pub fn export(model: &UNet, description: &Description) -> Result<Vec<u8>, ExportError> {
    let InputSize { width, height } = description.input;
    if width == 0 || height == 0 || !width.is_multiple_of(STRIDE) || !height.is_multiple_of(STRIDE) {
        return Err(ExportError::Size { width, height });
    }
    let shape = [1, 1, height, width];
    let graph = graph::graph(Trace::new(model, shape)?, &shape, &[1, CLASSES, height, width])?;
    let metadata = ModelMetadata {
        name: description.name.clone(),
        version: description.version.clone(),
        input: description.input,
        preprocessing: Preprocessing::FitCentreStandardise,
        calibration: description.calibration,
        ez_shift: description.ez_shift,
        training_data: description.training_data.clone(),
        weights_sha256: weights_sha256(&graph),
    };
    let property = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: metadata.to_properties().into_iter().map(property).collect(),
    };
    Ok(model.encode_to_vec())
}

/// SHA-256 over the weights: name, a zero byte, and little-endian values of each, in the order of their names.
fn weights_sha256(graph: &GraphProto) -> String {
    let bytes: Vec<u8> = graph
        .initializer
        .iter()
        .flat_map(|weights| [weights.name.as_bytes(), &[0], &weights.raw_data])
        .flatten()
        .copied()
        .collect();
    octrls::digest::sha256(&bytes)
}
