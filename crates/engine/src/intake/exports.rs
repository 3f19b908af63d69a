//! Files that are parts of an export folder, not scans of their own.
//!
//! The scan of an export is its XML with every image that the XML lists: if one of them changes, arrives or disappears,
//! the scan has changed.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use octrls_fs::within::Within;
use octrls_readers as scan;
use octrls_readers::ExportParts;

use super::stamp::{FileStamp, FileSum, Patience, Stamp};

/// The exports seen so far and the images that each lists. Shared by watchers and workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exports {
    by_folder: Arc<Mutex<HashMap<PathBuf, BTreeMap<PathBuf, Export>>>>,
}

/// What the file at the path of an export is known to contain.
#[derive(Debug)]
struct Export {
    stamp: Stamp,
    parts: Arc<ExportParts>,
    /// The images that exist.
    images: BTreeMap<PathBuf, FileStamp>,
}

impl Exports {
    /// Records the file at `path`, which has `stamp`; returns the stamp of the whole scan. A changed file is read again; it
    /// is opened `within` what may be opened.
    pub(crate) fn record(&self, path: &Path, within: &Within, stamp: Stamp) -> Stamp {
        let Some(folder) = path.parent().filter(|_| scan::may_have_parts(path)) else { return stamp };
        let known = |exports: &BTreeMap<PathBuf, Export>| exports.get(path).is_some_and(|e| e.stamp == stamp);
        if self.all().get(folder).is_some_and(known) {
            return self.current_stamp(path, stamp);
        }
        // Read without the lock: a file on a slow share must not block others.
        let parts = Arc::new(scan::parts_within(path, within));
        let images = stamps_of(parts.files());
        let mut all = self.all();
        let export = Export { stamp, parts, images };
        let whole = export.with_images(path, stamp);
        all.entry(folder.to_owned()).or_default().insert(path.to_owned(), export);
        whole
    }

    /// Records the file at `path`, which has `stamp`, if it is an image of exports; returns those that it has changed.
    /// `None` if it is no such image.
    pub(crate) fn record_image(&self, path: &Path, stamp: FileStamp) -> Option<Vec<PathBuf>> {
        let (mut is_image, mut changed) = (false, Vec::new());
        for (xml, parts) in self.near(path) {
            let known = self.with(&xml, |export| export.images.insert_if_known(path, stamp)).flatten();
            let has_changed = if let Some(has_changed) = known {
                has_changed
            } else {
                let files = parts.files();
                if !files.iter().any(|file| file == path) {
                    continue;
                }
                let images = stamps_of(files);
                self.with(&xml, |export| export.images = images);
                true
            };
            is_image = true;
            changed.extend(has_changed.then_some(xml));
        }
        is_image.then_some(changed)
    }

    /// Records that there is no file at `path`; returns the exports that it was an image of.
    pub(crate) fn remove(&self, path: &Path) -> Vec<PathBuf> {
        let mut all = self.all();
        if let Some(exports) = path.parent().and_then(|folder| all.get_mut(folder)) {
            exports.remove(path);
        }
        drop(all);
        let near = self.near(path).into_iter();
        let changed = near.filter(|(xml, parts)| {
            let was_image = self.with(xml, |export| export.images.remove(path).is_some()) == Some(true);
            if was_image {
                // Without it, another folder may be that of the images.
                let images = stamps_of(parts.files());
                self.with(xml, |export| export.images = images);
            }
            was_image
        });
        changed.map(|(xml, _)| xml).collect()
    }

    /// Whether the file at `path` is an image of an export.
    pub(crate) fn lists(&self, path: &Path) -> bool {
        let all = self.all();
        let near = path.ancestors().skip(1).take(2).filter_map(|folder| all.get(folder));
        near.flat_map(BTreeMap::values).any(|export| export.images.contains_key(path))
    }

    /// Whether the file at `path` is an export that lists images.
    pub(crate) fn has_images(&self, path: &Path) -> bool {
        self.with(path, |export| export.parts.listed() > 0).unwrap_or(false)
    }

    /// The images of the export at `path` that exist, in the order of their paths.
    pub(crate) fn images(&self, path: &Path) -> Vec<PathBuf> {
        self.with(path, |export| export.images.keys().cloned().collect()).unwrap_or_default()
    }

    /// The stamp of the whole scan at `path`, given that of its file. The known images are checked again.
    pub(crate) fn current_stamp(&self, path: &Path, stamp: Stamp) -> Stamp {
        // Checked without the lock.
        let present = stamps_of(self.images(path));
        self.with(path, |export| {
            export.images = present;
            export.with_images(path, stamp)
        })
        .unwrap_or(stamp)
    }

    /// The stamp of the whole scan at `path`, given that of its file. The images count as last seen.
    pub(crate) fn recorded_stamp(&self, path: &Path, stamp: Stamp) -> Stamp {
        self.with(path, |export| export.with_images(path, stamp)).unwrap_or(stamp)
    }

    /// The exports that may have the file at `path` as an image, by its name and place.
    fn near(&self, path: &Path) -> Vec<(PathBuf, Arc<ExportParts>)> {
        let all = self.all();
        let near = path.ancestors().skip(1).take(2).filter_map(|folder| all.get(folder)).flatten();
        near.filter(|(_, export)| export.parts.contains(path) || export.images.contains_key(path))
            .map(|(xml, export)| (xml.clone(), Arc::clone(&export.parts)))
            .collect()
    }

    /// Does `what` with the export at `path`, if it is known.
    fn with<T>(&self, path: &Path, what: impl FnOnce(&mut Export) -> T) -> Option<T> {
        self.all().get_mut(path.parent()?)?.get_mut(path).map(what)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, BTreeMap<PathBuf, Export>>> {
        self.by_folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Export {
    fn with_images(&self, path: &Path, stamp: Stamp) -> Stamp {
        if self.parts.is_empty() {
            return stamp;
        }
        let is_whole = self.images.len() >= self.parts.listed();
        let patience = if is_whole { Patience::Usual } else { Patience::Incomplete };
        // Without an image, the scan is this one file, which quarantine knows by its own stamp.
        if self.images.is_empty() {
            return Stamp { patience, ..stamp };
        }
        let mut files = FileSum::default();
        for (file, stamp) in
            self.images.iter().map(|(file, stamp)| (file.as_path(), *stamp)).chain([(path, stamp.scan)])
        {
            files.add(file.file_name().unwrap_or_default(), stamp);
        }
        stamp.with_files(&files, patience)
    }
}

/// The stamps of those `files` that exist.
fn stamps_of(files: Vec<PathBuf>) -> BTreeMap<PathBuf, FileStamp> {
    let stamp = |file: PathBuf| FileStamp::take(&file).ok().flatten().map(|stamp| (file, stamp));
    files.into_iter().filter_map(stamp).collect()
}

/// Changing what is known.
trait KnownImages {
    /// Records the stamp of a known image; returns whether it differs from the one before. `None` if it is not known.
    fn insert_if_known(&mut self, path: &Path, stamp: FileStamp) -> Option<bool>;
}

impl KnownImages for BTreeMap<PathBuf, FileStamp> {
    fn insert_if_known(&mut self, path: &Path, stamp: FileStamp) -> Option<bool> {
        self.get_mut(path).map(|known| std::mem::replace(known, stamp) != stamp)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_export_changes_with_each_of_its_images() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let image = |name: &str| format!("<Image><ImageData><ExamURL>c:\\x\\{name}</ExamURL></ImageData></Image>");
        let xml = at("e.xml");
        fs::write(&xml, format!("<HEDX><Series>{}{}</Series></HEDX>", image("1.tif"), image("2.tif"))).unwrap();
        fs::create_dir(at("other")).unwrap();
        fs::write(at("1.tif"), "x").unwrap();
        fs::write(at("other/2.tif"), "another's").unwrap();
        let exports = Exports::default();
        let stamp = |name: &str| FileStamp::take(&at(name)).unwrap().unwrap();
        let own = Stamp::take(&xml).unwrap().unwrap();
        assert_eq!(exports.record_image(&at("1.tif"), stamp("1.tif")), None, "the export is not known yet");
        let first = exports.record(&xml, &Within::anywhere(), own);
        assert_eq!(first.patience, Patience::Incomplete);
        assert_eq!(exports.record_image(&at("1.tif"), stamp("1.tif")), Some(Vec::new()));
        assert_eq!(exports.record_image(&at("other/2.tif"), stamp("other/2.tif")), None);
        fs::write(at("2.tif"), "y").unwrap();
        assert_eq!(exports.record_image(&at("2.tif"), stamp("2.tif")), Some(vec![xml.clone()]));
        let second = exports.recorded_stamp(&xml, own);
        assert_eq!(second, exports.current_stamp(&xml, own));
        assert!(second != first && second.patience == Patience::Usual);
        assert!(exports.lists(&at("2.tif")) && !exports.lists(&at("other/2.tif")));
        fs::write(at("1.tif"), "grown").unwrap();
        assert_ne!(exports.current_stamp(&xml, own), second);
        fs::remove_file(at("2.tif")).unwrap();
        assert_eq!(exports.remove(&at("2.tif")), std::slice::from_ref(&xml));
        assert_eq!(exports.images(&xml), [at("1.tif")]);
        assert!(exports.remove(&xml).is_empty() && !exports.lists(&at("1.tif")));
    }
}
