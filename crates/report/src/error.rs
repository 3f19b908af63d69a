//! Why results could not be written.

use std::{
    io,
    path::{Path, PathBuf},
};

use octrls_fs::confined::Outside;

/// Why results could not be written. Each kind has a stable [`code`](OutputError::code).
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The disk is full.
    #[error("no space left for {path}", path = path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// Writing is not permitted.
    #[error("no permission to write {path}", path = path.display())]
    Denied {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("cannot write {path}: {source}", path = path.display())]
    Io {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for the results holds something else.
    #[error("{path} exists and holds no results of this program; it is left as it is", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The results would lie outside the folder for results.
    #[error("{reason}; nothing is written there")]
    Outside {
        /// Where they would lie.
        reason: String,
    },
    /// A result could not be encoded.
    #[error("cannot encode {file}: {reason}")]
    Encode {
        /// Name of the file in the result folder.
        file: String,
        /// What the encoder said.
        reason: String,
    },
    /// The history of the eye could not be read or written.
    #[error("{reason}")]
    History {
        /// Stable code of the error.
        code: &'static str,
        /// The error in words.
        reason: String,
    },
}

impl OutputError {
    /// A code that stays the same across versions.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "E-OUT-FULL",
            Self::Denied { .. } => "E-OUT-DENIED",
            Self::Io { .. } => "E-OUT-IO",
            Self::Foreign { .. } => "E-OUT-FOREIGN",
            Self::Outside { .. } => "E-OUT-OUTSIDE",
            Self::Encode { .. } => "E-OUT-ENCODE",
            Self::History { code, .. } => code,
        }
    }

    /// Whether another try may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Denied { .. } | Self::Io { .. } | Self::History { .. })
    }

    pub fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            _ if Outside::caused(&source) => Self::Outside { reason: source.to_string() },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Denied { path },
            _ => Self::Io { path, source },
        }
    }
}
