//! What an operator does with ledger and quarantine from another process, while an engine works with them or while none does.
//!
//! Changes go into the ledger at once; a running engine learns from it within seconds which files to look at, and the next
//! start looks at all of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    LedgerEntry, LedgerError, ScanState,
    handle::{LEDGER_FILE, QUARANTINE_FOLDER, STATE_FOLDER},
    ledger::Records,
    quarantine::Quarantine,
    roots::Roots,
};
use octrls_readers as scan;

pub use super::quarantine::Quarantined;

/// The ledger and the quarantine of one folder for results.
#[derive(Debug)]
pub struct Steward {
    records: Records,
    roots: Roots,
    quarantine: Quarantine,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redo {
    /// It will be worked on.
    Asked,
    /// A worker has it now.
    Running,
    /// No file of this content is in the watched folders any more.
    Gone,
    /// The ledger knows nothing under this path.
    Unknown,
}

/// Why something in quarantine stays there.
#[derive(Debug, thiserror::Error)]
pub enum StewardError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file cannot be moved or removed.
    #[error("{path} stays in quarantine: {source}", path = path.display())]
    Quarantine {
        /// Its place in the quarantine folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StewardError {
    /// A code that stays the same across versions, for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Quarantine { .. } => "E-QUARANTINE",
        }
    }
}

impl Steward {
    /// Opens what the engine keeps in the folder for results `out`.
    ///
    /// # Errors
    /// [`LedgerError`] when there is no ledger, or it cannot be used.
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
            return Err(LedgerError::Damaged(format!("a watched folder is called {}", path.display())));
        }
        let roots = Roots::named(roots);
        let quarantine = Quarantine::new(roots.clone(), out.join(QUARANTINE_FOLDER));
        Ok(Self { records, roots, quarantine })
    }

    /// Hands every entry of the ledger to `take`, by path.
    ///
    /// # Errors
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn each(&self, take: &mut dyn FnMut(LedgerEntry)) -> Result<(), LedgerError> {
        self.records.each(take)
    }

    /// The path by which the ledger knows the file that an operator calls `path`: below the root already, or anywhere in the
    /// file system.
    #[must_use]
    pub fn below_root(&self, path: &Path) -> PathBuf {
        let whole = path.canonicalize().ok().and_then(|whole| self.roots.name(&whole));
        // A file that is gone has no canonical path; its name may still say enough.
        whole.or_else(|| self.roots.name(path)).unwrap_or_else(|| path.to_owned())
    }

    /// Lets the scan at `path`, below the root, be processed anew; one in quarantine is moved back first.
    ///
    /// # Errors
    /// [`StewardError`] when the ledger cannot be used or a file cannot be moved.
    pub fn redo(&mut self, path: &Path) -> Result<Redo, StewardError> {
        let jailed: Vec<Quarantined> = self.quarantined().into_iter().filter(|q| q.path == path).collect();
        if let Some(last) = jailed.last()
            && !self.roots.locate(path).exists()
        {
            self.release(last)?;
            return Ok(Redo::Asked);
        }
        let mut entries = self.records.at(path)?;
        if entries.is_empty()
            && let Some(head) = self.series_of(path)
        {
            entries = self.records.at(&head)?;
        }
        if entries.is_empty() {
            return Ok(Redo::Unknown);
        }
        let mut outcome = Redo::Gone;
        for entry in entries.iter().filter(|entry| entry.state != ScanState::Superseded) {
            outcome = self.renew(entry)?;
        }
        if outcome == Redo::Asked {
            for left in jailed.iter().filter(|quarantined| !quarantined.moved) {
                self.quarantine.forget(&left.place).map_err(|source| failed(left, source))?;
            }
        }
        Ok(outcome)
    }

    /// Lets everything be processed anew that the ledger has and that is still in the watched folders; returns how much.
    ///
    /// # Errors
    /// [`StewardError`] when the ledger cannot be used.
    pub fn redo_all(&mut self) -> Result<usize, StewardError> {
        let mut entries = Vec::new();
        self.records.each(&mut |entry| entries.push(entry))?;
        let mut count = 0;
        for entry in entries.iter().filter(|e| !matches!(e.state, ScanState::Superseded | ScanState::Quarantined)) {
            if let Some(path) = self.source(entry)? {
                count += usize::from(self.records.renew(entry, &path)?);
            }
        }
        self.records.ask(Path::new(""))?;
        Ok(count)
    }

    /// What is in quarantine, by place.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.quarantine.list()
    }

    /// The place of a scan within the quarantine folder.
    #[must_use]
    pub fn place_of<'a>(&self, quarantined: &'a Quarantined) -> &'a Path {
        self.quarantine.within(&quarantined.place)
    }

    /// Moves a scan back to where it was found, and lets it be processed anew; one that could not be moved away is processed
    /// anew where it is.
    ///
    /// # Errors
    /// [`StewardError`] when it cannot be moved, or the ledger cannot be used.
    pub fn release(&mut self, quarantined: &Quarantined) -> Result<(), StewardError> {
        let path = &quarantined.path;
        let moved = if quarantined.moved {
            self.quarantine.put_back(&quarantined.place, path)
        } else {
            self.quarantine.forget(&quarantined.place)
        };
        moved.map_err(|source| failed(quarantined, source))?;
        for entry in self.records.at(path)?.iter().filter(|entry| entry.state == ScanState::Quarantined) {
            self.records.renew(entry, path)?;
        }
        Ok(self.records.ask(path)?)
    }

    /// Removes a scan from quarantine for good, with its sidecar and the reason. A file that could not be moved there stays
    /// where it is, and stays given up.
    ///
    /// # Errors
    /// [`StewardError`] when it cannot be removed, or the ledger cannot be used.
    pub fn drop_quarantined(&mut self, quarantined: &Quarantined) -> Result<(), StewardError> {
        self.quarantine.forget(&quarantined.place).map_err(|source| failed(quarantined, source))?;
        if quarantined.moved {
            self.records.forget_quarantined(&quarantined.path, quarantined.sha256.as_deref())?;
        }
        Ok(())
    }

    /// What the series is called by that the file at `path` is an instance of.
    fn series_of(&self, path: &Path) -> Option<PathBuf> {
        let scan = scan::around(&self.roots.locate(path)).ok()?;
        self.roots.name(scan.path())
    }

    fn renew(&self, entry: &LedgerEntry) -> Result<Redo, StewardError> {
        if entry.state == ScanState::Running {
            return Ok(Redo::Running);
        }
        let Some(path) = self.source(entry)? else { return Ok(Redo::Gone) };
        if !self.records.renew(entry, &path)? {
            return Ok(Redo::Running);
        }
        self.records.ask(&path)?;
        Ok(Redo::Asked)
    }

    /// A path below the root where the content of `entry` lies, that of its results first.
    fn source(&self, entry: &LedgerEntry) -> Result<Option<PathBuf>, LedgerError> {
        let mut paths: Vec<PathBuf> = entry.result.iter().cloned().chain([entry.path.clone()]).collect();
        paths.extend(self.records.paths_of(entry)?);
        Ok(paths.into_iter().find(|path| self.roots.locate(path).is_file()))
    }
}

fn failed(quarantined: &Quarantined, source: io::Error) -> StewardError {
    StewardError::Quarantine { path: quarantined.place.clone(), source }
}
