//! Tells a folder from another that has taken its place.

use std::{io, path::Path};

use rustix::fd::OwnedFd;

use crate::platform;

/// Which folder a path leads to: another one takes its place when a disk is mounted or unmounted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderId {
    device: u64,
    /// `None` on a file system that invents the numbers.
    inode: Option<u64>,
}

impl FolderId {
    /// The folder at `path`, which may be a link.
    ///
    /// # Errors
    /// The system's error.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::of_open(&platform::open_folder(path)?)
    }

    pub(super) fn of_open(folder: &OwnedFd) -> io::Result<Self> {
        let (device, inode) = platform::identity_of_open(folder)?;
        Ok(Self { device, inode })
    }
}
