//! `annotations`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::data::{annotated_samples, write_mask};

#[derive(Debug, Args)]
pub(super) struct Annotations {
    /// Annotations (VGG JSON)
    json: PathBuf,
    /// Folder of the annotated images
    images: PathBuf,
    /// Output folder for the masks, one PNG per image
    out: PathBuf,
}

impl Annotations {
    pub(super) fn run(self) -> Result<()> {
        let samples = annotated_samples(&self.json, &self.images)?;
        fs::create_dir_all(&self.out).with_context(|| format!("cannot create {}", self.out.display()))?;
        for sample in &samples {
            write_mask(&self.out.join(format!("{}.png", sample.id)), &sample.mask, sample.bscan.width)?;
        }
        eprintln!("{} masks in {}", samples.len(), self.out.display());
        Ok(())
    }
}
