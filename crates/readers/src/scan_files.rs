//! Groups files into scans.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use octrls_fs::{digest::sha256, within::Within};

use crate::{
    ReadError, SeriesKey, may_be_instance,
    natural_order::natural_key_of,
    series_key,
    volume_folder::{self, VolumeFolder},
};

/// The files of one scan: a file, a folder, or the single-frame instances of a DICOM series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFiles {
    path: PathBuf,
    /// All instances of a series, the one at `path` first; empty for any other scan.
    instances: Vec<PathBuf>,
    within: Within,
}

impl ScanFiles {
    /// The scan in the file or folder at `path`.
    #[must_use]
    pub fn one(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), instances: Vec::new(), within: Within::anywhere() }
    }

    /// The scan whose B-scans are `instances`, named after the first in natural order; `None` if there are none. A
    /// single instance becomes an ordinary file.
    #[must_use]
    pub fn series(mut instances: Vec<PathBuf>) -> Option<Self> {
        instances.sort_by_cached_key(|path| (natural_key_of(path), path.clone()));
        let path = instances.first()?.clone();
        if instances.len() == 1 {
            instances.clear();
        }
        Some(Self { path, instances, within: Within::anywhere() })
    }

    /// The same scan, whose files are only opened `within` what may be opened.
    #[must_use]
    pub fn opened_within(mut self, within: &Within) -> Self {
        self.within = within.clone();
        self
    }

    /// Where its files may be opened.
    #[must_use]
    pub const fn within(&self) -> &Within {
        &self.within
    }

    /// Path that names the scan.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Instances of a series, the one at [`path`](Self::path) first; empty for any other scan.
    #[must_use]
    pub fn instances(&self) -> &[PathBuf] {
        &self.instances
    }

    /// All files of the scan: the file itself, the images of a folder in the order of their B-scans, or the instances.
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
        Ok(VolumeFolder::read(&self.path, &self.within)?.into_files())
    }

    /// Digest of a scan whose files have these `digests`. For several files, this is the digest of their digests, one
    /// per line. Names and order of instances do not matter.
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

/// Groups `files` into scans: the instances of one DICOM series in one folder form one scan, every other file its own.
/// Leaves unreadable files for [`open`](crate::open()) to report.
#[must_use]
pub fn group_scans(files: impl IntoIterator<Item = PathBuf>) -> Vec<ScanFiles> {
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

/// The scan that the file at `path` belongs to, with all instances of its series beside it.
///
/// # Errors
/// [`ReadError::Io`] when the file or its folder cannot be read.
pub fn series_of(path: &Path) -> Result<ScanFiles, ReadError> {
    let key = if may_be_instance(path) { series_key(path)? } else { None };
    let (Some(key), Some(folder)) = (key, path.parent()) else { return Ok(ScanFiles::one(path)) };
    let mut instances = volume_folder::visible_files(folder)?;
    instances.retain(|file| may_be_instance(file) && series_key(file).is_ok_and(|k| k.as_ref() == Some(&key)));
    Ok(ScanFiles::series(instances).unwrap_or_else(|| ScanFiles::one(path)))
}
