//! What tells from outside whether a scan has changed: size and modification time.

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
pub(super) struct FileStamp {
    pub(super) bytes: u64,
    /// Nanoseconds since 1970, negative before. Only ever compared for equality, so that a wrong clock is harmless.
    pub(super) modified_ns: i64,
}

impl FileStamp {
    /// Looks at the file at `path`; `None` where a folder, a link or anything else lies there.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
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

    /// A number that is another for another file or one that has changed.
    pub fn digest(&self, name: &OsStr) -> u64 {
        let hash = Sha256::new()
            .chain_update(self.bytes.to_le_bytes())
            .chain_update(self.modified_ns.to_le_bytes())
            .chain_update(name.as_encoded_bytes())
            .finalize();
        hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The stamp of a scan and of the sidecar beside it, which takes part in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) scan: FileStamp,
    pub(super) sidecar: Option<FileStamp>,
    /// Whether further files may come that belong to the scan.
    pub(super) of_series: bool,
}

impl Stamp {
    /// Looks at the scan at `path`; `None` where a folder, a link or anything else but a file lies there.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        let Some(scan) = FileStamp::take(path)? else { return Ok(None) };
        let sidecar = fs::symlink_metadata(sidecar_of(path)).ok().filter(Metadata::is_file);
        let sidecar = sidecar.as_ref().map(FileStamp::of);
        Ok(Some(Self { scan, sidecar, of_series: false }))
    }

    /// The stamp of a series of `count` files, of which this is the first's: their size, and a time that is that of the first file to
    /// about a second, and another whenever one of them changes, comes or goes. `digest` is the sum of theirs.
    pub(super) fn with_instances(self, count: usize, bytes: u64, digest: u64) -> Self {
        /// Nanoseconds that make way, about a second.
        const WAY: i64 = (1 << 30) - 1;
        if count < 2 {
            return Self { of_series: true, ..self };
        }
        let modified_ns = (self.scan.modified_ns & !WAY) | (digest as i64 & WAY);
        Self { scan: FileStamp { bytes, modified_ns }, of_series: true, ..self }
    }
}

/// The sidecar that would belong to the scan at `path`.
pub(super) fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".toml");
    name.into()
}
