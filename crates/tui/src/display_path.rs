//! Paths as every screen prints them.

use std::path::{Path, PathBuf};

/// A path with `/` between folders on every system.
#[must_use]
pub fn display_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

/// Paths, separated by commas.
pub(crate) fn display_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| display_path(path)).collect::<Vec<_>>().join(", ")
}
