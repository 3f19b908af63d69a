//! Stamps: size, times and inode number, which show whether a scan has changed without reading it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use octrls_fs::{inodes::stable_inode, platform::changed_ns};
use sha2::{Digest, Sha256};

/// What shows that one file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) bytes: u64,
    /// Nanoseconds since 1970, negative before. Only compared for equality, so a wrong clock does no harm.
    pub(crate) modified_ns: i64,
    /// A hash of the time of the last change by the system, which no program can set, and of the inode number. It shows
    /// other content of the same size and modification time.
    pub(crate) change: u64,
}

impl FileStamp {
    /// Stamps the file at `path`; `None` if it is a folder, a link or anything else.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(metadata.is_file().then(|| Self::of(path, &metadata)))
    }

    fn of(path: &Path, metadata: &Metadata) -> Self {
        let modified_ns = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i64,
            Err(before) => -(before.duration().as_nanos() as i64),
        });
        let inode = stable_inode(path, metadata).unwrap_or_default();
        let change = hash([&changed_ns(metadata).to_le_bytes()[..], &inode.to_le_bytes()]);
        Self { bytes: metadata.len(), modified_ns, change }
    }

    /// Hashes of the name and stamp, which change with either: of size and modification time, and of the last change.
    pub(crate) fn digests(&self, name: &OsStr) -> [u64; 2] {
        let name = name.as_encoded_bytes();
        let digest = hash([&self.bytes.to_le_bytes()[..], &self.modified_ns.to_le_bytes(), name]);
        [digest, hash([&self.change.to_le_bytes()[..], name])]
    }
}

/// The first bytes of the SHA-256 of `parts`.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let hash = parts.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// How much longer than usual a scan must stay unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Patience {
    #[default]
    Usual,
    /// Further files of the scan may arrive.
    Series,
    /// Files that the scan lists have not arrived.
    Incomplete,
}

/// The stamps of a scan and of its sidecar, which affects the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) scan: FileStamp,
    pub(crate) sidecar: Option<FileStamp>,
    pub(crate) patience: Patience,
}

impl Stamp {
    /// Stamps the scan at `path`; `None` if it is a folder, a link or anything else but a file.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let Some(scan) = FileStamp::take(path)? else { return Ok(None) };
        let place = sidecar_of(path);
        let sidecar = fs::symlink_metadata(&place).ok().filter(Metadata::is_file);
        let sidecar = sidecar.as_ref().map(|metadata| FileStamp::of(&place, metadata));
        Ok(Some(Self { scan, sidecar, patience: Patience::Usual }))
    }

    /// The stamp of a scan of several `files`, of which `self` belongs to the one that names it. The time equals that
    /// file's to within about a second; its lower bits change whenever a file changes, arrives or disappears.
    pub(crate) fn with_files(self, files: &FileSum, patience: Patience) -> Self {
        /// Mask of the bits that the digest replaces: about a second.
        const DIGEST_BITS: i64 = (1 << 30) - 1;
        let FileSum { bytes, digests: [digest, change], .. } = *files;
        let modified_ns = (self.scan.modified_ns & !DIGEST_BITS) | (digest as i64 & DIGEST_BITS);
        Self { scan: FileStamp { bytes, modified_ns, change }, patience, ..self }
    }

    /// A hash of what has changed the scan or its sidecar last, see [`FileStamp::change`].
    pub(crate) fn change(&self) -> i64 {
        let sidecar = self.sidecar.map_or(0, |sidecar| sidecar.change);
        self.scan.change.wrapping_add(sidecar.rotate_left(1)) as i64
    }
}

/// Sums over files, so that a change of one needs no check of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileSum {
    pub(crate) count: usize,
    pub(crate) bytes: u64,
    digests: [u64; 2],
}

impl FileSum {
    pub(crate) fn add(&mut self, name: &OsStr, stamp: FileStamp) {
        self.count += 1;
        self.bytes += stamp.bytes;
        let [digest, change] = stamp.digests(name);
        self.digests = [self.digests[0].wrapping_add(digest), self.digests[1].wrapping_add(change)];
    }

    pub(crate) fn remove(&mut self, name: &OsStr, stamp: FileStamp) {
        self.count -= 1;
        self.bytes -= stamp.bytes;
        let [digest, change] = stamp.digests(name);
        self.digests = [self.digests[0].wrapping_sub(digest), self.digests[1].wrapping_sub(change)];
    }
}

/// The sidecar path for the scan at `path`.
pub(crate) fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".toml");
    name.into()
}
