//! The model and the device that runs it.

use std::path::PathBuf;

use clap::Args;

use octrls_core::{
    ErrorCode,
    network::{Device, ModelError, Network, ShippedModel},
};

use crate::cli::error::coded;

#[derive(Args)]
pub(crate) struct ModelArguments {
    /// Model: unet-640 (most accurate), edge (fastest), or the path of an ONNX file
    #[arg(long, value_name = "NAME|FILE", default_value = ShippedModel::default().name())]
    pub(crate) model: PathBuf,
    /// Device that runs the model: auto (a GPU if available), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(crate) device: Device,
}

impl ModelArguments {
    /// Loads the model. Warns when a GPU was asked for but cannot be used.
    ///
    /// # Errors
    /// When there is no such model, or it cannot be loaded.
    pub(crate) fn load(&self) -> anyhow::Result<Network> {
        let network = self.load_silently().map_err(|e| coded(e.code(), e))?;
        if let Some(reason) = network.no_gpu() {
            warn_of_cpu(reason);
        }
        Ok(network)
    }

    /// Loads the model without a warning.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_silently(&self) -> Result<Network, ModelError> {
        match self.model.to_str().and_then(ShippedModel::by_name) {
            Some(model) => Network::shipped_on(model, self.device),
            None => Network::load_on(&self.model, self.device),
        }
    }
}

/// Warns on the terminal that the CPU is used because the GPU cannot be.
pub(crate) fn warn_of_cpu(reason: &str) {
    eprintln!("octrls: {}: using the CPU, because the GPU cannot be used: {reason}", ErrorCode::ModelDevice);
}
