//! Where labelled scans come from.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Result;
use clap::Args;

use crate::data::{Part, Sample, add_choroids, load_part};

/// The options that name labelled scans.
#[derive(Debug, Args)]
pub(super) struct Labels {
    /// Folder of the labelled data, with `splits.json`.
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Folder of traced choroids, one VGG JSON file a set; sets without one stay without a choroid.
    #[arg(long, value_name = "DIR", default_value = "training/annotations")]
    annotations: PathBuf,
}

impl Labels {
    /// The samples of `part`, with the choroids that were traced in them.
    pub(super) fn load(&self, part: Part) -> Result<Vec<Sample>> {
        let mut samples = load_part(&self.data, part)?;
        let choroids = add_choroids(&mut samples, &self.annotations)?;
        let mut sets: BTreeMap<&str, usize> = BTreeMap::new();
        for sample in &samples {
            *sets.entry(&sample.set).or_default() += 1;
        }
        let sets: Vec<String> = sets.into_iter().map(|(set, n)| format!("{set} {n}")).collect();
        eprintln!("{part}: {} scans ({}), {choroids} whose choroid was looked at", samples.len(), sets.join(", "));
        Ok(samples)
    }
}
