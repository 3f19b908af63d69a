//! Stamps: size and modification time, which show whether a scan has changed without reading it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest, Sha256};

/// Size and modification time of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) bytes: u64,
    /// Nanoseconds since 1970, negative before. Only compared for equality, so a wrong clock does no harm.
    pub(crate) modified_ns: i64,
}

impl FileStamp {
    /// Stamps the file at `path`; `None` if it is a folder, a link or anything else.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(metadata.is_file().then(|| Self::of(&metadata)))
    }

    fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i64,
            Err(before) => -(before.duration().as_nanos() as i64),
        });
        Self { bytes: metadata.len(), modified_ns }
    }

    /// A hash of the name and stamp, which changes with either.
    pub(crate) fn digest(&self, name: &OsStr) -> u64 {
        let hash = Sha256::new()
            .chain_update(self.bytes.to_le_bytes())
            .chain_update(self.modified_ns.to_le_bytes())
            .chain_update(name.as_encoded_bytes())
            .finalize();
        hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The stamps of a scan and of its sidecar, which affects the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) scan: FileStamp,
    pub(crate) sidecar: Option<FileStamp>,
    /// Whether further files of the scan may arrive.
    pub(crate) of_series: bool,
}

impl Stamp {
    /// Stamps the scan at `path`; `None` if it is a folder, a link or anything else but a file.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let Some(scan) = FileStamp::take(path)? else { return Ok(None) };
        let sidecar = fs::symlink_metadata(sidecar_of(path)).ok().filter(Metadata::is_file);
        let sidecar = sidecar.as_ref().map(FileStamp::of);
        Ok(Some(Self { scan, sidecar, of_series: false }))
    }

    /// The stamp of a series of `count` files, of which `self` belongs to the first. `bytes` is their total size and
    /// `digest` the sum of their digests. The time equals that of the first file to within about a second; its lower
    /// bits change whenever a file changes, arrives or disappears.
    pub(crate) fn with_instances(self, count: usize, bytes: u64, digest: u64) -> Self {
        /// Mask of the bits that `digest` replaces: about a second.
        const DIGEST_BITS: i64 = (1 << 30) - 1;
        if count < 2 {
            return Self { of_series: true, ..self };
        }
        let modified_ns = (self.scan.modified_ns & !DIGEST_BITS) | (digest as i64 & DIGEST_BITS);
        Self { scan: FileStamp { bytes, modified_ns }, of_series: true, ..self }
    }
}

/// The sidecar path for the scan at `path`.
pub(crate) fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".toml");
    name.into()
}
