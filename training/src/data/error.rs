//! Errors of reading labelled data.

use std::path::PathBuf;

use octrls_readers::ReadError;

use super::part::Part;

/// An error of reading a data set.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A scan could not be read.
    #[error("{path}: {source}", path = path.display())]
    Scan {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: ReadError,
    },
    /// A label file is invalid.
    #[error("{path}: {reason}", path = path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A part of the data has no samples.
    #[error("no {part} scans under {path}", path = path.display())]
    Empty {
        /// The part.
        part: Part,
        /// The data folder.
        path: PathBuf,
    },
}

impl DataError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(super) fn label(path: impl Into<PathBuf>, reason: impl std::fmt::Display) -> Self {
        Self::Label { path: path.into(), reason: reason.to_string() }
    }
}
