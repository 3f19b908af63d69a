//! Stands in for `queue` in builds without a fleet.

use std::{path::Path, sync::Arc, time::Duration};

use clap::Args;

use crate::{
    engine::{Processor, Remote, SegmenterOptions},
    network::Network,
};

#[derive(Args)]
pub(super) struct WatchQueueArguments {}

/// Never exists.
pub(super) enum Queue {}

/// Has no messages.
pub(super) struct Ear;

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "same signatures as with a fleet")]
impl WatchQueueArguments {
    pub(super) const fn queue(&self) -> anyhow::Result<Option<Queue>> {
        Ok(None)
    }

    pub(super) const fn default_jobs(&self) -> Option<usize> {
        None
    }
}

impl Queue {
    pub(super) const fn processor(
        self,
        _: &Network,
        _: SegmenterOptions,
        _: &Path,
        _: Option<Duration>,
    ) -> anyhow::Result<(Arc<dyn Processor>, Ear)> {
        match self {}
    }
}

#[expect(clippy::unused_self, reason = "same signature as with a fleet")]
impl Ear {
    pub(super) fn listen(self, _: Remote, _: bool) {}
}
