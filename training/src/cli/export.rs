//! `export`, `halve` and `blend`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use octrls_core::network::{Calibration, InputSize, Network};

use crate::{
    device,
    export::{Description, Precision, blend, export, halve},
    files::write_atomically,
    import::Imported,
    model::UNet,
    train::RunDir,
};

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Run folder, or an exported model that gets a new description or calibration
    run: PathBuf,
    /// Output file (ONNX)
    out: PathBuf,
    /// Weights: `best` on validation, or `average` or `last` of the latest checkpoint
    #[arg(long, default_value = "best", value_parser = ["best", "average", "last"])]
    weights: String,
    /// Model name stored in the file
    #[arg(long, default_value = "unet-640")]
    name: String,
    /// Model version stored in the file
    #[arg(long, default_value = "1")]
    model_version: String,
    /// Calibration file written by `calibrate` [default: none]
    #[arg(long, value_name = "JSON")]
    calibration: Option<PathBuf>,
    /// Description of the training data, stored in the file
    #[arg(long, default_value = "duke_dme, tian_healthy and yukun_guo (training part), phantoms")]
    training_data: String,
    /// Width and height of the input
    #[arg(long, default_value_t = 640)]
    size: usize,
    /// Number format of the weights
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
}

#[derive(Debug, Args)]
pub(super) struct Halve {
    /// Exported model (ONNX)
    model: PathBuf,
    /// Output file [default: replace the model]
    out: Option<PathBuf>,
    /// Model version stored in the file [default: unchanged]
    #[arg(long)]
    model_version: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Blend {
    /// Output file (ONNX)
    out: PathBuf,
    /// Exported models with a common origin; a model given twice counts twice
    #[arg(required = true, num_args = 2..)]
    models: Vec<PathBuf>,
    /// Model version stored in the file [default: that of the first model]
    #[arg(long)]
    model_version: Option<String>,
}

impl Blend {
    pub(super) fn run(self) -> Result<()> {
        let mut files = self.models.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?.into_iter();
        let first = files.next().unwrap_or_default();
        let bytes =
            blend(&first, files.as_slice(), self.model_version.as_deref()).context("cannot blend the models")?;
        write(&self.out, &bytes)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

impl Halve {
    pub(super) fn run(self) -> Result<()> {
        let file = read(&self.model)?;
        let bytes = halve(&file, self.model_version.as_deref())
            .with_context(|| format!("cannot halve {}", self.model.display()))?;
        write(&self.out.unwrap_or(self.model), &bytes)
    }
}

/// Writes a model after loading it in the runtime as a check.
fn write(path: &Path, model: &[u8]) -> Result<()> {
    let network = Network::from_bytes(model).context("the runtime cannot load the exported model")?;
    write_atomically(path, model)?;
    eprintln!("{}: {} bytes, SHA-256 {}", path.display(), model.len(), network.file_sha256());
    Ok(())
}

impl Export {
    /// The network, and the shift of its ellipsoid zone score by conventions.
    fn network(&self) -> Result<(UNet, f32)> {
        let device = device::device();
        if self.run.is_file() {
            let source = Imported::read(&self.run, &device);
            let source = source.with_context(|| format!("cannot load a network from {}", self.run.display()))?;
            return Ok((source.model, source.metadata.ez_shift));
        }
        let dir = RunDir::open(&self.run)?;
        let settings = dir.settings()?;
        let model = dir.read_model(&format!("{}.bpk", self.weights), &settings.network, &device)?;
        Ok((model, settings.ez_shift))
    }

    pub(super) fn run(self) -> Result<()> {
        let (model, ez_shift) = self.network()?;
        let calibration = match &self.calibration {
            None => Calibration::default(),
            Some(path) => {
                let bytes = read(path)?;
                serde_json::from_slice(&bytes)
                    .with_context(|| format!("{} is not a calibration file", path.display()))?
            }
        };
        let description = Description {
            name: self.name,
            version: self.model_version,
            calibration,
            ez_shift,
            training_data: self.training_data,
            input: InputSize { width: self.size, height: self.size },
            precision: self.precision,
        };
        write(&self.out, &export(&model, &description)?)
    }
}
