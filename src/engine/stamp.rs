//! What tells from outside whether a scan has changed: size and modification time.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Size and modification time of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) bytes: u64,
    /// Nanoseconds since 1970, negative before. Only ever compared for equality, so that a wrong clock is harmless.
    pub(super) modified_ns: i64,
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i64,
            Err(before) => -(before.duration().as_nanos() as i64),
        });
        Self { bytes: metadata.len(), modified_ns }
    }
}

/// The stamp of a scan and of the sidecar beside it, which takes part in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) scan: FileStamp,
    pub(super) sidecar: Option<FileStamp>,
}

impl Stamp {
    /// Looks at the scan at `path`; `None` where a folder, a link or anything else but a file lies there.
    pub(super) fn take(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let sidecar = fs::symlink_metadata(sidecar_of(path)).ok().filter(Metadata::is_file);
        let sidecar = sidecar.as_ref().map(FileStamp::of);
        Ok(Some(Self { scan: FileStamp::of(&metadata), sidecar }))
    }
}

/// The sidecar that would belong to the scan at `path`.
pub(super) fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".toml");
    name.into()
}
