//! Which files are one scan.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{ReadError, folder};
use octrls_fs::digest::sha256;

/// The files of one scan: a file or a folder, or the instances of a DICOM series that are a B-scan each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFiles {
    path: PathBuf,
    /// All of them, that at `path` first; none where that alone is the scan.
    instances: Vec<PathBuf>,
}

impl ScanFiles {
    /// The scan in the file at `path`, or in the folder there.
    #[must_use]
    pub fn one(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), instances: Vec::new() }
    }

    /// The scan whose B-scans are `instances`, called by the first of them in the natural order of their names; `None` of none.
    /// A single one is a scan like any other file.
    #[must_use]
    pub fn series(mut instances: Vec<PathBuf>) -> Option<Self> {
        instances.sort_by_cached_key(|path| (folder::natural_key_of(path), path.clone()));
        let path = instances.first()?.clone();
        if instances.len() == 1 {
            instances.clear();
        }
        Some(Self { path, instances })
    }

    /// What the scan is called by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The instances of a series, the one at [`path`](Self::path) first; none of any other scan.
    #[must_use]
    pub fn instances(&self) -> &[PathBuf] {
        &self.instances
    }

    /// The files that the scan is made of: itself, the images of a folder in the order of their B-scans, or instances.
    ///
    /// # Errors
    /// [`ReadError::Io`] when a folder cannot be read.
    pub fn contents(&self) -> Result<Vec<PathBuf>, ReadError> {
        if !self.instances.is_empty() {
            return Ok(self.instances.clone());
        }
        if !self.path.is_dir() {
            return Ok(vec![self.path.clone()]);
        }
        Ok(folder::of_volume(&self.path)?.0)
    }

    /// The digest of a scan whose files have these `digests`: of several, that of their digests, a line each. What instances are
    /// called makes no difference, hence neither does their order.
    #[must_use]
    pub fn digest(&self, mut digests: Vec<String>) -> String {
        if !self.instances.is_empty() {
            digests.sort_unstable();
        }
        match digests.as_slice() {
            [one] => one.clone(),
            several => sha256(several.join("\n").as_bytes()),
        }
    }
}

impl From<&Path> for ScanFiles {
    fn from(path: &Path) -> Self {
        Self::one(path)
    }
}

/// What the instances of one series in one folder have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Series Instance UID.
    pub(crate) series: String,
    /// SOP Class UID.
    pub(crate) class: String,
}

/// The series that the file at `path` is one B-scan of: a DICOM image of one frame that is tomography, or says where it lies in
/// space. `None` of any other file, also of one whose beginning is broken. The pixels are not read.
///
/// # Errors
/// [`ReadError::Io`] when the file cannot be read.
pub fn series_key(path: &Path) -> Result<Option<SeriesKey>, ReadError> {
    return super::dicom::series_key(path);
}

/// The scans among `files`: instances of one DICOM series in one folder are one, every other file is one of its own. What cannot
/// be read is for [`open`](super::open) to tell.
#[must_use]
pub fn gather(files: impl IntoIterator<Item = PathBuf>) -> Vec<ScanFiles> {
    let mut scans = Vec::new();
    let mut series: BTreeMap<(PathBuf, SeriesKey), Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let key = may_be_instance(&file).then(|| series_key(&file).ok().flatten()).flatten();
        match (key, file.parent()) {
            (Some(key), Some(folder)) => series.entry((folder.to_owned(), key)).or_default().push(file),
            _ => scans.push(ScanFiles::one(file)),
        }
    }
    scans.extend(series.into_values().filter_map(ScanFiles::series));
    scans
}

/// The scan that the file at `path` is of, with all instances beside it of the series that it belongs to.
///
/// # Errors
/// [`ReadError::Io`] when the file or its folder cannot be read.
pub fn around(path: &Path) -> Result<ScanFiles, ReadError> {
    let key = if may_be_instance(path) { series_key(path)? } else { None };
    let (Some(key), Some(folder)) = (key, path.parent()) else { return Ok(ScanFiles::one(path)) };
    let mut instances = folder::files(folder)?;
    instances.retain(|file| may_be_instance(file) && series_key(file).is_ok_and(|k| k.as_ref() == Some(&key)));
    Ok(ScanFiles::series(instances).unwrap_or_else(|| ScanFiles::one(path)))
}

/// Whether a file name is one that instances of a series have, by its ending.
#[must_use]
pub fn may_be_instance(path: &Path) -> bool {
    super::has_extension(path, &["dcm", "dicom"])
}
