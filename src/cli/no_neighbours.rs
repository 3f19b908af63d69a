//! Stands in for `neighbours` in builds without the DICOM network.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use crate::engine::{Processor, Remote};

#[derive(Args)]
pub(super) struct WatchNetArguments {}

#[derive(Args)]
pub(super) struct SegmentNetArguments {}

impl WatchNetArguments {
    #[expect(clippy::unused_self, reason = "same signature as with the DICOM network")]
    pub(super) const fn neighbours(&self) -> Neighbours {
        Neighbours {}
    }
}

impl SegmentNetArguments {
    #[expect(clippy::unused_self, reason = "same signature as with the DICOM network")]
    pub(super) const fn deliver(&self, _: &[PathBuf]) -> usize {
        0
    }
}

/// Always false: nothing is delivered.
pub(super) const fn delivered(_: &Path) -> bool {
    false
}

/// No peers.
#[derive(Default)]
pub(super) struct Neighbours {}

#[expect(clippy::unused_self, reason = "same signatures as with the DICOM network")]
impl Neighbours {
    pub(super) fn served_by(&self, processor: Arc<dyn Processor>) -> Arc<dyn Processor> {
        processor
    }

    #[expect(clippy::unnecessary_wraps, reason = "same signature as with the DICOM network")]
    pub(super) fn start(self, _: &Path, _: &Path, _: &Remote) -> anyhow::Result<Self> {
        Ok(self)
    }

    pub(super) const fn stop(&self) -> Self {
        Self {}
    }

    pub(super) const fn finish(self, _: bool) -> usize {
        0
    }

    pub(super) const fn drain(&self) {}

    pub(super) const fn abort(&self) {}
}
