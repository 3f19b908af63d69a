//! Inode numbers, which tell a file from another that has taken its name.

use std::{
    collections::HashMap,
    fs::Metadata,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::platform;

/// Whether the file systems seen so far, by device number, keep the inode number of an unchanged file.
static STABLE: Mutex<Option<HashMap<u64, bool>>> = Mutex::new(None);

/// The inode number of the file at `path`, which has `metadata`; `None` if its file system invents numbers anew, as FAT
/// and most file systems in user space do.
#[must_use]
pub fn stable_inode(path: &Path, metadata: &Metadata) -> Option<u64> {
    let (device, inode) = platform::device_and_inode(metadata);
    // A query for each file would double the traffic with a share.
    let mut known = STABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let is_stable = *known
        .get_or_insert_default()
        .entry(device)
        .or_insert_with(|| platform::has_stable_inodes(path).unwrap_or(false));
    is_stable.then_some(inode)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_keeps_its_inode_and_its_successor_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "1").unwrap();
        fs::write(at("b"), "2").unwrap();
        let inode = |name: &str| stable_inode(&at(name), &fs::metadata(at(name)).unwrap());
        let before = inode("a");
        assert_eq!(inode("a"), before);
        fs::rename(at("b"), at("a")).unwrap();
        assert!(before.is_none() || inode("a") != before);
    }
}
