//! Reads back an exported network, to start a training or to use it as a teacher.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, Param},
    prelude::*,
};
use octrls_core::{
    layer::CLASSES,
    network::{
        ModelError, ModelMetadata,
        proto::{ModelProto, TensorProto},
    },
};
use prost::Message;

use crate::model::{UNet, UNetConfig};

/// An exported network, with batch normalisations folded into the convolutions.
#[derive(Debug)]
pub struct Imported {
    /// Size of the network.
    pub config: UNetConfig,
    /// Weights.
    pub model: UNet,
    /// Metadata of the file.
    pub metadata: ModelMetadata,
}

/// An error of importing a network.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("cannot read the file")]
    Io(#[from] std::io::Error),
    /// The file is not ONNX.
    #[error("not an ONNX file")]
    Decode(#[from] prost::DecodeError),
    /// The file is not an OCT-RLS model.
    #[error(transparent)]
    Metadata(#[from] ModelError),
    /// The file lacks a weight of the network.
    #[error("weight {0} is missing")]
    MissingWeight(String),
    /// A weight has the wrong shape or number format.
    #[error("weight {name} must have shape {expected:?} and 32- or 16-bit floats; its shape is {found:?}")]
    WeightShape {
        /// The weight.
        name: String,
        /// Its shape in the file.
        found: Vec<i64>,
        /// The expected shape.
        expected: Vec<usize>,
    },
    /// The file has a weight that the network lacks.
    #[error("weight {0} belongs to another network")]
    UnknownWeight(String),
}

impl Imported {
    /// Reads the exported network at `path` onto `device`.
    ///
    /// # Errors
    /// [`ImportError`] if the file cannot be read or contains another network.
    pub fn read(path: &Path, device: &Device) -> Result<Self, ImportError> {
        Self::from_bytes(&fs::read(path)?, device)
    }

    /// Reads an exported network from bytes.
    ///
    /// # Errors
    /// [`ImportError`] if they contain another network.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, ImportError> {
        let file = ModelProto::decode(bytes)?;
        let properties = file.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str()));
        let metadata = ModelMetadata::from_properties(properties)?;
        let weights = file.graph.unwrap_or_default().initializer;
        let mut weights: BTreeMap<String, TensorProto> = weights.into_iter().map(|w| (w.name.clone(), w)).collect();
        let head = weights.get(HEAD).ok_or_else(|| ImportError::MissingWeight(HEAD.to_owned()))?;
        let width = match head.dims[..] {
            [classes, width, 1, 1] if classes == CLASSES as i64 => usize::try_from(width).ok(),
            _ => None,
        };
        let expected = vec![CLASSES, 1, 1, 1];
        let width = width.filter(|w| (1..=MAX_WIDTH).contains(w)).ok_or_else(|| shape(head, expected))?;
        let config = UNetConfig { width, batch_norm: false, lesions: weights.contains_key(LESIONS) };
        let mut loader = LoadWeights { path: Vec::new(), weights: &mut weights, error: None };
        let model = config.init(device).valid().map(&mut loader);
        match (loader.error, weights.into_keys().next()) {
            (Some(error), _) => Err(error),
            (None, Some(name)) => Err(ImportError::UnknownWeight(name)),
            (None, None) => Ok(Self { config, model, metadata }),
        }
    }
}

/// The weight that determines the width of a network.
const HEAD: &str = "head.weight";
/// A weight of the output for lesions.
const LESIONS: &str = "lesions.weight";
/// Largest accepted width, in feature maps; a file with more is rejected.
const MAX_WIDTH: usize = 256;

fn shape(weight: &TensorProto, expected: Vec<usize>) -> ImportError {
    ImportError::WeightShape { name: weight.name.clone(), found: weight.dims.clone(), expected }
}

/// Replaces every weight by the one of the same path in the file.
struct LoadWeights<'a> {
    path: Vec<String>,
    weights: &'a mut BTreeMap<String, TensorProto>,
    error: Option<ImportError>,
}

impl LoadWeights<'_> {
    fn values(&mut self, expected: &[usize]) -> Result<Vec<f32>, ImportError> {
        let name = self.path.join(".");
        let weight = self.weights.remove(&name).ok_or(ImportError::MissingWeight(name))?;
        let same_shape = weight.dims.iter().map(|&d| usize::try_from(d).ok()).eq(expected.iter().map(|&d| Some(d)));
        let values = weight.values();
        if same_shape && values.len() == expected.iter().product::<usize>() {
            Ok(values)
        } else {
            Err(shape(&weight, expected.to_vec()))
        }
    }
}

impl ModuleMapper for LoadWeights<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let shape: [usize; D] = param.dims();
        match self.values(&shape) {
            Ok(values) => param.map(|old| Tensor::from_data(TensorData::new(values, shape), &old.device())),
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}
