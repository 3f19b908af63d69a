//! Errors of writing results.

use std::{
    io,
    path::{Path, PathBuf},
};

use octrls_core::ErrorCode;
use octrls_fs::confined::{FolderGone, OutsideFolder};

/// An error of writing results. Each kind has a stable [`code`](OutputError::code).
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The disk is full.
    #[error("no space left for {path}", path = path.display())]
    Full {
        /// The file or folder being written.
        path: PathBuf,
    },
    /// Permission denied.
    #[error("no permission to write {path}", path = path.display())]
    Denied {
        /// The file or folder being written.
        path: PathBuf,
    },
    /// Any other file system error.
    #[error("cannot write {path}: {source}", path = path.display())]
    Io {
        /// The file or folder being written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The target folder exists and was not written by octrls.
    #[error("{path} exists but holds no octrls results; not replaced", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The target lies outside the output folder.
    #[error("{reason}; nothing is written there")]
    Outside {
        /// The path and why it lies outside.
        reason: String,
    },
    /// The output folder is gone, or another has taken its place.
    #[error("{reason}; nothing is written there")]
    Gone {
        /// Which folder.
        reason: String,
    },
    /// A result could not be encoded.
    #[error("cannot encode {file}: {reason}")]
    Encode {
        /// Name of the file in the result folder.
        file: String,
        /// The encoder's message.
        reason: String,
    },
    /// The caller cancelled right before publishing.
    #[error("cancelled before the results were published")]
    Cancelled,
    /// The eye's history could not be read or written.
    #[error("{reason}")]
    History {
        /// Stable code of the error.
        code: ErrorCode,
        /// The error in words.
        reason: String,
    },
}

impl OutputError {
    /// Stable error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Full { .. } => ErrorCode::OutFull,
            Self::Denied { .. } => ErrorCode::OutDenied,
            Self::Io { .. } => ErrorCode::OutIo,
            Self::Foreign { .. } => ErrorCode::OutForeign,
            Self::Outside { .. } => ErrorCode::OutOutside,
            Self::Gone { .. } => ErrorCode::OutGone,
            Self::Encode { .. } => ErrorCode::OutEncode,
            Self::Cancelled => ErrorCode::EnginePutOff,
            Self::History { code, .. } => *code,
        }
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Denied { .. }
                | Self::Io { .. }
                | Self::Gone { .. }
                | Self::Cancelled
                | Self::History { .. }
        )
    }

    /// The kind of error that `source` is, on writing `path`.
    #[must_use]
    pub fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            _ if OutsideFolder::is_cause_of(&source) => Self::Outside { reason: source.to_string() },
            _ if FolderGone::is_cause_of(&source) => Self::Gone { reason: source.to_string() },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied { path },
            _ => Self::Io { path, source },
        }
    }
}
