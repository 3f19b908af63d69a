//! Looks at single files and at series of them.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Finding, Stamp, Stopped, Watcher};

impl Watcher {
    /// Looks at the scan that is called by a file: of a series, at all of its files.
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

    /// Looks at one file. An image that an export lists is no scan of its own; an instance of a series is told of with the others.
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

    /// Tells of the series whose instances were looked at, at the time `at` or since.
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
                // What it was called by may be another scan by now.
                let earlier = self.series.tell(&head).filter(|e| self.series.head(e).as_ref() != Some(e));
                if let Some(earlier) = earlier {
                    self.report(Finding::Gone(self.name_of(&earlier)))?;
                }
                match self.series.recall(&head) {
                    Ok(Some(stamp)) => self.report(Finding::Sighted { path: self.name_of(&head), stamp, at })?,
                    Ok(None) => self.gone(self.below(&head))?,
                    Err(error) => {
                        self.probe()?;
                        // Where the root is away, or does not answer, the next look tells.
                        if error.kind() == io::ErrorKind::NotFound && self.root.is_some() {
                            self.gone(self.below(&head))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The path below the root of a file in it.
    fn below(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.territory.root()).map(Path::to_owned).unwrap_or_default()
    }

    /// What a scan in the root is called.
    fn name_of(&self, file: &Path) -> PathBuf {
        self.name.join(self.below(file))
    }

    /// Tells of the series in `folder`, all of whose files were seen by the present walk.
    pub(super) fn leave(&mut self, folder: Option<PathBuf>) -> Result<(), Stopped> {
        if let Some(folder) = folder {
            self.instances.extend(self.series.walked(&folder, self.walks));
        }
        self.tell_series(Instant::now())
    }
}
