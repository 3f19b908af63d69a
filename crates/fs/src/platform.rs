//! Everything that depends on the operating system, which is Linux.
//!
//! A port to another system replaces this module.

use std::{
    ffi::OsStr,
    fs::{self, Metadata, OpenOptions, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fd::{AsRawFd as _, OwnedFd},
    fs::{Access, CWD, Mode, OFlags},
};

/// Identifies a file or folder regardless of its name, as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The identity of the file that `metadata` describes.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The bytes of a path. Names on Linux are bytes and need not be UTF-8.
#[must_use]
pub fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path with these bytes; the inverse of [`path_bytes`].
#[must_use]
pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// Whether this process may create and remove entries of `folder`, judged by its permissions.
#[must_use]
pub fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, Access::WRITE_OK).is_ok()
}

/// Whether this process runs as root; `None` if unknown.
#[must_use]
pub fn is_root() -> Option<bool> {
    Some(fs::metadata("/proc/self").ok()?.uid() == 0)
}

/// The host name; `None` if unknown.
#[must_use]
pub fn host_name() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_owned())
}

/// Memory of the machine in bytes; `None` if unknown.
#[must_use]
pub fn total_memory() -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The number of folders that a user can watch for changes; `None` if unknown.
#[must_use]
pub fn max_watched_folders() -> Option<u64> {
    fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?.trim().parse().ok()
}

/// The table of mounted file systems in the format of `/proc/self/mountinfo`, see proc(5).
pub(crate) fn mount_table() -> Option<String> {
    fs::read_to_string("/proc/self/mountinfo").ok()
}

/// The usual permissions of a new file; the umask reduces them.
pub(crate) fn new_file_permissions() -> Permissions {
    Permissions::from_mode(0o666)
}

/// Refuses to open a link.
pub(crate) fn refuse_links(options: &mut OpenOptions) {
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
}

/// Opens the folder at `path`, which may be a link.
pub(crate) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens the folder `name` in `parent`; a link to a folder is [`io::ErrorKind::NotADirectory`].
pub(crate) fn open_subfolder(parent: &OwnedFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(folder) => Ok(folder),
        Err(rustix::io::Errno::LOOP) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) => Err(error.into()),
    }
}

/// A path that reaches the open `folder` whatever its name is; `None` without `/proc`, such as in a bare chroot.
pub(crate) fn path_of_open(folder: &OwnedFd) -> io::Result<Option<PathBuf>> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    let found = rustix::fs::fstat(folder)?;
    let leads_there = fs::metadata(&path).is_ok_and(|m| (m.dev(), m.ino()) == (found.st_dev, found.st_ino));
    Ok(leads_there.then_some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_as_bytes() {
        for bytes in [&b"a/b.png"[..], b"caf\xe9.png", b""] {
            assert_eq!(path_bytes(&path_from_bytes(bytes)), bytes);
        }
    }

    #[test]
    fn links_share_the_identity_of_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::write(at("b"), "").unwrap();
        fs::hard_link(at("a"), at("link")).unwrap();
        let id = |name: &str| FileId::of(&fs::metadata(at(name)).unwrap());
        assert_eq!(id("a"), id("link"));
        assert_ne!(id("a"), id("b"));
    }

    #[test]
    fn the_machine_has_a_name_and_memory() {
        assert!(host_name().is_some_and(|name| !name.is_empty()));
        assert!(total_memory().is_some_and(|bytes| bytes > 1 << 20));
        assert!(is_root().is_some());
    }
}
