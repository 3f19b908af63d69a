//! Options for labelled scans.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Result;
use clap::Args;

use crate::data::{Part, Sample, add_choroids, load_part};

/// Options for labelled scans.
#[derive(Debug, Args)]
pub(super) struct Labels {
    /// Folder of the labelled data, with `splits.json`
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Folder of traced choroids, one VGG JSON file per set; optional for each set
    #[arg(long, value_name = "DIR", default_value = "training/annotations")]
    annotations: PathBuf,
}

impl Labels {
    /// Loads the samples of `part`, with their traced choroids.
    pub(super) fn load(&self, part: Part) -> Result<Vec<Sample>> {
        let mut samples = load_part(&self.data, part)?;
        let choroids = add_choroids(&mut samples, &self.annotations)?;
        let mut sets: BTreeMap<&str, usize> = BTreeMap::new();
        for sample in &samples {
            *sets.entry(&sample.set).or_default() += 1;
        }
        let sets: Vec<String> = sets.into_iter().map(|(set, n)| format!("{set} {n}")).collect();
        eprintln!("{part}: {} scans ({}), {choroids} with choroid labels", samples.len(), sets.join(", "));
        Ok(samples)
    }
}
