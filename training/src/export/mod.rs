//! Export to ONNX: opset 17, IR version 8, fixed input size, logits of layers and lesions as outputs, and metadata for
//! the runtime.

mod blend;
mod error;
mod fold;
mod graph;
mod precision;
mod trace;

use octrls_core::network::{
    Calibration, InputSize, ModelMetadata, Preprocessing,
    proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto},
};
use prost::Message;

use crate::model::{STRIDE, UNet};
pub use error::ExportError;
pub use precision::Precision;
use trace::Trace;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// Metadata of a model file that does not follow from the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Model name, as in `unet-640`.
    pub name: String,
    /// Model version.
    pub version: String,
    /// Calibration of probabilities and intervals.
    pub calibration: Calibration,
    /// Shift of the ellipsoid zone score against that of the RPE by the conventions.
    pub ez_shift: f32,
    /// Description of the training data.
    pub training_data: String,
    /// Size of the input.
    pub input: InputSize,
    /// Number format of the weights.
    pub precision: Precision,
}

/// Exports `model` as an ONNX file.
///
/// # Errors
/// [`ExportError`] if the input size does not fit or an operation has no translation.
pub fn export(model: &UNet, description: &Description) -> Result<Vec<u8>, ExportError> {
    let InputSize { width, height } = description.input;
    if width == 0 || height == 0 || !width.is_multiple_of(STRIDE) || !height.is_multiple_of(STRIDE) {
        return Err(ExportError::InputSize { width, height });
    }
    let shape = [1, 1, height, width];
    let mut graph = graph::graph(Trace::new(model, shape)?, shape)?;
    if description.precision == Precision::Half {
        precision::halve(&mut graph)?;
    }
    let metadata = ModelMetadata {
        name: description.name.clone(),
        version: description.version.clone(),
        input: description.input,
        preprocessing: Preprocessing::ShrinkCentreStandardise,
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

/// Converts the weights of an exported file to 16-bit floats, and sets another version if one is given. The weights'
/// digest is updated; everything else stays.
///
/// # Errors
/// [`ExportError`] if the input is not such a file, or a weight is out of range.
pub fn halve(file: &[u8], version: Option<&str>) -> Result<Vec<u8>, ExportError> {
    let mut parsed = ModelFile::read(file)?;
    precision::halve(&mut parsed.graph)?;
    Ok(parsed.encode(version))
}

/// Averages the weights of exported networks of one architecture that were trained on from the same network (Wortsman
/// et al. 2022). The description is that of the first, without calibration, and with another version if one is given.
///
/// # Errors
/// [`ExportError`] if a file is not an exported model, or differs from the first in more than the values of its
/// weights.
pub fn blend(first: &[u8], others: &[Vec<u8>], version: Option<&str>) -> Result<Vec<u8>, ExportError> {
    let mut parsed = ModelFile::read(first)?;
    let others = others.iter().map(|file| ModelFile::read(file)).collect::<Result<Vec<_>, _>>()?;
    if others.iter().any(|other| other.metadata.ez_shift.to_bits() != parsed.metadata.ez_shift.to_bits()) {
        return Err(ExportError::Mismatch("the ellipsoid zone shift".to_owned()));
    }
    let graphs: Vec<GraphProto> = others.into_iter().map(|other| other.graph).collect();
    blend::blend(&mut parsed.graph, &graphs)?;
    parsed.metadata.calibration = Calibration::default();
    Ok(parsed.encode(version))
}

/// A parsed model file.
struct ModelFile {
    model: ModelProto,
    graph: GraphProto,
    metadata: ModelMetadata,
}

impl ModelFile {
    fn read(file: &[u8]) -> Result<Self, ExportError> {
        let not_exported = |e: &dyn std::error::Error| ExportError::NotExported(e.to_string());
        let mut model = ModelProto::decode(file).map_err(|e| not_exported(&e))?;
        let properties = model.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str()));
        let metadata = ModelMetadata::from_properties(properties).map_err(|e| not_exported(&e))?;
        let graph = model.graph.take().ok_or_else(|| ExportError::NotExported("the graph is missing".to_owned()))?;
        Ok(Self { model, graph, metadata })
    }

    fn encode(mut self, version: Option<&str>) -> Vec<u8> {
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

/// SHA-256 over the weights, sorted by name: name, a zero byte, and little-endian values of each.
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
