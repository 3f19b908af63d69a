//! Opening the ledger of a results folder.

use std::path::Path;

use octrls_engine::{AuditAction, AuditChange, AuditLog, LedgerAdmin};

use super::{error::coded, output::display_path};

/// Opens the ledger and the quarantine of the results folder `out`.
pub(crate) fn open_ledger(out: &Path) -> anyhow::Result<LedgerAdmin> {
    LedgerAdmin::open(out).map_err(|e| coded(e.code(), e))
}

/// Records in the audit of `out` what is done with the scan at `path`.
pub(crate) fn record_scan(out: &Path, action: AuditAction, path: &Path) -> anyhow::Result<()> {
    record(out, &AuditChange { action, subject: &display_path(path), before: None, after: None })
}

/// Adds `change` to the audit of `out`.
pub(crate) fn record(out: &Path, change: &AuditChange<'_>) -> anyhow::Result<()> {
    let recorded = AuditLog::open(out).and_then(|mut audit| audit.record(change));
    recorded.map_err(|e| coded(e.code(), e))
}
