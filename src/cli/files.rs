//! Small file operations with coded errors.

use std::{fs, fs::File, io::Read, path::Path};

use anyhow::Context;

use octrls_core::ErrorCode;

/// Size limit of a settings file or table, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// Reads a settings file or a table of at most 1 MiB; `code` is the code of errors.
pub(crate) fn read_text(path: &Path, code: ErrorCode) -> anyhow::Result<String> {
    let mut text = String::new();
    let bytes = File::open(path)
        .and_then(|file| file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", path.display()))
        .context(code)?;
    anyhow::ensure!(bytes as u64 <= MAX_TEXT_BYTES, "{code}: {} is larger than 1 MiB", path.display());
    Ok(text)
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("{}: cannot create folder {}", ErrorCode::OutIo, path.display()))
}
