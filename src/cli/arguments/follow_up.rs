//! Options of the follow-up of eyes from visit to visit.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use octrls_core::measure::follow_up::{Repeatability, RepeatabilityError};
use octrls_engine::History;

use crate::cli::{error::coded, files::read_text};

/// Name of the shipped repeatability table.
const PUBLISHED: &str = "published";

#[derive(Args)]
struct RepeatabilityArguments {
    /// Repeatability table to judge changes between visits: the shipped table, or your own TOML file
    #[arg(long, value_name = "published|FILE", default_value = PUBLISHED)]
    repeatability: PathBuf,
}

/// The follow-up options of `octrls watch`.
#[derive(Args)]
pub(crate) struct FollowUpArguments {
    /// Do not store measurements of an eye or compare them with earlier visits
    #[arg(long)]
    pub(crate) no_follow_up: bool,
    #[command(flatten)]
    table: RepeatabilityArguments,
}

/// The follow-up options of a command without a ledger of its own.
#[derive(Args)]
pub(crate) struct HistoryArguments {
    /// Results folder of a watcher; each eye is compared with its history there and added to it
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    #[command(flatten)]
    table: RepeatabilityArguments,
}

impl FollowUpArguments {
    /// The history of eyes in the results folder `out`; `None` with `--no-follow-up`.
    pub(crate) fn history(&self, out: &Path) -> anyhow::Result<Option<Arc<History>>> {
        (!self.no_follow_up).then(|| self.table.history(out)).transpose()
    }
}

impl HistoryArguments {
    /// The history of eyes that `--history` names; `None` without it.
    pub(crate) fn history(&self) -> anyhow::Result<Option<Arc<History>>> {
        let Some(out) = &self.history else { return Ok(None) };
        anyhow::ensure!(out.is_dir(), "E-OUT-IO: folder {} does not exist", out.display());
        self.table.history(out).map(Some)
    }
}

impl RepeatabilityArguments {
    fn history(&self, out: &Path) -> anyhow::Result<Arc<History>> {
        let table = match self.repeatability.to_str() {
            Some(PUBLISHED) => Repeatability::published(),
            _ => Repeatability::parse(&read_text(&self.repeatability, RepeatabilityError::CODE)?),
        };
        open(out, table)
    }
}

/// The history of eyes in the results folder `out`, with the shipped table.
pub(crate) fn history_of(out: &Path) -> anyhow::Result<Arc<History>> {
    open(out, Repeatability::published())
}

fn open(out: &Path, table: Result<Repeatability, RepeatabilityError>) -> anyhow::Result<Arc<History>> {
    let table = table.map_err(|e| coded(RepeatabilityError::CODE, e))?;
    Ok(Arc::new(History::open(out, Arc::new(table)).map_err(|e| coded(e.code(), e))?))
}
