//! The arguments of the follow-up of eyes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{args::settings, coded};
use octrls_core::measure::follow_up::{Repeatability, RepeatabilityError};
use octrls_engine::History;

/// Name of the table of repeatabilities that is shipped.
const PUBLISHED: &str = "published";

#[derive(Args)]
struct RepeatabilityArguments {
    /// What changes since earlier visits are held against: the shipped table, or a TOML file of the site's own
    #[arg(long, value_name = "published|FILE", default_value = PUBLISHED)]
    repeatability: PathBuf,
}

/// Those of a watcher.
#[derive(Args)]
pub(super) struct FollowUpArguments {
    /// Neither keep what is measured of an eye nor compare it with earlier visits
    #[arg(long)]
    pub(super) no_follow_up: bool,
    #[command(flatten)]
    table: RepeatabilityArguments,
}

/// Those of a command that has no ledger of its own.
#[derive(Args)]
pub(super) struct HistoryArguments {
    /// Compare each eye with its earlier visits in the ledger of this result folder of a watcher, and enter it there
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    #[command(flatten)]
    table: RepeatabilityArguments,
}

impl FollowUpArguments {
    /// The history of eyes in the result folder `out`; `None` where there is to be none.
    pub(super) fn history(&self, out: &Path) -> anyhow::Result<Option<Arc<History>>> {
        (!self.no_follow_up).then(|| self.table.history(out)).transpose()
    }
}

impl HistoryArguments {
    /// The history of eyes that was asked for.
    pub(super) fn history(&self) -> anyhow::Result<Option<Arc<History>>> {
        let Some(out) = &self.history else { return Ok(None) };
        anyhow::ensure!(out.is_dir(), "E-OUT-IO: there is no folder {}", out.display());
        self.table.history(out).map(Some)
    }
}

impl RepeatabilityArguments {
    fn history(&self, out: &Path) -> anyhow::Result<Arc<History>> {
        let table = match self.repeatability.to_str() {
            Some(PUBLISHED) => Repeatability::published(),
            _ => Repeatability::parse(&settings(&self.repeatability, RepeatabilityError::CODE)?),
        };
        open(out, table)
    }
}

/// The history of eyes in the result folder `out`, with the shipped table.
pub(super) fn published(out: &Path) -> anyhow::Result<Arc<History>> {
    open(out, Repeatability::published())
}

fn open(out: &Path, table: Result<Repeatability, RepeatabilityError>) -> anyhow::Result<Arc<History>> {
    let table = table.map_err(|e| coded(RepeatabilityError::CODE, e))?;
    Ok(Arc::new(History::open(out, Arc::new(table)).map_err(|e| coded(e.code(), e))?))
}
