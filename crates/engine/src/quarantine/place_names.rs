//! Names of scans and notes in the quarantine folder.

use std::path::{Path, PathBuf};

use octrls_fs::platform::{path_bytes, path_from_bytes};

/// Suffix of a note's file name.
const NOTE_SUFFIX: &str = ".reason.json";

/// The note for the scan at `place`.
pub(super) fn note_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(NOTE_SUFFIX);
    name.into()
}

/// The scan that the note at `note` belongs to.
pub(super) fn scan_of_note(note: &Path) -> Option<PathBuf> {
    let is_note = note.as_os_str().as_encoded_bytes().ends_with(NOTE_SUFFIX.as_bytes());
    // Removes one extension at a time, so that other dots in the name stay.
    is_note.then(|| note.with_extension("").with_extension(""))
}

/// Longest name for which a note, a sidecar and a number still fit into a name of 255 bytes.
const MAX_NAME: usize = 255 - NOTE_SUFFIX.len() - ".99999".len();

/// `path` with a name that leaves room for the note's; a long one loses the end of its stem.
pub(super) fn shortened(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    if name.len() <= MAX_NAME {
        return path.to_owned();
    }
    let extension = path.extension().filter(|extension| extension.len() < 20).unwrap_or_default();
    let mut end = MAX_NAME.saturating_sub(extension.len() + 1);
    let text = name.to_str();
    while text.is_some_and(|text| !text.is_char_boundary(end)) {
        end -= 1;
    }
    let mut short = path_from_bytes(&path_bytes(Path::new(name))[..end]).into_os_string();
    if !extension.is_empty() {
        short.push(".");
        short.push(extension);
    }
    path.with_file_name(short)
}

/// `scan.2.png` for `scan.png`: the extension stays, so that the file still opens.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}
