//! DICOM files that are the B-scans of one series, not scans of their own.
//!
//! Instances of one series in one folder form one scan. It is named by the first file in the natural order of names.
//! The number of instances is not stated anywhere: the scan is processed once no instance has changed or arrived for a
//! while, and a later instance changes its content.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use octrls_fs::within::Within;
use octrls_readers::{Role, ScanFiles, SeriesKey, may_be_instance, role_and_identity};

use super::{
    members::{Members, stamp_of},
    stamp::{FileStamp, FileSum, Stamp},
};

/// The DICOM files seen so far, grouped by series. Shared by watchers and workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Arc<Mutex<HashMap<PathBuf, KnownFolder>>>);

/// The known files and series of one folder.
#[derive(Debug, Default)]
struct KnownFolder {
    files: HashMap<OsString, KnownFile>,
    series: HashMap<Arc<SeriesKey>, Members>,
}

/// A known file.
#[derive(Debug)]
struct KnownFile {
    stamp: FileStamp,
    /// The series of this instance.
    of: Option<Arc<SeriesKey>>,
    /// Whether the file is a picture that belongs to scans.
    is_companion: bool,
    /// Number of the last walk that found the file.
    walk: u64,
}

/// Result of a check of a file.
#[derive(Debug, Default)]
pub(crate) struct SeriesChange {
    /// Whether the file is an instance of a series.
    pub(crate) is_instance: bool,
    /// Whether the file is a picture that belongs to scans and is none itself.
    pub(crate) is_companion: bool,
    /// Whether the file was read for this, and not known already.
    pub(crate) is_new: bool,
    /// The first file of the series that the file has left.
    pub(crate) left: Option<PathBuf>,
    /// A file that has just been replaced by a newer one of the same instance, and that one.
    pub(crate) replacement: Option<(PathBuf, PathBuf)>,
}

impl Series {
    /// Records the file at `path`, which has `stamp` and was found by walk number `walk`. A changed file is read again,
    /// up to its pixel data; it is opened `within` what may be opened.
    pub(crate) fn record(&self, path: &Path, within: &Within, stamp: FileStamp, walk: u64) -> SeriesChange {
        let (true, Some(folder), Some(name)) = (may_be_instance(path), path.parent(), path.file_name()) else {
            return SeriesChange::default();
        };
        if let Some(known) = self.all().get_mut(folder).and_then(|f| f.files.get_mut(name))
            && known.stamp == stamp
        {
            known.walk = walk;
            let (is_instance, is_companion) = (known.of.is_some(), known.is_companion);
            return SeriesChange { is_instance, is_companion, ..SeriesChange::default() };
        }
        // Read without the lock: a file on a slow share must not block others.
        let Ok((role, identity)) = role_and_identity(path, within) else {
            // The next check may succeed.
            return SeriesChange { left: self.remove_file(path), ..SeriesChange::default() };
        };
        let is_companion = role == Role::Companion;
        let of = if let Role::Instance(key) = role { Some(key) } else { None };
        let mut all = self.all();
        let known_folder = all.entry(folder.to_owned()).or_default();
        let before = known_folder.remove(name);
        let of = of.map(|key| known_folder.key(key));
        let is_instance = of.is_some();
        let mut replacement = None;
        if let Some(key) = &of {
            let members = known_folder.series.entry(Arc::clone(key)).or_default();
            replacement = members.add(name, stamp, identity);
        }
        let replacement = replacement.map(|(older, newer)| (folder.join(older), folder.join(newer)));
        let left =
            before.filter(|key| Some(key) != of.as_ref()).and_then(|key| Some(folder.join(known_folder.first(&key)?)));
        known_folder.files.insert(name.to_owned(), KnownFile { stamp, of, is_companion, walk });
        SeriesChange { is_instance, is_companion, is_new: true, left, replacement }
    }

    /// Records that there is no file at `path`; returns the first file of the series it belonged to.
    pub(crate) fn remove_file(&self, path: &Path) -> Option<PathBuf> {
        let (folder, name) = (path.parent()?, path.file_name()?);
        let mut all = self.all();
        let known_folder = all.get_mut(folder)?;
        let key = known_folder.remove(name)?;
        Some(folder.join(known_folder.first(&key)?))
    }

    /// Records that walk number `walk` found all files of `folder`; the others are gone. Returns the first files of the
    /// series that lost instances.
    pub(crate) fn finish_walk(&self, folder: &Path, walk: u64) -> Vec<PathBuf> {
        let mut all = self.all();
        let Some(known_folder) = all.get_mut(folder) else { return Vec::new() };
        let gone: Vec<OsString> =
            known_folder.files.iter().filter(|(_, known)| known.walk != walk).map(|(name, _)| name.clone()).collect();
        let lost: BTreeSet<Arc<SeriesKey>> = gone.iter().filter_map(|name| known_folder.remove(name)).collect();
        lost.iter().filter_map(|key| Some(folder.join(known_folder.first(key)?))).collect()
    }

    /// Forgets folders below `root` that no longer exist.
    pub(crate) fn forget_missing_folders(&self, root: &Path) {
        let is_gone =
            |folder: &PathBuf| fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let folders: Vec<PathBuf> = self.all().keys().filter(|folder| folder.starts_with(root)).cloned().collect();
        for folder in folders.iter().filter(|folder| is_gone(folder)) {
            self.all().remove(folder);
        }
    }

    /// First file of the series that the file at `path` belongs to; `None` for any other file.
    pub(crate) fn head(&self, path: &Path) -> Option<PathBuf> {
        let all = self.all();
        let (folder, known_folder, key) = find(&all, path)?;
        Some(folder.join(known_folder.first(key)?))
    }

    /// Whether the file at `path` is an instance of a series, but not its first file.
    pub(crate) fn is_follower(&self, path: &Path) -> bool {
        self.head(path).is_some_and(|head| head != path)
    }

    /// Records that the series is named after its first file `head`; returns the file that named it before, if it was
    /// another.
    pub(crate) fn rename(&self, head: &Path) -> Option<PathBuf> {
        let mut all = self.all();
        let key = Arc::clone(find(&all, head)?.2);
        let members = all.get_mut(head.parent()?)?.series.get_mut(&key)?;
        let before = members.named_after.replace(head.file_name()?.to_owned())?;
        Some(head.with_file_name(before)).filter(|before| before != head)
    }

    /// The files of the series named by `path` that newer ones stand for.
    pub(crate) fn replaced(&self, path: &Path) -> Vec<PathBuf> {
        let all = self.all();
        let members = find(&all, path).and_then(|(folder, known, key)| Some((folder, known.series.get(key)?)));
        members
            .map(|(folder, members)| members.replaced().map(|older| folder.join(older)).collect())
            .unwrap_or_default()
    }

    /// The files of the scan named by `path`.
    pub(crate) fn files(&self, path: &Path) -> ScanFiles {
        let instances = || {
            let all = self.all();
            let (folder, known_folder, key) = find(&all, path)?;
            let members = known_folder.series.get(key)?;
            (path.file_name() == members.first()).then(|| members.names().map(|name| folder.join(name)).collect())
        };
        instances().and_then(ScanFiles::series).unwrap_or_else(|| ScanFiles::one(path))
    }

    /// Stamps the scan named by `path`. For a series, only the first file and the sidecar are checked; the others count
    /// as last seen.
    pub(crate) fn recorded_stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(stamp) = Stamp::take(path)? else { return Ok(None) };
        let all = self.all();
        let Some((_, known_folder, key)) = find(&all, path) else { return Ok(Some(stamp)) };
        let Some(members) = known_folder.series.get(key) else { return Ok(Some(stamp)) };
        Ok(Some(members.stamp(stamp)))
    }

    /// Stamps the scan named by `path`. For a series, all of its files are checked.
    pub(crate) fn current_stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(stamp) = Stamp::take(path)? else { return Ok(None) };
        if self.head(path).is_none() {
            return Ok(Some(stamp));
        }
        let mut sum = FileSum::default();
        for file in self.files(path).instances() {
            match FileStamp::take(file) {
                Ok(Some(stamp)) => sum.add(file.file_name().unwrap_or_default(), stamp),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(stamp_of(&sum, stamp)))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, KnownFolder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder and series of the instance at `path`.
fn find<'a>(
    all: &'a HashMap<PathBuf, KnownFolder>,
    path: &'a Path,
) -> Option<(&'a Path, &'a KnownFolder, &'a Arc<SeriesKey>)> {
    let folder = path.parent()?;
    let known_folder = all.get(folder)?;
    Some((folder, known_folder, known_folder.files.get(path.file_name()?)?.of.as_ref()?))
}

impl KnownFolder {
    /// The copy of `key` that all instances share.
    fn key(&self, key: SeriesKey) -> Arc<SeriesKey> {
        self.series.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| Arc::clone(known))
    }

    /// Forgets the file `name`; returns the series it belonged to.
    fn remove(&mut self, name: &OsStr) -> Option<Arc<SeriesKey>> {
        let KnownFile { of, .. } = self.files.remove(name)?;
        let key = of?;
        let members = self.series.get_mut(&key)?;
        members.remove(name);
        if members.is_empty() {
            self.series.remove(&key);
        }
        Some(key)
    }

    fn first(&self, key: &SeriesKey) -> Option<&OsStr> {
        self.series.get(key)?.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of a tomography object with one frame.
    fn instance(series: &str) -> Vec<u8> {
        object(series, "1.2.840.10008.5.1.4.1.1.77.1.5.4")
    }

    /// The start of an object of that class with one frame.
    fn object(series: &str, class: &str) -> Vec<u8> {
        let element = |(group, number): (u16, u16), vr: &[u8; 2], value: &str| {
            let value = if value.len().is_multiple_of(2) { value.to_owned() } else { format!("{value}\0") };
            let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr, &(value.len() as u16).to_le_bytes()];
            [head.concat().as_slice(), value.as_bytes()].concat()
        };
        let syntax = element((2, 0x10), b"UI", "1.2.840.10008.1.2.1");
        let length = [&b"\x02\0\0\0UL\x04\0"[..], &(syntax.len() as u32).to_le_bytes()].concat();
        let parts = [
            vec![0; 128],
            b"DICM".to_vec(),
            length,
            syntax,
            element((8, 0x16), b"UI", class),
            element((0x20, 0xe), b"UI", series),
            element((0x28, 0x10), b"US", "\x02\0"),
        ];
        parts.concat()
    }

    struct Fixture(tempfile::TempDir, Series);

    impl Fixture {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Writes a file and records it.
        fn put(&self, name: &str, series: &str, walk: u64) -> SeriesChange {
            fs::write(self.path(name), instance(series)).unwrap();
            self.record(name, walk)
        }

        fn record(&self, name: &str, walk: u64) -> SeriesChange {
            let path = self.path(name);
            let stamp = Stamp::take(&path).unwrap().unwrap().scan;
            self.1.record(&path, &Within::folder(self.0.path()), stamp, walk)
        }

        /// File names of the series named by `name`. Also asserts that the recorded state matches the disk.
        fn files(&self, name: &str) -> Vec<String> {
            let path = self.path(name);
            assert_eq!(self.1.recorded_stamp(&path).unwrap(), self.1.current_stamp(&path).unwrap());
            let files = self.1.files(&path);
            files.instances().iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn the_recorded_series_matches_the_files() {
        let fixture = Fixture(tempfile::tempdir().unwrap(), Series::default());
        for name in ["10.dcm", "9.dcm", "1.dcm", "x.png"] {
            assert_eq!(fixture.put(name, "1.2", 1).is_instance, name != "x.png");
        }
        assert_eq!(fixture.files("1.dcm"), ["1.dcm", "9.dcm", "10.dcm"]);
        assert_eq!(
            fixture.1.files(&fixture.path("9.dcm")),
            ScanFiles::one(fixture.path("9.dcm")),
            "it is called by another"
        );
        assert!(fixture.1.is_follower(&fixture.path("9.dcm")) && !fixture.1.is_follower(&fixture.path("1.dcm")));
        let before = fixture.1.recorded_stamp(&fixture.path("1.dcm")).unwrap().unwrap();

        // The first file now belongs to another series.
        assert_eq!(fixture.put("1.dcm", "1.2.3", 2).left, Some(fixture.path("9.dcm")));
        assert_eq!(fixture.files("9.dcm"), ["9.dcm", "10.dcm"]);
        assert_ne!(fixture.1.recorded_stamp(&fixture.path("9.dcm")).unwrap().unwrap(), before);
        assert_eq!(fixture.put("1.dcm", "1.2", 2).left, None);
        assert_eq!(fixture.files("1.dcm"), ["1.dcm", "9.dcm", "10.dcm"]);

        assert_eq!((fixture.1.rename(&fixture.path("1.dcm")), fixture.1.rename(&fixture.path("1.dcm"))), (None, None));
        fixture.put("0.dcm", "1.2", 2);
        assert_eq!(fixture.1.rename(&fixture.path("0.dcm")), Some(fixture.path("1.dcm")));
        fs::remove_file(fixture.path("0.dcm")).unwrap();
        assert_eq!(fixture.1.remove_file(&fixture.path("0.dcm")), Some(fixture.path("1.dcm")));
        assert_eq!(fixture.files("1.dcm").len(), 3);
    }

    #[test]
    fn photographs_are_known_as_such_and_new_once() {
        let fixture = Fixture(tempfile::tempdir().unwrap(), Series::default());
        fs::write(fixture.path("1.dcm"), object("1.2", "1.2.840.10008.5.1.4.1.1.77.1.5.1")).unwrap();
        let seen = |change: SeriesChange| (change.is_companion, change.is_new, change.is_instance);
        assert_eq!(seen(fixture.record("1.dcm", 1)), (true, true, false));
        assert_eq!(seen(fixture.record("1.dcm", 2)), (true, false, false));
        assert!(fixture.1.files(&fixture.path("1.dcm")).instances().is_empty());
        assert_eq!(seen(fixture.put("1.dcm", "1.2.3", 3)), (false, true, true), "another file of that name");
    }

    #[test]
    fn files_missing_in_a_walk_are_forgotten() {
        let fixture = Fixture(tempfile::tempdir().unwrap(), Series::default());
        for name in ["1.dcm", "2.dcm", "3.dcm"] {
            fixture.put(name, "1.2", 1);
        }
        fs::remove_file(fixture.path("1.dcm")).unwrap();
        fixture.record("2.dcm", 2);
        fixture.record("3.dcm", 2);
        assert_eq!(fixture.1.finish_walk(fixture.0.path(), 2), [fixture.path("2.dcm")]);
        assert_eq!(fixture.files("2.dcm"), ["2.dcm", "3.dcm"]);
        fixture.1.forget_missing_folders(fixture.0.path());
        assert_eq!(fixture.files("2.dcm").len(), 2, "the folder exists");
        fs::remove_dir_all(fixture.0.path()).unwrap();
        fixture.1.forget_missing_folders(fixture.0.path());
        assert!(fixture.1.all().is_empty());
    }
}
