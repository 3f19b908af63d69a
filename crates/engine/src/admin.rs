//! Operator access to ledger and quarantine from another process, with or without a running engine.
//!
//! Changes go straight into the ledger. A running engine finds requests within seconds; the next start checks all files
//! anyway.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use octrls_core::{ErrorCode, scan::Place};
use octrls_readers::{self as scan, ReadOptions};

use super::{
    LedgerEntry, LedgerError, ProcessError, ScanState,
    folders::{LEDGER_FILE, STATE_FOLDER},
    intake::roots::Roots,
    ledger::Records,
    quarantine::{Quarantine, Quarantined},
    recentre::recentre,
    review::{Review, write_reviews},
};

/// The ledger and quarantine of a results folder.
#[derive(Debug)]
pub struct LedgerAdmin {
    records: Records,
    roots: Roots,
    quarantine: Quarantine,
    out: PathBuf,
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
    /// The scan cannot be changed as asked.
    #[error(transparent)]
    Scan(ProcessError),
    /// A file cannot be moved or removed.
    #[error("{path} stays in quarantine: {source}", path = path.display())]
    Quarantine {
        /// Path in the quarantine folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Nothing can be reviewed.
    #[error("{path} has no result", path = path.display())]
    NoResult {
        /// Path below the root.
        path: PathBuf,
    },
    /// The review is in the ledger, but not beside the result.
    #[error("the review is in the ledger, but cannot be written to {folder}: {source}", folder = folder.display())]
    Review {
        /// The result folder below the results.
        folder: PathBuf,
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
            Self::Scan(error) => error.code,
            Self::Quarantine { .. } => ErrorCode::Quarantine,
            Self::NoResult { .. } => ErrorCode::ReviewNone,
            Self::Review { .. } => ErrorCode::ReviewIo,
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
        let quarantine = Quarantine::of(roots.clone(), &out);
        Ok(Self { records, roots, quarantine, out })
    }

    /// The watched folders at the engine's last start.
    #[must_use]
    pub fn roots(&self) -> Vec<PathBuf> {
        self.roots.iter().map(|root| root.path.clone()).collect()
    }

    /// The entries of contents last seen or processed at `path`, below the root.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn entries_at(&self, path: &Path) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.records.entries_at(path)
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

    /// Adds `review` to the result of the scan at `path`, below the root.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if the scan has no result, or ledger or result folder cannot be written.
    pub fn review(&mut self, path: &Path, review: &Review) -> Result<(), LedgerAdminError> {
        let entries = self.records.entries_at(path)?;
        let written = entries.into_iter().rfind(|entry| entry.state == ScanState::Written);
        let entry = written.ok_or_else(|| LedgerAdminError::NoResult { path: path.to_owned() })?;
        self.records.add_review(&entry, review)?;
        let Some(folder) = &entry.result else { return Ok(()) };
        let reviews = self.records.reviews_of(&entry)?;
        let written = write_reviews(&self.out, folder, &reviews);
        written.map_err(|source| LedgerAdminError::Review { folder: folder.clone(), source })
    }

    /// Records that the lines of the scan at `path` were corrected: a new result, of which `review` is the first review.
    ///
    /// # Errors
    /// As [`LedgerAdmin::review`].
    pub(crate) fn corrected(&mut self, path: &Path, review: &Review) -> Result<(), LedgerAdminError> {
        let entries = self.records.entries_at(path)?;
        if let Some(entry) = entries.iter().rfind(|entry| entry.state == ScanState::Written) {
            self.records.renewed(entry, review.at)?;
        }
        self.review(path, review)
    }

    /// The reviews of the present result of `entry`, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn reviews_of(&self, entry: &LedgerEntry) -> Result<Vec<Review>, LedgerError> {
        self.records.reviews_of(entry)
    }

    /// Whether anything was ever reviewed.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger cannot be read.
    pub fn has_reviews(&self) -> Result<bool, LedgerError> {
        self.records.has_reviews()
    }

    /// The file of the scan at `path`, below the root.
    #[must_use]
    pub fn file_of(&self, path: &Path) -> PathBuf {
        self.roots.locate(path)
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
        if let Some(whole) = self.scan_with(path) {
            // What it was as a scan of its own no longer counts.
            let of_whole = self.records.entries_at(&whole)?;
            entries = if of_whole.is_empty() { entries } else { of_whole };
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

    /// States `centre` as the fovea of the scan at `path`, below the root, or as the middle of the disc of a circle; `None`
    /// withdraws it. Requests that the scan's results be made anew.
    ///
    /// # Errors
    /// [`LedgerAdminError`] if the scan cannot have this centre, its sidecar cannot be written, or the ledger cannot be
    /// used.
    pub fn recentre(&self, path: &Path, centre: Option<Place>) -> Result<(), LedgerAdminError> {
        recentre(&self.roots.locate(path), path, centre, ReadOptions::default()).map_err(LedgerAdminError::Scan)?;
        Ok(self.records.request_check(path)?)
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

    /// Name of the scan that the file at `path` is only a part of: the series of an instance, the export of an image.
    fn scan_with(&self, path: &Path) -> Option<PathBuf> {
        let file = self.roots.locate(path);
        let series = scan::series_of(&file).ok()?;
        if series.path() != file {
            return self.roots.name(series.path());
        }
        let folders = file.ancestors().skip(1).take(2).filter(|folder| self.roots.name(folder).is_some());
        let beside = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let export = beside
            .map(|entry| entry.path())
            .find(|xml| scan::may_have_parts(xml) && *xml != file && scan::parts(xml).holds(&file));
        self.roots.name(&export?)
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
