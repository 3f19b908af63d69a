//! Export to ONNX: opset 17, IR version 8, a fixed input size, logits as output, and the metadata that the runtime
//! reads back.

mod blend;
mod fold;
mod graph;
mod precision;
mod trace;

use octrls_core::{layer::CLASSES, network::{proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto}, Calibration, InputSize, ModelMetadata, Preprocessing}};
use prost::Message;

use crate::model::{STRIDE, UNet};
pub use precision::Precision;
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
    /// How its weights are stored.
    pub precision: Precision,
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
    /// A weight is too large for the precision that was asked for.
    #[error("the weight {0} is beyond the range of 16-bit floats")]
    Range(String),
    /// Weights are to be stored anew in a file that is no model of this product.
    #[error("it is no exported model: {0}")]
    Foreign(String),
    /// The mean of networks that do not have the same weights, or not the same convention, was asked for.
    #[error("the networks are of different kinds: {0}")]
    Unlike(String),
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
    let mut graph = graph::graph(Trace::new(model, shape)?, &shape, &[1, CLASSES, height, width])?;
    if description.precision == Precision::Half {
        precision::halve(&mut graph)?;
    }
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
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: properties_of(&metadata),
    };
    Ok(model.encode_to_vec())
}

/// An exported file anew, with its weights as 16-bit floats, and another version where one is given. Nothing else changes but the digest
/// of the weights that it states.
///
/// # Errors
/// [`ExportError`] when it is no such file, or a weight is out of range.
pub fn halve(file: &[u8], version: Option<&str>) -> Result<Vec<u8>, ExportError> {
    let mut exported = Exported::read(file)?;
    precision::halve(&mut exported.graph)?;
    Ok(exported.written(version))
}

/// The network whose weights are the mean of those of exported files of one architecture that went on from the same network
/// (Wortsman et al. 2022). It has the description of the first but is not calibrated, and another version where one is given.
///
/// # Errors
/// [`ExportError`] when one is no such file, or differs from the first in more than its weights' values.
pub fn blend(first: &[u8], others: &[Vec<u8>], version: Option<&str>) -> Result<Vec<u8>, ExportError> {
    let mut exported = Exported::read(first)?;
    let others = others.iter().map(|file| Exported::read(file)).collect::<Result<Vec<_>, _>>()?;
    if others.iter().any(|other| other.metadata.ez_shift.to_bits() != exported.metadata.ez_shift.to_bits()) {
        return Err(ExportError::Unlike("the shift of the ellipsoid zone".to_owned()));
    }
    let graphs: Vec<GraphProto> = others.into_iter().map(|other| other.graph).collect();
    blend::blend(&mut exported.graph, &graphs)?;
    exported.metadata.calibration = Calibration::default();
    Ok(exported.written(version))
}

/// An exported file, taken apart.
struct Exported {
    model: ModelProto,
    graph: GraphProto,
    metadata: ModelMetadata,
}

impl Exported {
    fn read(file: &[u8]) -> Result<Self, ExportError> {
        let foreign = |e: &dyn std::error::Error| ExportError::Foreign(e.to_string());
        let mut model = ModelProto::decode(file).map_err(|e| foreign(&e))?;
        let properties = model.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str()));
        let metadata = ModelMetadata::from_properties(properties).map_err(|e| foreign(&e))?;
        let graph = model.graph.take().ok_or_else(|| ExportError::Foreign("it has no graph".to_owned()))?;
        Ok(Self { model, graph, metadata })
    }

    fn written(mut self, version: Option<&str>) -> Vec<u8> {
        self.metadata.weights_sha256 = weights_sha256(&self.graph);
        if let Some(version) = version {
            version.clone_into(&mut self.metadata.version);
        }
        self.model.metadata_props = properties_of(&self.metadata);
        self.model.graph = Some(self.graph);
        self.model.encode_to_vec()
    }
}

fn properties_of(metadata: &ModelMetadata) -> Vec<StringStringEntryProto> {
    let property = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
    metadata.to_properties().into_iter().map(property).collect()
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
    octrls_fs::digest::sha256(&bytes)
}
