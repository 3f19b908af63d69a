//! Files of a run: settings, weights, optimiser state, and history.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use burn::{module::Module, optim::ModuleOptimizer, prelude::Device, store::ModuleRecord, tensor::Bytes};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{history::Epoch, settings::Settings};
use crate::{
    files::write_atomically,
    model::{UNet, UNetConfig},
};

/// Progress of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Steps since the start of the run.
    pub step: u64,
    /// Steps in the current schedule; a new budget starts a new schedule.
    pub schedule_step: u64,
    /// Seconds of training in the current schedule.
    pub schedule_seconds: f64,
    /// Best validation score so far.
    pub best: Option<f64>,
    /// Validations since the best.
    pub since_best: usize,
    /// Whether the schedule is complete.
    pub finished: bool,
}

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Creates the folder of a new run.
    ///
    /// # Errors
    /// If it cannot be created or already contains a run.
    pub fn create(path: &Path) -> Result<Self> {
        let dir = Self(path.to_owned());
        anyhow::ensure!(
            !dir.file("settings.json").exists(),
            "{} already contains a run: continue it with --resume, or choose another folder",
            path.display()
        );
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(dir)
    }

    /// Opens the folder of an existing run.
    ///
    /// # Errors
    /// If it contains no run.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = Self(path.to_owned());
        anyhow::ensure!(dir.file("settings.json").exists(), "{} contains no run", path.display());
        Ok(dir)
    }

    /// A file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the settings of the run.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_settings(&self, settings: &Settings) -> Result<()> {
        self.write_json("settings.json", settings)
    }

    /// Reads the settings of the run.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn settings(&self) -> Result<Settings> {
        self.read_json("settings.json")
    }

    /// Reads the history of epochs.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn history(&self) -> Result<Vec<Epoch>> {
        if self.file("history.json").exists() { self.read_json("history.json") } else { Ok(Vec::new()) }
    }

    /// Writes a checkpoint. Every file is replaced atomically, the state last.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save(
        &self,
        model: &UNet,
        average: &UNet,
        optimizer: &ModuleOptimizer,
        state: &State,
        history: &[Epoch],
    ) -> Result<()> {
        self.write_model("last.bpk", model)?;
        self.write_model("average.bpk", average)?;
        self.write("optimizer.bpk", &optimizer.into_bytes()?)?;
        self.write_json("history.json", history)?;
        self.write_json("state.json", state)
    }

    /// Reads the progress of the run.
    ///
    /// # Errors
    /// If there is no checkpoint.
    pub fn state(&self) -> Result<State> {
        self.read_json("state.json")
    }

    /// Loads the optimiser state.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn load_optimizer(&self, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer> {
        Ok(optimizer.from_bytes(self.read("optimizer.bpk")?)?)
    }

    /// The averaged network, for inference.
    ///
    /// # Errors
    /// As [`RunDir::read_model`].
    pub fn averaged(&self, config: &UNetConfig, device: &Device) -> Result<UNet> {
        Ok(self.read_model("average.bpk", config, device)?.valid())
    }

    /// Writes the weights of `model`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_model(&self, name: &str, model: &UNet) -> Result<()> {
        self.write(name, &model.valid().into_record().into_bytes()?)
    }

    /// Reads weights into a network of `config` on `device`.
    ///
    /// # Errors
    /// If the file cannot be read or belongs to another network.
    pub fn read_model(&self, name: &str, config: &UNetConfig, device: &Device) -> Result<UNet> {
        let record = ModuleRecord::from_bytes(self.read(name)?)?;
        config.init(device).try_load_record(record).with_context(|| format!("{name} belongs to another network"))
    }

    pub(super) fn write_json<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        self.write(name, &serde_json::to_vec_pretty(value)?)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.read(name)?).with_context(|| format!("{} is damaged", self.file(name).display()))
    }

    fn read(&self, name: &str) -> Result<Bytes> {
        let path = self.file(name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Bytes::from_bytes_vec(bytes))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.file(name), bytes)
    }
}
