//! Checks single files, and decides what they mean for the scans that they belong to.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use octrls_core::ErrorCode;

use super::{
    pending::Sighting,
    stamp::Stamp,
    watcher::{Finding, ReadyScan, Stopped, Watcher},
};
use crate::{
    Level,
    ledger::{self, PathStatus},
};

/// Most checks of growing files before hints and requests get their turn.
const CHECKS_AT_ONCE: usize = 64;

impl Watcher {
    /// Checks growing files that are due.
    pub(super) fn check_due(&mut self) -> Result<(), Stopped> {
        for _ in 0..CHECKS_AT_ONCE {
            if self.root.is_none() {
                break;
            }
            let Some(name) = self.pending.take_due(Instant::now()) else { break };
            self.inspect_scan(name.strip_prefix(&self.name).map(Path::to_owned).unwrap_or(name))?;
        }
        Ok(())
    }

    /// Checks the scan named by a file; of a series, all of its files.
    pub(super) fn inspect_scan(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let files = self.series.files(&self.scope.root().join(&path));
        if files.instances().is_empty() {
            self.inspect(path)?;
        }
        for file in files.instances() {
            self.inspect(self.below(file))?;
        }
        self.sight_scans(at)
    }

    /// Checks one file. An image listed by an export is not a scan. An instance of a series is looked at later, with its
    /// series.
    pub(super) fn inspect(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let file = self.scope.root().join(&path);
        match Stamp::take(&file) {
            Ok(Some(stamp)) => {
                if let Some(changed) = self.exports.record_image(&file, stamp.scan) {
                    self.changed_exports.extend(changed);
                    return self.drop_candidate(&self.name.join(path));
                }
                let change = self.series.record(&file, self.scope.within(), stamp.scan, self.walks);
                self.instances.extend(change.left);
                if let Some((older, newer)) = change.replacement {
                    self.report_replacement(&older, &newer)?;
                }
                if change.is_instance {
                    self.instances.insert(file);
                    return Ok(());
                }
                if change.is_companion {
                    return self.pass_by(&file, change.is_new);
                }
                self.sight(&file, self.exports.record(&file, self.scope.within(), stamp), at)
            }
            Ok(None) => self.gone(&file),
            Err(error) => {
                self.probe()?;
                let is_gone = error.kind() == io::ErrorKind::NotFound && self.root.is_some();
                if is_gone { self.gone(&file) } else { Ok(()) }
            }
        }
    }

    /// Says that one file stands for another, since it is the same instance, sent again for another patient.
    fn report_replacement(&self, older: &Path, newer: &Path) -> Result<(), Stopped> {
        let text = format!(
            "{} is the same instance as {}, sent again for another patient; the newer file replaces the older and its results",
            self.name_of(newer).display(),
            self.name_of(older).display()
        );
        self.report(Finding::Notice(Level::Warning, ErrorCode::ScanReplaced, text))
    }

    /// Leaves out a picture that belongs to scans; says so once.
    fn pass_by(&mut self, file: &Path, is_new: bool) -> Result<(), Stopped> {
        let name = self.name_of(file);
        self.drop_candidate(&name)?;
        if !is_new {
            return Ok(());
        }
        let text = format!(
            "{}: a photograph or en-face image without B-scans; it appears in the reports of scans that refer to it",
            name.display()
        );
        self.report(Finding::Notice(Level::Info, ErrorCode::ReadCompanion, text))
    }

    /// Looks at the series and exports whose files were checked at the time `at` or later.
    pub(super) fn sight_scans(&mut self, at: Instant) -> Result<(), Stopped> {
        for export in std::mem::take(&mut self.changed_exports) {
            if let Ok(Some(stamp)) = Stamp::take(&export) {
                self.sight(&export, self.exports.recorded_stamp(&export, stamp), at)?;
            }
        }
        while !self.instances.is_empty() {
            let mut heads = BTreeSet::new();
            for instance in std::mem::take(&mut self.instances) {
                let Some(head) = self.series.head(&instance) else { continue };
                if head != instance {
                    self.drop_candidate(&self.name_of(&instance))?;
                }
                heads.insert(head);
            }
            for head in heads {
                // Unless the previous first file now names another series.
                let earlier = self.series.rename(&head).filter(|e| self.series.head(e).as_ref() != Some(e));
                if let Some(earlier) = earlier {
                    self.drop_candidate(&self.name_of(&earlier))?;
                }
                match self.series.recorded_stamp(&head) {
                    Ok(Some(stamp)) => self.sight(&head, stamp, at)?,
                    Ok(None) => self.gone(&head)?,
                    Err(error) => {
                        self.probe()?;
                        // If the root is unreachable, the next check will tell.
                        if error.kind() == io::ErrorKind::NotFound && self.root.is_some() {
                            self.gone(&head)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Decides what to do with the scan named by `file`, which had `stamp` at the time `at`.
    fn sight(&self, file: &Path, stamp: Stamp, at: Instant) -> Result<(), Stopped> {
        let path = self.name_of(file);
        match self.pending.sighted(&path, stamp, at) {
            Sighting::Known => Ok(()),
            Sighting::Ready(id) => {
                let files = self.series.files(file);
                self.report(Finding::Ready(ReadyScan { id, path, files, stamp }))
            }
            Sighting::New => {
                let ledger = self.ledger.upgrade().ok_or(Stopped)?;
                let status = ledger::lock(&ledger).status_of(&path, stamp);
                match status {
                    Ok(PathStatus::Done | PathStatus::Quarantined) => Ok(()),
                    Ok(PathStatus::Unknown) => {
                        let (id, bytes) = (self.ids.next(), stamp.scan.bytes);
                        if self.pending.add(id, path.clone(), stamp, at) {
                            self.report(Finding::Seen { id, path, bytes })?;
                        }
                        Ok(())
                    }
                    // The next walk finds the file again.
                    Err(error) => self.report(Finding::LedgerFailed(error)),
                }
            }
        }
    }

    pub(super) fn gone(&mut self, file: &Path) -> Result<(), Stopped> {
        self.changed_exports.extend(self.exports.remove(file));
        self.instances.extend(self.series.remove_file(file));
        self.drop_candidate(&self.name_of(file))
    }

    /// Forgets a scan that was still growing, if there is one of that name.
    pub(super) fn drop_candidate(&self, name: &Path) -> Result<(), Stopped> {
        if let Some(id) = self.pending.candidate(name) {
            // Reported first: an engine without pending scans and reports may stop.
            self.report(Finding::Vanished(id))?;
            self.pending.remove_candidate(name);
        }
        Ok(())
    }
}
