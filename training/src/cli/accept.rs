//! `accept`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use octrls_core::network::Network;

use super::labels::Labels;
use crate::{
    data::{Part, phantom},
    evaluate::changes,
};

/// First seed of the phantoms that every comparison uses; none is used in training.
const PHANTOM_SEED: u64 = 910_000_000;

#[derive(Debug, Args)]
pub(super) struct Accept {
    /// Model that was fitted to new scans (ONNX)
    model: PathBuf,
    /// Model that it may replace
    #[arg(long, value_name = "ONNX", default_value = "models/unet-640.onnx")]
    before: PathBuf,
    #[command(flatten)]
    labels: Labels,
    /// Part of the data to compare on; `test` only for data that chose nothing, as that of a site
    #[arg(long, value_enum, default_value_t = Part::Val)]
    part: Part,
    /// Number of phantoms to compare on, besides the part of the data
    #[arg(long, default_value_t = 24)]
    phantoms: u64,
}

impl Accept {
    pub(super) fn run(self) -> Result<()> {
        let load = |path: &PathBuf| Network::load(path).with_context(|| format!("cannot load {}", path.display()));
        let (before, after) = (load(&self.before)?, load(&self.model)?);
        let mut samples = self.labels.load(self.part)?;
        samples.extend((0..self.phantoms).map(|i| phantom(PHANTOM_SEED + i)));
        let changes = changes(&before, &after, &samples)?;
        for change in &changes {
            let verdict = if change.loses { "LOSES" } else { "" };
            println!("{:16} {:20} {:.4} -> {:.4}  {verdict}", change.set, change.figure, change.before, change.after);
        }
        let losses = changes.iter().filter(|change| change.loses).count();
        anyhow::ensure!(losses == 0, "refused: the model loses in {losses} of {} figures", changes.len());
        println!("accepted: the model loses in no figure");
        Ok(())
    }
}
