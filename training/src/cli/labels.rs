//! Options for labelled scans.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use octrls_core::network::Network;

use crate::data::{DRAFTED_SETS, Part, Sample, add_choroids, draft, load_part};

/// Options for labelled scans.
#[derive(Debug, Args)]
pub(super) struct Labels {
    /// Folder of the labelled data, with `splits.json`
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    /// Network that drafts the layers of training scans that nobody labelled
    #[arg(long, value_name = "ONNX")]
    draft: Option<PathBuf>,
}

impl Labels {
    /// Loads the samples of `part`, with their traced choroids.
    pub(super) fn load(&self, part: Part) -> Result<Vec<Sample>> {
        let mut samples = load_part(&self.data, part)?;
        let choroids = add_choroids(&mut samples, &self.data, part)?;
        if let Some(path) = self.draft.as_ref().filter(|_| part == Part::Train) {
            draft_layers(&mut samples, path)?;
        }
        let mut sets: BTreeMap<&str, usize> = BTreeMap::new();
        for sample in &samples {
            *sets.entry(&sample.set).or_default() += 1;
        }
        let sets: Vec<String> = sets.into_iter().map(|(set, n)| format!("{set} {n}")).collect();
        eprintln!("{part}: {} scans ({}), {choroids} with choroid labels", samples.len(), sets.join(", "));
        Ok(samples)
    }
}

/// Drafts the unlabelled layers of `samples` with the network at `path`.
fn draft_layers(samples: &mut [Sample], path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let network = Network::from_bytes(&bytes)?;
    let (mut drafted, mut refused) = (0, 0);
    for sample in samples.iter_mut().filter(|sample| DRAFTED_SETS.contains(&sample.set.as_str())) {
        let found = draft(sample, &network)?;
        drafted += usize::from(found);
        refused += usize::from(!found);
    }
    eprintln!("layers drafted in {drafted} scans; no retina found in {refused}");
    Ok(())
}
