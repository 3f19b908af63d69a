//! DICOM files that are B-scans of one series, and so no scans of their own.
//!
//! Instances of one series in one folder are one scan, called by the first of them in the natural order of their names. Nothing says
//! how many there will be: the scan is taken once none has changed and none has come for a while, and one that comes later makes
//! its content another.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::stamp::{FileStamp, Stamp};
use octrls_readers::{NaturalKey, ScanFiles, SeriesKey, may_be_instance, natural_key, series_key};

/// The DICOM files that were sighted, and which of them belong together; shared by those who look and those who work.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(Arc<Mutex<HashMap<PathBuf, Folder>>>);

/// What is known of one folder.
#[derive(Debug, Default)]
struct Folder {
    files: HashMap<OsString, Known>,
    series: HashMap<Arc<SeriesKey>, Members>,
}

/// A file that was looked at.
#[derive(Debug)]
struct Known {
    stamp: FileStamp,
    /// The series that it is an instance of.
    of: Option<Arc<SeriesKey>>,
    /// The last walk that came upon it.
    walk: u64,
}

/// The instances of one series.
#[derive(Debug, Default)]
struct Members {
    names: BTreeSet<(NaturalKey, OsString)>,
    /// Sums over all of them, so that one that changes costs no look at the others.
    bytes: u64,
    digest: u64,
    /// What the series was last told to be called by.
    told: Option<OsString>,
}

/// What a look at a file has shown.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// Whether it is an instance of a series.
    pub(super) is_instance: bool,
    /// What the series is called by that it was an instance of before.
    pub(super) left: Option<PathBuf>,
}

impl Series {
    /// Takes note of the file at `path`, which looks like `stamp`, upon the walk of that number; a changed one is read again, as far
    /// as its pixels.
    pub(super) fn sighted(&self, path: &Path, stamp: FileStamp, walk: u64) -> Kin {
        let (true, Some(folder), Some(name)) = (may_be_instance(path), path.parent(), path.file_name()) else {
            return Kin::default();
        };
        if let Some(known) = self.all().get_mut(folder).and_then(|f| f.files.get_mut(name))
            && known.stamp == stamp
        {
            known.walk = walk;
            return Kin { is_instance: known.of.is_some(), left: None };
        }
        // A file on a share may take its time, for which nobody else should wait.
        let Ok(of) = series_key(path) else {
            // The next look may be luckier.
            return Kin { is_instance: false, left: self.gone(path) };
        };
        let mut all = self.all();
        let there = all.entry(folder.to_owned()).or_default();
        let before = there.remove(name);
        let of = of.map(|key| there.key(key));
        let is_instance = of.is_some();
        if let Some(key) = &of {
            there.series.entry(Arc::clone(key)).or_default().add(name, stamp);
        }
        let left = before.filter(|key| Some(key) != of.as_ref()).and_then(|key| Some(folder.join(there.first(&key)?)));
        there.files.insert(name.to_owned(), Known { stamp, of, walk });
        Kin { is_instance, left }
    }

    /// Takes note that there is no file at `path`; returns what the series is called by now that it was an instance of.
    pub(super) fn gone(&self, path: &Path) -> Option<PathBuf> {
        let (folder, name) = (path.parent()?, path.file_name()?);
        let mut all = self.all();
        let there = all.get_mut(folder)?;
        let key = there.remove(name)?;
        Some(folder.join(there.first(&key)?))
    }

    /// Takes note that the walk of that number came upon all files of `folder`: the others are gone. Returns what the series are
    /// called by that lost any.
    pub(super) fn walked(&self, folder: &Path, walk: u64) -> Vec<PathBuf> {
        let mut all = self.all();
        let Some(there) = all.get_mut(folder) else { return Vec::new() };
        let gone: Vec<OsString> =
            there.files.iter().filter(|(_, known)| known.walk != walk).map(|(name, _)| name.clone()).collect();
        let lost: BTreeSet<Arc<SeriesKey>> = gone.iter().filter_map(|name| there.remove(name)).collect();
        lost.iter().filter_map(|key| Some(folder.join(there.first(key)?))).collect()
    }

    /// Forgets folders below `root` that are no more.
    pub(super) fn tidy(&self, root: &Path) {
        let is_gone =
            |folder: &PathBuf| fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let folders: Vec<PathBuf> = self.all().keys().filter(|folder| folder.starts_with(root)).cloned().collect();
        for folder in folders.iter().filter(|folder| is_gone(folder)) {
            self.all().remove(folder);
        }
    }

    /// What the series is called by that the file at `path` is an instance of; `None` of any other file.
    pub(super) fn head(&self, path: &Path) -> Option<PathBuf> {
        let all = self.all();
        let (folder, there, key) = find(&all, path)?;
        Some(folder.join(there.first(key)?))
    }

    /// Whether the file at `path` is an instance of a series that is called by another.
    pub(super) fn is_follower(&self, path: &Path) -> bool {
        self.head(path).is_some_and(|head| head != path)
    }

    /// Takes note that the series is told to be called by the file `head`; returns what it was called by before, where that was
    /// another.
    pub(super) fn tell(&self, head: &Path) -> Option<PathBuf> {
        let mut all = self.all();
        let key = Arc::clone(find(&all, head)?.2);
        let members = all.get_mut(head.parent()?)?.series.get_mut(&key)?;
        let before = members.told.replace(head.file_name()?.to_owned())?;
        Some(head.with_file_name(before)).filter(|before| before != head)
    }

    /// The files of the scan that is called by `path`.
    pub(super) fn files(&self, path: &Path) -> ScanFiles {
        let instances = || {
            let all = self.all();
            let (folder, there, key) = find(&all, path)?;
            let names = &there.series.get(key)?.names;
            (path.file_name() == names.first().map(|(_, name)| name.as_os_str()))
                .then(|| names.iter().map(|(_, name)| folder.join(name)).collect())
        };
        instances().and_then(ScanFiles::series).unwrap_or_else(|| ScanFiles::one(path))
    }

    /// Looks at the scan called by `path`, of a series at its first file and its sidecar; the others count as they were last sighted.
    pub(super) fn recall(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(stamp) = Stamp::take(path)? else { return Ok(None) };
        let all = self.all();
        let Some((_, there, key)) = find(&all, path) else { return Ok(Some(stamp)) };
        let Some(members) = there.series.get(key) else { return Ok(Some(stamp)) };
        Ok(Some(members.stamp(stamp)))
    }

    /// Looks at the scan called by `path`, of a series at all of its files.
    pub(super) fn look(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(stamp) = Stamp::take(path)? else { return Ok(None) };
        if self.head(path).is_none() {
            return Ok(Some(stamp));
        }
        let mut there = Members::default();
        for file in self.files(path).instances() {
            match FileStamp::take(file) {
                Ok(Some(stamp)) => there.add(file.file_name().unwrap_or_default(), stamp),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(there.stamp(stamp)))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<PathBuf, Folder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of the instance at `path`, and its series.
fn find<'a>(all: &'a HashMap<PathBuf, Folder>, path: &'a Path) -> Option<(&'a Path, &'a Folder, &'a Arc<SeriesKey>)> {
    let folder = path.parent()?;
    let there = all.get(folder)?;
    Some((folder, there, there.files.get(path.file_name()?)?.of.as_ref()?))
}

impl Folder {
    /// The one copy of `key` that all instances share.
    fn key(&self, key: SeriesKey) -> Arc<SeriesKey> {
        self.series.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| Arc::clone(known))
    }

    /// Forgets the file `name`; returns the series that it was an instance of.
    fn remove(&mut self, name: &OsStr) -> Option<Arc<SeriesKey>> {
        let Known { stamp, of, .. } = self.files.remove(name)?;
        let key = of?;
        let members = self.series.get_mut(&key)?;
        members.remove(name, stamp);
        if members.names.is_empty() {
            self.series.remove(&key);
        }
        Some(key)
    }

    fn first(&self, key: &SeriesKey) -> Option<&OsStr> {
        self.series.get(key)?.names.first().map(|(_, name)| name.as_os_str())
    }
}

impl Members {
    fn add(&mut self, name: &OsStr, stamp: FileStamp) {
        self.names.insert(place_of(name));
        self.bytes += stamp.bytes;
        self.digest = self.digest.wrapping_add(stamp.digest(name));
    }

    fn remove(&mut self, name: &OsStr, stamp: FileStamp) {
        self.names.remove(&place_of(name));
        self.bytes -= stamp.bytes;
        self.digest = self.digest.wrapping_sub(stamp.digest(name));
    }

    /// The stamp of the series, of which `first` is its first file's.
    fn stamp(&self, first: Stamp) -> Stamp {
        first.with_instances(self.names.len(), self.bytes, self.digest)
    }
}

fn place_of(name: &OsStr) -> (NaturalKey, OsString) {
    (natural_key(&name.to_string_lossy()), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a tomography object of one frame.
    fn instance(series: &str) -> Vec<u8> {
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
            element((8, 0x16), b"UI", "1.2.840.10008.5.1.4.1.1.77.1.5.4"),
            element((0x20, 0xe), b"UI", series),
            element((0x28, 0x10), b"US", "\x02\0"),
        ];
        parts.concat()
    }

    struct Place(tempfile::TempDir, Series);

    impl Place {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Writes a file and looks at it.
        fn put(&self, name: &str, series: &str, walk: u64) -> Kin {
            fs::write(self.path(name), instance(series)).unwrap();
            self.see(name, walk)
        }

        fn see(&self, name: &str, walk: u64) -> Kin {
            let path = self.path(name);
            let stamp = Stamp::take(&path).unwrap().unwrap().scan;
            self.1.sighted(&path, stamp, walk)
        }

        /// Names of the files of the series called by `name`; what is remembered of them is what is there.
        fn files(&self, name: &str) -> Vec<String> {
            let path = self.path(name);
            assert_eq!(self.1.recall(&path).unwrap(), self.1.look(&path).unwrap());
            let files = self.1.files(&path);
            files.instances().iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn what_is_remembered_of_a_series_is_what_is_there() {
        let place = Place(tempfile::tempdir().unwrap(), Series::default());
        for name in ["10.dcm", "9.dcm", "1.dcm", "x.png"] {
            assert_eq!(place.put(name, "1.2", 1).is_instance, name != "x.png");
        }
        assert_eq!(place.files("1.dcm"), ["1.dcm", "9.dcm", "10.dcm"]);
        assert_eq!(place.1.files(&place.path("9.dcm")), ScanFiles::one(place.path("9.dcm")), "it is called by another");
        assert!(place.1.is_follower(&place.path("9.dcm")) && !place.1.is_follower(&place.path("1.dcm")));
        let before = place.1.recall(&place.path("1.dcm")).unwrap().unwrap();

        // One of another series now, and the first.
        assert_eq!(place.put("1.dcm", "1.2.3", 2).left, Some(place.path("9.dcm")));
        assert_eq!(place.files("9.dcm"), ["9.dcm", "10.dcm"]);
        assert_ne!(place.1.recall(&place.path("9.dcm")).unwrap().unwrap(), before);
        assert_eq!(place.put("1.dcm", "1.2", 2).left, None);
        assert_eq!(place.files("1.dcm"), ["1.dcm", "9.dcm", "10.dcm"]);

        assert_eq!((place.1.tell(&place.path("1.dcm")), place.1.tell(&place.path("1.dcm"))), (None, None));
        place.put("0.dcm", "1.2", 2);
        assert_eq!(place.1.tell(&place.path("0.dcm")), Some(place.path("1.dcm")));
        fs::remove_file(place.path("0.dcm")).unwrap();
        assert_eq!(place.1.gone(&place.path("0.dcm")), Some(place.path("1.dcm")));
        assert_eq!(place.files("1.dcm").len(), 3);
    }

    #[test]
    fn files_that_a_walk_does_not_find_are_forgotten() {
        let place = Place(tempfile::tempdir().unwrap(), Series::default());
        for name in ["1.dcm", "2.dcm", "3.dcm"] {
            place.put(name, "1.2", 1);
        }
        fs::remove_file(place.path("1.dcm")).unwrap();
        place.see("2.dcm", 2);
        place.see("3.dcm", 2);
        assert_eq!(place.1.walked(place.0.path(), 2), [place.path("2.dcm")]);
        assert_eq!(place.files("2.dcm"), ["2.dcm", "3.dcm"]);
        place.1.tidy(place.0.path());
        assert_eq!(place.files("2.dcm").len(), 2, "the folder is there");
        fs::remove_dir_all(place.0.path()).unwrap();
        place.1.tidy(place.0.path());
        assert!(place.1.all().is_empty());
    }
}
