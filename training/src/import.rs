//! The network of an exported file: what a training starts from, or what a teacher knows.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, Param},
    prelude::*,
};
use octrls_core::{layer::CLASSES, network::{proto::{ModelProto, TensorProto}, ModelError, ModelMetadata}};
use prost::Message;

use crate::model::{UNet, UNetConfig};

/// A network as it was exported: its batch normalisations are folded into its convolutions.
#[derive(Debug)]
pub struct Imported {
    /// Its size.
    pub config: UNetConfig,
    /// Its weights.
    pub model: UNet,
    /// What the file says of itself.
    pub metadata: ModelMetadata,
}

/// Why a file gave no network.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file could not be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is no ONNX file.
    #[error("it is no ONNX file: {0}")]
    Decode(#[from] prost::DecodeError),
    /// It is not a model of this product.
    #[error(transparent)]
    Metadata(#[from] ModelError),
    /// A weight of the network is not in the file.
    #[error("it has no weight {0}")]
    Missing(String),
    /// A weight has another shape than the network's, or other numbers than floats of 32 or 16 bits.
    #[error("its weight {name} has the shape {found:?} or other numbers than floats of 32 or 16 bits, not {wanted:?}")]
    Shape {
        /// The weight.
        name: String,
        /// Its shape in the file.
        found: Vec<i64>,
        /// That of the network.
        wanted: Vec<usize>,
    },
    /// The file has a weight that is none of the network's.
    #[error("its weight {0} is of another network")]
    Foreign(String),
}

impl Imported {
    /// Reads the exported network in the file at `path` onto `device`.
    ///
    /// # Errors
    /// [`ImportError`] when the file cannot be read or holds another network.
    pub fn read(path: &Path, device: &Device) -> Result<Self, ImportError> {
        Self::from_bytes(&fs::read(path)?, device)
    }

    /// The same from the bytes of a file.
    ///
    /// # Errors
    /// [`ImportError`] when they hold another network.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, ImportError> {
        let file = ModelProto::decode(bytes)?;
        let properties = file.metadata_props.iter().map(|p| (p.key.as_str(), p.value.as_str()));
        let metadata = ModelMetadata::from_properties(properties)?;
        let weights = file.graph.unwrap_or_default().initializer;
        let mut weights: BTreeMap<String, TensorProto> = weights.into_iter().map(|w| (w.name.clone(), w)).collect();
        let head = weights.get(HEAD).ok_or_else(|| ImportError::Missing(HEAD.to_owned()))?;
        let width = match head.dims[..] {
            [classes, width, 1, 1] if classes == CLASSES as i64 => usize::try_from(width).ok(),
            _ => None,
        };
        let wanted = vec![CLASSES, 1, 1, 1];
        let width = width.filter(|w| (1..=WIDEST).contains(w)).ok_or_else(|| shape(head, wanted))?;
        let config = UNetConfig { width, batch_norm: false };
        let mut fill = Fill { path: Vec::new(), weights: &mut weights, error: None };
        let model = config.init(device).valid().map(&mut fill);
        match (fill.error, weights.into_keys().next()) {
            (Some(error), _) => Err(error),
            (None, Some(name)) => Err(ImportError::Foreign(name)),
            (None, None) => Ok(Self { config, model, metadata }),
        }
    }
}

/// The weight that shows how wide a network is.
const HEAD: &str = "head.weight";
/// Feature maps beyond which a file is not taken for one of these networks.
const WIDEST: usize = 256;

fn shape(weight: &TensorProto, wanted: Vec<usize>) -> ImportError {
    ImportError::Shape { name: weight.name.clone(), found: weight.dims.clone(), wanted }
}

/// Replaces every weight by that of its path.
struct Fill<'a> {
    path: Vec<String>,
    weights: &'a mut BTreeMap<String, TensorProto>,
    error: Option<ImportError>,
}

impl Fill<'_> {
    fn values(&mut self, wanted: &[usize]) -> Result<Vec<f32>, ImportError> {
        let name = self.path.join(".");
        let weight = self.weights.remove(&name).ok_or(ImportError::Missing(name))?;
        let same = weight.dims.iter().map(|&d| usize::try_from(d).ok()).eq(wanted.iter().map(|&d| Some(d)));
        let values = weight.values();
        if same && values.len() == wanted.iter().product::<usize>() {
            Ok(values)
        } else {
            Err(shape(&weight, wanted.to_vec()))
        }
    }
}

impl ModuleMapper for Fill<'_> {
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
