//! File operations that survive a power cut or leave no trace.

use std::{
    fs::{self, File, Metadata},
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::platform::{self, FileId};

/// Prefix of unfinished files. The scan filter skips hidden names.
const PREFIX: &str = ".octrls-";

/// Writes a new file atomically.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the file exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut file = unfinished_file(folder, PREFIX)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    sync_folder(folder)
}

/// Writes a file atomically, in place of an earlier one with its permissions.
///
/// # Errors
/// The system's error; an earlier file then stays intact.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut file = unfinished_file(folder, PREFIX)?;
    if let Ok(earlier) = fs::metadata(path) {
        file.as_file().set_permissions(earlier.permissions())?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Moves a file, by copying if it crosses file systems. A file that changes meanwhile stays where it is.
///
/// # Errors
/// The system's error; `from` then stays intact.
pub fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_and_remove(from, to),
        Err(error) => Err(error),
        Ok(()) => sync_folder(folder_of(to)),
    }
}

fn copy_and_remove(from: &Path, to: &Path) -> io::Result<()> {
    let folder = folder_of(to);
    let mut source = File::open(from)?;
    let mut copy = unfinished_file(folder, PREFIX)?;
    let expected = source.metadata()?;
    let mark = |found: &Metadata| (FileId::of(found), found.len(), found.modified().ok(), platform::changed_ns(found));
    let unchanged = |found: io::Result<Metadata>| match found {
        Ok(found) if mark(&found) == mark(&expected) => Ok(()),
        Ok(_) => Err(io::Error::other("the file changed during copying")),
        Err(error) => Err(error),
    };
    io::copy(&mut source, &mut copy)?;
    unchanged(fs::symlink_metadata(from))?;
    if let Ok(modified) = expected.modified() {
        copy.as_file().set_modified(modified)?;
    }
    copy.as_file().sync_all()?;
    copy.persist_noclobber(to)?;
    sync_folder(folder)?;
    // Syncing takes long, and a writer may have gone on meanwhile.
    unchanged(fs::symlink_metadata(from)).and_then(|()| fs::remove_file(from)).inspect_err(|_| {
        // Two copies under one name would be worse than a failed move.
        let _ = fs::remove_file(to);
    })
}

/// Creates a temporary file with the prefix `prefix` and the usual permissions. It is deleted unless persisted.
///
/// # Errors
/// The system's error.
pub fn unfinished_file(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.permissions(platform::new_file_permissions());
    builder.prefix(prefix).tempfile_in(folder).map_err(without_path)
}

/// The system's error, without the random name that `tempfile` adds to it.
fn without_path(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.source()).and_then(|inner| inner.downcast_ref::<io::Error>());
    cause.and_then(io::Error::raw_os_error).map_or(error, io::Error::from_raw_os_error)
}

/// Opens or creates a lock file without following links.
///
/// # Errors
/// The system's error, also if it is a link.
pub fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    platform::refuse_links(&mut options);
    options.open(path)
}

/// Creates the file at `path`, if it is missing, so that only owner and group can read it and only the owner can write
/// it; an existing file loses what exceeds that, if it is ours. Does not follow links. Never closes an existing file that
/// was open for reading or writing, since this would release the locks that this process has on it through other
/// handles.
///
/// # Errors
/// The system's error, also if it is a link.
pub fn private_file(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    platform::create_private(&mut options);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => platform::make_private(path),
        created => created.map(drop),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs a folder, so that its entries survive a power cut.
///
/// # Errors
/// The system's error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_content_and_time_and_removes_the_source() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&from, "scan").unwrap();
        let modified = fs::metadata(&from).unwrap().modified().unwrap();
        copy_and_remove(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"scan");
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), modified);
        assert!(!from.exists());
    }

    #[test]
    fn existing_files_are_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        copy_and_remove(&from, &to).unwrap_err();
        write_new(&to, b"new").unwrap_err();
        assert_eq!(fs::read(&to).unwrap(), b"old");
        assert_eq!(fs::read(&from).unwrap(), b"new");
    }
}
