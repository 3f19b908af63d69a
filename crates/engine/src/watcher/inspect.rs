//! Checks of single files and of series.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Finding, Stamp, Stopped, Watcher};

impl Watcher {
    /// Checks the scan named by a file; of a series, all of its files.
    pub(super) fn look(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let files = self.series.files(&self.territory.root().join(&path));
        if files.instances().is_empty() {
            self.see(path)?;
        }
        for file in files.instances() {
            self.see(self.below(file))?;
        }
        self.tell_series(at)
    }

    /// Checks one file. An image listed by an export is not a scan. An instance of a series is reported later, with its
    /// series.
    pub(super) fn see(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let at = Instant::now();
        let whole = self.territory.root().join(&path);
        match Stamp::take(&whole) {
            Ok(Some(_)) if self.exports.list(&whole) => self.report(Finding::Gone(self.name.join(path))),
            Ok(Some(stamp)) => {
                let kin = self.series.sighted(&whole, stamp.scan, self.walks);
                self.instances.extend(kin.left);
                if kin.is_instance {
                    self.instances.insert(whole);
                    return Ok(());
                }
                self.exports.sighted(&whole, stamp);
                self.report(Finding::Sighted { path: self.name.join(path), stamp, at })
            }
            Ok(None) => self.gone(path),
            Err(error) => {
                self.probe()?;
                let gone = error.kind() == io::ErrorKind::NotFound && self.root.is_some();
                if gone { self.gone(path) } else { Ok(()) }
            }
        }
    }

    fn gone(&mut self, path: PathBuf) -> Result<(), Stopped> {
        let whole = self.territory.root().join(&path);
        self.exports.gone(&whole);
        self.instances.extend(self.series.gone(&whole));
        self.report(Finding::Gone(self.name.join(path)))
    }

    /// Reports the series whose instances were checked at the time `at` or later.
    pub(super) fn tell_series(&mut self, at: Instant) -> Result<(), Stopped> {
        while !self.instances.is_empty() {
            let mut heads = BTreeSet::new();
            for instance in std::mem::take(&mut self.instances) {
                let Some(head) = self.series.head(&instance) else { continue };
                if head != instance {
                    self.report(Finding::Gone(self.name_of(&instance)))?;
                }
                heads.insert(head);
            }
            for head in heads {
                // Unless the previous first file now names another series.
                let earlier = self.series.tell(&head).filter(|e| self.series.head(e).as_ref() != Some(e));
                if let Some(earlier) = earlier {
                    self.report(Finding::Gone(self.name_of(&earlier)))?;
                }
                match self.series.recall(&head) {
                    Ok(Some(stamp)) => self.report(Finding::Sighted { path: self.name_of(&head), stamp, at })?,
                    Ok(None) => self.gone(self.below(&head))?,
                    Err(error) => {
                        self.probe()?;
                        // If the root is unreachable, the next check will tell.
                        if error.kind() == io::ErrorKind::NotFound && self.root.is_some() {
                            self.gone(self.below(&head))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Path below the root of a file in it.
    fn below(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.territory.root()).map(Path::to_owned).unwrap_or_default()
    }

    /// Name of a scan in the root.
    fn name_of(&self, file: &Path) -> PathBuf {
        self.name.join(self.below(file))
    }

    /// Reports the series in `folder` after the current walk has seen all of its files.
    pub(super) fn leave(&mut self, folder: Option<PathBuf>) -> Result<(), Stopped> {
        if let Some(folder) = folder {
            self.instances.extend(self.series.walked(&folder, self.walks));
        }
        self.tell_series(Instant::now())
    }
}
