//! Which files may be scans: by extension, or, where a name has none, by content.

use std::path::Path;

use octrls_fs::within::Within;

use crate::{ReadError, extensions, open, sized_file::SizedFile};

/// Media Storage Directory Storage, the class of a DICOMDIR (PS3.4, B.5).
const DIRECTORY_CLASS: &[u8] = b"1.2.840.10008.1.3.10";

/// Whether the name of the file at `path` does not tell what it is: it has no extension, or only digits follow the last
/// dot, as in the names of DICOM media (`IM000001`) and of instances named by their identifier.
#[must_use]
pub fn needs_content(path: &Path) -> bool {
    path.extension().is_none_or(|e| e.to_str().is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit())))
}

/// Whether the file at `path` may be a scan: by its extension or, if its name does not tell, by its first bytes. A
/// DICOMDIR is none. A file that cannot be read may be one, which [`open`](crate::open()) reports.
#[must_use]
pub fn may_be_scan(path: &Path) -> bool {
    may_be_scan_within(path, &Within::anywhere())
}

/// As [`may_be_scan`], of a file that is opened `within` what may be opened.
#[must_use]
pub fn may_be_scan_within(path: &Path, within: &Within) -> bool {
    if extensions::has_scan_extension(path) {
        return true;
    }
    if !needs_content(path) {
        return false;
    }
    match SizedFile::open(path, within).and_then(|file| file.start()) {
        Ok(start) => open::is_known(&start) && !is_directory(&start),
        Err(ReadError::Io { .. }) => true,
        Err(_) => false,
    }
}

/// Whether a DICOM file that begins with `start` is the directory of a medium.
fn is_directory(start: &[u8]) -> bool {
    let class = start.windows(DIRECTORY_CLASS.len() + 1).find(|window| window.starts_with(DIRECTORY_CLASS));
    class.and_then(<[u8]>::last).is_some_and(|next| !next.is_ascii_digit() && *next != b'.')
}
