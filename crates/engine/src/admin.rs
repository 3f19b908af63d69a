//! Operator access to ledger and quarantine from another process, with or without a running engine.
//!
//! Changes go straight into the ledger. A running engine finds requests within seconds; the next start checks all files
//! anyway.

use std::{
    io,
    path::{Path, PathBuf},
};

use octrls_core::ErrorCode;
use octrls_readers as scan;

use super::{
    LedgerEntry, LedgerError, ScanState,
    folders::{LEDGER_FILE, QUARANTINE_FOLDER, STATE_FOLDER},
    intake::roots::Roots,
    ledger::Records,
    quarantine::{Quarantine, Quarantined},
};

/// The ledger and quarantine of a results folder.
#[derive(Debug)]
pub struct LedgerAdmin {
    records: Records,
    roots: Roots,
    quarantine: Quarantine,
}

/// Outcome of a request to process a scan again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redo {
    /// The scan will be processed.
    Asked,
    /// A worker is processing it now.
    Running,
    /// No file with this content is left in the watched folders.
    Gone,
    /// The ledger has no entry for this path.
    Unknown,
}

/// Why an operation on ledger or quarantine failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerAdminError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file cannot be moved or removed.
    #[error("{path} stays in quarantine: {source}", path = path.display())]
    Quarantine {
        /// Path in the quarantine folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl LedgerAdminError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Quarantine { .. } => ErrorCode::Quarantine,
        }
    }
}

impl LedgerAdmin {
    /// Opens the ledger and quarantine in the results folder `out`.
    ///
    /// # Errors
    /// [`LedgerError`] if there is no ledger or it cannot be used.
    pub fn open(out: &Path) -> Result<Self, LedgerError> {
        let missing = || LedgerError::Missing { path: out.to_owned() };
        let out = out.canonicalize().map_err(|_| missing())?;
        let file = out.join(STATE_FOLDER).join(LEDGER_FILE);
        if !file.is_file() {
            return Err(missing());
        }
        let records = Records::open(&file)?;
        let roots = records.roots()?;
        if let Some((_, path)) = roots.iter().find(|(_, path)| !path.is_absolute()) {
            return Err(LedgerError::Damaged(format!("a watched folder has a relative path: {}", path.display())));
        }
        let roots = Roots::with_names(roots);
        let quarantine = Quarantine::new(roots.clone(), out.join(QUARANTINE_FOLDER));
        Ok(Self { records, roots, quarantine })
    }

    /// Passes every ledger entry to `take`, sorted by path.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn each(&self, take: &mut dyn FnMut(LedgerEntry)) -> Result<(), LedgerError> {
        self.records.for_each(take)
    }

    /// The ledger's path for the file that the operator calls `path`, given either below the root or anywhere in the
    /// file system.
    #[must_use]
    pub fn below_root(&self, path: &Path) -> PathBuf {
        let canonical = path.canonicalize().ok().and_then(|path| self.roots.name(&path));
        // A missing file has no canonical path, but its path as given may match a root.
        canonical.or_else(|| self.roots.name(path)).unwrap_or_else(|| path.to_owned())
    }

    /// Requests that the scan at `path`, below the root, be processed again. A scan in quarantine is moved back first.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if the ledger cannot be used or a file cannot be moved.
    pub fn redo(&mut self, path: &Path) -> Result<Redo, LedgerAdminError> {
        let in_quarantine: Vec<Quarantined> = self.quarantined().into_iter().filter(|q| q.path == path).collect();
        // A note without a file may be left over from an earlier failure in place.
        let last = in_quarantine.iter().rfind(|quarantined| quarantined.moved).or(in_quarantine.last());
        if let Some(last) = last
            && !self.roots.locate(path).exists()
        {
            self.release(last)?;
            return Ok(Redo::Asked);
        }
        let mut entries = self.records.entries_at(path)?;
        if entries.is_empty()
            && let Some(head) = self.series_of(path)
        {
            entries = self.records.entries_at(&head)?;
        }
        if entries.is_empty() {
            return Ok(Redo::Unknown);
        }
        let mut outcome = Redo::Gone;
        for entry in entries.iter().filter(|entry| entry.state != ScanState::Superseded) {
            outcome = self.request(entry)?;
        }
        if outcome == Redo::Asked {
            for left in in_quarantine.iter().filter(|quarantined| !quarantined.moved) {
                self.quarantine.delete(&left.place).map_err(|source| failed(left, source))?;
            }
        }
        Ok(outcome)
    }

    /// Requests that everything in the ledger that is still in the watched folders be processed again; returns the
    /// count.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if the ledger cannot be used.
    pub fn redo_all(&mut self) -> Result<usize, LedgerAdminError> {
        let mut entries = Vec::new();
        self.records.for_each(&mut |entry| entries.push(entry))?;
        let mut count = 0;
        for entry in entries.iter().filter(|e| !matches!(e.state, ScanState::Superseded | ScanState::Quarantined)) {
            if let Some(path) = self.source(entry)? {
                count += usize::from(self.records.reset(entry, &path)?);
            }
        }
        self.records.request_check(Path::new(""))?;
        Ok(count)
    }

    /// The scans in quarantine, sorted by place.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.quarantine.list()
    }

    /// Path of a scan within the quarantine folder.
    #[must_use]
    pub fn place_of<'a>(&self, quarantined: &'a Quarantined) -> &'a Path {
        self.quarantine.within(&quarantined.place)
    }

    /// Moves a scan back to its original path and requests that it be processed again. A scan that was not moved is
    /// processed where it is.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if it cannot be moved or the ledger cannot be used.
    pub fn release(&mut self, quarantined: &Quarantined) -> Result<(), LedgerAdminError> {
        let path = &quarantined.path;
        let moved = if quarantined.moved {
            self.quarantine.move_back(&quarantined.place, path)
        } else {
            self.quarantine.delete(&quarantined.place)
        };
        moved.map_err(|source| failed(quarantined, source))?;
        for entry in self.records.entries_at(path)?.iter().filter(|entry| entry.state == ScanState::Quarantined) {
            self.records.reset(entry, path)?;
        }
        Ok(self.records.request_check(path)?)
    }

    /// Deletes a scan from quarantine with its sidecar and note. A scan that was not moved stays where it is and stays
    /// quarantined.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if it cannot be deleted or the ledger cannot be used.
    pub fn drop_quarantined(&mut self, quarantined: &Quarantined) -> Result<(), LedgerAdminError> {
        self.quarantine.delete(&quarantined.place).map_err(|source| failed(quarantined, source))?;
        if quarantined.moved {
            self.records.forget_quarantined(&quarantined.path, quarantined.sha256.as_deref())?;
        }
        Ok(())
    }

    /// Name of the series that the file at `path` belongs to.
    fn series_of(&self, path: &Path) -> Option<PathBuf> {
        let scan = scan::series_of(&self.roots.locate(path)).ok()?;
        self.roots.name(scan.path())
    }

    fn request(&self, entry: &LedgerEntry) -> Result<Redo, LedgerAdminError> {
        if entry.state == ScanState::Running {
            return Ok(Redo::Running);
        }
        let Some(path) = self.source(entry)? else { return Ok(Redo::Gone) };
        if !self.records.reset(entry, &path)? {
            return Ok(Redo::Running);
        }
        self.records.request_check(&path)?;
        Ok(Redo::Asked)
    }

    /// A path below the root where the content of `entry` still exists, preferably the one its results are named after.
    fn source(&self, entry: &LedgerEntry) -> Result<Option<PathBuf>, LedgerError> {
        let mut paths: Vec<PathBuf> = entry.result.iter().cloned().chain([entry.path.clone()]).collect();
        paths.extend(self.records.paths_of(entry)?);
        Ok(paths.into_iter().find(|path| self.roots.locate(path).is_file()))
    }
}

fn failed(quarantined: &Quarantined, source: io::Error) -> LedgerAdminError {
    LedgerAdminError::Quarantine { path: quarantined.place.clone(), source }
}
