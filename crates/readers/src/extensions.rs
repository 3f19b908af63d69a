//! File name extensions of scans.

use std::path::Path;

use crate::content::needs_content;

const IMAGES: [&str; 7] = ["bmp", "dib", "jpeg", "jpg", "png", "tif", "tiff"];
const SCANS: [&str; 9] = ["dcm", "dicom", "e2e", "fda", "fds", "img", "oct", "vol", "xml"];

/// Whether the extension is one that [`open`](crate::open()) may know; used to skip sidecars and notes.
#[must_use]
pub fn has_scan_extension(path: &Path) -> bool {
    is_image(path) || has_extension(path, &SCANS)
}

/// Whether the extension is that of an image.
pub(crate) fn is_image(path: &Path) -> bool {
    has_extension(path, &IMAGES)
}

/// Whether the name is one that instances of a DICOM series have: an extension of DICOM, or none that tells.
#[must_use]
pub fn may_be_instance(path: &Path) -> bool {
    has_extension(path, &["dcm", "dicom"]) || needs_content(path)
}

/// Whether the extension is that of a scan that can consist of several files.
#[must_use]
pub fn may_have_parts(path: &Path) -> bool {
    has_extension(path, &["xml"])
}

/// Whether the extension is one of `known`, ignoring case.
fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_ascii_lowercase().as_str()))
}
