//! Errors of the ledger.

use std::path::PathBuf;

use octrls_core::ErrorCode;

use super::schema::VERSION;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database cannot be opened, read or written.
    #[error("cannot use the ledger: {0}")]
    Database(rusqlite::Error),
    /// The ledger's file cannot be created or made private.
    #[error("cannot use the ledger: {source}")]
    File {
        /// The system's error.
        source: std::io::Error,
    },
    /// The ledger's file was removed or replaced while it was in use.
    #[error("the ledger {what} while octrls used it; octrls stops, and the next start checks every scan again")]
    Lost {
        /// What happened to the file.
        what: String,
    },
    /// The database is damaged.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The secret key beside the ledger cannot be read or created.
    #[error("cannot use .octrls/follow-up.key in the results folder: {0}")]
    Secret(#[from] std::io::Error),
    /// There is no ledger in the folder.
    #[error("no ledger in {path}; give the results folder of a watcher", path = path.display())]
    Missing {
        /// The results folder.
        path: PathBuf,
    },
    /// A newer version of the program wrote the ledger.
    #[error("the ledger has version {found}, this octrls supports version {VERSION}; use a newer octrls")]
    Newer {
        /// Its version.
        found: i64,
    },
}

// Not by `#[from]`: SQLite's own error repeats the message.
impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl LedgerError {
    /// A stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Database(_) | Self::File { .. } | Self::Damaged(_) => ErrorCode::Ledger,
            Self::Lost { .. } => ErrorCode::LedgerLost,
            Self::Missing { .. } => ErrorCode::LedgerMissing,
            Self::Secret(_) => ErrorCode::LedgerSecret,
            Self::Newer { .. } => ErrorCode::LedgerNewer,
        }
    }

    /// Whether the file is no longer a usable ledger, which no further attempt changes.
    #[must_use]
    pub fn is_final(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Database(error) => matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
            Self::Lost { .. } | Self::Damaged(_) | Self::Newer { .. } => true,
            _ => false,
        }
    }

    /// Whether the disk or the permissions are at fault: it is full, read-only, or answers with errors.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure};
        match self {
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(DiskFull | ReadOnly | SystemIoFailure | CannotOpen | PermissionDenied | OutOfMemory)
            ),
            Self::File { .. } => true,
            _ => false,
        }
    }
}
