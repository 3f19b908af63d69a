//! The scans of the ledger and of the quarantine folder.

use std::{collections::HashSet, path::PathBuf};

use jiff::Timestamp;
use octrls_engine::{LedgerAdmin, LedgerError, Review, ScanState};

use crate::display_path::display_path;

/// Most scans that a screen lists; older ones are left out.
const MOST: usize = 2000;

/// State of a scan in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerState {
    Queued,
    Running,
    Done,
    Quarantined,
    Expired,
}

/// A scan of the ledger, or one that was only found in quarantine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LedgerScan {
    /// Path below the root.
    pub(crate) name: String,
    pub(crate) state: LedgerState,
    /// Folder with its results.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) bytes: u64,
    pub(crate) attempts: u32,
    /// Stable code and message of the last error.
    pub(crate) error: Option<(String, String)>,
    /// Time of the last change.
    pub(crate) at: Timestamp,
    /// Reviews of its present result, oldest first.
    pub(crate) reviews: Vec<Review>,
}

/// The newest scans of `ledger`, newest first. A path has one entry: that of the content last seen there.
pub(super) fn ledger_scans(ledger: &LedgerAdmin, out: &std::path::Path) -> Result<Vec<LedgerScan>, LedgerError> {
    let mut scans = Vec::new();
    let mut entries = Vec::new();
    ledger.each(&mut |entry| entries.push(entry))?;
    let has_reviews = ledger.has_reviews()?;
    for entry in entries {
        let state = match entry.state {
            ScanState::Hashed => LedgerState::Queued,
            ScanState::Running => LedgerState::Running,
            ScanState::Written | ScanState::Delivered => LedgerState::Done,
            ScanState::Quarantined => LedgerState::Quarantined,
            ScanState::Expired => LedgerState::Expired,
            ScanState::Superseded => continue,
        };
        let reviews = if has_reviews && state == LedgerState::Done { ledger.reviews_of(&entry)? } else { Vec::new() };
        let at = entry.finished.or(entry.started).or(entry.queued).unwrap_or(Timestamp::UNIX_EPOCH);
        scans.push(LedgerScan {
            name: display_path(&entry.path),
            state,
            folder: entry.result.filter(|_| state == LedgerState::Done).map(|result| out.join(result)),
            bytes: entry.bytes.unwrap_or(0),
            attempts: entry.attempts,
            error: entry.code.map(|code| (code, entry.reason.unwrap_or_default())),
            at,
            reviews,
        });
    }
    // Quarantine outlives the ledger, and holds files that could never be read.
    for quarantined in ledger.quarantined() {
        scans.push(LedgerScan {
            name: display_path(&quarantined.path),
            state: LedgerState::Quarantined,
            folder: None,
            bytes: 0,
            attempts: quarantined.attempts,
            error: Some((quarantined.code, quarantined.reason)),
            at: quarantined.time,
            reviews: Vec::new(),
        });
    }
    scans.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.name.cmp(&b.name)));
    let mut names = HashSet::new();
    scans.retain(|scan| names.insert(scan.name.clone()));
    scans.truncate(MOST);
    Ok(scans)
}
