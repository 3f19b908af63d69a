//! Opening the ledger of a results folder.

use std::path::Path;

use octrls_engine::LedgerAdmin;

use super::error::coded;

/// Opens the ledger and the quarantine of the results folder `out`.
pub(crate) fn open_ledger(out: &Path) -> anyhow::Result<LedgerAdmin> {
    LedgerAdmin::open(out).map_err(|e| coded(e.code(), e))
}
