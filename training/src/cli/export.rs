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
    import::Imported,
    model::UNet,
    train::{RunDir, write_atomically},
};

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Folder of the run, or an exported network that gets another description or calibration.
    run: PathBuf,
    /// The ONNX file to write.
    out: PathBuf,
    /// Which weights: `best` on validation, or the `average` or `last` of the latest checkpoint.
    #[arg(long, default_value = "best", value_parser = ["best", "average", "last"])]
    weights: String,
    /// Model name in the file.
    #[arg(long, default_value = "unet-640")]
    name: String,
    /// Model version in the file.
    #[arg(long, default_value = "1")]
    model_version: String,
    /// Calibration for the file, as `calibrate` writes it [default: none].
    #[arg(long, value_name = "JSON")]
    calibration: Option<PathBuf>,
    /// What the network was trained on, in words.
    #[arg(long, default_value = "duke_dme, tian_healthy and yukun_guo (training part), phantoms")]
    training_data: String,
    /// Width and height of the input.
    #[arg(long, default_value_t = 640)]
    size: usize,
    /// How weights are stored.
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
}

#[derive(Debug, Args)]
pub(super) struct Halve {
    /// Exported model.
    model: PathBuf,
    /// The ONNX file to write [default: in place of the model].
    out: Option<PathBuf>,
    /// Model version in the file [default: as before].
    #[arg(long)]
    model_version: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Blend {
    /// The ONNX file to write.
    out: PathBuf,
    /// Exported networks that went on from the same one; one that is named twice counts twice.
    #[arg(required = true, num_args = 2..)]
    models: Vec<PathBuf>,
    /// Model version in the file [default: that of the first].
    #[arg(long)]
    model_version: Option<String>,
}

impl Blend {
    pub(super) fn run(self) -> Result<()> {
        let mut files = self.models.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?.into_iter();
        let first = files.next().unwrap_or_default();
        let bytes = blend(&first, files.as_slice(), self.model_version.as_deref()).context("they cannot be blended")?;
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
            .with_context(|| format!("{} cannot be halved", self.model.display()))?;
        write(&self.out.unwrap_or(self.model), &bytes)
    }
}

/// Writes a model that the runtime takes.
fn write(path: &Path, model: &[u8]) -> Result<()> {
    let network = Network::from_bytes(model).context("the runtime refuses the exported model")?;
    write_atomically(path, model)?;
    eprintln!("{}: {} bytes, SHA-256 {}", path.display(), model.len(), network.file_sha256());
    Ok(())
}

impl Export {
    /// The network, and by how much conventions move the score of its ellipsoid zone.
    fn network(&self) -> Result<(UNet, f32)> {
        let device = device::device();
        if self.run.is_file() {
            let source = Imported::read(&self.run, &device);
            let source = source.with_context(|| format!("{} gives no network", self.run.display()))?;
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
                serde_json::from_slice(&bytes).with_context(|| format!("{} is no calibration", path.display()))?
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
