//! The result folders: which content has its results where, on disk and in the ledger.
//!
//! Names of scans change hands while scans are processed: two files swap their names, one is renamed onto another. So
//! whether a folder may be removed depends on the content whose results it holds, never on its name, and is decided
//! under the ledger's lock together with the removal. A folder changes hands in the ledger before it does on disk:
//! [`claim`](ResultFolders::claim) comes before a result is published. A crash in between costs a repetition, but no
//! content counts as done with another's results.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use octrls_core::ErrorCode;
use octrls_fs::confined::FolderId;
use octrls_fs::platform::is_out_of_resources;
use octrls_report::{DiscardedFolder, OutputError, Staging};

use super::content::Content;
use crate::{
    LedgerError, Level,
    event_sender::EventSender,
    folders::result_folder,
    intake::stamp::Stamp,
    ledger::{self, Ledger},
};

/// The result folders below the output folder.
pub(crate) struct ResultFolders {
    pub(crate) out: PathBuf,
    /// Which folder `out` is.
    id: Option<FolderId>,
    staging: Staging,
    ledger: Arc<Mutex<Ledger>>,
    events: EventSender,
}

impl ResultFolders {
    /// The result folders below `out`, which must exist.
    pub(crate) fn of(out: &Path, ledger: &Arc<Mutex<Ledger>>, events: &EventSender) -> Self {
        let (id, staging) = (FolderId::of(out).ok(), Staging::of(out));
        Self { out: out.to_owned(), id, staging, ledger: Arc::clone(ledger), events: events.clone() }
    }

    /// Whether the output folder is still the one of the start. It is not if its disk is unmounted. Without file
    /// descriptors nobody can tell; then it is.
    pub(crate) fn is_present(&self) -> bool {
        self.id.is_none_or(|id| match FolderId::of(&self.out) {
            Ok(now) => now == id,
            Err(error) => is_out_of_resources(&error),
        })
    }

    /// Records that the folder of the scan at `path` is about to get results of `content`: any other content that has its results
    /// there has none from now on. Returns whether there was one.
    pub(crate) fn claim(&self, path: &Path, content: &Content) -> Result<bool, LedgerError> {
        ledger::lock(&self.ledger).claim(&result_folder(path), content)
    }

    /// Records that the folder of the scan at `path` holds the results of `content`, and removes its earlier results
    /// elsewhere.
    pub(crate) fn finish(&self, path: &Path, stamp: Stamp, content: &Content) -> Result<(), LedgerError> {
        let folder = result_folder(path);
        let mut ledger = ledger::lock(&self.ledger);
        let earlier = ledger.earlier_result(content)?.filter(|earlier| *earlier != folder);
        let discarded = earlier.map(|earlier| self.take_away(&earlier));
        let recorded = ledger.done(path, stamp, content);
        drop(ledger);
        discarded.map(|folder| self.remove(folder));
        recorded
    }

    /// Removes the results of the scan at `path`, which is part of another, unless that scan is being processed.
    /// Returns whether there were any.
    pub(crate) fn withdraw(&self, path: &Path) -> Result<bool, LedgerError> {
        let mut ledger = ledger::lock(&self.ledger);
        let folder = result_folder(path);
        if !ledger.withdraw(&folder)? {
            return Ok(false);
        }
        let discarded = self.take_away(&folder);
        drop(ledger);
        Ok(self.remove(discarded))
    }

    /// Records that the scan of `content` at `path` turned out to be part of another, and removes its results.
    pub(crate) fn set_aside(&self, path: &Path, content: &Content) -> Result<(), LedgerError> {
        let folder = result_folder(path);
        let mut ledger = ledger::lock(&self.ledger);
        let earlier = ledger.earlier_result(content)?.filter(|earlier| *earlier != folder);
        ledger.set_aside(content)?;
        let here = (!ledger.has_result_in(&folder)?).then(|| self.take_away(&folder));
        let elsewhere = earlier.map(|earlier| self.take_away(&earlier));
        drop(ledger);
        for discarded in here.into_iter().chain(elsewhere) {
            self.remove(discarded);
        }
        Ok(())
    }

    /// Removes the folder of the scan at `path`, because nobody knows whose results it holds.
    pub(crate) fn retract(&self, path: &Path) -> Result<(), LedgerError> {
        let mut ledger = ledger::lock(&self.ledger);
        let folder = result_folder(path);
        ledger.disown(&folder)?;
        let discarded = self.take_away(&folder);
        drop(ledger);
        self.remove(discarded);
        Ok(())
    }

    /// Removes the results that the ledger's row `row` has in the folder `path`, because of their age. `None` if the
    /// row no longer has them there.
    pub(crate) fn expire(&self, row: i64, path: &Path) -> Result<Option<Result<bool, OutputError>>, LedgerError> {
        let ledger = ledger::lock(&self.ledger);
        // The ledger comes first: a crash in between leaves an extra folder, but nothing is processed again.
        if !ledger.expire(row, path)? {
            return Ok(None);
        }
        let discarded = self.staging.take_away(&self.out.join(path));
        drop(ledger);
        Ok(Some(discarded.and_then(|folder| folder.map_or(Ok(false), |folder| folder.remove().map(|()| true)))))
    }

    /// Takes a folder out of sight, which is quick; [`remove`](Self::remove) deletes it without the ledger's lock.
    fn take_away(&self, path: &Path) -> (PathBuf, Result<Option<DiscardedFolder>, OutputError>) {
        (path.to_owned(), self.staging.take_away(&self.out.join(path)))
    }

    fn remove(&self, (path, discarded): (PathBuf, Result<Option<DiscardedFolder>, OutputError>)) -> bool {
        let removed = discarded.and_then(|folder| folder.map_or(Ok(false), |folder| folder.remove().map(|()| true)));
        removed.unwrap_or_else(|error| {
            let text = format!("cannot remove earlier results in {}: {error}", path.display());
            self.notice(error.code(), text);
            false
        })
    }

    fn notice(&self, code: ErrorCode, text: String) {
        self.events.notice(Level::Warning, Some(code), text);
    }
}
